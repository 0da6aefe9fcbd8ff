"""Test every adapter with the cases in tests/adapters, which all languages run."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import trio
from api import listening

import countersign
import countersign.httpx
import countersign.requests
import countersign.urllib3

SHARED: dict[str, Any] = json.loads(
    (Path(os.environ["COUNTERSIGN_SCENARIOS"]).parent / "adapters" / "cases.json").read_text("utf-8")
)
Call = dict[str, Any]
Send = Callable[[countersign.Client, str, Call], int]


class Servers:
    """The two servers of a case, and the requests that they received."""

    def __init__(self, responses: list[Call]) -> None:
        self.responses = responses
        self.arrived: list[tuple[str, str, dict[str, str], str]] = []
        self.servers = {name: listening(handler(self, name)) for name in ("api", "other")}
        for server in self.servers.values():
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def filled(self, text: str) -> str:
        for name, server in self.servers.items():
            text = text.replace(f"{{{name}}}", f"http://127.0.0.1:{server.server_address[1]}")
        return text.replace("{port}", str(self.servers["api"].server_address[1]))

    def next(self, name: str) -> Call:
        response = next((one for one in self.responses if one["at"] == name), {"status": 200})
        if "at" in response:
            self.responses.remove(response)
        return response

    def close(self) -> None:
        for server in self.servers.values():
            server.shutdown()
            server.server_close()


def handler(servers: Servers, name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.respond(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") != "chunked":
                self.respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                return
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            self.respond(body)

        def respond(self, body: bytes) -> None:
            received = {name.lower(): value for name, value in self.headers.items()}
            servers.arrived.append((name, self.path, received, body.decode()))
            response = servers.next(name)
            self.send_response(response["status"])
            if "location" in response:
                self.send_header("Location", servers.filled(response["location"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def in_asyncio(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    return asyncio.run(main())


def by_requests(client: countersign.Client, url: str, call: Call) -> int:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = countersign.requests.Auth(client)
        data = streamed(call["body"]) if call.get("stream") else call.get("body")
        method = "POST" if "body" in call else "GET"
        return session.request(method, url, data=data, headers=headers(call), timeout=30).status_code


def by_httpx(client: countersign.Client, url: str, call: Call) -> int:
    with httpx.Client(follow_redirects=True, trust_env=False) as http:
        countersign.httpx.Auth(client).attach(http)
        content = streamed(call["body"]) if call.get("stream") else call.get("body")
        method = "POST" if "body" in call else "GET"
        return http.request(method, url, content=content, headers=headers(call)).status_code


def by_async_httpx(client: countersign.Client, url: str, call: Call, run: Callable[..., int] = in_asyncio) -> int:
    async def stream() -> AsyncIterator[bytes]:
        yield call["body"].encode()

    async def send() -> int:
        auth = countersign.httpx.AsyncAuth(countersign.AsyncClient.sharing(client))
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as http:
            auth.attach(http)
            content = stream() if call.get("stream") else call.get("body")
            method = "POST" if "body" in call else "GET"
            return (await http.request(method, url, content=content, headers=headers(call))).status_code

    return run(send)


def by_httpx_in_trio(client: countersign.Client, url: str, call: Call) -> int:
    return by_async_httpx(client, url, call, trio.run)


def by_urllib3(client: countersign.Client, url: str, call: Call) -> int:
    with countersign.urllib3.PoolManager(client) as pool:
        body = streamed(call["body"]) if call.get("stream") else call.get("body")
        method = "POST" if "body" in call else "GET"
        return pool.request(method, url, body=body, headers=headers(call), timeout=30).status


def headers(call: Call) -> dict[str, str]:
    return {"Authorization": call["authorization"]} if "authorization" in call else {}


def streamed(body: str) -> Iterator[bytes]:
    yield body.encode()


@pytest.fixture(params=[by_requests, by_httpx, by_async_httpx, by_httpx_in_trio, by_urllib3])
def send(request: pytest.FixtureRequest) -> Send:
    chosen: Send = request.param
    return chosen


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])
def test_an_adapter_follows_the_shared_rules(send: Send, connections: Path, case: Call) -> None:
    with client_of(case.get("provider"), connections) as client:
        follow_the_rules(send, client, case)


def client_of(provider: str | None, connections: Path) -> countersign.Client:
    """Build a client, of a vendor that profiles/ describes if it is named."""
    if provider is None:
        return countersign.Client.load("docusign-jwt", connections, store="memory")
    settings: dict[str, Any] = {"store": "memory", "provider": provider, "environment": None}
    return countersign.Client.load("salesforce-cc", connections, **settings)


def headers_of(client: countersign.Client) -> dict[str, str]:
    return {name.lower(): value for name, value in client.token().headers.items()}


def follow_the_rules(send: Send, client: countersign.Client, case: Call) -> None:
    first = headers_of(client)
    servers = Servers(list(case["responses"]))
    try:
        statuses = [send(client, servers.filled(call["url"]), call) for call in case["calls"]]
    finally:
        servers.close()
    second = headers_of(client)

    def named(received: dict[str, str]) -> str:
        carried = {name: value for name, value in received.items() if name in first}
        return "first" if carried == first else "second" if carried == second else "another" if carried else "none"

    if send is by_urllib3 and "redirects" in case:
        case = {**case, **case["not_followed"]}
    arrived = [(name, path, named(received), body) for name, path, received, body in servers.arrived]
    assert arrived == [(one["to"], one["path"], one["token"], one.get("body", "")) for one in case["sent"]]
    assert statuses == case["status"]


def test_httpx_sends_no_other_headers_unless_it_is_attached(connections: Path) -> None:
    with (
        client_of("carrier", connections) as client,
        httpx.Client(auth=countersign.httpx.Auth(client)) as http,
        pytest.raises(countersign.UsageError, match="other headers than Authorization"),
    ):
        http.get("https://api.example.com/")


@pytest.mark.parametrize("url", SHARED["clear_text"]["rejected"])
def test_no_token_is_sent_in_clear_text(send: Send, client: countersign.Client, url: str) -> None:
    with pytest.raises(countersign.UsageError, match="is not sent to") as raised:
        send(client, url, {})
    assert raised.value.kind == "usage"
    assert client.counts().minted == 0


@pytest.mark.parametrize("url", SHARED["clear_text"]["sent"])
def test_a_loopback_address_gets_the_token(send: Send, client: countersign.Client, url: str) -> None:
    servers = Servers([])
    try:
        assert send(client, servers.filled(url), {}) == 200
    finally:
        servers.close()
    assert [received["authorization"] for _, _, received, _ in servers.arrived] == [client.token().authorization]
