"""Admission of images, and the catalogue's states and pointers, by properties and by table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import Finding, ImageEntry, ImageRevision, ImageState, Localised
from hub_ext.model import FindingCode as Code
from hub_ext.policy import catalogue as policy

NOW = datetime(2026, 5, 4, tzinfo=UTC)
GOOD = policy.ImageFacts(
    platform="linux/amd64",
    total_bytes=10**9,
    layers=12,
    user="65534:65534",
    env={"PATH": "/bin", "LANG": "C.UTF-8"},
    labels={},
    entrypoint=(),
    command=("jupyter-lab",),
    volumes=(),
    healthcheck=False,
)
EMPTIED = ("LD_PRELOAD", "PYTHONPATH")


def codes(image: policy.ImageFacts, **options: Any) -> dict[Code, bool]:
    found = policy.review(image, platform="linux/amd64", emptied=EMPTIED, **options)
    return {finding.code: finding.blocking for finding in found}


def test_a_good_image_raises_nothing() -> None:
    assert codes(GOOD) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"platform": "linux/arm64"}, Code.PLATFORM),
        ({"platform": "windows/amd64"}, Code.PLATFORM),
        ({"total_bytes": policy.MOST_BYTES + 1}, Code.TOO_LARGE),
        ({"layers": 128}, Code.TOO_MANY_LAYERS),
        *(
            ({"volumes": (path,)}, Code.VOLUMES)
            for path in (
                *("/home/jovyan/work", "/home/jovyan/./x/", "//data/mri", "/project/../project/a", "/tmp/x"),
                *("/proc", "/sys/fs", "/dev/shm", "/", "//", "", "state", "./x", "/run/x"),
            )
        ),
        ({"labels": {"io.hub-ext.launch": "lau-1"}}, Code.RESERVED_LABELS),
        ({"labels": {"io.hub-ext.seed": ""}}, Code.RESERVED_LABELS),
    ],
)
def test_what_keeps_an_image_out(change: dict[str, Any], code: Code) -> None:
    assert codes(replace(GOOD, **change))[code] is True


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 127},
        {"total_bytes": policy.MOST_BYTES},
        {"command": ()},
        {"command": ("start-notebook.py",), "labels": {"io.hub-ext.contract": "2"}},
        {"volumes": ("/home/jovyan", "/tmp/")},
        {"labels": {"maintainer": "x"}},
        {"env": {"LD_PRELOAD": "", "TOKENIZERS_PARALLELISM": "1", "API_TOKEN": ""}},
    ],
)
def test_what_is_in_order(change: dict[str, Any]) -> None:
    assert codes(replace(GOOD, **change)) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"user": ""}, Code.USER_IGNORED),
        ({"user": "0:100"}, Code.USER_IGNORED),
        ({"user": "root"}, Code.USER_IGNORED),
        ({"entrypoint": ("tini",)}, Code.ENTRYPOINT_IGNORED),
        ({"volumes": ("/var/lib/state", "/datasets", "/home")}, Code.VOLUMES_EMPTY),
        ({"healthcheck": True}, Code.HEALTHCHECK_IGNORED),
        ({"env": {"LD_PRELOAD": "/evil.so"}}, Code.ENV_EMPTIED),
        ({"env": {"JUPYTERHUB_API_URL": "http://evil"}}, Code.ENV_OVERRIDDEN),
        ({"env": {"NVIDIA_VISIBLE_DEVICES": "all"}}, Code.ENV_OVERRIDDEN),
        ({"env": {"DB_PASSWORD": "x"}}, Code.ENV_SECRET),
        ({"env": {"aws_secret_access_key": "x"}}, Code.ENV_SECRET),
    ],
)
def test_what_is_only_remarked(change: dict[str, Any], code: Code) -> None:
    assert codes(replace(GOOD, **change)) == {code: False}


def test_what_an_entry_allows_is_said_to_stay() -> None:
    env = {"LD_PRELOAD": "/a.so", "PYTHONPATH": "/opt/lib", "ALLOWED_TOO": "1"}
    found = policy.review(
        replace(GOOD, env=env),
        platform="linux/amd64",
        emptied=EMPTIED,
        allowed=("PYTHONPATH", "ALLOWED_TOO"),
    )
    assert found == (
        Finding(Code.ENV_EMPTIED, False, (("names", "LD_PRELOAD"),)),
        Finding(Code.ENV_ALLOWED, False, (("names", "PYTHONPATH"),)),
    )


def test_volumes_are_named_as_the_engine_mounts_them() -> None:
    image = replace(GOOD, volumes=("/b/", "//a/./c", "/a/x/../c", "rel/"))
    assert policy.volume_paths(image) == ("/a/c", "/b", "rel")


def test_findings_show_no_value_of_a_variable_and_stay_short() -> None:
    env = {f"S{number}_TOKEN": "hunter2" for number in range(40)}
    (finding,) = policy.review(replace(GOOD, env=env), platform="linux/amd64")
    shown = str(dict(finding.shown)["names"])
    assert "hunter2" not in shown
    assert shown.endswith("S13_TOKEN +35")


def test_names_from_outside_become_printable_and_short() -> None:
    (finding,) = policy.review(
        replace(GOOD, volumes=("/data/\x1b[2J\n" + "x" * 999,)), platform="linux/amd64"
    )
    shown = str(dict(finding.shown)["names"])
    assert shown.startswith("/data/?[2J?x")
    assert len(shown) == 80


words = st.text(max_size=20)
images = st.builds(
    policy.ImageFacts,
    platform=st.sampled_from(["linux/amd64", "linux/arm64", ""]),
    total_bytes=st.integers(0, 2**40),
    layers=st.integers(0, 300),
    user=words,
    env=st.dictionaries(words, words, max_size=5),
    labels=st.dictionaries(st.sampled_from([*policy.RESERVED_LABELS, "x"]), words),
    entrypoint=st.lists(words, max_size=2).map(tuple),
    command=st.lists(words, max_size=2).map(tuple),
    volumes=st.lists(words, max_size=3).map(tuple),
    healthcheck=st.booleans(),
)


@given(images, st.integers(0, 2**40))
def test_a_volume_more_or_a_smaller_limit_never_admits_more(image: policy.ImageFacts, most: int) -> None:
    def blocking(of: policy.ImageFacts, most_bytes: int) -> set[Code]:
        found = policy.review(of, platform="linux/amd64", most_bytes=most_bytes)
        return {finding.code for finding in found if finding.blocking}

    assert blocking(image, most) <= blocking(replace(image, volumes=(*image.volumes, "/data/x")), most)
    assert blocking(image, most) <= blocking(image, most // 2)


@given(images)
def test_findings_come_once_each(image: policy.ImageFacts) -> None:
    found = [finding.code for finding in policy.review(image, platform="linux/amd64", emptied=EMPTIED)]
    assert len(found) == len(set(found))


# --- pointers and states ---


def entry(
    state: ImageState, revision: int = 0, slug: str = "python", successor: str | None = None
) -> ImageEntry:
    return ImageEntry(
        slug=slug,
        title=Localised("Python", "Python"),
        description=Localised("", ""),
        alias="main",
        path="hub-ext/python",
        tag="1",
        created=NOW,
        state=state,
        revision=revision,
        successor=successor,
    )


def revision(number: int, *, published: bool) -> ImageRevision:
    return ImageRevision(
        "python", number, f"sha256:{number:064}", NOW, "operator", published=NOW if published else None
    )


KNOWN = tuple(revision(number, published=published) for number, published in enumerate([1, 0, 1, 1, 0], 1))
DRAFT, PUBLISHED = ImageState.DRAFT, ImageState.PUBLISHED
DEPRECATED, RETIRED = ImageState.DEPRECATED, ImageState.RETIRED


def outcome(chosen: ImageRevision | Finding) -> int | Code:
    return chosen.code if isinstance(chosen, Finding) else chosen.number


@pytest.mark.parametrize(
    ("state", "current", "number", "expected"),
    [
        (DRAFT, 0, None, 5),
        (DRAFT, 0, 2, 2),
        (PUBLISHED, 4, None, 5),
        (PUBLISHED, 4, 1, 1),
        (PUBLISHED, 5, None, Code.REVISION_CURRENT),
        (PUBLISHED, 4, 4, Code.REVISION_CURRENT),
        (DEPRECATED, 4, 4, 4),
        (RETIRED, 4, 4, 4),
        (PUBLISHED, 4, 6, Code.REVISION_UNKNOWN),
        (PUBLISHED, 4, 0, Code.REVISION_UNKNOWN),
        (PUBLISHED, 4, -1, Code.REVISION_UNKNOWN),
    ],
)
def test_publication(state: ImageState, current: int, number: int | None, expected: int | Code) -> None:
    assert outcome(policy.choose_publication(entry(state, current), KNOWN, number)) == expected


def test_nothing_to_publish() -> None:
    assert outcome(policy.choose_publication(entry(DRAFT), (), None)) is Code.REVISION_NONE


@pytest.mark.parametrize(
    ("state", "current", "number", "expected"),
    [
        (PUBLISHED, 4, None, 3),
        (PUBLISHED, 3, None, 1),
        (PUBLISHED, 4, 1, 1),
        (DEPRECATED, 4, None, 3),
        (PUBLISHED, 1, None, Code.EARLIER_NONE),
        (PUBLISHED, 4, 2, Code.REVISION_NEVER_PUBLISHED),
        (PUBLISHED, 3, 4, Code.REVISION_NOT_EARLIER),
        (PUBLISHED, 4, 4, Code.REVISION_NOT_EARLIER),
        (PUBLISHED, 4, 9, Code.REVISION_UNKNOWN),
        (DRAFT, 0, None, Code.STATE_DRAFT),
        (RETIRED, 4, None, Code.STATE_RETIRED),
    ],
)
def test_rollback(state: ImageState, current: int, number: int | None, expected: int | Code) -> None:
    assert outcome(policy.choose_rollback(entry(state, current), KNOWN, number)) == expected


@given(
    st.sampled_from(ImageState),
    st.integers(0, 6),
    st.one_of(st.none(), st.integers(-1, 7)),
    st.lists(st.booleans(), max_size=6),
)
def test_a_rollback_only_goes_to_what_was_published_before(
    state: ImageState, current: int, number: int | None, published: list[bool]
) -> None:
    known = tuple(revision(place, published=flag) for place, flag in enumerate(published, 1))
    chosen = policy.choose_rollback(entry(state, current), known, number)
    if isinstance(chosen, ImageRevision):
        assert chosen.number < current
        assert chosen.published is not None
        assert policy.may_launch(state)


CATALOGUE = {
    known.slug: known
    for known in (
        entry(PUBLISHED, 1, "python"),
        entry(PUBLISHED, 1, "new"),
        entry(DEPRECATED, 1, "old", successor="python"),
        entry(DEPRECATED, 1, "older", successor="old"),
        entry(DRAFT, 0, "draft"),
        entry(RETIRED, 1, "gone"),
    )
}


@pytest.mark.parametrize(
    ("slug", "successor", "expected"),
    [
        ("python", None, []),
        ("python", "new", []),
        ("old", "new", []),
        ("python", "python", [Code.SUCCESSOR_ITSELF]),
        ("python", "nobody", [Code.SUCCESSOR_UNKNOWN]),
        ("python", "draft", [Code.SUCCESSOR_NOT_PUBLISHED]),
        ("python", "gone", [Code.SUCCESSOR_NOT_PUBLISHED]),
        ("python", "old", [Code.SUCCESSOR_CIRCLE]),
        ("python", "older", [Code.SUCCESSOR_CIRCLE]),
        ("draft", None, [Code.STATE_DRAFT]),
        ("gone", "nobody", [Code.STATE_RETIRED, Code.SUCCESSOR_UNKNOWN]),
    ],
)
def test_deprecation(slug: str, successor: str | None, expected: list[Code]) -> None:
    found = policy.may_deprecate(CATALOGUE[slug], CATALOGUE, successor)
    assert [finding.code for finding in found] == expected


def test_a_circle_in_the_store_does_not_hang() -> None:
    odd = {
        "a": entry(DEPRECATED, 1, "a", successor="b"),
        "b": entry(DEPRECATED, 1, "b", successor="a"),
        "c": entry(PUBLISHED, 1, "c"),
    }
    assert policy.may_deprecate(odd["c"], odd, "a") == ()


def test_retirement() -> None:
    assert [policy.may_retire(entry(state)) == () for state in (DRAFT, PUBLISHED, DEPRECATED)] == [True] * 3
    assert [finding.code for finding in policy.may_retire(entry(RETIRED))] == [Code.STATE_RETIRED]


def test_what_launches() -> None:
    assert {state for state in ImageState if policy.may_launch(state)} == {PUBLISHED, DEPRECATED}
