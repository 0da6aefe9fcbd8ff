"""Closing a client and the exit of the process wait for a request that was sent."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from api import listening

import countersign

#: How long to watch for a close that doesn't wait.
PREMATURE_S = 0.3

ROTATED = b'{"access_token":"rotated","token_type":"Bearer","expires_in":3600,"refresh_token":"next"}'


class HeldServer:
    """A token endpoint that rotates the refresh token and holds its response until it is released."""

    def __init__(self) -> None:
        held = self
        self.requests = 0
        self.arrived = threading.Event()
        self.released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                held.requests += 1
                held.arrived.set()
                held.released.wait()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(ROTATED)))
                self.end_headers()
                self.wfile.write(ROTATED)

            def log_message(self, *_: object) -> None:
                pass

        self.server = listening(Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def settings(self, folder: Path) -> dict[str, str]:
        """Return settings of a connection to this server, with a file store in this folder."""
        return {
            "provider": "boldsign",
            "environment": "us",
            "grant": "refresh-token",
            "base_url": f"http://127.0.0.1:{self.server.server_address[1]}",
            "client_id": "my-app",
            "client_secret": "s3cret",
            "redirect_uri": "http://127.0.0.1/callback",
            # A unique refresh token: the library remembers spent ones independently of the store.
            "refresh_token": f"first of {folder}",
            "store": f"file:{folder / 'tokens'}",
        }

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[HeldServer]:
    started = HeldServer()
    yield started
    started.close()


def stored(server: HeldServer, folder: Path) -> tuple[str, int]:
    """Return the token that a new client finds in the store, and the number of requests so far."""
    with countersign.Client(server.settings(folder), name="held") as client:
        return client.access_token(), server.requests


def test_close_waits_for_a_refresh_that_was_sent(server: HeldServer, tmp_path: Path) -> None:
    client = countersign.Client(server.settings(tmp_path), name="held")
    with ThreadPoolExecutor() as threads:
        try:
            asked = threads.submit(client.access_token)
            assert server.arrived.wait(20)
            closed = threads.submit(client.close)
            assert not wait([closed], PREMATURE_S).done, "close returned before the response arrived"
        finally:
            server.released.set()
        closed.result(20)
        assert asked.result(20) == "rotated"
    assert stored(server, tmp_path) == ("rotated", 1)


EXITS = """
import sys, threading
import countersign

settings = dict(line.split("=", 1) for line in sys.argv[1:])
client = countersign.Client(settings, name="held")
threading.Thread(target=client.access_token, daemon=True).start()
sys.stdin.readline()
"""


def test_the_exit_waits_for_a_refresh_that_was_sent(server: HeldServer, tmp_path: Path) -> None:
    arguments = [f"{key}={value}" for key, value in server.settings(tmp_path).items()]
    with subprocess.Popen([sys.executable, "-c", EXITS, *arguments], stdin=subprocess.PIPE) as process:
        try:
            assert server.arrived.wait(20)
            assert process.stdin
            process.stdin.close()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(PREMATURE_S)
        finally:
            server.released.set()
        assert process.wait(20) == 0
    assert stored(server, tmp_path) == ("rotated", 1)


FREED = """
import sys, countersign

countersign.Client.load("docusign-jwt", sys.argv[1], store="memory", on_change=lambda change, token: None).token()
"""


def test_the_exit_waits_until_callbacks_are_dropped(connections: Path) -> None:
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", FREED, str(connections)], capture_output=True, text=True, timeout=60
        )
        assert (run.returncode, run.stderr) == (0, "")
