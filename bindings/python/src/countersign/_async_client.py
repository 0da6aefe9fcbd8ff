"""The client for asyncio and trio."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from . import _callbacks as callbacks
from ._client import DRAIN_S, Client, milliseconds
from ._config import Value
from ._library import lib
from ._login import Login
from ._records import Counts, Event, Forgotten
from ._registry import Registry
from ._token import Token
from ._waiting import apart, awaited

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._settings import Settings


class AsyncClient:
    """A `Client` for asyncio and trio.

    A cached token is returned at once. Otherwise the library calls back with the result: no thread
    waits. Cancelling the task, or its `timeout`, ends the call but not the request: the next caller
    gets its result.

    The methods are `Client`'s. Those that wait are coroutines.

    >>> import asyncio
    >>> async def main() -> None:
    ...     async with AsyncClient(provider="boldsign", environment="us", grant="client-credentials",
    ...                            client_id="my-app", client_secret="s3cret", store="memory") as client:
    ...         print(client, client.counts().minted)
    >>> asyncio.run(main())
    <countersign.AsyncClient> 0
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
        self._client = Client(
            settings,
            name=name,
            registry=registry,
            signer=signer,
            clock=clock,
            log=log,
            on_change=on_change,
            **more,
        )

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
    ) -> AsyncClient:
        """Build a client for `[connections.NAME]` of a TOML file, like `Client.load`."""
        client = Client.load(
            name,
            path,
            settings,
            registry=registry,
            signer=signer,
            clock=clock,
            log=log,
            on_change=on_change,
            **more,
        )
        return cls.sharing(client)

    @classmethod
    def sharing(cls, client: Client) -> AsyncClient:
        """Return an AsyncClient that uses a Client, for programs with both kinds of code.

        They share tokens and requests. Closing one closes both.
        """
        shared = cls.__new__(cls)
        shared._client = client
        return shared

    async def token(self, min_valid_s: float = 0, *, timeout: float | None = None) -> Token:
        """Return a token that is valid for at least `min_valid_s` seconds."""
        client = self._client
        fresh = client._given(lib.csign_client_peek, milliseconds(min_valid_s))
        return await awaited(client._start_token(milliseconds(min_valid_s)), timeout) if fresh is None else fresh

    async def access_token(self, min_valid_s: float = 0, *, timeout: float | None = None) -> str:
        """Return the access token string. Like `token`, but faster. The string is a secret."""
        if min_valid_s:
            return (await self.token(min_valid_s, timeout=timeout)).access_token
        return self._client._copied(lib.csign_client_peek_token) or (await self.token(timeout=timeout)).access_token

    async def refresh(self, *, timeout: float | None = None) -> Token:
        """Request a new token now, even if the current one is still valid."""
        return await awaited(self._client._start_refresh(), timeout)

    async def invalidate(self, access_token: str | Token, /) -> None:
        """Report an access token that an API rejected with 401. The client doesn't return it again."""
        self._client.invalidate(access_token)

    def start_login(self, redirect_uri: str = "") -> Login:
        """Start a login, for programs with their own web server."""
        return self._client.start_login(redirect_uri)

    async def complete_login(self, login: Login, callback: str, *, timeout: float | None = None) -> Token:
        """Complete a login: validate the callback, exchange the code once, and store the tokens."""
        return await awaited(self._client._start_complete_login(login, callback), timeout)

    async def login(
        self, open: Callable[[str], Any] = webbrowser.open, *, port: int = 0, timeout: float = 300
    ) -> Token:
        """Run a complete login on this machine (RFC 8252). `open` is called on another thread."""
        return await awaited(self._client._login_begun(open, port, timeout))

    def consent_url(self) -> str:
        """Return the URL at which a person consents to the app acting for the user."""
        return self._client.consent_url()

    async def identity(self, *, timeout: float | None = None) -> dict[str, str]:
        """Return the user that the token is for and the API's URL."""
        return await awaited(self._client._start_identity(), timeout)

    async def forget(self, *, force: bool = False, timeout: float | None = None) -> Forgotten:
        """Revoke the grant at the vendor and delete its tokens from memory and the store."""
        return await awaited(self._client._start_forget(force), timeout)

    def counts(self) -> Counts:
        """Return the client's counters."""
        return self._client.counts()

    async def events(self, *, timeout: float | None = None) -> list[Event]:
        """Return the recent history of the connection's grant, oldest first."""
        return await awaited(self._client._start_events(), timeout)

    async def refresh_token_expires_at(self, *, timeout: float | None = None) -> datetime | None:
        """Return when the stored refresh token expires."""
        return await awaited(self._client._start_expiry(), timeout)

    async def check_saved(self) -> None:
        """Raise the store's error if the last token could not be stored and is only in memory."""
        self._client.check_saved()

    async def drain(self, timeout: float = DRAIN_S) -> None:
        """Wait for requests in flight, and start no new ones. Call it before the process exits."""
        await awaited(apart("drain", partial(self._client.drain, timeout)))

    async def aclose(self) -> None:
        """Close the client and wipe its secrets. Tasks may still be using it."""
        await awaited(apart("close", self._client.close))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return repr(self._client).replace("Client", "AsyncClient", 1)
