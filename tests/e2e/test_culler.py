"""The culler that the Hub runs, and what it sees of servers from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.store import audit, images, launches, revisions
from hub_ext.flows.cull import CULLER
from hub_ext.model import Ceilings, LaunchState, Verb
from tests.support.hub import RunningHub, Visitor, wait_for

IDLE_SECONDS = 4


@pytest.fixture
def brief(hub: RunningHub) -> dict[str, Any]:
    """Options for a server that may be idle for a few seconds only."""
    with hub.site.store.transaction() as tx:
        if images.find(tx, "brief") is None:
            entry = images.get(tx, "answer")
            images.add(tx, replace(entry, slug="brief", ceilings=Ceilings(idle_seconds=IDLE_SECONDS)))
            known = revisions.find(tx, "answer", entry.revision)
            assert known is not None
            revisions.add(tx, replace(known, entry="brief"))
    return {"project": "onco", "environment": "brief", "datasets": [], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada, who has no servers at the end."""
    visitor = hub.visitor("ada")
    yield visitor
    visitor.forget()


def api(hub: RunningHub) -> str:
    """The Hub's API as its services reach it."""
    return f"http://127.0.0.1:{hub.site.settings.hub_port}/hub/api"


def call(method: str, url: str, token: str, body: Any = None) -> requests.Response:
    said = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method,
            url,
            data=said,
            headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
            timeout=30,
        )


def start(hub: RunningHub, visitor: Visitor, options: dict[str, Any], name: str = "") -> str:
    """Starts a server; the id of its launch."""
    path = f"servers/{name}" if name else "server"
    answer = visitor.api("POST", path, {"user_options": options})
    assert answer.status_code in (201, 202), answer.text
    visitor.wait_ready(name)
    with hub.site.store.reading() as tx:
        known = launches.last_of(tx, hub.scenario.ada.id, name)
    assert known is not None
    return known.id


def client_secret(hub: RunningHub, launch_id: str) -> str:
    """The secret of that server's OAuth client."""
    kept = launch_secrets.read(hub.site.settings, launch_id)
    assert kept is not None
    return kept.oauth_client_secret


def service_token(hub: RunningHub, name: str) -> str:
    """The token of the service that runs, from its environment."""
    assert hub.serving.hub is not None
    pid = hub.serving.hub.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if f"hub_ext.services.{name}".encode() in Path(f"/proc/{child}/cmdline").read_bytes():
            environment = Path(f"/proc/{child}/environ").read_bytes().decode().split("\0")
            return dict(entry.split("=", 1) for entry in environment if entry)["JUPYTERHUB_API_TOKEN"]
    raise AssertionError(f"no {name} runs")


def test_an_idle_server_is_stopped_and_a_busy_or_silent_one_is_not(
    hub: RunningHub, ada: Visitor, brief: dict[str, Any]
) -> None:
    """What each says of its kernel goes by its name."""
    ids = {name: start(hub, ada, brief, name) for name in ("idle", "busy", "silent")}
    ada.wait_stopped("idle", seconds=30)
    with hub.site.store.reading() as tx:
        ended = {name: launches.get(tx, launch_id) for name, launch_id in ids.items()}
        (announced,) = audit.listing(tx, subject=ids["idle"], verb=Verb.LAUNCH_STOPPING)
    assert (ended["idle"].stop_reason, announced.facts["reason"]) == ("idle", "idle")
    assert announced.actor == CULLER
    wait_for(lambda: _state(hub, ids["idle"]) is LaunchState.ENDED, 10)
    # As long again, and some sweeps more: the others are not next.
    time.sleep(IDLE_SECONDS)
    assert {name for name, server in ada.servers().items() if server["ready"]} == {"busy", "silent"}
    assert {ended["busy"].state, ended["silent"].state} == {LaunchState.RUNNING}


def test_a_request_through_the_gate_is_use(hub: RunningHub, ada: Visitor, brief: dict[str, Any]) -> None:
    """One server is used and one is not; an open page's own question for its kernels is no use."""
    for name in ("used", "polled"):
        start(hub, ada, brief, name)
    used, polled = ada.enter("used"), ada.enter("polled")
    ended = time.monotonic() + 3 * IDLE_SECONDS
    while time.monotonic() < ended:
        ada.session.get(f"{used}proxy/7860/", timeout=30)
        ada.session.get(f"{polled}api/kernels", timeout=30)
        time.sleep(1)
    ada.wait_stopped("polled", seconds=30)
    assert ada.servers()["used"]["ready"]


