"""The gate as seen from beside: does it answer on its socket, and has it read the routes?"""

from __future__ import annotations

import asyncio
import socket

from hub_ext.settings import Settings

ROUTES_PATH = "/routes"
_SECONDS = 2.0
# Without the front's headers the gate lets nothing pass.
_ANSWER = b"HTTP/1.1 401 "


def alive(settings: Settings, *, seconds: float = _SECONDS) -> bool:
    """Whether the gate answers within `seconds`."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(settings.gate_socket))
            connection.sendall(b"GET /check HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n")
            answer = b""
            while len(answer) < len(_ANSWER) and (chunk := connection.recv(256)):
                answer += chunk
            return answer.startswith(_ANSWER)
    except OSError:
        return False


async def routes_changed(settings: Settings) -> bool:
    """Have the gate read the routes again; whether it has, within 2 s.

    A gate that does not answer reads them by itself a second later, or when it starts.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(settings.gate_socket))
            try:
                request = f"POST {ROUTES_PATH} HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n\r\n"
                writer.write(request.encode())
                await writer.drain()
                return (await reader.readline()).startswith(b"HTTP/1.1 204 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
