"""The catalogue as one YAML file for people and for git: written here, read in `catalogue_reading`.

Entries by slug, fields in one order, times and versions left out: equal catalogues make equal files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from hub_ext.expression.interface_file import interface_written
from hub_ext.expression.units import size_written, time_written
from hub_ext.model import Ceilings, Stated

KEY = "hub_ext_catalogue"
FORM = 1  # what a reader must know; a new form gets the next number
MOST_BYTES = 8 * 1024**2  # ten thousand entries of some revisions
WIDTH = 100
# libyaml where it is there: ten thousand entries in a second instead of ten.
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def written(stated: Iterable[Stated]) -> str:
    """The file."""
    return str(
        yaml.dump(
            document(stated),
            Dumper=_DUMPER,
            allow_unicode=True,
            default_flow_style=False,
            sort_keys=False,
            width=WIDTH,
        )
    )


def document(stated: Iterable[Stated]) -> dict[str, Any]:
    """The file's content as plain values."""
    ordered = sorted(stated, key=lambda one: one.entry.slug)
    return {KEY: FORM, "images": {one.entry.slug: _entry(one) for one in ordered}}


def _entry(stated: Stated) -> dict[str, Any]:
    entry = stated.entry
    told: dict[str, Any] = {"title": {"en": entry.title.en, "fr": entry.title.fr}}
    if entry.description.en or entry.description.fr:
        told["description"] = {"en": entry.description.en, "fr": entry.description.fr}
    told |= {"registry": entry.alias, "path": entry.path, "tag": entry.tag, "state": entry.state.value}
    if entry.revision:
        told["revision"] = entry.revision
    if stated.revisions:
        told["revisions"] = dict(stated.revisions)
    if entry.successor is not None:
        told["successor"] = entry.successor
    if entry.projects:
        told["projects"] = list(entry.projects)
    if ceilings := ceilings_written(entry.ceilings):
        told["ceilings"] = ceilings
    told |= {"interface": interface_written(entry.interface), "start_url": entry.start_url}
    if entry.needs_gpu:
        told["needs_gpu"] = True
    if entry.allowed_env:
        told["allowed_env"] = list(entry.allowed_env)
    return told


def ceilings_written(ceilings: Ceilings) -> dict[str, Any]:
    """Those that are set, with their units."""
    told: dict[str, Any] = {}
    if ceilings.cpus is not None:
        told["cpus"] = int(ceilings.cpus) if ceilings.cpus == int(ceilings.cpus) else ceilings.cpus
    if ceilings.mem_bytes is not None:
        told["memory"] = size_written(ceilings.mem_bytes)
    if ceilings.gpus is not None:
        told["gpus"] = ceilings.gpus
    if ceilings.idle_seconds is not None:
        told["idle"] = time_written(ceilings.idle_seconds)
    return told
