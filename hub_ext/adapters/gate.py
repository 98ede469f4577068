"""The gate as seen from beside: does it answer on its socket?"""

from __future__ import annotations

import socket

from hub_ext.settings import Settings

# Without the front's headers the gate lets nothing pass.
_ANSWER = b"HTTP/1.1 401 "


def alive(settings: Settings, *, seconds: float = 2.0) -> bool:
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
