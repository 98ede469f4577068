"""Parts that several nouns of the API share: bounded strings, titles, reasons."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from hub_ext.model import Launch, Localised
from hub_ext.services.console.operations import ApiModel, Call, Problem

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Short = Annotated[str, Field(max_length=255)]
Long = Annotated[str, Field(max_length=2000)]
Names = Annotated[tuple[Short, ...], Field(max_length=200)]


class Both(ApiModel):
    """One text in both languages."""

    en: Long
    fr: Long

    def localised(self) -> Localised:
        """As the model has it."""
        return Localised(self.en, self.fr)


class Reason(ApiModel):
    """Why something ends; for the record, and it names nobody."""

    why: Short


class Session(ApiModel):
    """A session, as far as it matters for data."""

    id: str
    person_id: str
    username: str
    project: str
    image: str
    state: str
    since: AwareDatetime
    ended: AwareDatetime | None


def both(text: Localised) -> Both:
    """A text of the model, for an answer."""
    return Both.model_construct(en=text.en, fr=text.fr)


def session(launch: Launch) -> Session:
    """A launch, for an answer."""
    return Session(
        id=launch.id,
        person_id=launch.person_id,
        username=launch.username,
        project=launch.project,
        image=launch.image,
        state=launch.state.value,
        since=launch.started or launch.admitted,
        ended=launch.ended,
    )


def number(call: Call, name: str) -> int:
    """A path's part that is a whole number. 404 for any other."""
    text = call.path[name]
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Problem(404, f"There is no {name} {text[:40]!r}")
    return int(text)
