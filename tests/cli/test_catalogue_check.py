"""`hub-ext catalogue check` as a process of its own, with a real image on the real engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.adapters.store import image_check_runs, image_checks, images, revisions
from hub_ext.cli.catalogue_check import added
from hub_ext.cli.setup import settings_file
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.images import BuiltImage
from hub_ext.cli.setup.layout import CHECKOUT, Layout
from hub_ext.config import load_settings
from hub_ext.flows.image_check.rows import GONE_SECONDS
from hub_ext.flows.image_check.trial import KIND
from hub_ext.flows.site import Site, open_site
from hub_ext.model import ImageEntry, ImageRevision, Localised
from hub_ext.model.image_checks import CheckOutcome, ImageCheck
from hub_ext.settings import RegistrySettings, Settings
from tests.support import stub_image

WORDS = Localised("x", "x")
SERVER = "opt/hub-ext/venv/bin/jupyter-lab"
BROKEN = {SERVER: "#!/bin/sh\necho \"No module named 'tornado'\" >&2\nexit 1\n"}
END_SECONDS = 120


@pytest.fixture(scope="module")
def digests(
    registry: RegistrySettings, layout: Layout, settings: Settings, built_images: dict[str, BuiltImage]
) -> Iterator[dict[str, str]]:
    """By path: our base image, the same with a server that does not start, a smoke test without an end."""
    more: dict[str, Any] = {"docker_config": layout.docker_config}
    base = built_images["base"].reference
    stubs = stub_image.push_check_stubs(registry, settings.engine_url, only=("hang",), **more)
    broken = stub_image.change(
        *(registry, settings.engine_url, base.digest, "stub/broken:1"), files=BROKEN, of=base.path, **more
    )
    yield {base.path: base.digest, "stub/broken": broken, "stub/smoke-hang": stubs["smoke-hang"]}
    stub_image.remove(registry, settings.engine_url, {"broken": broken, **stubs})


@dataclass(frozen=True)
class Place:
    """A site with its settings file, where the command is typed."""

    config: Path
    site: Site

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command, begun."""
        return subprocess.Popen(
            [sys.executable, "-m", "hub_ext.cli.app", "catalogue", "check", *words],
            cwd=CHECKOUT,
            env=os.environ | {"HUB_EXT_CONFIG": str(self.config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def at_work(self, slug: str) -> Iterator[subprocess.Popen[str]]:
        """The command, while its image's smoke test runs."""
        process = self.start(slug)
        late = threading.Timer(END_SECONDS, process.kill)
        late.start()
        try:
            assert process.stderr
            assert any("# Smoke test" in line for line in process.stderr), process.stdout
            assert self.left() == 3, "positive control: its container and two volumes"
            yield process
        finally:
            late.cancel()
            process.kill()
            process.communicate()

    def last(self, slug: str) -> ImageCheck:
        """The last check of the entry."""
        with self.site.store.reading() as tx:
            return image_checks.listing(tx, slug, limit=1)[0]

    def left(self) -> int:
        """How many containers and volumes of checks the engine has."""
        labels = {LABEL_INSTANCE: self.site.settings.instance, LABEL_PROBE: KIND}

        async def count() -> int:
            engine = self.site.engine
            return len(await engine.listing(labels)) + len(await engine.volumes(labels))

        return asyncio.run(count())


@pytest.fixture
def place(
    layout: Layout,
    chosen: Choices,
    settings: Settings,
    registry: RegistrySettings,
    digests: dict[str, str],
    tmp_path: Path,
) -> Iterator[Place]:
    """The images as entries "base", "broken" and "smoke-hang"."""
    base = next(iter(digests))
    traits = settings_file.values(
        *(layout, chosen),
        engine_url=settings.engine_url,
        registries=[registry],
        bind_url="http://127.0.0.1:1",
        seed_image=f"{registry.address}/{base}@{digests[base]}",
    )
    traits |= {"state_dir": str(tmp_path), "dataset_roots": []}
    config = tmp_path / "hub_ext_config.py"
    config.write_text("".join(f"c.HubExt.{name} = {value!r}\n" for name, value in traits.items()))
    site = open_site(load_settings(str(config)))
    with site.store.transaction() as tx:
        for path, digest in digests.items():
            slug, now = path.rpartition("/")[2], site.now()
            images.add(tx, ImageEntry(slug, WORDS, WORDS, registry.alias, path, "1", now))
            revisions.add(tx, ImageRevision(slug, 1, digest, now, "tester"))
    yield Place(config, site)
    site.close()


def test_an_image_of_ours_passes(place: Place) -> None:
    process = place.start("base", "--json")
    out, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, log
    assert json.loads(out)["outcome"] == "passed"
    phases = [line for line in log.splitlines() if line.startswith("# ")]
    assert phases[0] == "# Server"
    assert phases[1].startswith("# Server answers after ")
    assert phases[2] == "# Smoke test"
    assert log.count("# Server answers") == 1, "what is shown already is not shown again"
    assert "jupyterlab | extension was successfully loaded" in log
    assert log.rstrip().endswith("answers"), "the smoke test's own word is the last"
    assert place.last("base").outcome is CheckOutcome.PASSED
    assert place.left() == 0


def test_one_whose_server_does_not_come_up_fails(place: Place) -> None:
    process = place.start("broken")
    out, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert "its server did not come up" in out
    assert "No module named 'tornado'" in log
    assert "# The server ended by itself with status 1 before it answered." in log
    assert place.last("broken").outcome is CheckOutcome.NO_SERVER
    assert place.left() == 0


def test_what_nobody_knows_fails_in_a_friendly_way(place: Place) -> None:
    process = place.start("nobody")
    _, said = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert "There is no" in said
    assert "defect" not in said


def test_an_interrupt_writes_down_the_end_and_leaves_nothing(place: Place) -> None:
    with place.at_work("smoke-hang") as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert place.last("smoke-hang").outcome is CheckOutcome.INTERRUPTED
    assert place.left() == 0


def test_of_one_that_was_killed_the_next_takes_the_place_and_what_it_left(place: Place) -> None:
    with place.at_work("smoke-hang") as process:
        process.kill()
        process.communicate()
    killed = place.last("smoke-hang")
    assert killed.outcome is CheckOutcome.RUNNING
    refused = place.start("smoke-hang")
    _, said = refused.communicate(timeout=END_SECONDS)
    assert refused.returncode == 1
    assert "is being checked already" in said
    with place.site.store.transaction() as tx:
        held = image_check_runs.get(tx, killed.id)
        seen = held.seen - timedelta(seconds=GONE_SECONDS)
        image_check_runs.replace(tx, replace(held, seen=seen))
    # Any other check will do.
    process = place.start("broken")
    process.communicate(timeout=END_SECONDS)
    assert place.last("smoke-hang").outcome is CheckOutcome.INTERRUPTED
    assert place.left() == 0


@pytest.mark.parametrize(
    ("before", "log", "more"),
    [
        ("", "image\n", "image\n"),
        ("image\n# Server\na\nb", "image\n# Server\na\nbc\nd\n", "c\nd\n"),
        ("image\n# Server\na\nb\nc\n", "image\n# Server\nb\nc\nd\n", "d\n"),  # the first lines fell out
        ("image\n# Server\na\nb\n", "b\nc\n", "c\n"),
        ("image\n# Server\na\n", "image\n# Server\nx\ny\n", "x\ny\n"),
        ("image\n# Server\na\n", "image\n# Server\na\n", ""),
    ],
)
def test_nothing_of_a_long_log_is_shown_twice(before: str, log: str, more: str) -> None:
    assert added(before, log) == more
