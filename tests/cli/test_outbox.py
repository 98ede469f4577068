"""`hub-ext outbox` as an operator types it."""

from __future__ import annotations

from datetime import UTC, datetime

from hub_ext.adapters.store import Store, letters
from hub_ext.model.letters import Letter, LetterKind
from tests.cli.conftest import Terminal


def test_what_waits_is_shown(typed: Terminal) -> None:
    assert "names no server" in typed.done("outbox")
    typed.done("person", "add", "lise")
    person = typed.read("person", "show", "lise")["person"]["id"]
    now = datetime(2026, 5, 4, tzinfo=UTC)
    store = Store.open(f"sqlite:///{typed.folder / 'state' / 'store.sqlite'}")
    with store.transaction() as tx:
        waiting = Letter("let-1", LetterKind.REQUEST_WAITS, person, "x", now, now, tries=2, problem="451")
        letters.add(tx, waiting)
    store.close()
    line = typed.done("outbox").splitlines()[1]
    assert "request-waits" in line
    assert "lise" in line
    assert "451" in line
    (shown,) = typed.read("outbox")
    assert shown["tries"] == 2


def test_a_bad_setting_is_said(typed: Terminal) -> None:
    config = typed.folder / "config.py"
    good = 'c.HubExt.mail = {"server": "smtps://mail.example:465", "from": "hub@example"}\n'
    config.write_text(config.read_text() + good)
    assert "Nothing waits to be sent." in typed.done("outbox")
    config.write_text(config.read_text() + 'c.HubExt.mail = {"server": "smtps://mail.example:465"}\n')
    assert "needs server and from" in typed.refused("outbox")
