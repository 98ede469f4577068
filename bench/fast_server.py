"""A server that answers at once: the upstream that front and proxy are compared with.

It stands in a container in a notebook server's place (`house.FAST`), with Python's standard library alone.
`GET …/bytes/N` gives N bytes, a request with a body is answered when all of it has come, a WebSocket sends
back each message as it is, and every other request gets a small answer.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re

PORT = 8888
_SMALL = b'{"connections": 0, "kernels": 0, "last_activity": "2026-11-29T00:00:00Z", "started": "2026-11-29"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_DOWN = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
_UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: %s\r\n\r\n"
)
_WEBSOCKET_ID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BYTES = re.compile(rb"/bytes/(\d+) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_CHUNK = bytes(256 * 1024)
_CLOSE_OPCODE = 8


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = bytearray()
        self._body_left = 0
        self._to_send = 0
        self._paused = False
        self._closes = False
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, chunk: bytes) -> None:
        if self._body_left:
            # The rest of an upload is counted and not kept.
            self._body_left -= len(chunk)
            if self._body_left <= 0:
                self._answer()
            return
        self._received += chunk
        if self._upgraded:
            self._echo()
            return
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, body = bytes(self._received[:end]), len(self._received) - end - 4
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            del self._received[: end + 4 + min(body, length)]
            self._closes = _CLOSE.search(head) is not None
            if key := _KEY.search(head):
                accept = base64.b64encode(hashlib.sha1(key[1] + _WEBSOCKET_ID).digest())  # noqa: S324
                self._transport.write(_UPGRADED % accept)
                self._upgraded = True
                self._echo()
                return
            if body < length:
                self._body_left = length - body
                return
            if asked := _BYTES.search(head.partition(b"\r\n")[0]):
                self._to_send = int(asked[1])
                self._transport.write(_DOWN % self._to_send)
                self._send()
                return
            self._answer()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()

    def _answer(self) -> None:
        self._transport.write(_ANSWER % (len(_SMALL), _SMALL))
        self._end()

    def _send(self) -> None:
        while self._to_send and not self._paused:
            part = min(self._to_send, len(_CHUNK))
            self._to_send -= part
            self._transport.write(_CHUNK if part == len(_CHUNK) else _CHUNK[:part])
            if not self._to_send:
                self._end()

    def _end(self) -> None:
        if self._closes:
            self._transport.close()

    def _echo(self) -> None:
        """Every whole frame of a client goes back without its mask; of 64 KiB at most."""
        while len(self._received) >= 6:
            length, at = self._received[1] & 0x7F, 2
            if length == 126:
                length, at = int.from_bytes(self._received[2:4], "big"), 4
            if len(self._received) < at + 4 + length:
                return
            mask = bytes(self._received[at : at + 4])
            masked = self._received[at + 4 : at + 4 + length]
            opcode = self._received[0] & 0x0F
            del self._received[: at + 4 + length]
            key = int.from_bytes(mask * (length // 4 + 1), "big") >> 8 * (4 - length % 4)
            plain = (int.from_bytes(masked, "big") ^ key).to_bytes(length, "big")
            self._transport.write(frame(plain, opcode))
            if opcode == _CLOSE_OPCODE:
                self._transport.close()
                return


def frame(payload: bytes, opcode: int) -> bytes:
    """A server's frame, of less than 64 KiB."""
    if len(payload) < 126:
        return bytes((0x80 | opcode, len(payload))) + payload
    return bytes((0x80 | opcode, 126)) + len(payload).to_bytes(2, "big") + payload


async def main() -> None:
    """Answer until the container is stopped."""
    server = await asyncio.get_running_loop().create_server(_Connection, "0.0.0.0", PORT, backlog=4096)  # noqa: S104
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
