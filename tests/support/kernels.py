"""Messages to a kernel, as JupyterLab sends them through a kernel's WebSocket."""

from __future__ import annotations

from typing import Any


def execute_request(code: str) -> dict[str, Any]:
    """The message that runs a cell."""
    return {
        "channel": "shell",
        "header": {"msg_id": "m", "msg_type": "execute_request", "session": "s", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": True, "allow_stdin": False},
    }
