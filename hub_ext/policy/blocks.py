"""What a block is on, whom it concerns, and what it means for what runs.

Where several cover the same launch, each is said: lifting one must not look as if it were enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from hub_ext.model import Block, BlockKind, BlockScope, Reason, ReasonCode


@dataclass(frozen=True, slots=True)
class Touched:
    """What a launch has to do with. What is not yet chosen is ""."""

    person_id: str = ""
    project: str = ""
    datasets: Collection[str] = ()
    image: str = ""
    node: str = ""


def stands(block: Block, now: datetime) -> bool:
    """Whether nobody has lifted it and it has not come to its own end."""
    return block.lifted is None and (block.until is None or now < block.until)


def on(block: Block, touched: Touched) -> bool:
    """Whether the block is on anything that the launch has to do with."""
    match block.scope:
        case BlockScope.PERSON:
            return block.subject == touched.person_id
        case BlockScope.PROJECT:
            return block.subject == touched.project
        case BlockScope.DATASET:
            return block.subject in touched.datasets
        case BlockScope.IMAGE:
            return block.subject == touched.image
        case BlockScope.NODE:
            return block.subject == touched.node
        case BlockScope.EVERYTHING:
            return True


def covering(blocks: Iterable[Block], touched: Touched, now: datetime) -> tuple[Block, ...]:
    """The blocks that stand now and are on the launch."""
    return tuple(block for block in blocks if stands(block, now) and on(block, touched))


def end_of(block: Block) -> datetime | None:
    """When a launch under the block has to have ended: at once, by a time, or never because of it."""
    return block.since if block.kind is BlockKind.STOP else block.end_by


def reason(block: Block) -> Reason:
    """The "no" of a block, in the operators' words. Of a person it does not say which: it is the reader."""
    subject = "" if block.scope is BlockScope.PERSON else block.subject
    until = (("again", block.until),) if block.until else ()
    return Reason(ReasonCode.BLOCKED, subject, (("scope", block.scope.value), ("why", block.why), *until))


def concerns(block: Block, *, person_id: str, projects: Collection[str], datasets: Collection[str]) -> bool:
    """Whether a banner tells that person. `datasets` are those that their projects hold grants of.

    What is stopped for one person, one project or one dataset is nobody else's business.
    """
    match block.scope:
        case BlockScope.PERSON:
            return block.subject == person_id
        case BlockScope.PROJECT:
            return block.subject in projects
        case BlockScope.DATASET:
            return block.subject in datasets
        case _:
            return True
