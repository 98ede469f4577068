"""What differs between two images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub_ext.model.image_contents import KINDS, Change, Difference, ImageContents


def difference(before: ImageContents, after: ImageContents) -> Difference:
    """Variables and packages that were added, removed or changed, by kind and name."""
    packages = None
    if before.packages is not None and after.packages is not None:
        packages = tuple(
            change
            for kind in KINDS
            for change in _changes(kind, before.packages.get(kind, {}), after.packages.get(kind, {}))
        )
    return Difference(before, after, tuple(_changes("env", before.env, after.env)), packages)


def _changes(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*before, *after}, key=lambda name: (name.lower(), name)):
        if before.get(name) != after.get(name):
            yield Change(kind, name, before.get(name), after.get(name))
