"""Strings to and from the library: passed as bytes and length, returned as copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ._library import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import IntEnum

    from ._abi import Pointer

#: Output types, looked up once.
ERROR_OUT = ffi.typeof("csign_error **")
TEXT_OUT = ffi.typeof("csign_text **")
LENGTH_OUT = ffi.typeof("size_t *")
#: Also looked up once, because reading a token takes seven calls.
NULL = ffi.NULL
string = cast("Callable[[Pointer], bytes]", ffi.string)


def given(text: str) -> tuple[bytes, int]:
    """Return the bytes and the length of a string, to pass to a function."""
    data = text.encode("utf-8")
    return data, len(data)


def borrowed(pointer: Pointer) -> str | None:
    """Copy a borrowed, NUL-terminated string. NULL becomes None."""
    return string(pointer).decode() if pointer else None


def taken(out: Pointer) -> bytes:
    """Copy the text of a `csign_text **`, then wipe and free it."""
    try:
        return copied(out[0])
    finally:
        lib.csign_text_free(out[0])


def copied(text: Pointer) -> bytes:
    """Copy a text that the library still owns."""
    length = ffi.new(LENGTH_OUT)
    return cast(bytes, ffi.unpack(lib.csign_text_value(text, length), length[0]))


def word(numbers: type[IntEnum], number: int, other: str = "unknown") -> str:
    """Return the word for a number, or `other` for a number that only a later library has."""
    return numbers(number).name.lower() if number in set(numbers) else other
