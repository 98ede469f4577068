"""Terms of use of datasets: written by a steward, accepted by each researcher before the first mount."""

from __future__ import annotations

import hashlib

from hub_ext.adapters.store import Tx, acceptances, persons, terms
from hub_ext.errors import InputError
from hub_ext.flows import checks
from hub_ext.flows.data import living_dataset
from hub_ext.flows.site import Site
from hub_ext.model import Actor, ActorKind, Localised, TermsAcceptance, TermsVersion, Verb
from hub_ext.phrase import Phrase

MOST_CHARACTERS = 20_000


def add_terms(site: Site, actor: Actor, dataset: str, text: Localised) -> TermsVersion:
    """The next version of the dataset's terms: whoever has not accepted it yet starts nothing with the data.

    Running sessions go on. Raises InputError where a text is missing, or both are as they were.
    """
    text = Localised(
        checks.paragraphs(text.en, Phrase("English text"), most=MOST_CHARACTERS),
        checks.paragraphs(text.fr, Phrase("French text"), most=MOST_CHARACTERS),
    )
    with site.store.transaction() as tx:
        living_dataset(tx, dataset)
        before = terms.current(tx, dataset)
        if before is not None and before.text == text:
            raise InputError(
                "These are the terms of {dataset!r} already (version {number}).",
                advice="Nobody has to accept the same words twice.",
                dataset=dataset,
                number=before.number,
            )
        made = TermsVersion(
            dataset=dataset,
            number=before.number + 1 if before else 1,
            text=text,
            created=site.now(),
            created_by=checks.approver(actor),
        )
        terms.add(tx, made)
        facts = {"version": made.number, **digests(made)}
        site.record(tx, actor, Verb.TERMS_ADDED, dataset, facts | {"dataset": dataset})
    return made


def accept_terms(site: Site, actor: Actor, dataset: str, number: int) -> TermsAcceptance:
    """The actor accepts the current terms, whose number they have read. Accepting again changes nothing.

    Raises InputError where other terms are current by now, or the actor is no person: nobody accepts for
    somebody else.
    """
    if not accepts_for_themselves(actor, actor.id):
        raise InputError("Only the person themselves accepts terms.", advice="Ask them to do it.")
    with site.store.transaction() as tx:
        living_dataset(tx, dataset)
        current = terms.current(tx, dataset)
        if current is None or current.number != number:
            raise InputError(
                "Version {number} is not what the terms of {dataset!r} are now.",
                advice="Read them again, and accept those.",
                number=number,
                dataset=dataset,
            )
        persons.get(tx, actor.id)
        return accept_in(tx, site, actor, dataset, current, launch_id="")


def accepts_for_themselves(actor: Actor, person_id: str) -> bool:
    """Whether what the actor ticks binds this person."""
    return actor == Actor(ActorKind.PERSON, person_id)


def accept_in(
    tx: Tx, site: Site, actor: Actor, dataset: str, current: TermsVersion, *, launch_id: str
) -> TermsAcceptance:
    """Writes the acceptance and its audit row, in the caller's transaction; once per person and version."""
    known = acceptances.find(tx, actor.id, dataset, current.number)
    if known is not None:
        return known
    made = TermsAcceptance(actor.id, dataset, current.number, site.now(), launch_id)
    acceptances.add(tx, made)
    facts = {"person": actor.id, "dataset": dataset, "version": current.number, "launch": launch_id or None}
    site.record(tx, actor, Verb.TERMS_ACCEPTED, dataset, facts | digests(current))
    return made


def digests(version: TermsVersion) -> dict[str, str]:
    """What proves later which words were accepted: the SHA-256 of each text."""
    return {
        f"sha256_{language}": hashlib.sha256(version.text.text(language).encode()).hexdigest()
        for language in ("en", "fr")
    }
