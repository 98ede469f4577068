"""The recipes under images/: read strictly, built in order, and known by the hash of what goes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.cli.setup.layout import CHECKOUT
from hub_ext.cli.setup.recipes import read_recipe, read_recipes, recipe_hash
from hub_ext.errors import InputError
from hub_ext.model.interfaces import COMMAND, JUPYTER, Poll

OURS = replace(JUPYTER, command=("/opt/hub-ext/start", "jupyter-lab"))
TEXTS = '[title]\nen = "A"\nfr = "B"\n[description]\nen = "C"\nfr = "D"\n'


def recipe_in(folder: Path, head: str = "", texts: str = TEXTS) -> Path:
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(head + texts)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


def test_the_recipes_of_this_checkout_are_read_and_base_comes_first():
    found = read_recipes(CHECKOUT / "images", ["r", "python"])  # beside which somebody may have their own
    assert [recipe.slug for recipe in found] == ["base", "python", "r"]
    assert [recipe.slug for recipe in found if recipe.listed] == ["python", "r"]
    for recipe in found:
        assert recipe.title.en
        assert recipe.title.fr
        assert (recipe.folder / "smoke").stat().st_mode & 0o100
        assert recipe.interface == (JUPYTER if recipe.slug == "base" else OURS), recipe.slug
        assert recipe.start_url == "/lab"


def test_only_the_recipes_that_are_asked_for_are_read(tmp_path: Path):
    for slug, head in {"base": "", "python": 'base = "base"\n', "mine": "colour = 1\n"}.items():
        recipe_in(tmp_path / slug, head)
    assert [recipe.slug for recipe in read_recipes(tmp_path, ["python"])] == ["base", "python"]
    with pytest.raises(InputError, match="colour"):
        read_recipes(tmp_path)
    with pytest.raises(InputError, match=r"r/image\.toml cannot be read"):
        read_recipes(tmp_path, ["python", "r"])


def test_an_interface_is_read_strictly(tmp_path: Path):
    table = '[interface]\nkind = "command"\ncommand = ["server", "{port}"]\n[[interface.polls]]\n'
    recipe = read_recipe(
        recipe_in(tmp_path / "mine", "", f'{TEXTS}{table}methods = ["GET"]\npath = "events"\n')
    )
    assert recipe.interface == replace(
        COMMAND, command=("server", "{port}"), polls=(Poll(("GET",), "events"),)
    )
    assert recipe.start_url == "/"


@pytest.mark.parametrize(
    ("head", "texts", "told"),
    [
        ("colour = 1\n", TEXTS, "colour"),
        ("", '[title]\nen = "A"\n[description]\nen = "C"\nfr = "D"\n', "title.fr"),
        ("", TEXTS + "[limits]\nmem_bytes = 5\n", "limits.mem_bytes"),
        ("", TEXTS + '[interface]\nkind = "shiny"\n', "interface.kind"),
        ("", TEXTS + "[interface]\nshell = 1\n", "interface.shell"),
        ('interface = "jupyterlab"\n', TEXTS, "interface"),
        ("listed = ", TEXTS, "cannot be read"),
    ],
)
def test_a_bad_recipe_is_refused_with_the_name_of_the_field(tmp_path: Path, head: str, texts: str, told: str):
    with pytest.raises(InputError, match=told):
        read_recipe(recipe_in(tmp_path / "mine", head, texts))


def test_recipes_that_wait_for_one_another_are_refused(tmp_path: Path):
    recipe_in(tmp_path / "a", 'base = "b"\n')
    recipe_in(tmp_path / "b", 'base = "a"\n')
    with pytest.raises(InputError, match="a, b"):
        read_recipes(tmp_path)


def test_the_hash_follows_bytes_modes_names_and_base_but_not_the_titles(tmp_path: Path):
    folder = recipe_in(tmp_path / "mine")
    recipe = read_recipe(folder)
    first = recipe_hash(recipe, "base-1")
    (folder / "image.toml").write_text(TEXTS.replace('"A"', '"Z"'))
    assert recipe_hash(recipe, "base-1") == first
    seen = {first, recipe_hash(recipe, "base-2")}
    (folder / "Dockerfile").write_text("FROM scratch\nUSER 1\n")
    seen.add(recipe_hash(recipe, "base-1"))
    (folder / "Dockerfile").chmod(0o755)
    seen.add(recipe_hash(recipe, "base-1"))
    (folder / "Dockerfile").rename(folder / "Dockerfile2")
    seen.add(recipe_hash(recipe, "base-1"))
    assert len(seen) == 5
