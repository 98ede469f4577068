"""From a plan to a server that answers, or to nothing at all: no container, no lease, and an outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from hub_ext.adapters import files, launch_secrets
from hub_ext.adapters.engine import PullProgress, address
from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.adapters.store import audit, launches
from hub_ext.errors import EngineError, HubExtError, ImageUnavailable, LaunchFailed, PlanMismatch
from hub_ext.expression import docker as expression
from hub_ext.expression.interfaces import authorization
from hub_ext.flows.launch import addresses, end, session, volumes
from hub_ext.flows.launch.facts import FOLDER_SECONDS
from hub_ext.flows.launch.line import line_of
from hub_ext.flows.launch.ready import Probe
from hub_ext.flows.launch.threads import in_folders, in_store
from hub_ext.flows.site import Site
from hub_ext.model import LaunchPlan, LaunchState, StopReason, Verb, VolumeKind

PROBE_SECONDS = 0.02  # between two questions to the server
LOOK_SECONDS = 0.5  # between two looks at its container, while its end would not be heard
# A server that is slow to answer lets the next start begin.
TURN_SECONDS = 15.0
_LOG_LINES = 20


class StepKind(StrEnum):
    """What a start is busy with; `Step.number` is the place in line, or percent of a pull."""

    LINE = "line"
    VOLUMES = "volumes"
    PULL = "pull"
    CREATE = "create"
    START = "start"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a start, as it begins or goes on."""

    kind: StepKind
    number: int = 0


Tell = Callable[[Step], None]


def quiet(step: Step) -> None:
    """For starts that nobody watches."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answers at this IPv4 address and port."""

    container_id: str
    address: str
    port: int


async def start(
    site: Site,
    plan: LaunchPlan,
    *,
    command: Sequence[str],
    env: Mapping[str, str],
    secrets: LaunchSecrets,
    probe_path: str,
    tell: Tell = quiet,
) -> Started:
    """Starts an admitted launch and returns once its server answers 200 to a GET of `probe_path`.

    It is asked with the launch's secret, where its interface has a place for that. `secrets` are kept for
    the gate and the culler until the launch has ended.

    Whatever goes wrong, cancellation included, takes the container along, ends the leases and is written
    down before it is raised: EngineError, StoreError, or LaunchFailed for a server that did not come up.
    An engine that fails at cleaning up too leaves the launch "stopping" for the reconciler.
    """
    try:
        await in_store(lambda: launch_secrets.write(site.settings, plan.launch_id, secrets))
        probe = Probe(probe_path, plan.interface.port, authorization(plan.interface.secret, secrets.token))
        return await _start(site, plan, command, env, probe, tell)
    except BaseException as error:
        cleaning = asyncio.create_task(_clean_up(site, plan, error))
        _cleanings.add(cleaning)
        cleaning.add_done_callback(_cleanings.discard)
        # A second cancellation leaves the cleaning going on by itself.
        await asyncio.shield(cleaning)
        raise


_cleanings: set[asyncio.Task[None]] = set()


