"""How values look on a page: filters of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context

from hub_ext.expression import words
from hub_ext.expression.ends_ahead import end_ahead
from hub_ext.expression.phrases import phrase_text
from hub_ext.model import Localised, Reason
from hub_ext.model.session_facts import EndAhead
from hub_ext.phrase import Phrase


@pass_context
def _text(context: Context, value: Localised) -> str:
    """A title in the reader's language."""
    return value.text(context["language"])


@pass_context
def _phrase(context: Context, value: Phrase) -> str:
    """What a flow or an adapter says, in the reader's language."""
    return phrase_text(value, context["language"], context["_"])


@pass_context
def _day(context: Context, value: datetime | None) -> str:
    """The day of an instant in the site's time zone; "" for none."""
    return words.day(value, context["language"], ZoneInfo(context["zone"])) if value else ""


@pass_context
def _last_day(context: Context, value: datetime | None) -> str:
    """The last day before an exclusive end."""
    return words.last_day(value, context["language"], ZoneInfo(context["zone"])) if value else ""


@pass_context
def _moment(context: Context, value: datetime | None) -> str:
    """Day and minute in the site's time zone."""
    return value.astimezone(ZoneInfo(context["zone"])).strftime("%Y-%m-%d %H:%M") if value else ""


@pass_context
def _size(context: Context, value: int) -> str:
    """Bytes for a reader."""
    return words.size_text(value, context["language"])


@pass_context
def _hours(context: Context, value: float) -> str:
    """Hours with one decimal, whole from a hundred on."""
    return words.number_text(value, context["language"], 0 if value >= 100 or not value else 1)


@pass_context
def _number(context: Context, value: float, places: int | None = None) -> str:
    """A number with its decimals as the reader's language writes them."""
    return words.number_text(value, context["language"], places)


@pass_context
def _reason(context: Context, value: Reason) -> str:
    """Why a start is refused, for whoever wanted it."""
    return str(words.sentence(value, context["language"], ZoneInfo(context["zone"])))


def _part(value: str) -> str:
    """A part of an address: the id of a GPU has slashes."""
    return quote(value, safe="")


@pass_context
def _warning(context: Context, value: EndAhead) -> str:
    """When a session ends, and why."""
    return end_ahead(value.at, value.reasons, context["language"], ZoneInfo(context["zone"]))


FILTERS: dict[str, Callable[..., Any]] = {
    "text": _text,
    "phrase": _phrase,
    "day": _day,
    "last_day": _last_day,
    "moment": _moment,
    "size": _size,
    "hours": _hours,
    "number": _number,
    "part": _part,
    "reason": _reason,
    "warning": _warning,
}
