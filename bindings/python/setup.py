"""Put libcountersign into the wheel, and set the wheel's platform tag.

The library is taken from $COUNTERSIGN_LIB_DIR. If that is not set, the wheel has no library, is for any
platform, and uses the system's library.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

FILE_NAME = {"darwin": "libcountersign.0.dylib", "win32": "countersign.dll"}.get(sys.platform, "libcountersign.so.0")

# The system libraries that PEP 600 allows a manylinux wheel to need, and that a Rust library may
# use.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"}


def library() -> Path | None:
    folder = os.environ.get("COUNTERSIGN_LIB_DIR")
    if not folder:
        return None
    path = Path(folder) / FILE_NAME
    if not path.exists():
        raise SystemExit(f"COUNTERSIGN_LIB_DIR is {folder}, which has no {FILE_NAME}")
    return path


def platform_tag(path: Path) -> str:
    """Return `manylinux_2_N`, by the newest glibc symbol that the library needs, or this system's tag."""
    own = re.sub(r"[-.]", "_", sysconfig.get_platform())
    if not sys.platform.startswith("linux"):
        return own
    with path.open("rb") as file:
        elf = ELFFile(file)
        dynamic = elf.get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        needed = {tag.needed for tag in dynamic.iter_tags("DT_NEEDED")}  # type: ignore[attr-defined]
        versions = {
            version.name
            for section in elf.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _, versions in section.iter_versions()
            for version in versions
        }
    loader = {name for name in needed if name.startswith("ld-linux")}
    minors = [int(found[1]) for name in versions if (found := re.fullmatch(r"GLIBC_2\.(\d+)(?:\.\d+)?", name))]
    if needed - loader - SYSTEM or not minors:
        return own
    return f"manylinux_2_{max(17, *minors)}_{platform.machine()}"


class BuildWithLibrary(build_py):
    def run(self) -> None:
        super().run()
        found = library()
        if found and not self.editable_mode:
            target = Path(self.build_lib) / "countersign" / FILE_NAME
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, target)


class PlatformWheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        found = library()
        return ("py3", "none", platform_tag(found) if found else "any")


class WithLibrary(Distribution):
    def has_ext_modules(self) -> bool:
        # The package is platform-specific, although there is nothing to compile.
        return library() is not None


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
