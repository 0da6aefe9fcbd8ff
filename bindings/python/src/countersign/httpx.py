"""An adapter for httpx: it adds a client's token to requests, and gets a new one after a 401.

httpx.Client(auth=countersign.httpx.Auth(client))
httpx.AsyncClient(auth=countersign.httpx.AsyncAuth(async_client))

If the vendor's API expects the token in other headers than Authorization, attach it instead:

countersign.httpx.Auth(client).attach(http)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx

from ._errors import usage
from ._http import carries, carry, check_target, replacement, replacement_async
from ._source import AsyncTokenSource, TokenSource
from ._token import Token

__all__ = ["AsyncAuth", "Auth"]


class Auth(httpx.Auth):
    """An `auth` for `httpx.Client`.

    If the API responds with 401, this invalidates the rejected token and repeats the request once
    with another one, unless its body is a stream or multipart files. The second response goes to
    the caller, whatever it is. httpx removes the token from a redirect to another origin, whose
    response then doesn't affect the token.

    Requests raise what the source's `token` raises, and UsageError for a plain http URL of another
    machine, because the token is not sent in clear text.
    """

    def __init__(self, source: TokenSource) -> None:
        self.source = source
        self._guard: Guard | None = None

    def attach(self, client: httpx.Client) -> None:
        """Make this the `auth` of a client, and remove the token from its redirects to other origins.

        httpx itself only removes Authorization.
        """
        self._guard = Guard()
        client.event_hooks = with_hook(client.event_hooks, self._guard.check)
        client.auth = self

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_target(request.url.scheme, request.url.host)
        token = self.source.token()
        response = yield signed(request, token, self._guard)
        if rejected(response, token):
            other = replacement(self.source, token, resendable=can_be_sent_again(request))
            if other is not None:
                yield signed(request, other, self._guard)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        raise TypeError("httpx.AsyncClient needs countersign.httpx.AsyncAuth, with an AsyncClient")
        yield request  # It is a generator.


class AsyncAuth(httpx.Auth):
    """An `auth` for `httpx.AsyncClient`, under asyncio or trio. It does what `Auth` does."""

    def __init__(self, source: AsyncTokenSource) -> None:
        self.source = source
        self._guard: Guard | None = None

    def attach(self, client: httpx.AsyncClient) -> None:
        """Like `Auth.attach`."""
        self._guard = Guard()
        client.event_hooks = with_hook(client.event_hooks, self._guard.check_async)
        client.auth = self

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise TypeError("httpx.Client needs countersign.httpx.Auth, with a Client")
        yield request  # It is a generator.

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        check_target(request.url.scheme, request.url.host)
        token = await self.source.token()
        response = yield signed(request, token, self._guard)
        if rejected(response, token):
            other = await replacement_async(self.source, token, resendable=can_be_sent_again(request))
            if other is not None:
                yield signed(request, other, self._guard)


class Guard:
    """Removes a token's headers from requests to another origin than that of the first one."""

    def __init__(self) -> None:
        # Of all tokens, because a request that isn't marked must not have any of them.
        self.names: set[str] = set()

    def mark(self, request: httpx.Request, token: Token) -> None:
        self.names.update(token.headers)
        request.extensions[ORIGIN] = origin_of(request.url)

    def check(self, request: httpx.Request) -> None:
        """Check a request. httpx calls this before it sends it, and redirects have the mark of the first one."""
        if request.extensions.get(ORIGIN) == origin_of(request.url):
            return
        # A later redirect back doesn't have the token either.
        request.extensions[ORIGIN] = None
        for name in self.names:
            request.headers.pop(name, None)

    async def check_async(self, request: httpx.Request) -> None:
        self.check(request)


ORIGIN = "countersign_origin"


def with_hook(hooks: dict[str, list[Any]], hook: Any) -> dict[str, list[Any]]:
    """Return the event hooks of a client with one that is called last, so that nothing follows it."""
    return {**hooks, "request": [*hooks.get("request", []), hook]}


def origin_of(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def signed(request: httpx.Request, token: Token, guard: Guard | None) -> httpx.Request:
    if guard is not None:
        guard.mark(request, token)
    elif [name.lower() for name in token.headers] != ["authorization"]:
        raise usage(
            "the token needs other headers than Authorization, which httpx would send along with a redirect",
            "call countersign.httpx.Auth(client).attach(http) instead of passing it to the client",
        )
    carry(request.headers, token)
    return request


def rejected(response: httpx.Response, token: Token) -> bool:
    # A redirect to another origin is sent without the token, so its 401 says nothing about the token.
    return response.status_code == 401 and carries(response.request.headers, token)


def can_be_sent_again(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
