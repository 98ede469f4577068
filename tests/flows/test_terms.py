"""Terms of use: numbered, in both languages, accepted by each person for themselves, all of it on record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from hub_ext.adapters.store import acceptances, terms
from hub_ext.errors import InputError, NotFound
from hub_ext.flows import data
from hub_ext.flows import terms as flows
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, AuditEvent, DatasetClass, Localised, Person, Verb
from tests.flows.conftest import Clock

Record = Callable[[], list[AuditEvent]]
TEXT = Localised("Copy nothing.\n\nName nobody.", "Ne rien copier.\n\nNe nommer personne.")
OTHER = Localised("Copy nothing at all.", "Ne rien copier du tout.")


@pytest.fixture(autouse=True)
def mri(site: Site, actor: Actor) -> None:
    """A dataset."""
    title = Localised("MRI", "IRM")
    data.register_dataset(site, actor, "mri", title, title, DatasetClass.CODED)


@pytest.fixture
def ada(add_person: Callable[..., Person]) -> Actor:
    """A researcher."""
    return Actor(ActorKind.PERSON, add_person("ada").id)


def test_versions_are_numbered_and_recorded_by_their_digests(
    site: Site, actor: Actor, record: Record, clock: Clock
) -> None:
    first = flows.add_terms(site, actor, "mri", TEXT)
    clock.forward(days=1)
    second = flows.add_terms(site, actor, "mri", OTHER)
    assert (first.number, first.text, first.created_by) == (1, TEXT, "per-steward")
    with site.store.reading() as tx:
        assert terms.listing(tx, dataset="mri") == (first, second)
        assert terms.current(tx, "mri") == second
    event = record()[-2]
    assert (event.verb, event.subject) == (Verb.TERMS_ADDED, "mri")
    assert event.facts == {
        "dataset": "mri",
        "version": 1,
        "sha256_en": hashlib.sha256(TEXT.en.encode()).hexdigest(),
        "sha256_fr": hashlib.sha256(TEXT.fr.encode()).hexdigest(),
    }


def test_the_same_words_are_not_asked_twice(site: Site, actor: Actor, record: Record) -> None:
    flows.add_terms(site, actor, "mri", TEXT)
    before = len(record())
    with pytest.raises(InputError, match="already"):
        flows.add_terms(site, actor, "mri", Localised(TEXT.en + "\r\n", TEXT.fr.replace("\n", "  \r\n")))
    assert len(record()) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (Localised("", "x"), "English text is empty"),
        (Localised("x", " \n\t"), "French text is empty"),
        (Localised("x\0y", "x"), "control character"),
        (Localised("x", "safe \u202egnp.exe"), "control character"),
        (Localised("x" * 2**20, "x"), "1048576 characters"),
    ],
)
def test_what_cannot_be_read_is_refused(
    site: Site, actor: Actor, record: Record, text: Localised, said: str
) -> None:
    before = len(record())
    with pytest.raises(InputError, match=said):
        flows.add_terms(site, actor, "mri", text)
    assert len(record()) == before


def test_french_has_narrow_spaces(site: Site, actor: Actor) -> None:
    text = "Interdit\N{NARROW NO-BREAK SPACE}: copier, «\N{NO-BREAK SPACE}même un peu\N{NO-BREAK SPACE}»."
    assert flows.add_terms(site, actor, "mri", Localised("x", text)).text.fr == text
    changed = data.change_dataset(site, actor, "mri", title=Localised("MRI", text))
    assert changed.title.fr == text


def test_markup_is_kept_as_text(site: Site, actor: Actor) -> None:
    evil = "<script>alert(1)</script>"
    assert flows.add_terms(site, actor, "mri", Localised(evil, evil)).text.en == evil


def test_an_ended_or_unknown_dataset_gets_no_terms(site: Site, actor: Actor) -> None:
    data.end_dataset(site, actor, "mri", "closed")
    with pytest.raises(InputError, match="was ended"):
        flows.add_terms(site, actor, "mri", TEXT)
    with pytest.raises(InputError, match="no dataset"):
        flows.add_terms(site, actor, "ct", TEXT)


def test_an_acceptance_is_recorded_once(site: Site, actor: Actor, ada: Actor, record: Record) -> None:
    flows.add_terms(site, actor, "mri", TEXT)
    made = flows.accept_terms(site, ada, "mri", 1)
    assert (made.person_id, made.dataset, made.number, made.accepted) == (ada.id, "mri", 1, site.now())
    event = record()[-1]
    assert (event.verb, event.subject, event.actor) == (Verb.TERMS_ACCEPTED, "mri", ada)
    assert (event.facts["version"], event.facts["launch"]) == (1, None)
    before = len(record())
    assert flows.accept_terms(site, ada, "mri", 1) == made
    assert len(record()) == before


def test_only_what_is_current_and_only_for_oneself(site: Site, actor: Actor, ada: Actor) -> None:
    with pytest.raises(InputError, match="Version 1 is not"):
        flows.accept_terms(site, ada, "mri", 1)
    flows.add_terms(site, actor, "mri", TEXT)
    flows.add_terms(site, actor, "mri", OTHER)
    with pytest.raises(InputError, match="Version 1 is not"):
        flows.accept_terms(site, ada, "mri", 1)
    for other in (actor, Actor(ActorKind.SERVICE, "culler"), Actor(ActorKind.PERSON, ada.id, "per-1")):
        with pytest.raises(InputError, match="themselves"):
            flows.accept_terms(site, other, "mri", 2)
    with pytest.raises(NotFound):
        flows.accept_terms(site, Actor(ActorKind.PERSON, "per-nobody"), "mri", 2)
    with site.store.reading() as tx:
        assert acceptances.listing(tx) == ()
