"""A connection's client: hands out its token and keeps it valid."""

from __future__ import annotations

import asyncio
import atexit
import copy
import functools
import json
import os
import threading
import time
import weakref
import webbrowser
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn, TypeVar, cast

from . import callbacks
from . import token as tokens
from ._library import ffi, lib
from ._numbers import Counter, Revocation, Status
from ._text import ERROR_OUT, LENGTH_OUT, TEXT_OUT, given, taken
from .config import Config, Value
from .errors import Error, check, failure, read
from .login import LOGIN_OUT, Login
from .registry import Registry
from .token import Token

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._abi import Pointer
    from ._settings import Settings

T = TypeVar("T")
TOKEN_OUT = ffi.typeof("csign_token **")

#: How many threads of a client wait for the library on behalf of asyncio; further calls queue behind them.
ASYNC_THREADS = 4

#: How long `close`, and the end of the process, wait for requests under way: the default of timeout_ms and a bit.
DRAIN_S = 35.0

#: What the end of the process drains.
LIVE: weakref.WeakSet[Client] = weakref.WeakSet()


class Forgotten(NamedTuple):
    """What became of a token at the vendor when its connection was forgotten."""

    #: "revoked", "not_offered" (the vendor has no revocation), "nothing_held" or "failed".
    revocation: str
    #: Why, with "failed".
    reason: Error | None


