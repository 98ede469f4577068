"""The catalogue searched: what is found, a part at a time, and every edit seen by the next search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub_ext.adapters.store import images
from hub_ext.flows.catalogue_search import Search, search
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry, ImageState, Localised

NONE = Localised("", "")


@pytest.fixture
def filled(site: Site) -> Site:
    def entry(number: int, title: str, **other: Any) -> ImageEntry:
        about = {"alias": "local", "path": "team/x", "tag": "1", "created": site.now()} | other
        return ImageEntry(f"e-{number:04}", Localised(title, f"{title} FR"), NONE, **about)

    with site.store.transaction() as tx:
        for number in range(1200):
            images.add(tx, entry(number, f"Entry {number}"))
        images.add(tx, entry(2000, "Génétique", state=ImageState.RETIRED))
        images.add(tx, entry(2001, "Survival", projects=("onco",)))
    return site


def found(site: Site, *, after: str = "", limit: int = 50, **wanted: Any) -> list[str]:
    return [entry.slug for entry in search(site, Search(**wanted), after=after, limit=limit).items]


def test_accents_and_capitals_make_no_difference(filled: Site) -> None:
    assert found(filled, text="genetique") == found(filled, text=" GÉNÉTIQUE ") == ["e-2000"]
    assert found(filled, text="survival fr") == ["e-2001"]
    assert found(filled, text="nobody wrote this") == []


def test_a_state_and_a_project_narrow_it(filled: Site) -> None:
    assert found(filled, state=ImageState.RETIRED) == ["e-2000"]
    assert found(filled, state=ImageState.RETIRED, text="entry") == []
    assert "e-2001" in found(filled, project="onco", after="e-1190")
    assert "e-2001" not in found(filled, project="cardio", after="e-1190")


def test_every_entry_is_on_one_page(filled: Site) -> None:
    slugs, after = [], ""
    while True:
        page = search(filled, Search(text="entry"), after=after, limit=499)
        slugs += [entry.slug for entry in page.items]
        if not page.next:
            break
        after = page.next
    assert slugs == [f"e-{number:04}" for number in range(1200)]


def test_an_edit_is_seen_by_the_next_search(filled: Site) -> None:
    assert found(filled, text="Entry 7 FR") == ["e-0007"]
    with filled.store.transaction() as tx:
        entry = images.get(tx, "e-0007")
        images.replace(tx, replace(entry, title=Localised("Other", "Autre")), expected_version=entry.version)
    assert found(filled, text="Entry 7 FR") == []
    assert found(filled, text="autre") == ["e-0007"]
