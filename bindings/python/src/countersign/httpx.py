"""An adapter for httpx: it adds a client's token to requests, and gets a new one after a 401.

httpx.Client(auth=countersign.httpx.Auth(client))
httpx.AsyncClient(auth=countersign.httpx.AsyncAuth(async_client))
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from ._http import check_target, replacement, replacement_async
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

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_target(request.url.scheme, request.url.host)
        token = self.source.token()
        response = yield signed(request, token)
        if rejected(response, token):
            other = replacement(self.source, token, resendable=can_be_sent_again(request))
            if other is not None:
                yield signed(request, other)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        raise TypeError("httpx.AsyncClient needs countersign.httpx.AsyncAuth, with an AsyncClient")
        yield request  # It is a generator.


class AsyncAuth(httpx.Auth):
    """An `auth` for `httpx.AsyncClient`, under asyncio or trio. It does what `Auth` does."""

    def __init__(self, source: AsyncTokenSource) -> None:
        self.source = source

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise TypeError("httpx.Client needs countersign.httpx.Auth, with a Client")
        yield request  # It is a generator.

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        check_target(request.url.scheme, request.url.host)
        token = await self.source.token()
        response = yield signed(request, token)
        if rejected(response, token):
            other = await replacement_async(self.source, token, resendable=can_be_sent_again(request))
            if other is not None:
                yield signed(request, other)


def signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = token.authorization
    return request


def rejected(response: httpx.Response, token: Token) -> bool:
    # A redirect to another host is sent without the token, so its 401 says nothing about the token.
    return response.status_code == 401 and response.request.headers.get("Authorization") == token.authorization


def can_be_sent_again(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
