"""The client of a connection: it returns the access token and keeps it valid."""

from __future__ import annotations

import atexit
import copy
import functools
import json
import os
import time
import weakref
import webbrowser
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn, TypeVar, cast

from . import _callbacks as callbacks
from . import _token as tokens
from ._config import Config, Value
from ._errors import Error, check, failure
from ._errors import read as read_error
from ._library import ffi, lib
from ._login import LOGIN_OUT, Login
from ._numbers import Counter, Status
from ._numbers import Revocation as RevocationNumber
from ._records import Counts, Event, Forgotten, event, instant
from ._registry import Registry
from ._starting import STARTED, Call, cancel_all, start
from ._text import ERROR_OUT, LENGTH_OUT, TEXT_OUT, copied, given, taken, word
from ._token import Token
from ._waiting import apart, wait

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._abi import Pointer
    from ._settings import Settings
    from ._words import Revocation

T = TypeVar("T")
TOKEN_OUT = ffi.typeof("csign_token **")

#: How long `close` and the exit of the process wait for requests in flight: a little more than the
#: default of timeout_ms.
DRAIN_S = 35.0

#: The clients that are drained when the process exits.
LIVE: weakref.WeakSet[Client] = weakref.WeakSet()


class Client:
    """A client returns a connection's access token and keeps it valid.

    Any number of threads may use one client. At most one token request is in flight among them and
    among the processes that share the connection's store.

    Settings are keyword arguments (`Client(provider="docusign", environment="demo", ...)`), or a
    mapping, which can also have the vendors' own settings (`{"extra.account_id": "..."}`). Calls
    release the GIL and return within five times the setting timeout_ms plus 60 s.

    The client logs to `log`, which defaults to the logger "countersign". The logger's level when
    the client is built decides what is logged. A function gets the levels up to info.

    `name` identifies the connection's tokens in a store. It is required if the store outlives the
    process.

    Raises FixConfigurationError, which names the setting and what to write.

    >>> client = Client(provider="boldsign", environment="us", grant="client-credentials",
    ...                 client_id="my-app", client_secret="s3cret", store="memory")
    >>> client
    <countersign.Client>
    >>> client.counts().minted
    0
    """

    def __init__(
        self,
        settings: Mapping[str, Value] | None = None,
        /,
        *,
        name: str | None = None,
        registry: Registry | None = None,
        signer: callbacks.Signer | None = None,
        clock: callbacks.Clock | None = None,
        log: callbacks.Log | None = None,
        on_change: callbacks.Listener | None = None,
        **more: Unpack[Settings],
    ) -> None:
        config = Config()
        if name is not None:
            config.name(name)
        config.set({**(settings or {}), **more})
        config.host(signer, clock, log, on_change)
        self._open(config, registry, name or "")

    @classmethod
    def load(
        cls,
        name: str,
        path: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Value] | None = None,
        *,
        registry: Registry | None = None,
        signer: callbacks.Signer | None = None,
        clock: callbacks.Clock | None = None,
        log: callbacks.Log | None = None,
        on_change: callbacks.Listener | None = None,
        **more: Unpack[Settings],
    ) -> Client:
        """Build a client for `[connections.NAME]` of a TOML file.

        Settings override the file's. None removes one, such as `private_key=None` if you pass a
        `signer`, which also removes private_key_file and private_key_env.

        `path` defaults to the file that the countersign command reads: $COUNTERSIGN_CONFIG,
        ./countersign.toml, or the one in the user's configuration folder.
        """
        config = Config()
        config.load(name, path)
        config.set({**(settings or {}), **more})
        config.host(signer, clock, log, on_change)
        client = cls.__new__(cls)
        client._open(config, registry, name)
        return client

    def _open(self, config: Config, registry: Registry | None, name: str) -> None:
        out, error = ffi.new("csign_client **"), ffi.new(ERROR_OUT)
        providers = registry._handle if registry is not None else ffi.NULL
        check(lib.csign_client_new(config.handle, providers, out, error), error)
        # Calls in progress also hold this object. close() drops it here, and the last call frees
        # the client.
        self._handle: Pointer | None = ffi.gc(out[0], lib.csign_client_free)
        self._closed: Error | None = None
        self._name = name
        self._hosts = config.hosts
        # Keeps the callback of its plugins alive.
        self._registry = registry
        self._buffers: list[Buffer] = []
        self._last: Held | None = None
        LIVE.add(self)

    def token(self, min_valid_s: float = 0, *, timeout: float | None = None) -> Token:
        """Return a token that is valid for at least `min_valid_s` seconds; 0 means the setting min_valid_s.

        This is the cached token, the stored one, or a new one from a request that concurrent
        callers share.

        Raises one of Error's subclasses, by its verdict, and TimedOutError if there is no token
        within `timeout` seconds. Every call that waits takes a timeout. It ends the wait, not the
        request: a later call gets the result.
        """
        least = milliseconds(min_valid_s)
        if timeout is None:
            return self._token(lib.csign_client_token, least)
        fresh = self._given(lib.csign_client_peek, least)
        if fresh is not None:
            return fresh
        return wait(self._start_token(least), timeout)

    def access_token(self, min_valid_s: float = 0, *, timeout: float | None = None) -> str:
        """Return the access token string. Like `token`, but faster. The string is a secret."""
        if timeout is not None:
            return self.token(min_valid_s, timeout=timeout).access_token
        # _copied, inlined: this is the most frequent call, and each Python call in it is
        # noticeable.
        handle = self._handle
        if handle is None:
            self._raise_closed()
        least = milliseconds(min_valid_s) if min_valid_s else 0
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = Buffer.of(INITIAL_CAPACITY)
        text, capacity, length, error = buffer
        status = copy_token(handle, least, text, capacity, length, error)
        if status == 0:
            token = unpack(text, length[0])
            self._buffers.append(buffer)
            return token.decode()
        if status != BUFFER_TOO_SMALL:
            self._raise(status, error)
        failure(status, error)
        return self._copied(copy_token, least)

    def refresh(self, *, timeout: float | None = None) -> Token:
        """Request a new token now, even if the current one is still valid.

        If that fails and the current token is still valid, return the current one.
        """
        if timeout is None:
            return self._token(lib.csign_client_refresh)
        return wait(self._start_refresh(), timeout)

    def invalidate(self, access_token: str | Token, /) -> None:
        """Report an access token that an API rejected with 401. The client doesn't return it again.

        If the token has been replaced in the meantime, the newer one stays valid. This never waits.
        """
        value = access_token.access_token if isinstance(access_token, Token) else access_token
        self._last = None
        self._call(lib.csign_client_invalidate, *given(value))

    def start_login(self, redirect_uri: str = "") -> Login:
        """Start a login, for programs with their own web server.

        Redirect the browser to `Login.url`, and pass the URL of its callback to `complete_login`.
        `redirect_uri` defaults to the setting. This never waits, so an event loop may call it.
        """
        out, error = ffi.new(LOGIN_OUT), ffi.new(ERROR_OUT)
        self._check(lib.csign_client_start_login(self._used(), *given(redirect_uri), out, error), error)
        return Login._owning(out)

    def complete_login(self, login: Login, callback: str, *, timeout: float | None = None) -> Token:
        """Complete a login: validate the callback, exchange the code once, and store the tokens.

        `callback` is the URL that the browser was redirected to, or just its query.

        Raises ReauthorizeError of kind "callback" if the callback does not belong to this login, or
        if the user denied access.
        """
        if timeout is None:
            return self._token(lib.csign_client_complete_login, login._handle, *given(callback))
        return wait(self._start_complete_login(login, callback), timeout)

    def login(self, open: Callable[[str], Any] = webbrowser.open, *, port: int = 0, timeout: float = 300) -> Token:
        """Run a complete login on this machine (RFC 8252).

        Start a loopback server for the setting redirect_uri, call `open` with the login's URL, and
        wait for the browser's callback. If `port` is 0, the server uses the port of redirect_uri,
        or any. `open` opens or shows the URL. It must not call the client.

        Raises ReauthorizeError of kind "callback" if there was no callback until the timeout, or if
        the user denied access. An exception of `open` is raised as is.
        """
        return self._login_begun(open, port, timeout).result()

    def _login_begun(self, open: Callable[[str], Any], port: int, timeout: float) -> Future[Token]:
        opened = callbacks.Host(open)
        call = functools.partial(self._login, opened, port, milliseconds(timeout))
        # On another thread, because Ctrl-C would not interrupt this one while the library waits. On
        # a daemon thread, because the process need not wait for a login that is not completed.
        return apart(f"{self._name}-login", call, daemon=True)

    def _login(self, opened: callbacks.Host, port: int, timeout_ms: int) -> Token:
        with callbacks.lent_to_login(opened) as user_data:
            try:
                return self._token(lib.csign_client_login, port, timeout_ms, callbacks.OPEN, user_data)
            except Error as error:
                if error.__cause__ is not None:
                    raise error.__cause__ from None
                raise

    def consent_url(self) -> str:
        """Return the URL at which a person consents to the app acting for the user, for a jwt-bearer grant.

        Raises FixConfigurationError if the vendor has no such page, or redirect_uri is not set.
        """
        return self._text(lib.csign_client_consent_url).decode("utf-8")

    def identity(self, *, timeout: float | None = None) -> dict[str, str]:
        """Return the user that the token is for and the API's URL.

        These are the members of the token response, and the vendor's userinfo, which is requested
        once and stored.
        """
        if timeout is None:
            return identity(self._text(lib.csign_client_identity))
        return wait(self._start_identity(), timeout)

    def forget(self, *, force: bool = False, timeout: float | None = None) -> Forgotten:
        """Revoke the grant at the vendor and delete its tokens from memory and the store.

        If the vendor can't be reached or rejects the revocation ("failed"), the tokens stay stored,
        because otherwise nobody could revoke the grant any more. The client doesn't return them,
        and the next call retries the revocation. A login replaces them. With `force`, the tokens
        are deleted even if the vendor did not revoke the grant.
        """
        if timeout is not None:
            return wait(self._start_forget(force), timeout)
        forget = lib.csign_client_force_forget if force else lib.csign_client_forget
        revocation, reason = ffi.new("csign_revocation *"), ffi.new(ERROR_OUT)
        self._last = None
        self._call(forget, revocation, reason)
        try:
            return forgotten(revocation[0], reason[0])
        finally:
            lib.csign_error_free(reason[0])

    def counts(self) -> Counts:
        """Return the client's counters."""
        count, counts = ffi.new("uint64_t *"), []
        for name in Counts._fields:
            self._call(lib.csign_client_count, Counter[name.upper()], count)
            counts.append(int(count[0]))
        return Counts(*counts)

    def events(self, *, timeout: float | None = None) -> list[Event]:
        """Return the recent history of the connection's grant, oldest first.

        It says who refreshed the grant, when, and the result.
        """
        if timeout is None:
            return events(self._text(lib.csign_client_events))
        return wait(self._start_events(), timeout)

    def refresh_token_expires_at(self, *, timeout: float | None = None) -> datetime | None:
        """Return when the stored refresh token expires.

        A person must log in again before then, unless a refresh returns a new one. None if the
        vendor didn't say, or if no refresh token is stored.
        """
        if timeout is not None:
            return wait(self._start_expiry(), timeout)
        seconds = ffi.new("int64_t *")
        self._call(lib.csign_client_refresh_token_expires_at, seconds)
        return expiry(int(seconds[0]))

    def check_saved(self) -> None:
        """Raise the store's error if the last token could not be stored and is only in memory.

        The token isn't lost while the process runs, and each call for a token tries to store it
        again. This never waits.
        """
        self._call(lib.csign_client_check_saved)

    def close(self) -> None:
        """Close the client and wipe its secrets. Threads may still be using it.

        Later calls raise ClosedError, and so do calls that have not sent a request. Wait for a
        request that was sent, so that its result is stored. The client may be closed more than
        once.

        Raises the store's error if a new token could not be stored and is lost.
        """
        handle = self._handle
        if handle is None:
            return
        lib.csign_client_close(handle)
        out, error = ffi.new(TOKEN_OUT), ffi.new(ERROR_OUT)
        # The library's error for later calls.
        self._closed = failure(lib.csign_client_token(handle, 0, out, error), error)
        self._handle = self._last = None
        drained = failure_of(lib.csign_client_drain, handle, milliseconds(DRAIN_S))
        while self._buffers:
            self._buffers.pop().wipe()
        if drained is not None and drained._status not in HARMLESS_AT_CLOSE:
            raise drained

    def drain(self, timeout: float = DRAIN_S) -> None:
        """Wait for requests in flight, and start no new ones. Call it before the process exits.

        Afterwards, the client still returns a cached token. Anything else raises RetryError of kind
        "busy".

        Raises RetryError of kind "busy" if a request is still in flight after the timeout, and the
        store's error if a new token could not be stored.
        """
        self._call(lib.csign_client_drain, milliseconds(timeout))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        name = f" {self._name!r}" if self._name else ""
        return f"<countersign.Client{name}{' closed' if self._handle is None else ''}>"

    def _used(self) -> Pointer:
        handle = self._handle
        if handle is None:
            self._raise_closed()
        return handle

    def _raise_closed(self) -> NoReturn:
        assert self._closed is not None
        raise copy.copy(self._closed)

    def _token(self, function: Callable[..., int], *arguments: Any) -> Token:
        token = self._given(function, *arguments)
        assert token is not None
        return token

    def _given(self, function: Callable[..., int], *arguments: Any) -> Token | None:
        """Return the token from a library function, or None if it returns none without an error."""
        out, error = new(TOKEN_OUT), new(ERROR_OUT)
        status = function(self._used(), *arguments, out, error)
        if status:
            self._raise(status, error)
        pointer, last = out[0], self._last
        if last is not None and last.pointer == pointer:
            free_token(pointer)
            return last.token
        if not pointer:
            return None
        # Owned before it is read, so that it is freed in any case.
        held = ffi.gc(pointer, free_token)
        token = tokens.read(held)
        if token.source == "cache":
            self._last = Held(held, token)
        return token

    def _copied(self, function: Callable[..., int], *arguments: int) -> str:
        """Return an access token string from a library function that copies it."""
        handle = self._handle
        if handle is None:
            self._raise_closed()
        buffers = self._buffers
        # The list is a stack that threads, signal handlers and finalizers share. Each call has its
        # own buffer.
        try:
            buffer = buffers.pop()
        except IndexError:
            buffer = Buffer.of(INITIAL_CAPACITY)
        text, capacity, length, error = buffer
        status = function(handle, *arguments, text, capacity, length, error)
        while status == BUFFER_TOO_SMALL:
            failure(status, error)
            buffer = Buffer.of(length[0] + 1)
            text, capacity, length, error = buffer
            status = function(handle, *arguments, text, capacity, length, error)
        if status:
            self._raise(status, error)
        token = unpack(text, length[0])
        buffers.append(buffer)
        return token.decode()

    def _text(self, function: Callable[..., int]) -> bytes:
        out, error = ffi.new(TEXT_OUT), ffi.new(ERROR_OUT)
        self._check(function(self._used(), out, error), error)
        return taken(out)

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        error = ffi.new(ERROR_OUT)
        self._check(function(self._used(), *arguments, error), error)

    def _check(self, status: int, error: Pointer) -> None:
        if status:
            self._raise(status, error)

    def _raise(self, status: int, error: Pointer) -> NoReturn:
        raised = failure(status, error)
        # A call that close() interrupted fails like a call on a closed client.
        if status == Status.BUSY and self._closed is not None:
            self._raise_closed()
        raise raised

    def _start_token(self, min_valid_ms: int) -> Call[Token]:
        return self._start(lib.csign_client_token_start, read=token_of, min_valid_ms=min_valid_ms)

    def _start_refresh(self) -> Call[Token]:
        return self._start(lib.csign_client_refresh_start, read=token_of)

    def _start_complete_login(self, login: Login, callback: str) -> Call[Token]:
        complete = lib.csign_client_complete_login_start
        return self._start(complete, login._handle, *given(callback), read=token_of)

    def _start_identity(self) -> Call[dict[str, str]]:
        return self._start(lib.csign_client_identity_start, read=lambda result: identity(text_of(result)))

    def _start_forget(self, force: bool) -> Call[Forgotten]:
        self._last = None
        return self._start(
            lib.csign_client_force_forget_start if force else lib.csign_client_forget_start,
            read=lambda result: forgotten(lib.csign_result_revocation(result), lib.csign_result_error(result)),
        )

    def _start_events(self) -> Call[list[Event]]:
        return self._start(lib.csign_client_events_start, read=lambda result: events(text_of(result)))

    def _start_expiry(self) -> Call[datetime | None]:
        return self._start(
            lib.csign_client_refresh_token_expires_at_start,
            read=lambda result: expiry(lib.csign_result_refresh_token_expires_at(result)),
        )

    def _start(
        self, function: Callable[..., int], *arguments: Any, read: Callable[[Pointer], T], min_valid_ms: int = 0
    ) -> Call[T]:
        def checked(result: Pointer) -> T:
            status = lib.csign_result_status(result)
            if status == Status.BUSY and self._closed is not None:
                self._raise_closed()
            if status:
                raise read_error(lib.csign_result_error(result))
            return read(result)

        return start(function, self._used(), *arguments, read=checked, min_valid_ms=min_valid_ms)


