"""The container of a check: the very body of a launch, with empty volumes of its own and no data.

Container and volumes are gone at the end, however it comes. What it prints is the log.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.adapters.store import image_checks
from hub_ext.errors import InputError, PlanMismatch
from hub_ext.expression import docker as expression
from hub_ext.expression.jupyter import PROGRAM, START, jupyter_arguments
from hub_ext.flows.image_check import inside
from hub_ext.flows.launch.volumes import HOME_MODE, PROJECT_MODE, ensure_seed
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry, ImageReference, LaunchPlan
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.policy import limits

KIND = "check"
# Somebody whom no image knows, and who owns nothing: people's ids begin above, projects' too.
UID, GID = 19_999, 59_999
CPUS, MEM_BYTES = 2.0, 2 * 1024**3
RUN_SECONDS = 300  # beside what a server may take to answer
LOOK_SECONDS = 0.5
LOG_LINES, LOG_CHARACTERS = 1000, 64 * 1024
USER = "check"
BASE_URL = f"/user/{USER}/"

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
    begun = f"{repository}@{check.digest}\n"
    tell(begun)
    await site.engine.pull(repository, check.digest, registry=registry)
    await ensure_seed(site)
    await sweep(site)
    name = f"{site.settings.instance}-{check.id}"
    home, project = _volumes(name)
    try:
        for volume, uid, mode in ((home, UID, HOME_MODE), (project, 0, PROJECT_MODE)):
            await site.engine.ensure_volume(volume, {LABEL_PROBE: KIND})
            await site.engine.seed_volume(volume, uid=uid, gid=GID, mode=mode)
        body = _body(site, entry, check, f"{repository}@{check.digest}", home, project)
        await site.engine.create(name, body)
        inspected = await site.engine.inspect(name)
        if inspected is None or (found := expression.differences(body, inspected)):
            raise PlanMismatch("The engine made another container than asked for: {found}.", found=found)
        await site.engine.start(name)
        return await _followed(site, name, begun, tell)
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


async def _followed(site: Site, name: str, begun: str, tell: Tell) -> Ended:
    """Until it ends, or its time is over."""
    end = time.monotonic() + site.settings.start_seconds + RUN_SECONDS
    log = begun
    while True:
        inspected = await site.engine.inspect(name)
        now = bounded(begun + await site.engine.logs_tail(name, LOG_LINES)) if inspected else log
        if now != log:
            log = now
            tell(log)
        state: dict[str, Any] = (inspected or {}).get("State") or {}
        if not inspected or not (state.get("Running") or state.get("Status") == "created"):
            return Ended(*_verdict(state), log)
        if time.monotonic() > end:
            return Ended(CheckOutcome.TIMED_OUT, -1, log)
        await asyncio.sleep(LOOK_SECONDS)


def _verdict(state: dict[str, Any]) -> tuple[CheckOutcome, int]:
    if not state:
        return CheckOutcome.INTERRUPTED, -1  # somebody removed it
    if state.get("OOMKilled"):
        return CheckOutcome.OUT_OF_MEMORY, -1
    match int(state["ExitCode"]):
        case 0:
            return CheckOutcome.PASSED, 0
        case inside.NO_SMOKE_TEST:
            return CheckOutcome.NO_SMOKE_TEST, -1
        case inside.NO_SERVER:
            return CheckOutcome.NO_SERVER, -1
        case status:
            return CheckOutcome.FAILED, status


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


def _body(
    site: Site, entry: ImageEntry, check: ImageCheck, image: str, home: str, project: str
) -> dict[str, Any]:
    plan, settings = _plan(site, entry, check), site.settings
    server = (PROGRAM, *jupyter_arguments(BASE_URL, plan.start_url, user=USER))
    arguments = (str(settings.start_seconds), BASE_URL, *server)
    body = expression.create_arguments(
        plan,
        expression.ContainerSettings(
            instance=settings.instance,
            image=image,
            # -I: as little as can be of what the image sets for its own Python.
            command=(START, "python3", "-I", "-c", inspect.getsource(inside), *arguments),
            network=settings.network_name,
            home_volume=home,
            project_volume=project,
            env=_environment(plan),
            pids=settings.pids,
            shm_bytes=settings.shm_bytes,
            tmp_bytes=settings.tmp_bytes,
            log_max_bytes=settings.log_max_bytes,
            stop_seconds=settings.stop_seconds,
        ),
    )
    # No launch stands behind it: whoever mends launches leaves it alone.
    return body | {"Labels": {LABEL_INSTANCE: settings.instance, LABEL_PROBE: KIND}}


def _plan(site: Site, entry: ImageEntry, check: ImageCheck) -> LaunchPlan:
    bounds = (limits.SetBy("site", site.settings.ceilings), limits.SetBy("image", entry.ceilings))
    cpus, mem_bytes = limits.smallest(bounds, "cpus"), limits.smallest(bounds, "mem_bytes")
    return LaunchPlan(
        launch_id=check.id,
        node=site.settings.node,
        person_id="",
        server_name="",
        project="check",
        image=entry.slug,
        revision=check.number,
        reference=ImageReference(entry.alias, entry.path, check.digest),
        uid=UID,
        gid=GID,
        groups=(),
        size="check",
        cpus=min(CPUS, cpus.value) if cpus else CPUS,
        mem_bytes=min(MEM_BYTES, int(mem_bytes.value)) if mem_bytes else MEM_BYTES,
        idle_seconds=RUN_SECONDS,
        start_url=entry.start_url,
        data=(),
        gpus=(),
        shares=(),
        expires_at=None,
    )


def _environment(plan: LaunchPlan) -> dict[str, str]:
    """What a launch gives its server; the secret is nobody's."""
    return {
        inside.SECRET: secrets.token_hex(16),
        "MEM_LIMIT": str(plan.mem_bytes),
        "CPU_LIMIT": str(plan.cpus),
    }
