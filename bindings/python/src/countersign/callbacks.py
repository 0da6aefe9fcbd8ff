"""Callbacks of the host: how a function of Python's is called by the library, on whatever thread.

A callback lives as long as the client or key that it was given to, and is held by that alone: what the library has is
a weak reference. So a client whose listener holds the client is still collected. Nothing is missed by that, because
whoever waits for a request holds the client.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import token as tokens
from ._library import ffi, lib
from ._numbers import Change, LogLevel
from ._text import ERROR_OUT, given
from .errors import check

if TYPE_CHECKING:
    from ._abi import Pointer

#: Takes `"obtained"`, `"rotated"` or `"forgotten"`, and the new token where there is one.
Listener = Callable[[str, Optional[tokens.Token]], None]
#: Tells the time: milliseconds since 1970-01-01 UTC, and milliseconds since the machine started, sleep included.
Clock = Callable[[], "tuple[int, int]"]
#: A logger, or a function that takes the level ("error", "warn", "info", "debug") and the line.
Log = Union[logging.Logger, Callable[[str, str], None]]

#: Where an exception in a clock, log or listener goes: there is no caller to raise it to.
COMPLAINTS = logging.getLogger("countersign")


@dataclass(frozen=True)
class Signer:
    """Signs with a key that the library does not see, in an HSM or a KMS."""

    #: Such as "RS256" or "ES256".
    algorithm: str
    #: Signs the whole message, not its hash. Gives the signature as RFC 7518 has it, or ECDSA in DER. May be called on
    #: any thread and concurrently; must not call the client.
    sign: Callable[[bytes], bytes]
    #: The `kid` of assertions.
    key_id: str = ""


class Host:
    """What a client or key was given, held by it and called by the library."""

    __slots__ = ("__weakref__", "call")

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


def set_signer(config: Pointer, signer: Signer) -> Host:
    host, user_data = lent(signer.sign)
    error = ffi.new(ERROR_OUT)
    algorithm, key_id = given(signer.algorithm), given(signer.key_id)
    check(lib.csign_config_set_signer(config, *algorithm, *key_id, SIGN, user_data, DESTROY, error), error)
    return host


def set_log(function: Callable[..., int], taker: Pointer, log: Log, level: str) -> Host:
    most = getattr(LogLevel, level.upper(), None)
    if most is None:
        raise ValueError(f"log_level is {level!r}: write error, warn, info or debug")
    host, user_data = lent(to_logger(log) if isinstance(log, logging.Logger) else log)
    error = ffi.new(ERROR_OUT)
    check(function(taker, most, LOG, user_data, DESTROY, error), error)
    return host


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
    """A host for a callback, and the user_data by which the library finds it."""
    host = Host(call)
    user_data = ffi.new_handle(weakref.ref(host))
    KEPT[address(user_data)] = user_data
    return host, user_data


@contextmanager
def lent_to_login(host: Host) -> Iterator[Pointer]:
    """The user_data of a callback that is called during one call only, which has no destroy."""
    yield ffi.new_handle(weakref.ref(host))


def address(user_data: Pointer) -> int:
    return int(ffi.cast("uintptr_t", user_data))


def found(user_data: Pointer) -> Host | None:
    reference: weakref.ref[Host] = ffi.from_handle(user_data)
    return reference()


# These are made once and never freed: a thread of the library may be inside one whenever something else ends. Where
# one raises, `error` is returned to the library, and cffi hands the exception to `onerror`.


def complain(_kind: Any, raised: BaseException, _traceback: Any) -> None:
    COMPLAINTS.error("a callback raised", exc_info=raised)


@ffi.callback("void(void *)", onerror=complain)
def DESTROY(user_data: Pointer) -> None:
    KEPT.pop(address(user_data), None)


def blame(raised: BaseException) -> None:
    """Makes an exception the cause of the error that the caller of the library gets."""
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
            raise ValueError(f"the signature has {len(signature)} bytes, more than {capacity}")
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
        word = LogLevel(level).name.lower() if level in set(LogLevel) else "debug"
        host.call(word, bytes(ffi.buffer(line, length)).decode("utf-8", "replace"))


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
        word = Change(change).name.lower() if change in set(Change) else "unknown"
        host.call(word, tokens.read(token) if token else None)


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
