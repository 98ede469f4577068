"""Which state of a thing an editor saw: so that two of them never overwrite each other silently."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from hub_ext.errors import Stale

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def edition_of(value: DataclassInstance) -> int:
    """A number of 28 bits that changes with the value: the ETag, and the hidden field of a form.

    The flow compares the whole value again, in the transaction of its change.
    """
    told = json.dumps(asdict(value), sort_keys=True, default=_plain)
    return int(hashlib.sha256(told.encode()).hexdigest()[:7], 16)


def _plain(value: object) -> str:
    """Two instants of one moment are the same, whatever their zone."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def seen(value: T, edition: int | None) -> T:
    """The value, where it is what the editor saw. Raises Stale."""
    if edition_of(value) != edition:
        raise Stale("Somebody else changed it meanwhile.", advice="Look again, then repeat what you did.")
    return value
