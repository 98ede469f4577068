"""Who one is, and what one may do."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from hub_ext.expression.ends_ahead import end_ahead
from hub_ext.flows import sessions
from hub_ext.model.duties import Deed
from hub_ext.services.console.operations import ApiModel, Call, Listed, Operation


class Me(ApiModel):
    """The caller. `unproven` roles begin with the next sign-in; `deeds` hold for the whole site."""

    id: str
    username: str
    display_name: str
    language: str
    roles: tuple[str, ...]
    unproven: tuple[str, ...]
    deeds: tuple[str, ...]
    datasets: tuple[str, ...]


class OwnSession(ApiModel):
    """A session of the caller's. `ends` and `warning` are null and "" while no end is near.

    `warning` is in the caller's language: when it ends, and why.
    """

    id: str
    server_name: str
    project: str
    image: str
    state: str
    since: AwareDatetime
    ends: AwareDatetime | None
    warning: str


def own_sessions(call: Call) -> Listed[OwnSession]:
    """The caller's sessions, the newest first."""
    zone = ZoneInfo(call.site.settings.time_zone)
    return Listed[OwnSession](
        items=tuple(
            OwnSession(
                id=launch.id,
                server_name=launch.server_name,
                project=launch.project,
                image=launch.image,
                state=launch.state,
                since=launch.started or launch.admitted,
                ends=ahead.at if ahead else None,
                warning=end_ahead(ahead.at, ahead.reasons, call.language, zone) if ahead else "",
            )
            for launch, ahead in sessions.of_person(call.site, call.visitor.person.id)
        )
    )


def me(call: Call) -> Me:
    """The caller, as the console sees them."""
    person, duties = call.visitor.person, call.visitor.duties
    return Me(
        id=person.id,
        username=person.username,
        display_name=person.display_name,
        language=person.language,
        roles=tuple(sorted(duties.roles)),
        unproven=tuple(sorted(call.visitor.unproven)),
        deeds=tuple(deed for deed in Deed if call.visitor.may(deed) is None),
        datasets=tuple(sorted(duties.datasets)),
    )


OPERATIONS = (
    Operation("GET", "/me", "Who I am, and what I may do", me, answer=Me),
    Operation("GET", "/me/sessions", "What I run, and when it ends", own_sessions, answer=Listed[OwnSession]),
)
