"""Datasets, their versions, terms and exposures."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from hub_ext.flows import data, dataset_versions, exposures, overview, people
from hub_ext.flows import terms as terms_flow
from hub_ext.model import Dataset as DatasetValue
from hub_ext.model import DatasetClass, DatasetVersion, Localised, VersionState
from hub_ext.model.duties import Deed
from hub_ext.services.console.api.parts import (
    Both,
    Names,
    Reason,
    Session,
    Short,
    Slug,
    both,
    number,
    session,
)
from hub_ext.services.console.editions import edition_of, seen
from hub_ext.services.console.operations import Answer, ApiModel, Call, Listed, Operation, PageQuery
from hub_ext.services.console.reads import READS

Gids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], Field(max_length=200)]
Words = Annotated[str, Field(max_length=terms_flow.MOST_CHARACTERS)]
MOST = 1000


class Dataset(ApiModel):
    """A dataset. `stewards` are persons' ids; empty: any steward looks after it."""

    slug: str
    title: Both
    description: Both
    data_class: DatasetClass
    created: AwareDatetime
    stewards: tuple[str, ...]
    contact: str
    never_with: tuple[str, ...]
    decodes: tuple[str, ...]
    read_gids: tuple[int, ...]
    ended: AwareDatetime | None


class NewDataset(ApiModel):
    """A dataset to register. `stewards` are usernames or ids."""

    slug: Slug
    title: Both
    description: Both = Both(en="", fr="")
    data_class: DatasetClass
    stewards: Names = ()
    contact: Short = ""
    never_with: Names = ()
    decodes: Names = ()
    read_gids: Gids = ()


class DatasetPatch(ApiModel):
    """What is to be another value; lists replace the former ones."""

    title: Both | None = None
    description: Both | None = None
    data_class: DatasetClass | None = None
    stewards: Names | None = None
    contact: Short | None = None
    never_with: Names | None = None
    decodes: Names | None = None
    read_gids: Gids | None = None


class Version(ApiModel):
    """A version of a dataset."""

    id: str
    number: int
    state: VersionState
    folder: str
    manifest_digest: str
    files: int
    total_bytes: int
    created: AwareDatetime


class Folder(ApiModel):
    """A folder on the host, to become the current version."""

    folder: Annotated[str, Field(min_length=1, max_length=1000)]


class Reading(ApiModel):
    """A folder that is being read; `error` says why it did not become a version."""

    folder: str
    done_bytes: int
    total_bytes: int
    over: bool
    error: str


class TermsText(ApiModel):
    """The terms of use in both languages, as plain text."""

    en: Words
    fr: Words


class TermsVersion(ApiModel):
    """One version of the terms."""

    number: int
    text: TermsText
    created: AwareDatetime


class Acceptance(ApiModel):
    """Who accepted which version when."""

    person_id: str
    number: int
    accepted: AwareDatetime


class Terms(ApiModel):
    """Every version, the newest first, and every acceptance."""

    versions: tuple[TermsVersion, ...]
    acceptances: tuple[Acceptance, ...]


class ExposedVolume(ApiModel):
    """A home or project folder beside which a version was mounted."""

    id: str
    kind: str
    project: str
    person_id: str | None
    first: AwareDatetime
    quarantined: bool
    ended: AwareDatetime | None


class Exposed(ApiModel):
    """What one version was shown to."""

    version: int
    sessions: tuple[Session, ...]
    volumes: tuple[ExposedVolume, ...]


def listing(call: Call) -> Listed[Dataset]:
    """Datasets that the caller may see, by slug."""
    limit = max(1, min(call.query.limit, MOST))
    found = [
        _shown(line.dataset)
        for line in overview.dataset_lines(call.site)
        if call.visitor.may(Deed.READ_DATA, dataset=line.dataset.slug) is None
        and line.dataset.slug > call.query.after
    ]
    more = found[limit - 1].slug if len(found) > limit else ""
    return Listed[Dataset](items=tuple(found[:limit]), next=more)


def register(call: Call) -> Answer:
    """A new dataset, without a version."""
    body = call.body
    made = data.register_dataset(
        *(call.site, call.actor, body.slug, body.title.localised(), body.description.localised()),
        body.data_class,
        stewards=people.ids_named(call.site, body.stewards),
        contact=body.contact,
        never_with=body.never_with,
        decodes=body.decodes,
        read_gids=body.read_gids,
    )
    return Answer(_shown(made), version=edition_of(made), location=f"datasets/{made.slug}")


def one(call: Call) -> Answer:
    """One dataset."""
    found = overview.dataset_view(call.site, call.path["slug"]).dataset
    return Answer(_shown(found), version=edition_of(found))


def change(call: Call) -> Answer:
    """The dataset with these fields changed."""
    before = seen(overview.dataset_view(call.site, call.path["slug"]).dataset, call.version)
    asked: dict[str, Any] = {
        name: getattr(call.body, name)
        for name in call.body.model_fields_set
        if getattr(call.body, name) is not None
    }
    for name in ("title", "description"):
        if name in asked:
            asked[name] = asked[name].localised()
    if "stewards" in asked:
        asked["stewards"] = people.ids_named(call.site, asked["stewards"])
    made = data.change_dataset(call.site, call.actor, before.slug, expected=before, **asked)
    return Answer(_shown(made), version=edition_of(made))


def end(call: Call) -> Dataset:
    """The dataset, ended for good."""
    overview.dataset_view(call.site, call.path["slug"])
    return _shown(data.end_dataset(call.site, call.actor, call.path["slug"], call.body.why))


