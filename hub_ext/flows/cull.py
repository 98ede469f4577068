"""Judges every running server at once, and writes down why some are to be stopped before they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub_ext.adapters.hub_api import HubServer
from hub_ext.adapters.store import Tx, approvals, audit, datasets, grants, launches, memberships, persons
from hub_ext.adapters.store import projects as project_rows
from hub_ext.adapters.store import versions as version_rows
from hub_ext.flows.launch.end import announce
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, DatasetFacts, Launch, LaunchState, StopReason, Verb
from hub_ext.policy import idle
from hub_ext.policy.idle import Cull, IdleFacts, Kernel
from hub_ext.policy.launch import LiveFacts, coverage

CULLER = Actor(ActorKind.SERVICE, "culler")
# Servers report once a minute: after this long, what they said is no longer known.
REPORT_HOLDS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Judged:
    """A running launch and what is to become of its server."""

    launch: Launch
    verdict: idle.Verdict


async def judge(site: Site, servers: tuple[HubServer, ...], reports: Mapping[str, Any]) -> tuple[Judged, ...]:
    """A verdict for each ready server that belongs to a running launch of this node.

    `reports` are what servers said of their kernels, by launch id (`services.activity`). All launches and
    rights are read in one snapshot of the store.
    """

    def read() -> tuple[Judged, ...]:
        by_launch = {server.launch_id: server for server in servers if server.ready and not server.pending}
        with site.store.reading() as tx:
            running = launches.listing(tx, node=site.settings.node, active=True)
            return tuple(
                Judged(launch, idle.decide(_facts(tx, site, launch, by_launch[launch.id], reports)))
                for launch in running
                if launch.id in by_launch and launch.state is not LaunchState.ADMITTED
            )

    return await asyncio.to_thread(read)


async def announce_culls(site: Site, judged: tuple[Judged, ...]) -> frozenset[str]:
    """Ids of launches to be stopped now, each with its reason written down.

    Where a sweep would stop too many servers for idleness at once, none of those is stopped, and that is on
    the record: a clock that jumped looks the same. Ends of rights are never braked.
    """
    culls = {known.launch.id: known.verdict.reason for known in judged if isinstance(known.verdict, Cull)}
    for_rights = {launch for launch, reason in culls.items() if reason is StopReason.RIGHT_ENDED}
    for_idleness = set(culls) - for_rights
    settings = site.settings
    braked = idle.brake(
        for_idleness, len(judged), share=settings.cull_brake_share, least=settings.cull_brake_least
    )
    doomed = for_rights if braked else set(culls)

    def write() -> None:
        with site.store.transaction() as tx:
            if braked:
                facts = {"would_stop": len(for_idleness), "running": len(judged)}
                audit.append(
                    tx,
                    time=site.now(),
                    actor=CULLER,
                    verb=Verb.CULL_BRAKED,
                    subject=settings.node,
                    facts=facts,
                )
            for launch_id in sorted(doomed):
                launch = launches.find(tx, launch_id)
                if launch is not None and launch.state.active:
                    announce(tx, site, launch, culls[launch_id], CULLER)

    if doomed or braked:
        await asyncio.to_thread(write)
    return frozenset(doomed)


def _facts(tx: Tx, site: Site, launch: Launch, server: HubServer, reports: Mapping[str, Any]) -> IdleFacts:
    now = site.now()
    covered = coverage(launch, _live(tx, launch, now))
    return IdleFacts(
        now=now,
        started=launch.started,
        last_activity=server.last_activity,
        kernels=kernels_of(reports.get(launch.id), now),
        cpu_share=None,
        idle_seconds=launch.idle_seconds,
        busy_ceiling_seconds=site.settings.busy_ceiling_seconds,
        expires_at=covered.expires_at,
        rights=covered.reasons,
    )


def _live(tx: Tx, launch: Launch, now: datetime) -> LiveFacts:
    mounted = version_rows.listing(tx, ids=launch.version_ids) if launch.version_ids else ()
    return LiveFacts(
        now=now,
        person=persons.find(tx, launch.person_id),
        project=project_rows.find(tx, launch.project),
        memberships=memberships.listing(tx, person_id=launch.person_id, project=launch.project),
        approvals=approvals.listing(tx, project=launch.project),
        datasets=tuple(
            DatasetFacts(
                slug,
                dataset=datasets.find(tx, slug),
                versions=version_rows.listing(tx, dataset=slug),
                grants=grants.listing(tx, project=launch.project, dataset=slug),
            )
            for slug in sorted({version.dataset for version in mounted})
        ),
    )


def kernels_of(report: Mapping[str, Any] | None, now: datetime) -> tuple[Kernel, ...] | None:
    """The kernels of a report; None where there is none, or where it is too old to be believed."""
    if report is None or now - datetime.fromisoformat(report["reported"]) > REPORT_HOLDS:
        return None
    return tuple(
        Kernel(
            known["state"],
            busy_since=_instant(known["busy_since"]),
            last_activity=_instant(known["last_activity"]),
        )
        for known in report["kernels"]
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
