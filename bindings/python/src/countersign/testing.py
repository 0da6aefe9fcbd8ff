"""Fakes for users' own tests: a token source without a client, and the sandbox.

Installing this package adds the pytest fixtures `countersign_source` and `countersign_sandbox`.

>>> source = StaticSource("secret")
>>> source.token().access_token
'secret'
>>> source.invalidate("secret")
>>> source.invalidated
['secret']
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._async_client import AsyncClient
from ._client import Client
from ._token import Token

__all__ = ["AsyncStaticSource", "Sandbox", "StaticSource", "sandbox"]


class StaticSource:
    """A `TokenSource` that returns the same token until it is invalidated, and then the next.

    The last one is never replaced.
    """

    def __init__(self, *tokens: str | Token) -> None:
        found = tokens or ("test-token",)
        self._tokens = [token if isinstance(token, Token) else Token(token) for token in found]
        #: The access tokens that were reported as rejected.
        self.invalidated: list[str] = []

    def token(self) -> Token:
        return self._tokens[0]

    def invalidate(self, access_token: str | Token, /) -> None:
        value = access_token.access_token if isinstance(access_token, Token) else access_token
        self.invalidated.append(value)
        if len(self._tokens) > 1 and self._tokens[0].access_token == value:
            del self._tokens[0]


class AsyncStaticSource:
    """Like `StaticSource`, for asyncio and trio."""

    def __init__(self, *tokens: str | Token) -> None:
        self._source = StaticSource(*tokens)
        self.invalidated = self._source.invalidated

    async def token(self) -> Token:
        return self._source.token()

    async def invalidate(self, access_token: str | Token, /) -> None:
        self._source.invalidate(access_token)


class Sandbox:
    """A running countersign-sandbox, a strict stand-in for the vendors' token services."""

    def __init__(self, ready: dict[str, str]) -> None:
        #: The URL of the sandbox.
        self.url = ready["url"]
        #: Its folder, with keys and certificates.
        self.dir = Path(ready["dir"])
        #: The TOML file with a connection for every provider and grant type.
        self.connections = Path(ready["connections"])
        #: The CA that signed the sandbox's certificate.
        self.ca_file = Path(ready["ca_file"])

    def client(self, name: str, **settings: Any) -> Client:
        """Build a client of a connection, such as "docusign-jwt". It stores tokens in memory."""
        return Client.load(name, self.connections, **{"store": "memory", **settings})

    def async_client(self, name: str, **settings: Any) -> AsyncClient:
        """Like `client`, for asyncio and trio."""
        return AsyncClient.load(name, self.connections, **{"store": "memory", **settings})


@contextmanager
def sandbox(command: str | None = None) -> Iterator[Sandbox]:
    """Run countersign-sandbox in a temporary folder until the block ends.

    `command` defaults to $COUNTERSIGN_SANDBOX, or to "countersign-sandbox" on the PATH.
    """
    program = command or os.environ.get("COUNTERSIGN_SANDBOX") or "countersign-sandbox"
    with tempfile.TemporaryDirectory() as folder:
        arguments = [program, "--tls", "--dir", folder]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            try:
                if not line:
                    raise RuntimeError(f"{program} ended with {process.wait()} before it was ready")
                yield Sandbox(json.loads(line))
            finally:
                process.send_signal(signal.SIGTERM)
