"""A Hub that is measured: ours or a stock one, with people who are signed in."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.client import Visitor

_VERSION = re.compile(r"^/v\d+\.\d+")
_IDS = re.compile(r"[0-9a-f]{64}|sha256:[0-9a-f]{64}")


@dataclass
class Instance:
    """`options(image)` is what a start asks for; `container(user)` names the container of their server.

    `processes` are the process ids by name; `notes` is where the wire to its engine writes.
    """

    kind: str
    url: str
    processes: Callable[[], dict[str, int]]
    options: Callable[[str], dict[str, Any]]
    container: Callable[[str], str]
    password: str
    notes: Path
    visitors: list[Visitor] = field(default_factory=list)
    _connector: aiohttp.BaseConnector | None = None

    async def sign_in(self, names: list[str]) -> None:
        """These people come in; those who are in stay."""
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0)
        known = {visitor.name for visitor in self.visitors}
        for name in names:
            if name not in known:
                self.visitors.append(await Visitor.signed_in(self.url, name, self.password, self._connector))

    async def close(self) -> None:
        """Lets go of the connections."""
        for visitor in self.visitors:
            await visitor.close()
        if self._connector is not None:
            await self._connector.close()

    async def stop_all(self, visitors: list[Visitor], at_once: int = 8) -> None:
        """Stops the servers of these people, a few at a time."""
        turns = asyncio.Semaphore(at_once)

        async def one(visitor: Visitor) -> None:
            async with turns:
                if await visitor.has_server():
                    await visitor.stop()

        await asyncio.gather(*(one(visitor) for visitor in visitors))

    def asked(self, since: float, until: float) -> Counter[str]:
        """What the engine was asked between two moments of time.monotonic(), as "GET /containers/…/json"."""
        found: Counter[str] = Counter()
        for line in self.notes.read_text().splitlines():
            when, method, target = line.split(" ", 2)
            if since <= float(when) < until:
                found[f"{method} {_pattern(target)}"] += 1
        return found


def _pattern(target: str) -> str:
    path = _VERSION.sub("", target.partition("?")[0])
    parts = _IDS.sub("…", path).split("/")
    # /KIND/NAME/VERB: the name says nothing.
    if (
        len(parts) > 2
        and parts[1] in ("containers", "volumes", "networks", "exec")
        and parts[2]
        not in (
            "create",
            "json",
            "prune",
        )
    ):
        parts[2] = "…"
    if len(parts) > 3 and parts[1] == "images" and parts[-1] == "json":
        parts[2:-1] = ["…"]
    return "/".join(parts)
