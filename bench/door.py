"""One Hub's servers by what stands before them: single takes of each thing that it is measured by."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass

from bench.house import FAST
from bench.instance import Instance
from bench.processes import cpu_seconds, rss_bytes
from bench.raw_client import EchoSocket, KeptConnection, ServerAddress, requests_per_second

BODY_BYTES = 200_000_000
CONNECTIONS = 8
MESSAGE_BYTES = 1024
_NOTEBOOK_USER, _FAST_USER = "one", "two"
# What passes the requests of servers on; the Hub and its services do not.
_PARTS = ("gate", "front", "proxy")
_SMALL, _SOCKET = "api/status", "api/kernels/echo/channels"


@dataclass(frozen=True, slots=True)
class Door:
    """A real notebook server and the fast one, at the addresses that their people's browsers find."""

    instance: Instance
    notebook: ServerAddress
    fast: ServerAddress

    @classmethod
    async def opened(cls, instance: Instance) -> Door:
        """Both servers started, and both people in."""
        notebook, fast = [await instance.visitor(name) for name in (_NOTEBOOK_USER, _FAST_USER)]
        await instance.started(notebook, "python")
        await instance.started(fast, FAST)
        return cls(instance, await notebook.enter(), await fast.enter())

    def notebook_seconds(self, count: int) -> list[float]:
        """Seconds of each of so many small requests to the notebook, one after the other; blocks."""
        return _small(self.notebook, count)

    def fast_seconds(self, count: int) -> list[float]:
        """The same to the fast server."""
        return _small(self.fast, count)

    def up(self) -> float:
        """MB a second that reach the fast server; blocks."""
        with closing(KeptConnection(self.fast)) as connection:
            return BODY_BYTES / 1e6 / connection.put("api/contents/large", BODY_BYTES)

    def down(self) -> float:
        """MB a second that come from it; blocks."""
        with closing(KeptConnection(self.fast)) as connection:
            return BODY_BYTES / 1e6 / connection.get(f"bytes/{BODY_BYTES}")

    def messages(self, count: int, at_once: int) -> float:
        """Messages a second on one WebSocket, there and back, so many on their way; blocks."""
        with closing(EchoSocket(self.fast, _SOCKET)) as echo:
            echo.exchange(count // 10, MESSAGE_BYTES, at_once)
            return count / echo.exchange(count, MESSAGE_BYTES, at_once)

    async def requests(self, seconds: float) -> tuple[float, dict[str, float]]:
        """Requests a second on kept connections, and milliseconds of CPU time of each part for one."""
        processes = self._processes()
        before = {name: cpu_seconds(pid) for name, pid in processes.items()}
        rate = await requests_per_second(self.fast, _SMALL, CONNECTIONS, seconds)
        used: dict[str, float] = {}
        for name, pid in processes.items():
            part = name.partition("-")[0]  # the front is several processes
            used[part] = used.get(part, 0.0) + cpu_seconds(pid) - before[name]
        return rate, {part: 1000 * taken / (rate * seconds) for part, taken in used.items()}

    def open_sockets(self, count: int) -> float:
        """KiB that the door's processes hold for each of so many WebSockets that say nothing; blocks."""
        processes = self._processes().values()
        before = sum(map(rss_bytes, processes))
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(closing(EchoSocket(self.fast, _SOCKET)))
            return (sum(map(rss_bytes, processes)) - before) / count / 1024

    def _processes(self) -> dict[str, int]:
        found = self.instance.processes()
        return {name: pid for name, pid in found.items() if name.partition("-")[0] in _PARTS}


def _small(address: ServerAddress, count: int) -> list[float]:
    with closing(KeptConnection(address)) as connection:
        for _ in range(5):
            connection.get(_SMALL)
        return [connection.get(_SMALL) for _ in range(count)]
