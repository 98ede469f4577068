"""`hub-ext audit` as an auditor types it: selected, exported, verified."""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hub_ext.adapters.store import Store, audit
from hub_ext.cli.app import main
from hub_ext.model import Actor, ActorKind, AuditEvent, Verb
from tests.adapters.store.samples import NOW, add_all, write

HUB = Actor(ActorKind.SERVICE, "hub")
ANNE = Actor(ActorKind.PERSON, "per-2")
ROOT = Actor(ActorKind.HOST_USER, "root", on_behalf="per-1")

Run = Callable[..., int]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store of a site, with one of every noun and a short history."""
    opened = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with opened.transaction() as tx:
        add_all(tx)
        write(tx, 1, actor=ROOT, verb=Verb.PERSON_ADDED, subject="per-2", facts={})
        write(tx, 2, actor=ROOT, verb=Verb.MEMBERSHIP_ADDED, subject="mem-1", facts={"person": "per-2"})
        write(tx, 3, actor=ROOT, verb=Verb.DATASET_REGISTERED, subject="mri", facts={"never_with": ["key"]})
        write(tx, 4, actor=ROOT, verb=Verb.GRANT_ADDED, subject="gra-9", facts={"dataset": "mri"})
        asked = {"project": "onco", "image": "python", "datasets": ["ct"]}
        write(tx, 5, actor=ANNE, verb=Verb.LAUNCH_REFUSED, subject="lau-0", facts={"asked": asked})
        admitted = {"project": "onco", "image": "python", "datasets": {"mri": "ver-1"}}
        write(tx, 6, actor=ANNE, verb=Verb.LAUNCH_ADMITTED, subject="lau-1", facts=admitted)
        write(tx, 7, actor=HUB, verb=Verb.LAUNCH_STOPPED, subject="lau-1", facts={"why": "idle"})
        write(tx, 8, actor=HUB, verb=Verb.PROJECT_ADDED, subject="mri", facts={"note": "=onco"})
    yield opened
    opened.close()


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`hub-ext audit …` on that site."""
    config = tmp_path / "config.py"
    config.write_text(f"c.HubExt.state_dir = {str(tmp_path)!r}\nc.HubExt.time_zone = 'Europe/Brussels'\n")
    monkeypatch.setenv("HUB_EXT_CONFIG", str(config))
    return lambda *words: main(["audit", *words])


@pytest.fixture
def listed(run: Run, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[int]]:
    """The sequences that `audit list` shows."""

    def sequences(*words: str) -> list[int]:
        assert run("list", "--json", *words) == 0
        return [event["sequence"] for event in json.loads(capsys.readouterr().out)]

    return sequences


def test_list_selects(listed: Callable[..., list[int]]) -> None:
    assert listed() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert listed("--limit", "2") == [7, 8]
    assert listed("--limit", "0") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert listed("--verb", "launch") == [5, 6, 7]
    assert listed("--verb", "launch.refused") == [5]
    # By username or id; the end of the launch names neither person nor project.
    assert listed("--person", "anne") == listed("--person", "per-2") == [1, 2, 5, 6, 7]
    assert listed("--person", "chief") == [1, 2, 3, 4]
    # "mri" is a dataset, and the name of a project too.
    assert listed("--dataset", "mri") == [3, 4, 6, 7]
    assert listed("--dataset", "ct") == [5]
    assert listed("--dataset", "key") == [3]
    assert listed("--project", "onco") == [2, 5, 6, 7]
    assert listed("--project", "mri") == [8]
    assert listed("--image", "python") == [5, 6, 7]
    assert listed("--dataset", "mri", "--person", "anne", "--verb", "launch") == [6, 7]
    assert listed("--dataset", "nothing") == []


def test_list_by_day_in_the_sites_zone(store: Store, listed: Callable[..., list[int]]) -> None:
    with store.transaction() as tx:
        write(tx, 0, time=NOW.replace(hour=22, minute=0) + timedelta(days=1))  # midnight in Brussels
    assert listed("--since", "2026-05-05") == [9]
    assert listed("--until", "2026-05-04") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert listed("--until", "2026-05-02") == listed("--since", "2026-05-06") == []


