"""An engine that fails is an unknown, in bounded time; only its own "no such …" is an absence."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.engine import Engine, EngineAnswered
from hub_ext.errors import EngineError, EngineUnreachable, HubExtError, ImageUnavailable
from hub_ext.settings import Settings
from tests.support.sick_engine import Handler, SickEngine, breaking_off, hanging, saying

CALLS: dict[str, Callable[[Engine], Awaitable[object]]] = {
    "ping": lambda engine: engine.ping(),
    "version": lambda engine: engine.version(),
    "info": lambda engine: engine.info(),
    "inspect": lambda engine: engine.inspect("x"),
    "create": lambda engine: engine.create("x", {}),
    "start": lambda engine: engine.start("x"),
    "stop": lambda engine: engine.stop("x", 0),
    "kill": lambda engine: engine.kill("x"),
    "remove": lambda engine: engine.remove("x"),
    "wait_gone": lambda engine: engine.wait_gone("x"),
    "listing": lambda engine: engine.listing({}),
    "logs_tail": lambda engine: engine.logs_tail("x"),
    "has_image": lambda engine: engine.has_image("h:1/x", "sha256:0"),
    "pull": lambda engine: engine.pull("h:1/x", "sha256:0"),
    "ensure_volume": lambda engine: engine.ensure_volume("x"),
    "seed_volume": lambda engine: engine.seed_volume("x", uid=1, gid=1, mode=0o700),
    "has_volume": lambda engine: engine.has_volume("x"),
    "volumes": lambda engine: engine.volumes({}),
    "users_of_volume": lambda engine: engine.users_of_volume("x"),
    "proof_of_removal": lambda engine: engine.proof_of_removal("x", None),
    "networks": lambda engine: engine.networks({}),
    "remove_volume": lambda engine: engine.remove_volume("x"),
    "free_bytes": lambda engine: engine.free_bytes(),
    "run_probe": lambda engine: engine.run_probe("x", ["x"], uid=1, gid=1, seconds=1),
    "ensure_network": lambda engine: engine.ensure_network(),
    "check_network": lambda engine: engine.check_network(),
    "remove_network": lambda engine: engine.remove_network(),
    "events": lambda engine: anext(engine.events({})),
}
# What the engine answers with nothing but a status, or with what is no JSON.
BODILESS = {"ping", "start", "stop", "kill", "remove", "logs_tail"}
BODILESS |= {"remove_network", "remove_volume"}


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_500_is_never_an_absence(patient: Engine, name: str) -> None:
    with pytest.raises(HubExtError, match="disk on fire") as caught:
        await CALLS[name](patient)
    assert isinstance(caught.value, EngineError) or name == "ensure_network"


async def test_a_hung_engine_is_unreachable_in_bounded_time(
    sick_settings: Settings, sick: SickEngine
) -> None:
    sick.answer = hanging
    names = sorted(set(CALLS) - {"events"})
    engines = [Engine(sick_settings) for _ in names]

    async def timed(name: str, engine: Engine) -> tuple[BaseException | None, float]:
        began = time.monotonic()
        try:
            await CALLS[name](engine)
        except HubExtError as error:
            return error, time.monotonic() - began
        return None, 0

    heard = await asyncio.gather(*map(timed, names, engines))
    for engine in engines:
        engine.close()
    assert {name: type(error) for name, (error, _) in zip(names, heard, strict=True)} == dict.fromkeys(
        names, EngineUnreachable
    )
    # A probe's and a seed's container are removed all the same: one more call.
    assert max(seconds for _, seconds in heard) < 8


@pytest.mark.parametrize("name", sorted(set(CALLS) - BODILESS))
@pytest.mark.parametrize("answer", [breaking_off, saying(200, b"<html>")], ids=["cut", "not-json"])
async def test_half_an_answer_is_no_answer(
    patient: Engine, sick: SickEngine, name: str, answer: Callable[[Handler], None]
) -> None:
    sick.answer = answer
    with pytest.raises(EngineError):
        await CALLS[name](patient)


async def test_a_stranger_s_404_is_no_absence(patient: Engine, sick: SickEngine) -> None:
    for body in (b"<html>not found</html>", b'{"message": "page not found"}', b"{}"):
        sick.answer = saying(404, body)
        with pytest.raises(EngineAnswered):
            await patient.inspect("x")
    sick.answer = saying(404, b'{"message": "No such container: x"}')
    assert await patient.inspect("x") is None


async def test_no_socket_is_unreachable(settings: Settings, tmp_path: Path) -> None:
    engine = Engine(replace(settings, engine_url=f"unix://{tmp_path}/none.sock"))
    with pytest.raises(EngineUnreachable, match="docker version"):
        await engine.inspect("x")
    engine.close()


async def test_forty_callers_of_a_hung_engine_all_hear_within_the_limit(
    patient: Engine, sick: SickEngine
) -> None:
    sick.answer = hanging
    began = time.monotonic()
    heard = await asyncio.gather(*(patient.inspect("x") for _ in range(40)), return_exceptions=True)
    assert all(isinstance(error, EngineUnreachable) for error in heard)
    assert time.monotonic() - began < 5


async def test_slow_stops_and_pulls_delay_nobody(sick_settings: Settings, sick: SickEngine) -> None:
    held = threading.Event()
    # Limits that a busy machine does not reach: only waiting in line may be slow here.
    engine = Engine(replace(sick_settings, engine_seconds=60, pull_seconds=60))

    def answer(handler: Handler) -> None:
        if "/stop" in handler.path or "/images/create" in handler.path:
            held.wait(50)
        if "/images/" in handler.path and handler.command == "GET":
            handler.say(404, b'{"message": "No such image: x"}')
        else:
            handler.say(200, b"{}")

    sick.answer = answer
    slow = [asyncio.create_task(engine.stop(f"s{n}")) for n in range(12)]
    slow += [asyncio.create_task(engine.pull(f"h:1/p{n}", "sha256:0")) for n in range(4)]
    for _ in range(3000):
        if sum("/stop" in asked or "/images/create" in asked for asked in sick.asked) == len(slow):
            break
        await asyncio.sleep(0.01)
    # In line behind them, these would not come back before the others are let go.
    await asyncio.wait_for(asyncio.gather(engine.inspect("x"), engine.start("x"), engine.kill("y")), 30)
    assert not any(task.done() for task in slow)
    held.set()
    await asyncio.gather(*slow, return_exceptions=True)
    engine.close()


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(
    patient: Engine, sick: SickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped: list[asyncio.Future[Any]] = []

    def wrap(pending: concurrent.futures.Future[Any]) -> asyncio.Future[Any]:
        wrapped.append(asyncio.Future())
        # First in line: it comes before whoever waits for the answer is woken.
        wrapped[0].add_done_callback(lambda _: inspecting.cancel())
        pending.add_done_callback(
            lambda done: loop.call_soon_threadsafe(wrapped[0].set_result, done.result())
        )
        return wrapped[0]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(asyncio, "wrap_future", wrap)
    sick.answer = saying(200, b"{}")
    inspecting = asyncio.create_task(patient.inspect("x"))
    with pytest.raises(asyncio.CancelledError):
        await inspecting
    assert wrapped[0].done()


async def test_a_cancelled_creation_has_ended_when_it_gives_in(patient: Engine, sick: SickEngine) -> None:
    sick.answer = saying(201, b'{"Id": "1"}', after=0.5)
    began = time.monotonic()
    creation = asyncio.create_task(patient.create("x", {}))
    await asyncio.sleep(0.1)
    creation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert time.monotonic() - began >= 0.5


async def test_a_pull_cut_short_is_no_pull(patient: Engine, sick: SickEngine) -> None:
    def answer(handler: Handler) -> None:
        if handler.command == "POST":
            handler.say(200, b'{"status": "Downloading", "id": "abc", "progressDetail": {}}\n')
        else:
            handler.say(404, b'{"message": "No such image: x"}')

    sick.answer = answer
    with pytest.raises(ImageUnavailable):
        await patient.pull("h:1/x", "sha256:0")


async def test_a_broken_stream_of_events_is_told(patient: Engine, sick: SickEngine) -> None:
    sick.answer = saying(200, b"")
    with pytest.raises(EngineUnreachable, match="ended the stream"):
        await anext(patient.events({}))
    sick.answer = saying(200, b"gibberish\n")
    with pytest.raises(EngineError, match="cannot be read"):
        await anext(patient.events({}))
