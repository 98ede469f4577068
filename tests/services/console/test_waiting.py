"""What waits at home: the host's faults are told to operators, with the moment when they were seen."""

from __future__ import annotations

import asyncio
from typing import Any

import requests

from hub_ext.flows.doctor import Health, kept
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
    assert any(fault.check == "engine" and fault.health is Health.FAIL for fault in examined.faults)
    assert kept.last(console.site) == examined
    told = waiting(console)
    assert told["host_seen"] is not None
    assert [fault["check"] for fault in told["host"]] == [fault.check for fault in examined.faults]
    for token in ("of-a-researcher", "of-an-auditor"):
        assert waiting(console, token)["host"] == []
    for language, words in (("en", "The host"), ("fr", "La machine hôte")):
        assert words in asked(console, "", language=language).text
    assert "The host" not in asked(console, "", "of-an-auditor").text
