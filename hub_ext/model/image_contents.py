"""What an image holds, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# By kind (python and r are for kernels, server is the notebook server's own), then version by name.
Packages = Mapping[str, Mapping[str, str]]
KINDS = ("python", "r", "server")


@dataclass(frozen=True, slots=True)
class ImageContents:
    """An image as its manifest, its configuration and its own list of packages tell it.

    `env` values that look secret are masked; sizes are compressed bytes. `packages` None: the image brings no
    list, which says nothing about what it holds.
    """

    digest: str
    platform: str
    created: str
    user: str
    env: Mapping[str, str]
    layer_bytes: tuple[int, ...]
    packages: Packages | None


@dataclass(frozen=True, slots=True)
class Change:
    """A package or a variable that differs: None where that image lacks it."""

    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """From one image to another. `packages` None where one of them brings no list."""

    before: ImageContents
    after: ImageContents
    env: tuple[Change, ...]
    packages: tuple[Change, ...] | None
