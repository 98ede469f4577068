"""A Hub on an engine of its own, an engine gate between them, and one person for each step of the table."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, RUNNING, ContainerSummary, Engine
from hub_ext.adapters.store import audit, launches, leases, volumes
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.flows.launch.end import container_name
from hub_ext.flows.reconcile import launch_of
from hub_ext.flows.site import Site
from hub_ext.model import Launch, LaunchState, Verb, VolumeKind
from tests.faults.kill_points import ALIVE, HELD, Step, Victim
from tests.support.engine_gate import Call, EngineGate, Hold
from tests.support.hub import RunningHub, Visitor, wait_for
from tests.support.own_engine import OwnEngine

AGREED_SECONDS = 60
PASSWORD = "holds the line"
STRAY = "lau-stray"


def username(step: Step) -> str:
    """The person whose launch comes to that step."""
    return f"p-{step}"


@dataclass
class House:
    """`digest` is of the image that only the launch at ADMITTED wants."""

    hub: RunningHub
    engine_gate: EngineGate
    engine: OwnEngine
    visitors: dict[Step, Visitor]
    digest: str

    @property
    def site(self) -> Site:
        """The Hub's, with the engine behind the engine gate."""
        return self.hub.site

    # --- what a call is about ------------------------------------------------------------------------

    def about(self, call: Call) -> tuple[str, str]:
        """The kind of a call and the username of the launch that it is for; "" where it is another."""
        parts = call.path.strip("/").split("/")
        if parts[0] == "images" and self.digest in call.path:
            return "image", username(Step.ADMITTED)
        if call.path == "/volumes/create":
            return "volume", self._of_volume(call.body["Name"])
        if call.path == "/containers/create":
            if call.query["name"].startswith(f"{self.site.settings.instance}-seed-"):
                return "seed", self._of_volume(call.body["HostConfig"]["Mounts"][0]["Source"])
            return "create", self._of_container(call.query["name"])
        if parts[0] != "containers" or len(parts) < (2 if call.method == "DELETE" else 3):
            return "", ""
        kind = "remove" if call.method == "DELETE" else parts[2]
        if kind == "json":
            state = (call.answer or {}).get("State") or {}
            kind = "gone" if call.status == 404 else "running" if state.get("Running") else "inspect"
        return kind, self._of_container(parts[1])

    def hold(self, step: Step) -> Hold:
        """That step's launch is held there, once it comes."""
        at = HELD[step]

        def matches(call: Call) -> bool:
            when = "before" if call.status is None else "after" if call.status else "during"
            return when == at.when and self.about(call) == (at.kind, username(step))

        return self.engine_gate.hold(matches)

    def _of_volume(self, name: str) -> str:
        with self.site.store.reading() as tx:
            known = next((one for one in volumes.listing(tx) if one.name == name), None)
            if known is None or known.person_id is None:
                return ""
            active = launches.listing(tx, person_id=known.person_id, active=True)
        return active[0].username if active else ""

    def _of_container(self, name: str) -> str:
        with self.site.store.reading() as tx:
            known = launches.find(tx, name.removeprefix(f"{self.site.settings.instance}-"))
        return known.username if known else ""

    # --- what people do ------------------------------------------------------------------------------

    def launch(self, step: Step) -> Launch | None:
        """The newest of that person."""
        with self.site.store.reading() as tx:
            known = [one for one in launches.listing(tx) if one.username == username(step)]
        return known[0] if known else None

    def order(self, steps: Iterable[Step], *, stop: bool = False) -> None:
        """Starts or stops the servers of these people, without waiting for what becomes of it."""
        for step in steps:
            environment = "stubborn" if step in (Step.ADMITTED, Step.STOPPING) else "answer"
            options = {"project": "onco", "environment": environment, "datasets": [], "size": "s", "gpus": 1}
            arguments = ("DELETE", "server") if stop else ("POST", "server", {"user_options": options})
            threading.Thread(target=_quietly, args=(self.visitors[step], arguments), daemon=True).start()

    def bring_all_to_their_steps(self) -> None:
        """Returns with every launch and every stop held where the table says."""
        launching, stopping = [[s for s in Step if s.of_stop is of_stop] for of_stop in (False, True)]
        self.order(stopping)
        for step in stopping:
            self.visitors[step].wait_ready()
        self._let_images_be_asked_for()
        held = {step: self.hold(step) for step in Step}
        self.order(launching)
        self.order(stopping, stop=True)
        for step, hold in held.items():
            assert hold.reached.wait(60), (step, self.launch(step), self.hub.log()[-3000:])
        # The last instant of all: both are let go, and seen in the store.
        held[Step.CONFIRMED].let_go()
        held[Step.ENDED].let_go()
        wait_fast(lambda: self._state(Step.CONFIRMED) is LaunchState.RUNNING)
        wait_fast(lambda: self._state(Step.ENDED) is LaunchState.ENDED)

    def _let_images_be_asked_for(self) -> None:
        """The Hub knows which images there are until it hears that one has gone: a name of one goes."""
        registry = self.site.settings.registry("local")
        assert registry is not None
        docker = ["docker", "-H", self.engine.url]
        image, name = f"{registry.address}/stub/stubborn@{self.digest}", "kill-points:1"
        subprocess.run([*docker, "tag", image, name], check=True, capture_output=True)
        subprocess.run([*docker, "rmi", name], check=True, capture_output=True)

    def _state(self, step: Step) -> LaunchState | None:
        known = self.launch(step)
        return known.state if known else None

    # --- what kills and mends ------------------------------------------------------------------------

    def kill(self, victim: Victim) -> None:
        """kill -9, and what then happens on a real machine: whoever watches over it starts it again."""
        if victim is Victim.CONTAINER:
            for step in ALIVE:
                self._kill_container(step)
            self.engine_gate.let_go()
        elif victim is Victim.HUB:
            self.hub.kill()
            self.engine_gate.let_go(passes=False)
            self.hub.start_again()
        elif victim is Victim.RECONCILER:
            mend = self._begin_a_mend()
            os.kill(self.reconciler(), signal.SIGKILL)
            mend.let_go(passes=False)
            self.engine_gate.let_go()
        elif victim in (Victim.GATE, Victim.FRONT):
            self.hub.kill_process(victim.value)
            self.engine_gate.let_go()
            self.hub.start_process(victim.value)
        else:
            self.engine.kill()
            self.engine_gate.let_go()
            self.engine.start()

    def _kill_container(self, step: Step) -> None:
        known = self.launch(step)
        assert known is not None
        inspected = self._ask(lambda engine: engine.inspect(container_name(self.site, known.id)))
        if inspected is not None and inspected["State"]["Pid"]:
            os.kill(inspected["State"]["Pid"], signal.SIGKILL)

    def _begin_a_mend(self) -> Hold:
        """A container that is no launch's ends, and the reconciler is about to remove it."""
        name = f"{self.site.settings.instance}-{STRAY}"
        body = {
            "Image": self.site.settings.seed_image,
            "Cmd": ["/opt/hub-ext/start"],
            "Labels": {LABEL_INSTANCE: self.site.settings.instance, LABEL_LAUNCH: STRAY},
            "HostConfig": {"NetworkMode": "none"},
        }
        hold = self.engine_gate.hold(lambda call: call.method == "DELETE" and call.status is None)
        self._ask(lambda engine: engine.create(name, body))
        self._ask(lambda engine: engine.start(name))
        self._ask(lambda engine: engine.kill(name))
        assert hold.reached.wait(30)
        return hold

    def reconciler(self) -> int:
        """Its process; 0 while there is none."""
        assert self.hub.serving.hub is not None
        pid = self.hub.serving.hub.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"hub_ext.services.reconciler" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        return 0

    # --- whether all is well -------------------------------------------------------------------------

    def disagreements(self) -> list[str]:
        """What store, engine and Hub do not say alike; nothing where they agree."""
        containers = self.containers()
        with self.site.store.reading() as tx:
            active = {launch.id: launch for launch in launches.listing(tx, active=True)}
            held = [lease.launch_id for lease in leases.active(tx)]
        found = [f"{one.name} is no launch" for one in containers if launch_of(one) not in active]
        running = {launch_of(one) for one in containers if one.state in RUNNING}
        for launch in active.values():
            if launch.state is not LaunchState.RUNNING or launch.id not in running:
                found.append(f"{launch.id} of {launch.username} is {launch.state} without its container")
        if sorted(held) != sorted(active):
            found.append(f"GPUs are held by {held}")
        if not self.reconciler():
            found.append("no reconciler runs")
        ready = {step for step, visitor in self.visitors.items() if _ready(visitor)}
        wanted = {step for step in Step if username(step) in {one.username for one in active.values()}}
        if ready != wanted:
            found.append(f"the Hub has {sorted(ready)} and not {sorted(wanted)}")
        return found

    def wait_agreed(self) -> tuple[float, list[str]]:
        """Seconds until all agree, and what they still do not agree on after AGREED_SECONDS."""
        began = time.monotonic()
        while (found := self.disagreements()) and time.monotonic() - began < AGREED_SECONDS:
            time.sleep(0.2)
        return time.monotonic() - began, found

    def untold(self, launch: Launch) -> str:
        """What the record does not tell of a launch; "" where it is complete, and the chain whole."""
        with self.site.store.reading() as tx:
            if not audit.verify(tx).ok:
                return "the chain is broken"
            verbs = [event.verb for event in audit.listing(tx, subject=launch.id)]
        ends = verbs.count(Verb.LAUNCH_STOPPED) + verbs.count(Verb.LAUNCH_FAILED)
        if verbs.count(Verb.LAUNCH_ADMITTED) != 1 or ends != (not launch.state.active):
            return f"{launch.state} after {verbs}"
        if launch.started is not None and verbs.count(Verb.LAUNCH_STARTED) != 1:
            return f"it ran, after {verbs}"
        return ""

    def containers(self) -> tuple[ContainerSummary, ...]:
        """All of this instance, whatever they are."""
        wanted = {LABEL_INSTANCE: self.site.settings.instance}
        return self._ask(lambda engine: engine.listing(wanted))  # type: ignore[no-any-return]

    def stop_all(self) -> None:
        """Nobody has a server any more, nor a home: the next one is made and seeded."""
        for visitor in self.visitors.values():
            visitor.forget()
        wait_for(lambda: self.containers() == (), 30)
        with self.site.store.transaction() as tx:
            for volume in volumes.listing(tx):
                if volume.kind is VolumeKind.HOME and volume.ended is None:
                    volumes.replace(tx, replace(volume, ended=self.site.now()))

    def _ask(self, question: Any) -> Any:
        async def ask() -> Any:
            engine = Engine(self.site.settings)
            try:
                return await question(engine)
            finally:
                engine.close()

        return asyncio.run(ask())


def wait_fast(true: Any) -> None:
    """As soon as it is so."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def _quietly(visitor: Visitor, arguments: tuple[Any, ...]) -> None:
    with contextlib.suppress(OSError):  # the Hub was killed
        visitor.api(*arguments)


def _ready(visitor: Visitor) -> bool:
    servers = visitor.servers()
    assert not any(server["pending"] == "check" for server in servers.values())
    return bool(servers.get("", {}).get("ready"))