async def _start(
    site: Site,
    plan: LaunchPlan,
    command: Sequence[str],
    env: Mapping[str, str],
    probe: Probe,
    tell: Tell,
) -> Started:
    phases: dict[str, int] = {}
    clock = _Clock(phases)
    # The pull stands in no line: one slow image must not hold up those that are there.
    image = await _ensure_image(site, plan, tell)
    clock.mark("image_ms")
    async with line_of(site).place(lambda number: tell(Step(StepKind.LINE, number))) as leave:
        clock.mark("line_ms")
        tell(Step(StepKind.VOLUMES))
        mounted = await volumes.ensure(site, plan)
        clock.mark("volumes_ms")
        tell(Step(StepKind.CREATE))
        reserved = await in_store(lambda: addresses.reserve(site, plan.launch_id))
        session_folder = await in_store(lambda: session.write_file(site, plan.launch_id))
        body = expression.create_arguments(
            plan,
            expression.ContainerSettings(
                instance=site.settings.instance,
                image=image,
                command=tuple(command),
                network=site.settings.network_name,
                home_volume=mounted[VolumeKind.HOME].name,
                project_volume=mounted[VolumeKind.PROJECT].name,
                address=reserved,
                env=env,
                session_folder=session_folder,
                pids=site.settings.pids,
                shm_bytes=site.settings.shm_bytes,
                tmp_bytes=site.settings.tmp_bytes,
                log_max_bytes=site.settings.log_max_bytes,
                stop_seconds=site.settings.stop_seconds,
            ),
        )
        name = end.container_name(site, plan.launch_id)
        container_id = await site.engine.create(name, body)
        await _check(site, name, body)
        launch = await volumes.expose(site, plan, container_id)
        if launch.state is not LaunchState.ADMITTED:
            raise _stopped()
        clock.mark("create_ms")
        tell(Step(StepKind.START))
        await site.engine.start(name)
        inspected = await site.engine.inspect(name)
        await _check_folders(site, plan, name, inspected)
        clock.mark("start_ms")
        tell(Step(StepKind.ANSWER))
        slow = asyncio.get_running_loop().call_later(TURN_SECONDS, leave)
        try:
            found = await _answering(site, name, inspected, probe)
        finally:
            slow.cancel()
        clock.mark("answer_ms")
    started = Started(container_id, found, probe.port)
    await in_store(lambda: _confirm(site, plan, started, phases))
    return started


async def _ensure_image(site: Site, plan: LaunchPlan, tell: Tell) -> str:
    registry = site.settings.registry(plan.reference.alias)
    if registry is None:
        raise ImageUnavailable(
            "There is no registry {alias!r}, from which the image {image!r} would come.",
            advice="Add it to c.HubExt.registries in the settings file.",
            cause="registry-unknown",
            alias=plan.reference.alias,
            image=plan.image,
        )
    repository = f"{registry.address}/{plan.reference.path}"

    def heard(progress: PullProgress) -> None:
        percent = 100 * progress.done_bytes // progress.total_bytes if progress.total_bytes else 0
        tell(Step(StepKind.PULL, min(percent, 99)))

    await site.engine.pull(repository, plan.reference.digest, registry=registry, progress=heard)
    return f"{repository}@{plan.reference.digest}"


async def _check(site: Site, name: str, body: Mapping[str, object]) -> None:
    inspected = await site.engine.inspect(name)
    if inspected is None:
        raise LaunchFailed("The container was gone before its start.", cause="stopped")
    differences = expression.differences(body, inspected)
    if differences:
        raise PlanMismatch(
            "The created container is not what was planned: {differences}.",
            advice="Look at the engine's configuration: something changes containers behind our back.",
            cause="plan-mismatch",
            differences="; ".join(differences),
        )


async def _check_folders(
    site: Site, plan: LaunchPlan, name: str, inspected: Mapping[str, Any] | None
) -> None:
    """Nothing where the container sees the registered folders, has none, or has ended already.

    The engine opens a folder by its path, at the start: whoever may write above it could have put a link
    there for just that moment. What the server's own programs read until now is not undone by its end.
    """
    if not plan.data:
        return
    process = int(inspected["State"]["Pid"]) if inspected else 0
    if not process:
        return

    def wrong() -> list[str]:
        roots = site.settings.dataset_roots
        return [
            mount.slug
            for mount in plan.data
            if not files.present(Path(mount.folder), roots)
            or not files.seen_as(Path(mount.folder), process, f"{expression.DATA}/{mount.slug}")
        ]

    try:
        replaced = await in_folders(wrong, FOLDER_SECONDS)
    except OSError:
        await asyncio.sleep(LOOK_SECONDS)  # the engine is still finding out why it has ended, if it has
        await _alive(site, name)
        replaced = None
    if replaced is None:
        raise PlanMismatch("The mounted folders could not be looked at.", cause="plan-mismatch")
    if replaced:
        raise PlanMismatch(
            "The folder of {replaced} was replaced by another while the server started.",
            advice="Look who may write in the folders above it, and what the home and project hold now.",
            cause="plan-mismatch",
            replaced=tuple(replaced),
        )


