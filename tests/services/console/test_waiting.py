"""What waits at home: the host's faults are told to operators, with the moment when they were seen."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
import requests

from hub_ext.adapters.store import remembered
from hub_ext.flows.doctor import Finding, Health, kept
from hub_ext.flows.doctor.finding import fail, warn
from hub_ext.phrase import Phrase
from tests.services.console.conftest import TOKEN, Running


def asked(console: Running, path: str, token: str = TOKEN, language: str = "en") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
    return requests.get(f"{console.url}{path}", headers=headers, timeout=30)


def waiting(console: Running, token: str = TOKEN) -> dict[str, Any]:
    answer = asked(console, "api/v1/waiting", token)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_faults_of_the_host_are_kept_and_told_to_operators(console: Running) -> None:
    assert waiting(console)["host_seen"] is None
    examined = asyncio.run(kept.look(console.site))
    assert any(str(fault.check) == "engine" and fault.health is Health.FAIL for fault in examined.faults)
    assert kept.last(console.site) == examined
    told = waiting(console)
    assert told["host_seen"] is not None
    assert [fault["check"] for fault in told["host"]] == [str(fault.check) for fault in examined.faults]
    for token in ("of-a-researcher", "of-an-auditor"):
        assert waiting(console, token)["host"] == []
    for language, words, engine in (
        ("en", "The host", "`make run` starts"),
        ("fr", "La machine hôte", "`make run` démarre"),
    ):
        page = asked(console, "", language=language).text
        assert words in page
        assert engine in page
    assert "<strong>moteur</strong>" in page
    assert "The host" not in asked(console, "", "of-an-auditor").text


def test_what_the_doctor_says_is_kept_with_its_values(
    console: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days, numbers, lists and phrases in phrases; and the sentences that an earlier version kept."""
    why = Phrase("the event is missing; the next one is {sequence}", sequence=7)
    found = (
        warn("registry {alias}", "its certificate ends on {ends}", "", alias="local", ends=date(2027, 5, 1)),
        fail("disk", "{free} GiB free, {reserve} GiB kept in reserve", "", free=1.5, reserve=20.0),
        fail("secrets", "others may read {files}", "", files=("/a", "/b")),
        fail("audit trail", "event {number}: {why}", "", number=6, why=why),
    )

    async def examined(site: object) -> tuple[Finding, ...]:
        return found

    monkeypatch.setattr(kept, "examine", examined)
    asyncio.run(kept.look(console.site))
    assert kept.last(console.site).faults == found
    page = asked(console, "", language="fr").text
    for text in (
        "<strong>registre local</strong> (avertissement) : <bdi>son certificat expire le 1er mai 2027</bdi>.",
        "<bdi>1,5 Gio libres, 20 Gio gardés en réserve</bdi>.",
        "<bdi>d’autres peuvent lire /a, /b</bdi>.",
        "<bdi>événement 6 : l’événement manque ; le suivant est 7</bdi>.",
    ):
        assert text in page
    old = {"check": "disk", "health": "fail", "seen": "{0} GiB free", "advice": "Make room."}
    with console.site.store.transaction() as tx:
        remembered.put(tx, {kept.KEY: {"faults": [old]}}, console.site.now())
    assert "<bdi>{0} GiB free</bdi>. <bdi>Make room.</bdi>" in asked(console, "", language="fr").text
