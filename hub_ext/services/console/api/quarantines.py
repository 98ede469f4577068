"""Homes and project folders that may hold copies of a dataset, kept from every launch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.errors import InputError
from hub_ext.flows import overview
from hub_ext.flows import quarantine as flow
from hub_ext.model import Quarantine as Known
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.parts import Names, Reason, Session, session
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation


class NewQuarantine(ApiModel):
    """Which: these volumes, or with `all` everything that was beside the dataset, or beside one `version`.

    `why` is for stewards; `told` is read by whoever may not start any more, and names nobody.
    """

    volumes: Names = ()
    all: bool = False
    version: int | None = None
    why: Annotated[str, Field(min_length=1, max_length=flow.MOST_WHY)]
    told: Annotated[str, Field(min_length=1, max_length=flow.MOST_TOLD)]


class Quarantine(ApiModel):
    """A quarantine of a volume."""

    id: str
    volume_id: str
    dataset: str
    why: str
    told: str
    contact: str
    since: AwareDatetime
    added_by: str
    released: AwareDatetime | None


def add(call: Call) -> Listed[Quarantine]:
    """Quarantines them; those that were not before."""
    made = flow.quarantine(call.site, call.actor, _wanted(call))
    return Listed[Quarantine](items=tuple(_shown(one) for one in made))


def look(call: Call) -> Listed[Session]:
    """The sessions that would end; nothing is written."""
    found = flow.sessions_ended(call.site, _wanted(call))
    return Listed[Session](items=tuple(session(launch) for launch in found))


def release(call: Call) -> Quarantine:
    """Lets launches mount the volume again."""
    slug, volume = call.path["slug"], call.path["volume"]
    overview.dataset_view(call.site, slug)
    return _shown(flow.release(call.site, call.actor, slug, volume, call.body.why))


def _wanted(call: Call) -> flow.Wanted:
    asked: NewQuarantine = call.body
    overview.dataset_view(call.site, call.path["slug"])
    if bool(asked.volumes) == asked.all:
        raise InputError("Which volumes?", advice='Name some in "volumes", or say "all".')
    version = asked.version if asked.all else None
    return flow.Wanted(call.path["slug"], asked.volumes, version, asked.why, asked.told)


def _shown(known: Known) -> Quarantine:
    return Quarantine(**{name: getattr(known, name) for name in Quarantine.model_fields})


ROOT = "/datasets/{slug}/quarantines"
OPERATIONS = (
    Operation(
        *("POST", ROOT, "Keep volumes from every launch", add),
        deed=Deed.QUARANTINE_VOLUME,
        about={"dataset": "slug"},
        body=NewQuarantine,
        answer=Listed[Quarantine],
        status=201,
    ),
    Operation(
        *("POST", f"{ROOT}/look", "What a quarantine would end", look),
        deed=Deed.QUARANTINE_VOLUME,
        about={"dataset": "slug"},
        body=NewQuarantine,
        answer=Listed[Session],
    ),
    Operation(
        *("POST", f"{ROOT}/{{volume}}/release", "Let a volume be mounted again", release),
        deed=Deed.QUARANTINE_VOLUME,
        about={"dataset": "slug"},
        body=Reason,
        answer=Quarantine,
    ),
)
