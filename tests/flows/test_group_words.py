"""What the provider says of groups is kept where a membership asks for it, and only what is news is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub_ext.adapters.store import group_words
from hub_ext.flows import projects
from hub_ext.flows.group_words import told
from hub_ext.flows.site import Site
from hub_ext.model import Actor, AuditEvent, Localised, Person, Verb


@pytest.fixture
def ada(site: Site, actor: Actor, add_person: Callable[..., Person]) -> Person:
    """A member of onco as long as she is in the group "doctors"."""
    person = add_person("ada")
    projects.add_project(site, actor, "onco", Localised("onco", "onco"))
    projects.add_member(site, actor, "onco", person.id, group="doctors")
    return person


def words(site: Site, person: Person) -> dict[str, bool]:
    with site.store.reading() as tx:
        return {word.group: word.held for word in group_words.listing(tx, person_id=person.id)}


def test_only_groups_that_a_membership_asks_for_are_kept(site: Site, ada: Person) -> None:
    assert words(site, ada) == {}
    told(site, ada, {"doctors", "choir"})
    assert words(site, ada) == {"doctors": True}


def test_what_changes_is_told_once(site: Site, ada: Person, record: Callable[[], list[AuditEvent]]) -> None:
    begun = len(record())
    for groups in ({"doctors"}, {"doctors"}, {"choir"}, set(), {"doctors", "choir"}, {"doctors"}):
        told(site, ada, groups)
    assert [(event.verb, event.subject, event.facts) for event in record()[begun:]] == [
        (Verb.PERSON_LEFT_GROUP, ada.id, {"group": "doctors"}),
        (Verb.PERSON_JOINED_GROUP, ada.id, {"group": "doctors"}),
    ]


def test_a_first_no_is_told(site: Site, ada: Person, record: Callable[[], list[AuditEvent]]) -> None:
    told(site, ada, set())
    assert words(site, ada) == {"doctors": False}
    assert record()[-1].verb is Verb.PERSON_LEFT_GROUP
