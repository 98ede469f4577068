"""Who one is, and what one may do."""

from __future__ import annotations

from hub_ext.model.duties import Deed
from hub_ext.services.console.operations import ApiModel, Call, Operation


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


OPERATIONS = (Operation("GET", "/me", "Who I am, and what I may do", me, answer=Me),)
