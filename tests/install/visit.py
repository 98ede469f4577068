"""A researcher's visit, run as a program in the host's network: sign in, start a server, compute, stop.

    python -m tests.install.visit URL USERNAME <PASSWORD_FILE

Prints what the notebook's kernel printed. Ends with a traceback where anything fails.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from typing import Any

import aiohttp

from bench.client import Visitor

# A project, an environment and a dataset of the demo, as a researcher chooses them on the page.
CHOICE = {"project": "onco", "environment": "python", "datasets": ["breast-cancer"], "size": "s", "gpus": 0}
KERNEL = "python3"
CODE = """\
import csv
print(sum(range(10)))
with open("/data/breast-cancer/tumours.csv") as file:
    print(len(list(csv.DictReader(file))))
"""
_KERNEL_SECONDS = 60


async def visit(url: str, username: str, password: str) -> str:
    """What CODE printed in a server of that account. The server is stopped afterwards."""
    async with aiohttp.TCPConnector() as connector:
        visitor = await Visitor.signed_in(url, username, password, connector)
        try:
            start = await visitor.start(CHOICE)
            if start.failure:
                raise RuntimeError(start.failure)
            token = await visitor.token()
            printed = await asyncio.wait_for(_run(f"{url}/user/{username}/api", token), _KERNEL_SECONDS)
            await visitor.stop()
        finally:
            await visitor.close()
    return printed


async def _run(server: str, token: str) -> str:
    """What CODE prints in a new kernel of that server, over the kernel's WebSocket."""
    async with aiohttp.ClientSession(headers={"Authorization": f"token {token}"}) as session:
        notebook = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": KERNEL}}
        async with session.post(f"{server}/sessions", json=notebook) as answer:
            answer.raise_for_status()
            kernel = (await answer.json())["kernel"]["id"]
        request = _execute_request()
        printed = ""
        async with session.ws_connect(f"{server}/kernels/{kernel}/channels") as socket:
            await socket.send_json(request)
            async for frame in socket:
                message = json.loads(frame.data)
                if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                    continue
                if message["msg_type"] == "error":
                    raise RuntimeError("\n".join(message["content"]["traceback"]))
                if message["msg_type"] == "stream":
                    printed += message["content"]["text"]
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return printed
    raise RuntimeError("the kernel's connection ended")


def _execute_request() -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    header |= {"session": uuid.uuid4().hex, "username": "", "date": ""}
    content = {"code": CODE, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    return message | {"buffers": [], "channel": "shell"}


if __name__ == "__main__":
    print(asyncio.run(visit(*sys.argv[1:3], sys.stdin.readline().strip())), end="")
