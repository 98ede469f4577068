"""The catalogue as a file states it, and what would change if it were so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub_ext.model.images import Finding, ImageEntry


@dataclass(frozen=True, slots=True)
class Stated:
    """An entry and its revisions (number, digest), by number. `line` is where the file says so, from 1.

    A file knows neither times nor the version of the entry: those of `entry` mean nothing here.
    """

    entry: ImageEntry
    revisions: tuple[tuple[int, str], ...] = ()
    line: int = 0


class ImportStep(StrEnum):
    """What an import does to an entry, in this order."""

    ADD = "add"
    CHANGE = "change"
    REVISE = "revise"
    PUBLISH = "publish"
    ROLL_BACK = "roll-back"
    DEPRECATE = "deprecate"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of an entry, before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """What becomes of one entry. `before` is None for a new one; blocking `findings` refuse the import."""

    before: ImageEntry | None
    after: ImageEntry
    steps: tuple[ImportStep, ...]
    changes: tuple[FieldChange, ...] = ()
    revisions: tuple[tuple[int, str], ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do. `entries` are those with anything to do or to say, by slug.

    `missing` stand in the catalogue and not in the file, and are left alone. `expected` names the plan and
    the versions that it was made for: with it, an import does this or nothing.
    """

    entries: tuple[EntryPlan, ...]
    unchanged: int
    missing: tuple[str, ...]
    expected: str

    @property
    def refused(self) -> bool:
        """Whether something is in the way."""
        return any(finding.blocking for entry in self.entries for finding in entry.findings)

    @property
    def nothing(self) -> bool:
        """Whether it would change nothing."""
        return not any(entry.steps for entry in self.entries)
