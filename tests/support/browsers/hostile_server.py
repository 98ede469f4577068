"""A server that belongs to an attacker: it serves the page, and the headers, that the address asks for.

In a container it takes the place of the stub image's programs; on loopback it is the attacker's own site.

    …/page?body=TEXT&type=text/html&status=200&header=NAME: VALUE   the text, with these headers
    …/seen          the requests that came, as JSON
    …/channels      a WebSocket that says "open"
    anything else   a secret
"""

import base64
import hashlib
import http.server
import json
import os
import signal
import sys
import threading
import urllib.parse

PORT = 8888
SECRET = "the secret of"
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HostileServer(http.server.ThreadingHTTPServer):
    """`seen` has METHOD and address of each request, and what a form or script sent with it."""

    daemon_threads = True

    def __init__(self, address: str, port: int, token: str = "") -> None:
        super().__init__((address, port), Handler)
        self.token = token
        self.seen: list[str] = []

    def start(self) -> None:
        """Serve in a thread until `close`."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Whatever the method."""

    protocol_version = "HTTP/1.1"
    server: HostileServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode(errors="replace")
        token = self.server.token
        # The Hub asks for /api without the launch's secret.
        if token and not path.endswith("/api") and self.headers.get("Authorization") != f"token {token}":
            self.answer("forbidden", status=403)
            return
        if not path.endswith(("/api", "/seen", "/api/kernels", "/api/terminals")):
            self.server.seen.append(f"{self.command} {self.path} {body}".strip())
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.channels()
        elif path.endswith("/page"):
            fields = urllib.parse.parse_qs(query)
            text, kind = fields.get("body", [""])[0], fields.get("type", ["text/html"])[0]
            status = int(fields.get("status", ["200"])[0])
            self.answer(text, kind, *fields.get("header", []), status=status)
        elif path.endswith("/seen"):
            self.answer(json.dumps(self.server.seen), "application/json")
        elif path.endswith(("/api/kernels", "/api/terminals")):
            self.answer("[]", "application/json")
        else:
            self.answer(f"{SECRET} {path}", "text/plain")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET

    def channels(self) -> None:
        """As a kernel's: open until one side ends it."""
        key = self.headers.get("Sec-WebSocket-Key", "") + _MAGIC
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())  # noqa: S324 - as the protocol says
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        self.wfile.write(b"\x81\x04open")
        self.wfile.flush()
        self.close_connection = True
        while self.rfile.read(1):
            pass

    def answer(self, text: str, kind: str = "text/plain", *headers: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header.split(": ", 1))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    HostileServer("", PORT, os.environ.get("JUPYTER_TOKEN", "")).serve_forever()
