"""Where the frames of a WebSocket begin and end in a stream of bytes, and which of them carry data."""

from __future__ import annotations

import time
from collections.abc import Callable

_CONTROL = 0x08  # opcodes 8 to 15: close, ping, pong
_MASKED = 0x80

# To read a header costs half a microsecond, in a process that is everybody's. JupyterLab has some hundreds a
# second at most.
FRAMES_PER_SECOND = 50_000


class FrameBudget:
    """How many frame headers are read for one launch; what is not used is kept for a second."""

    __slots__ = ("_at", "_clock", "_left")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()
        self._left = float(FRAMES_PER_SECOND)

    @property
    def is_spent(self) -> bool:
        """Whether no more may be read now."""
        now = self._clock()
        self._left = min(FRAMES_PER_SECOND, self._left + (now - self._at) * FRAMES_PER_SECOND)
        self._at = now
        return self._left <= 0

    def spend(self, frames: int) -> None:
        """Takes off what was read."""
        self._left -= frames


class FrameCounter:
    """Reads frame headers as bytes go by, and keeps none of the payload."""

    __slots__ = ("_header", "_left", "data_frames", "frames", "lost")

    def __init__(self) -> None:
        self.frames = 0
        self.data_frames = 0
        self.lost = False  # no more is read, and where frames begin is not known any more
        self._left = 0  # bytes of payload still to come
        self._header = b""  # the beginning of a header that is not whole yet

    @property
    def between_frames(self) -> bool:
        """Whether the stream stands where a frame has ended."""
        return not (self._left or self._header or self.lost)

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Count the frames that begin in the next bytes of the stream."""
        at, end = 0, 0 if self.lost else len(chunk)
        # The usual chunk is one whole frame of less than 64 KiB.
        if end >= 8 and not self._left and not self._header:
            second = chunk[1]
            length, head = second & 0x7F, 6 if second & _MASKED else 2
            if length == 126:
                length, head = chunk[2] << 8 | chunk[3], head + 2
            if head + length == end and length != 127:
                self.frames += 1
                if not chunk[0] & _CONTROL:
                    self.data_frames += 1
                return
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            # 14 bytes are the longest header.
            header = self._header + bytes(chunk[at : at + 14 - len(self._header)])
            size = _header_size(header)
            if len(header) < size:
                self._header = header
                return
            at += size - len(self._header)
            self._header = b""
            self._left = _payload_size(header)
            self.frames += 1
            if not header[0] & _CONTROL:
                self.data_frames += 1


def _header_size(header: bytes) -> int:
    if len(header) < 2:
        return 2
    length = header[1] & 0x7F
    extra = 8 if length == 127 else 2 if length == 126 else 0
    return 2 + extra + (4 if header[1] & _MASKED else 0)


def _payload_size(header: bytes) -> int:
    length = header[1] & 0x7F
    if length == 126:
        return int.from_bytes(header[2:4], "big")
    if length == 127:
        return int.from_bytes(header[2:10], "big")
    return length


def close_frame(code: int) -> bytes:
    """A server's close frame, with no reason beside its code."""
    return bytes((0x88, 2)) + code.to_bytes(2, "big")
