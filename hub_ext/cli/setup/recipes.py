"""The recipes under images/: a Dockerfile, an image.toml and a smoke test each."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hub_ext.errors import InputError
from hub_ext.model import Ceilings, Localised
from hub_ext.model.interfaces import (
    DEFAULTS,
    START_PAGES,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class _Texts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    en: Text
    fr: Text

    def localised(self) -> Localised:
        return Localised(self.en, self.fr)


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cpus: float | None = Field(default=None, gt=0)
    mem_bytes: int | None = Field(default=None, ge=256 * 1024**2)
    gpus: int | None = Field(default=None, ge=0)
    idle_seconds: int | None = Field(default=None, ge=60)


class _Interface(BaseModel):
    """What differs from the usual interface of its kind."""

    model_config = ConfigDict(extra="forbid")
    kind: InterfaceKind = InterfaceKind.JUPYTER
    command: tuple[str, ...] | None = None
    port: int | None = None
    prefix: PrefixHandling | None = None
    ready_path: str | None = None
    polls: tuple[Poll, ...] | None = None
    secret: SecretPlace | None = None

    def interface(self) -> Interface:
        differing: dict[str, Any] = {name: value for name, value in self if value is not None}
        return replace(DEFAULTS[self.kind], **differing)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: _Texts
    description: _Texts
    base: str = ""
    listed: bool = True
    interface: _Interface = Field(default_factory=_Interface)
    start_url: str | None = None
    needs_gpu: bool = False
    limits: _Limits = Field(default_factory=_Limits)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image's folder, read. `base` is the slug of the recipe it is made FROM, "" for the root file system.

    `listed`: whether it belongs in the catalogue.
    """

    slug: str
    folder: Path
    title: Localised
    description: Localised
    base: str
    listed: bool
    interface: Interface
    start_url: str
    needs_gpu: bool
    ceilings: Ceilings


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a folder. Raises InputError, naming file and field."""
    path = folder / "image.toml"
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}.", advice="See images/python/image.toml."
        ) from error
    interface = read.interface.interface()
    return Recipe(
        slug=folder.name,
        folder=folder,
        title=read.title.localised(),
        description=read.description.localised(),
        base=read.base,
        listed=read.listed,
        interface=interface,
        start_url=START_PAGES[interface.kind] if read.start_url is None else read.start_url,
        needs_gpu=read.needs_gpu,
        ceilings=Ceilings(**read.limits.model_dump()),
    )


def read_recipes(images_dir: Path, slugs: Iterable[str] | None = None) -> tuple[Recipe, ...]:
    """Every recipe, or those of `slugs` and what they need, each after the one it is made FROM.

    Raises InputError.
    """
    there = {path.parent.name for path in images_dir.glob("*/image.toml")}
    waiting = sorted(there if slugs is None else slugs)
    found: list[Recipe] = []
    for slug in waiting:  # grows by what they are made FROM
        recipe = read_recipe(images_dir / slug)
        found.append(recipe)
        if recipe.base in there and recipe.base not in waiting:
            waiting.append(recipe.base)
    ordered: list[Recipe] = []
    while found:
        made = {recipe.slug for recipe in ordered}
        ready = [recipe for recipe in found if not recipe.base or recipe.base in made]
        if not ready:
            names = ", ".join(recipe.slug for recipe in found)
            raise InputError(f"No order in which {names} can be built.", advice="See `base` in image.toml.")
        ordered += ready
        found = [recipe for recipe in found if recipe not in ready]
    return tuple(ordered)


def recipe_hash(recipe: Recipe, base_hash: str) -> str:
    """Twelve hexadecimal digits of everything that goes into the image: names, modes and bytes of its files.

    image.toml is left out: a title changes no image.
    """
    digest = hashlib.sha256(base_hash.encode())
    for path in sorted(recipe.folder.rglob("*")):
        if path.is_file() and path.name != "image.toml" and "__pycache__" not in path.parts:
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            digest.update(f"{path.relative_to(recipe.folder)}\0{mode}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
