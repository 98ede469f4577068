"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub_ext.errors import HubExtError


class Health(StrEnum):
    """`WARN` is also the word for what cannot be verified."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, what was seen, what to do about it."""

    check: str
    health: Health
    seen: str
    advice: str = ""


def ok(check: str, seen: str) -> Finding:
    """All is as it should be."""
    return Finding(check, Health.OK, seen)


def warn(check: str, seen: str, advice: str) -> Finding:
    """Not as it should be, yet no danger; or it cannot be verified."""
    return Finding(check, Health.WARN, seen, advice)


def fail(check: str, seen: str, advice: str) -> Finding:
    """Something that must be mended."""
    return Finding(check, Health.FAIL, seen, advice)


def failed(check: str, error: HubExtError) -> Finding:
    """The failure of what was looked at, with its own advice."""
    return Finding(check, Health.FAIL, error.message, error.advice)
