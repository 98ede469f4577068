"""Dates as people type them, in the site's time zone, as aware UTC instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub_ext.errors import InputError, SettingsError


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises SettingsError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"c.HubExt.time_zone is {name!r}, which is no time zone here.",
            advice='Use a name such as "Europe/Paris" or "UTC".',
        ) from error


def beginning(text: str, time_zone: str) -> datetime:
    """The instant from which a right holds: the start of a typed day, or the typed instant."""
    return _instant(text, time_zone, timedelta(0))


def end(text: str, time_zone: str) -> datetime:
    """The exclusive instant until which a right holds: the end of a typed day, or the typed instant."""
    return _instant(text, time_zone, timedelta(days=1))


def _instant(text: str, time_zone: str, later: timedelta) -> datetime:
    here = zone(time_zone)
    try:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            typed = datetime.fromisoformat(text)
            return (typed if typed.tzinfo else typed.replace(tzinfo=here)).astimezone(UTC)
        return datetime.combine(day + later, time.min, tzinfo=here).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text!r} is not a date.", advice='Type "2026-12-31", or an instant as "2026-12-31T18:00+01:00".'
        ) from error
