"""Datasets: registered, changed, ended. Their files are in `dataset_versions`."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict, Unpack

from hub_ext.adapters.store import Tx, datasets, exposures, grants, persons, volumes
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    Dataset,
    DatasetClass,
    Grant,
    Localised,
    ReasonCode,
    Verb,
)
from hub_ext.phrase import Phrase
from hub_ext.policy import never_with

MOST_ID = 2**31 - 1


class DatasetChanges(TypedDict, total=False):
    """What may be changed of a dataset; tuples replace the former ones. `stewards` are persons' ids."""

    title: Localised
    description: Localised
    data_class: DatasetClass
    stewards: tuple[str, ...]
    contact: str
    never_with: tuple[str, ...]
    decodes: tuple[str, ...]
    read_gids: tuple[int, ...]


# --- datasets ---


def dataset_named(tx: Tx, slug: str) -> Dataset:
    """The dataset with that slug, ended or not. Raises InputError."""
    dataset = datasets.find(tx, slug)
    if dataset is None:
        raise InputError(
            "There is no dataset {slug!r}.", advice="`hub-ext dataset list` shows them all.", slug=slug
        )
    return dataset


def living_dataset(tx: Tx, slug: str) -> Dataset:
    """The dataset, not ended. Raises InputError."""
    dataset = dataset_named(tx, slug)
    if dataset.ended:
        raise InputError(
            "The dataset {slug!r} was ended on {ended}.",
            advice="An ended dataset never comes back; register a new one.",
            slug=slug,
            ended=dataset.ended,
        )
    return dataset


def register_dataset(
    site: Site,
    actor: Actor,
    slug: str,
    title: Localised,
    description: Localised,
    data_class: DatasetClass,
    *,
    stewards: tuple[str, ...] = (),
    contact: str = "",
    never_with: tuple[str, ...] = (),
    decodes: tuple[str, ...] = (),
    read_gids: tuple[int, ...] = (),
) -> Dataset:
    """A new dataset, without a version yet. `stewards` are persons' ids.

    Raises InputError where the slug is taken, also by an ended dataset, or something does not fit.
    """
    dataset = Dataset(
        slug=checks.slug(slug, Phrase("dataset")),
        title=title,
        description=description,
        data_class=data_class,
        created=site.now(),
        stewards=stewards,
        contact=contact,
        never_with=never_with,
        decodes=decodes,
        read_gids=read_gids,
    )
    with site.store.transaction() as tx:
        if datasets.find(tx, slug):
            raise InputError(
                "There is a dataset {slug!r} already.",
                advice="`hub-ext dataset version` adds files to it; slugs are never reused.",
                slug=slug,
            )
        dataset = _checked(tx, dataset)
        datasets.add(tx, dataset)
        told = ("data_class", "stewards", "never_with", "decodes", "read_gids")
        facts = {name: getattr(dataset, name) for name in told}
        site.record(tx, actor, Verb.DATASET_REGISTERED, slug, facts)
    return dataset


def change_dataset(
    site: Site,
    actor: Actor,
    slug: str,
    *,
    expected: Dataset | None = None,
    **changes: Unpack[DatasetChanges],
) -> Dataset:
    """The dataset with these fields changed; launches see it at once, running sessions at the next sweep."""
    with site.store.transaction() as tx:
        before = checks.unchanged(living_dataset(tx, slug), expected)
        after = _checked(tx, replace(before, **changes))
        facts = {"changed": checks.changed(before, after)}
        for grant in grants.listing(tx, dataset=slug):
            if living_grant(site, grant):
                key_apart(site, tx, after, grant.project)
        datasets.replace(tx, after)
        site.record(tx, actor, Verb.DATASET_CHANGED, slug, facts)
    return after


def end_dataset(site: Site, actor: Actor, slug: str, why: str) -> Dataset:
    """The dataset, ended for good: granted to nobody, mounted nowhere. Its files are not touched."""
    with site.store.transaction() as tx:
        dataset = replace(living_dataset(tx, slug), ended=site.now())
        datasets.replace(tx, dataset)
        facts = {"why": checks.line(why, Phrase("reason"), required=True)}
        site.record(tx, actor, Verb.DATASET_ENDED, slug, facts)
    return dataset


def _checked(tx: Tx, dataset: Dataset) -> Dataset:
    classes = {known.value for known in DatasetClass}
    if dataset.slug in classes:
        raise InputError(
            "{slug!r} is the name of a class, so never_with could not tell them apart.",
            advice="Choose another slug.",
            slug=dataset.slug,
        )
    # A mistyped name would protect nothing, so every name must be known.
    for name in (*dataset.never_with, *dataset.decodes):
        if name == dataset.slug or (datasets.find(tx, name) is None and name not in classes):
            raise InputError(
                "{name!r} is neither another dataset nor a class.",
                advice="Classes: {classes}. Register the other dataset first.",
                name=name,
                classes=tuple(sorted(classes)),
            )
    if named := classes.intersection(dataset.decodes):
        raise InputError(
            "A key decodes datasets, not classes: {named}.",
            advice="Name the datasets.",
            named=tuple(sorted(named)),
        )
    if (dataset.data_class is DatasetClass.KEY) != bool(dataset.decodes):
        raise InputError(
            "A dataset of class key, and no other, says which datasets it decodes.",
            advice="Give --decodes with --class key, and only then.",
        )
    for steward in dataset.stewards:
        if persons.get(tx, steward).ended:
            raise InputError("A steward was ended.", advice="Name one who is still here.")
    if wrong := [gid for gid in dataset.read_gids if not 0 < gid <= MOST_ID]:
        raise InputError(
            "{wrong} is not a group that may read.",
            advice="Give group numbers from 1 up; never root's.",
            wrong=wrong[0],
        )
    return replace(
        dataset,
        title=checks.localised(dataset.title, Phrase("title"), required=True),
        description=checks.localised(dataset.description, Phrase("description")),
        contact=checks.line(dataset.contact, Phrase("contact"), most=255),
        stewards=tuple(dict.fromkeys(dataset.stewards)),
        never_with=tuple(sorted(set(dataset.never_with))),
        decodes=tuple(sorted(set(dataset.decodes))),
        read_gids=tuple(sorted(set(dataset.read_gids))),
    )


# --- a key and what it decodes ---


def living_grant(site: Site, grant: Grant) -> bool:
    """Whether the grant is neither revoked nor over; it may begin later."""
    return grant.revoked is None and grant.valid_until > site.now()


def key_apart(site: Site, tx: Tx, dataset: Dataset, project: str) -> None:
    """Nothing where no key would meet what it decodes in that project. Raises InputError.

    The project holds what is granted to it, and what was ever mounted beside one of its living volumes.
    """
    held = {grant.dataset for grant in grants.listing(tx, project=project) if living_grant(site, grant)}
    for volume in volumes.listing(tx, project=project):
        if volume.ended is None:
            held |= {exposure.dataset for exposure in exposures.listing(tx, volume_id=volume.id)}
    for slug in sorted(held - {dataset.slug}):
        other = datasets.get(tx, slug)
        if never_with.apart(dataset, other) is ReasonCode.KEY_WITH_DECODED:
            key, coded = (dataset.slug, slug) if slug in dataset.decodes else (slug, dataset.slug)
            raise InputError(
                "{key!r} is the key of {coded!r}, and the project {project!r} holds or held {slug!r}: "
                "whoever has both can name the persons.",
                advice="Grant the key to a project of its own.",
                key=key,
                coded=coded,
                project=project,
                slug=slug,
            )
