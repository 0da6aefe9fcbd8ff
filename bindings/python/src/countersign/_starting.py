"""Calls that the library starts: each result arrives in a future, and no thread waits for it."""

from __future__ import annotations

import os
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._callbacks import address, complain
from ._errors import check
from ._library import ffi, lib
from ._text import ERROR_OUT

if TYPE_CHECKING:
    from ._abi import Pointer

T = TypeVar("T")

#: The user_data of the calls in progress.
STARTED: dict[int, Pointer] = {}

if hasattr(os, "register_at_fork"):
    # The library calls back in the parent only.
    os.register_at_fork(after_in_child=STARTED.clear)


class Call(Future[T]):
    """A call in progress. Cancelling it ends the wait in the library. A request in flight continues."""

    def __init__(self, read: Callable[[Pointer], T]) -> None:
        super().__init__()
        self.read = read
        out, error = ffi.new("csign_cancel **"), ffi.new(ERROR_OUT)
        check(lib.csign_cancel_new(out, error), error)
        self.signal = ffi.gc(out[0], lib.csign_cancel_free)

    def cancel(self) -> bool:
        lib.csign_cancel_set(self.signal)
        return super().cancel()

    def end(self, result: Pointer) -> None:
        if not self.set_running_or_notify_cancel():
            return
        try:
            value = self.read(result)
        except BaseException as raised:
            self.set_exception(raised)
        else:
            self.set_result(value)


def start(
    function: Callable[..., int], *arguments: Any, read: Callable[[Pointer], T], min_valid_ms: int = 0
) -> Call[T]:
    """Start a call. `read` reads its result, on the library's thread."""
    call = Call(read)
    options: Any = ffi.new("csign_call_options *")
    options.size = ffi.sizeof("csign_call_options")
    options.min_valid_ms = min_valid_ms
    options.cancel = call.signal
    user_data, error = ffi.new_handle(call), ffi.new(ERROR_OUT)
    STARTED[address(user_data)] = user_data
    status = function(*arguments, options, DONE, user_data, error)
    if status:
        del STARTED[address(user_data)]
        check(status, error)
    return call


def cancel_all() -> None:
    """Cancel the calls in progress, because a thread of the library must not call Python at its end."""
    for user_data in list(STARTED.values()):
        ffi.from_handle(user_data).cancel()


@ffi.callback("void(void *, csign_result *)", onerror=complain)
def DONE(user_data: Pointer, result: Pointer) -> None:
    kept = STARTED[address(user_data)]
    try:
        ffi.from_handle(kept).end(result)
    finally:
        lib.csign_result_free(result)
        # Last, because the end of the process waits for it.
        del STARTED[address(user_data)]
