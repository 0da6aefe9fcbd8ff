"""A TLS server on port 443 that records requests and answers them with canned responses."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Recorder:
    """Records all requests, for whichever host."""

    def __init__(self, authority):
        recorder = self
        self.requests = []
        self.answers = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    body = self._chunks()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                host = self.headers.get("Host", "").removesuffix(":443")
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                recorder.requests.append(
                    {
                        "at": time.time(),
                        "method": self.command,
                        "url": f"https://{host}{self.path}",
                        "path": self.path.split("?")[0],
                        "headers": headers,
                        "body": body.decode(),
                    }
                )
                self._answer(recorder.answer(self.path.split("?")[0], self.headers))

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

            def _chunks(self):
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, answer):
                status, body = 200, answer
                if isinstance(answer, dict) and "status" in answer and "body" in answer:
                    status, body = answer["status"], answer["body"]
                text = body if isinstance(body, str) else json.dumps(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 443), Handler)
        self.server.daemon_threads = True
        # The handshake belongs to the thread of the connection.
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, headers):
        """Returns the answer for a path: that of the longest known beginning."""
        known = [begin for begin in self.answers if path.startswith(begin)]
        return self.answers[max(known, key=len)] if known else {"status": 404, "body": "{}"}

    def begin(self, answers):
        """Forgets all requests, and sets the answers by path."""
        self.requests = []
        self.answers = answers

    def close(self):
        self.server.shutdown()
