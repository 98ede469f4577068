"""The culler that the Hub runs, and what servers tell it, over the Hub's own HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from hub_ext.adapters.engine import Engine, gateway
from hub_ext.adapters.store import audit, images, launches, revisions
from hub_ext.flows.cull import CULLER
from hub_ext.flows.launch.end import container_name
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
    """Ada, whose servers are stopped at the end."""
    visitor = hub.visitor("ada")
    yield visitor
    for name, server in visitor.servers().items():
        if server["ready"] or server["pending"]:
            visitor.stop(name)


def api(hub: RunningHub) -> str:
    """The Hub's API as notebooks reach it."""
    return f"http://{gateway(hub.site.settings)}:{hub.site.settings.hub_port}/hub/api"


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


def own_token(hub: RunningHub, launch_id: str) -> str:
    """The token that the Hub gave to that server."""

    async def ask() -> Any:
        engine = Engine(hub.site.settings)
        try:
            return await engine.inspect(container_name(hub.site, launch_id))
        finally:
            engine.close()

    inspected = asyncio.run(ask())
    return next(
        entry.partition("=")[2]
        for entry in inspected["Config"]["Env"]
        if entry.startswith("JUPYTERHUB_API_TOKEN=")
    )


def report(name: str = "", state: str = "idle", **other: Any) -> dict[str, Any]:
    """What a server with one kernel says."""
    now = datetime.now(UTC).isoformat()
    kernel = {
        "id": "k",
        "state": state,
        "busy_since": now if state == "busy" else None,
        "last_activity": now,
    }
    return {"server": name, "kernels": [kernel | other], "terminals": 0}


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
    ids = {name: start(hub, ada, brief, name) for name in ("idle", "busy", "silent")}
    for name in ("idle", "busy"):
        url = f"{api(hub)}/hub-ext/kernels/ada"
        answer = call("POST", url, own_token(hub, ids[name]), report(name, name, busy_since=None))
        assert answer.status_code == 204, answer.text
    ada.wait_stopped("idle", seconds=30)
    with hub.site.store.reading() as tx:
        known = {name: launches.get(tx, launch_id) for name, launch_id in ids.items()}
        (announced,) = audit.listing(tx, subject=ids["idle"], verb=Verb.LAUNCH_STOPPING)
    assert (known["idle"].stop_reason, announced.facts["reason"]) == ("idle", "idle")
    assert announced.actor == CULLER
    wait_for(lambda: _state(hub, ids["idle"]) is LaunchState.ENDED, 10)
    # As long again, and some sweeps more: the others are not next.
    time.sleep(IDLE_SECONDS)
    assert {name for name, server in ada.servers().items() if server["ready"]} == {"busy", "silent"}
    assert {known["busy"].state, known["silent"].state} == {LaunchState.RUNNING}


def _state(hub: RunningHub, launch_id: str) -> LaunchState:
    with hub.site.store.reading() as tx:
        return launches.get(tx, launch_id).state


def test_only_the_server_itself_reports_for_it(hub: RunningHub, ada: Visitor, brief: dict[str, Any]) -> None:
    token = own_token(hub, start(hub, ada, brief))
    other_server = own_token(hub, start(hub, ada, brief, "other"))
    url = f"{api(hub)}/hub-ext/kernels/ada"
    bob = hub.visitor("bob").api("POST", "tokens", {"note": "a test", "expires_in": 60}).json()["token"]
    assert call("POST", url, bob, report()).status_code in (403, 404)
    assert call("POST", url, "nonsense", report()).status_code == 403
    assert call("POST", f"{api(hub)}/hub-ext/kernels/bob", token, report()).status_code in (403, 404)
    assert call("POST", url, token, report("no-such-server")).status_code == 404
    assert call("POST", url, token, report()).status_code == 204
    # A server that is up to no good in one project ends nobody's work in another, and keeps nothing alive.
    assert call("POST", url, other_server, report()).status_code == 404
    assert call("POST", url, other_server, report("other")).status_code == 204
    # And what servers say is for the culler alone.
    for other in (bob, token):
        assert call("GET", f"{api(hub)}/hub-ext/kernels", other).status_code == 403


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no JSON",
        b"\x00\xff",
        [1],
        {},
        report() | {"more": 1},
        report() | {"terminals": -1},
        report() | {"kernels": [{"id": "k"}]},
        report() | {"kernels": "k"},
        report(busy_since="yesterday"),
        report(last_activity="2026-05-04T08:00:00"),
        report(id="k" * 65),
        report() | {"kernels": report()["kernels"] * 257},
    ],
    ids=range(13),
)
def test_what_is_no_report_is_refused(hub: RunningHub, running: str, said: Any) -> None:
    answer = call("POST", f"{api(hub)}/hub-ext/kernels/ada", running, said)
    assert answer.status_code == 400, answer.text


