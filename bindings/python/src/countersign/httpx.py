"""Puts a client's token on the calls of httpx, and asks for another one where an API answers 401.

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
    """A client as httpx's `auth`, for both of its clients; the asynchronous one under asyncio.

    Where an API answers 401, the token it refused is invalidated and the request sent once more with another one, if
    its body can be sent again: all but streams and multipart files. What that brings, whatever it is, goes to the
    caller. A redirect to another origin loses the token, as httpx itself decides, and what answers there is left alone.

    Calls raise what `Client.token` raises, and UnexpectedError of kind "usage" for a URL with plain http that is not on
    this machine: the token is not sent in clear text.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        check_target(request.url.scheme, request.url.host)
        token = self.client.token()
        response = yield signed(request, token)
        if refused(response, token):
            self.client.invalidate(token)
            if can_be_sent_again(request):
                other = self.client.token()
                if other.value != token.value:
                    yield signed(request, other)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        check_target(request.url.scheme, request.url.host)
        token = await self.client.token_async()
        response = yield signed(request, token)
        if refused(response, token):
            await self.client.invalidate_async(token)
            if can_be_sent_again(request):
                other = await self.client.token_async()
                if other.value != token.value:
                    yield signed(request, other)


def signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = token.authorization
    return request


def refused(response: httpx.Response, token: Token) -> bool:
    # A redirect to another host goes there without the token: its 401 says nothing about ours.
    return response.status_code == 401 and response.request.headers.get("Authorization") == token.authorization


def can_be_sent_again(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