def token_of(result: Pointer) -> Token:
    return tokens.read(lib.csign_result_token(result))


def text_of(result: Pointer) -> bytes:
    return copied(lib.csign_result_text(result))


def identity(text: bytes) -> dict[str, str]:
    return cast("dict[str, str]", json.loads(text))


def events(text: bytes) -> list[Event]:
    return [event(each) for each in json.loads(text)]


def expiry(seconds: int) -> datetime | None:
    return None if seconds < 0 else instant(seconds)


def forgotten(revocation: int, reason: Pointer) -> Forgotten:
    outcome = cast("Revocation", word(RevocationNumber, revocation))
    return Forgotten(outcome, read_error(reason) if reason else None)


@atexit.register
def drain_all() -> None:
    """Drain all clients before the process exits, within one time limit."""
    handles = [client._handle for client in LIVE if client._handle is not None]
    for handle in handles:
        failure_of(lib.csign_client_drain, handle, 0)
    end = time.monotonic() + DRAIN_S
    for handle in handles:
        failure_of(lib.csign_client_drain, handle, milliseconds(max(0.0, end - time.monotonic())))
    cancel_all()
    callbacks.settle(end, STARTED)


def failure_of(function: Callable[..., int], *arguments: Any) -> Error | None:
    """Return the error of a call, or None."""
    error = ffi.new(ERROR_OUT)
    status = function(*arguments, error)
    return failure(status, error) if status else None


