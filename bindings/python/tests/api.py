"""A small fake API on loopback: it rejects tokens, redirects, and records requests."""

from __future__ import annotations

import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Call(NamedTuple):
    path: str
    host: str
    authorization: str | None
    body: bytes


class Api:
    """`/` responds with 200, after `rejections` times 401. `/here` and `/away` redirect to it, the latter
    with another host name.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.rejections = 0
        self.server = listening(handler(self))
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def listening(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Listen on a free port below those that outgoing connections use."""
    for port in random.sample(range(15000, 32000), 100):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    raise AssertionError("no port is free")


def handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.respond(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.respond(body)

        def respond(self, body: bytes) -> None:
            host = self.headers["Host"].split(":")[0]
            api.calls.append(Call(self.path, host, self.headers.get("Authorization"), body))
            status, location = 200, None
            if self.path in ("/here", "/away"):
                status, location = 307, f"http://{'localhost' if self.path == '/away' else host}:{api.port}/"
            elif api.rejections:
                api.rejections -= 1
                status = 401
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    return Handler
