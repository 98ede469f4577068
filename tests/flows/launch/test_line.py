"""First come, first served; everybody hears their place; who gives up makes room."""

from __future__ import annotations

import asyncio

from hub_ext.flows.launch.line import Line


class Waiter:
    """Somebody in line, who leaves when told to."""

    def __init__(self, line: Line, order: list[str], name: str) -> None:
        self.places: list[int] = []
        self.done = asyncio.Event()
        self._name, self._order, self._line = name, order, line
        self.task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        async with self._line.place(self.places.append):
            self._order.append(self._name)
            await self.done.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_line_keeps_its_order_and_its_width() -> None:
    line, order = Line(2), []  # type: ignore[var-annotated]
    waiters = [Waiter(line, order, name) for name in "abcde"]
    await settle()
    assert order == ["a", "b"]
    assert [waiter.places for waiter in waiters[2:]] == [[1], [2], [3]]
    waiters[1].done.set()
    await settle()
    assert order == ["a", "b", "c"]
    assert [waiter.places[-1] for waiter in waiters[3:]] == [1, 2]
    for waiter in waiters:
        waiter.done.set()
    await asyncio.gather(*(waiter.task for waiter in waiters))
    assert order == list("abcde")


async def test_who_gives_up_makes_room() -> None:
    line, order = Line(1), []  # type: ignore[var-annotated]
    waiters = [Waiter(line, order, name) for name in "abc"]
    await settle()
    waiters[1].task.cancel()
    await settle()
    assert waiters[2].places[-1] == 1
    waiters[0].task.cancel()
    await settle()
    assert order == ["a", "c"]
    waiters[2].done.set()
    await waiters[2].task


async def test_one_who_is_called_in_and_gives_up_at_once_holds_no_place() -> None:
    line, order = Line(1), []  # type: ignore[var-annotated]
    one, two, three = (Waiter(line, order, name) for name in "abc")
    await settle()
    one.done.set()
    await one.task  # two is called in, but has not run yet
    two.task.cancel()
    await settle()
    assert order[-1] == "c"
    three.done.set()
    await three.task


async def test_who_leaves_early_is_counted_once() -> None:
    line = Line(1)
    async with line.place(lambda _: None) as leave:
        leave()
        leave()
        async with asyncio.timeout(1), line.place(lambda _: None):
            pass
    async with asyncio.timeout(1), line.place(lambda _: None):
        pass
