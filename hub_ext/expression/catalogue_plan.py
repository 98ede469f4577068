"""What an import of the catalogue would do, in the curator's language: a line for each thing."""

from __future__ import annotations

from typing import Any

from hub_ext.expression.catalogue import STATES
from hub_ext.expression.catalogue_file import ceilings_written
from hub_ext.expression.command_line import joined
from hub_ext.expression.interface_file import differing
from hub_ext.expression.poll_lines import poll_written
from hub_ext.model import Ceilings, EntryPlan, ImportStep, Localised
from hub_ext.model.interfaces import Interface

FIELDS = {
    "title": Localised("title", "titre"),
    "description": Localised("description", "description"),
    "tag": Localised("tag", "étiquette"),
    "projects": Localised("projects", "projets"),
    "ceilings": Localised("ceilings", "plafonds"),
    "interface": Localised("interface", "interface"),
    "start_url": Localised("start page", "page de départ"),
    "needs_gpu": Localised("needs a GPU", "exige un GPU"),
    "allowed_env": Localised("allowed variables", "variables autorisées"),
    "successor": Localised("successor", "successeur"),
}
STEPS = {
    ImportStep.ADD: Localised("new, at {image}", "nouvelle, en {image}"),
    ImportStep.CHANGE: Localised("{field}: {before} → {after}", "{field} : {before} → {after}"),
    ImportStep.REVISE: Localised("revision {number} is {digest}", "la révision {number} est {digest}"),
    ImportStep.PUBLISH: Localised(
        "{state} → published: launches revision {number}", "{state} → publiée : démarre la révision {number}"
    ),
    ImportStep.ROLL_BACK: Localised("rolled back to revision {number}", "retour à la révision {number}"),
    ImportStep.DEPRECATE: Localised(
        "→ deprecated, successor: {successor}", "→ déconseillée, successeur : {successor}"
    ),
    ImportStep.RETIRE: Localised("{state} → retired", "{state} → retirée"),
}
_NEW = Localised("new", "nouvelle")
_NONE = Localised("none", "aucun")
_EVERY = Localised("every", "tous")
_YES = Localised("yes", "oui")
_NO = Localised("no", "non")


def step_lines(one: EntryPlan, language: str = "en") -> tuple[str, ...]:
    """What becomes of the entry. Plain text: a page escapes it."""
    told: list[str] = []
    for step in one.steps:
        words = STEPS[step].text(language)
        if step is ImportStep.CHANGE:
            told += [
                words.format(
                    field=FIELDS[change.field].text(language),
                    before=value_text(change.field, change.before, language),
                    after=value_text(change.field, change.after, language),
                )
                for change in one.changes
            ]
        elif step is ImportStep.REVISE:
            told += [words.format(number=number, digest=digest) for number, digest in one.revisions]
        else:
            told.append(words.format(**_shown(one, language)))
    return tuple(told)


def _shown(one: EntryPlan, language: str) -> dict[str, Any]:
    entry = one.after
    state = STATES[one.before.state].text(language) if one.before else _NEW.text(language)
    return {
        "image": f"{entry.alias}/{entry.path}:{entry.tag}",
        "state": state,
        "number": entry.revision,
        "successor": entry.successor or _NONE.text(language),
    }


def value_text(field: str, value: Any, language: str = "en") -> str:
    """A field's value for a reader."""
    match value:
        case Localised():
            return f"“{value.en}” / « {value.fr} »"
        case Ceilings():
            held = ceilings_written(value)
            return ", ".join(f"{name} {limit}" for name, limit in held.items()) or _NONE.text(language)
        case Interface():
            return _interface_text(value)
        case tuple():
            return ", ".join(value) or (_EVERY if field == "projects" else _NONE).text(language)
        case bool():
            return (_YES if value else _NO).text(language)
        case None:
            return _NONE.text(language)
    return str(value)


def _interface_text(interface: Interface) -> str:
    """Its kind, and what is not usual for it, on one line."""
    secret = interface.secret
    shown = {
        "command": joined(interface.command),
        "polls": "; ".join(poll_written(poll) for poll in interface.polls),
        "secret": f"{secret.variable} ({secret.scheme.value})",
    }
    parts = [f"{name} {shown.get(name, getattr(interface, name))}" for name in differing(interface)]
    return ", ".join([interface.kind.value, *parts])
