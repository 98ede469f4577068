"""The whole catalogue as one document, out and in."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from hub_ext.expression.catalogue import finding_text
from hub_ext.expression.catalogue_file import KEY, document, written
from hub_ext.expression.catalogue_plan import step_lines
from hub_ext.flows import catalogue_import as flows
from hub_ext.model import EntryPlan, ImageState, ImportPlan, ImportStep, Rejection
from hub_ext.model.duties import Deed
from hub_ext.model.interfaces import JUPYTER, Interface
from hub_ext.services.console.api.interfaces import ServerInterface, server_interface
from hub_ext.services.console.api.parts import Both
from hub_ext.services.console.operations import Answer, ApiModel, Call, Operation, Problem

MOST_REASONS = 200
Word = Annotated[str, Field(max_length=255)]


class StatedCeilings(ApiModel):
    """With their units: "8 GiB", "30 min"; null is the site's."""

    cpus: float | None = None
    memory: Word | None = None
    gpus: int | None = None
    idle: Word | None = None


class StatedImage(ApiModel):
    """An entry. `revisions` are digests by their number, `revision` the one that starts, 0 for none.

    "jupyter" is any Jupyter image, "jupyterlab" one that was built here for a former version.
    """

    title: Both
    description: Both = Both(en="", fr="")
    registry: Word
    path: Word
    tag: Word
    state: ImageState
    revision: Annotated[int, Field(ge=0, le=999_999_999)] = 0
    revisions: dict[str, Word] = {}
    successor: Word | None = None
    projects: Annotated[tuple[Word, ...], Field(max_length=1000)] = ()
    ceilings: StatedCeilings = StatedCeilings()
    interface: ServerInterface | Literal["jupyter", "jupyterlab"] = "jupyter"
    start_url: Word | None = None
    needs_gpu: bool = False
    allowed_env: Annotated[tuple[Word, ...], Field(max_length=32)] = ()


class CatalogueDocument(ApiModel):
    """The catalogue, by slug. `hub_ext_catalogue` is the form of the document."""

    hub_ext_catalogue: Literal[1]
    images: dict[str, StatedImage]


class CatalogueQuery(ApiModel):
    """As what it is sent."""

    format: Literal["json", "yaml"] = "json"


class ImportQuery(ApiModel):
    """`dry_run` writes nothing. `plan` is a dry run's: what it told is done, or nothing.

    Entries that the document leaves out are left alone, or retired with `retire_missing`. Revisions whose
    last check failed are published only with `despite_failed_check`.
    """

    dry_run: bool = False
    retire_missing: bool = False
    despite_failed_check: bool = False
    plan: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None


class ImportedEntry(ApiModel):
    """What becomes of an entry: the steps, the same in words, and what else there is to know."""

    slug: str
    steps: tuple[ImportStep, ...]
    text: tuple[str, ...]
    remarks: tuple[str, ...]


class Imported(ApiModel):
    """What an import did, or would do. `missing` are left alone."""

    dry_run: bool
    plan: str
    entries: tuple[ImportedEntry, ...]
    unchanged: int
    missing: tuple[str, ...]


def export(call: Call) -> Answer:
    """All of it."""
    stated = flows.export(call.site)
    if call.query.format == "yaml":
        return Answer(yaml=written(stated))
    held = document(stated)
    interfaces = {one.entry.slug: one.entry.interface for one in stated}
    images = {
        slug: StatedImage.model_construct(
            **{
                **told,
                "title": Both.model_construct(**told["title"]),
                "description": Both.model_construct(**told.get("description", {"en": "", "fr": ""})),
                "state": ImageState(told["state"]),
                "revisions": {str(number): digest for number, digest in told.get("revisions", {}).items()},
                "projects": tuple(told.get("projects", ())),
                "ceilings": StatedCeilings.model_construct(**told.get("ceilings", {})),
                "interface": _interface(interfaces[slug]),
                "allowed_env": tuple(told.get("allowed_env", ())),
            }
        )
        for slug, told in held["images"].items()
    }
    return Answer(CatalogueDocument.model_construct(hub_ext_catalogue=held[KEY], images=images))


async def import_document(call: Call) -> Imported:
    """All or nothing."""
    query: ImportQuery = call.query
    wanted = await asyncio.to_thread(
        flows.wish,
        call.body,
        retire_missing=query.retire_missing,
        despite_failed_check=query.despite_failed_check,
    )
    if query.dry_run:
        plan = await flows.preview(call.site, wanted)
        if plan.refused:
            _refuse(call, tuple(Rejection(one.after.slug, one.findings) for one in plan.entries))
    else:
        made = await flows.import_file(call.site, call.actor, wanted, expected=query.plan)
        if not isinstance(made, ImportPlan):
            _refuse(call, made)
        plan = made
    return Imported(
        dry_run=query.dry_run,
        plan=plan.expected,
        entries=tuple(_entry(one, call.language) for one in plan.entries),
        unchanged=plan.unchanged,
        missing=plan.missing,
    )


def _interface(interface: Interface) -> ServerInterface | Literal["jupyter"]:
    return "jupyter" if interface == JUPYTER else server_interface(interface)


def _entry(one: EntryPlan, language: str) -> ImportedEntry:
    remarks = tuple(finding_text(finding, language) for finding in one.findings)
    return ImportedEntry(
        slug=one.after.slug, steps=one.steps, text=step_lines(one, language), remarks=remarks
    )


def _refuse(call: Call, rejections: tuple[Rejection, ...]) -> NoReturn:
    reasons = [
        {"field": rejection.entry, "reason": finding_text(finding, call.language)}
        for rejection in rejections
        for finding in rejection.findings
        if finding.blocking
    ]
    raise Problem(409, "Refused", "Nothing is imported.", reasons=tuple(reasons[:MOST_REASONS]))


PATH = "/catalogue"
OPERATIONS = (
    Operation(
        *("GET", PATH, "The catalogue as one document", export, Deed.READ_IMAGES),
        query=CatalogueQuery,
        answer=CatalogueDocument,
        yaml=True,
    ),
    Operation(
        *("POST", PATH, "Make the catalogue what a document says", import_document, Deed.WRITE_IMAGES),
        query=ImportQuery,
        body=CatalogueDocument,
        answer=Imported,
        yaml=True,
    ),
)
