"""The catalogue's file, read: strictly, and with the line of whatever cannot be used."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from hub_ext.errors import InputError
from hub_ext.expression.catalogue_file import FORM, KEY, MOST_BYTES
from hub_ext.expression.units import size_read, time_read
from hub_ext.expression.yaml_tree import Node, at, tree
from hub_ext.model import DIGEST, SLUG, Ceilings, ImageEntry, ImageState, Localised, Stated
from hub_ext.phrase import Phrase

_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[0-9]{1,9}")
_FIELDS = (
    *("title", "description", "registry", "path", "tag", "state", "revision", "revisions", "successor"),
    *("projects", "ceilings", "interface", "start_url", "needs_gpu"),
)


def read(content: bytes) -> tuple[Stated, ...]:
    """The entries that the file states, as it has them. Raises InputError, with the line."""
    if len(content) > MOST_BYTES:
        raise InputError(
            "The file has {count} KiB.",
            advice="Use {most} MiB at most.",
            count=len(content) // 1024,
            most=MOST_BYTES // 1024**2,
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise at(line, "This is not UTF-8", "Save the file as UTF-8.") from error
    whole = tree(text)
    held = _mapping(whole, (KEY, "images"), Phrase("the file"))
    form = _needed(held, KEY, whole, Phrase("the file"))
    if _text(form) != str(FORM):
        raise at(
            form.line,
            "{key} is {form!r}, and {known} is what can be read here",
            "",
            key=KEY,
            form=_text(form)[:20],
            known=FORM,
        )
    images = _mapping(_needed(held, "images", whole, Phrase("the file")), None, "images")
    return tuple(_stated(slug, node) for slug, node in images.items())


def _stated(slug: str, node: Node) -> Stated:
    if not SLUG.fullmatch(slug):
        raise at(
            node.line,
            "{slug!r} cannot be a slug",
            "Use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends.",
            slug=slug[:80],
        )
    held = _mapping(node, _FIELDS, slug)
    state = _state(_needed(held, "state", node, slug))
    revision = _whole(held["revision"]) if "revision" in held else 0
    launching = state in (ImageState.PUBLISHED, ImageState.DEPRECATED)
    if launching and not revision:
        raise at(
            node.line,
            "{slug} is {state} and does not say which revision",
            "Add revision: NUMBER.",
            slug=slug,
            state=state,
        )
    if state is ImageState.DRAFT and revision:
        raise at(
            held["revision"].line,
            "{slug} is a draft, which launches nothing",
            "Leave revision out.",
            slug=slug,
        )
    successor = _optional(held, "successor")
    if successor and state not in (ImageState.DEPRECATED, ImageState.RETIRED):
        raise at(
            held["successor"].line,
            "{slug} is {state} and needs no successor",
            "Leave the successor out, or deprecate it.",
            slug=slug,
            state=state,
        )
    entry = ImageEntry(
        slug=slug,
        title=_both(_needed(held, "title", node, slug), slug),
        description=_both(held["description"], slug) if "description" in held else Localised("", ""),
        alias=_text(_needed(held, "registry", node, slug)),
        path=_text(_needed(held, "path", node, slug)),
        tag=_text(_needed(held, "tag", node, slug)),
        created=_UNKNOWN_TIME,
        state=state,
        revision=revision,
        version=0,
        projects=_projects(held["projects"]) if "projects" in held else (),
        ceilings=_ceilings(held["ceilings"], slug) if "ceilings" in held else Ceilings(),
        interface=_optional(held, "interface") or "jupyterlab",
        start_url=_optional(held, "start_url") or "/lab",
        needs_gpu=_flag(held["needs_gpu"]) if "needs_gpu" in held else False,
        successor=successor or None,
    )
    return Stated(entry, _revisions(held["revisions"], slug) if "revisions" in held else (), node.line)


def _mapping(node: Node, known: Collection[str] | None, where: str | Phrase) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        # "images:" with nothing below it says that there are none.
        if known is None and (_null(node) or node.value == ""):
            return {}
        raise at(node.line, "{where} must be names with values", "", where=where)
    for name, value in node.value.items():
        if known is not None and name not in known:
            raise at(
                value.line,
                "{where} knows no {name!r}",
                "Known: {known}.",
                where=where,
                name=name[:80],
                known=tuple(known),
            )
    # What is null is left out.
    return {name: value for name, value in node.value.items() if known is None or not _null(value)}


def _null(node: Node) -> bool:
    return node.plain and node.value in ("null", "~")


def _needed(held: dict[str, Node], name: str, above: Node, where: str | Phrase) -> Node:
    if name not in held:
        raise at(above.line, "{where} lacks {name}", "Add it.", where=where, name=name)
    return held[name]


def _text(node: Node) -> str:
    if not isinstance(node.value, str):
        raise at(node.line, "Here must be a text", "")
    return node.value


def _optional(held: dict[str, Node], name: str) -> str:
    """The text; "" where it is left out."""
    return _text(held[name]) if name in held else ""


def _both(node: Node, slug: str) -> Localised:
    held = _mapping(node, ("en", "fr"), slug)
    return Localised(_text(_needed(held, "en", node, slug)), _text(_needed(held, "fr", node, slug)))


def _state(node: Node) -> ImageState:
    text = _text(node)
    if text not in set(ImageState):
        raise at(
            node.line, "There is no state {text!r}", "Use {states}.", text=text[:40], states=tuple(ImageState)
        )
    return ImageState(text)


def _whole(node: Node) -> int:
    text = _text(node)
    if not _WHOLE.fullmatch(text):
        raise at(node.line, "{text!r} is not a whole number", "", text=text[:40])
    return int(text)


def _flag(node: Node) -> bool:
    text = _text(node)
    if text not in ("true", "false"):
        raise at(node.line, "{text!r} is neither true nor false", "", text=text[:40])
    return text == "true"


def _projects(node: Node) -> tuple[str, ...]:
    if not isinstance(node.value, list):
        raise at(node.line, "projects must be a list", "Write each on a line of its own, behind a dash.")
    return tuple(dict.fromkeys(_text(one) for one in node.value))


def _revisions(node: Node, slug: str) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for name, value in _mapping(node, None, Phrase("revisions of {slug}", slug=slug)).items():
        number, digest = _whole(Node(name, value.line)), _text(value)
        if not number or number in found:
            raise at(
                value.line,
                "{name} cannot be the number of a revision here",
                "Numbers begin with 1.",
                name=name,
            )
        if not DIGEST.fullmatch(digest):
            raise at(
                value.line,
                "{digest!r} is no digest",
                "A digest is sha256: and 64 hex digits.",
                digest=digest[:90],
            )
        found[number] = digest
    return tuple(sorted(found.items()))


def _ceilings(node: Node, slug: str) -> Ceilings:
    held = _mapping(node, ("cpus", "memory", "gpus", "idle"), Phrase("ceilings of {slug}", slug=slug))
    return Ceilings(
        cpus=_cpus(held["cpus"]) if "cpus" in held else None,
        mem_bytes=_unit(held["memory"], size_read) if "memory" in held else None,
        gpus=_whole(held["gpus"]) if "gpus" in held else None,
        idle_seconds=_unit(held["idle"], time_read) if "idle" in held else None,
    )


def _cpus(node: Node) -> float:
    try:
        value = float(_text(node))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise at(node.line, "{text!r} is not a number of CPUs", "", text=_text(node)[:40])
    return value


def _unit(node: Node, reading: Callable[[str], int]) -> int:
    try:
        return reading(_text(node))
    except InputError as error:
        raise InputError(
            "Line {line}: {why}", advice=error.next_step, line=node.line, why=error.fact
        ) from error
