"""The catalogue's verbs against the real registry, each with its audit row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.registry import RegistryClient, machine_platform
from hub_ext.errors import Conflict, InputError, ManifestUnknown, NotFound, RegistryUnreachable, SettingsError
from hub_ext.flows import catalogue, projects, unsafe_images
from hub_ext.flows.site import Site
from hub_ext.model import (
    Actor,
    AuditEvent,
    Ceilings,
    FindingCode,
    ImageEntry,
    ImageState,
    Localised,
    Rejection,
    Verb,
)
from hub_ext.model.image_checks import CheckOutcome
from hub_ext.model.interfaces import COMMAND, JUPYTER, SecretPlace, SecretScheme
from tests.flows.conftest import Clock
from tests.support.certificates import Authority
from tests.support.image_checks import ended
from tests.support.ports import free_port
from tests.support.registry import LiveRegistry, live_registry

Record = Callable[[], list[AuditEvent]]
Push = Callable[..., str]
TITLE = Localised("Python", "Python")
PATH = "hub-ext/python"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    with live_registry(folder / "registry", Authority(folder)) as running:
        yield running


@pytest.fixture
def site(site: Site, live: LiveRegistry) -> Site:
    """The empty site, which knows the registry."""
    return replace(site, settings=replace(site.settings, registries=(live.settings,)))


@pytest.fixture
def push(live: LiveRegistry) -> Push:
    """Push a good image with these bytes under the tag; its digest."""

    def pushing(layer: bytes, path: str = PATH, tag: str = "1", **config: Any) -> str:
        return live.push_image(
            path,
            tag,
            architecture=machine_platform().architecture,
            config={"User": "65534"} | config,
            layer=layer,
        )

    return pushing


async def added(site: Site, actor: Actor, slug: str = "python", **options: Any) -> catalogue.Looked:
    return await catalogue.add(
        site, actor, slug=slug, **({"title": TITLE, "path": PATH, "tag": "1"} | options)
    )


def now(site: Site, slug: str = "python") -> ImageEntry:
    return catalogue.show(site, slug).entry


def digests(site: Site, slug: str = "python") -> list[str]:
    return [known.digest for known in reversed(catalogue.show(site, slug).revisions)]


def why(result: ImageEntry | Rejection) -> list[FindingCode]:
    assert isinstance(result, Rejection)
    return [finding.code for finding in result.findings]


# --- proposing ---


async def test_add_makes_a_draft_that_nobody_launches(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    digest = push(b"add")
    projects.add_project(site, actor, "onco", TITLE)
    looked = await added(
        site, actor, projects=("onco", "onco"), ceilings=Ceilings(cpus=2.0), start_url="/lab/tree/a.ipynb"
    )
    entry = now(site)
    assert (entry.state, entry.revision, entry.version) == (ImageState.DRAFT, 0, 1)
    assert (entry.alias, entry.projects, entry.start_url) == ("main", ("onco",), "/lab/tree/a.ipynb")
    assert entry.ceilings == Ceilings(cpus=2.0)
    assert looked.entry == entry
    assert (looked.revision.number, looked.revision.digest, looked.revision.published) == (1, digest, None)
    assert looked.revision.created_by == "per-steward"
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.IMAGE_ADDED, "python", actor)
    assert (event.facts["digest"], event.facts["revision"]) == (digest, 1)
    assert event.facts["entry"]["path"] == PATH
    assert event.facts["review"]["findings"] == []


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"slug": "Not A Slug"}, InputError, "cannot be the slug"),
        ({"path": "../x"}, InputError, "cannot be the path"),
        ({"tag": "a/b"}, InputError, "cannot be a tag"),
        ({"tag": "absent"}, ManifestUnknown, "There is no localhost"),
        ({"alias": "other"}, SettingsError, "no registry 'other'"),
        ({"projects": ("nobody",)}, InputError, "There is no project 'nobody'"),
        ({"title": Localised("x", "")}, InputError, "French title is empty"),
        ({"title": Localised("x\n", "y\x1b")}, InputError, "control character"),
        ({"start_url": "https://evil"}, InputError, "does not lie on the server"),
        ({"start_url": "//evil"}, InputError, "does not lie on the server"),
        ({"start_url": "/\\evil"}, InputError, "does not lie on the server"),
        ({"interface": COMMAND}, InputError, "The command is empty"),
        ({"allowed_env": ("LD_PRELOAD",)}, InputError, "LD_PRELOAD is emptied in every server"),
        ({"ceilings": Ceilings(mem_bytes=1)}, InputError, "below 256 MiB"),
        ({"ceilings": Ceilings(cpus=0.0)}, InputError, "not above zero"),
        ({"ceilings": Ceilings(gpus=0), "needs_gpu": True}, InputError, "GPU ceiling"),
    ],
)
async def test_what_cannot_be_added_leaves_nothing(
    site: Site,
    actor: Actor,
    push: Push,
    record: Record,
    options: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    push(b"add")
    with pytest.raises(error, match=sentence):
        await added(site, actor, **options)
    assert catalogue.listing(site) == ()
    assert record() == []


async def test_a_slug_is_added_once(site: Site, actor: Actor, push: Push, record: Record) -> None:
    push(b"once")
    await added(site, actor)
    with pytest.raises(Conflict, match="an entry 'python' already"):
        await added(site, actor)
    assert len(record()) == 1


async def test_change_keeps_what_is_launched_and_records_both_values(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"change")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    projects.add_project(site, actor, "onco", TITLE)
    changed = catalogue.change(site, actor, "python", projects=("onco",), tag="2", expected_version=2)
    assert (changed.projects, changed.tag, changed.revision, changed.version) == (("onco",), "2", 1, 3)
    event = record()[-1]
    assert event.verb is Verb.IMAGE_CHANGED
    assert event.facts == {"projects": [[], ["onco"]], "tag": ["1", "2"]}
    with pytest.raises(Conflict, match="changed by somebody else"):
        catalogue.change(site, actor, "python", tag="3", expected_version=2)
    with pytest.raises(InputError, match="changes nothing"):
        catalogue.change(site, actor, "python", tag="2")
    with pytest.raises(InputError, match="no project"):
        catalogue.change(site, actor, "python", projects=("nobody",))
    with pytest.raises(NotFound):
        catalogue.change(site, actor, "nobody", tag="2")
    assert now(site) == changed
    assert record()[-1] == event


async def test_another_interface_is_on_the_record_with_both_values(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"interface")
    await added(site, actor)
    assert now(site).interface == JUPYTER
    program = replace(
        COMMAND, command=("server", "{port}"), secret=SecretPlace("PASSWORD", SecretScheme.BEARER)
    )
    changed = catalogue.change(site, actor, "python", interface=program, start_url="/")
    assert changed.interface == program
    before, after = record()[-1].facts["interface"]
    assert (before["kind"], before["command"]) == ("jupyter", ["jupyter-lab"])
    assert (after["kind"], after["command"]) == ("command", ["server", "{port}"])
    assert after["secret"] == {"variable": "PASSWORD", "scheme": "bearer"}


async def test_another_program_opens_at_its_first_page(site: Site, actor: Actor, push: Push) -> None:
    push(b"first page")
    await added(site, actor, interface=replace(COMMAND, command=("server",)))
    assert now(site).start_url == "/"
    await added(site, actor, slug="lab")
    assert now(site, "lab").start_url == "/lab"


# --- variables that are emptied ---


async def test_an_emptied_variable_is_told_until_it_is_allowed_on_the_record(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"env", Env=["LD_LIBRARY_PATH=/usr/local/cuda/lib64", "LD_PRELOAD=/x.so", "PATH=/bin"])
    looked = await added(site, actor)
    names = {one.code: dict(one.shown).get("names") for one in looked.findings}
    assert names == {FindingCode.ENV_EMPTIED: "LD_LIBRARY_PATH, LD_PRELOAD"}
    assert looked.revision.report["emptied_env"] == ["LD_LIBRARY_PATH", "LD_PRELOAD"]

    catalogue.change(site, actor, "python", allowed_env=("LD_LIBRARY_PATH",))
    event = record()[-1]
    assert (event.verb, event.facts) == (Verb.IMAGE_CHANGED, {"allowed_env": [[], ["LD_LIBRARY_PATH"]]})
    review = await catalogue.review(site, "python")
    names = {one.code: dict(one.shown).get("names") for one in review.findings}
    assert names == {FindingCode.ENV_EMPTIED: "LD_PRELOAD", FindingCode.ENV_ALLOWED: "LD_LIBRARY_PATH"}
    assert isinstance(await catalogue.publish(site, actor, "python"), ImageEntry)


async def test_a_folder_that_is_not_absolute_is_never_let_through(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"relative", Env=["LD_LIBRARY_PATH=/usr/lib/x:"])
    await added(site, actor, allowed_env=("LD_LIBRARY_PATH",))
    assert why(await catalogue.publish(site, actor, "python")) == [FindingCode.ENV_UNSAFE]
    catalogue.change(site, actor, "python", allowed_env=())
    await catalogue.publish(site, actor, "python")
    rows = record()
    with pytest.raises(InputError, match="LD_LIBRARY_PATH names an empty folder"):
        catalogue.change(site, actor, "python", allowed_env=("LD_LIBRARY_PATH",))
    assert record() == rows


# --- a moved tag ---


async def test_a_moved_tag_changes_nothing_until_somebody_publishes_it(
    site: Site, actor: Actor, push: Push, record: Record, clock: Clock
) -> None:
    first = push(b"first")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    before = now(site)

    second = push(b"second")
    assert now(site) == before
    assert digests(site) == [first]

    clock.forward(hours=1)
    looked = await catalogue.refresh(site, actor, "python")
    assert (looked.new, looked.revision.number, looked.revision.digest) == (True, 2, second)
    assert now(site) == before
    assert catalogue.show(site, "python").revisions[0].published is None
    event = record()[-1]
    assert (event.verb, event.facts["digest"], event.facts["revision"]) == (Verb.IMAGE_REFRESHED, second, 2)

    published = await catalogue.publish(site, actor, "python")
    assert isinstance(published, ImageEntry)
    assert (published.revision, published.version) == (2, before.version + 1)
    assert digests(site) == [first, second]
    assert catalogue.show(site, "python").revisions[0].published == clock.moment


async def test_refresh_of_a_known_digest_writes_nothing(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    first = push(b"known")
    await added(site, actor)
    push(b"other")
    await catalogue.refresh(site, actor, "python")
    rows = record()
    assert push(b"known") == first
    looked = await catalogue.refresh(site, actor, "python")
    assert (looked.new, looked.revision.number) == (False, 1)
    assert record() == rows
    assert len(digests(site)) == 2


async def test_two_refreshes_at_once_make_one_revision(site: Site, actor: Actor, push: Push) -> None:
    push(b"race one")
    await added(site, actor)
    push(b"race two")
    found = await asyncio.gather(*(catalogue.refresh(site, actor, "python") for _ in range(4)))
    assert sorted(looked.new for looked in found) == [False, False, False, True]
    assert len(digests(site)) == 2


async def test_a_look_at_a_tag_that_is_changed_meanwhile_counts_for_nothing(
    site: Site, actor: Actor, push: Push, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(b"look one")
    await added(site, actor)
    push(b"look two")
    reading = RegistryClient.config

    async def meanwhile(self: RegistryClient, *args: Any) -> Any:
        await asyncio.to_thread(catalogue.change, site, actor, "python", tag="other")
        return await reading(self, *args)

    monkeypatch.setattr(RegistryClient, "config", meanwhile)
    with pytest.raises(Conflict, match="somebody else"):
        await catalogue.refresh(site, actor, "python")
    assert len(digests(site)) == 1
    assert record()[-1].verb is Verb.IMAGE_CHANGED


async def test_check_writes_nothing(site: Site, actor: Actor, push: Push, record: Record) -> None:
    push(b"check")
    await added(site, actor)
    digest = push(b"checked", Volumes={"/data/x": {}})
    review = await catalogue.review(site, "python")
    assert review.digest == digest
    assert [finding.code for finding in review.findings] == [FindingCode.VOLUMES]
    assert len(record()) == 1
    assert len(digests(site)) == 1


# --- deciding what is launched ---


async def test_publish_is_recorded_with_digest_and_former_state(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    digest = push(b"publish")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    event = record()[-1]
    assert (event.verb, event.actor) == (Verb.IMAGE_PUBLISHED, actor)
    assert (event.facts["digest"], event.facts["revision"]) == (digest, 1)
    assert event.facts["was"] == {"state": "draft", "revision": 0}


async def test_a_bad_image_is_refused_with_every_reason_and_a_row(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    digest = push(
        b"bad",
        Volumes={"/data/x": {}},
        Labels={"io.hub-ext.seed": ""},
        User="0",
        Env=["DB_PASSWORD=hunter2", "LD_PRELOAD=/x"],
    )
    looked = await added(site, actor)
    assert {finding.code: finding.blocking for finding in looked.findings} == {
        FindingCode.VOLUMES: True,
        FindingCode.RESERVED_LABELS: True,
        FindingCode.USER_IGNORED: False,
        FindingCode.ENV_EMPTIED: False,
        FindingCode.ENV_SECRET: False,
    }
    result = await catalogue.publish(site, actor, "python")
    assert why(result) == [FindingCode.VOLUMES, FindingCode.RESERVED_LABELS]
    assert now(site).state is ImageState.DRAFT
    event = record()[-1]
    assert (event.verb, event.facts["wanted"], event.facts["digest"]) == (
        Verb.IMAGE_REFUSED,
        "publish",
        digest,
    )
    assert [reason["code"] for reason in event.facts["reasons"]] == ["volumes", "reserved-labels"]
    assert "hunter2" not in str(record())


async def test_an_image_for_another_machine_is_refused(site: Site, actor: Actor, live: LiveRegistry) -> None:
    live.push_image("hub-ext/other", "1", architecture="s390x", config={})
    await added(site, actor, path="hub-ext/other")
    assert why(await catalogue.publish(site, actor, "python")) == [FindingCode.PLATFORM]


async def test_an_index_pins_the_image_of_this_machine(
    site: Site, actor: Actor, live: LiveRegistry, push: Push
) -> None:
    here = push(b"here", path="hub-ext/index", tag="here")
    there = live.push_image("hub-ext/index", "there", architecture="s390x")
    index = live.push_index("hub-ext/index", "1", {str(machine_platform()): here, "linux/s390x": there})
    looked = await added(site, actor, path="hub-ext/index")
    assert looked.revision.digest == here
    assert looked.revision.report["index"] == index


async def test_publish_refuses_a_stale_version(site: Site, actor: Actor, push: Push) -> None:
    push(b"stale")
    await added(site, actor)
    catalogue.change(site, actor, "python", tag="2")
    with pytest.raises(Conflict, match="somebody else"):
        await catalogue.publish(site, actor, "python", expected_version=1)
    assert now(site).state is ImageState.DRAFT


async def test_an_edit_while_the_registry_is_asked_wins(
    site: Site, actor: Actor, push: Push, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(b"meanwhile")
    await added(site, actor)
    reading = RegistryClient.config

    async def meanwhile(self: RegistryClient, *args: Any) -> Any:
        await asyncio.to_thread(catalogue.retire, site, actor, "python", why="defect")
        return await reading(self, *args)

    monkeypatch.setattr(RegistryClient, "config", meanwhile)
    with pytest.raises(Conflict, match="somebody else"):
        await catalogue.publish(site, actor, "python")
    assert now(site).state is ImageState.RETIRED
    assert record()[-1].verb is Verb.IMAGE_RETIRED


async def test_two_publications_at_once_make_one(site: Site, actor: Actor, push: Push) -> None:
    push(b"both one")
    await added(site, actor)
    results = await asyncio.gather(
        *(catalogue.publish(site, actor, "python") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(result, ImageEntry) for result in results) == 1
    assert now(site).version == 2


async def test_a_digest_that_is_gone_cannot_be_published(
    site: Site, actor: Actor, push: Push, live: LiveRegistry, record: Record
) -> None:
    digest = push(b"gone", path="hub-ext/gone")
    await added(site, actor, path="hub-ext/gone")
    async with RegistryClient(live.settings) as registry:
        await registry.delete("hub-ext/gone", digest)
    with pytest.raises(ManifestUnknown, match=digest):
        await catalogue.publish(site, actor, "python")
    assert now(site).state is ImageState.DRAFT
    assert len(record()) == 1


async def test_nothing_to_publish_is_a_refusal_with_a_row(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"twice")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    assert why(await catalogue.publish(site, actor, "python")) == [FindingCode.REVISION_CURRENT]
    assert why(await catalogue.publish(site, actor, "python", number=7)) == [FindingCode.REVISION_UNKNOWN]
    assert [event.verb for event in record()[-2:]] == [Verb.IMAGE_REFUSED] * 2
    with pytest.raises(NotFound):
        await catalogue.publish(site, actor, "nobody")


async def test_rollback_goes_back_without_the_registry(
    site: Site, actor: Actor, push: Push, record: Record, tmp_path: Path
) -> None:
    first = push(b"one")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    push(b"two")
    await catalogue.refresh(site, actor, "python")
    push(b"three")
    await catalogue.refresh(site, actor, "python")
    await catalogue.publish(site, actor, "python")
    assert now(site).revision == 3

    down = replace(site.settings.registries[0], address=f"localhost:{free_port()}")
    cut_off = replace(site, settings=replace(site.settings, registries=(down,)))
    with pytest.raises(RegistryUnreachable):
        await catalogue.refresh(cut_off, actor, "python")
    # Revision 2 was never published: the last one before is 1.
    result = catalogue.rollback(cut_off, actor, "python")
    assert isinstance(result, ImageEntry)
    assert (result.revision, result.state) == (1, ImageState.PUBLISHED)
    event = record()[-1]
    assert (event.verb, event.facts) == (
        Verb.IMAGE_ROLLED_BACK,
        {"revision": 1, "digest": first, "was": {"state": "published", "revision": 3}},
    )
    assert why(catalogue.rollback(site, actor, "python")) == [FindingCode.EARLIER_NONE]
    assert record()[-1].facts["wanted"] == "roll back"
    with pytest.raises(Conflict):
        catalogue.rollback(site, actor, "python", expected_version=1)


async def test_deprecate_retire_and_back(
    site: Site, actor: Actor, push: Push, record: Record, clock: Clock
) -> None:
    push(b"life")
    await added(site, actor)
    await added(site, actor, slug="next")
    assert why(catalogue.deprecate(site, actor, "python")) == [FindingCode.STATE_DRAFT]
    await catalogue.publish(site, actor, "python")
    assert why(catalogue.deprecate(site, actor, "python", successor="next")) == [
        FindingCode.SUCCESSOR_NOT_PUBLISHED
    ]
    assert record()[-1].facts["wanted"] == "deprecate"
    await catalogue.publish(site, actor, "next")

    old = catalogue.deprecate(site, actor, "python", successor="next", why="3.11 ends")
    assert isinstance(old, ImageEntry)
    assert (old.state, old.successor, old.revision) == (ImageState.DEPRECATED, "next", 1)
    event = record()[-1]
    assert (event.verb, event.facts["successor"], event.facts["why"]) == (
        Verb.IMAGE_DEPRECATED,
        "next",
        "3.11 ends",
    )
    with pytest.raises(InputError, match="reason is empty"):
        catalogue.retire(site, actor, "python", why=" ")
    gone = catalogue.retire(site, actor, "python", why="defect")
    assert isinstance(gone, ImageEntry)
    assert (gone.state, gone.ended) == (ImageState.RETIRED, clock.moment)
    event = record()[-1]
    assert (event.verb, event.facts) == (
        Verb.IMAGE_RETIRED,
        {"why": "defect", "security": False, "was": {"state": "deprecated", "revision": 1}},
    )
    assert why(catalogue.retire(site, actor, "python", why="again")) == [FindingCode.STATE_RETIRED]

    back = await catalogue.publish(site, actor, "python", number=1)
    assert isinstance(back, ImageEntry)
    assert (back.state, back.ended, back.successor) == (ImageState.PUBLISHED, None, None)


async def test_retired_for_security_and_back(site: Site, actor: Actor, push: Push, record: Record) -> None:
    push(b"unsafe")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    assert isinstance(catalogue.retire(site, actor, "python", why="Python ends"), ImageEntry)
    assert unsafe_images.unsafe(site, "python") is None
    # It was retired before anybody knew.
    for _ in range(2):
        gone = catalogue.retire(site, actor, "python", why="CVE-2026-1", security=True)
        assert isinstance(gone, ImageEntry)
        assert gone.state is ImageState.RETIRED
        assert (record()[-1].verb, record()[-1].facts["security"]) == (Verb.IMAGE_RETIRED, True)
        unsafe = unsafe_images.unsafe(site, "python")
        assert unsafe is not None
        assert unsafe.why == "CVE-2026-1"
        assert why(catalogue.retire(site, actor, "python", why="again", security=True)) == [
            FindingCode.STATE_RETIRED
        ]
        assert isinstance(await catalogue.publish(site, actor, "python", number=1), ImageEntry)
        assert unsafe_images.unsafe(site, "python") is None


async def test_listing_by_state_and_project(site: Site, actor: Actor, push: Push) -> None:
    push(b"list")
    projects.add_project(site, actor, "onco", TITLE)
    await added(site, actor, slug="all")
    await added(site, actor, slug="some", projects=("onco",))
    await catalogue.publish(site, actor, "some")
    assert [entry.slug for entry in catalogue.listing(site)] == ["all", "some"]
    assert [entry.slug for entry in catalogue.listing(site, states=[ImageState.DRAFT])] == ["all"]
    assert [entry.slug for entry in catalogue.listing(site, project="cardio")] == ["all"]


# --- what its check says ---


async def test_what_failed_its_last_check_is_published_only_where_that_is_said(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"doubted")
    await added(site, actor)
    check = ended(site, "python", CheckOutcome.NO_SERVER)
    refused = await catalogue.publish(site, actor, "python")
    assert why(refused) == [FindingCode.CHECK_FAILED]
    assert now(site).state is ImageState.DRAFT
    assert record()[-1].verb is Verb.IMAGE_REFUSED
    published = await catalogue.publish(site, actor, "python", despite_failed_check=True)
    assert isinstance(published, ImageEntry)
    assert record()[-1].facts["despite_failed_check"] == check.id


@pytest.mark.parametrize("later", [CheckOutcome.PASSED, CheckOutcome.NO_SMOKE_TEST])
async def test_a_later_check_that_passes_lifts_the_doubt(
    site: Site, actor: Actor, push: Push, record: Record, later: CheckOutcome
) -> None:
    push(b"doubted")
    await added(site, actor)
    ended(site, "python", CheckOutcome.FAILED)
    ended(site, "python", CheckOutcome.INTERRUPTED)
    assert why(await catalogue.publish(site, actor, "python")) == [FindingCode.CHECK_FAILED]
    ended(site, "python", later)
    assert isinstance(await catalogue.publish(site, actor, "python"), ImageEntry)
    assert "despite_failed_check" not in record()[-1].facts


async def test_only_the_revision_that_failed_is_doubted_and_going_back_asks_nothing(
    site: Site, actor: Actor, push: Push
) -> None:
    push(b"doubted")
    await added(site, actor)
    await catalogue.publish(site, actor, "python")
    push(b"next")
    await catalogue.refresh(site, actor, "python")
    ended(site, "python", CheckOutcome.FAILED, 1)
    assert isinstance(await catalogue.publish(site, actor, "python"), ImageEntry)
    assert isinstance(catalogue.rollback(site, actor, "python"), ImageEntry)
