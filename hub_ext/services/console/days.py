"""Days that people choose, as the instants from and until which a right holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub_ext.errors import InputError


def beginning(day: date | None, zone: str) -> datetime | None:
    """The start of that day in the site's zone."""
    return _start(day, zone) if day else None


def end(day: date | None, zone: str) -> datetime | None:
    """The exclusive end of that day. Raises InputError beyond the calendar."""
    return last(day, zone) if day else None


def last(day: date, zone: str) -> datetime:
    """The same for a day that is there."""
    try:
        return _start(day + timedelta(days=1), zone)
    except OverflowError as error:
        raise InputError("That day is beyond the calendar.", advice="Choose an earlier one.") from error


def moment(typed: datetime | None, zone: str) -> datetime | None:
    """The instant of a typed day and hour, which are the site's. Raises InputError beyond the calendar."""
    if typed is None or typed.tzinfo is not None:
        return typed
    try:
        return typed.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError as error:
        raise InputError("That day is beyond the calendar.", advice="Choose an earlier one.") from error


def shown(until: datetime | None, zone: str) -> str:
    """The last day before an exclusive end, as a date field takes it; "" for none."""
    if until is None:
        return ""
    return (until - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date().isoformat()


def _start(day: date, zone: str) -> datetime:
    try:
        return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError as error:
        raise InputError("That day is beyond the calendar.", advice="Choose a later one.") from error
