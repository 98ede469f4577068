"""A revision of an image, tried: started as a notebook server would be, its own smoke test run.

The container gets the very body of a launch, with empty volumes of its own and no data; both are gone at the
end, however it comes. What `/opt/hub-ext/smoke` prints is the log, its exit status the verdict.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.adapters.store import image_checks, images, revisions
from hub_ext.errors import Conflict, HubExtError, InputError, NotFound, PlanMismatch
from hub_ext.expression import docker as expression
from hub_ext.flows import checks
from hub_ext.flows.launch.volumes import HOME_MODE, PROJECT_MODE, ensure_seed
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, ImageEntry, ImageReference, LaunchPlan, Verb
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.policy import limits

KIND = "check"
COMMAND = ("/opt/hub-ext/start", "/opt/hub-ext/smoke")
# Somebody whom no image knows, and who owns nothing: people's ids begin above, projects' too.
UID, GID = 19_999, 59_999
CPUS, MEM_BYTES = 2.0, 2 * 1024**3
RUN_SECONDS = 300
# After these nobody is at it any more: pull and run have their own ends before.
GONE_SECONDS = 3600
LOOK_SECONDS = 0.5
UNFORESEEN = "hub-ext itself failed; the log of its process says how."
LOG_LINES, LOG_CHARACTERS = 1000, 64 * 1024

Tell = Callable[[str], None]


def begin(site: Site, actor: Actor, slug: str, number: int | None = None) -> ImageCheck:
    """A check of the revision of that number (the newest), to be `run` at once.

    Raises NotFound, and Conflict while another one of the entry runs.
    """
    with site.store.transaction() as tx:
        images.get(tx, slug)
        known = {revision.number: revision for revision in revisions.listing(tx, slug)}
        chosen = known.get(max(known, default=0) if number is None else number)
        if chosen is None:
            raise NotFound(
                "{slug} has no revision {number}.",
                advice="Its page lists them.",
                slug=slug,
                number=number or 1,
            )
        for other in image_checks.running(tx):
            if other.entry == slug and not gone(site, other):
                raise Conflict("{slug} is being checked already.", advice="Wait for its end.", slug=slug)
            if other.entry == slug:
                image_checks.replace(tx, _interrupted(site, other))
        check = ImageCheck(
            *(new_id("chk"), slug, chosen.number, chosen.digest, site.now(), checks.approver(actor))
        )
        image_checks.add(tx, check)
    return check


async def run(site: Site, actor: Actor, check: ImageCheck, tell: Tell = lambda log: None) -> ImageCheck:
    """The check, ended and written down. `tell` is given the whole log whenever it has grown.

    An error that nobody foresaw, and cancellation, are raised once the check's end is written down.
    """
    try:
        entry = await asyncio.to_thread(_entry, site, check.entry)
        outcome, status, log = await _tried(site, entry, check, tell)
    except HubExtError as error:
        outcome, status, log = CheckOutcome.ERROR, -1, str(error)
    except BaseException as error:
        interrupted = isinstance(error, asyncio.CancelledError)
        outcome = CheckOutcome.INTERRUPTED if interrupted else CheckOutcome.ERROR
        ended = replace(check, ended=site.now(), outcome=outcome, log=UNFORESEEN if not interrupted else "")
        await asyncio.shield(asyncio.to_thread(_end, site, actor, ended))
        raise
    ended = replace(check, ended=site.now(), outcome=outcome, status=status, log=bounded(log))
    await asyncio.to_thread(_end, site, actor, ended)
    return ended


def call_off(site: Site, actor: Actor, check: ImageCheck) -> None:
    """Writes down that nobody will run it any more; one that has ended stays as it is."""
    with site.store.reading() as tx:
        running = image_checks.get(tx, check.id).outcome is CheckOutcome.RUNNING
    if running:
        _end(site, actor, _interrupted(site, check))


def find(site: Site, slug: str, check_id: str) -> ImageCheck:
    """The check as it stands. Raises NotFound."""
    with site.store.reading() as tx:
        check = image_checks.get(tx, check_id)
    if check.entry != slug:
        raise NotFound("There is no such check of {slug}.", slug=slug)
    return _interrupted(site, check) if gone(site, check) else check


def listing(site: Site, slug: str, limit: int = 20) -> tuple[ImageCheck, ...]:
    """The last checks of an entry, the newest first."""
    with site.store.reading() as tx:
        found = image_checks.listing(tx, slug, limit=limit)
    return tuple(_interrupted(site, check) if gone(site, check) else check for check in found)


def gone(site: Site, check: ImageCheck) -> bool:
    """Whether nobody can be at it any more: whoever ran it ended in the middle."""
    late = site.now() - check.started > timedelta(seconds=GONE_SECONDS)
    return check.outcome is CheckOutcome.RUNNING and late


def bounded(log: str) -> str:
    """The end of a log, without what is no text."""
    shown = "".join(one for one in log if one in "\n\t" or one.isprintable())
    return shown[-LOG_CHARACTERS:]


async def _tried(
    site: Site, entry: ImageEntry, check: ImageCheck, tell: Tell
) -> tuple[CheckOutcome, int, str]:
    registry = site.settings.registry(entry.alias)
    if registry is None:
        raise InputError(
            "There is no registry {alias!r}.", advice="Add it to c.HubExt.registries.", alias=entry.alias
        )
    repository = f"{registry.address}/{entry.path}"
    tell(f"{repository}@{check.digest}\n")
    await site.engine.pull(repository, check.digest, registry=registry)
    await ensure_seed(site)
    await _sweep(site)
    name = f"{site.settings.instance}-{check.id}"
    home, project = _volumes(name)
    try:
        for volume, uid, mode in ((home, UID, HOME_MODE), (project, 0, PROJECT_MODE)):
            await site.engine.ensure_volume(volume)
            await site.engine.seed_volume(volume, uid=uid, gid=GID, mode=mode)
        body = _body(site, entry, check, f"{repository}@{check.digest}", home, project)
        await site.engine.create(name, body)
        inspected = await site.engine.inspect(name)
        if inspected is None or (found := expression.differences(body, inspected)):
            raise PlanMismatch("The engine made another container than asked for: {found}.", found=found)
        await site.engine.start(name)
        return await _followed(site, name, tell)
    finally:
        await asyncio.shield(_removed(site, name, (home, project)))


async def _followed(site: Site, name: str, tell: Tell) -> tuple[CheckOutcome, int, str]:
    """Until it ends, or its time is over."""
    end = time.monotonic() + RUN_SECONDS
    log = ""
    while True:
        inspected = await site.engine.inspect(name)
        now = bounded(await site.engine.logs_tail(name, LOG_LINES)) if inspected else log
        if now != log:
            log = now
            tell(log)
        state: dict[str, Any] = (inspected or {}).get("State") or {}
        if not inspected or not (state.get("Running") or state.get("Status") == "created"):
            return _verdict(state), int(state.get("ExitCode", -1)), log
        if time.monotonic() > end:
            return CheckOutcome.TIMED_OUT, -1, log
        await asyncio.sleep(LOOK_SECONDS)


def _verdict(state: dict[str, Any]) -> CheckOutcome:
    if not state:
        return CheckOutcome.INTERRUPTED  # somebody removed it
    if state.get("OOMKilled"):
        return CheckOutcome.OUT_OF_MEMORY
    return CheckOutcome.PASSED if state.get("ExitCode") == 0 else CheckOutcome.FAILED


async def _removed(site: Site, name: str, volumes: tuple[str, ...]) -> None:
    await site.engine.remove(name)
    await site.engine.wait_gone(name)
    for volume in volumes:
        await site.engine.remove_volume(volume)


async def _sweep(site: Site) -> None:
    """Takes away what checks left behind whose process was killed."""
    labels = {LABEL_INSTANCE: site.settings.instance, LABEL_PROBE: KIND}
    for container in await site.engine.listing(labels):
        if datetime.now(UTC) - container.created > timedelta(seconds=GONE_SECONDS):
            await _removed(site, container.name, _volumes(container.name))


def _volumes(name: str) -> tuple[str, str]:
    return f"{name}-home", f"{name}-project"


def _body(
    site: Site, entry: ImageEntry, check: ImageCheck, image: str, home: str, project: str
) -> dict[str, Any]:
    bounds = (limits.SetBy("site", site.settings.ceilings), limits.SetBy("image", entry.ceilings))
    cpus, mem_bytes = limits.smallest(bounds, "cpus"), limits.smallest(bounds, "mem_bytes")
    plan = LaunchPlan(
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
    settings = site.settings
    body = expression.create_arguments(
        plan,
        expression.ContainerSettings(
            instance=settings.instance,
            image=image,
            command=COMMAND,
            network=settings.network_name,
            home_volume=home,
            project_volume=project,
            pids=settings.pids,
            shm_bytes=settings.shm_bytes,
            tmp_bytes=settings.tmp_bytes,
            log_max_bytes=settings.log_max_bytes,
            stop_seconds=settings.stop_seconds,
        ),
    )
    # No launch stands behind it: whoever mends launches leaves it alone.
    return body | {"Labels": {LABEL_INSTANCE: settings.instance, LABEL_PROBE: KIND}}


def _entry(site: Site, slug: str) -> ImageEntry:
    with site.store.reading() as tx:
        return images.get(tx, slug)


def _interrupted(site: Site, check: ImageCheck) -> ImageCheck:
    return replace(check, ended=site.now(), outcome=CheckOutcome.INTERRUPTED)


def _end(site: Site, actor: Actor, check: ImageCheck) -> None:
    with site.store.transaction() as tx:
        image_checks.replace(tx, check)
        facts = {
            "check": check.id,
            "revision": check.number,
            "digest": check.digest,
            "outcome": check.outcome,
            "status": check.status,
        }
        site.record(tx, actor, Verb.IMAGE_CHECKED, check.entry, facts)
