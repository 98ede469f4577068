"""What operators stop at once, or bring to an end by a time: added, looked at before, lifted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub_ext.adapters.store import (
    Tx,
    blocks,
    datasets,
    grants,
    images,
    launches,
    memberships,
    nodes,
    persons,
    projects,
    versions,
)
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site, new_id
from hub_ext.model import Actor, Block, BlockKind, BlockScope, Launch, Verb
from hub_ext.model.blocks import BlockNotice
from hub_ext.phrase import Phrase
from hub_ext.policy import blocks as policy

MOST_WHY = 300
_NOUNS = {
    BlockScope.PERSON: Phrase("person"),
    BlockScope.PROJECT: Phrase("project"),
    BlockScope.DATASET: Phrase("dataset"),
    BlockScope.IMAGE: Phrase("image"),
    BlockScope.NODE: Phrase("node"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block that somebody thinks of: `subject` is a username or a slug, "" for everything."""

    kind: BlockKind
    scope: BlockScope
    subject: str
    why: str
    end_by: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A block before it is added: as it would be, and the sessions that it would be on."""

    block: Block
    sessions: tuple[Launch, ...]


def add(site: Site, actor: Actor, wanted: Wanted) -> Block:
    """From now on no launch there; what runs ends at once (stop) or by its time (drain).

    Raises InputError where there is no such person, project, …, or the times make no sense.
    """
    with site.store.transaction() as tx:
        block = replace(_block(tx, site, wanted), id=new_id("blo"), added_by=actor.id)
        blocks.add(tx, block)
        sessions = [launch.id for launch in _touched(tx, block)]
        site.record(tx, actor, Verb.BLOCK_ADDED, block.id, _facts(block) | {"sessions": sessions})
    return block


def lift(site: Site, actor: Actor, block_id: str) -> Block:
    """Launches are admitted there again. Raises NotFound, and InputError for one that does not stand."""
    now = site.now()
    with site.store.transaction() as tx:
        block = blocks.get(tx, block_id)
        if not policy.stands(block, now):
            raise InputError("This block has been lifted, or has ended.", advice="Look at the list again.")
        block = replace(block, lifted=now, lifted_by=actor.id)
        blocks.replace(tx, block)
        site.record(tx, actor, Verb.BLOCK_LIFTED, block.id, _facts(block))
    return block


def look(site: Site, wanted: Wanted) -> Look:
    """The block as it would be, and the sessions under way that it would be on. Raises InputError."""
    with site.store.reading() as tx:
        block = _block(tx, site, wanted)
        return Look(block, _touched(tx, block))


def newest(site: Site, most: int) -> tuple[Block, ...]:
    """Blocks that stand and that stood, the newest first; those that stand however old they are."""
    with site.store.reading() as tx:
        found = blocks.standing(tx, site.now())[::-1]
        return (*found, *(block for block in blocks.listing(tx, limit=most) if block not in found))


def standing(site: Site) -> tuple[Block, ...]:
    """The blocks that stand, the oldest first."""
    with site.store.reading() as tx:
        return blocks.standing(tx, site.now())


def banners(site: Site, username: str | None) -> tuple[BlockNotice, ...]:
    """What a page tells its reader of; None: nobody has signed in."""
    return tuple(map(_notice, concerning(site, username)))


def notices_for(tx: Tx, site: Site, person_id: str) -> tuple[BlockNotice, ...]:
    """The same for a person, in a transaction that is under way."""
    return tuple(map(_notice, _concerning(tx, blocks.standing(tx, site.now()), person_id)))


def concerning(site: Site, username: str | None) -> tuple[Block, ...]:
    """The blocks that stand and concern that person, or everybody."""
    with site.store.reading() as tx:
        found = blocks.standing(tx, site.now())
        person = persons.find_username(tx, username) if found and username else None
        return _concerning(tx, found, person.id if person else "")


def _notice(block: Block) -> BlockNotice:
    return BlockNotice(policy.reason(block), block.end_by)


def _concerning(tx: Tx, found: tuple[Block, ...], person_id: str) -> tuple[Block, ...]:
    """Those of the blocks that concern that person; of nobody (""), those that concern everybody."""
    if not found or not person_id:
        return tuple(
            block for block in found if policy.concerns(block, person_id="", projects=(), datasets=())
        )
    places = {place.project for place in memberships.listing(tx, person_id=person_id) if place.ended is None}
    granted = {grant.dataset for project in places for grant in grants.listing(tx, project=project)}
    return tuple(
        block
        for block in found
        if policy.concerns(block, person_id=person_id, projects=places, datasets=granted)
    )


def _block(tx: Tx, site: Site, wanted: Wanted) -> Block:
    """As it would be, without an id and nobody's. Raises InputError."""
    now = site.now()
    _check_times(wanted, now)
    why = checks.line(wanted.why, Phrase("reason"), required=True, most=MOST_WHY)
    subject = _subject(tx, wanted)
    return Block(
        *("", wanted.kind, wanted.scope, subject, why, now, ""), end_by=wanted.end_by, until=wanted.until
    )


def _check_times(wanted: Wanted, now: datetime) -> None:
    if wanted.kind is BlockKind.STOP and wanted.end_by is not None:
        raise InputError("A stop ends sessions now, not by a time.", advice="Drain instead.")
    for when in (wanted.end_by, wanted.until):
        if when is not None and when <= now:
            raise InputError("That time has passed: {when}.", advice="Give a later one.", when=when)


def _subject(tx: Tx, wanted: Wanted) -> str:
    """What the store calls it. Raises InputError."""
    name = wanted.subject.strip()
    if wanted.scope is BlockScope.EVERYTHING:
        if name:
            raise InputError("Everything has no name.", advice="Leave the name out.")
        return ""
    found: Any = None
    match wanted.scope:
        case BlockScope.PERSON:
            found = persons.find_username(tx, name) or persons.find(tx, name)
        case BlockScope.PROJECT:
            found = projects.find(tx, name)
        case BlockScope.DATASET:
            found = datasets.find(tx, name)
        case BlockScope.IMAGE:
            found = images.find(tx, name)
        case BlockScope.NODE:
            found = nodes.find(tx, name)
    if found is None:
        raise InputError(
            "There is no {what} {name!r}.",
            advice="Look at its name again.",
            what=_NOUNS[wanted.scope],
            name=name,
        )
    return str(found.id if wanted.scope in (BlockScope.PERSON, BlockScope.NODE) else found.slug)


def _touched(tx: Tx, block: Block) -> tuple[Launch, ...]:
    running = launches.listing(tx, active=True)
    mounted = versions.listing(tx, ids={one for launch in running for one in launch.version_ids})
    slugs = {version.id: version.dataset for version in mounted}
    return tuple(
        launch
        for launch in running
        if policy.on(
            block,
            policy.Touched(
                launch.person_id,
                launch.project,
                {slugs[one] for one in launch.version_ids},
                launch.image,
                launch.node,
            ),
        )
    )


def _facts(block: Block) -> dict[str, Any]:
    """For the record; the scope's own name leads to the block from what it is on."""
    named = {block.scope.value: block.subject} if block.subject else {}
    return {
        "kind": block.kind,
        "scope": block.scope,
        "why": block.why,
        "end_by": block.end_by,
        "until": block.until,
        **named,
    }
