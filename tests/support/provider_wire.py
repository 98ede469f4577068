"""A wire between the Hub and its sign-in provider: cut, the provider is down; it may forge what passes."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Forgery = Callable[[dict[str, Any]], None]


class ProviderWire:
    """Forwards the Hub's own requests to `far`. `forge` changes what the token endpoint answered."""

    def __init__(self, far: str) -> None:
        self.far = far
        self.down = False
        self.forge: Forgery | None = None
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the provider's answer, forged where somebody asked for it."""
        self.asked.append(path)
        request = urllib.request.Request(f"{self.far}{path}", data=body, headers=headers)  # noqa: S310 - ours
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=20) as answer:
                status, told, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, told, text = error.code, error.headers, error.read()
        if self.forge is not None and path == "/token" and status == 200:
            tokens = json.loads(text)
            self.forge(tokens)
            text = json.dumps(tokens).encode()
        return status, told, text


def _handler(wire: ProviderWire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if wire.down:
                self.connection.close()
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if self.command == "POST" else None
            kept = ("Authorization", "Content-Type", "Accept")
            headers = {name: self.headers[name] for name in kept if self.headers.get(name)}
            # The provider writes its own address into what it answers.
            status, told, text = wire.pass_on(self.path, body, headers)
            self.send_response(status)
            for name in ("Content-Type", "WWW-Authenticate"):
                if told.get(name):
                    self.send_header(name, told[name])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
