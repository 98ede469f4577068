"""The catalogue as one document of the API: JSON or YAML, out and in, tried before it is done."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import yaml

from hub_ext.adapters.store import images
from hub_ext.expression.catalogue_file import MOST_BYTES
from tests.services.console.conftest import TOKEN, Running

KINDS = {"json": "application/json", "yaml": "application/yaml"}


def ask(console: Running, method: str, content: bytes | str = b"", kind: str = "yaml", **query: Any) -> Any:
    content = content.encode() if isinstance(content, str) else content
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": KINDS[kind]}
    url = f"{console.url}api/v1/catalogue"
    return requests.request(method, url, params=query, data=content, headers=headers, timeout=60)


def exported(console: Running, kind: str) -> str:
    answer = ask(console, "GET", format=kind)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(KINDS[kind])
    return str(answer.content.decode())


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_exported_changes_nothing(console: Running, kind: str) -> None:
    told = ask(console, "POST", exported(console, kind), kind)
    assert told.status_code == 200, told.text
    assert (told.json()["entries"], told.json()["missing"]) == ([], [])
    assert told.json()["unchanged"] > 0


def test_a_change_is_tried_then_done_once(console: Running) -> None:
    before = exported(console, "yaml")
    held = yaml.safe_load(before)
    held["images"]["answer"]["title"]["fr"] = 'Réponse : "oui" 😀'
    text = yaml.safe_dump(held, allow_unicode=True)
    tried = ask(console, "POST", text, dry_run="true")
    (entry,) = tried.json()["entries"]
    assert (entry["slug"], entry["steps"]) == ("answer", ["change"])
    assert "Réponse" in entry["text"][0]
    assert exported(console, "yaml") == before
    plan = tried.json()["plan"]
    assert ask(console, "POST", text, plan=plan).status_code == 200
    with console.site.store.reading() as tx:
        assert images.get(tx, "answer").title.fr == 'Réponse : "oui" 😀'
    assert ask(console, "POST", text, plan=plan).status_code == 412
    assert ask(console, "POST", before).status_code == 200
    assert exported(console, "yaml") == before


def test_what_is_wrong_is_told(console: Running) -> None:
    text = exported(console, "yaml")
    held = yaml.safe_load(text)
    held["images"]["answer"] |= {"path": "elsewhere", "projects": ["nobody"]}
    for more in ({}, {"dry_run": "true"}):
        answer = ask(console, "POST", yaml.safe_dump(held), **more)
        assert answer.status_code == 409
        assert [reason["field"] for reason in answer.json()["reasons"]] == ["answer", "answer"]
    answer = ask(console, "POST", text.replace("tag:", "tug:"))
    assert answer.status_code == 400
    assert "knows no 'tug'" in answer.json()["title"]
    for kind in KINDS:
        assert ask(console, "POST", b" " * (MOST_BYTES + 1), kind).status_code in (400, 413)
    assert ask(console, "POST", b'{"hub_ext_catalogue": "\\ud800"}', "json").status_code == 400
    assert exported(console, "yaml") == text
