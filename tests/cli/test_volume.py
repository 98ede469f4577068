"""`hub-ext volume` and `hub-ext reconcile` as an operator types them, on the real engine.

What may be deleted, and who must agree: tests/flows/test_volumes.py.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hub_ext.adapters.engine import LABEL_INSTANCE
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.model import ActorKind, AuditEvent, Verb
from hub_ext.settings import Settings
from tests.cli.conftest import Terminal


@dataclass(frozen=True)
class Left:
    """A container of a launch, and a volume, which no row knows."""

    container: str
    volume: str


@pytest.fixture
def left(typed: Terminal, settings: Settings) -> Iterator[Left]:
    """The site's instance, with what was left behind on the engine."""
    instance = f"cli{settings.instance[2:]}"
    config = typed.folder / "config.py"
    config.write_text(
        config.read_text()
        + f"c.HubExt.instance = {instance!r}\nc.HubExt.engine_url = {settings.engine_url!r}\n"
    )
    made = Left(f"{instance}-lau-left", f"{instance}-vol-left")
    label, image = f"{LABEL_INSTANCE}={instance}", f"{instance}-empty:1"

    def docker(*words: str, said: bytes = b"") -> None:
        command = ["docker", "--host", settings.engine_url, *words]
        subprocess.run(command, input=said, check=True, capture_output=True)

    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("nothing"))
    docker("import", "-", image, said=empty.getvalue())
    docker("volume", "create", "--label", label, made.volume)
    words = ("--name", made.container, "--label", label, "--label", f"{LABEL_LAUNCH}=lau-left")
    docker("create", *words, image, "/none")
    yield made
    docker("rm", "--force", made.container)
    docker("volume", "rm", "--force", made.volume)
    docker("rmi", "--force", image)


def test_reconcile_says_what_it_would_do_and_then_does_it(
    typed: Terminal, left: Left, events: Callable[[], list[AuditEvent]]
) -> None:
    told = typed.done("reconcile", "--dry-run")
    assert "would: a container that is no launch's is removed: lau-left" in told
    assert f"left alone: the volume {left.volume} is in no row" in told
    read = typed.read("reconcile", "--dry-run")
    assert read["mends"] == [{"mend": "container-removed", "subject": "lau-left"}]
    assert read["strays"]["volumes"] == [left.volume]
    assert events() == []

    assert "removed: lau-left" in typed.done("reconcile")
    (mended,) = events()
    assert (mended.verb, mended.subject) == (Verb.RECONCILE_MENDED, "lau-left")
    # Whoever typed it, and not the service.
    assert mended.actor.kind is ActorKind.HOST_USER
    assert typed.read("reconcile")["mends"] == []


def test_a_volume_is_listed_shown_and_deleted(
    typed: Terminal, left: Left, events: Callable[[], list[AuditEvent]]
) -> None:
    assert "in no row" in typed.done("volume", "list")
    assert "/volumes/" in typed.done("volume", "show", left.volume)
    assert typed("volume", "delete", left.volume).status == 2
    assert "reason is empty" in typed.refused("volume", "delete", left.volume, "--reason", " ")
    assert "no person" in typed.refused(
        "volume", "delete", left.volume, "--reason", "old", "--steward", "nobody"
    )
    assert events() == []
    assert "is gone" in typed.done("volume", "delete", left.volume, "--reason", "Left by a test.")
    assert [event.verb for event in events()] == [Verb.VOLUME_ENDED, Verb.VOLUME_DELETED]
    assert "There is no volume" in typed.refused("volume", "show", left.volume)
    assert "There are none." in typed.done("volume", "list")
