"""Frames of HTTP/2, written by hand: what no client library would send."""

from __future__ import annotations

import socket
import ssl

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS = 1, 4
_END_HEADERS = 4
SAID_BEFORE = b"\xbe"  # the header that was put into the table last


class Connection:
    """One connection with a server on loopback, whose certificate is not looked at."""

    def __init__(self, port: int) -> None:
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        anybody.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("127.0.0.1", port), 10)
        self.socket = anybody.wrap_socket(raw, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        self._received = b""

    def headers(self, stream: int, block: bytes) -> None:
        """Send a header block that ends, of a request whose body is still to come."""
        self.socket.sendall(_frame(_HEADERS, _END_HEADERS, stream, block))

    def status_lines(self, number: int) -> list[bytes]:
        """The first bytes of the header blocks of so many answers. Raises TimeoutError."""
        found: list[bytes] = []
        while len(found) < number:
            if len(self._received) < 9 or len(self._received) < 9 + self._length:
                self._received += self.socket.recv(65536)
                continue
            if self._received[3] == _HEADERS:
                found.append(self._received[9 : 9 + min(self._length, 5)])
            self._received = self._received[9 + self._length :]
        return found

    @property
    def _length(self) -> int:
        return int.from_bytes(self._received[:3], "big")


def request(method: str, host: str, path: str) -> bytes:
    """The beginning of a header block."""
    parts = ((":method", method), (":scheme", "https"), (":authority", host), (":path", path))
    return b"".join(literal(name, value) for name, value in parts)


def literal(name: str, value: str, *, kept: bool = False) -> bytes:
    """A header as it is; `kept` puts it into the table, from which one byte says it again."""
    return (b"\x40" if kept else b"\x00") + _text(name) + _text(value)


def _text(text: str) -> bytes:
    length, head = len(text), bytearray()
    if length < 127:
        return bytes((length,)) + text.encode()
    head.append(127)
    length -= 127
    while length >= 128:
        head.append(length % 128 + 128)
        length //= 128
    head.append(length)
    return bytes(head) + text.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
