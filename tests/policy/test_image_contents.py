"""What differs between two images."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub_ext.model.image_contents import KINDS, Change, ImageContents
from hub_ext.policy.image_contents import difference

names = st.sampled_from(["a", "B", "b", "pandas", "survival"])
versions = st.dictionaries(names, st.sampled_from(["1", "2", "3.0"]))
packages = st.none() | st.dictionaries(st.sampled_from(KINDS), versions)
images = st.builds(
    ImageContents,
    digest=st.just("sha256:" + "a" * 64),
    platform=st.just("linux/amd64"),
    created=st.just(""),
    user=st.just(""),
    env=versions,
    layer_bytes=st.just((1, 2)),
    packages=packages,
)


@given(images)
def test_an_image_differs_in_nothing_from_itself(image: ImageContents) -> None:
    found = difference(image, image)
    assert found.env == ()
    assert found.packages == (None if image.packages is None else ())


@given(images, images)
def test_the_way_back_is_the_mirror(one: ImageContents, other: ImageContents) -> None:
    there, back = difference(one, other), difference(other, one)
    mirrored = tuple(replace(change, before=change.after, after=change.before) for change in back.env)
    assert there.env == mirrored
    assert (there.packages is None) == (back.packages is None) == (None in (one.packages, other.packages))


@given(images, images)
def test_the_changes_lead_from_one_to_the_other(one: ImageContents, other: ImageContents) -> None:
    found = difference(one, other)
    if one.packages is None or other.packages is None or found.packages is None:
        return
    made = {kind: dict(one.packages.get(kind, {})) for kind in KINDS}
    for change in found.packages:
        assert change.before != change.after
        assert made[change.kind].pop(change.name, None) == change.before
        if change.after is not None:
            made[change.kind][change.name] = change.after
    assert made == {kind: dict(other.packages.get(kind, {})) for kind in KINDS}


def test_added_removed_and_changed() -> None:
    base = ImageContents("d", "p", "", "", {}, (), {"python": {"a": "1", "b": "1", "c": "1"}})
    after = replace(base, packages={"python": {"a": "1", "b": "2", "d": "1"}})
    assert difference(base, after).packages == (
        Change("python", "b", "1", "2"),
        Change("python", "c", "1", None),
        Change("python", "d", None, "1"),
    )
