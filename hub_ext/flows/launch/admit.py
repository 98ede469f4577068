"""May it start? One transaction reads the facts, asks policy, and writes down what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from hub_ext.adapters.store import Tx, audit, launches, leases, persons, volumes
from hub_ext.errors import EngineError
from hub_ext.flows import queue, terms
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.launch.threads import in_store
from hub_ext.flows.site import Site, new_id
from hub_ext.model import (
    Actor,
    Facts,
    Launch,
    LaunchPlan,
    LaunchRequest,
    LaunchState,
    Lease,
    Person,
    Reason,
    ReasonCode,
    Refusal,
    StopReason,
    Verb,
    Volume,
    VolumeKind,
)
from hub_ext.policy import launch as policy
from hub_ext.policy.queue import PASSING, waitable


async def admit(
    site: Site, request: LaunchRequest, actor: Actor, *, groups: frozenset[str] | None
) -> LaunchPlan | Refusal:
    """The plan, with launch, volumes and leases in the store; or the refusal, written down with its reasons.

    `groups` None: unknown. Raises StoreError where the store cannot be written, and EngineError where
    nothing could be started anyway: then nothing was admitted, and the latter is on record.
    """
    try:
        await site.engine.ping()
    except EngineError as error:
        await in_store(partial(_write_failure, site, actor, request, error))
        raise
    if not terms.accepts_for_themselves(actor, request.person_id):
        # An operator or a service may start somebody's server; they accept nothing in their name.
        request = replace(request, accepts=())
    looked = await launch_facts.look(site, request.datasets)

    def decide() -> LaunchPlan | Refusal:
        with site.store.transaction() as tx:
            known = launch_facts.read(tx, site, request, groups=groups, looked=looked)
            decision = policy.decide(request, known)
            if not queue.called(tx, actor, request):
                decision = Refusal((Reason(ReasonCode.LINE_LEFT),))
            if isinstance(decision, Refusal):
                return _refused(tx, site, actor, request, known, decision)
            _write_launch(tx, site, actor, decision, known)
            _write_acceptances(tx, site, actor, request, known, request.launch_id)
            queue.started(tx, site, actor, request)
            return decision

    return await in_store(decide)


def _refused(
    tx: Tx, site: Site, actor: Actor, request: LaunchRequest, known: Facts, decision: Refusal
) -> Refusal:
    """Written down; or taken into line, where GPUs are all that is missing and the person wants to wait."""
    codes = {reason.code for reason in decision.reasons}
    waits = request.wait and site.settings.queue_most > 0 and waitable(known.gpus, request.gpus)
    if waits and PASSING.issuperset(codes):
        told = queue.join(tx, site, actor, request, known)
        if told.reasons[0].code is ReasonCode.GPUS_IN_LINE:
            # The server is started by a service, which accepts nothing in anybody's name.
            _write_acceptances(tx, site, actor, request, known, "")
            return told
        decision = Refusal(decision.reasons + told.reasons)
    _write_refusal(tx, site, actor, request.launch_id, decision, asked=request)
    queue.refused(tx, site, actor, request.person_id, request.server_name, decision.reasons)
    return decision


async def consider(
    site: Site, request: LaunchRequest, *, groups: frozenset[str] | None
) -> LaunchPlan | Refusal:
    """What `admit` would say now, with nothing written: for forms and defaults."""
    looked = await launch_facts.look(site, request.datasets)

    def decide() -> LaunchPlan | Refusal:
        with site.store.reading() as tx:
            known = launch_facts.read(tx, site, request, groups=groups, looked=looked)
        return policy.decide(request, known)

    return await in_store(decide)


async def record_refusal(
    site: Site, launch_id: str, actor: Actor, refusal: Refusal, server: tuple[str, str] = ("", "")
) -> None:
    """Writes down a refusal that came before any decision: options that are none, a person unknown.

    `server` is the person's id and the server's name, where they are known.
    """

    def write() -> None:
        with site.store.transaction() as tx:
            _write_refusal(tx, site, actor, launch_id, refusal)
            queue.refused(tx, site, actor, *server, refusal.reasons)

    await in_store(write)


async def last_launch(site: Site, person_id: str, server_name: str) -> Launch | None:
    """The person's newest launch of that server, or None."""

    def read() -> Launch | None:
        with site.store.reading() as tx:
            return launches.last_of(tx, person_id, server_name)

    return await in_store(read)


async def holder(site: Site, launch_id: str) -> str | None:
    """The id of the person whose launch that is; None where there is no such launch."""

    def read() -> str | None:
        with site.store.reading() as tx:
            launch = launches.find(tx, launch_id)
        return launch.person_id if launch else None

    return await in_store(read)


