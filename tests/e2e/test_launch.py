"""A launch through the real Hub: by every way in, and through the death of Hub and engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hub_ext.adapters.store import launches
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.model import Launch, LaunchState
from tests.e2e.test_culler import client_secret
from tests.support.hub import RunningHub, Visitor
from tests.support.patience import patient

GOOD = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    """Ada, whose servers are stopped at the end."""
    visitor = hub.visitor("ada")
    yield visitor
    hub.wire.mend()
    visitor.forget()
    assert containers(hub) == []


def containers(hub: RunningHub) -> list[str]:
    return hub.containers({LABEL_LAUNCH: "", "io.hub-ext.instance": hub.site.settings.instance})


def newest(hub: RunningHub, server_name: str = "") -> Launch:
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, hub.scenario.ada.id, server_name)
    assert launch is not None
    return launch


def test_by_the_form(hub: RunningHub, ada: Visitor) -> None:
    page = ada.submit(GOOD)
    assert 'id="progress-bar"' in page.text or "/user/ada" in page.url
    ada.wait_ready()
    launch = newest(hub)
    assert launch.state is LaunchState.RUNNING
    assert (launch.project, launch.image, launch.size) == ("onco", "answer", "s")
    assert [hub.site.settings.instance + "-" + launch.id] == containers(hub)
    home = ada.page("home").text
    assert "onco study" in home
    assert "mri" in home
    ada.stop()
    assert newest(hub).stop_reason == "stopped-by-person"
    assert "You stopped it." in ada.page("home").text


@pytest.mark.parametrize(
    ("path", "body"),
    [("server", {"user_options": GOOD}), ("servers/second", {"user_options": GOOD}), ("server", GOOD)],
)
def test_by_the_api(hub: RunningHub, ada: Visitor, path: str, body: Any) -> None:
    answer = ada.api("POST", path, body)
    assert answer.status_code in (201, 202), answer.text
    name = path.partition("/")[2]
    ada.wait_ready(name)
    assert newest(hub, name).state is LaunchState.RUNNING


def test_nothing_asked_for_starts_what_was_used_last(hub: RunningHub, ada: Visitor) -> None:
    ada.api("POST", "server", {"user_options": GOOD | {"project": "cardio", "datasets": ["codes"]}})
    ada.wait_ready()
    ada.stop()
    # What the Hub stored is not what counts: it holds options that were refused, too.
    ada.api("POST", "server", {"user_options": GOOD | {"environment": "nowhere"}})
    page = ada.page("spawn").text
    assert 'name="project" value="cardio" required checked' in page
    assert ada.api("POST", "server", {"user_options": {}}).status_code in (201, 202)
    ada.wait_ready()
    assert newest(hub).project == "cardio"


def test_two_servers_of_one_person(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD)
    ada.submit(GOOD | {"project": "cardio", "datasets": []}, server="second")
    ada.wait_ready()
    ada.wait_ready("second")
    assert len(containers(hub)) == 2
    ada.stop("second")
    assert len(containers(hub)) == 1
    assert newest(hub).state is LaunchState.RUNNING


def test_what_opens_a_server_s_client_is_no_token_and_is_another_one_each_time(
    hub: RunningHub, ada: Visitor
) -> None:
    """The next server of that name may be another project's."""

    def status(token: str, path: str) -> int:
        headers = {"Authorization": f"token {token}"}
        return requests.get(f"{hub.url}{path}", headers=headers, timeout=patient(10)).status_code

    ada.submit(GOOD)
    ada.wait_ready()
    secret = client_secret(hub, newest(hub).id)
    own = ada.api("POST", "tokens", {"note": "the control", "expires_in": 300}).json()["token"]
    assert (status(secret, "/hub/api/user"), status(own, "/hub/api/user")) == (403, 200)
    ada.stop()
    assert status(secret, "/hub/api/user") == 403
    ada.submit(GOOD | {"project": "cardio", "datasets": []})
    ada.wait_ready()
    assert client_secret(hub, newest(hub).id) != secret
    assert status(secret, "/hub/api/user") == 403


def test_a_pending_start_can_be_stopped(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD | {"environment": "hang"})
    assert ada.pending() == "spawn"
    ada.api("DELETE", "server")
    ada.wait_stopped()
    assert newest(hub).state is LaunchState.FAILED
    assert containers(hub) == []


def test_a_hub_that_is_killed_loses_and_doubles_nothing(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD)
    ada.wait_ready()
    before, running = newest(hub), containers(hub)
    address = ada.enter()
    hub.kill()
    assert ada.session.get(f"{address}api", timeout=patient(5)).status_code == 200
    hub.start_again()
    ada.wait_ready()
    assert newest(hub) == before
    assert containers(hub) == running
    ada.stop()
    assert newest(hub).state is LaunchState.ENDED


def test_a_hub_that_starts_without_an_engine_keeps_the_servers(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD)
    ada.wait_ready()
    before, running = newest(hub), containers(hub)
    hub.kill()
    hub.wire.cut()
    hub.start_again()
    ada.wait_ready()
    assert ada.servers()[""]["url"] == "/user/ada/"
    assert newest(hub) == before
    hub.wire.mend()
    assert containers(hub) == running
    ada.stop()
    assert newest(hub).state is LaunchState.ENDED


def test_a_hub_killed_in_the_middle_of_a_start_leaves_nothing_behind(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD | {"environment": "hang"})
    while not containers(hub):
        time.sleep(0.05)
    hub.kill()
    hub.start_again()
    assert containers(hub) == []
    assert newest(hub).state is LaunchState.FAILED
    assert newest(hub).stop_reason == "start-failed"
    ada.submit(GOOD)
    ada.wait_ready()


def test_an_engine_that_leaves_for_a_while_ends_nothing(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD)
    ada.wait_ready()
    hub.wire.cut()
    assert ada.api("DELETE", "server").status_code in (202, 204, 500, 503)
    time.sleep(1)
    # Ordered and written down, but not done: the launch goes on holding what it holds.
    assert newest(hub).state is LaunchState.STOPPING
    assert len(containers(hub)) == 1
    hub.wire.mend()
    hub.kill()
    hub.start_again()
    assert newest(hub).state is LaunchState.ENDED
    assert containers(hub) == []
