"""Around a real front: a gate on its socket, upstreams on ports, and a client that sends any bytes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECRET = "token 5ecre7-of-the-launch"
Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """What arrived: `target` is raw, names of headers are in lower case."""

    method: str
    target: str
    headers: Headers
    body: bytes
    body_bytes: int

    def values(self, name: str) -> list[str]:
        """The values of a header, in order."""
        return [value for key, value in self.headers if key == name.lower()]

    def value(self, name: str) -> str | None:
        """The value of a header that is there once; None for one that is not."""
        values = self.values(name)
        assert len(values) < 2, values
        return values[0] if values else None


@dataclass(frozen=True)
class Answer:
    """What a client received."""

    status: int
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The value of a header that is there once; None for one that is not."""
        values = self.values(name)
        assert len(values) < 2, values
        return values[0] if values else None


class Handler(socketserver.StreamRequestHandler):
    """Requests of one connection, one after the other."""

    server: _Threads

    def handle(self) -> None:
        self.server.connections.append(self.request)
        with contextlib.suppress(OSError, ValueError):
            while self._one():
                pass

    def _one(self) -> bool:
        line = self.rfile.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        headers = []
        while header := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = header.partition(":")
            headers.append((name.lower(), value.strip()))
        body, length = self._body(dict(headers))
        request = Request(method, target, headers, body, length)
        self.server.requests.append(request)
        return self.server.answer(request, self)

    def _body(self, headers: dict[str, str]) -> tuple[bytes, int]:
        """The first bytes of the body, and how many they are in all."""
        first, length = b"", 0
        for size in self._sizes(headers):
            rest = size
            while rest:
                chunk = self.rfile.read(min(rest, 1024**2))
                if not chunk:
                    raise ValueError("the body was cut")
                first, length, rest = (
                    first + chunk[: 1024 - len(first)],
                    length + len(chunk),
                    rest - len(chunk),
                )
        return first, length

    def _sizes(self, headers: dict[str, str]) -> Iterator[int]:
        if headers.get("transfer-encoding") != "chunked":
            yield int(headers.get("content-length", 0))
            return
        while size := int(self.rfile.readline(), 16):
            yield size
            self.rfile.readline()
        self.rfile.readline()

    def send(self, status: str, headers: Headers, body: bytes = b"", *, close: bool = False) -> bool:
        """Send an answer; whether the connection goes on."""
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        lines += [f"Content-Length: {len(body)}"] if not status.startswith("204") else []
        lines += ["Connection: close"] if close else []
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return not close


