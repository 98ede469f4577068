"""The catalogue in the console: a curator's whole day, what others may not, and nothing lost on bad input."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import audit, images, launches, revisions
from hub_ext.cli.setup.layout import Layout
from hub_ext.model import ImageRevision, ImageState
from hub_ext.settings import RegistrySettings
from tests.e2e.test_console_pages import sign_in
from tests.support import stub_image
from tests.support.console import PREFIX, ApiClient, ConsoleVisitor, enter, hidden, program
from tests.support.hub import RunningHub, Visitor, wait_for

SAID = {
    "registry": "local",
    "path": "stub/answer",
    "tag": "1",
    "title_en": "For the test",
    "title_fr": "Pour le test",
}
EVIL = '<script>alert("x")</script>{{ 7 * 7 }}'


@pytest.fixture(scope="module")
def cora(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "cora")


@pytest.fixture(scope="module")
def api(cora: ConsoleVisitor) -> ApiClient:
    return program(cora)


@pytest.fixture
def ada(hub: RunningHub) -> Iterator[Visitor]:
    visitor = hub.visitor("ada")
    yield visitor
    visitor.forget()


@pytest.fixture
def draft(hub: RunningHub, api: ApiClient, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """An entry of the test's own; retired at its end."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-36:].strip("-")
    title = {"en": "A stub", "fr": "Un bouchon"}
    made = api.call("POST", "images", {"slug": slug, "title": title, "path": "stub/answer", "tag": "1"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"].endswith(f"/api/v1/images/{slug}")
    yield made.json()
    retire(hub, slug)


def retire(hub: RunningHub, slug: str) -> None:
    """Nobody else's spawn page is to offer it."""
    with hub.site.store.transaction() as tx:
        entry = images.get(tx, slug)
        images.replace(tx, images.changed(entry, state=ImageState.RETIRED), expected_version=entry.version)


def started(hub: RunningHub, ada: Visitor) -> int:
    """The revision that Ada's next server runs."""
    ada.submit({"project": "onco", "environment": "day", "datasets": ["mri"], "size": "s", "gpus": 0})
    ada.wait_ready()
    with hub.site.store.reading() as tx:
        launch = launches.last_of(tx, hub.scenario.ada.id, "")
    ada.stop()
    assert launch
    assert launch.image == "day"
    return launch.revision


def test_a_curators_day(
    hub: RunningHub,
    layout: Layout,
    registry: RegistrySettings,
    stubs: dict[str, str],
    cora: ConsoleVisitor,
    ada: Visitor,
) -> None:
    def push(**packages: str) -> str:
        url = hub.site.settings.engine_url
        listed = json.dumps({"hub_ext_packages": 1, "python": packages})
        return stub_image.change(
            *(registry, url, stubs["answer"], "stub/day:1"),
            docker_config=layout.docker_config,
            files={"opt/hub-ext/packages.json": listed},
        )

    first = push(pandas="2.3", numpy="2.0")
    picked = cora.page("images/contents?registry=local&path=stub/day&tag=1").text
    assert re.search(r"pandas</bdi> <span class=.hx-code.>2\.3<", picked)
    assert "STUB=" in picked
    page = cora.send("images/new", {**SAID, "path": "stub/day", "slug": "day"}, of="images/new")
    assert "Kept as a draft" in page.text
    assert first in page.text
    assert "For the test" not in ada.page("spawn").text

    def act(action: str, **fields: Any) -> str:
        version = hidden(cora.page("images/day").text, "version")
        answer = cora.send(f"images/day/{action}", {"version": version, **fields})
        assert answer.status_code == 200, answer.text
        return answer.text

    assert "New servers start revision 1." in act("publish", revision=1)
    assert started(hub, ada) == 1

    second = push(pandas="3.0", polars="1.0")
    assert "revision 2 is new" in act("refresh")
    assert started(hub, ada) == 1, "a moved tag changes nothing until somebody publishes it"
    told = program(cora).call("GET", "images/day/difference?before=1&after=2").json()["packages"]
    assert [(one["name"], one["before"], one["after"]) for one in told] == [
        ("numpy", "2.0", None),
        ("pandas", "2.3", "3.0"),
        ("polars", None, "1.0"),
    ]
    differences = cora.page("images/day/revisions/2").text
    assert "pandas" in differences
    assert "removed" in differences
    page_text = act("publish", revision=2)
    assert second in page_text
    assert started(hub, ada) == 2

    assert "New servers start revision 1." in act("roll-back")
    assert started(hub, ada) == 1
    act("deprecate", successor="answer", why="something better")
    assert "Successor" in cora.page("images/day").text
    assert started(hub, ada) == 1
    act("retire", why="done")
    assert "For the test" not in ada.page("spawn").text
    with hub.site.store.reading() as tx:
        verbs = [event.verb.value for event in audit.listing(tx, subject="day")]
    assert verbs == [
        "image.added",
        "image.published",
        "image.refreshed",
        "image.published",
        "image.rolled-back",
        "image.deprecated",
        "image.retired",
    ]


@pytest.mark.parametrize("name", ["stella", "otto", "audra"])
def test_others_read_and_change_nothing(hub: RunningHub, name: str) -> None:
    visitor = enter(hub, name)
    page = visitor.page("images/answer").text
    assert "Stub that does answer" in page
    assert "images/answer/retire" not in page
    assert "Add an image" not in visitor.page("images").text
    assert visitor.page("images/new").status_code == 403
    for action in ("publish", "roll-back", "deprecate", "retire", "refresh", "edit"):
        assert visitor.send(f"images/answer/{action}", {"version": 1, "why": "x"}).status_code == 403
    client = program(visitor)
    assert client.call("GET", "images/answer").status_code == 200
    headers = {"If-Match": '"1"'}
    assert client.call("POST", "images/answer/retire", {"why": "x"}, headers=headers).status_code == 403


def test_a_researcher_sees_no_catalogue(hub: RunningHub) -> None:
    visitor = enter(hub, "ada")
    assert f'href="{PREFIX}images"' not in visitor.page().text
    assert visitor.page("images").status_code == 403
    assert program(visitor).call("GET", "images").status_code == 403


def test_of_two_curators_the_second_is_told(
    cora: ConsoleVisitor, api: ApiClient, draft: dict[str, Any]
) -> None:
    path, seen = f"images/{draft['slug']}", f'"{draft["version"]}"'
    first = api.call("PATCH", path, {"title": {"en": "Mine", "fr": "À moi"}}, headers={"If-Match": seen})
    assert first.status_code == 200
    assert first.headers["ETag"] != seen
    second = api.call("PATCH", path, {"tag": "2"}, headers={"If-Match": seen})
    assert second.status_code == 412
    assert api.call("PATCH", path, {"tag": "2"}).status_code == 428
    form = {**SAID, "version": draft["version"], "tag": "3"}
    del form["registry"], form["path"]
    page = cora.send(f"{path}/edit", form)
    assert page.status_code == 400
    assert "changed by somebody else meanwhile" in page.text
    assert 'value="For the test"' in page.text, "what was typed is still there"
    assert api.call("GET", path).json()["title"]["en"] == "Mine"


@pytest.mark.parametrize("field", ["title_en", "description_fr", "tag", "path", "slug", "start_url"])
@pytest.mark.parametrize("bad", ["nul\x00", "line\nbreak", "right\u202eto left", "x" * 1024 * 1024])
def test_bad_input_is_told_at_its_field_and_nothing_is_lost(
    cora: ConsoleVisitor, field: str, bad: str
) -> None:
    good = {**SAID, "slug": "never-made", "title_fr": "Reste là"}
    answer = cora.send("images/new", {**good, field: bad}, of="images/new")
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text
    assert "Reste là" in answer.text
    assert len(answer.text) < 200_000


def test_markup_is_shown_as_text(cora: ConsoleVisitor, api: ApiClient, draft: dict[str, Any]) -> None:
    path = f"images/{draft['slug']}"
    both = {"en": EVIL, "fr": EVIL}
    changes = {"title": both, "description": both}
    changed = api.call("PATCH", path, changes, headers={"If-Match": f'"{draft["version"]}"'})
    assert changed.json()["title"]["en"] == EVIL
    for page in (path, "images", f"{path}/edit"):
        text = cora.page(page).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert "49" not in re.findall(r"</script&gt;(\S+)", text)


def test_a_refusal_says_every_reason(cora: ConsoleVisitor, api: ApiClient, draft: dict[str, Any]) -> None:
    path = f"images/{draft['slug']}"
    headers = {"If-Match": f'"{draft["version"]}"'}
    refused = api.call("POST", f"{path}/roll-back", {}, headers=headers)
    assert refused.status_code == 409
    assert "draft" in refused.json()["reasons"][0]["reason"]
    page = cora.send(f"{path}/roll-back", {"version": draft["version"]})
    assert page.status_code == 409
    assert "is a draft" in page.text


def test_what_is_not_there_is_said(cora: ConsoleVisitor, api: ApiClient) -> None:
    assert cora.page("images/nothing-here").status_code == 404
    assert api.call("GET", "images/nothing-here").status_code == 404
    page = cora.send("images/new", {**SAID, "slug": "nowhere", "path": "no/such"}, of="images/new")
    assert page.status_code == 400
    assert 'id="path-error"' in page.text


def test_the_catalogue_is_searched_and_turned_over(api: ApiClient, cora: ConsoleVisitor) -> None:
    found = api.call("GET", "images", params={"q": "BOUCHON : ANSWER"}).json()["items"]
    assert "answer" in [image["slug"] for image in found]
    slugs, after = [], ""
    while True:
        part = api.call("GET", "images", params={"limit": 2, "after": after}).json()
        slugs += [image["slug"] for image in part["items"]]
        if not (after := part["next"]):
            break
    assert slugs == sorted(set(slugs))
    assert set(slugs) == {image["slug"] for image in api.call("GET", "images").json()["items"]}
    assert "No image is like that." in cora.page("images?q=nothing-like-this").text


def test_searching_while_typing(page: Page, hub: RunningHub) -> None:
    sign_in(page, hub, "cora")
    page.click("nav >> text=Images")
    page.fill("#q", "does hang")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    assert "q=does" in page.url
    page.click("#found a")
    expect(page.locator("h1")).to_contain_text("Stub that does hang")


def test_asked_before_it_is_retired(page: Page, hub: RunningHub, draft: dict[str, Any]) -> None:
    sign_in(page, hub, "cora")
    page.goto(f"{hub.url}{PREFIX}images/{draft['slug']}")
    page.click("text=Publish revision 1")
    expect(page.locator(".alert-success")).to_contain_text("revision 1")
    page.fill("#retire-why", "no use")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.click("button:has-text('Retire')")
    assert asked == ["Retire this image?"]
    expect(page.locator("h1")).to_contain_text("published")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("button:has-text('Retire')")
    expect(page.locator("h1")).to_contain_text("retired")


def test_an_image_is_picked_in_the_registry(page: Page, hub: RunningHub) -> None:
    sign_in(page, hub, "cora")
    page.click("nav >> text=Images")
    page.click("text=Add from the registry")
    page.click("text=stub/answer")
    expect(page.locator("tbody")).to_contain_text("linux/")
    page.click("text=Add 1")
    expect(page.locator("#path")).to_have_value("stub/answer")
    expect(page.locator("#slug")).to_have_value("answer")
    page.fill("#title_en", "Again")
    page.fill("#title_fr", "Encore")
    page.click("text=Look at it and keep it")
    expect(page.locator("#slug-error")).to_contain_text("There is an entry 'answer' already")
    expect(page.locator("#title_fr")).to_have_value("Encore")


def test_a_registry_told_by_the_api(api: ApiClient) -> None:
    assert [one["alias"] for one in api.call("GET", "registries").json()["items"]] == ["local"]
    assert "stub/answer" in api.call("GET", "registries/local/repositories").json()["items"]
    tags = api.call("GET", "registries/local/tags", params={"path": "stub/answer"}).json()
    assert [tag["name"] for tag in tags["items"]] == ["1"]
    assert tags["items"][0]["image"]["digest"].startswith("sha256:")
    assert api.call("GET", "registries/nowhere/repositories").status_code == 404


def test_preview_as_somebody(cora: ConsoleVisitor) -> None:
    page = cora.page("images/preview?person=ada").text
    assert "onco study" in page
    assert "neuro study" not in page
    assert "There is no person" in cora.page("images/preview?person=nobody").text


def test_a_check_shows_its_log_while_it_runs(hub: RunningHub, page: Page) -> None:
    """From the button to "passed"; the page asks again by itself, and stops asking at the end."""
    sign_in(page, hub, "cora")
    page.goto(f"{hub.url}{PREFIX}images/answer")
    page.get_by_role("button", name="Check revision", exact=False).first.click()
    expect(page.get_by_role("status")).to_contain_text("Passed", timeout=30_000)
    expect(page.get_by_role("region", name="Log")).to_contain_text("/opt/trace Read-only file system")
    assert page.locator("#check[hx-get]").count() == 0
    page.goto(f"{hub.url}{PREFIX}images/answer")
    expect(page.get_by_role("listitem").filter(has_text="Passed").first).to_be_visible()


@pytest.fixture
def failing(hub: RunningHub, api: ApiClient) -> Iterator[str]:
    """The slug of a draft whose server does not start."""
    title = {"en": "Does not start", "fr": "Ne démarre pas"}
    made = api.call("POST", "images", {"slug": "failing", "title": title, "path": "stub/die", "tag": "1"})
    assert made.status_code == 201, made.text
    yield "failing"
    retire(hub, "failing")


def checked(client: ApiClient, slug: str) -> str:
    """The address of a check of the entry, once it has ended."""
    begun = client.call("POST", f"images/{slug}/checks", {})
    assert begun.status_code == 202, begun.text
    where = begun.headers["Location"].partition("/api/v1/")[2]
    wait_for(lambda: client.call("GET", where).json()["outcome"] != "running", 30)
    return where


def test_a_failed_check_is_told_at_home_and_before_publishing(
    hub: RunningHub, api: ApiClient, failing: str, page: Page
) -> None:
    where = checked(api, failing)
    found = api.call("GET", where).json()
    assert (found["outcome"], found["error"]) == ("no-server", "")
    assert "nothing works" in found["log"]
    assert api.call("GET", f"images/{failing}/checks").json()["items"][0]["id"] == found["id"]
    assert api.call("GET", f"images/{failing}/revisions").json()["items"][0]["checked"] == "no-server"
    waits = api.call("GET", "waiting").json()["failed"]
    assert {"slug": failing, "revision": 1, "check": found["id"]} in waits

    # By the API: refused, and said how to do it all the same.
    headers = {"If-Match": api.call("GET", f"images/{failing}").headers["ETag"]}
    refused = api.call("POST", f"images/{failing}/publish", {}, headers=headers)
    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [one["field"] for one in refused.json()["reasons"]] == ["check-failed"]
    assert "despite_failed_check" in refused.json()["advice"]

    # On the page: told at home, asked, and nothing is published before the answer.
    sign_in(page, hub, "cora")
    expect(page.get_by_role("heading", name="Images whose last check failed")).to_be_visible()
    page.get_by_role("link", name="failing, revision 1").click()
    expect(page.get_by_role("status")).to_contain_text("Failed: its server did not come up")
    page.get_by_role("link", name="Does not start").click()
    page.get_by_role("button", name="Publish revision 1").click()
    question = page.get_by_role("alert")
    expect(question).to_contain_text("The last check of revision 1 of failing failed.")
    assert api.call("GET", f"images/{failing}").json()["state"] == "draft"
    expect(question.get_by_role("link", name="Log")).to_have_attribute("href", f"{PREFIX}{where}")
    question.get_by_role("button", name="Publish revision 1 all the same").click()
    expect(page.locator(".alert-success")).to_contain_text("New servers start revision 1.")
    assert "passed no check" not in page.locator(".alert-success").inner_text()
    published = api.call("GET", f"images/{failing}")
    assert published.json()["state"] == "published"

    # By the API again, with the answer.
    gone = api.call(
        *("POST", f"images/{failing}/retire", {"why": "x"}), headers={"If-Match": published.headers["ETag"]}
    )
    again = api.call(
        *("POST", f"images/{failing}/publish", {"despite_failed_check": True}),
        headers={"If-Match": gone.headers["ETag"]},
    )
    assert again.json()["state"] == "published"


def test_an_image_that_was_never_checked_is_published_and_that_is_said(
    cora: ConsoleVisitor, draft: dict[str, Any]
) -> None:
    path = f"images/{draft['slug']}"
    assert "not known yet" in cora.page(path).text
    page = cora.send(f"{path}/publish", {"version": draft["version"], "revision": 1})
    assert "New servers start revision 1. It has passed no check yet." in page.text


def test_an_error_of_ours_says_what_it_is_in_the_readers_language(
    hub: RunningHub, api: ApiClient, draft: dict[str, Any]
) -> None:
    with hub.site.store.transaction() as tx:
        gone = f"sha256:{'0' * 64}"
        revisions.add(tx, ImageRevision(draft["slug"], 2, gone, hub.site.now(), "tester"))
    where = checked(api, draft["slug"])
    found = api.call("GET", where).json()
    assert found["outcome"] == "error"
    assert "does not have" in found["error"]
    assert "does not have" not in found["log"]
    french = api.call("GET", where, headers={"Accept-Language": "fr"}).json()["error"]
    assert "n’a plus" in french or "n’a pas" in french
    page = enter(hub, "cora", "fr").page(where).text
    assert "Inconnu : le moteur ou le registre a échoué" in page
    assert html.escape(french.split(". ")[0], quote=True).replace("&#x27;", "&#39;") in page


def test_who_may_check(hub: RunningHub, api: ApiClient) -> None:
    where = checked(api, "answer")
    assert api.call("GET", f"images/die/checks/{where.rpartition('/')[2]}").status_code == 404
    audra = program(enter(hub, "audra"))
    assert audra.call("POST", "images/answer/checks", {}).status_code == 403
    assert audra.call("GET", where).status_code == 200
