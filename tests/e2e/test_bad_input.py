"""Whatever reaches us and cannot be: a visible "no" with its reasons, an audit row, no container."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from hub_ext.adapters.store import audit
from hub_ext.expression.docker import LABEL_LAUNCH
from hub_ext.model import AuditEvent, Verb
from tests.support.hub import RunningHub, Visitor, wait_for

GOOD = {"project": "onco", "environment": "answer", "datasets": ["mri"], "size": "s", "gpus": 0}

BAD: dict[str, tuple[dict[str, Any], set[str]]] = {
    "image-unknown": (GOOD | {"environment": "nowhere"}, {"image-unknown"}),
    "image-draft": (GOOD | {"environment": "draft"}, {"image-draft"}),
    "image-by-digest": (GOOD | {"environment": "x@sha256:" + "0" * 64}, {"options-invalid"}),
    "project-unknown": (
        GOOD | {"project": "secret"},
        {"project-unknown", "membership-missing", "approval-missing", "grant-missing"},
    ),
    "dataset-unknown": (GOOD | {"datasets": ["none"]}, {"dataset-unknown"}),
    "dataset-without-grant": (GOOD | {"project": "cardio", "datasets": ["table"]}, {"grant-missing"}),
    "classes-that-may-not-meet": (GOOD | {"datasets": ["mri", "codes"]}, {"never-with"}),
    "gpus-above-the-ceiling": (GOOD | {"gpus": 9}, {"gpus-above-ceiling", "gpus-none-free"}),
    "size-unknown": (GOOD | {"size": "xxl"}, {"size-unknown"}),
    "unknown-key": (GOOD | {"image": "evil"}, {"options-invalid"}),
    "path": (GOOD | {"datasets": ["../../etc"]}, {"options-invalid"}),
    "nul": (GOOD | {"project": "on\0co"}, {"options-invalid"}),
    "mebibyte": (GOOD | {"size": "s" * 2**20}, {"options-invalid"}),
}
CASES = [pytest.param(*case, id=name) for name, case in BAD.items()]

Way = Callable[[Visitor, Any], requests.Response]


def by_form(visitor: Visitor, asked: Any) -> requests.Response:
    return visitor.submit(asked)


def by_form_of_a_named_server(visitor: Visitor, asked: Any) -> requests.Response:
    return visitor.submit(asked, server="second")


def by_rest(visitor: Visitor, asked: Any) -> requests.Response:
    return visitor.api("POST", "server", {"user_options": asked})


def by_rest_in_the_old_way(visitor: Visitor, asked: Any) -> requests.Response:
    return visitor.api("POST", "server", asked)


def by_rest_of_a_named_server(visitor: Visitor, asked: Any) -> requests.Response:
    return visitor.api("POST", "servers/second", {"user_options": asked})


def by_options_put_before(visitor: Visitor, asked: Any) -> requests.Response:
    visitor.api("DELETE", "servers/third", {"remove": True})
    assert visitor.api("PUT", "servers/third", {"user_options": asked}).status_code == 201
    return visitor.api("POST", "servers/third")


def by_options_patched_before(visitor: Visitor, asked: Any) -> requests.Response:
    visitor.api("PUT", "servers/third", {})
    assert visitor.api("PATCH", "servers/third", {"user_options": asked}).status_code == 200
    return visitor.api("POST", "servers/third", {"user_options": None})


WAYS: tuple[Way, ...] = (
    by_form,
    by_form_of_a_named_server,
    by_rest,
    by_rest_in_the_old_way,
    by_rest_of_a_named_server,
    by_options_put_before,
    by_options_patched_before,
)


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> Iterator[Visitor]:
    visitor = hub.visitor("ada")
    yield visitor
    visitor.forget()


@pytest.fixture(autouse=True)
def nothing_started(hub: RunningHub) -> Iterator[None]:
    """No test here leaves a container."""
    yield
    assert containers(hub) == []


def containers(hub: RunningHub) -> list[str]:
    return hub.containers({LABEL_LAUNCH: "", "io.hub-ext.instance": hub.site.settings.instance})


def events(hub: RunningHub) -> tuple[AuditEvent, ...]:
    with hub.site.store.reading() as tx:
        return audit.listing(tx, verb=(Verb.LAUNCH_REFUSED, Verb.LAUNCH_ADMITTED, Verb.LAUNCH_FAILED))


def codes(event: AuditEvent) -> set[str]:
    return {reason["code"] for reason in event.facts["reasons"]}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("asked", "reasons"), CASES)
def test_refused_visibly_and_on_record(
    hub: RunningHub, ada: Visitor, way: Way, asked: dict[str, Any], reasons: set[str]
) -> None:
    before = len(events(hub))
    answer = way(ada, asked)
    new = events(hub)[before:]
    assert [event.verb for event in new] == [Verb.LAUNCH_REFUSED]
    assert codes(new[0]) == reasons
    assert answer.status_code == 409
    if answer.headers["Content-Type"].startswith("text/html"):
        assert 'class="spawn-error-msg' in answer.text
        assert answer.text.count("<li>") >= len(reasons)
        assert 'id="start-server"' in answer.text  # a fresh choice is offered
    else:
        assert len(answer.json()["message"].splitlines()) == len(new[0].facts["reasons"])
    assert len(answer.text) < 100_000


@pytest.mark.parametrize("body", ["[1]", "5", '"onco"'])
def test_what_is_no_object_is_refused_by_the_hub_itself(hub: RunningHub, ada: Visitor, body: str) -> None:
    before = events(hub)
    answer = ada.session.post(
        f"{hub.url}/hub/api/users/ada/server?_xsrf={ada.xsrf}",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 400
    assert events(hub) == before


@pytest.mark.parametrize("body", [None, {}, {"user_options": {}}, {"user_options": None}])
def test_nothing_asked_for_and_no_default(hub: RunningHub, body: Any) -> None:
    bob = hub.visitor("bob")
    answer = bob.api("POST", "server", body)
    assert answer.status_code == 409
    assert codes(events(hub)[-1]) == {"options-empty"}


def test_a_link_fills_the_form_in_and_starts_nothing(hub: RunningHub, ada: Visitor) -> None:
    before = events(hub)
    page = ada.page("spawn?opt-project=cardio&opt-environment=hang&opt-datasets=codes")
    assert page.status_code == 200
    assert 'name="project" value="cardio" required checked' in page.text
    assert 'name="environment" value="hang"' in page.text
    assert "spawn-error-msg" not in page.text
    assert events(hub) == before
    assert not ada.servers().get("", {}).get("pending")


@pytest.mark.parametrize(
    "query", ["opt-project=<script>", "opt-size=" + "x" * 8000, "image=evil", "opt-gpus=-1"]
)
def test_a_hostile_link_is_only_a_form(hub: RunningHub, ada: Visitor, query: str) -> None:
    before = events(hub)
    page = ada.page(f"spawn?{query}")
    assert page.status_code == 200
    assert "<script>&" not in page.text
    assert 'id="start-server"' in page.text
    assert events(hub) == before


def test_a_form_of_another_site_is_refused(hub: RunningHub, ada: Visitor) -> None:
    before = events(hub)
    answer = ada.session.post(f"{hub.url}/hub/spawn", data={"project": "onco"}, timeout=30)
    assert answer.status_code == 403
    assert events(hub) == before


def test_the_reader_is_answered_in_french(hub: RunningHub) -> None:
    ada = hub.visitor("ada", language="fr")
    answer = ada.submit(GOOD | {"environment": "nowhere"})
    assert "Démarrer" in answer.text
    assert "Il n’y a pas d’environnement « nowhere »." in answer.text


def test_a_named_server_gets_its_own_form_back(hub: RunningHub, ada: Visitor) -> None:
    ada.submit(GOOD | {"project": "onco"})
    ada.wait_ready()
    try:
        # The default server runs: its form would say so instead of offering a choice.
        answer = ada.submit(GOOD | {"project": "cardio", "datasets": ["table"]}, server="second")
        assert answer.status_code == 409
        assert 'name="project" value="cardio" required checked' in answer.text
        assert "/hub/spawn/ada/second" in answer.text
    finally:
        ada.stop()


def test_a_refusal_after_the_first_second_is_seen_too(hub: RunningHub, ada: Visitor) -> None:
    holding, done = threading.Event(), threading.Event()

    def hold_the_store() -> None:
        with hub.site.store.transaction():
            holding.set()
            done.wait(20)

    holder = threading.Thread(target=hold_the_store)
    holder.start()
    holding.wait()
    try:
        answer = ada.submit(GOOD | {"environment": "nowhere"}, allow_redirects=False)
        assert answer.status_code == 302
        assert "spawn-pending" in answer.headers["Location"]
        pending = ada.page("spawn-pending/ada")
        assert 'id="progress-bar"' in pending.text
    finally:
        done.set()
        holder.join()
    wait_for(lambda: not ada.pending(), 10)
    failed = ada.page("spawn-pending/ada")
    assert "spawn-error-msg" in failed.text
    assert "nowhere" in failed.text


def test_a_failure_is_one_sentence_with_a_number(hub: RunningHub, ada: Visitor) -> None:
    answer = ada.api("POST", "server", {"user_options": GOOD | {"environment": "die"}})
    assert answer.status_code == 503
    message = answer.json()["message"]
    assert "ended by itself" in message
    assert events(hub)[-1].subject in message
    assert "stub" not in message


def test_an_engine_that_is_down_is_said_in_bounded_time(hub: RunningHub, ada: Visitor) -> None:
    hub.wire.cut()
    try:
        begin = time.monotonic()
        answer = ada.api("POST", "server", {"user_options": GOOD})
        took = time.monotonic() - begin
        assert ada.page("home").status_code == 200
    finally:
        hub.wire.mend()
    assert answer.status_code in (409, 503)
    assert "engine" in answer.json()["message"]
    assert took < 15
    assert events(hub)[-1].verb in (Verb.LAUNCH_REFUSED, Verb.LAUNCH_FAILED)
