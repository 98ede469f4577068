"""Tokens at the Hub: a person reads of their own; a server has none, and its sign-ins are not listed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hub_ext.adapters import launch_secrets
from tests.e2e.test_culler import start
from tests.support.hub import RunningHub, Visitor, wait_for
from tests.support.patience import patient

OPTIONS = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
NOTE = "a script of mine"


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    visitor = hub.visitor("ada")
    yield visitor
    visitor.forget()


def stored_notes(hub: RunningHub) -> list[str]:
    """Notes of all tokens of persons that the Hub knows and has made itself."""
    with sqlite3.connect(hub.site.settings.hub_dir / "jupyterhub.sqlite") as database:
        found = database.execute(
            "SELECT note FROM api_tokens WHERE user_id IS NOT NULL AND client_id = 'jupyterhub'"
        )
        return [str(note) for (note,) in found]


def own_tokens(visitor: Visitor) -> list[dict[str, Any]]:
    answer = visitor.api("GET", "tokens")
    assert answer.status_code == 200
    return [token for token in answer.json()["api_tokens"] if not token["oauth_client"].startswith("Server")]


def test_a_server_has_no_token_of_the_hub_and_none_is_listed(hub: RunningHub, ada: Visitor) -> None:
    made = ada.api("POST", "tokens", {"note": NOTE, "expires_in": 300})
    assert made.status_code == 201
    launch_id = start(hub, ada, OPTIONS)
    ada.enter()
    console = f"{hub.url}/services/console/"
    wait_for(lambda: ada.session.get(console, timeout=patient(30)).status_code == 200, 30)
    for _ in ("as it was started", "after a restart of the Hub"):
        page = ada.page("token").text
        rows = re.findall(r'(?s)<tr class="token-row".*?<bdi>(.*?)</bdi>', page)
        assert NOTE in rows  # the controls: of her own, and where she is signed in by the Hub
        assert any("console" in row for row in rows)
        assert [row for row in rows if "/user/" in row] == []
        assert "Server at" not in page
        assert {token["note"] for token in own_tokens(ada)} >= {NOTE}
        assert [note for note in stored_notes(hub) if note.startswith("Server")] == []
        hub.kill()
        hub.start_again()
        ada.wait_ready()
    secrets = launch_secrets.read(hub.site.settings, launch_id)
    assert secrets is not None
    for token, status in ((secrets.oauth_client_secret, 403), (made.json()["token"], 200)):
        asked = requests.get(
            f"{hub.url}/hub/api/user", headers={"Authorization": f"token {token}"}, timeout=patient(30)
        )
        assert asked.status_code == status


def test_a_refused_start_leaves_no_token(hub: RunningHub, ada: Visitor) -> None:
    before = stored_notes(hub)
    assert ada.submit({**OPTIONS, "environment": "draft"}).status_code == 409
    assert [note for note in stored_notes(hub) if note not in before] == []
