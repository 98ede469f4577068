"""The end of a launch: its reason before the order, its resources only once the engine says it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub_ext.adapters import launch_secrets, session_files
from hub_ext.adapters.connections import close_connections
from hub_ext.adapters.launch_secrets import LaunchSecretsError
from hub_ext.adapters.session_files import SessionFileError
from hub_ext.adapters.store import Tx, audit, launches, leases
from hub_ext.errors import EngineError
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Launch, LaunchState, StopReason, Verb

HUB = Actor(ActorKind.SERVICE, "hub")

# What a container can be doing when it does not run any more.
_ENDED = frozenset({"exited", "dead", "removing"})
_NOT_STARTED = "created"
_KILLED = ", killed for memory"
_SIGKILLED = 128 + 9


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended, as the engine tells it. `code` None: it never ran, or its record is gone."""

    code: int | None = None
    out_of_memory: bool = False
    gone: bool = False

    @property
    def outcome(self) -> str:
        """As `Launch.outcome` has it."""
        if self.gone:
            return "its container was gone"
        if self.code is None:
            return "it never ran"
        return f"exit status {self.code}{_KILLED if self.out_of_memory else ''}"

    @classmethod
    def noted(cls, outcome: str) -> Exit | None:
        """The exit that this outcome tells of; None where it tells of none."""
        told = re.fullmatch(rf"exit status (\d+)({_KILLED})?", outcome)
        return cls(int(told[1]), bool(told[2])) if told else None


def container_name(site: Site, launch_id: str) -> str:
    """The launch's container: opaque, so that reverse DNS tells neighbours nothing."""
    return f"{site.settings.instance}-{launch_id}"


async def poll(site: Site, launch_id: str) -> int | None:
    """The exit status of a launch's container, or None while it runs, and whenever the engine fails.

    A container that the engine does not have any more, or that never started, is 0. The engine is not asked
    about one that was started here while its events are heard.
    """
    if not launch_id:
        return 0
    name = container_name(site, launch_id)
    if site.engine.surely_runs(name):
        return None
    try:
        inspected = await site.engine.inspect(name)
    except EngineError:
        return None
    if inspected is None or inspected["State"]["Status"] == _NOT_STARTED:
        return 0
    return exit_of(inspected).code if inspected["State"]["Status"] in _ENDED else None


def exit_of(inspected: Mapping[str, Any] | None) -> Exit:
    """How this container ended. The engine's record is None where there is none any more."""
    if inspected is None:
        return Exit(gone=True)
    state = inspected["State"]
    if state["Status"] not in _ENDED:
        return Exit()
    code = int(state["ExitCode"])
    # The engine says "OOMKilled" of a container in which any process was once killed for memory, a notebook's
    # kernel for instance, and never takes it back. The server itself was killed where that ended it.
    return Exit(code, bool(state.get("OOMKilled")) and code == _SIGKILLED)


async def stop(site: Site, launch_id: str, reason: StopReason, actor: Actor) -> None:
    """Stops a launch: reason written, server ended, its end recorded, container removed, leases ended.

    One that has ended already is left alone, and a reason that stands is kept: whoever ordered the stop
    first knows why. Raises EngineError where the engine fails; then the launch stays "stopping", holding
    what it holds, for the reconciler to finish.
    """
    launch = await in_store(lambda: _announce(site, launch_id, reason, actor))
    if launch is None:
        return
    await site.engine.stop(container_name(site, launch_id), site.settings.stop_seconds)
    await finish(site, launch_id, actor)


async def release(
    site: Site, launch_id: str, actor: Actor = HUB, *, beside: Callable[[Tx], None] | None = None
) -> bool:
    """Lets go of what a launch that the Hub has given up still holds. Safe to repeat, and to race.

    Whether this call ended it; `beside` is then written in the same transaction. Nothing is let go of while
    the engine fails or says that a container runs that nobody ordered to stop: the reconciler looks again.
    """
    if not launch_id:
        return False
    launch = await in_store(lambda: _active(site, launch_id))
    if launch is None:
        return False
    name = container_name(site, launch_id)
    try:
        inspected = await site.engine.inspect(name)
        running = inspected is not None and inspected["State"]["Status"] not in (*_ENDED, _NOT_STARTED)
        if running and launch.state is LaunchState.RUNNING:
            return False
        if running:
            await site.engine.stop(name, site.settings.stop_seconds)
        return await finish(site, launch_id, actor, beside=beside)
    except EngineError:
        return False


