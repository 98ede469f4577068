"""The record in the console: searched, looked up with a reason, exported, verified; who had access."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import audit, persons
from hub_ext.model import Actor, ActorKind, AuditEvent, Verb
from tests.support.console import ConsoleVisitor, chain_verified, enter, program
from tests.support.hub import PASSWORDS, RunningHub


@pytest.fixture(scope="module")
def audra(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "audra")


def last(hub: RunningHub, verb: Verb) -> AuditEvent:
    with hub.site.store.reading() as tx:
        return audit.listing(tx, verb=verb)[-1]


def rows(page: str) -> list[int]:
    """The sequences that the page shows."""
    return [int(number) for number in re.findall(r'console/audit/([0-9]+)"', page)]


def test_search_narrows_and_pages(hub: RunningHub, audra: ConsoleVisitor) -> None:
    everything = rows(audra.page("audit").text)
    assert everything == sorted(everything, reverse=True)
    found = audra.page("audit?dataset=mri&verb=grant.added").text
    events = program(audra).call("GET", "audit?dataset=mri&verb=grant.added").json()["items"]
    assert rows(found) == [event["sequence"] for event in events]
    assert events
    assert {event["verb"] for event in events} == {"grant.added"}
    assert "No such event" in audra.page("audit?dataset=nothing").text
    first = program(audra).call("GET", "audit?limit=2").json()
    then = program(audra).call("GET", f"audit?limit=2&after={first['next']}").json()
    assert then["items"][0]["sequence"] < first["items"][1]["sequence"]
    one = audra.page(f"audit/{events[0]['sequence']}").text
    assert events[0]["hash"] in one
    assert "&#34;dataset&#34;: &#34;mri&#34;" in one
    assert audra.page("audit/999999999").status_code == 404
    assert program(audra).call("GET", "audit/x").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=soon", 400),
        ("verb=launch.flown", 400),
        ("until=9999-12-31", 400),
        ("beyond=999999999", 404),
        ("beyond=x&dataset=%00<script>", 200),
    ],
)
def test_odd_searches(audra: ConsoleVisitor, query: str, status: int) -> None:
    answer = audra.page(f"audit?{query}")
    assert answer.status_code == status
    assert "<script>" not in answer.text
    if "verb" in query:
        assert "no verb of the record" in answer.text


def test_a_person_is_looked_up_with_a_reason(hub: RunningHub, audra: ConsoleVisitor) -> None:
    bob = hub.scenario.bob.id
    before = audra.page(f"audit?person={bob}")
    assert "Say first why" in before.text
    assert rows(before.text) == []
    api = program(audra)
    assert api.call("GET", f"audit?person={bob}").status_code == 403
    empty = audra.send("audit", {"person": "bob", "why": " "})
    assert (empty.status_code, "The reason is empty" in empty.text) == (400, True)
    assert "no person" in audra.send("audit", {"person": "nobody", "why": "complaint"}).text
    shown = audra.send("audit", {"person": "bob", "why": "complaint <12>"})
    assert shown.url.endswith(f"audit?person={bob}")
    event = last(hub, Verb.PERSON_LOOKED_UP)
    assert (event.subject, event.facts) == (bob, {"why": "complaint <12>"})
    assert event.sequence in rows(shown.text)
    assert "complaint &lt;12&gt;" in shown.text
    assert len(api.call("GET", f"audit?person={bob}").json()["items"]) == len(rows(shown.text))
    carol = hub.scenario.carol.id
    made = api.call("POST", "audit/look-ups", {"person": "carol", "why": "the same"})
    assert (made.status_code, made.json()) == (201, {"person": carol})
    assert api.call("GET", f"audit?person={carol}").status_code == 200


def test_export_is_on_the_record(hub: RunningHub, audra: ConsoleVisitor) -> None:
    answer = audra.send("audit/export", {"format": "jsonl", "dataset": "mri", "verb": "grant"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines
    assert {line["verb"].partition(".")[0] for line in lines} == {"grant"}
    assert last(hub, Verb.AUDIT_EXPORTED).facts["selection"]["dataset"] == "mri"
    assert audra.send("audit/export", {"format": "csv"}).text.startswith("sequence,")
    assert audra.send("audit/export", {"format": "pdf"}).status_code == 400
    ada = hub.scenario.ada.id
    assert audra.send("audit/export", {"format": "csv", "person": ada}).status_code == 400


def test_a_program_s_export_is_the_same_file_and_on_the_record_too(
    hub: RunningHub, audra: ConsoleVisitor
) -> None:
    api, since = program(audra), "2026-01-01T00:00:00Z"
    asked = f"audit/export?format=jsonl&dataset=mri&verb=grant&since={since}"
    answer = api.call("GET", asked)
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert answer.text.count("\n") > 1
    by_hand = {"format": "jsonl", "dataset": "mri", "verb": "grant", "since": "2026-01-01"}
    assert answer.text == audra.send("audit/export", by_hand).text
    with hub.site.store.reading() as tx:
        programs, by_page = audit.listing(tx, verb=Verb.AUDIT_EXPORTED)[-2:]
        auditor = persons.find_username(tx, "audra")
    assert auditor
    assert programs.actor == by_page.actor == Actor(ActorKind.PERSON, auditor.id)
    assert programs.facts["selection"] == by_page.facts["selection"]
    assert (programs.facts["format"], programs.facts["selection"]["dataset"]) == ("jsonl", "mri")
    assert programs.facts["through"] == programs.sequence - 1
    assert api.call("GET", "audit/export?format=csv").text.startswith("sequence,")


def test_an_export_that_is_refused_leaves_nothing(hub: RunningHub, audra: ConsoleVisitor) -> None:
    before, api = last(hub, Verb.AUDIT_EXPORTED), program(audra)
    ada = hub.scenario.ada.id
    for asked, status in (("format=pdf", 422), (f"person={ada}", 403), ("verb=flown", 400), ("limit=1", 422)):
        assert api.call("GET", f"audit/export?{asked}").status_code == status
    # With the browser's cookie alone any page elsewhere could have one recorded in the auditor's name.
    assert audra.page("api/v1/audit/export").status_code == 403
    assert last(hub, Verb.AUDIT_EXPORTED) == before


def test_who_had_access(hub: RunningHub, audra: ConsoleVisitor) -> None:
    now = hub.site.now()
    days = f"since={now - timedelta(days=1):%Y-%m-%d}&until={now:%Y-%m-%d}"
    shown = audra.page(f"audit/access?dataset=mri&{days}").text
    assert "ada" in shown.split("Who did")[0]
    assert "EC-onco" in shown
    assert audra.page("audit/access?dataset=mri&since=x&until=").status_code == 400
    assert audra.page(f"audit/access?dataset=nothing&{days}").status_code == 400
    since = (now - timedelta(days=1)).isoformat().replace("+", "%2B")
    until = now.isoformat().replace("+", "%2B")
    found = program(audra).call("GET", f"audit/access?dataset=mri&since={since}&until={until}").json()
    assert hub.scenario.ada.id in {one["person_id"] for one in found["could"]}


def test_the_chain_is_verified(hub: RunningHub, audra: ConsoleVisitor) -> None:
    state = chain_verified(program(audra))
    assert 0 < state["verified"] <= state["events"]
    assert state["head"] in audra.page("audit").text
    assert "being verified" in audra.send("audit/chain", {}).text


@pytest.mark.parametrize("name", ["cora", "stella", "otto", "ada"])
def test_nobody_else_reads_the_record(hub: RunningHub, name: str) -> None:
    other = enter(hub, name)
    assert "console/audit" not in other.page().text
    assert program(other).call("GET", "audit/export").status_code == 403
    for path in ("audit", "audit/1", "audit/access", "audit/chain"):
        assert other.page(path).status_code == 403
        asked = "?dataset=mri&since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z" * (
            path == "audit/access"
        )
        assert program(other).call("GET", path + asked).status_code == 403
    assert other.send("audit", {"person": "bob", "why": "curious"}).status_code == 403
    assert other.send("audit/export", {"format": "csv"}).status_code == 403


def test_in_a_browser(hub: RunningHub, page: Page, kept_state: Path) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", "audra")
    page.fill("#password_input", PASSWORDS["audra"])
    page.click("#login_submit")
    page.goto(f"{hub.url}/services/console/audit")
    page.get_by_role("button", name="Verify the whole record").click()
    expect(page.get_by_text("The record held on")).to_be_visible(timeout=30_000)
    page.get_by_label("What happened").select_option("grant.added")
    page.get_by_role("button", name="Search").click()
    page.screenshot(path=kept_state / "artefacts" / "audit.png", full_page=True)
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="In the chain")).to_be_visible()
    page.screenshot(path=kept_state / "artefacts" / "audit-event.png", full_page=True)
