"""`hub-ext …` as somebody types it, on an empty site in Paris."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.store import Store, audit
from hub_ext.cli.app import main
from hub_ext.model import AuditEvent


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """Where commands are typed. `folder` holds the site: state, data and settings file."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Answer:
        """Type `hub-ext` and these words."""
        status = main(list(words))
        said = self.capsys.readouterr()
        return Answer(status, said.out, said.err)

    def done(self, *words: str) -> str:
        """The same, which must succeed; what it printed."""
        answer = self(*words)
        assert answer.status == 0, answer.err
        return answer.out

    def read(self, *words: str) -> Any:
        """The JSON of a command that must succeed."""
        return json.loads(self.done(*words, "--json"))

    def refused(self, *words: str) -> str:
        """The sentences of a command that must fail in a friendly way."""
        answer = self(*words)
        assert answer.status == 1, answer
        assert "defect" not in answer.err
        return answer.err


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal at an empty site."""
    for name in ("state", "data"):
        (tmp_path / name).mkdir()
    config = tmp_path / "config.py"
    config.write_text(
        f"c.HubExt.state_dir = {str(tmp_path / 'state')!r}\n"
        f"c.HubExt.dataset_roots = [{str(tmp_path / 'data')!r}]\n"
        "c.HubExt.time_zone = 'Europe/Paris'\n"
    )
    monkeypatch.setenv("HUB_EXT_CONFIG", str(config))
    monkeypatch.delenv("SUDO_USER", raising=False)
    return Terminal(tmp_path, capsys)


@pytest.fixture
def events(typed: Terminal) -> Iterator[Callable[[], list[AuditEvent]]]:
    """All audit events so far."""
    held: list[Store] = []

    def read() -> list[AuditEvent]:
        if not held:
            held.append(Store.open(f"sqlite:///{typed.folder / 'state' / 'store.sqlite'}"))
        with held[0].reading() as tx:
            return list(audit.listing(tx))

    yield read
    for store in held:
        store.close()
