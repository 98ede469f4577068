"""The facts of a session as JSON, for programs in its container and for its pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hub_ext.expression.ends_ahead import what_ends
from hub_ext.model import Localised
from hub_ext.model.session_facts import SessionFacts

FORMAT = 1  # of the file; raised when a key changes its meaning or goes


def facts_json(facts: SessionFacts) -> str:
    """The file that a container sees. Times are UTC in ISO 8601, sizes bytes, texts in both languages."""
    return json.dumps(facts_tree(facts), ensure_ascii=False, indent=2) + "\n"


def facts_tree(facts: SessionFacts) -> dict[str, Any]:
    """The same as objects of JSON."""
    return {
        "format": FORMAT,
        "launch": facts.launch_id,
        "server_name": facts.server_name,
        "project": {"slug": facts.project, "title": _texts(facts.project_title)},
        "environment": {
            "slug": facts.environment,
            "title": _texts(facts.environment_title),
            "revision": facts.revision,
            "digest": facts.digest,
        },
        "datasets": [
            {
                "slug": dataset.slug,
                "title": _texts(dataset.title),
                "version": dataset.version,
                "folder": dataset.folder,
            }
            for dataset in facts.datasets
        ],
        "size": {"slug": facts.size, "title": _texts(facts.size_title)},
        "cpus": facts.cpus,
        "mem_bytes": facts.mem_bytes,
        "gpus": facts.gpus,
        "started": utc_text(facts.started),
        "end": _end(facts),
        "idle_seconds": facts.idle_seconds,
        "busy_ceiling_seconds": facts.busy_ceiling_seconds,
        "kept": [
            {
                "kind": folder.kind.value,
                "folder": folder.folder,
                "allowed_bytes": folder.allowed_bytes,
                "used_bytes": folder.used_bytes,
            }
            for folder in facts.kept
        ],
    }


def utc_text(when: datetime) -> str:
    """An instant such as "2026-05-03T17:00:00Z"."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _end(facts: SessionFacts) -> dict[str, Any] | None:
    if facts.end is None:
        return None
    reasons = facts.end.reasons
    why = {language: what_ends(reasons, language) for language in ("en", "fr")}
    return {"at": utc_text(facts.end.at), "why": why}


def _texts(title: Localised) -> dict[str, str]:
    return {"en": title.en, "fr": title.fr}
