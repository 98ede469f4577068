"""The catalogue as a file in the console: downloaded, looked at, brought back; refused to whoever may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hub_ext.adapters.store import images
from tests.e2e.test_console_pages import sign_in
from tests.support.console import PREFIX, ConsoleVisitor, enter, hidden
from tests.support.hub import RunningHub

EVIL = "'<script>alert(1)</script>: yes'"


@pytest.fixture(scope="module")
def cora(hub: RunningHub) -> ConsoleVisitor:
    return enter(hub, "cora")


def exported(visitor: ConsoleVisitor) -> str:
    answer = visitor.page("catalogue/export")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.content.decode()


def changed(text: str) -> str:
    """The file with another English title for the entry "answer"."""
    begin = text.index("  answer:")
    at = text.index("      en: ", begin)
    return f"{text[:at]}      en: {EVIL}{text[text.index(chr(10), at) :]}"


def test_a_file_is_looked_at_and_brought_back(hub: RunningHub, page: Page, tmp_path: Path) -> None:
    sign_in(page, hub, "cora")
    page.goto(f"{hub.url}{PREFIX}catalogue")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    before = Path(download.value.path()).read_text()
    edited = tmp_path / "catalogue.yaml"

    def bring(text: str) -> None:
        edited.write_text(text)
        page.goto(f"{hub.url}{PREFIX}catalogue")
        page.set_input_files("#file", edited)
        page.get_by_role("button", name="Show what it would change").click()

    bring(before)
    expect(page.get_by_text("Nothing would change.")).to_be_visible()
    for text in (changed(before), before):
        bring(text)
        expect(page.get_by_role("listitem").filter(has_text="<script>alert(1)</script>: yes")).to_be_visible()
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text("Imported. Images changed: 1.")).to_be_visible()
    bring(before.replace("tag:", "tug:", 1))
    expect(page.get_by_role("alert")).to_contain_text("knows no 'tug'")


def test_what_was_shown_is_done_or_nothing(hub: RunningHub, cora: ConsoleVisitor) -> None:
    before = exported(cora)
    content = changed(before)
    shown = cora.send("catalogue/preview", {"content": content}, of="catalogue")
    assert "&lt;script&gt;" in shown.text
    assert exported(cora) == before
    plan = hidden(shown.text, "plan")
    with hub.site.store.transaction() as tx:
        entry = images.get(tx, "answer")
        images.replace(tx, entry, expected_version=entry.version)
    stale = cora.send("catalogue/import", {"content": content, "plan": plan}, of="catalogue")
    assert stale.status_code == 409
    assert "changed by somebody else" in stale.text
    refused = cora.send(
        "catalogue/preview", {"content": before.replace("  path: ", "  path: else/")}, of="catalogue"
    )
    assert refused.status_code == 409
    assert "and so do its revisions" in refused.text
    assert exported(cora) == before


@pytest.mark.parametrize("name", ["audra", "stella", "ada"])
def test_who_may_not_import(hub: RunningHub, cora: ConsoleVisitor, name: str) -> None:
    visitor = enter(hub, name)
    content = changed(exported(cora))
    for path in ("catalogue/preview", "catalogue/import"):
        assert visitor.send(path, {"content": content, "plan": ""}).status_code == 403
    assert visitor.page("catalogue").status_code == (403 if name == "ada" else 200)
    assert 'type="file"' not in visitor.page("catalogue").text
