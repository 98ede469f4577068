"""The demo content against a real registry: complete, meaningful, and never forced back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.adapters.registry import machine_platform
from hub_ext.adapters.store import (
    approvals,
    datasets,
    grants,
    images,
    memberships,
    persons,
    projects,
    revisions,
    versions,
)
from hub_ext.errors import HubExtError, InputError
from hub_ext.flows import data, dataset_versions, demo, people
from hub_ext.flows import grants as granting
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    AuditEvent,
    DatasetClass,
    ImageReference,
    ImageState,
    Localised,
    SiteRole,
    Verb,
)
from hub_ext.policy import never_with
from tests.support.certificates import Authority
from tests.support.registry import LiveRegistry, live_registry

Record = Callable[[], list[AuditEvent]]
Push = Callable[..., demo.DemoImage]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with live_registry(folder / "registry", Authority(folder)) as running:
        yield running


@pytest.fixture
def site(site: Site, live: LiveRegistry, roots: Path) -> Site:
    """The empty site, which knows the registry; the files lie below its root."""
    for slug in demo.SOURCES:
        (roots / slug).mkdir()
        (roots / slug / "values.csv").write_text(f"{slug};1\n")
    return replace(site, settings=replace(site.settings, registries=(live.settings,)))


@pytest.fixture
def push(live: LiveRegistry, request: pytest.FixtureRequest) -> Push:
    """Pushes an image of the demo with these bytes."""

    def pushing(slug: str, layer: bytes = b"1", **config: object) -> demo.DemoImage:
        path = f"{request.node.name.replace('_', '-')}/{slug}"
        digest = live.push_image(
            path,
            "demo",
            architecture=machine_platform().architecture,
            config={"User": "65534"} | config,
            layer=layer,
        )
        text = Localised(slug, slug)
        return demo.DemoImage(ImageReference(live.settings.alias, path, digest), "demo", text, text)

    return pushing


async def load(site: Site, roots: Path, pushed: dict[str, demo.DemoImage] | None = None) -> list[str]:
    said: list[str] = []
    await demo.load(site, pushed or {}, roots, say=said.append, probe=False)
    return said


async def test_everything_is_there_after_one_load(site: Site, roots: Path, push: Push) -> None:
    said = await load(site, roots, {"python": push("python"), "r": push("r")})

    assert said[0] == "people and projects"
    assert said[-1] == "the image r"
    with site.store.reading() as tx:
        known = {person.username: person for person in persons.listing(tx)}
        assert set(known) == set(demo.USERNAMES)
        assert all((person.issuer, person.subject) == ("demo", person.username) for person in known.values())
        assert known["curator"].roles == (SiteRole.CURATOR,)
        assert known["steward"].roles == (SiteRole.STEWARD,)
        assert {project.slug for project in projects.listing(tx)} == {"onco", "cardio"}
        assert {approval.project for approval in approvals.listing(tx)} == {"onco", "cardio"}
        places = {
            username: {place.project for place in memberships.listing(tx, person_id=person.id)}
            for username, person in known.items()
        }
        assert places == {
            "curator": set(),
            "operator": set(),
            "auditor": set(),
            "steward": set(),
            "alice": {"onco", "cardio"},
            "bruno": {"onco"},
            "chloe": {"cardio"},
        }
        assert {dataset.slug: dataset.data_class for dataset in datasets.listing(tx)} == {
            "breast-cancer": DatasetClass.CODED,
            "dicom": DatasetClass.IDENTIFYING,
            "survival": DatasetClass.CODED,
        }
        assert all(versions.current(tx, slug) for slug in demo.SOURCES)
        assert {(grant.project, grant.dataset) for grant in grants.listing(tx)} == {
            ("onco", "breast-cancer"),
            ("onco", "survival"),
            ("cardio", "dicom"),
            ("cardio", "survival"),
        }
        assert never_with.apart(datasets.get(tx, "dicom"), datasets.get(tx, "survival"))
        assert not never_with.apart(datasets.get(tx, "breast-cancer"), datasets.get(tx, "survival"))
        entries = images.listing(tx)
        assert [(entry.slug, entry.state, entry.revision) for entry in entries] == [
            ("python", ImageState.PUBLISHED, 1),
            ("r", ImageState.PUBLISHED, 1),
        ]


async def test_texts_are_in_both_languages(site: Site, roots: Path) -> None:
    await load(site, roots)
    with site.store.reading() as tx:
        titles = [known.title for known in (*projects.listing(tx), *datasets.listing(tx))]
        titles += [known.description for known in datasets.listing(tx)]
    assert all(title.en and title.fr and title.en != title.fr for title in titles)


async def test_a_second_load_changes_nothing(site: Site, roots: Path, push: Push, record: Record) -> None:
    pushed = {"python": push("python")}
    await load(site, roots, pushed)
    before = record()
    assert await load(site, roots, pushed) == ["people and projects"]
    assert record() == before
    assert {event.actor for event in before} == {demo.ACTOR}


async def test_what_somebody_took_away_stays_away(
    site: Site, roots: Path, actor: Actor, record: Record
) -> None:
    await load(site, roots)
    with site.store.reading() as tx:
        bruno = persons.find_username(tx, "bruno")
    assert bruno is not None
    people.end_person(site, actor, bruno.id, "left")
    granting.revoke_all(site, actor, "survival", "onco", "no longer needed")
    dataset_versions.withdraw_version(site, actor, "dicom", 1, "wrong files")
    data.end_dataset(site, actor, "breast-cancer", "closed")
    before = len(record())
    await load(site, roots)
    assert len(record()) == before


async def test_a_rebuilt_image_waits_for_a_curator(
    site: Site, roots: Path, push: Push, record: Record
) -> None:
    await load(site, roots, {"python": push("python", b"old")})
    moved = push("python", b"new")
    said = await load(site, roots, {"python": moved})

    assert said[-1] == "a new revision of python, for a curator to publish"
    with site.store.reading() as tx:
        assert images.get(tx, "python").revision == 1
        assert [known.digest for known in revisions.listing(tx, "python")][1] == moved.reference.digest
    assert record()[-1].verb is Verb.IMAGE_REFRESHED


async def test_a_load_that_was_cut_short_is_finished_by_the_next(site: Site, roots: Path, push: Push) -> None:
    (roots / "survival" / "values.csv").unlink()
    with pytest.raises(InputError, match="no file"):
        await load(site, roots)
    (roots / "survival" / "values.csv").write_text("1")
    bad = push("python", Labels={"io.hub-ext.seed": ""})
    with pytest.raises(HubExtError, match="cannot be published"):
        await load(site, roots, {"python": bad})
    await load(site, roots, {"python": push("python", b"mended")})
    with site.store.reading() as tx:
        assert len(grants.listing(tx)) == 4
        entry = images.get(tx, "python")
    assert (entry.state, entry.revision) == (ImageState.PUBLISHED, 2)
