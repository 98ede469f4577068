"""Volumes as store and engine have them, and the one way in which one is deleted: on an explicit order.

The order is written down before it is done, and the deletion only with proof that the volume is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.adapters.store import Tx, datasets, exposures, launches, memberships, persons, volumes
from hub_ext.errors import Conflict, EngineError, InputError, NotFound
from hub_ext.flows import checks
from hub_ext.flows.image_check.body import KIND
from hub_ext.flows.site import Site
from hub_ext.model import Actor, Launch, Verb, Volume
from hub_ext.model.duties import Deed
from hub_ext.phrase import Phrase
from hub_ext.policy.duties import duties_of, may

REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A volume of this instance. `volume` None: no row knows it. `folder` None: the engine does not have it.

    `datasets` are those of which copies may lie in it; `held_by` the active launches that have it.
    """

    name: str
    volume: Volume | None
    folder: str | None
    datasets: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()

    @property
    def stray(self) -> bool:
        """On the engine with our label, and in no row."""
        return self.volume is None

    @property
    def missing(self) -> bool:
        """Seeded once, not ended, and not on the engine any more."""
        return self.folder is None and bool(self.volume and self.volume.seeded and not self.volume.ended)


async def kept(site: Site) -> tuple[Kept, ...]:
    """Every volume that the engine has of ours, and every one in the store that has not ended, by name.

    What a check of an image uses for its minute is left out. Raises EngineError.
    """
    ours = {LABEL_INSTANCE: site.settings.instance}
    folders = await site.engine.volumes(ours)
    passing = set(await site.engine.volumes({**ours, LABEL_PROBE: KIND}))

    def read() -> tuple[Kept, ...]:
        with site.store.reading() as tx:
            rows = {one.name: one for one in volumes.listing(tx, node=site.settings.node)}
            active = launches.listing(tx, node=site.settings.node, active=True)
            names = set(folders) - passing | {one.name for one in rows.values() if one.ended is None}
            return tuple(_kept(tx, name, rows.get(name), folders.get(name), active) for name in sorted(names))

    return await asyncio.to_thread(read)


async def find(site: Site, name: str) -> Kept:
    """The volume of that name. Raises NotFound, EngineError."""
    for one in await kept(site):
        if one.name == name:
            return one
    raise NotFound(
        "There is no volume {name!r} of ours.", name=name, advice="`hub-ext volume list` shows them all."
    )


async def delete(site: Site, actor: Actor, name: str, *, reason: str, stewards: Collection[str] = ()) -> Kept:
    """Destroys a volume and all in it, for good; what it was.

    `stewards` are ids of persons who agree: each dataset of which copies may lie in it needs one of its own.
    Raises NotFound, InputError, Conflict where it is in use or in quarantine, and EngineError. Where the
    engine fails, the order stands on record, and the same call finishes it.
    """
    reason = checks.line(reason, Phrase("reason"), required=True, most=REASON_CHARACTERS)
    found = await find(site, name)
    if users := await site.engine.users_of_volume(name):
        raise Conflict(
            "The volume {name} is in use: {users}.",
            name=name,
            users=users,
            advice="Stop the sessions that have it first.",
        )
    await asyncio.to_thread(_order, site, actor, name, reason, stewards)
    await site.engine.remove_volume(name)
    proof = await site.engine.proof_of_removal(name, found.folder)
    if not proof.gone:
        raise EngineError(
            "The engine said that it removed the volume {name}, and it is still there.",
            name=name,
            advice="Look at the engine's log, then give the order again.",
        )

    def write() -> None:
        with site.store.transaction() as tx:
            facts = {
                "volume": name,
                "engine": "absent",
                "folder": found.folder,
                "folder_absent": proof.folder_absent,
            }
            site.record(tx, actor, Verb.VOLUME_DELETED, found.volume.id if found.volume else name, facts)

    await asyncio.to_thread(write)
    return found


def _order(site: Site, actor: Actor, name: str, reason: str, stewards: Collection[str]) -> None:
    """Ends the volume, so that no launch gets it any more, and writes down who ordered what and why."""
    with site.store.transaction() as tx:
        row = next((one for one in volumes.listing(tx, node=site.settings.node) if one.name == name), None)
        active = launches.listing(tx, node=site.settings.node, active=True)
        one = _kept(tx, name, row, None, active)
        if one.held_by:
            raise Conflict(
                "The volume {name} is held by {launches}.",
                name=name,
                launches=one.held_by,
                advice="Stop that session first.",
            )
        if row is not None and row.quarantined_why:
            raise Conflict(
                "The volume {name} is in quarantine: {why}",
                name=name,
                why=row.quarantined_why,
                advice="A steward releases it first.",
            )
        if silent := [slug for slug in one.datasets if not _agreed(tx, site, slug, stewards)]:
            raise InputError(
                "Copies of {datasets} may lie in {name}, and none of their stewards is named as agreeing.",
                datasets=tuple(silent),
                name=name,
                advice="Name them: --steward USERNAME.",
            )
        facts = {"volume": name, "reason": reason, "datasets": one.datasets, "stewards": sorted(stewards)}
        if row is not None and row.ended is None:
            volumes.replace(tx, replace(row, ended=site.now()))
        site.record(tx, actor, Verb.VOLUME_ENDED, row.id if row else name, facts)


def _agreed(tx: Tx, site: Site, dataset: str, stewards: Collection[str]) -> bool:
    """Whether one of them may decide about that dataset."""
    known = datasets.listing(tx)
    return any(
        may(
            duties_of(
                persons.get(tx, steward), known, memberships.listing(tx, person_id=steward), site.now()
            ),
            Deed.WRITE_DATASET,
            dataset=dataset,
        )
        is None
        for steward in stewards
    )


def _kept(tx: Tx, name: str, row: Volume | None, folder: str | None, active: Collection[Launch]) -> Kept:
    if row is None:
        return Kept(name, None, folder)
    beside = {one.dataset for one in exposures.listing(tx, volume_id=row.id)}
    held_by = tuple(launch.id for launch in active if row.id in launch.volume_ids)
    return Kept(name, row, folder, tuple(sorted(beside)), held_by)