def versions(call: Call) -> Listed[Version]:
    """Every version, the newest first."""
    held = overview.dataset_view(call.site, call.path["slug"]).versions
    return Listed[Version](items=tuple(_version(version) for version in held))


async def read(call: Call) -> Answer:
    """Begins to read a folder, to make it the current version."""
    slug = call.path["slug"]
    overview.dataset_view(call.site, slug)
    held = READS.begin(call.site, call.actor, slug, call.body.folder)
    return Answer(_reading(held.folder, held), location=f"datasets/{slug}/reading")


def reading(call: Call) -> Reading:
    """How far the reading is; one that is over and went well is not told any more."""
    overview.dataset_view(call.site, call.path["slug"])
    held = READS.of(call.path["slug"])
    return _reading(held.folder, held) if held else _reading("", None)


def withdraw(call: Call) -> Version:
    """The version, withdrawn."""
    overview.dataset_view(call.site, call.path["slug"])
    asked = number(call, "number")
    return _version(
        dataset_versions.withdraw_version(call.site, call.actor, call.path["slug"], asked, call.body.why)
    )


def terms(call: Call) -> Terms:
    """The terms, and who accepted them."""
    held = overview.dataset_view(call.site, call.path["slug"])
    return Terms(
        versions=tuple(_terms(known) for known in held.terms),
        acceptances=tuple(
            Acceptance(person_id=one.person_id, number=one.number, accepted=one.accepted)
            for one in held.acceptances
        ),
    )


def add_terms(call: Call) -> TermsVersion:
    """The next version of the terms."""
    overview.dataset_view(call.site, call.path["slug"])
    text = Localised(call.body.en, call.body.fr)
    return _terms(terms_flow.add_terms(call.site, call.actor, call.path["slug"], text))


def exposed(call: Call) -> Listed[Exposed]:
    """Where copies may be, by version."""
    overview.dataset_view(call.site, call.path["slug"])
    return Listed[Exposed](
        items=tuple(
            Exposed(
                version=one.version.number,
                sessions=tuple(session(launch) for launch in one.sessions),
                volumes=tuple(
                    ExposedVolume(
                        id=known.volume.id,
                        kind=known.volume.kind.value,
                        project=known.volume.project,
                        person_id=known.volume.person_id,
                        first=known.exposure.first,
                        quarantined=bool(known.volume.quarantined_why),
                        ended=known.volume.ended,
                    )
                    for known in one.volumes
                ),
            )
            for one in exposures.exposed(call.site, call.path["slug"])
        )
    )


def _shown(dataset: DatasetValue) -> Dataset:
    told = {name: getattr(dataset, name) for name in Dataset.model_fields}
    return Dataset.model_construct(
        **(told | {"title": both(dataset.title), "description": both(dataset.description)})
    )


def _version(version: DatasetVersion) -> Version:
    return Version(**{name: getattr(version, name) for name in Version.model_fields})


def _terms(known: Any) -> TermsVersion:
    text = TermsText.model_construct(en=known.text.en, fr=known.text.fr)
    return TermsVersion(number=known.number, text=text, created=known.created)


def _reading(folder: str, held: Any) -> Reading:
    return Reading(
        folder=folder,
        done_bytes=held.done if held else 0,
        total_bytes=held.total if held else 0,
        over=held.over if held else True,
        error=str(held.failure or "") if held else "",
    )


ABOUT = {"dataset": "slug"}
READ: dict[str, Any] = {"deed": Deed.READ_DATA, "about": ABOUT}
WRITE: dict[str, Any] = {"deed": Deed.WRITE_DATASET, "about": ABOUT}
ROOT = "/datasets/{slug}"
OPERATIONS = (
    Operation(
        *("GET", "/datasets", "Datasets", listing),
        deed=Deed.READ_DATA,
        query=PageQuery,
        answer=Listed[Dataset],
    ),
    Operation(
        *("POST", "/datasets", "Register a dataset", register),
        deed=Deed.WRITE_DATASET,
        body=NewDataset,
        answer=Dataset,
        status=201,
    ),
    Operation("GET", ROOT, "One dataset", one, **READ, answer=Dataset),
    Operation(
        *("PATCH", ROOT, "Change it", change), **WRITE, body=DatasetPatch, answer=Dataset, conditional=True
    ),
    Operation("POST", f"{ROOT}/end", "End it for good", end, **WRITE, body=Reason, answer=Dataset),
    Operation("GET", f"{ROOT}/versions", "Its versions", versions, **READ, answer=Listed[Version]),
    Operation(
        *("POST", f"{ROOT}/versions", "Read a folder and make it current", read),
        **WRITE,
        body=Folder,
        answer=Reading,
        status=202,
    ),
    Operation("GET", f"{ROOT}/reading", "How far the reading is", reading, **READ, answer=Reading),
    Operation(
        *("POST", f"{ROOT}/versions/{{number}}/withdraw", "Withdraw a version", withdraw),
        **WRITE,
        body=Reason,
        answer=Version,
    ),
    Operation("GET", f"{ROOT}/terms", "Its terms of use", terms, **READ, answer=Terms),
    Operation(
        *("POST", f"{ROOT}/terms", "The next version of its terms", add_terms),
        **WRITE,
        body=TermsText,
        answer=TermsVersion,
        status=201,
    ),
    Operation("GET", f"{ROOT}/exposures", "Where copies may be", exposed, **READ, answer=Listed[Exposed]),
)
