"""What a build tells the registry, and what it tells people."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from docker import APIClient

from hub_ext.adapters.registry import RegistryClient
from hub_ext.cli.setup import images, instance, lock
from hub_ext.cli.setup.command import told
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.images import LATEST, BuildFailed, BuiltImage
from hub_ext.cli.setup.layout import CHECKOUT, Layout
from hub_ext.cli.setup.recipes import read_recipe
from hub_ext.cli.setup.steps import silent
from hub_ext.errors import SettingsError
from hub_ext.model import ImageReference
from hub_ext.settings import RegistrySettings

OTHER = f"other-{os.getpid()}"


def push_other(docker: EngineFacts, registry: RegistrySettings, path: str) -> None:
    """Another image in that repository, as an earlier state of the recipe would have left it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("etc"))
    client: Any = APIClient(base_url=docker.url, version="auto")
    name = f"{registry.address}/{path}"
    assert registry.auth_file is not None
    account = json.loads(registry.auth_file.read_text())
    try:
        client.import_image_from_data(content.getvalue(), repository=name, tag=OTHER)
        pushed = list(client.push(name, OTHER, stream=True, decode=True, auth_config=account))
        client.remove_image(f"{name}:{OTHER}")
    finally:
        client.close()
    assert not [line for line in pushed if "error" in line]


async def test_the_moving_tag_follows_the_recipes(
    built_images: dict[str, BuiltImage], registry: RegistrySettings, docker: EngineFacts, layout: Layout
) -> None:
    python = built_images["python"].reference
    await asyncio.to_thread(push_other, docker, registry, python.path)

    async with RegistryClient(registry) as client:
        other = await client.resolve(python.path, OTHER)
        assert other != python.digest
        await client.tag(python.path, other, LATEST)
        for pushed in (["python"], []):
            again = await asyncio.to_thread(
                images.build_all,
                CHECKOUT / "images",
                registry,
                engine_url=docker.url,
                logs=layout.logs,
                say=silent,
            )
            assert [slug for slug, image in again.items() if image.pushed] == pushed
            assert again["python"].reference == python
            assert await client.resolve(python.path, LATEST) == python.digest
        await client.delete(python.path, other)


def test_what_became_of_each_image_is_told() -> None:
    recipe = read_recipe(CHECKOUT / "images" / "python")
    reference = ImageReference("local", "hub-ext/mine", f"sha256:{'a' * 64}")
    new = BuiltImage(recipe, "0123", reference, True)
    old = replace(new, pushed=False)
    lines = told({"base": old, "mine": new}).splitlines()
    assert lines[:2] == ["base  unchanged", "mine  pushed as hub-ext/mine:latest"]
    assert lines[2].startswith("Next, for mine: `hub-ext catalogue add`")
    assert told({"base": old}).splitlines() == [
        "base  unchanged",
        "No recipe has changed: nothing was built.",
    ]


def test_a_smoke_test_that_fails_says_where_it_is_mended() -> None:
    client: Any = MagicMock()
    client.wait.return_value = {"StatusCode": 1}
    client.logs.return_value = b"\x1b[31mNameError\x1b[39m: no such thing"
    with pytest.raises(BuildFailed) as failed:
        images.smoke_test(client, "hub-ext/mine:trial-7", Path("/images/mine"))
    assert failed.value.message == "The smoke test of mine failed:\nNameError: no such thing"
    assert "/images/mine/smoke" in failed.value.advice
    client.remove_container.assert_called_once()
    client.wait.return_value = {"StatusCode": 0}
    assert "NameError" in images.smoke_test(client, "hub-ext/mine:trial-7", Path("/images/mine"))


def test_no_images_beside_what_is_only_starting(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    expected = pytest.raises(SettingsError, match=r"its registry does not answer yet")
    with lock.held(layout), expected, instance.for_images(layout, silent):
        pass
