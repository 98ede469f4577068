"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub_ext.errors import HubExtError
from hub_ext.phrase import Phrase, Value


class Health(StrEnum):
    """`WARN` is also the word for what cannot be verified."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, what was seen, what to do about it."""

    check: Phrase
    health: Health
    seen: Phrase
    advice: Phrase = Phrase("")


# Texts are templates, as `errors` has them, with the same values.


def ok(check: str, seen: str, /, **values: Value) -> Finding:
    """All is as it should be."""
    return Finding(Phrase(check, **values), Health.OK, Phrase(seen, **values))


def warn(check: str, seen: str, advice: str, /, **values: Value) -> Finding:
    """Not as it should be, yet no danger; or it cannot be verified."""
    return _fault(Health.WARN, check, seen, advice, values)


def fail(check: str, seen: str, advice: str, /, **values: Value) -> Finding:
    """Something that must be mended."""
    return _fault(Health.FAIL, check, seen, advice, values)


def failed(check: Phrase, error: HubExtError) -> Finding:
    """The failure of what was looked at, with its own advice."""
    return Finding(check, Health.FAIL, error.fact, error.next_step)


def _fault(health: Health, check: str, seen: str, advice: str, values: dict[str, Value]) -> Finding:
    return Finding(Phrase(check, **values), health, Phrase(seen, **values), Phrase(advice, **values))
