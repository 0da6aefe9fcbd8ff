"""Errors. The class of an exception is its verdict: what to do about it."""

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
    """The base class of the library's errors.

    Every error is an instance of one of the five subclasses, by its verdict. Unknown attributes are
    None.
    """

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later, after `retry_after_s` if that is not None."""
        return self.verdict == "retry"

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    # Keep all fields when an exception is pickled (multiprocessing, concurrent.futures).
    def __reduce__(self) -> tuple[Callable[..., Error], tuple[str]]:
        fields = {name: value for name, value in self.__dict__.items() if name in ErrorDetails.__annotations__}
        message = fields.pop("message")
        return partial(type(self), **fields), (message,)


class RetryError(Error):
    """Try again, after the wait that the error gives, if any: `retry_after_s`."""


class TimedOutError(RetryError, TimeoutError):
    """A call timed out. The request continues, and a later call gets its result."""


class ReauthorizeError(Error):
    """A person must act, at the error's URL if it has one: `url`."""


class FixConfigurationError(Error):
    """A setting is wrong, here or at the vendor; the message names it."""


class OutcomeUnknownError(Error):
    """The server may have rotated the refresh token; nothing was sent twice."""


class UnexpectedError(Error):
    """An unreadable response, a signature that does not verify, a wrong call, or a bug."""


class VerificationError(UnexpectedError):
    """A signed token does not verify. It may be forged: don't trust it."""


class UsageError(UnexpectedError):
    """The program called the API incorrectly."""


class ClosedError(UsageError, RuntimeError):
    """The client is closed."""


CLASSES: dict[int, type[Error]] = {
    Verdict.RETRY: RetryError,
    Verdict.REAUTHORIZE: ReauthorizeError,
    Verdict.FIX_CONFIGURATION: FixConfigurationError,
    Verdict.OUTCOME_UNKNOWN: OutcomeUnknownError,
    Verdict.UNEXPECTED: UnexpectedError,
}


def check(status: int, error: Pointer) -> None:
    """Raise a call's error, if it failed. `error` is the `csign_error **` of the call."""
    if status != Status.OK:
        raise failure(status, error)


def failure(status: int, error: Pointer) -> Error:
    """Return the exception for a failed call, and free the library's error."""
    pointer = error[0]
    if not pointer:
        return UnexpectedError(f"libcountersign failed with {borrowed(lib.csign_status_name(status))}", _status=status)
    error[0] = ffi.NULL
    try:
        return read(pointer)
    finally:
        lib.csign_error_free(pointer)


def read(pointer: Pointer) -> Error:
    details = read_details(pointer)
    made = class_of(lib.csign_error_verdict(pointer), details["kind"], details["_status"])(**details)
    cause = lib.csign_error_cause(pointer)
    if cause:
        # The exception of a callback. The library keeps it as long as the error.
        made.__cause__ = ffi.from_handle(cause)
    return made


def class_of(verdict: int, kind: str, status: int) -> type[Error]:
    """Return the most specific class."""
    if status == Status.CLOSED:
        return ClosedError
    specific = {"usage": UsageError, "verification": VerificationError}
    return specific.get(kind) or CLASSES.get(verdict, UnexpectedError)


def usage(message: str, hint: str) -> Error:
    """Return the exception for a wrong call that this package detects."""
    return UsageError(message, _status=Status.BAD_ARGUMENT, kind="usage", hint=hint)


def timed_out(timeout: float) -> Error:
    """Return the exception for a call that timed out."""
    return TimedOutError(
        f"the call did not end within its timeout of {timeout:g} s",
        verdict="retry",
        kind="timeout",
        hint="call again later: the request goes on, and its result is kept",
        _status=Status.TIMEOUT,
    )