async def _answering(site: Site, name: str, inspected: Mapping[str, Any] | None, probe: Probe) -> str:
    """The address at which the container's server answers. Raises LaunchFailed when it will not."""
    limit = time.monotonic() + site.settings.start_seconds
    found = await _address(site, name, inspected)
    next_look = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < limit:
        if found and await probe.answered_at(found):
            return found
        await asyncio.sleep(PROBE_SECONDS)
        heard = found and site.engine.surely_runs(name)
        if not heard and time.monotonic() >= next_look:
            found = await _alive(site, name) or found
            next_look = time.monotonic() + LOOK_SECONDS
    raise LaunchFailed(
        "The server did not answer within {seconds} s.",
        advice="Its last words: {words}",
        cause="silent",
        seconds=site.settings.start_seconds,
        words=await _last_words(site, name),
    )


async def _alive(site: Site, name: str) -> str:
    """The container's address, "" where unknown. Raises LaunchFailed for one that does not run."""
    try:
        inspected = await site.engine.inspect(name)
    except EngineError:
        return ""  # unknown; the server itself may still answer
    return await _address(site, name, inspected)


async def _address(site: Site, name: str, inspected: Mapping[str, Any] | None) -> str:
    ended = end.exit_of(inspected)
    if inspected is None:
        raise LaunchFailed("The container was removed while it started.", cause="stopped")
    if inspected["State"]["Running"]:
        return address(inspected, site.settings.network_name)
    if ended.out_of_memory:
        raise LaunchFailed("The server ran out of memory while it started.", cause="out-of-memory")
    raise LaunchFailed(
        "The server ended by itself with status {code}.",
        advice="Its last words: {words}",
        cause="ended",
        code=ended.code,
        words=await _last_words(site, name),
    )


async def _last_words(site: Site, name: str) -> str:
    try:
        return (await site.engine.logs_tail(name, _LOG_LINES)).strip() or "(none)"
    except EngineError:
        return "(not known)"


def _confirm(site: Site, plan: LaunchPlan, started: Started, phases: Mapping[str, int]) -> None:
    now = site.now()
    with site.store.transaction() as tx:
        launch = launches.get(tx, plan.launch_id)
        if launch.state is not LaunchState.ADMITTED:
            raise _stopped()
        launches.replace(
            tx,
            replace(
                launch,
                state=LaunchState.RUNNING,
                container_id=started.container_id,
                started=now,
                upstream=f"{started.address}:{started.port}",
            ),
        )
        facts = {
            "person": plan.person_id,
            "project": plan.project,
            "container": started.container_id,
            "mounted": {mount.slug: mount.version_id for mount in plan.data},
            "phases": dict(phases),
        }
        audit.append(
            tx, time=now, actor=end.HUB, verb=Verb.LAUNCH_STARTED, subject=plan.launch_id, facts=facts
        )


async def _clean_up(site: Site, plan: LaunchPlan, error: BaseException) -> None:
    outcome = _outcome(error)
    try:
        await end.finish(site, plan.launch_id, end.HUB, failed=outcome)
    except HubExtError:
        # Neither gone nor known: it goes on holding what it holds, marked for the reconciler.
        def mark() -> None:
            with site.store.transaction() as tx:
                launch = launches.find(tx, plan.launch_id)
                if launch is not None and launch.state.active:
                    end.announce(tx, site, launch, StopReason.START_FAILED, end.HUB)

        try:
            await in_store(mark)
        except HubExtError:
            return  # the store is down as well; what is admitted and does not run is found at the next sweep


def _outcome(error: BaseException) -> str:
    """For the record: what failed, without the server's own words."""
    if isinstance(error, HubExtError):
        return f"{type(error).__name__}: {error.cause or error.message}"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__


def _stopped() -> LaunchFailed:
    return LaunchFailed("It was stopped before it was up.", cause="stopped")


class _Clock:
    """Milliseconds since the last mark, under a name."""

    def __init__(self, phases: dict[str, int]) -> None:
        self._phases = phases
        self._last = time.monotonic()

    def mark(self, name: str) -> None:
        now = time.monotonic()
        self._phases[name] = round(1000 * (now - self._last))
        self._last = now
