"""The catalogue's file, read: strictly, and with the line of whatever cannot be used."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from hub_ext.errors import InputError
from hub_ext.expression.catalogue_file import FORM, KEY, MOST_BYTES
from hub_ext.expression.interface_reading import interface_read
from hub_ext.expression.units import size_read, time_read
from hub_ext.expression.yaml_fields import (
    flag_of,
    mapping_of,
    needed,
    optional_text,
    text_of,
    texts_of,
    whole_of,
)
from hub_ext.expression.yaml_tree import Node, at, tree
from hub_ext.model import DIGEST, SLUG, Ceilings, ImageEntry, ImageState, Localised, Stated
from hub_ext.model.interfaces import JUPYTER, START_PAGES
from hub_ext.phrase import Phrase

_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = (
    *("title", "description", "registry", "path", "tag", "state", "revision", "revisions", "successor"),
    *("projects", "ceilings", "interface", "start_url", "needs_gpu", "allowed_env"),
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
    document = tree(text)
    fields = mapping_of(document, (KEY, "images"), Phrase("the file"))
    form = needed(fields, KEY, document, Phrase("the file"))
    if text_of(form) != str(FORM):
        raise at(
            form.line,
            "{key} is {form!r}, and {known} is what can be read here",
            "",
            key=KEY,
            form=text_of(form)[:20],
            known=FORM,
        )
    images = mapping_of(needed(fields, "images", document, Phrase("the file")), None, "images")
    return tuple(_stated(slug, node) for slug, node in images.items())


def _stated(slug: str, node: Node) -> Stated:
    if not SLUG.fullmatch(slug):
        raise at(
            node.line,
            "{slug!r} cannot be a slug",
            "Use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends.",
            slug=slug[:80],
        )
    fields = mapping_of(node, _FIELDS, slug)
    state = _state(needed(fields, "state", node, slug))
    revision = whole_of(fields["revision"]) if "revision" in fields else 0
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
            fields["revision"].line,
            "{slug} is a draft, which launches nothing",
            "Leave revision out.",
            slug=slug,
        )
    successor = optional_text(fields, "successor")
    interface = interface_read(fields["interface"], slug) if "interface" in fields else JUPYTER
    if successor and state not in (ImageState.DEPRECATED, ImageState.RETIRED):
        raise at(
            fields["successor"].line,
            "{slug} is {state} and needs no successor",
            "Leave the successor out, or deprecate it.",
            slug=slug,
            state=state,
        )
    entry = ImageEntry(
        slug=slug,
        title=_both(needed(fields, "title", node, slug), slug),
        description=_both(fields["description"], slug) if "description" in fields else Localised("", ""),
        alias=text_of(needed(fields, "registry", node, slug)),
        path=text_of(needed(fields, "path", node, slug)),
        tag=text_of(needed(fields, "tag", node, slug)),
        created=_UNKNOWN_TIME,
        state=state,
        revision=revision,
        version=0,
        projects=tuple(dict.fromkeys(texts_of(fields["projects"], "projects")))
        if "projects" in fields
        else (),
        ceilings=_ceilings(fields["ceilings"], slug) if "ceilings" in fields else Ceilings(),
        interface=interface,
        start_url=optional_text(fields, "start_url") or START_PAGES[interface.kind],
        needs_gpu=flag_of(fields["needs_gpu"]) if "needs_gpu" in fields else False,
        allowed_env=texts_of(fields["allowed_env"], "allowed_env") if "allowed_env" in fields else (),
        successor=successor or None,
    )
    return Stated(entry, _revisions(fields["revisions"], slug) if "revisions" in fields else (), node.line)


def _both(node: Node, slug: str) -> Localised:
    fields = mapping_of(node, ("en", "fr"), slug)
    return Localised(text_of(needed(fields, "en", node, slug)), text_of(needed(fields, "fr", node, slug)))


def _state(node: Node) -> ImageState:
    text = text_of(node)
    if text not in set(ImageState):
        raise at(
            node.line, "There is no state {text!r}", "Use {states}.", text=text[:40], states=tuple(ImageState)
        )
    return ImageState(text)


def _revisions(node: Node, slug: str) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for name, value in mapping_of(node, None, Phrase("revisions of {slug}", slug=slug)).items():
        number, digest = whole_of(Node(name, value.line)), text_of(value)
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
    fields = mapping_of(node, ("cpus", "memory", "gpus", "idle"), Phrase("ceilings of {slug}", slug=slug))
    return Ceilings(
        cpus=_cpus(fields["cpus"]) if "cpus" in fields else None,
        mem_bytes=_unit(fields["memory"], size_read) if "memory" in fields else None,
        gpus=whole_of(fields["gpus"]) if "gpus" in fields else None,
        idle_seconds=_unit(fields["idle"], time_read) if "idle" in fields else None,
    )


def _cpus(node: Node) -> float:
    try:
        value = float(text_of(node))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise at(node.line, "{text!r} is not a number of CPUs", "", text=text_of(node)[:40])
    return value


def _unit(node: Node, reading: Callable[[str], int]) -> int:
    try:
        return reading(text_of(node))
    except InputError as error:
        raise InputError(
            "Line {line}: {why}", advice=error.next_step, line=node.line, why=error.fact
        ) from error
