"""A notebook server as seen over HTTP from the host: does it answer yet?"""

from __future__ import annotations

import asyncio

PORT = 8888


async def answers(address: str, path: str, *, seconds: float = 1.0) -> bool:
    """Whether the server at this address answers 200 to a GET of this path within `seconds`.

    One connection per question, without a client library: it is asked twenty times a second.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _status(address, path) == 200
    except (OSError, TimeoutError, ValueError):
        return False


async def _status(address: str, path: str) -> int:
    if any(letter.isspace() or not letter.isascii() for letter in path):
        raise ValueError(f"{path!r} is no path of a URL")
    reader, writer = await asyncio.open_connection(address, PORT)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {address}:{PORT}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        await writer.drain()
        line = await reader.readline()
        return int(line.split(maxsplit=2)[1]) if line.startswith(b"HTTP/1.") else 0
    except IndexError:
        return 0
    finally:
        writer.close()
