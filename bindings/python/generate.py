"""Compile abi.h, which `cargo xtask codegen` writes, to a module for cffi.

    python generate.py           writes the module
    python generate.py --check   fails if the module is not up to date

Requires cffi in the version of requirements-dev.txt.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import cffi

HERE = Path(__file__).parent
MODULE = HERE / "src" / "countersign" / "_abi.py"


def main(arguments: list[str]) -> int:
    text = compiled((HERE / "abi.h").read_text("utf-8"))
    if "--check" not in arguments:
        MODULE.write_text(text, "utf-8")
    elif MODULE.read_text("utf-8") != text:
        print(f"{MODULE.name} is not up to date: run `python generate.py`", file=sys.stderr)
        return 1
    return 0


def compiled(declarations: str) -> str:
    """Return the source of the module, which cffi imports without parsing abi.h."""
    builder = cffi.FFI()
    builder.set_source("countersign._abi", None)
    builder.cdef(declarations)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODULE.name
        with contextlib.redirect_stdout(None):  # It prints the path that it writes to.
            builder.emit_python_code(str(path))
        return f"# Generated from abi.h by `python generate.py`; do not edit.\n{path.read_text('utf-8')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