class _Threads(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 256
    answer: Callable[[Request, Handler], bool]

    def __init__(self, address: Any) -> None:
        super().__init__(address, Handler)  # type: ignore[call-arg]
        self.requests: list[Request] = []
        self.connections: list[socket.socket] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()  # type: ignore[attr-defined]

    def close(self) -> None:
        """As the end of its process does, with every connection."""
        self.shutdown()  # type: ignore[attr-defined]
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _TcpServer(_Threads, socketserver.TCPServer):
    allow_reuse_address = True


class _UnixServer(_Threads, socketserver.UnixStreamServer):
    pass


class Upstream:
    """An upstream that answers with `raw` where it is set, else with `status`, `headers` and `body`."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _TcpServer((address, port))
        self._server.answer = self._answer
        self.address = f"{address}:{self._server.server_address[1]}"
        self.reset()

    def reset(self) -> None:
        """As it was at first."""
        self.status, self.body, self.raw = "200 OK", b"here", b""
        self.headers: Headers = [("Content-Type", "text/plain")]
        self.handle: Callable[[Request, Handler], bool] | None = None
        self._server.requests.clear()
        self._server.connections.clear()

    @property
    def connections(self) -> int:
        """How many were made since the last reset."""
        return len(self._server.connections)

    @property
    def requests(self) -> list[Request]:
        """What arrived since the last reset."""
        return self._server.requests

    def _answer(self, request: Request, handler: Handler) -> bool:
        if self.handle is not None:
            return self.handle(request, handler)
        if self.raw:
            handler.wfile.write(self.raw)
            return False
        return handler.send(self.status, self.headers, self.body)

    def close(self) -> None:
        """Nothing listens there any more."""
        self._server.close()


@dataclass
class Gate:
    """A gate on a Unix socket. `upstreams` are those of the prefixes that it lets in; all else is a 401.

    An empty `answer_status` ends the connection instead of an answer.
    """

    path: Path
    upstreams: dict[str, str]
    check_status: str = ""
    answer_status: str = "403 Forbidden"
    answer_headers: Headers = field(default_factory=list)
    cookie: str = "kept=1"
    stripped: bool = False  # whether servers get their addresses without the prefix
    uri: str = ""  # what servers are asked in place of the address that came

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.open()

    def open(self) -> None:
        """Listen."""
        self.path.unlink(missing_ok=True)
        self._server = _UnixServer(str(self.path))
        self._server.answer = self._answer
        self.path.chmod(0o666)

    def close(self) -> None:
        """Nothing listens there any more."""
        self._server.close()
        self.path.unlink(missing_ok=True)

    @property
    def requests(self) -> list[Request]:
        """What arrived since it listens."""
        return self._server.requests

    def reset(self) -> None:
        """As it was at first, but for its upstreams."""
        self.check_status, self.cookie, self.stripped, self.uri = "", "kept=1", False, ""
        self.answer_status, self.answer_headers = "403 Forbidden", []
        self.requests.clear()

    def _answer(self, request: Request, handler: Handler) -> bool:
        if request.value("upgrade") == "websocket" and request.target != "/check":
            return self._relay(request, handler)
        if request.target == "/check":
            return self._check(request, handler)
        if not self.answer_status:
            return False
        return handler.send(self.answer_status, self.answer_headers, b"the gate: " + request.body)

    def _check(self, request: Request, handler: Handler) -> bool:
        uri = request.value("x-original-uri") or ""
        prefix = next((prefix for prefix in self.upstreams if uri.startswith(prefix)), None)
        if self.check_status or prefix is None:
            return handler.send(self.check_status or "401 Unauthorized", [])
        headers = [
            ("X-Gate-Upstream", self.upstreams[prefix]),
            ("X-Gate-Authorization", SECRET),
            ("X-Gate-Cookie", self.cookie),
            ("X-Gate-Prefix", prefix),
        ]
        if self.stripped:
            headers += [("X-Gate-Uri", uri[len(prefix) - 1 :]), ("X-Gate-Forwarded-Prefix", prefix[:-1])]
        elif self.uri:
            headers.append(("X-Gate-Uri", self.uri))
        return handler.send("204 No Content", headers)

    def _relay(self, request: Request, handler: Handler) -> bool:
        """Takes the first subprotocol, then sends back whatever comes."""
        key = (request.value("sec-websocket-key") or "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()  # noqa: S324
        protocol = (request.value("sec-websocket-protocol") or "").split(",")[0]
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            *("Upgrade: websocket", "Connection: Upgrade"),
            *(f"Sec-WebSocket-Accept: {accepted}", f"Sec-WebSocket-Protocol: {protocol}"),
        ]
        handler.wfile.write("\r\n".join([*lines, "", ""]).encode())
        while received := handler.request.recv(65536):
            handler.request.sendall(received)
        return False


def ask(
    port: int,
    target: str,
    headers: Headers | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
    host: str = "",
    seconds: float = 30,
) -> Answer:
    """An answer to this very target, which is sent as it stands."""
    sent = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Connection: close"]
    sent += [f"{name}: {value}" for name, value in headers or []]
    sent += [f"Content-Length: {len(body)}"] if body else []
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall("\r\n".join([*sent, "", ""]).encode("latin-1") + body)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return Answer(response.status, response.getheaders(), response.read())


def ask_raw(port: int, content: bytes, *, seconds: float = 30) -> bytes:
    """All that comes back on a connection after these bytes, until it is closed."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(content)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
