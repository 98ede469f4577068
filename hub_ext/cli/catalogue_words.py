"""How `hub-ext catalogue` words what it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub_ext.cli import sizes
from hub_ext.cli.catalogue_interface import interface_pairs
from hub_ext.expression.catalogue import finding_text
from hub_ext.flows import admission
from hub_ext.flows import catalogue as flows
from hub_ext.flows.catalogue_refresh import Refreshed
from hub_ext.model import Finding, FindingCode, ImageEntry, ImageRevision, ImageState


def explained(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings for --json: codes for programs, sentences for people."""
    return [admission.plain(finding) | {"text": finding_text(finding)} for finding in findings]


def remarks(findings: Iterable[Finding]) -> str:
    """A line for each finding; what is blocking first."""
    ordered = sorted(findings, key=lambda finding: not finding.blocking)
    return "".join(f"{'!' if known.blocking else '-'} {finding_text(known)}\n" for known in ordered)


def looked_json(looked: flows.Looked) -> dict[str, Any]:
    """What a look found, for --json."""
    return {
        "entry": looked.entry,
        "revision": looked.revision,
        "new": looked.new,
        "findings": explained(looked.findings),
    }


def looked_text(looked: flows.Looked) -> str:
    """What a look found, for people."""
    slug, number = looked.entry.slug, looked.revision.number
    if not looked.new:
        return f"{slug}: the tag {looked.entry.tag} is at revision {number}, as known."
    launched = f"revision {looked.entry.revision}" if looked.entry.revision else "nothing"
    return (
        f"{slug}: the tag {looked.entry.tag} has moved; revision {number} is {looked.revision.digest}. "
        f"{slug} still launches {launched}; `hub-ext catalogue publish {slug}` changes that.\n"
        + remarks(looked.findings)
    ).rstrip()


def refreshed_json(found: Refreshed) -> dict[str, Any]:
    """What a look at many tags found, for --json."""
    return {
        "moved": [looked_json(looked) for looked in found.moved],
        "same": found.same,
        "gone": {slug: str(error) for slug, error in found.gone},
    }


def refreshed_text(found: Refreshed) -> str:
    """What a look at many tags found, for people: those that have moved or gone, and how many have not."""
    lines = [looked_text(looked) for looked in found.moved]
    lines += [f"{slug}: {error}" for slug, error in found.gone]
    lines.append(f"{len(found.same)} {'tag names' if len(found.same) == 1 else 'tags name'} what is known.")
    return "\n".join(lines)


def entry_pairs(entry: ImageEntry) -> list[tuple[str, Any]]:
    """An entry as names and values."""
    limits = entry.ceilings
    return [
        ("entry", entry.slug),
        ("title", entry.title.en),
        ("titre", entry.title.fr),
        ("description", entry.description.en),
        ("description (fr)", entry.description.fr),
        ("state", entry.state),
        ("image", f"{entry.alias}/{entry.path}:{entry.tag}"),
        ("launches", f"revision {entry.revision}" if entry.revision else None),
        ("projects", entry.projects or "every"),
        ("opens", entry.start_url),
        *interface_pairs(entry.interface),
        ("allowed variables", entry.allowed_env),
        ("needs a GPU", entry.needs_gpu),
        ("CPUs at most", limits.cpus),
        ("memory at most", None if limits.mem_bytes is None else sizes.shown(limits.mem_bytes)),
        ("GPUs at most", limits.gpus),
        ("idle at most", None if limits.idle_seconds is None else f"{limits.idle_seconds} s"),
        ("successor", entry.successor),
        ("version", entry.version),
    ]


def revision_words(entry: ImageEntry, revision: ImageRevision) -> list[Any]:
    """One revision on one line."""
    words: list[Any] = [revision.digest]
    if revision.number == entry.revision:
        words.append("launched now" if entry.state is not ImageState.RETIRED else "launched last")
    words.append(f"published {revision.published:%Y-%m-%d}" if revision.published else "never published")
    size = revision.report.get("total_bytes")
    if isinstance(size, int):
        words.append(f"{sizes.shown(size)} compressed")
    for finding in revision.report.get("findings", ()):
        if finding["blocking"]:
            words.append(f"blocked: {FindingCode(finding['code']).value}")
    return words
