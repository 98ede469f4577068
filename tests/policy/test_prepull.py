"""Which image a node fetches ahead: what launches may use, the newest first, while there is room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model import DiskFacts, ImageEntry, ImageReference, ImageRevision, ImageState, Localised
from hub_ext.policy.prepull import AGAIN_AFTER, launchable, next_pull

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ROOM = DiskFacts(free_bytes=10, reserve_bytes=1)
TEXT = Localised("a", "b")
REFERENCES = tuple(ImageReference("local", f"nb/{name}", "sha256:" + name * 64) for name in "abcd")


def entry(slug: str, state: ImageState, revision: int = 1) -> ImageEntry:
    return ImageEntry(slug, TEXT, TEXT, "local", f"nb/{slug}", "1", NOW, state, revision=revision)


def revision(slug: str, number: int, published: datetime | None) -> ImageRevision:
    return ImageRevision(slug, number, f"sha256:{slug}{number}", NOW, "x", published)


def test_what_may_be_launched_newest_first() -> None:
    entries = [
        entry("old", ImageState.PUBLISHED),
        entry("new", ImageState.DEPRECATED, 2),
        entry("draft", ImageState.DRAFT),
        entry("retired", ImageState.RETIRED),
    ]
    known = [
        revision("old", 1, NOW - timedelta(days=1)),
        revision("new", 1, NOW),
        revision("new", 2, NOW),
        revision("draft", 1, None),
        revision("retired", 1, NOW),
    ]
    launched = {one.entry: one for one in known if (one.entry, one.number) != ("new", 1)}
    found = launchable(entries, launched)
    assert [(one.path, one.digest) for one in found] == [
        ("nb/new", "sha256:new2"),
        ("nb/old", "sha256:old1"),
    ]


def test_what_failed_is_tried_again_later_and_holds_nobody_up() -> None:
    failed = {REFERENCES[0]: NOW}
    assert next_pull(REFERENCES[:2], (), failed, ROOM, NOW) == REFERENCES[1]
    assert next_pull(REFERENCES[:1], (), failed, ROOM, NOW) is None
    assert next_pull(REFERENCES[:2], (), failed, ROOM, NOW + AGAIN_AFTER) == REFERENCES[0]


def test_a_disk_that_is_full_or_unknown_gets_nothing() -> None:
    for free in (0, None):
        assert next_pull(REFERENCES, (), {}, DiskFacts(free_bytes=free, reserve_bytes=1), NOW) is None


@given(st.sets(st.sampled_from(REFERENCES)), st.sets(st.sampled_from(REFERENCES)))
def test_it_ends_when_everything_is_there_or_has_failed(
    held: set[ImageReference], fails: set[ImageReference]
) -> None:
    failed: dict[ImageReference, datetime] = {}
    pulled = []
    while (found := next_pull(REFERENCES, held, failed, ROOM, NOW)) is not None:
        pulled.append(found)
        if found in fails:
            failed[found] = NOW
        else:
            held = held | {found}
    assert len(pulled) == len(set(pulled))
    assert held | set(failed) == set(REFERENCES)
