"""The trial of a check: the image's server, started as a launch starts it, then the image's own smoke test.

All of it is looked at from outside: nothing of ours is needed in the image, and an image without a smoke test
is tried by its server alone. Containers and volumes are gone at the end, however it comes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE, address
from hub_ext.adapters.store import image_checks, revisions
from hub_ext.errors import InputError, PlanMismatch
from hub_ext.expression import docker as expression
from hub_ext.flows.image_check.body import GID, KIND, RUN_SECONDS, UID, Bodies, bodies
from hub_ext.flows.launch.ready import Probe
from hub_ext.flows.launch.volumes import HOME_MODE, PROJECT_MODE, ensure_seed
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry
from hub_ext.model.image_checks import CheckOutcome, ImageCheck

SMOKE = "/opt/hub-ext/smoke"
ASK_SECONDS, LOOK_SECONDS = 0.1, 0.5
OFTEN_SECONDS = 10  # so long every ASK_SECONDS, then every LOOK_SECONDS
LOG_LINES, LOG_CHARACTERS = 1000, 64 * 1024

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended. `status` is the smoke test's, or -1."""

    outcome: CheckOutcome
    status: int
    log: str


async def tried(site: Site, entry: ImageEntry, check: ImageCheck, tell: Tell) -> Ended:
    """What came of it. Raises InputError, and the RegistryError and EngineError trees."""
    registry = site.settings.registry(entry.alias)
    if registry is None:
        raise InputError(
            "There is no registry {alias!r}.", advice="Add it to c.HubExt.registries.", alias=entry.alias
        )
    repository = f"{registry.address}/{entry.path}"
    image = f"{repository}@{check.digest}"
    log = _Log(f"{image}\n", tell)
    await site.engine.pull(repository, check.digest, registry=registry)
    await ensure_seed(site)
    await sweep(site)
    name = f"{site.settings.instance}-{check.id}"
    volumes = _volumes(name)
    try:
        for volume, uid, mode in ((volumes[0], UID, HOME_MODE), (volumes[1], 0, PROJECT_MODE)):
            await site.engine.ensure_volume(volume, {LABEL_PROBE: KIND})
            await site.engine.seed_volume(volume, uid=uid, gid=GID, mode=mode)
        made = bodies(
            site=site,
            entry=entry,
            check=check,
            volumes=volumes,
            image=(image, await asyncio.to_thread(_image_volumes, site, check)),
            smoke=SMOKE,
            secret=secrets.token_hex(16),
        )
        return await _Trial(site, name, made, log).run()
    finally:
        await asyncio.shield(_removed(site, name))


async def sweep(site: Site) -> None:
    """Takes away the containers and volumes of checks that do not run: whoever ran them was killed."""
    labels = {LABEL_INSTANCE: site.settings.instance, LABEL_PROBE: KIND}
    found = {container.name for container in await site.engine.listing(labels)}
    for volume in await site.engine.volumes(labels):
        found.add(volume.rpartition("-")[0])

    def running() -> set[str]:
        with site.store.reading() as tx:
            return {f"{site.settings.instance}-{check.id}" for check in image_checks.running(tx)}

    # Asked after the engine: a check is written down before it makes anything.
    for name in found - await asyncio.to_thread(running):
        await _removed(site, name)


