"""Demo content: two studies, five people, three datasets of real data, and the images built here.

Loaded again it adds only what never was: what somebody ended, revoked or changed meanwhile stays so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from hub_ext.adapters.files import Progress, quiet
from hub_ext.adapters.store import (
    approvals,
    datasets,
    grants,
    memberships,
    persons,
    projects,
    revisions,
    versions,
)
from hub_ext.adapters.store import images as entries
from hub_ext.errors import InputError
from hub_ext.flows import catalogue, data, dataset_versions, people
from hub_ext.flows import grants as granting
from hub_ext.flows import projects as studies
from hub_ext.flows.admission import EntryOptions
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    ActorKind,
    DatasetClass,
    ImageReference,
    Localised,
    MemberRole,
    PersonKind,
    Rejection,
    SiteRole,
)

ACTOR = Actor(ActorKind.SERVICE, "demo")
ISSUER = "demo"
CONTACT = "data-access@hospital.example"
LASTS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class DemoImage:
    """An image that was built and pushed under a tag, with the texts of its recipe."""

    reference: ImageReference
    tag: str
    title: Localised
    description: Localised
    options: EntryOptions = field(default_factory=EntryOptions)


@dataclass(frozen=True, slots=True)
class Somebody:
    """A demo account; its subject is its username."""

    username: str
    display_name: str
    language: str = "en"
    kind: PersonKind = PersonKind.STAFF
    roles: tuple[SiteRole, ...] = ()
    places: tuple[tuple[str, MemberRole], ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A project with its approval, and what is granted to it."""

    title: Localised
    reference: str
    purpose: str
    datasets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset, whose files lie in the folder of its slug."""

    title: Localised
    description: Localised
    data_class: DatasetClass
    never_with: tuple[str, ...] = ()


PEOPLE = (
    Somebody("curator", "Camille Martin", "fr", roles=(SiteRole.CURATOR,)),
    Somebody("steward", "Sami Haddad", "fr", roles=(SiteRole.STEWARD,)),
    Somebody("operator", "Olga Meyer", roles=(SiteRole.OPERATOR,)),
    Somebody("auditor", "Anne Roux", "fr", roles=(SiteRole.AUDITOR,)),
    Somebody("alice", "Alice Bernard", places=(("onco", MemberRole.LEAD), ("cardio", MemberRole.MEMBER))),
    Somebody("bruno", "Bruno Leroy", "fr", places=(("onco", MemberRole.MEMBER),)),
    Somebody("chloe", "Chloé Petit", "fr", kind=PersonKind.STUDENT, places=(("cardio", MemberRole.MEMBER),)),
)
USERNAMES = tuple(somebody.username for somebody in PEOPLE)

STUDIES = {
    "onco": Study(
        Localised("Breast cancer: diagnosis and survival", "Cancer du sein : diagnostic et survie"),
        "CPP-2026-014",
        "To tell malignant from benign tumours, and to describe survival after treatment",
        ("breast-cancer", "survival"),
    ),
    # Both are granted, and never meet: the form shows why.
    "cardio": Study(
        Localised("Cardiac imaging and outcomes", "Imagerie cardiaque et devenir des patients"),
        "CPP-2026-027",
        "To read cardiac images, and to compare outcomes between treatments",
        ("dicom", "survival"),
    ),
}

SOURCES = {
    "breast-cancer": Source(
        Localised("Breast tumours, Wisconsin", "Tumeurs du sein, Wisconsin"),
        Localised(
            "Measurements of cell nuclei from 569 breast tumours, benign or malignant; no names.",
            "Mesures de noyaux cellulaires de 569 tumeurs du sein, bénignes ou malignes ; sans noms.",
        ),
        DatasetClass.CODED,
    ),
    "dicom": Source(
        Localised("Images in DICOM", "Images DICOM"),
        Localised(
            "Images as the scanners write them, with patients' names in their headers.",
            "Images telles que les appareils les écrivent, noms des patients dans les en-têtes.",
        ),
        DatasetClass.IDENTIFYING,
    ),
    "survival": Source(
        Localised("Survival after treatment", "Survie après traitement"),
        Localised(
            "Times to event of coded patients. Never beside data that names persons.",
            "Délais jusqu'à l'événement de patients codés. Jamais à côté de données nominatives.",
        ),
        DatasetClass.CODED,
        never_with=(DatasetClass.IDENTIFYING.value,),
    ),
}


async def load(
    site: Site,
    images: Mapping[str, DemoImage],
    data_dir: Path,
    *,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Progress = quiet,
    read_gids: tuple[int, ...] = (),
    probe: bool = True,
    issuer: str = ISSUER,
) -> None:
    """Add what is missing. `images` are entries by slug; `data_dir` holds a folder for each dataset, whose
    files are read with `read_gids`; `issuer` is the sign-in provider's whose subjects the usernames are.

    `say` is told each step. Raises InputError where a folder or an image will not do, and the errors of
    engine, registry and store.
    """
    say("people and projects")
    await asyncio.to_thread(_people, site, issuer)
    await asyncio.to_thread(_studies, site)
    await asyncio.to_thread(_places, site, issuer)
    for slug in SOURCES:
        if await asyncio.to_thread(_source_missing, site, slug, read_gids, issuer):
            say(f"the dataset {slug}")
            await dataset_versions.register_version(
                site, ACTOR, slug, data_dir / slug, progress=progress, probe=probe
            )
    await asyncio.to_thread(_grants, site)
    for slug, image in images.items():
        await _publish(site, slug, image, say)


def _people(site: Site, issuer: str) -> None:
    for somebody in PEOPLE:
        with site.store.reading() as tx:
            known = persons.find_sign_in(tx, issuer, somebody.username)
        if known is None:
            people.add_person(
                site,
                ACTOR,
                issuer=issuer,
                subject=somebody.username,
                username=somebody.username,
                display_name=somebody.display_name,
                language=somebody.language,
                kind=somebody.kind,
                roles=somebody.roles,
            )


def _studies(site: Site) -> None:
    for slug, study in STUDIES.items():
        with site.store.reading() as tx:
            known, allowed = projects.find(tx, slug), approvals.listing(tx, project=slug)
        if known is None:
            studies.add_project(site, ACTOR, slug, study.title)
        if not allowed:
            studies.add_approval(
                site,
                ACTOR,
                slug,
                reference=study.reference,
                controller="Hospital of the demo",
                purpose=study.purpose,
                legal_basis="GDPR 6(1)(e), 9(2)(j)",
                valid_until=site.now() + LASTS,
            )


def _places(site: Site, issuer: str) -> None:
    for somebody in PEOPLE:
        for project, role in somebody.places:
            with site.store.reading() as tx:
                person = persons.find_sign_in(tx, issuer, somebody.username)
                known = person and memberships.listing(tx, person_id=person.id, project=project)
            if person and not known and not person.ended:
                studies.add_member(site, ACTOR, project, person.id, role)


def _source_missing(site: Site, slug: str, read_gids: tuple[int, ...], issuer: str) -> bool:
    """Register the dataset where it never was; whether it never had a version."""
    source = SOURCES[slug]
    with site.store.reading() as tx:
        known, had = datasets.find(tx, slug), versions.listing(tx, dataset=slug)
        steward = persons.find_sign_in(tx, issuer, "steward")
    if known is None:
        data.register_dataset(
            site,
            ACTOR,
            slug,
            source.title,
            source.description,
            source.data_class,
            stewards=(steward.id,) if steward and not steward.ended else (),
            contact=CONTACT,
            never_with=source.never_with,
            read_gids=read_gids,
        )
    return not had and not (known and known.ended)


def _grants(site: Site) -> None:
    for project, study in STUDIES.items():
        for slug in study.datasets:
            with site.store.reading() as tx:
                ever = grants.listing(tx, project=project, dataset=slug)
                allowed = approvals.listing(tx, project=project)[0]
                over = projects.get(tx, project).ended or datasets.get(tx, slug).ended
            if not ever and not over and not allowed.ended:
                granting.add_grant(
                    site, ACTOR, slug, project, valid_until=allowed.valid_until, approval=allowed.id
                )


async def _publish(site: Site, slug: str, image: DemoImage, say: Callable[[str], None]) -> None:
    """Publish what never was published; of the rest only show the curator that there is a new digest."""

    def known() -> tuple[bool, dict[str, int]]:
        with site.store.reading() as tx:
            entry = entries.find(tx, slug)
            numbers = {revision.digest: revision.number for revision in revisions.listing(tx, slug)}
        return entry is not None and (entry.revision > 0 or entry.ended is not None), numbers

    published, numbers = await asyncio.to_thread(known)
    digest = image.reference.digest
    if not numbers:
        say(f"the image {slug}")
        looked = await catalogue.add(
            site,
            ACTOR,
            slug=slug,
            title=image.title,
            path=image.reference.path,
            tag=image.tag,
            alias=image.reference.alias,
            description=image.description,
            **image.options,
        )
        numbers = {looked.revision.digest: looked.revision.number}
    elif digest not in numbers:
        say(f"a new revision of {slug}, for a curator to publish")
        looked = await catalogue.refresh(site, ACTOR, slug)
        numbers[looked.revision.digest] = looked.revision.number
    if published:
        return
    if digest not in numbers:
        raise InputError(
            "The tag {tag} of {path} was moved while the demo was loaded.",
            advice="Run it again.",
            tag=image.tag,
            path=image.reference.path,
        )
    decided = await catalogue.publish(site, ACTOR, slug, number=numbers[digest])
    if isinstance(decided, Rejection):
        codes = ", ".join(finding.code for finding in decided.findings)
        raise InputError(
            "The image {slug} cannot be published: {codes}.",
            advice="Mend its recipe.",
            slug=slug,
            codes=codes,
        )
