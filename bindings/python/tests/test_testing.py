"""`countersign.testing`, and the package as its users see it."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points, metadata

import httpx
import pytest

import countersign
import countersign.httpx
from countersign import testing


class Fake:
    """The smallest token source."""

    def token(self) -> countersign.Token:
        return countersign.Token("fake")

    def invalidate(self, access_token: str | countersign.Token, /) -> None:
        raise AssertionError("no token was rejected")


def shown(request: httpx.Request) -> httpx.Response:
    return httpx.Response(401 if request.headers["Authorization"] == "Bearer old" else 200)


def test_an_adapter_takes_a_fake() -> None:
    with httpx.Client(auth=countersign.httpx.Auth(Fake()), transport=httpx.MockTransport(shown)) as http:
        assert http.get("https://api.example.com/").request.headers["Authorization"] == "Bearer fake"


def test_a_static_source_replaces_an_invalidated_token(countersign_source: testing.StaticSource) -> None:
    assert countersign_source.token().access_token == "test-token"
    source = testing.StaticSource("old", "new")
    with httpx.Client(auth=countersign.httpx.Auth(source), transport=httpx.MockTransport(shown)) as http:
        assert http.get("https://api.example.com/").status_code == 200
    assert source.invalidated == ["old"]


def test_an_async_static_source() -> None:
    source = testing.AsyncStaticSource("old", "new")

    async def ask() -> int:
        auth, transport = countersign.httpx.AsyncAuth(source), httpx.MockTransport(shown)
        async with httpx.AsyncClient(auth=auth, transport=transport) as http:
            return (await http.get("https://api.example.com/")).status_code

    assert asyncio.run(ask()) == 200
    assert source.invalidated == ["old"]


def test_an_adapter_rejects_the_other_kind_of_client() -> None:
    with httpx.Client(auth=countersign.httpx.AsyncAuth(testing.AsyncStaticSource())) as http, pytest.raises(TypeError):
        http.get("https://api.example.com/")


def test_the_sandbox_has_clients(countersign_sandbox: testing.Sandbox) -> None:
    with countersign_sandbox.client("docusign-jwt") as client:
        assert isinstance(client, countersign.TokenSource)
        assert client.token().source == "minted"
    assert isinstance(countersign_sandbox.async_client("docusign-jwt"), countersign.AsyncTokenSource)


def test_public_names_hide_private_modules() -> None:
    for name in countersign.__all__:
        thing = getattr(countersign, name)
        if isinstance(thing, type):
            assert thing.__module__ == "countersign", name
    assert {"Status", "ABI_VERSION"}.isdisjoint(vars(countersign))


def test_the_metadata() -> None:
    found = metadata("countersign")
    assert countersign.__version__ == found["Version"]
    assert {url.split(",")[0] for url in found.get_all("Project-URL") or []} >= {"Documentation", "Changelog", "Issues"}
    assert "countersign" in {entry.name for entry in entry_points().select(group="pytest11")}