def test_list_reads_well(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--verb", "launch.admitted") == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["EVENT", "TIME", "WHO", "VERB", "SUBJECT", "FACTS"]
    assert "anne (person)" in line
    assert "launch.admitted  lau-1" in line
    assert run("list", "--verb", "grant", "--on-behalf-of", "chief") == 0
    assert "root (host-user) for chief" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--verb", "launch.flown"], "no verb of the record"),
        (["--person", "nobody"], "no person"),
        (["--since", "soon"], "not a date"),
        (["--limit", "-1"], "--limit"),
    ],
)
def test_list_says_what_is_wrong(
    run: Run, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run("list", *words) == 1
    assert said in capsys.readouterr().err


def test_a_username_of_two_persons_is_asked_about(
    store: Store, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.transaction() as tx:
        tx.connection.exec_driver_sql("UPDATE persons SET username = 'anne'")
    assert run("list", "--person", "anne") == 1
    assert "per-1, per-2" in capsys.readouterr().err


def _last(store: Store) -> AuditEvent:
    with store.reading() as tx:
        return audit.listing(tx)[-1]


def test_export_is_whole_private_and_on_record(store: Store, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert run("export", "--output", str(path), "--on-behalf-of", "chief") == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, 9))
    previous = "0" * 64
    for line in lines:  # as a reader would, without our code
        digest = line.pop("hash")
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert sha256(text.encode()).hexdigest() == digest
        assert line["previous_hash"] == previous
        previous = digest
    event = _last(store)
    assert (event.sequence, event.verb, event.subject) == (9, Verb.AUDIT_EXPORTED, "audit")
    assert (event.actor.kind, event.actor.on_behalf) == (ActorKind.HOST_USER, "per-1")
    assert event.facts["through"] == 8
    with store.reading() as tx:
        assert audit.verify(tx).ok


def test_export_selects_and_says_so(store: Store, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "--dataset", "mri", "--verb", "launch") == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["sequence"] for line in captured.out.splitlines()] == [6, 7]
    assert "2 events" in captured.err
    selection = _last(store).facts["selection"]
    assert selection["dataset"] == "mri"
    assert "launch.refused" in selection["verbs"]


def test_export_for_spreadsheets_holds_no_formula(store: Store, run: Run, tmp_path: Path) -> None:
    with store.transaction() as tx:
        write(tx, 9, subject="=cmd|' /C calc'!A0")
    assert run("export", "--format", "csv", "--output", str(tmp_path / "out.csv")) == 0
    with (tmp_path / "out.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["sequence"] for row in rows] == [str(number) for number in range(1, 10)]
    assert rows[8]["subject"] == "'=cmd|' /C calc'!A0"
    assert json.loads(rows[4]["facts"])["asked"]["datasets"] == ["ct"]


def test_export_overwrites_nothing(store: Store, run: Run, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("dear")
    assert run("export", "--output", str(path)) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "dear"
    assert run("export", "--person", "nobody", "--output", str(tmp_path / "new")) == 1
    assert not (tmp_path / "new").exists()
    assert _last(store).sequence == 8


def test_verify_holds_and_prints_an_anchor(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 0
    said = capsys.readouterr().out
    assert "holds: 8 events" in said
    anchor = said.split("Head ")[1].split()[0]
    assert run("verify", "--anchor", anchor) == 0
    capsys.readouterr()
    assert run("verify", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert ":".join(map(str, found["head"])) == anchor


def test_verify_finds_tampering(
    store: Store, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.reading() as tx:
        sequence, digest = audit.head(tx)
    _tamper(tmp_path, "DELETE FROM audit WHERE sequence = 8")
    assert run("verify") == 0
    assert run("verify", "--anchor", f"{sequence}:{digest}") == 1
    assert "event 8: the chain ends at 7" in capsys.readouterr().err
    _tamper(tmp_path, "UPDATE audit SET actor_id = 'per-1' WHERE sequence = 5")
    assert run("verify") == 1
    assert "event 5: its content is not what was written" in capsys.readouterr().err
    assert run("verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["first_bad"] == 5


def _tamper(tmp_path: Path, statement: str) -> None:
    """As somebody who owns the file would."""
    connection = sqlite3.connect(tmp_path / "store.sqlite")
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("anchor", ["8", "8:abc", "x:" + "0" * 64, "8:" + "G" * 64])
def test_an_anchor_is_typed_whole(run: Run, capsys: pytest.CaptureFixture[str], anchor: str) -> None:
    assert run("verify", "--anchor", anchor) == 1
    assert "no anchor" in capsys.readouterr().err


def test_access_tells_who_could_and_who_did(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("access", "mri", "--since", "2026-05-01", "--until", "2026-05-31") == 0
    could, did = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert could[:3] == ["could", "anne", "onco"]
    assert did[:3] == ["did", "anne", "onco"]
    assert {"python", "sha256:" + "a" * 64, "lau-1"} <= set(did)
    assert run("access", "mri", "--since", "2026-05-01", "--until", "2026-05-31", "--json") == 0
    assert json.loads(capsys.readouterr().out)["did"][0]["launch"]["digest"] == "sha256:" + "a" * 64
    assert run("access", "mri", "--since", "2026-07-01", "--until", "2026-07-31") == 0
    assert "nobody did" in capsys.readouterr().out


def test_a_name_is_erased(run: Run, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with store.transaction() as tx:
        tx.connection.exec_driver_sql("UPDATE launches SET state = 'ended'")
    assert main(["person", "erase", "anne", "--why", "asked for it"]) == 0
    assert "no name any more" in capsys.readouterr().out
    assert run("access", "mri", "--since", "2026-05-01", "--until", "2026-05-31") == 0
    shown = capsys.readouterr().out
    assert "anne" not in shown
    assert "erased-20001" in shown
    assert run("verify") == 0
    assert main(["person", "erase", "chief", "--why", "asked for it"]) == 1
    assert "ended person" in capsys.readouterr().err
