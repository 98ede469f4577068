"""From opening a notebook to its first cell's result: a session is asked for, then a cell is run in it.

By the door, with a token of the person's; the servers are running already, and take turns.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import aiohttp

from bench import figures
from bench.client import LocalNames
from bench.instance import Instance
from bench.run import Run
from hub_ext.cli.setup.steps import Say

_USER = "one"
_CODE = {"python": ("python3", "print(6 * 7)"), "r": ("ir", "cat(6 * 7)")}


async def measure(run: Run) -> None:
    """first_kernel."""
    rounds = 3 if run.quick else 10
    times = await _by_turns(run.both, "python", rounds, run.say)
    found: dict[str, Any] = {}
    for kind, taken in times.items():
        found |= figures.spread(kind, taken)
    found["ratio_stock"] = figures.paired_ratio(times["ours"], times["stock"])
    found |= figures.spread("ours_r", (await _by_turns((run.ours,), "r", rounds, run.say))["ours"])
    run.figures["first_kernel"] = found


async def _by_turns(
    instances: Sequence[Instance], image: str, rounds: int, say: Say
) -> dict[str, list[float]]:
    """Seconds of each round, on servers that run beside each other."""
    times: dict[str, list[float]] = {instance.kind: [] for instance in instances}
    servers = {}
    try:
        for instance in instances:
            visitor = await instance.visitor(_USER)
            await instance.started(visitor, image)
            servers[instance.kind] = (await visitor.enter()).url, await visitor.token()
        for number in range(rounds):
            say(f"First kernel, {image}, {number + 1} of {rounds}")
            for kind, (server, token) in servers.items():
                times[kind].append(await _first_result(server, token, *_CODE[image]))
    finally:
        for instance in instances:
            await instance.stop_all([await instance.visitor(_USER)])
    return times


async def _first_result(server: str, token: str, kernel: str, code: str) -> float:
    connector = aiohttp.TCPConnector(resolver=LocalNames())
    sent = {"Authorization": f"token {token}"}
    async with aiohttp.ClientSession(headers=sent, connector=connector) as session:
        began = time.monotonic()
        asked = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": kernel}}
        async with session.post(f"{server}api/sessions", json=asked) as answer:
            answer.raise_for_status()
            made = await answer.json()
        channels = f"{server}api/kernels/{made['kernel']['id']}/channels"
        async with session.ws_connect(channels) as socket:
            await socket.send_str(json.dumps(_execute(code)))
            async for message in socket:
                told = json.loads(message.data)
                if told["msg_type"] == "stream" and "42" in told["content"]["text"]:
                    break
        taken = time.monotonic() - began
        async with session.delete(f"{server}api/sessions/{made['id']}") as answer:
            answer.raise_for_status()
    return taken


def _execute(code: str) -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    header |= {"session": uuid.uuid4().hex, "username": "", "date": ""}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": True}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
        "channel": "shell",
    }
