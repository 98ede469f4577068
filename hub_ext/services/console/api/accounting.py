"""GPU-, CPU- and memory-hours by month, project and person."""

from __future__ import annotations

from hub_ext.flows import accounting as flows
from hub_ext.policy.accounting import shown
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation


class AccountQuery(ApiModel):
    """Which months: so many up to `month`, which is this one where it is left out."""

    month: str = ""
    months: int = 1
    project: str = ""


class Account(ApiModel):
    """What one person's servers in one project held in one month, used or not."""

    month: str
    project: str
    person_id: str
    username: str
    starts: int
    cpu_hours: float
    mem_gib_hours: float
    gpu_hours: float
    gpu_idle_hours: float


def listing(call: Call) -> Listed[Account]:
    """One's own accounts, those of projects that one leads, or all."""
    found = flows.asked(call.site, call.query.month, call.query.months, project=call.query.project)
    return Listed[Account](
        items=tuple(
            Account(
                month=str(row.month),
                project=row.project,
                person_id=row.person_id,
                username=found.people[row.person_id].username,
                starts=row.starts,
                cpu_hours=row.cpu_hours,
                mem_gib_hours=row.mem_gib_hours,
                gpu_hours=row.gpu_hours,
                gpu_idle_hours=row.gpu_idle_hours,
            )
            for row in shown(found.rows, call.visitor.duties)
        )
    )


OPERATIONS = (
    Operation(
        "GET",
        "/accounting",
        "GPU-, CPU- and memory-hours",
        listing,
        query=AccountQuery,
        answer=Listed[Account],
    ),
)
