"""The line for GPUs: one's own places, for operators and auditors everybody's; a request cancelled."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.flows import queue
from hub_ext.model.duties import Deed
from hub_ext.policy.queue import Place as Known
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation
from hub_ext.services.console.pages.queue import cancel as cancel_flow


class Place(ApiModel):
    """A request in line. `by` is when its turn comes at the latest as things stand; null: not known.

    `on_hold`: its limits, a server of that name that runs, or the operators do not allow it now.
    """

    id: str
    place: int
    of: int
    person_id: str
    server_name: str
    project: str
    image: str
    datasets: tuple[str, ...]
    size: str
    gpus: int
    state: str
    on_hold: bool
    asked: AwareDatetime
    by: AwareDatetime | None


class Cancel(ApiModel):
    """Why: needed where it is somebody else's, who reads it."""

    why: Annotated[str, Field(max_length=500)] = ""


def listing(call: Call) -> Listed[Place]:
    """In the order in which turns come."""
    everybody_s = call.visitor.may(Deed.READ_SESSIONS) is None
    return Listed[Place](
        items=tuple(
            _place(one)
            for one in queue.places(call.site)
            if everybody_s or one.row.person_id == call.visitor.person.id
        )
    )


def cancel(call: Call) -> None:
    """Takes a request out of line."""
    cancel_flow(call.visitor, call.path["id"], call.body.why, call.site)


def _place(known: Known) -> Place:
    row = known.row
    return Place(
        id=row.id,
        place=known.number,
        of=known.of,
        person_id=row.person_id,
        server_name=row.server_name,
        project=row.project,
        image=row.environment,
        datasets=row.datasets,
        size=row.size,
        gpus=row.gpus,
        state=row.state,
        on_hold=known.on_hold,
        asked=row.asked,
        by=known.by,
    )


OPERATIONS = (
    Operation("GET", "/queue", "The line for GPUs", listing, answer=Listed[Place]),
    Operation("POST", "/queue/{id}/cancel", "Cancel a request in line", cancel, body=Cancel, status=204),
)