def test_a_report_beyond_all_bounds_is_refused(hub: RunningHub, running: str) -> None:
    answer = call("POST", f"{api(hub)}/hub-ext/kernels/ada", running, b" " * 70_000)
    assert answer.status_code == 413


@pytest.fixture
def running(hub: RunningHub) -> str:
    """A token of Ada's that may report; no server needs to run for a refusal."""
    return str(hub.visitor("ada").api("POST", "tokens", {"note": "a test", "expires_in": 60}).json()["token"])


def test_the_culler_cannot_open_servers(hub: RunningHub) -> None:
    told = call("GET", f"{api(hub)}/user", service_token(hub, "culler")).json()
    assert "delete:servers" in told["scopes"]
    assert not [scope for scope in told["scopes"] if scope.startswith("access:")]
    assert call("GET", f"{api(hub)}/hub-ext/kernels", service_token(hub, "culler")).status_code == 200


WARNED_SECONDS = 15


def test_who_is_warned_reads_it_and_asks_for_more_time(
    hub: RunningHub, ada: Visitor, brief: dict[str, Any]
) -> None:
    """In real time: without the extension, the server would have been stopped after fifteen seconds."""
    with hub.site.store.transaction() as tx:
        entry = replace(images.get(tx, "brief"), ceilings=Ceilings(idle_seconds=WARNED_SECONDS))
        images.replace(tx, entry, expected_version=entry.version)
    launch_id = start(hub, ada, brief)
    own = own_token(hub, launch_id)
    path = f"{api(hub)}/hub-ext/sessions/ada/"
    assert call("GET", path, own).json()["at"] is None
    assert call("POST", path, own).status_code == 409
    begun = time.monotonic()
    assert call("POST", f"{api(hub)}/hub-ext/kernels/ada", own, report()).status_code == 204
    wait_for(lambda: call("GET", path, own).json()["reason"] == "idle", WARNED_SECONDS)
    shown = ada.page("home").text
    assert "nothing has run in it for a while" in shown
    assert 'data-more-time=""' in shown
    bob = hub.visitor("bob")
    for method in ("GET", "POST"):
        answer = bob.session.request(method, f"{hub.url}/hub/api/hub-ext/sessions/ada/?_xsrf={bob.xsrf}")
        assert answer.status_code in (403, 404)
        assert call(method, f"{api(hub)}/hub-ext/sessions/ada/other", own).status_code == 404
    said = call("POST", path, own)
    assert said.status_code == 201, said.text
    assert said.json()["extensions_left"] == hub.site.settings.extensions_most - 1
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
    for path in ("hub-ext/kernels", "users/ada/tokens", "proxy"):
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
    for path in ("hub-ext/kernels", "users/ada/tokens", "proxy", "users"):
        assert call("GET", f"{api(hub)}/{path}", token).status_code in (403, 404)
    assert call("DELETE", f"{api(hub)}/users/ada/server", token).status_code in (403, 404)
    # Nobody is called: what it asks for is not started, whatever is free.
    options = {"project": "onco", "environment": "answer", "datasets": [], "size": "s", "gpus": 0}
    refused = call("POST", f"{api(hub)}/users/ada/server", token, {"user_options": options})
    assert refused.status_code == 409
    assert "not wait in line any more" in refused.text