class _Log:
    """What is shown of a trial: our lines, and between them what the containers printed."""

    def __init__(self, begun: str, tell: Tell) -> None:
        self._before = self.text = begun
        self._tell = tell
        tell(begun)

    def show(self, printed: str) -> None:
        """What the present container has printed until now."""
        text = bounded(self._before + printed)
        if text != self.text:
            self.text = text
            self._tell(text)

    def say(self, words: str) -> None:
        """A line of ours, behind what was printed before it."""
        line_end = "" if self.text.endswith("\n") else "\n"
        self._before = self.text = bounded(f"{self.text}{line_end}# {words}\n")
        self._tell(self.text)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The two containers of a trial, one after the other, under one name."""

    site: Site
    name: str
    bodies: Bodies
    log: _Log

    async def run(self) -> Ended:
        await self._start(self.bodies.server, "Server")
        if ended := await self._server():
            return ended
        if not await self.site.engine.has_file(self.name, SMOKE):
            self.log.say(f"The image has no smoke test: there is no {SMOKE}.")
            return self._ended(CheckOutcome.NO_SMOKE_TEST)
        # The smoke test may start a server of its own at the same port.
        await self.site.engine.stop(self.name)
        await self.site.engine.remove(self.name)
        await self.site.engine.wait_gone(self.name)
        await self._start(self.bodies.smoke, "Smoke test")
        return await self._smoked()

    async def _start(self, body: dict[str, Any], title: str) -> None:
        """Raises EngineError. A command that is not there ends the container, whose init says so."""
        engine = self.site.engine
        await engine.create(self.name, body)
        inspected = await engine.inspect(self.name)
        if inspected is None or (found := expression.differences(body, inspected)):
            raise PlanMismatch("The engine made another container than asked for: {found}.", found=found)
        await engine.start(self.name)
        self.log.say(title)

    async def _server(self) -> Ended | None:
        """None once the server has answered."""
        began, seconds = time.monotonic(), self.site.settings.start_seconds
        probe, network = self.bodies.probe, self.site.settings.network_name
        place = ""
        while time.monotonic() - began < seconds:
            state, place = await self._look(network)
            # A server that writes each question into its log keeps room for what else it says.
            pause = ASK_SECONDS if time.monotonic() - began < OFTEN_SECONDS else LOOK_SECONDS
            if await _answered(probe, place, LOOK_SECONDS, pause):
                await self._look(network)
                self.log.say(f"Server answers after {time.monotonic() - began:.1f} s")
                return None
            if ended := self._gone(state):
                return ended
            if _over(state):
                status = int(state["ExitCode"])
                self.log.say(f"The server ended by itself with status {status} before it answered.")
                return self._ended(CheckOutcome.NO_SERVER)
        self.log.say(f"The server was not up within {seconds} s. {await _last_answer(probe, place)}")
        return self._ended(CheckOutcome.NO_SERVER)

    async def _smoked(self) -> Ended:
        end = time.monotonic() + RUN_SECONDS
        while True:
            state, _ = await self._look("")
            if ended := self._gone(state):
                return ended
            if _over(state):
                status = int(state["ExitCode"])
                return self._ended(CheckOutcome.FAILED if status else CheckOutcome.PASSED, status)
            if time.monotonic() > end:
                return self._ended(CheckOutcome.TIMED_OUT)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, network: str) -> tuple[dict[str, Any], str]:
        """Its state, {} where it is gone, and its address; what it printed is shown."""
        inspected = await self.site.engine.inspect(self.name)
        if not inspected:
            return {}, ""
        self.log.show(await self.site.engine.logs_tail(self.name, LOG_LINES))
        return inspected.get("State") or {}, address(inspected, network)

    def _gone(self, state: dict[str, Any]) -> Ended | None:
        if not state:
            return self._ended(CheckOutcome.INTERRUPTED)  # somebody removed it
        return self._ended(CheckOutcome.OUT_OF_MEMORY) if state.get("OOMKilled") and _over(state) else None

    def _ended(self, outcome: CheckOutcome, status: int = -1) -> Ended:
        return Ended(outcome, status, self.log.text)


def _over(state: dict[str, Any]) -> bool:
    return not (state.get("Running") or state.get("Status") == "created")


async def _answered(probe: Probe, place: str, seconds: float, pause: float) -> bool:
    """Whether the server answers within so many seconds; takes all of them where it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if place and await probe.answered_at(place):
            return True
        await asyncio.sleep(pause)
    return False


async def _last_answer(probe: Probe, place: str) -> str:
    """What a server says that is not up, and what of its interface to look at."""
    status = await probe.status_at(place) if place else None
    if status is None:
        return (
            f"Nobody listens at port {probe.port} of the container's address. Look at the port of the "
            "interface, and at the command: a program that listens at 127.0.0.1 alone is not reached."
        )
    if not status:
        return f"At port {probe.port} something listens that does not answer HTTP in time."
    return (
        f"It answers GET {probe.path} at port {probe.port} with status {status}, and 200 is waited for. "
        "Look at the readiness path of the interface, and at its prefix."
    )


def bounded(log: str) -> str:
    """The end of a log, without what is no text."""
    shown = "".join(one for one in log if one in "\n\t" or one.isprintable())
    return shown[-LOG_CHARACTERS:]


async def _removed(site: Site, name: str) -> None:
    await site.engine.remove(name)
    await site.engine.wait_gone(name)
    for volume in _volumes(name):
        await site.engine.remove_volume(volume)


def _volumes(name: str) -> tuple[str, str]:
    return f"{name}-home", f"{name}-project"


def _image_volumes(site: Site, check: ImageCheck) -> tuple[str, ...]:
    with site.store.reading() as tx:
        found = [one for one in revisions.listing(tx, check.entry) if one.number == check.number]
    return tuple(found[0].report.get("volumes", ())) if found else ()
