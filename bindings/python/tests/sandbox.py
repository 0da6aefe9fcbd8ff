"""The sandbox process, and the requests that tests send to it."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from countersign import testing


class Response(NamedTuple):
    status: int
    location: str | None
    body: bytes


class Sandbox:
    """A running `countersign-sandbox`."""

    def __init__(self, started: testing.Sandbox) -> None:
        self.url = started.url
        self.dir = str(started.dir)
        self.connections = str(started.connections)
        self.ca_file = str(started.ca_file)
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust, NotFollowed)

    def reset(self) -> None:
        self.post("/_sandbox/reset")
        for stored in ("kept", "tokens"):
            shutil.rmtree(Path(self.dir) / stored, ignore_errors=True)
        # A reset makes the configured refresh tokens valid again.
        shutil.rmtree(Path(os.environ["XDG_STATE_HOME"]) / "countersign" / "seeds", ignore_errors=True)

    def post(self, path: str, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method="POST")
        response = self.ask(request)
        assert response.status == 200, f"{path}: {response.status} {response.body!r}"

    def log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(self.get(self.url + "/_sandbox/log").body)
        return entries

    def get(self, url: str) -> Response:
        return self.ask(urllib.request.Request(url))

    def ask(self, request: urllib.request.Request) -> Response:
        try:
            with self.opener.open(request, timeout=30) as response:
                return Response(response.status, response.headers.get("Location"), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.headers.get("Location"), error.read())


@contextmanager
def running() -> Iterator[Sandbox]:
    """Run $COUNTERSIGN_SANDBOX until the block ends."""
    with testing.sandbox(os.environ["COUNTERSIGN_SANDBOX"]) as started:
        # The connections of this folder can use its profiles.
        shutil.copytree(Path(os.environ["COUNTERSIGN_SCENARIOS"]) / "profiles", started.dir / "profiles")
        yield Sandbox(started)


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
