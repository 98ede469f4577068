"""What stands about a session, in sentences for its person; the same on every page and in JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from hub_ext.expression.ends_ahead import banner, end_ahead
from hub_ext.expression.warnings import warning_words
from hub_ext.expression.words import day
from hub_ext.model import Localised
from hub_ext.model.session_facts import SessionWarnings

_GPU_LOST = Localised(
    "This server lost its GPU on {day}: what computed on it is lost. "
    "Save your work, stop the server and start it again to get another GPU.",
    "Ce serveur a perdu son GPU le {day} : ce qui y calculait est perdu. "
    "Enregistrez votre travail, arrêtez le serveur et redémarrez-le pour obtenir un autre GPU.",
)


class WarningKind(StrEnum):
    """What a warning is of. Programs read it."""

    STOP = "stop"  # a stop that more time may put off
    END = "end"  # a right ends
    GPU_LOST = "gpu-lost"
    BLOCK = "block"  # operators have stopped something, or bring it to an end


@dataclass(frozen=True, slots=True)
class StandingWarning:
    """One warning: `at` is when what it warns of happens, or happened; None where no time is set."""

    kind: WarningKind
    at: datetime | None
    text: str


def standing_warnings(
    warnings: SessionWarnings, now: datetime, language: str, time_zone: tzinfo = UTC
) -> tuple[StandingWarning, ...]:
    """The most pressing ones first."""
    return tuple(_standing(warnings, now, language, time_zone))


def _standing(
    warnings: SessionWarnings, now: datetime, language: str, zone: tzinfo
) -> Iterator[StandingWarning]:
    stop, end = warnings.stop, warnings.end
    if end is not None:
        yield StandingWarning(WarningKind.END, end.at, end_ahead(end.at, end.reasons, language, zone))
    if stop.reason is not None and stop.at is not None:
        words = warning_words(stop.reason, stop.at, now, language, zone)
        yield StandingWarning(WarningKind.STOP, stop.at, str(words))
    if warnings.gpu_lost is not None:
        text = _GPU_LOST.text(language).format(day=day(warnings.gpu_lost, language, zone))
        yield StandingWarning(WarningKind.GPU_LOST, warnings.gpu_lost, text)
    for notice in warnings.blocks:
        text = banner(notice.reason, notice.end_by, language, zone)
        yield StandingWarning(WarningKind.BLOCK, notice.end_by, text)
