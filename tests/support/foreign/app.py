"""A web server that takes itself to lie at "/": pages, a redirect, a cookie, and a WebSocket that echoes.

app.py [--port N] [--key-from VARIABLE]: with a key, everything but /healthz wants it as a bearer's token.
"""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import struct
import sys

SETTINGS = json.loads(pathlib.Path("/srv/app/settings.json").read_text())
ARGUMENTS = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
KEY = os.environ.get(ARGUMENTS.get("--key-from", ""), "")


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path != "/healthz" and KEY and self.headers.get("Authorization") != f"Bearer {KEY}":
            self.answer(401, {"error": "no key"})
        elif self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo() if path == "/live/ws" else self.answer(404, {"error": "no WebSocket"})
        elif path == "/":
            self.answer(200, "<h1>A small model</h1><a href='ask'>Ask</a>", kind="text/html")
        elif path == "/healthz":
            self.answer(200, SETTINGS)
        elif path == "/login":
            self.answer(302, {}, Location="/seen?after=login", **{"Set-Cookie": "who=me; Path=/"})
        elif path == "/seen":
            self.answer(200, {"path": self.path, "headers": dict(self.headers), "env": dict(os.environ)})
        elif path == "/write":
            with open("/srv/cache/note", "a") as note:
                note.write("x")
            self.answer(200, {"size": os.path.getsize("/srv/cache/note")})
        else:
            # What is not a page of it is a fault of it.
            self.answer(500, {"error": f"no page {path}"})

    def answer(self, status: int, content: object, kind: str = "application/json", **headers: str) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def echo(self) -> None:
        """Short text frames, each sent back in capitals."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()  # noqa: S324
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accepted),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                return
            size = head[1] & 0x7F
            assert size < 126
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(size)))
            self.wfile.write(struct.pack("!BB", 0x81, size) + text.upper())

    def log_message(self, form: str, *values: object) -> None:
        print(form % values, flush=True)


port = int(ARGUMENTS.get("--port", os.environ["PORT"]))
print("listening on", port, flush=True)
http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