async def finish(
    site: Site,
    launch_id: str,
    actor: Actor,
    *,
    failed: str = "",
    beside: Callable[[Tx], None] | None = None,
) -> bool:
    """Records how a container ended, removes it, and ends the launch once the engine says that it is gone.

    `failed` is the outcome of a launch that did not come up. Whether this call ended it, or another was
    first. Raises EngineError; nothing is ended then.
    """
    name = container_name(site, launch_id)
    inspected = await site.engine.inspect(name)
    ended = exit_of(inspected)
    if inspected is not None:
        if ended.code is not None:
            # Who is killed after the removal leaves a launch whose container tells its exit no more.
            await in_store(lambda: _note_exit(site, launch_id, ended))
        await site.engine.remove(name)
        await site.engine.wait_gone(name)
        await _end_requests(site, launch_id)
    wrote = await in_store(lambda: _write_end(site, launch_id, actor, ended, failed, beside))
    await in_store(lambda: forget_files(site, launch_id))
    return wrote


async def _end_requests(site: Site, launch_id: str) -> None:
    """Ends requests that still wait for its address: another server may be given it next."""

    def find() -> Launch | None:
        with site.store.reading() as tx:
            return launches.find(tx, launch_id)

    launch = await in_store(find)
    if launch is not None and launch.upstream:
        await asyncio.to_thread(close_connections, launch.upstream.partition(":")[0])


def forget_files(site: Site, launch_id: str) -> None:
    """Removes the secrets and the facts of a launch that has ended.

    A file that cannot be removed opens nothing either; the reconciler tries again.
    """
    with contextlib.suppress(LaunchSecretsError):
        launch_secrets.remove(site.settings, launch_id)
    with contextlib.suppress(SessionFileError):
        session_files.remove(site.settings, launch_id)


def _active(site: Site, launch_id: str) -> Launch | None:
    with site.store.reading() as tx:
        launch = launches.find(tx, launch_id)
    return launch if launch and launch.state.active else None


def _announce(site: Site, launch_id: str, reason: StopReason, actor: Actor) -> Launch | None:
    with site.store.transaction() as tx:
        launch = launches.find(tx, launch_id)
        if launch is None or not launch.state.active:
            return None
        return announce(tx, site, launch, reason, actor)


def announce(
    tx: Tx,
    site: Site,
    launch: Launch,
    reason: StopReason,
    actor: Actor,
    *,
    why: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Launch:
    """Writes down why a launch is about to be stopped; the first reason stands. `why`: in their words.

    `facts` are told beside the reason.
    """
    if launch.stop_reason:
        return launch
    launch = replace(launch, state=LaunchState.STOPPING, stop_reason=reason.value)
    launches.replace(tx, launch)
    told = {"reason": reason, "person": launch.person_id, "project": launch.project, **(facts or {})}
    if why:
        told["why"] = why
    audit.append(
        tx,
        time=site.now(),
        actor=actor,
        verb=Verb.LAUNCH_STOPPING,
        subject=launch.id,
        facts=told,
    )
    return launch


def _note_exit(site: Site, launch_id: str, ended: Exit) -> None:
    with site.store.transaction() as tx:
        launch = launches.find(tx, launch_id)
        if launch is not None and launch.state.active and not launch.outcome:
            launches.replace(tx, replace(launch, outcome=ended.outcome))


def _write_end(
    site: Site,
    launch_id: str,
    actor: Actor,
    ended: Exit,
    failed: str,
    beside: Callable[[Tx], None] | None,
) -> bool:
    now = site.now()
    with site.store.transaction() as tx:
        launch = launches.find(tx, launch_id)
        if launch is None or not launch.state.active:
            return False
        ended = Exit.noted(launch.outcome) or ended
        reason = launch.stop_reason or _reason(launch, ended, failed).value
        failed = failed or ("it did not come up" if reason == StopReason.START_FAILED else "")
        outcome = failed or ended.outcome
        held = leases.end(tx, launch_id, now)
        launches.replace(
            tx,
            replace(
                launch,
                state=LaunchState.FAILED if failed else LaunchState.ENDED,
                stop_reason=reason,
                outcome=outcome,
                ended=now,
            ),
        )
        facts = {
            "person": launch.person_id,
            "project": launch.project,
            "reason": reason,
            "outcome": outcome,
            "exit_code": ended.code,
            "out_of_memory": ended.out_of_memory,
            "leases": [lease.id for lease in held],
        }
        verb = Verb.LAUNCH_FAILED if failed else Verb.LAUNCH_STOPPED
        audit.append(tx, time=now, actor=actor, verb=verb, subject=launch_id, facts=facts)
        if beside is not None:
            beside(tx)
        return True


def _reason(launch: Launch, ended: Exit, failed: str) -> StopReason:
    if failed or launch.state is LaunchState.ADMITTED:
        return StopReason.START_FAILED
    if ended.gone:
        return StopReason.CONTAINER_LOST
    return StopReason.OUT_OF_MEMORY if ended.out_of_memory else StopReason.ENDED_BY_ITSELF
