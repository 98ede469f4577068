"""Column types: how each kind of value of the model lies in a table.

Stored: an encoding may learn to read more than it writes, it never changes what old rows mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from hub_ext.model import Ceilings, Localised, Reason, ReasonCode
from hub_ext.model.gpu_limits import GpuLimits
from hub_ext.model.interfaces import (
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.phrase import Phrase

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant. PostgreSQL keeps the zone; SQLite keeps UTC without one, as sortable text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class OneOf(TypeDecorator[E], Generic[E]):
    """A member of an enumeration, by its value."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[E]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.members(value)


class Json(TypeDecorator[T], Generic[T]):
    """A small value as JSON; `encode` and `decode` translate it to and from plain dicts and lists."""

    impl = JSON
    cache_ok = True

    def __init__(self, encode: Callable[[T], Any], decode: Callable[[Any], T]) -> None:
        super().__init__()
        self.encode = encode
        self.decode = decode

    def process_bind_param(self, value: T | None, dialect: Dialect) -> Any:
        return None if value is None else self.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> T | None:
        return None if value is None else self.decode(value)


def tuple_of(item: Callable[[Any], T]) -> Json[tuple[T, ...]]:
    """A tuple of strings, numbers or enumeration members as a JSON list."""
    return Json(list, lambda stored: tuple(item(one) for one in stored))


def _mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(value)


LOCALISED: Json[Localised] = Json(asdict, lambda stored: Localised(**stored))
CEILINGS: Json[Ceilings] = Json(asdict, lambda stored: Ceilings(**stored))
GPU_LIMITS: Json[GpuLimits] = Json(asdict, lambda stored: GpuLimits(**stored))
MAPPING: Json[Mapping[str, Any]] = Json(_mapping, _mapping)
PHRASES: Json[tuple[Phrase, ...]] = Json(
    lambda value: [one.kept() for one in value], lambda stored: tuple(Phrase.restored(one) for one in stored)
)


def _reason(value: Reason) -> dict[str, Any]:
    shown = {name: {"at": one.isoformat()} if isinstance(one, datetime) else one for name, one in value.shown}
    return {"code": value.code.value, "subject": value.subject, "shown": shown}


def _stored_reason(stored: dict[str, Any]) -> Reason:
    shown = tuple(
        (name, datetime.fromisoformat(one["at"]) if isinstance(one, dict) else one)
        for name, one in stored["shown"].items()
    )
    return Reason(ReasonCode(stored["code"]), stored["subject"], shown)


REASONS: Json[tuple[Reason, ...]] = Json(
    lambda value: [_reason(one) for one in value],
    lambda stored: tuple(_stored_reason(one) for one in stored),
)


def _stored_interface(stored: dict[str, Any]) -> Interface:
    secret = stored["secret"]
    return Interface(
        kind=InterfaceKind(stored["kind"]),
        command=tuple(stored["command"]),
        port=stored["port"],
        prefix=PrefixHandling(stored["prefix"]),
        ready_path=stored["ready_path"],
        polls=tuple(Poll(tuple(poll["methods"]), poll["path"]) for poll in stored["polls"]),
        secret=SecretPlace(secret["variable"], SecretScheme(secret["scheme"])),
    )


INTERFACE: Json[Interface] = Json(asdict, _stored_interface)
STRINGS = tuple_of(str)
INTEGERS = tuple_of(int)
