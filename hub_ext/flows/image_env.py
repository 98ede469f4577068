"""Which of an image's variables an entry allows: checked as they were typed, and by the image's values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub_ext.errors import InputError
from hub_ext.expression.image_env import ALLOWABLE_ENV, DENIED_ENV, unsafe_to_allow
from hub_ext.model import Finding, FindingCode, ImageEntry, ImageRevision


class VariableState(StrEnum):
    """What servers get of a variable that the image sets, and whether that can be changed."""

    ALLOWED = "allowed"
    EMPTIED = "emptied"
    UNSAFE = "unsafe"  # emptied, and its value cannot be allowed
    NEVER = "never"  # emptied, whatever its value is


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an entry's image."""

    name: str
    state: VariableState


def variables(entry: ImageEntry, revisions: Iterable[ImageRevision]) -> tuple[Variable, ...]:
    """What one of the revisions sets and servers would get empty, and what the entry allows, by name."""
    reports = [revision.report for revision in revisions]
    names = {name for report in reports for name in _emptied_names(report)} | set(entry.allowed_env)
    unsafe = {name for report in reports for name in report.get("unsafe_env", ())}

    def state(name: str) -> VariableState:
        if name in entry.allowed_env:
            return VariableState.ALLOWED
        if name not in ALLOWABLE_ENV:
            return VariableState.NEVER
        return VariableState.UNSAFE if name in unsafe else VariableState.EMPTIED

    return tuple(Variable(name, state(name)) for name in sorted(names))


def _emptied_names(report: Mapping[str, Any]) -> Collection[str]:
    """The variables that a report names; those of before have them in a finding, as a text."""
    if "emptied_env" in report:
        return tuple(report["emptied_env"])
    texts = [
        str(finding["shown"]["names"])
        for finding in report.get("findings", ())
        if finding["code"] == FindingCode.ENV_EMPTIED.value
    ]
    return [name for text in texts for name in DENIED_ENV if name in text.replace(",", " ").split()]


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, sorted, where each can be allowed. Raises InputError."""
    found = tuple(sorted(set(names)))
    for name in found:
        if name in ALLOWABLE_ENV:
            continue
        if name in DENIED_ENV:
            raise InputError(
                "The variable {name} is emptied in every server.",
                advice="It makes programs run code before their own. Only {names} can be allowed.",
                name=name,
                names=ALLOWABLE_ENV,
            )
        raise InputError(
            "The variable {name!r} cannot be allowed.",
            advice="Only {names} are emptied and can be allowed.",
            name=name[:80],
            names=ALLOWABLE_ENV,
        )
    return found


def unsafe_findings(env: Mapping[str, str], allowed: Collection[str]) -> tuple[Finding, ...]:
    """What is in the way of the variables that the entry allows."""
    unsafe = [name for name in unsafe_to_allow(env) if name in allowed]
    return (Finding(FindingCode.ENV_UNSAFE, True, (("names", ", ".join(unsafe)),)),) if unsafe else ()


def refuse_unsafe(report: Mapping[str, Any], names: Collection[str]) -> None:
    """Raises InputError where a revision's report says that one of the names is unsafe.

    Reports of before say nothing of it: a launch looks at the values once more.
    """
    if unsafe := [name for name in report.get("unsafe_env", ()) if name in names]:
        raise InputError(
            "The image's {name} names an empty folder, or others than below /usr, /opt, /lib and /lib64.",
            advice="Build the image with such folders alone, and with no colon at either end.",
            name=unsafe[0],
        )
