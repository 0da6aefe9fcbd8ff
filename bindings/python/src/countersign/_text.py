"""Text across the border: in as bytes and length, out as a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ._library import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._abi import Pointer

#: Types of outputs, looked up once.
ERROR_OUT = ffi.typeof("csign_error **")
TEXT_OUT = ffi.typeof("csign_text **")
LENGTH_OUT = ffi.typeof("size_t *")
#: Looked up once as well: a token has seven texts and numbers.
NULL = ffi.NULL
string = cast("Callable[[Pointer], bytes]", ffi.string)


def given(text: str) -> tuple[bytes, int]:
    """What a function takes for a text: its bytes and their number."""
    data = text.encode("utf-8")
    return data, len(data)


def borrowed(pointer: Pointer) -> str | None:
    """A copy of a text without a NUL in it that is lent; None for NULL."""
    return string(pointer).decode() if pointer else None


def taken(out: Pointer) -> bytes:
    """A copy of the text in a `csign_text **`, which is wiped and freed."""
    length = ffi.new(LENGTH_OUT)
    try:
        return cast(bytes, ffi.unpack(lib.csign_text_value(out[0], length), length[0]))
    finally:
        lib.csign_text_free(out[0])
