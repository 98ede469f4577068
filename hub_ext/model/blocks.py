"""What operators stop at once, or bring to an end by a time: a person, a project, …, or everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.model.reasons import Reason


class BlockScope(StrEnum):
    """What a block is on. Stored and hashed."""

    PERSON = "person"
    PROJECT = "project"
    DATASET = "dataset"
    IMAGE = "image"
    NODE = "node"
    EVERYTHING = "everything"


class BlockKind(StrEnum):
    """Stored and hashed.

    stop   sessions end now, and none start
    drain  none start; those under way end by a time, and are warned before it
    """

    STOP = "stop"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Block:
    """No launch in `scope`, for as long as the block stands.

    `subject` is a person's id or a slug; "" for everything. `why` is in the operators' words and read by
    whoever is concerned, so it names nobody. `end_by`, of a drain: when what runs has to have ended; None
    lets it run. `until` None: it stands until somebody lifts it.
    """

    id: str
    kind: BlockKind
    scope: BlockScope
    subject: str
    why: str
    since: datetime
    added_by: str
    end_by: datetime | None = None
    until: datetime | None = None
    lifted: datetime | None = None
    lifted_by: str = ""


@dataclass(frozen=True, slots=True)
class BlockNotice:
    """What somebody is told of a block: why, and when what runs has to have ended, if by a time."""

    reason: Reason
    end_by: datetime | None
