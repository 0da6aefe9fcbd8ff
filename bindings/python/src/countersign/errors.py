"""Errors by verdict: what a caller should do is the class of the exception."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from ._library import ffi, lib
from ._numbers import Status, Verdict
from ._text import borrowed

if TYPE_CHECKING:
    from ._abi import Pointer


class Error(Exception):
    """Why a call failed. No secret is in it.

    Every error is of one of the five subclasses, by its verdict. What is not known is None.
    """

    #: What happened, as a number of countersign.h (`Status`); later libraries may have others.
    status: int
    #: What happened, as a word: "consent_required", "throttled"; "usage" where the call itself was wrong.
    kind: str
    #: What to do: "retry", "reauthorize", "fix_configuration", "outcome_unknown" or "unexpected".
    verdict: str
    #: One sentence on what happened.
    message: str
    #: One sentence on what to do about it.
    hint: str | None
    #: The setting to look at.
    setting: str | None
    #: The HTTP status of the server's answer.
    http_status: int | None
    #: The server's `error` (RFC 6749 section 5.2).
    oauth_error: str | None
    #: The server's `error_description`, with secrets taken out.
    oauth_description: str | None
    #: How long to wait before trying again, in seconds.
    retry_after_s: float | None
    #: The URL that a person should open, such as one for consent. An error that asks for a login has none:
    #: `Client.start_login` begins one.
    url: str | None
    #: The vendor's trace id of the failed request, for its support desk.
    trace_id: str | None
    #: The provider that the error concerns.
    provider: str | None

    def __init__(
        self,
        message: str,
        *,
        status: int = Status.INTERNAL,
        kind: str = "internal",
        verdict: str = "unexpected",
        hint: str | None = None,
        setting: str | None = None,
        http_status: int | None = None,
        oauth_error: str | None = None,
        oauth_description: str | None = None,
        retry_after_s: float | None = None,
        url: str | None = None,
        trace_id: str | None = None,
        provider: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.verdict = verdict
        self.message = message
        self.hint = hint
        self.setting = setting
        self.http_status = http_status
        self.oauth_error = oauth_error
        self.oauth_description = oauth_description
        self.retry_after_s = retry_after_s
        self.url = url
        self.trace_id = trace_id
        self.provider = provider

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    # Exceptions travel between processes (multiprocessing, concurrent.futures): all fields go along.
    def __reduce__(self) -> tuple[Callable[..., Error], tuple[str]]:
        fields = {name: value for name, value in self.__dict__.items() if name in Error.__annotations__}
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
    def text(field: Callable[[Any, Any], Pointer]) -> str | None:
        return borrowed(field(pointer, ffi.NULL))

    verdict = lib.csign_error_verdict(pointer)
    retry_after_ms = lib.csign_error_retry_after_ms(pointer)
    status = lib.csign_error_status(pointer)
    made = CLASSES.get(verdict, UnexpectedError)(
        text(lib.csign_error_message) or "",
        status=Status(status) if status in set(Status) else status,
        kind=text(lib.csign_error_kind) or "",
        verdict=borrowed(lib.csign_verdict_name(verdict)) or "",
        hint=text(lib.csign_error_hint),
        setting=text(lib.csign_error_setting),
        http_status=lib.csign_error_http_status(pointer) or None,
        oauth_error=text(lib.csign_error_oauth_error),
        oauth_description=text(lib.csign_error_oauth_description),
        retry_after_s=None if retry_after_ms < 0 else retry_after_ms / 1000,
        url=text(lib.csign_error_url),
        trace_id=text(lib.csign_error_trace_id),
        provider=text(lib.csign_error_provider),
    )
    cause = lib.csign_error_cause(pointer)
    if cause:
        # What a callback raised; it is the library's as long as the error is.
        made.__cause__ = ffi.from_handle(cause)
    return made


def usage(message: str, hint: str) -> Error:
    """The exception for a call that the library never sees."""
    return UnexpectedError(message, status=Status.BAD_ARGUMENT, kind="usage", hint=hint)
