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

from bench.client import LocalNames, Start, Visitor

PASSWORD = "nobody's"  # noqa: S105 - of people who are made up and gone within the hour
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
    notes: Path
    visitors: list[Visitor] = field(default_factory=list)
    _connector: aiohttp.BaseConnector | None = None

    async def visitor(self, name: str) -> Visitor:
        """That person, who comes in where they are not in yet."""
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, resolver=LocalNames())
        known = next((visitor for visitor in self.visitors if visitor.name == name), None)
        if known is None:
            known = await Visitor.signed_in(self.url, name, PASSWORD, self._connector)
            self.visitors.append(known)
        return known

    async def started(self, visitor: Visitor, image: str) -> Start:
        """That person's server, ready. Raises RuntimeError where it does not come up."""
        start = await visitor.start(self.options(image))
        if start.failure:
            raise RuntimeError(f"{self.kind}: {start.failure}")
        return start

    async def start_all(self, names: list[str], image: str, at_once: int) -> list[Visitor]:
        """The servers of these people, so many at a time; the people. Raises RuntimeError where one fails."""
        turns = asyncio.Semaphore(at_once)
        visitors = [await self.visitor(name) for name in names]

        async def one(visitor: Visitor) -> None:
            async with turns:
                await self.started(visitor, image)

        await asyncio.gather(*(one(visitor) for visitor in visitors))
        return visitors

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
    named = len(parts) > 2 and parts[1] in ("containers", "volumes", "networks", "exec")
    if named and parts[2] not in ("create", "json", "prune"):
        parts[2] = "…"
    if len(parts) > 3 and parts[1] == "images" and parts[-1] == "json":
        parts[2:-1] = ["…"]
    return "/".join(parts)
