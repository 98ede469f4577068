"""The catalogue's file against the real registry: all of it comes about, on the record, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.registry import machine_platform
from hub_ext.errors import InputError, RegistryUnreachable, Stale
from hub_ext.expression.catalogue_file import written
from hub_ext.expression.catalogue_plan import step_lines
from hub_ext.flows import catalogue, catalogue_import, projects
from hub_ext.flows.catalogue_import import export, import_file, preview, wish
from hub_ext.flows.site import Site, open_site
from hub_ext.model import Actor, AuditEvent, Ceilings, FindingCode, ImageState, ImportPlan, Localised, Verb
from hub_ext.model.image_checks import CheckOutcome
from tests.flows.conftest import Clock
from tests.support.certificates import Authority
from tests.support.image_checks import ended
from tests.support.ports import free_port
from tests.support.registry import LiveRegistry, live_registry

Record = Callable[[], list[AuditEvent]]
Push = Callable[..., str]
TITLE = Localised("Python: yes", "Python : « oui »")
PATH = "hub-ext/python"
ABSENT = f"sha256:{'0' * 64}"


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
        config = {"User": "65534"} | config
        machine = machine_platform().architecture
        return live.push_image(path, tag, architecture=machine, config=config, layer=layer)

    return pushing


@pytest.fixture
async def filled(site: Site, actor: Actor, push: Push) -> Site:
    """A catalogue with an entry of every state."""
    projects.add_project(site, actor, "onco", TITLE)
    push(b"import")
    for slug in ("draft", "new", "old", "python", "gone"):
        more: Any = {
            "ceilings": Ceilings(1.5, 8 * 1024**3, 1, 1800),
            "projects": ("onco",),
            "needs_gpu": True,
        }
        await catalogue.add(site, actor, slug=slug, title=TITLE, path=PATH, tag="1", **more)
    for slug in ("new", "old", "python"):
        await catalogue.publish(site, actor, slug)
    catalogue.deprecate(site, actor, "old", successor="new")
    catalogue.retire(site, actor, "gone", why="defect")
    return site


def said(site: Site) -> str:
    return written(export(site))


async def done(site: Site, actor: Actor, text: str, **more: Any) -> ImportPlan:
    result = await import_file(site, actor, wish(text.encode(), **more))
    assert isinstance(result, ImportPlan), result
    return result


async def test_what_was_exported_changes_nothing(filled: Site, actor: Actor, record: Record) -> None:
    rows = len(record())
    plan = await done(filled, actor, said(filled))
    assert plan.nothing
    assert (plan.entries, plan.unchanged, plan.missing) == ((), 5, ())
    assert len(record()) == rows


async def test_another_site_becomes_the_same(
    filled: Site, actor: Actor, tmp_path: Path, clock: Clock
) -> None:
    state = tmp_path / "other"
    state.mkdir()
    other = open_site(replace(filled.settings, state_dir=state), now=clock)
    try:
        projects.add_project(other, actor, "onco", TITLE)
        plan = await done(other, actor, said(filled))
        assert [one.before for one in plan.entries] == [None] * 5
        assert said(other) == said(filled)
        assert [entry.state for entry in catalogue.listing(other)] == [
            *(ImageState.DRAFT, ImageState.RETIRED, ImageState.PUBLISHED),
            *(ImageState.DEPRECATED, ImageState.PUBLISHED),
        ]
        shown = catalogue.show(other, "python")
        assert shown.revisions[0].published
        assert shown.revisions[0].report["findings"] == []
        assert (await done(other, actor, said(other))).nothing
    finally:
        other.close()


async def test_an_edit_in_the_file_comes_about_with_its_rows(
    filled: Site, actor: Actor, push: Push, record: Record
) -> None:
    second = push(b"import second", tag="2")
    before, rows = said(filled), len(record())
    begin = before.index("  python:")
    edited = before[:begin] + before[begin:].replace("tag: '1'", "tag: '2'").replace(
        "revision: 1\n", "revision: 2\n"
    ).replace("memory: 8 GiB", "memory: 8.5 GiB").replace(
        "    projects:", f"      2: {second}\n    projects:"
    )
    wanted = wish(edited.encode())
    plan = await preview(filled, wanted)
    assert said(filled) == before
    assert len(record()) == rows
    lines = [line for one in plan.entries for line in step_lines(one)]
    assert "tag: 1 → 2" in lines
    assert "published → published: launches revision 2" in lines
    assert any("memory 8 GiB" in line and "memory 8.5 GiB" in line for line in lines)
    assert isinstance(await import_file(filled, actor, wanted, expected=plan.expected), ImportPlan)
    events = record()[rows:]
    assert [event.verb for event in events] == [
        Verb.IMAGE_CHANGED,
        Verb.IMAGE_REFRESHED,
        Verb.IMAGE_PUBLISHED,
    ]
    assert {event.facts["file"] for event in events} == {wanted.digest}
    assert events[2].facts["digest"] == second
    assert said(filled) == edited
    # The former file is the way back: a rollback, which does not ask the registry.
    down = replace(filled.settings.registries[0], address=f"localhost:{free_port()}")
    cut_off = replace(filled, settings=replace(filled.settings, registries=(down,)))
    await done(cut_off, actor, before)
    assert [event.verb for event in record()[rows + 3 :]] == [Verb.IMAGE_CHANGED, Verb.IMAGE_ROLLED_BACK]
    assert catalogue.show(filled, "python").entry.revision == 1
    with pytest.raises(RegistryUnreachable):
        await done(cut_off, actor, edited.replace(f"2: {second}", f"3: {second}").replace("on: 2", "on: 3"))


async def test_an_interface_and_allowed_variables_come_with_the_file(
    filled: Site, actor: Actor, record: Record
) -> None:
    before = said(filled)
    begin = before.index("  python:")
    stated = "interface:\n      kind: command\n      command:\n      - server\n      - two words\n"
    stated += "      polls:\n      - path: events/.*\n      secret: {variable: PASSWORD, scheme: bearer}\n"
    stated += "    allowed_env:\n    - PYTHONPATH\n"
    edited = before[:begin] + before[begin:].replace("interface: jupyter\n", stated)
    plan = await preview(filled, wish(edited.encode()))
    assert [line for one in plan.entries for line in step_lines(one)] == [
        "interface: jupyter → command, command server 'two words', polls GET,HEAD events/.*, "
        "secret PASSWORD (bearer)",
        "allowed variables: none → PYTHONPATH",
    ]
    await done(filled, actor, edited)
    entry = catalogue.show(filled, "python").entry
    assert (entry.interface.command, entry.allowed_env) == (("server", "two words"), ("PYTHONPATH",))
    assert record()[-1].facts["allowed_env"] == [[], ["PYTHONPATH"]]
    assert (await done(filled, actor, said(filled))).nothing


async def test_a_folder_that_is_not_absolute_comes_with_no_file(
    site: Site, actor: Actor, push: Push, record: Record
) -> None:
    push(b"relative", Env=["PYTHONPATH=lib"])
    await catalogue.add(site, actor, slug="python", title=TITLE, path=PATH, tag="1")
    await catalogue.publish(site, actor, "python")
    edited = said(site) + "    allowed_env:\n    - PYTHONPATH\n"
    result = await import_file(site, actor, wish(edited.encode()))
    assert not isinstance(result, ImportPlan)
    assert [finding.code for finding in result[0].findings] == [FindingCode.ENV_UNSAFE]
    assert catalogue.show(site, "python").entry.allowed_env == ()


async def test_all_or_nothing_with_every_reason(
    filled: Site, actor: Actor, push: Push, record: Record
) -> None:
    bad = push(b"import bad", tag="bad", Labels={"io.hub-ext.seed": ""}, Volumes={"/data/x": {}})
    before, rows = said(filled), len(record())
    text = before.replace("    state: draft\n", "    state: published\n    revision: 2\n    tag: x\n", 1)
    text = text.replace("    tag: '1'\n", "", 1).replace("      1: ", f"      2: {bad}\n      1: ", 1)
    begin = text.index("  python:")
    text = text[:begin] + text[begin:].replace("path: hub-ext/python", "path: elsewhere").replace(
        "- onco", "- nobody"
    ).replace("1: sha", f"1: {ABSENT}\n      #: sha").replace("revision: 1\n", "revision: 7\n")
    refused = await import_file(filled, actor, wish(text.encode()))
    assert not isinstance(refused, ImportPlan)
    assert {one.entry: [finding.code for finding in one.findings] for one in refused} == {
        "draft": [FindingCode.VOLUMES, FindingCode.RESERVED_LABELS],
        "python": [
            FindingCode.IMAGE_MOVED,
            FindingCode.DIGEST_OTHER,
            FindingCode.REVISION_UNKNOWN,
            FindingCode.PROJECT_UNKNOWN,
        ],
    }
    assert said(filled) == before
    assert [event.verb for event in record()[rows:]] == [Verb.IMAGE_REFUSED] * 2


async def test_a_digest_that_is_gone_is_not_published_but_may_be_remembered(
    filled: Site, actor: Actor
) -> None:
    text = said(filled).replace("      1: ", f"      2: {ABSENT}\n      1: ")
    plan = await preview(filled, wish(text.replace("revision: 1", "revision: 2").encode()))
    assert {finding.code for one in plan.entries for finding in one.findings if finding.blocking} == {
        FindingCode.DIGEST_GONE
    }
    assert plan.refused
    plan = await done(filled, actor, text)
    assert {(f.code, f.blocking) for one in plan.entries for f in one.findings} == {
        (FindingCode.DIGEST_GONE, False)
    }
    assert catalogue.show(filled, "python").entry.revision == 1
    assert catalogue.show(filled, "python").revisions[0].digest == ABSENT


async def test_two_curators_never_overwrite_each_other(filled: Site, actor: Actor, record: Record) -> None:
    wanted = wish(said(filled).replace("Python: yes", "Python 3").encode())
    seen = await preview(filled, wanted)
    catalogue.change(filled, actor, "draft", start_url="/tree")
    rows = len(record())
    with pytest.raises(Stale):
        await import_file(filled, actor, wanted, expected=seen.expected)
    other = wish(said(filled).replace("Python: yes", "Python 4").encode())
    with pytest.raises(Stale):
        await import_file(filled, actor, other, expected=(await preview(filled, wanted)).expected)
    assert len(record()) == rows


async def test_an_edit_while_the_registry_is_asked_wins(
    filled: Site, actor: Actor, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = push(b"import meanwhile", tag="3")
    text = said(filled).replace("      1: ", f"      2: {digest}\n      1: ")
    reviewing = catalogue_import.review_image

    async def meanwhile(site: Site, *rest: Any) -> Any:
        if catalogue.show(site, "draft").entry.state is ImageState.DRAFT:
            catalogue.retire(site, actor, "draft", why="no use")
        return await reviewing(site, *rest)

    monkeypatch.setattr(catalogue_import, "review_image", meanwhile)
    with pytest.raises(Stale):
        await done(filled, actor, text)
    assert len(catalogue.show(filled, "python").revisions) == 1


async def test_what_the_file_leaves_out_is_left_alone_or_retired(
    filled: Site, actor: Actor, record: Record
) -> None:
    text = said(filled)
    text = text[: text.index("  python:")]
    plan = await done(filled, actor, text)
    assert (plan.nothing, plan.missing) == (True, ("python",))
    plan = await done(filled, actor, text, retire_missing=True)
    assert [one.after.slug for one in plan.entries] == ["python"]
    assert catalogue.show(filled, "python").entry.state is ImageState.RETIRED
    assert record()[-1].verb is Verb.IMAGE_RETIRED
    assert (await done(filled, actor, text, retire_missing=True)).nothing


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("successor: new", "successor: old", FindingCode.SUCCESSOR_ITSELF),
        ("successor: new", "successor: nobody", FindingCode.SUCCESSOR_UNKNOWN),
        ("successor: new", "successor: draft", FindingCode.SUCCESSOR_NOT_PUBLISHED),
        ("state: published\n    revision: 1", "state: draft", FindingCode.STATE_NO_DRAFT),
        ("state: retired", "state: retired\n    revision: 1", FindingCode.REVISION_RETIRED),
    ],
)
async def test_what_may_not_be_is_refused(filled: Site, old: str, new: str, code: FindingCode) -> None:
    text = said(filled)
    assert old in text
    plan = await preview(filled, wish(text.replace(old, new, 1).encode()))
    assert [finding.code for one in plan.entries for finding in one.findings] == [code]


async def test_what_cannot_be_used_is_told_with_its_line(filled: Site) -> None:
    text = said(filled).replace("start_url: /lab", "start_url: https://evil", 1)
    with pytest.raises(InputError, match="Line 4: draft: The start URL"):
        wish(text.encode())


async def test_what_failed_its_last_check_is_imported_only_where_that_is_said(
    filled: Site, actor: Actor, record: Record
) -> None:
    text = said(filled).replace("state: draft\n", "state: published\n    revision: 1\n", 1)
    check = ended(filled, "draft", CheckOutcome.FAILED)
    ended(filled, "python", CheckOutcome.FAILED)
    refused = await import_file(filled, actor, wish(text.encode()))
    assert isinstance(refused, tuple)
    assert [(one.entry, [finding.code for finding in one.findings]) for one in refused] == [
        ("draft", [FindingCode.CHECK_FAILED])
    ], "what is published already is not asked about again"
    assert (await preview(filled, wish(text.encode()))).refused
    await done(filled, actor, text, despite_failed_check=True)
    assert catalogue.show(filled, "draft").entry.revision == 1
    published = next(
        event for event in record() if event.verb is Verb.IMAGE_PUBLISHED and "file" in event.facts
    )
    assert published.facts["despite_failed_check"] == check.id