async def find_person(site: Site, issuer: str, subject: str) -> Person | None:
    """Who that sign-in belongs to, or None."""

    def read() -> Person | None:
        with site.store.reading() as tx:
            return persons.find_sign_in(tx, issuer, subject)

    return await in_store(read)


def _write_refusal(
    tx: Tx,
    site: Site,
    actor: Actor,
    launch_id: str,
    refusal: Refusal,
    *,
    asked: LaunchRequest | None = None,
) -> None:
    reasons = [
        {"code": reason.code, "subject": reason.subject, "shown": dict(reason.shown)}
        for reason in refusal.reasons
    ]
    facts: dict[str, Any] = {"reasons": reasons}
    if asked is not None:
        facts["asked"] = {
            "project": asked.project,
            "image": asked.environment,
            "datasets": asked.datasets,
            "size": asked.size,
            "gpus": asked.gpus,
        }
    audit.append(tx, time=site.now(), actor=actor, verb=Verb.LAUNCH_REFUSED, subject=launch_id, facts=facts)


def _write_failure(site: Site, actor: Actor, request: LaunchRequest, error: EngineError) -> None:
    facts = {"project": request.project, "outcome": type(error).__name__, "reason": StopReason.START_FAILED}
    with site.store.transaction() as tx:
        audit.append(
            tx, time=site.now(), actor=actor, verb=Verb.LAUNCH_FAILED, subject=request.launch_id, facts=facts
        )


def _write_launch(tx: Tx, site: Site, actor: Actor, plan: LaunchPlan, known: Facts) -> None:
    now = known.now
    person = persons.get(tx, plan.person_id)
    mounted = tuple(_volumes(tx, site, actor, plan, known))
    launches.add(
        tx,
        Launch(
            id=plan.launch_id,
            kind="server",
            person_id=plan.person_id,
            username=person.username,
            server_name=plan.server_name,
            project=plan.project,
            node=plan.node,
            image=plan.image,
            revision=plan.revision,
            digest=plan.reference.digest,
            version_ids=tuple(mount.version_id for mount in plan.data),
            volume_ids=tuple(volume.id for volume in mounted),
            size=plan.size,
            gpus=len(plan.gpus),
            mem_bytes=plan.mem_bytes,
            cpus=plan.cpus,
            idle_seconds=plan.idle_seconds,
            state=LaunchState.ADMITTED,
            admitted=now,
            expires_at=plan.expires_at,
            interface=plan.interface,
        ),
    )
    for gpu, share in zip(plan.gpus, plan.shares, strict=True):
        lease = Lease(new_id("lea"), gpu.id, share, plan.launch_id, since=now, until=plan.lease_until)
        leases.add(tx, lease)
    facts = {
        "person": plan.person_id,
        "project": plan.project,
        "image": plan.image,
        "revision": plan.revision,
        "digest": plan.reference.digest,
        "datasets": {mount.slug: mount.version_id for mount in plan.data},
        "volumes": [volume.id for volume in mounted],
        "gpus": [gpu.id for gpu in plan.gpus],
        "size": plan.size,
        "cpus": plan.cpus,
        "mem_bytes": plan.mem_bytes,
        "expires_at": plan.expires_at,
        "lease_until": plan.lease_until,
    }
    audit.append(tx, time=now, actor=actor, verb=Verb.LAUNCH_ADMITTED, subject=plan.launch_id, facts=facts)


def _write_acceptances(
    tx: Tx, site: Site, actor: Actor, request: LaunchRequest, known: Facts, launch_id: str
) -> None:
    """What was accepted with this start, of what is mounted; a refusal makes none of it last."""
    for dataset in known.datasets:
        current = dataset.terms
        if current is not None and (dataset.slug, current.number) in request.accepts:
            terms.accept_in(tx, site, actor, dataset.slug, current, launch_id=launch_id)


def _volumes(tx: Tx, site: Site, actor: Actor, plan: LaunchPlan, known: Facts) -> Iterator[Volume]:
    """Home and project folder of the plan, with rows made where there are none yet."""
    wanted = (
        (known.home, VolumeKind.HOME, plan.person_id, site.settings.home_bytes),
        (known.project_folder, VolumeKind.PROJECT, None, site.settings.project_bytes),
    )
    for present, kind, person_id, allowed_bytes in wanted:
        if present is not None:
            yield present
            continue
        made = Volume(
            id=new_id("vol"),
            name="",
            kind=kind,
            node=plan.node,
            project=plan.project,
            created=known.now,
            person_id=person_id,
            allowed_bytes=allowed_bytes,
        )
        made = replace(made, name=f"{site.settings.instance}-{made.id}")
        volumes.add(tx, made)
        audit.append(
            tx,
            time=known.now,
            actor=actor,
            verb=Verb.VOLUME_CREATED,
            subject=made.id,
            facts={"kind": kind, "project": plan.project, "person": person_id, "node": plan.node},
        )
        yield made
