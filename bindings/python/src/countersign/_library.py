"""Finds libcountersign, loads it, and refuses one that this package was not made for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ._abi import ffi as ffi
from ._numbers import ABI_VERSION

if TYPE_CHECKING:
    from ._abi import Library

#: The file's name, which has the ABI's major number in it where the platform has such names.
FILE_NAME = {"darwin": "libcountersign.0.dylib", "win32": "countersign.dll"}.get(sys.platform, "libcountersign.so.0")


def load() -> Library:
    """Loads the library that $COUNTERSIGN_LIBRARY names, else the one in this package, else the system's."""
    named = os.environ.get("COUNTERSIGN_LIBRARY")
    inside = Path(__file__).parent / FILE_NAME
    place = named or (str(inside) if inside.exists() else FILE_NAME)
    try:
        library = cast("Library", ffi.dlopen(place))
    except OSError as error:
        raise ImportError(
            f"countersign: {place} cannot be loaded ({error}): install the wheel made for this platform, install "
            "libcountersign, or name the library in COUNTERSIGN_LIBRARY"
        ) from None
    try:
        version = library.csign_abi_version()
    except (AttributeError, ffi.error):  # cffi raises the one or the other.
        raise ImportError(f"countersign: {place} is not libcountersign: it has no csign_abi_version") from None
    refusal = mismatch(version)
    if refusal:
        raise ImportError(f"countersign: {place} {refusal}")
    return library


def mismatch(found: int, wanted: int = ABI_VERSION) -> str | None:
    """Why a library of this ABI does not do, or None where it does."""
    if found >> 16 == wanted >> 16 and found & 0xFFFF >= wanted & 0xFFFF:
        return None
    return (
        f"has ABI {found >> 16}.{found & 0xFFFF}, and this package needs {wanted >> 16}.{wanted & 0xFFFF} or a later "
        f"{wanted >> 16}.x: install the library and the package of one release"
    )


lib = load()