class Client:
    """A connection's client. Any number of threads may use one; at most one request is under way, whoever asks.

    Settings are given by name (`Client(provider="docusign", environment="demo", ...)`), or as a mapping, which can also
    have the vendors' own (`{"extra.account_id": "..."}`). Calls block without holding the GIL until there is a token or
    an error, at most for five times the setting timeout_ms plus 60 s.

    A `name` is needed if the `store` outlives the process: it tells whose the tokens in it are.

    Raises FixConfigurationError, naming the setting and what to write.

    >>> client = Client(provider="boldsign", environment="us", grant="client-credentials",
    ...                 client_id="my-app", client_secret="s3cret", store="memory")
    >>> client
    <countersign.Client>
    >>> client.counts()["minted"]
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
        log_level: str = "info",
        on_change: callbacks.Listener | None = None,
        **more: Unpack[Settings],
    ) -> None:
        config = Config()
        if name is not None:
            config.name(name)
        config.set({**(settings or {}), **more})
        config.host(signer, clock, log, log_level, on_change)
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
        log_level: str = "info",
        on_change: callbacks.Listener | None = None,
        **more: Unpack[Settings],
    ) -> Client:
        """A client of `[connections.NAME]` in a TOML file. Settings given here replace the file's, and None takes one
        away: `private_key=None` beside a `signer`, in whichever form the file has the key.

        Without a `path`, the file is looked for where the command looks: $COUNTERSIGN_CONFIG, ./countersign.toml, the
        user's configuration folder.
        """
        config = Config()
        config.load(name, path)
        config.set({**(settings or {}), **more})
        config.host(signer, clock, log, log_level, on_change)
        client = cls.__new__(cls)
        client._open(config, registry, name)
        return client

    def _open(self, config: Config, registry: Registry | None, name: str) -> None:
        out, error = ffi.new("csign_client **"), ffi.new(ERROR_OUT)
        providers = registry._handle if registry is not None else ffi.NULL
        check(lib.csign_client_new(config.handle, providers, out, error), error)
        # A call in progress holds this object too: close() drops it here, and the last one out frees the client.
        self._handle: Pointer | None = ffi.gc(out[0], lib.csign_client_free)
        self._closed: Error | None = None
        self._name = name
        self._hosts = config.hosts
        # What is lent to its plugins lives as long.
        self._registry = registry
        self._buffers: list[Buffer] = []
        self._last: Held | None = None
        self._threads: tuple[int, ThreadPoolExecutor] | None = None
        LIVE.add(self)

    def token(self, min_valid_s: float = 0) -> Token:
        """A token that is valid for at least so many seconds, where the vendor gives such tokens; 0 is the setting
        min_valid_s. From memory, from the store, or by one request that all callers share.

        Raises one of Error's subclasses, by what is to be done.
        """
        return self._token(lib.csign_client_token, milliseconds(min_valid_s))

    def access_token(self, min_valid_s: float = 0) -> str:
        """As `token`, but the bare access token only, and quicker. A secret."""
        # As _copied, spelled out: this is the call that programs make most, and each call of Python's in it is felt.
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

    async def token_async(self, min_valid_s: float = 0) -> Token:
        """As `token`, for asyncio: what is in memory is given at once, anything else is waited for on another thread.

        A task that is cancelled ends at once; the call goes on in the library, and the next caller gets what it brings.
        """
        fresh = self._given(lib.csign_client_peek, milliseconds(min_valid_s))
        return await self._on_thread(self.token, min_valid_s) if fresh is None else fresh

    async def access_token_async(self, min_valid_s: float = 0) -> str:
        """As `access_token`, for asyncio; see `token_async`."""
        if min_valid_s:
            return (await self.token_async(min_valid_s)).value
        return self._copied(lib.csign_client_peek_token) or await self._on_thread(self.access_token)

    def refresh(self) -> Token:
        """A token asked for now, even though there may be a valid one. Where that fails and the old token is still
        valid, that one is given.
        """
        return self._token(lib.csign_client_refresh)

    async def refresh_async(self) -> Token:
        """As `refresh`, for asyncio; see `token_async`."""
        return await self._on_thread(self.refresh)

    def invalidate(self, access_token: str | Token) -> None:
        """Tells the client that an API refused this access token (401): it is not handed out again. A token that has
        been replaced meanwhile does not take the newer one along.
        """
        value = access_token.value if isinstance(access_token, Token) else access_token
        error = ffi.new(ERROR_OUT)
        self._last = None
        self._check(lib.csign_client_invalidate(self._used(), *given(value), error), error)

    async def invalidate_async(self, access_token: str | Token) -> None:
        """As `invalidate`, for asyncio: the store may be a network away."""
        await self._on_thread(self.invalidate, access_token)

    def start_login(self, redirect_uri: str = "") -> Login:
        """Begins a login, for a host with a web server of its own: send the browser to `Login.url`, and hand the URL
        that it comes back to to `complete_login`. Empty is the setting redirect_uri. Never waits: an event loop may
        call it.
        """
        out, error = ffi.new(LOGIN_OUT), ffi.new(ERROR_OUT)
        self._check(lib.csign_client_start_login(self._used(), *given(redirect_uri), out, error), error)
        return Login._owning(out)

    def complete_login(self, login: Login, callback: str) -> Token:
        """Ends a login: checks the callback (the URL that the browser came back to, or its query alone), exchanges the
        code once, and keeps what that brings.

        Raises ReauthorizeError of kind "callback" where the answer is not this login's, or the person said no.
        """
        return self._token(lib.csign_client_complete_login, login._handle, *given(callback))

    async def complete_login_async(self, login: Login, callback: str) -> Token:
        """As `complete_login`, for asyncio: for the route that the browser comes back to."""
        return await self._on_thread(self.complete_login, login, callback)

    def login(self, open: Callable[[str], Any] = webbrowser.open, *, port: int = 0, timeout_s: float = 300) -> Token:
        """A whole login on this machine (RFC 8252): listens on the loopback address of the setting redirect_uri, has
        `open` show the URL to a person, and waits for the browser to come back.

        Raises ReauthorizeError of kind "callback" where nobody came back, or the person said no, and what `open`
        raises.
        """
        return self._login_begun(open, port, timeout_s).result()

    async def login_async(
        self, open: Callable[[str], Any] = webbrowser.open, *, port: int = 0, timeout_s: float = 300
    ) -> Token:
        """As `login`, for asyncio; `open` is called on another thread."""
        return await asyncio.wrap_future(self._login_begun(open, port, timeout_s))

    def _login_begun(self, open: Callable[[str], Any], port: int, timeout_s: float) -> Future[Token]:
        opened = callbacks.Host(open)
        timeout_ms = milliseconds(timeout_s)
        waiting: Future[Token] = Future()

        def wait() -> None:
            if not waiting.set_running_or_notify_cancel():
                return
            try:
                waiting.set_result(self._login(opened, port, timeout_ms))
            except BaseException as raised:
                waiting.set_exception(raised)

        # Not on this thread: while the library waits, Ctrl-C would not be seen here. And on one that a process which
        # ends does not wait for: nothing is lost with a login that nobody answers.
        threading.Thread(target=wait, name=f"countersign-{self._name}-login", daemon=True).start()
        return waiting

    def _login(self, opened: callbacks.Host, port: int, timeout_ms: int) -> Token:
        with callbacks.lent_to_login(opened) as user_data:
            try:
                return self._token(lib.csign_client_login, port, timeout_ms, callbacks.OPEN, user_data)
            except Error as error:
                if error.__cause__ is not None:
                    raise error.__cause__ from None
                raise

    def consent_url(self) -> str:
        """Where a person consents to the app acting for its user, ahead of a jwt-bearer grant.

        Raises FixConfigurationError where the vendor has no such page or redirect_uri is not set.
        """
        return self._text(lib.csign_client_consent_url).decode("utf-8")

    def identity(self) -> dict[str, str]:
        """Whom the token stands for and where its API is: what came with the token and, asked for once and kept, the
        vendor's userinfo.
        """
        return cast("dict[str, str]", json.loads(self._text(lib.csign_client_identity)))

    async def identity_async(self) -> dict[str, str]:
        """As `identity`, for asyncio."""
        return await self._on_thread(self.identity)

    def forget(self, *, force: bool = False) -> Forgotten:
        """Revokes the token at the vendor and forgets it here, in memory and in the store.

        If the vendor cannot be reached or refuses (`failed`), the token is kept, because a grant that nobody can revoke
        any more would live on. It is not handed out, and the next call tries the revocation again. A login replaces it.
        With `force`, the token is forgotten here even then.
        """
        forget = lib.csign_client_force_forget if force else lib.csign_client_forget
        revocation, reason = ffi.new("csign_revocation *"), ffi.new(ERROR_OUT)
        error = ffi.new(ERROR_OUT)
        self._last = None
        self._check(forget(self._used(), revocation, reason, error), error)
        word = Revocation(revocation[0]).name.lower() if revocation[0] in set(Revocation) else "unknown"
        if not reason[0]:
            return Forgotten(word, None)
        try:
            return Forgotten(word, read(reason[0]))
        finally:
            lib.csign_error_free(reason[0])

    async def forget_async(self, *, force: bool = False) -> Forgotten:
        """As `forget`, for asyncio."""
        return await self._on_thread(self.forget, force=force)

    def counts(self) -> dict[str, int]:
        """How often something happened since the client was made: `hits` (tokens from memory, other than by
        `access_token`), `adopted` (from the store), `minted`, `refreshed`, `waits` and `failures`.
        """
        handle, count, error = self._used(), ffi.new("uint64_t *"), ffi.new(ERROR_OUT)
        counts = {}
        for counter in Counter:
            self._check(lib.csign_client_count(handle, counter, count, error), error)
            counts[counter.name.lower()] = int(count[0])
        return counts

    def events(self) -> list[dict[str, Any]]:
        """The last events in the life of the connection's grant, oldest first, without a token in them: who refreshed
        when, and how it ended.
        """
        return cast("list[dict[str, Any]]", json.loads(self._text(lib.csign_client_events)))

    async def events_async(self) -> list[dict[str, Any]]:
        """As `events`, for asyncio: the store may be a network away."""
        return await self._on_thread(self.events)

    def refresh_token_expires_at(self) -> int | None:
        """When the stored refresh token expires, in seconds since 1970: a person must log in again before then, unless
        a refresh brings another one. None if the vendor did not say, or if no refresh token is stored.
        """
        seconds, error = ffi.new("int64_t *"), ffi.new(ERROR_OUT)
        self._check(lib.csign_client_refresh_token_expires_at(self._used(), seconds, error), error)
        return None if seconds[0] < 0 else int(seconds[0])

    async def refresh_token_expires_at_async(self) -> int | None:
        """As `refresh_token_expires_at`, for asyncio: the store may be a network away."""
        return await self._on_thread(self.refresh_token_expires_at)

    def check_saved(self) -> None:
        """Whether all that was got is stored: raises the reason why the last token is in memory only. Nothing is lost
        while the process runs, and each call for a token tries to store it again.
        """
        error = ffi.new(ERROR_OUT)
        self._check(lib.csign_client_check_saved(self._used(), error), error)

    async def check_saved_async(self) -> None:
        """As `check_saved`, for asyncio."""
        await self._on_thread(self.check_saved)

    def close(self) -> None:
        """Closes the client, also while threads use it: later calls raise UnexpectedError with `status` CLOSED. Waits
        for a request that has been sent, so that what it brings is stored; a call that has not sent its request ends
        as a later one does. Closing again does nothing.

        Raises what the store raises if a new token is in memory only and so is lost.
        """
        handle = self._handle
        if handle is None:
            return
        lib.csign_client_close(handle)
        out, error = ffi.new(TOKEN_OUT), ffi.new(ERROR_OUT)
        # The library's own words for it, for those who come later.
        self._closed = failure(lib.csign_client_token(handle, 0, out, error), error)
        self._handle = self._last = None
        drained = failure_of(lib.csign_client_drain, handle, milliseconds(DRAIN_S))
        if self._threads is not None and self._threads[0] == os.getpid():
            self._threads[1].shutdown(wait=False)
        while self._buffers:
            self._buffers.pop().wipe()
        if drained is not None and drained.status not in HARMLESS_AT_CLOSE:
            raise drained

    async def close_async(self) -> None:
        """As `close`, for asyncio."""
        await self._apart("close", self.close)

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Waits for the requests that are under way, for at most so long, and starts no new one from now on: for a
        process that is about to end. Cached tokens are handed out as before; anything else raises RetryError of kind
        "busy".

        Raises RetryError of kind "busy" if a request is still under way, and what the store raises if a new token is
        in memory only.
        """
        error = ffi.new(ERROR_OUT)
        self._check(lib.csign_client_drain(self._used(), milliseconds(timeout_s), error), error)

    async def drain_async(self, timeout_s: float = DRAIN_S) -> None:
        """As `drain`, for asyncio."""
        await self._apart("drain", self.drain, timeout_s)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_async()

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
        """The token that a function gives; None where it gives none, without having failed."""
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
        # Held before it is read, so that it is freed whatever happens.
        held = ffi.gc(pointer, free_token)
        token = tokens.read(held)
        if token.source == "cache":
            self._last = Held(held, token)
        return token

    def _copied(self, function: Callable[..., int], *arguments: int) -> str:
        """A bare access token by a function that copies it."""
        handle = self._handle
        if handle is None:
            self._raise_closed()
        buffers = self._buffers
        # A list is a stack that threads, signal handlers and finalizers may share: each call has its buffer for itself.
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

    def _check(self, status: int, error: Pointer) -> None:
        if status:
            self._raise(status, error)

    def _raise(self, status: int, error: Pointer) -> NoReturn:
        raised = failure(status, error)
        # A call whose request was cancelled by close() fails as closed.
        if status == Status.BUSY and self._closed is not None:
            self._raise_closed()
        raise raised

    async def _apart(self, what: str, call: Callable[..., T], *arguments: Any) -> T:
        """Runs a call on a thread of its own: not behind the calls that it waits for."""
        waiting: Future[T] = Future()

        def run() -> None:
            try:
                waiting.set_result(call(*arguments))
            except BaseException as raised:
                waiting.set_exception(raised)

        threading.Thread(target=run, name=f"countersign-{self._name}-{what}").start()
        return await asyncio.shield(asyncio.wrap_future(waiting))

    async def _on_thread(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await asyncio.wrap_future(self._submit(functools.partial(call, *arguments, **named)))

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        self._used()
        try:
            return self._pool().submit(call)
        except RuntimeError:  # The threads were shut down: another thread has closed the client.
            self._used()
            raise

    def _pool(self) -> ThreadPoolExecutor:
        # A child of fork has the object but not its threads. The threads are waited for when the process ends, so that
        # a refresh token that is on its way is stored.
        if self._threads is None or self._threads[0] != os.getpid():
            self._threads = os.getpid(), ThreadPoolExecutor(ASYNC_THREADS, f"countersign-{self._name}")
        return self._threads[1]


@atexit.register
def drain_all() -> None:
    """Has what is under way stored before the process ends: all clients within one bound."""
    handles = [client._handle for client in LIVE if client._handle is not None]
    for handle in handles:
        failure_of(lib.csign_client_drain, handle, 0)
    end = time.monotonic() + DRAIN_S
    for handle in handles:
        failure_of(lib.csign_client_drain, handle, milliseconds(max(0.0, end - time.monotonic())))


def failure_of(function: Callable[..., int], *arguments: Any) -> Error | None:
    """Why a call failed, if it did."""
    error = ffi.new(ERROR_OUT)
    status = function(*arguments, error)
    return failure(status, error) if status else None


#: What a drain may say at the end of a client without a token being lost: still busy, or in a child of fork.
HARMLESS_AT_CLOSE = {Status.BUSY, Status.FORKED, Status.REENTERED}
INITIAL_CAPACITY = 4096
# Looked up once: a member of an IntEnum takes longer than the call.
BUFFER_TOO_SMALL = int(Status.BUFFER_TOO_SMALL)
new = ffi.new
copy_token = lib.csign_client_copy_token
free_token = lib.csign_token_free
unpack = cast("Callable[[Pointer, int], bytes]", ffi.unpack)


class Held(NamedTuple):
    """The token that was handed out last from memory. The library gives the same handle for the same token, which then
    need not be read again; and while this one is held, it is no other token's.
    """

    pointer: Pointer
    token: Token


class Buffer(NamedTuple):
    """What a call of csign_client_copy_token needs, made once and used again."""

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
        raise ValueError(f"{seconds} seconds: write a number from 0 up")
    return round(seconds * 1000)
