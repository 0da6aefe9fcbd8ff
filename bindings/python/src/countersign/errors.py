"""Errors by verdict: what a caller should do is the class of the exception."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Callable

from ._details import ErrorDetails, read_details
from ._library import ffi, lib
from ._numbers import Status, Verdict
from ._text import borrowed

if TYPE_CHECKING:
    from ._abi import Pointer


class Error(ErrorDetails):
    """Why a call failed.

    Every error is of one of the five subclasses, by its verdict. What is not known is None.
    """

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    # Exceptions travel between processes (multiprocessing, concurrent.futures): all fields go along.
    def __reduce__(self) -> tuple[Callable[..., Error], tuple[str]]:
        fields = {name: value for name, value in self.__dict__.items() if name in ErrorDetails.__annotations__}
        message = fields.pop("message")
        return partial(type(self), **fields), (message,)


class RetryError(Error):
    """Try again, after the wait that the error gives, if any: `retry_after_s`."""


class ReauthorizeError(Error):
    """A person must act, at the error's URL if it has one: `url`."""


class FixConfigurationError(Error):
    """A setting is wrong, here or at the vendor; the message names it, and so does `setting`."""


class OutcomeUnknownError(Error):
    """The server may have rotated the refresh token; nothing was sent twice."""


class UnexpectedError(Error):
    """An unreadable response, a signature that does not verify, a wrong call, or a bug."""


CLASSES: dict[int, type[Error]] = {
    Verdict.RETRY: RetryError,
    Verdict.REAUTHORIZE: ReauthorizeError,
    Verdict.FIX_CONFIGURATION: FixConfigurationError,
    Verdict.OUTCOME_UNKNOWN: OutcomeUnknownError,
    Verdict.UNEXPECTED: UnexpectedError,
}


def check(status: int, error: Pointer) -> None:
    """Raises what a call reported; `error` is the `csign_error **` it was given."""
    if status != Status.OK:
        raise failure(status, error)


def failure(status: int, error: Pointer) -> Error:
    """The exception for a status that is not 0. Takes the error object out of `error` and frees it."""
    pointer = error[0]
    if not pointer:
        return UnexpectedError(f"libcountersign failed with {borrowed(lib.csign_status_name(status))}", status=status)
    error[0] = ffi.NULL
    try:
        return read(pointer)
    finally:
        lib.csign_error_free(pointer)


def read(pointer: Pointer) -> Error:
    made = CLASSES.get(lib.csign_error_verdict(pointer), UnexpectedError)(**read_details(pointer))
    cause = lib.csign_error_cause(pointer)
    if cause:
        # What a callback raised; it is the library's as long as the error is.
        made.__cause__ = ffi.from_handle(cause)
    return made


def usage(message: str, hint: str) -> Error:
    """The exception for a call that the library never sees."""
    return UnexpectedError(message, status=Status.BAD_ARGUMENT, kind="usage", hint=hint)
