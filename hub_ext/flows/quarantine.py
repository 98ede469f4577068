"""Homes and project folders that may hold copies of a dataset, kept from every launch until released."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from hub_ext.adapters.store import Tx, exposures, launches, quarantines, versions, volumes
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.data import dataset_named
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, Launch, Quarantine, Verb, Volume
from hub_ext.phrase import Phrase

MOST_WHY = 500
MOST_TOLD = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What would be quarantined: these volumes, or all that were exposed to a version, or to any.

    `why` is for stewards and may name people; `told` is read by whoever may not start any more.
    """

    dataset: str
    volume_ids: Collection[str] = ()
    version: int | None = None
    why: str = ""
    told: str = ""


def concerned(site: Site, wanted: Wanted) -> tuple[Volume, ...]:
    """The volumes that would be quarantined. Raises InputError."""
    with site.store.reading() as tx:
        return _concerned(tx, wanted)


def sessions_ended(site: Site, wanted: Wanted) -> tuple[Launch, ...]:
    """Sessions under way that would end, for they mount one of these volumes. Raises InputError."""
    with site.store.reading() as tx:
        ids = {volume.id for volume in _concerned(tx, wanted)}
        return tuple(one for one in launches.listing(tx, active=True) if ids.intersection(one.volume_ids))


def quarantine(site: Site, actor: Actor, wanted: Wanted) -> tuple[Quarantine, ...]:
    """From now on no launch mounts them, and sessions that do end; those that were not quarantined before.

    Raises InputError: nothing to quarantine, a volume that never had the dataset, a reason that is missing.
    """
    why = checks.line(wanted.why, Phrase("reason"), required=True, most=MOST_WHY)
    told = checks.line(wanted.told, Phrase("word to the researchers"), required=True, most=MOST_TOLD)
    made = []
    with site.store.transaction() as tx:
        dataset = dataset_named(tx, wanted.dataset)
        held = _concerned(tx, wanted)
        known = {
            one.volume_id
            for one in quarantines.standing(tx, [volume.id for volume in held])
            if one.dataset == dataset.slug
        }
        for volume in held:
            if volume.id in known:
                continue
            one = Quarantine(
                *(new_id("qua"), volume.id, dataset.slug, why, told, dataset.contact, site.now(), actor.id)
            )
            quarantines.add(tx, one)
            if not volume.quarantined_why:
                volumes.replace(tx, replace(volume, quarantined_why=why))
            # The reason for stewards may name people, and stays out of the record.
            facts = {"quarantine": one.id, "dataset": dataset.slug, "told": told}
            site.record(tx, actor, Verb.VOLUME_QUARANTINED, volume.id, facts)
            made.append(one)
        if not made:
            raise InputError("They are in quarantine already.", advice="Release them, or choose others.")
    return tuple(made)


def release(site: Site, actor: Actor, dataset: str, volume_id: str, why: str) -> Quarantine:
    """Launches mount the volume again, unless another dataset's stewards keep it in quarantine.

    Raises InputError where it is in no quarantine for that dataset, NotFound for an unknown volume.
    """
    why = checks.line(why, Phrase("reason"), required=True, most=MOST_WHY)
    with site.store.transaction() as tx:
        volume = volumes.get(tx, volume_id)
        standing = quarantines.standing(tx, [volume_id])
        own = [one for one in standing if one.dataset == dataset]
        if not own:
            raise InputError(
                "The volume {volume} is in no quarantine for {dataset}.",
                advice="Look at the exposures again.",
                volume=volume_id,
                dataset=dataset,
            )
        released = replace(own[0], released=site.now(), released_by=actor.id, released_why=why)
        quarantines.replace(tx, released)
        others = [one for one in standing if one.id != released.id]
        volumes.replace(tx, replace(volume, quarantined_why=others[0].why if others else ""))
        facts = {"quarantine": released.id, "dataset": dataset, "still": [one.dataset for one in others]}
        site.record(tx, actor, Verb.VOLUME_RELEASED, volume_id, facts)
    return released


def standing(site: Site, volume_ids: Collection[str]) -> Mapping[str, tuple[Quarantine, ...]]:
    """By volume, the quarantines that stand; volumes without any are left out."""
    with site.store.reading() as tx:
        found = quarantines.standing(tx, volume_ids)
    return {
        volume_id: tuple(one for one in found if one.volume_id == volume_id)
        for volume_id in {one.volume_id for one in found}
    }


def _concerned(tx: Tx, wanted: Wanted) -> tuple[Volume, ...]:
    dataset_named(tx, wanted.dataset)
    numbers = {version.id: version.number for version in versions.listing(tx, dataset=wanted.dataset)}
    exposed = {
        one.volume_id
        for one in exposures.listing(tx, dataset=wanted.dataset)
        if wanted.version in (None, numbers[one.version_id])
    }
    if strangers := sorted(set(wanted.volume_ids) - exposed):
        raise InputError(
            "The volume {volume} was never beside {dataset}.",
            advice="`hub-ext dataset exposed` shows those that were.",
            volume=strangers[0],
            dataset=wanted.dataset,
        )
    chosen = set(wanted.volume_ids) or exposed
    if not chosen:
        raise InputError("No home and no folder ever had it.", advice="There is nothing to quarantine.")
    return volumes.listing(tx, ids=chosen)
