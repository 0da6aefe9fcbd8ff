"""An adapter for httpx: it adds a client's token to requests, and gets a new one after a 401.

httpx.Client(auth=countersign.httpx.Auth(client))
httpx.AsyncClient(auth=countersign.httpx.Auth(client))
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from ._http import check_target
from .client import Client
from .token import Token

__all__ = ["Auth"]


class Auth(httpx.Auth):
    """An `auth` for httpx's synchronous client, and for its asynchronous client with asyncio.

    If the API responds with 401, this invalidates the rejected token and repeats the request once
    with another one, unless its body is a stream or multipart files. The second response goes to
    the caller, whatever it is. httpx removes the token from a redirect to another origin, whose
    response then doesn't affect the token.

    Requests raise what `Client.token` raises, and UnexpectedError of kind "usage" for a plain http
    URL of another machine, because the token is not sent in clear text.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_target(request.url.scheme, request.url.host)
        token = self.client.token()
        response = yield signed(request, token)
        if rejected(response, token):
            self.client.invalidate(token)
            if can_be_sent_again(request):
                other = self.client.token()
                if other.value != token.value:
                    yield signed(request, other)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        check_target(request.url.scheme, request.url.host)
        token = await self.client.token_async()
        response = yield signed(request, token)
        if rejected(response, token):
            await self.client.invalidate_async(token)
            if can_be_sent_again(request):
                other = await self.client.token_async()
                if other.value != token.value:
                    yield signed(request, other)


def signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = token.authorization
    return request


def rejected(response: httpx.Response, token: Token) -> bool:
    # A redirect to another host is sent without the token, so its 401 says nothing about the token.
    return response.status_code == 401 and response.request.headers.get("Authorization") == token.authorization


def can_be_sent_again(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
