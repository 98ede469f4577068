"""Limits of GPU leases: set for one person or project, and where each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

from hub_ext.adapters.store import Tx, gpu_limits, held_time, persons
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.people import person_named
from hub_ext.flows.projects import project_named
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Verb
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind, OwnGpuLimits
from hub_ext.policy import accounting
from hub_ext.policy.gpu_limits import effective

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """Limits that were set, with the holder's name, and where the holder stands."""

    own: OwnGpuLimits
    name: str
    standing: GpuStanding


def set_limits(site: Site, actor: Actor, kind: LimitKind, whose: str, limits: GpuLimits) -> OwnGpuLimits:
    """Limits of their own for a person (username or id) or a project (slug), in place of the former ones.

    What is None follows the site. Running servers keep their leases. Raises InputError.
    """
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not 0 <= value <= MOST:
            raise InputError(
                "The limit {name} is {value}.",
                advice="Give 0 to {most}.",
                name=field.name,
                value=value,
                most=MOST,
            )
    with site.store.transaction() as tx:
        whose = _holder(tx, kind, whose)
        before = gpu_limits.find(tx, kind, whose)
        made = OwnGpuLimits(kind, whose, limits, site.now(), checks.approver(actor))
        if limits == GpuLimits():
            gpu_limits.remove(tx, kind, whose)
        else:
            gpu_limits.put(tx, made)
        changed = {"before": before.limits if before else GpuLimits(), "after": limits}
        site.record(tx, actor, Verb.GPU_LIMITED, whose, {kind.value: whose, "changed": changed})
    return made


def _holder(tx: Tx, kind: LimitKind, typed: str) -> str:
    return person_named(tx, typed).id if kind is LimitKind.PERSON else project_named(tx, typed).slug


def listing(site: Site) -> tuple[Listed, ...]:
    """Everybody who has limits of their own, projects last."""
    with site.store.reading() as tx:
        held = gpu_limits.listing(tx)
        people = persons.listing(tx, ids={one.whose for one in held if one.kind is LimitKind.PERSON})
        names = {person.id: person.username for person in people}
        return tuple(
            Listed(one, names.get(one.whose, one.whose), standing(tx, site, one.kind, one.whose))
            for one in held
        )


def standing(tx: Tx, site: Site, kind: LimitKind, whose: str) -> GpuStanding:
    """What that person or project may hold, holds, and has held this month."""
    site_limits = site.settings.gpu_limits(kind)
    own = gpu_limits.find(tx, kind, whose)
    limits = effective(own.limits if own else None, site_limits)
    if limits.held is None and limits.month_hours is None:
        return GpuStanding(kind, limits)
    who = {"person_id": whose} if kind is LimitKind.PERSON else {"project": whose}
    now, zone = site.now(), ZoneInfo(site.settings.time_zone)
    month = accounting.month_of(now, zone)
    begin = accounting.begin_of(month, zone)
    held = held_time.gpu_leases(tx, begin, now, **who)
    hours = accounting.accounts((), held, first=month, last=month, now=now, zone=zone)
    return GpuStanding(
        kind,
        limits,
        held=held_time.gpus_held(tx, **who),
        month_hours=sum(account.gpu_hours for account in hours),
    )
