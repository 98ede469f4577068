"""A gate before a real engine: calls pass; one that a test waits for is held, before or after it is done."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST_HOLD_SECONDS = 120
STREAMS = ("/events", "/images/create")


@dataclass(frozen=True)
class Call:
    """A call of the Engine API; `path` is without its version.

    `status` None: not passed on yet. 0: passed on, and the engine is at it. Otherwise it has answered.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int | None = None
    answer: Any = None


@dataclass
class Hold:
    """The first call that `matches` waits until it is let go: to go on, or to come to nothing."""

    matches: Callable[[Call], bool]
    reached: threading.Event = field(default_factory=threading.Event)
    _go: threading.Event = field(default_factory=threading.Event)
    _passes: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def let_go(self, *, passes: bool = True) -> None:
        """`passes` False: its caller is dead, and what was not passed on never will be."""
        self._passes = passes
        self._go.set()

    def applies(self, call: Call) -> bool:
        """Whether it is this call that is held."""
        with self._lock:
            if self.reached.is_set() or self._go.is_set() or not self.matches(call):
                return False
            self.reached.set()
            return True

    def wait(self) -> bool:
        """Whether to go on."""
        self._go.wait(LONGEST_HOLD_SECONDS)
        return self._passes


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._goes_on(call := _call(self.command, self.path, body)):
            return
        upstream = _Connection(self.server.far)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host")}
            upstream.request(self.command, self.path, body or None, headers)
            # Sent, and not answered: the engine is at it.
            if not self._goes_on(Call(call.method, call.path, call.query, call.body, status=0)):
                return
            self._answer(call, upstream.getresponse())
        finally:
            upstream.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle

    def _answer(self, call: Call, response: http.client.HTTPResponse) -> None:
        streamed = call.path in STREAMS and response.status == 200
        content = b"" if streamed else response.read()
        known = Call(call.method, call.path, call.query, call.body, response.status, _json(content))
        if not self._goes_on(known):
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.getheader("Content-Type") or "application/json")
        self.end_headers()
        self.wfile.write(content)
        while streamed and (chunk := response.read1(65536)):
            self.wfile.write(chunk)
            self.wfile.flush()

    def _goes_on(self, call: Call) -> bool:
        return all(hold.wait() for hold in list(self.server.holds) if hold.applies(call))

    def address_string(self) -> str:
        return "gate"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    far: Path
    holds: list[Hold]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # one of the two left


class EngineGate:
    """Listens at `near`; the engine is at `far`."""

    def __init__(self, near: Path, far: Path) -> None:
        self.near = near
        self._server = _Server(str(near), _Handler)
        self._server.far = far
        self._server.holds = []
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hold(self, matches: Callable[[Call], bool]) -> Hold:
        """From now on."""
        made = Hold(matches)
        self._server.holds.append(made)
        return made

    def let_go(self, *, passes: bool = True) -> None:
        """All that is held, and nothing more is."""
        held, self._server.holds = self._server.holds, []
        for hold in held:
            hold.let_go(passes=passes)

    def close(self) -> None:
        """Nothing passes any more."""
        self.let_go(passes=False)
        self._server.shutdown()
        self._server.server_close()
        with contextlib.suppress(FileNotFoundError):
            self.near.unlink()


def _call(method: str, target: str, body: bytes) -> Call:
    parts = urlsplit(target)
    path = unquote(parts.path)
    if path.startswith("/v1."):
        path = "/" + path.split("/", 2)[2]
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return Call(method, path, query, _json(body))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
