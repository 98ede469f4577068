"""The console's areas in its navigation: shown to whoever may do something there."""

from __future__ import annotations

from dataclasses import dataclass

from hub_ext.model import MemberRole
from hub_ext.model.duties import Deed
from hub_ext.services.console.visitor import Visitor


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the navigation. No deeds: for everybody. `placed`: for leads and data managers too."""

    path: str
    title: str
    deeds: tuple[Deed, ...] = ()
    placed: bool = False


AREAS = (
    Area("", _("Home")),
    Area("images", _("Images"), (Deed.READ_IMAGES,)),
    Area("datasets", _("Datasets"), (Deed.READ_DATA,)),
    Area("projects", _("Projects"), (Deed.READ_DATA,), placed=True),
    Area("requests", _("Requests")),
    Area("people", _("People"), (Deed.WRITE_PERSON,)),
    Area("sessions", _("Sessions"), (Deed.READ_SESSIONS,)),
    Area("blocks", _("Stops"), (Deed.READ_SESSIONS,)),
    Area("gpus", _("GPUs"), (Deed.READ_SESSIONS,)),
    Area("queue", _("Line")),
    Area("accounting", _("Hours")),
    Area("audit", _("Audit"), (Deed.READ_AUDIT,)),
)


def areas_of(visitor: Visitor) -> tuple[Area, ...]:
    """The areas that this visitor may enter."""
    leads = any(role is not MemberRole.MEMBER for _, role in visitor.duties.places)
    return tuple(
        area
        for area in AREAS
        if not area.deeds or any(visitor.may(deed) is None for deed in area.deeds) or (area.placed and leads)
    )