def _state(hub: RunningHub, launch_id: str) -> LaunchState:
    with hub.site.store.reading() as tx:
        return launches.get(tx, launch_id).state


def test_the_culler_cannot_open_servers(hub: RunningHub) -> None:
    told = call("GET", f"{api(hub)}/user", service_token(hub, "culler")).json()
    assert "delete:servers" in told["scopes"]
    assert not [scope for scope in told["scopes"] if scope.startswith("access:")]


WARNED_SECONDS = 15


def test_who_is_warned_reads_it_and_asks_for_more_time(
    hub: RunningHub, ada: Visitor, brief: dict[str, Any]
) -> None:
    """In real time: without the extension, the server would have been stopped after fifteen seconds."""
    with hub.site.store.transaction() as tx:
        entry = replace(images.get(tx, "brief"), ceilings=Ceilings(idle_seconds=WARNED_SECONDS))
        images.replace(tx, entry, expected_version=entry.version)
    own = ada.api("POST", "tokens", {"note": "a test", "expires_in": 60}).json()["token"]
    begun = time.monotonic()
    launch_id = start(hub, ada, brief)
    path, more_time = (f"{hub.url}/user/ada/_hub-ext/{name}" for name in ("session", "more-time"))
    assert call("GET", path, own).json()["warnings"] == []
    assert call("POST", more_time, own).status_code == 409
    wait_for(lambda: call("GET", path, own).json()["warnings"], WARNED_SECONDS)
    shown = ada.page("home").text
    assert "nothing has run in it for a while" in shown
    assert 'data-more-time=""' in shown
    bob = hub.visitor("bob")
    at_hub = f"{hub.url}/hub/api/hub-ext/more-time/ada"
    assert bob.session.post(f"{at_hub}/?_xsrf={bob.xsrf}").status_code in (403, 404)
    assert bob.session.get(path).status_code == 403
    assert call("POST", f"{at_hub}/other", own).status_code == 404
    # What the button of the home page does.
    said = ada.session.post(f"{at_hub}/?_xsrf={ada.xsrf}")
    assert said.status_code == 204, said.text
    assert call("GET", path, own).json()["warnings"] == []
    time.sleep(max(0.0, begun + WARNED_SECONDS + 6 - time.monotonic()))
    assert ada.servers()[""]["ready"]
    with hub.site.store.reading() as tx:
        (warned,) = audit.listing(tx, subject=launch_id, verb=Verb.CULL_WARNED)
        (extended,) = audit.listing(tx, subject=launch_id, verb=Verb.LAUNCH_EXTENDED)
    assert warned.sequence < extended.sequence
    assert extended.facts["number"] == 1


def test_the_reconciler_reads_what_servers_there_are_and_no_more(hub: RunningHub) -> None:
    token = service_token(hub, "reconciler")
    scopes = set(call("GET", f"{api(hub)}/user", token).json()["scopes"])
    assert {"list:users", "read:servers", "admin:server_state"} <= scopes
    assert not [
        one for one in scopes if one.split(":")[0] in ("access", "delete", "start", "tokens", "custom")
    ]
    for path in ("users/ada/tokens", "proxy"):
        assert call("GET", f"{api(hub)}/{path}", token).status_code in (403, 404)
    assert call("DELETE", f"{api(hub)}/users/ada/server", token).status_code in (403, 404)


def test_the_service_of_the_line_starts_servers_and_no_more(hub: RunningHub) -> None:
    token = service_token(hub, "queue")
    scopes = set(call("GET", f"{api(hub)}/user", token).json()["scopes"])
    assert "start:servers" in scopes
    assert not [
        one
        for one in scopes
        if one.split(":")[0] in ("access", "delete", "list", "tokens", "custom", "admin")
    ]
    for path in ("users/ada/tokens", "proxy", "users"):
        assert call("GET", f"{api(hub)}/{path}", token).status_code in (403, 404)
    assert call("DELETE", f"{api(hub)}/users/ada/server", token).status_code in (403, 404)
    # Nobody is called: what it asks for is not started, whatever is free.
    options = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
    refused = call("POST", f"{api(hub)}/users/ada/server", token, {"user_options": options})
    assert refused.status_code == 409
    assert "not wait in line any more" in refused.text
