"""The adapter for httpx, with the synchronous and the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from api import Api

import countersign
import countersign.httpx

Send = Callable[..., httpx.Response]


@pytest.fixture(params=["Client", "AsyncClient"])
def send(request: pytest.FixtureRequest, client: countersign.Client) -> Send:
    def at_once(method: str, url: str, **more: Any) -> httpx.Response:
        with httpx.Client(auth=countersign.httpx.Auth(client), follow_redirects=True, trust_env=False) as http:
            return http.request(method, url, **more)

    def awaited(method: str, url: str, **more: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            auth = countersign.httpx.AsyncAuth(countersign.AsyncClient.sharing(client))
            async with httpx.AsyncClient(auth=auth, follow_redirects=True, trust_env=False) as http:
                return await http.request(method, url, **more)

        return asyncio.run(call())

    return at_once if request.param == "Client" else awaited


def test_a_401_repeats_the_request_once_with_another_token(send: Send, client: countersign.Client, api: Api) -> None:
    first = client.token()
    api.rejections = 1
    assert send("POST", api.url, json={"a": 1}).status_code == 200
    assert [call.body for call in api.calls] == [api.calls[0].body] * 2
    assert [call.authorization for call in api.calls] == [first.authorization, client.token().authorization]
    assert client.counts().minted == 2


def test_a_repeated_401_goes_to_the_caller(send: Send, client: countersign.Client, api: Api) -> None:
    api.rejections = 5
    assert send("GET", api.url).status_code == 401
    assert len(api.calls) == 2
    assert client.counts().minted == 2


@pytest.mark.parametrize("send", ["Client"], indirect=True)
def test_a_consumed_body_is_not_sent_again(send: Send, client: countersign.Client, api: Api) -> None:
    def parts() -> Iterator[bytes]:
        yield b"a document"

    rejected_without_retry(send, client, api, parts())


@pytest.mark.parametrize("send", ["AsyncClient"], indirect=True)
def test_a_consumed_async_body_is_not_sent_again(send: Send, client: countersign.Client, api: Api) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a document"

    rejected_without_retry(send, client, api, parts())


def rejected_without_retry(send: Send, client: countersign.Client, api: Api, content: Any) -> None:
    first = client.token()
    api.rejections = 1
    assert send("POST", api.url, content=content).status_code == 401
    assert [call.body for call in api.calls] == [b"a document"]
    assert client.token().access_token != first.access_token


def test_another_host_never_gets_the_token(send: Send, client: countersign.Client, api: Api) -> None:
    api.rejections = 1
    assert send("GET", api.url + "/away").status_code == 401
    assert [(call.host, call.authorization is None) for call in api.calls] == [
        ("127.0.0.1", False),
        ("localhost", True),
    ]
    assert client.counts().minted == 1


def test_a_401_after_a_redirect_repeats_the_request(send: Send, client: countersign.Client, api: Api) -> None:
    api.rejections = 1
    assert send("GET", api.url + "/here").status_code == 200
    assert [call.path for call in api.calls] == ["/here", "/", "/here", "/"]
    assert client.counts().minted == 2
