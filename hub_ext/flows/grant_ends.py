"""Ends of rights before they come: the sessions that an end would stop, and the grants that end soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub_ext.adapters.store import Tx, approvals, grants, launches, memberships
from hub_ext.flows.dataset_versions import version_numbered
from hub_ext.flows.launch import facts as launch_facts
from hub_ext.flows.site import Site
from hub_ext.model import Approval, Grant, Launch, VersionState
from hub_ext.policy.launch import LiveFacts, coverage

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ending:
    """A grant that ends soon: when, and the approval that it rests on, which may be what ends first."""

    grant: Grant
    approval: Approval
    at: datetime


def by_revoking(site: Site, grant_id: str) -> tuple[Launch, ...]:
    """Sessions under way that the next sweep would end if this grant were revoked now.

    Not those for which another grant stands. Raises NotFound.
    """

    def revoked(facts: LiveFacts) -> LiveFacts:
        return replace(
            facts,
            datasets=tuple(
                replace(
                    known,
                    grants=tuple(
                        replace(grant, revoked=facts.now) if grant.id == grant_id else grant
                        for grant in known.grants
                    ),
                )
                for known in facts.datasets
            ),
        )

    with site.store.reading() as tx:
        project = grants.get(tx, grant_id).project
        return _ended(tx, site, launches.listing(tx, project=project, active=True), revoked)


def by_withdrawing(site: Site, dataset: str, number: int) -> tuple[Launch, ...]:
    """Sessions under way that would end if this version of the dataset were withdrawn now.

    Raises InputError where there is no such version.
    """
    with site.store.reading() as tx:
        version = version_numbered(tx, dataset, number)

        def withdrawn(facts: LiveFacts) -> LiveFacts:
            return replace(
                facts,
                datasets=tuple(
                    replace(
                        known,
                        versions=tuple(
                            replace(one, state=VersionState.WITHDRAWN) if one.id == version.id else one
                            for one in known.versions
                        ),
                    )
                    for known in facts.datasets
                ),
            )

        held = [one for one in launches.listing(tx, active=True) if version.id in one.version_ids]
        return _ended(tx, site, tuple(held), withdrawn)


def by_ending_approval(site: Site, approval_id: str) -> tuple[Launch, ...]:
    """Sessions under way that would end if this approval were ended now. Raises NotFound."""

    def ended(facts: LiveFacts) -> LiveFacts:
        known = (replace(one, ended=facts.now) if one.id == approval_id else one for one in facts.approvals)
        return replace(facts, approvals=tuple(known))

    with site.store.reading() as tx:
        project = approvals.get(tx, approval_id).project
        return _ended(tx, site, launches.listing(tx, project=project, active=True), ended)


def by_ending_project(site: Site, slug: str) -> tuple[Launch, ...]:
    """Sessions under way that would end if this project were ended now: all of its that are covered."""

    def ended(facts: LiveFacts) -> LiveFacts:
        return replace(facts, project=None)

    with site.store.reading() as tx:
        return _ended(tx, site, launches.listing(tx, project=slug, active=True), ended)


def by_ending_person(site: Site, person_id: str) -> tuple[Launch, ...]:
    """Sessions under way that would end if this person were ended now: all of theirs that are covered."""

    def ended(facts: LiveFacts) -> LiveFacts:
        return replace(facts, person=None)

    with site.store.reading() as tx:
        return _ended(tx, site, launches.listing(tx, person_id=person_id, active=True), ended)


def by_ending_membership(site: Site, membership_id: str) -> tuple[Launch, ...]:
    """Sessions under way that would end if this membership were ended now. Raises NotFound."""

    def ended(facts: LiveFacts) -> LiveFacts:
        known = (
            replace(one, ended=facts.now) if one.id == membership_id else one for one in facts.memberships
        )
        return replace(facts, memberships=tuple(known))

    with site.store.reading() as tx:
        place = memberships.get(tx, membership_id)
        held = launches.listing(tx, person_id=place.person_id, project=place.project, active=True)
        return _ended(tx, site, held, ended)


def _ended(
    tx: Tx, site: Site, running: tuple[Launch, ...], change: Callable[[LiveFacts], LiveFacts]
) -> tuple[Launch, ...]:
    """Those that are covered as things stand, and would not be after the change."""
    now = site.now()
    found = []
    for launch in running:
        facts = launch_facts.live(tx, launch, now)
        if not coverage(launch, facts).reasons and coverage(launch, change(facts)).reasons:
            found.append(launch)
    return tuple(found)


def ending_soon(site: Site, within: timedelta = SOON) -> tuple[Ending, ...]:
    """Living grants that end within that time, by their own date or their approval's; the first end first."""
    now = site.now()
    found = []
    with site.store.reading() as tx:
        under = {approval.id: approval for approval in approvals.listing(tx)}
        for grant in grants.listing(tx):
            approval = under[grant.approval_id]
            at = min(grant.valid_until, approval.valid_until)
            if grant.revoked is None and approval.ended is None and now < at <= now + within:
                found.append(Ending(grant, approval, at))
    return tuple(sorted(found, key=lambda ending: (ending.at, ending.grant.id)))
