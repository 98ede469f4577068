"""An engine that hangs, answers 500 or breaks off: what a real one will not do on demand."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request; the server's `answer` decides."""

    server: _Server

    def _handle(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def say(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    # As a real engine: with Python's five, a burst of connections is refused.
    request_queue_size = 128
    answer: Answer
    asked: list[str]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client left


class SickEngine:
    """Set `answer` before each call; `asked` are the requests so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server = _Server(str(path), Handler)
        self._server.asked = []
        self.answer = saying(500, b'{"message": "disk on fire"}')

    @property
    def answer(self) -> Answer:
        return self._server.answer

    @answer.setter
    def answer(self, answer: Answer) -> None:
        self._server.answer = answer

    @property
    def asked(self) -> list[str]:
        return self._server.asked

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def saying(status: int, body: bytes, *, after: float = 0, kind: str = "application/json") -> Answer:
    """Answers like this, after some seconds."""

    def answer(handler: Handler) -> None:
        time.sleep(after)
        handler.say(status, body, kind)

    return answer


def hanging(handler: Handler) -> None:
    """Takes the request and says nothing."""
    time.sleep(30)


def breaking_off(handler: Handler) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"Id": ')
    handler.wfile.flush()
    handler.close_connection = True
