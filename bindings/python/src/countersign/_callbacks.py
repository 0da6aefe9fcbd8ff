"""Callbacks: how the library calls Python functions, on any thread.

A callback lives as long as its client or key, which is its only owner: the library has a weak
reference. So a client is collected even if its listener refers to it. No call is missed, because
whoever waits for a request holds the client.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import _token as tokens
from ._errors import check
from ._library import ffi, lib
from ._numbers import Change as ChangeNumber
from ._numbers import LogLevel as LogLevelNumber
from ._text import ERROR_OUT, given, word
from ._words import Change

if TYPE_CHECKING:
    from ._abi import Pointer

#: Called for each change of the token with `"obtained"`, `"rotated"` or `"forgotten"`, and the new
#: token or None. It is called after the change is stored and before any caller gets the token. It
#: must not call the client.
Listener = Callable[[Change, Optional[tokens.Token]], None]
#: Returns the time: milliseconds since 1970-01-01 UTC, and milliseconds since boot, including
#: sleep. It must not call the client.
Clock = Callable[[], "tuple[int, int]"]
#: A logger, whose level when the client is built decides what is logged, or a function that is
#: called with the level ("error", "warn", "info" or "debug") and the line.
Log = Union[logging.Logger, Callable[[str, str], None]]

#: Logs exceptions of a clock, log or listener, which have no caller to be raised to.
COMPLAINTS = logging.getLogger("countersign")


@dataclass(frozen=True)
class Signer:
    """Signs with a key that stays in an HSM or a KMS."""

    #: The JWS algorithm, such as "RS256" or "ES256".
    algorithm: str
    #: Signs the message, not its hash, and returns the signature in the format of RFC 7518, or in
    #: DER for ECDSA. Any thread may call it, several at the same time. It must not call the client.
    sign: Callable[[bytes], bytes]
    #: The `kid` of assertions.
    key_id: str = ""


class Host:
    """A callback that a client or key owns and the library calls."""

    __slots__ = ("__weakref__", "call")

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


def set_signer(config: Pointer, signer: Signer) -> Host:
    host, user_data = lent(signer.sign)
    error = ffi.new(ERROR_OUT)
    algorithm, key_id = given(signer.algorithm), given(signer.key_id)
    check(lib.csign_config_set_signer(config, *algorithm, *key_id, SIGN, user_data, DESTROY, error), error)
    return host


def set_log(function: Callable[..., int], taker: Pointer, log: Log | None) -> Host | None:
    error = ffi.new(ERROR_OUT)
    if log is None:
        # Shared by all clients and never freed.
        check(function(taker, level_of(COMPLAINTS), LOG, DEFAULT_LOG[1], ffi.NULL, error), error)
        return None
    host, user_data = lent(to_logger(log) if isinstance(log, logging.Logger) else log)
    check(function(taker, level_of(log), LOG, user_data, DESTROY, error), error)
    return host


def level_of(log: Log) -> int:
    """Return the most verbose level to ask the library for, because each line takes the GIL."""
    if not isinstance(log, logging.Logger):
        return LogLevelNumber.INFO
    levels = ((logging.DEBUG, LogLevelNumber.DEBUG), (logging.INFO, LogLevelNumber.INFO))
    enabled = (number for level, number in levels if log.isEnabledFor(level))
    return next(enabled, LogLevelNumber.WARN)


def to_logger(logger: logging.Logger) -> Callable[[str, str], None]:
    levels = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO}
    return lambda level, line: logger.log(levels.get(level, logging.DEBUG), "%s", line)


def set_clock(config: Pointer, clock: Clock) -> Host:
    host, user_data = lent(clock)
    error = ffi.new(ERROR_OUT)
    check(lib.csign_config_set_clock(config, CLOCK, user_data, DESTROY, error), error)
    return host


def set_listener(config: Pointer, listener: Listener) -> Host:
    host, user_data = lent(listener)
    error = ffi.new(ERROR_OUT)
    check(lib.csign_config_set_listener(config, CHANGE, user_data, DESTROY, error), error)
    return host


#: The user_data that the library holds, until it calls destroy.
KEPT: dict[int, Any] = {}


def lent(call: Callable[..., Any]) -> tuple[Host, Pointer]:
    """Return a host for a callback, and the user_data that the library has until it calls destroy."""
    host, user_data = permanent(call)
    KEPT[address(user_data)] = user_data
    return host, user_data


def permanent(call: Callable[..., Any]) -> tuple[Host, Pointer]:
    """Like `lent`, for a callback without a destroy."""
    host = Host(call)
    return host, ffi.new_handle(weakref.ref(host))


DEFAULT_LOG = permanent(to_logger(COMPLAINTS))


def settle(end: float, started: Mapping[int, Any]) -> None:
    """Wait until the library has dropped the callbacks of freed clients and has ended the calls that it
    `started`, or until the time `end`.

    A thread of the library that calls Python while the interpreter ends would abort the process.
    """
    while time.monotonic() < end and (started or any(map(is_ownerless, list(KEPT.values())))):
        time.sleep(0.001)


def is_ownerless(user_data: Pointer) -> bool:
    kept = ffi.from_handle(user_data)
    return isinstance(kept, weakref.ref) and kept() is None


@contextmanager
def lent_to_login(host: Host) -> Iterator[Pointer]:
    """Yield the user_data of a callback that is used during one call only and has no destroy."""
    yield ffi.new_handle(weakref.ref(host))


def address(user_data: Pointer) -> int:
    return int(ffi.cast("uintptr_t", user_data))


def found(user_data: Pointer) -> Host | None:
    reference: weakref.ref[Host] = ffi.from_handle(user_data)
    return reference()


# These are created once and never freed, because a thread of the library may be in one at any time.
# If one raises, cffi returns `error` to the library and passes the exception to `onerror`.


def complain(_kind: Any, raised: BaseException, _traceback: Any) -> None:
    COMPLAINTS.error("a callback raised", exc_info=raised)


@ffi.callback("void(void *)", onerror=complain)
def DESTROY(user_data: Pointer) -> None:
    KEPT.pop(address(user_data), None)


def blame(raised: BaseException) -> None:
    """Attach an exception to the error that the library returns to its caller."""
    cause = ffi.new_handle(raised)
    KEPT[address(cause)] = cause
    lib.csign_callback_set_cause(cause, DESTROY)


@ffi.callback("int32_t(void *, const uint8_t *, size_t, uint8_t *, size_t, size_t *)", error=1, onerror=complain)
def SIGN(user_data: Pointer, message: Pointer, length: int, out: Pointer, capacity: int, written: Pointer) -> int:
    host = found(user_data)
    if host is None:
        return 1
    try:
        signature = bytes(host.call(bytes(ffi.buffer(message, length))))
        if len(signature) > capacity:
            raise ValueError(f"the signature has {len(signature)} bytes, but the maximum is {capacity}")
    except Exception as raised:
        blame(raised)
        return 1
    ffi.memmove(out, signature, len(signature))
    written[0] = len(signature)
    return 0


@ffi.callback("void(void *, csign_log_level, const char *, size_t)", onerror=complain)
def LOG(user_data: Pointer, level: int, line: Pointer, length: int) -> None:
    host = found(user_data)
    if host is not None:
        text = bytes(ffi.buffer(line, length)).decode("utf-8", "replace")
        host.call(word(LogLevelNumber, level, "debug"), text)


@ffi.callback("int32_t(void *, int64_t *, uint64_t *)", error=1, onerror=complain)
def CLOCK(user_data: Pointer, unix_ms: Pointer, boot_ms: Pointer) -> int:
    host = found(user_data)
    if host is None:
        return 1
    unix_ms[0], boot_ms[0] = host.call()
    return 0


@ffi.callback("void(void *, csign_change, const csign_token *)", onerror=complain)
def CHANGE(user_data: Pointer, change: int, token: Pointer) -> None:
    host = found(user_data)
    if host is not None:
        host.call(word(ChangeNumber, change), tokens.read(token) if token else None)


@ffi.callback("int32_t(void *, const char *, size_t)", error=1, onerror=complain)
def OPEN(user_data: Pointer, url: Pointer, length: int) -> int:
    host = found(user_data)
    if host is None:
        return 1
    try:
        shown = host.call(bytes(ffi.buffer(url, length)).decode("utf-8"))
    except Exception as raised:
        blame(raised)
        return 1
    return 1 if shown is False else 0
