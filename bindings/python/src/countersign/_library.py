"""Find libcountersign, load it, and reject an incompatible one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ._abi import ffi as ffi
from ._numbers import ABI_VERSION

if TYPE_CHECKING:
    from ._abi import Library

#: The file's name, with the ABI's major version if the platform uses such names.
FILE_NAME = {"darwin": "libcountersign.0.dylib", "win32": "countersign.dll"}.get(sys.platform, "libcountersign.so.0")


def load() -> Library:
    """Load the library of $COUNTERSIGN_LIBRARY, the one in this package, or the system's."""
    named = os.environ.get("COUNTERSIGN_LIBRARY")
    inside = Path(__file__).parent / FILE_NAME
    place = named or (str(inside) if inside.exists() else FILE_NAME)
    try:
        library = cast("Library", ffi.dlopen(place))
    except OSError as error:
        raise ImportError(
            f"countersign: cannot load {place} ({error}): install the wheel for this platform, install "
            "libcountersign, or set COUNTERSIGN_LIBRARY to the library's path"
        ) from None
    try:
        version = library.csign_abi_version()
    except (AttributeError, ffi.error):  # cffi raises either of them.
        raise ImportError(f"countersign: {place} is not libcountersign: it has no csign_abi_version") from None
    problem = mismatch(version)
    if problem:
        raise ImportError(f"countersign: {place} {problem}")
    return library


def mismatch(found: int, wanted: int = ABI_VERSION) -> str | None:
    """Return why a library with this ABI is incompatible, or None if it is compatible."""
    if found >> 16 == wanted >> 16 and found & 0xFFFF >= wanted & 0xFFFF:
        return None
    return (
        f"has ABI {found >> 16}.{found & 0xFFFF}, but this package needs {wanted >> 16}.{wanted & 0xFFFF} or a later "
        f"{wanted >> 16}.x: install the library and the package of the same release"
    )


lib = load()