#: The errors of a drain that `close` ignores, because no token is lost.
HARMLESS_AT_CLOSE = {Status.BUSY, Status.FORKED, Status.REENTERED}
INITIAL_CAPACITY = 4096
# Looked up once, because access to an IntEnum's member takes longer than the call.
BUFFER_TOO_SMALL = int(Status.BUFFER_TOO_SMALL)
new = ffi.new
copy_token = lib.csign_client_copy_token
free_token = lib.csign_token_free
unpack = cast("Callable[[Pointer, int], bytes]", ffi.unpack)


class Held(NamedTuple):
    """The last cached token that was returned.

    While the cached token is unchanged, the library returns the same handle, so the token need not
    be read again. Holding the handle keeps the library from reusing it for another token.
    """

    pointer: Pointer
    token: Token


class Buffer(NamedTuple):
    """Reusable arguments for csign_client_copy_token."""

    text: Pointer
    capacity: int
    length: Pointer
    error: Pointer

    @staticmethod
    def of(capacity: int) -> Buffer:
        return Buffer(ffi.new("char[]", capacity), capacity, ffi.new(LENGTH_OUT), ffi.new(ERROR_OUT))

    def wipe(self) -> None:
        ffi.memmove(self.text, bytes(self.capacity), self.capacity)


def milliseconds(seconds: float) -> int:
    if not 0 <= seconds < 1e12:
        raise ValueError(f"{seconds} is not a valid number of seconds: pass 0 or more")
    return round(seconds * 1000)
