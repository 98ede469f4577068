"""Who may do what to images, data, projects, sessions and the record.

Roles hold for the site; stewardship holds for a dataset, and a place as lead or data manager for a project.
Duties are separated: nobody decides on a request of their own, whatever they are; an auditor, as such,
changes nothing. A right that is not written here does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from hub_ext.model import Dataset, MemberRole, Membership, Person, SiteRole
from hub_ext.model.duties import Deed, Denial, DenialCode
from hub_ext.policy.rights import covers

CURATOR, STEWARD = SiteRole.CURATOR, SiteRole.STEWARD
OPERATOR, AUDITOR = SiteRole.OPERATOR, SiteRole.AUDITOR

# The roles of the site that allow a deed, for what nobody in particular looks after.
BY_ROLE: dict[Deed, frozenset[SiteRole]] = {
    Deed.READ_IMAGES: frozenset(SiteRole),
    Deed.WRITE_IMAGES: frozenset({CURATOR}),
    Deed.READ_DATA: frozenset({STEWARD, AUDITOR}),
    Deed.WRITE_DATASET: frozenset({STEWARD}),
    Deed.WRITE_GRANT: frozenset({STEWARD}),
    Deed.DECIDE_REQUEST: frozenset({STEWARD}),
    Deed.WRITE_PROJECT: frozenset({STEWARD}),
    Deed.PROPOSE_MEMBER: frozenset({STEWARD}),
    Deed.CONFIRM_MEMBER: frozenset({STEWARD}),
    Deed.WRITE_PERSON: frozenset({STEWARD}),
    Deed.READ_SESSIONS: frozenset({OPERATOR, AUDITOR}),
    Deed.STOP_SESSION: frozenset({OPERATOR}),
    Deed.WRITE_BLOCK: frozenset({OPERATOR}),
    Deed.WRITE_GPU: frozenset({OPERATOR}),
    Deed.READ_ACCOUNTS: frozenset({OPERATOR, AUDITOR}),
    Deed.QUARANTINE_VOLUME: frozenset({STEWARD}),
    Deed.READ_AUDIT: frozenset({AUDITOR}),
    Deed.LOOK_UP_PERSON: frozenset({AUDITOR}),
}
# Where a dataset has stewards of its own, these deeds are theirs and no other steward's.
OF_DATASET = frozenset({Deed.WRITE_DATASET, Deed.WRITE_GRANT, Deed.DECIDE_REQUEST, Deed.QUARANTINE_VOLUME})
# What a place in a project allows there.
BY_PLACE: dict[Deed, frozenset[MemberRole]] = {
    Deed.PROPOSE_MEMBER: frozenset({MemberRole.LEAD, MemberRole.DATA_MANAGER}),
    Deed.CONFIRM_MEMBER: frozenset({MemberRole.DATA_MANAGER}),
    Deed.READ_ACCOUNTS: frozenset({MemberRole.LEAD, MemberRole.DATA_MANAGER}),
}
# What looking after a dataset or a project allows to see.
BY_CARE = frozenset({Deed.READ_DATA})


@dataclass(frozen=True, slots=True)
class Duties:
    """What a person is, at one moment. `tended` are datasets that have stewards, with those stewards' ids."""

    person_id: str
    roles: frozenset[SiteRole] = frozenset()
    tended: tuple[tuple[str, frozenset[str]], ...] = ()
    places: frozenset[tuple[str, MemberRole]] = frozenset()
    ended: bool = False

    @property
    def datasets(self) -> frozenset[str]:
        """The datasets of which this person is a steward."""
        return frozenset(slug for slug, stewards in self.tended if self.person_id in stewards)

    def stewards(self, dataset: str) -> frozenset[str]:
        """The stewards of that dataset; none where any steward of the site looks after it."""
        return next((stewards for slug, stewards in self.tended if slug == dataset), frozenset())


def duties_of(
    person: Person,
    datasets: Iterable[Dataset],
    memberships: Iterable[Membership],
    now: datetime,
    *,
    given: Collection[SiteRole] = (),
) -> Duties:
    """What the person is now. `given` are roles that the sign-in provider vouches for, beside the store's."""
    return Duties(
        person.id,
        frozenset(person.roles) | frozenset(given),
        tuple((dataset.slug, frozenset(dataset.stewards)) for dataset in datasets if dataset.stewards),
        frozenset(
            (place.project, place.role)
            for place in memberships
            if place.person_id == person.id
            and not place.ended
            and covers(place.valid_from, place.valid_until, now)
        ),
        ended=bool(person.ended) or not covers(person.created, person.valid_until, now),
    )


def may(
    duties: Duties,
    deed: Deed,
    *,
    dataset: str | None = None,
    project: str | None = None,
    requested_by: str | None = None,
) -> Denial | None:
    """None where the deed is allowed, else why not.

    `dataset` and `project` are slugs of what it is done to; None asks about a new one, or the whole site.
    `requested_by` is the person who asked for what would be decided.
    """
    if duties.ended:
        return Denial(DenialCode.PERSON_ENDED, deed)
    if requested_by == duties.person_id:
        return Denial(DenialCode.OWN_REQUEST, deed)
    if dataset is not None and deed in OF_DATASET and (stewards := duties.stewards(dataset)):
        return None if duties.person_id in stewards else Denial(DenialCode.OTHER_DATASET, deed, dataset)
    if duties.roles & BY_ROLE[deed]:
        return None
    if project is not None and any((project, role) in duties.places for role in BY_PLACE.get(deed, ())):
        return None
    if deed in BY_CARE and (dataset in duties.datasets if dataset else duties.datasets):
        return None
    return _denial(duties, deed, project)


def _denial(duties: Duties, deed: Deed, project: str | None) -> Denial:
    elsewhere = any(role in BY_PLACE.get(deed, ()) for _, role in duties.places)
    if project is not None and elsewhere:
        return Denial(DenialCode.OTHER_PROJECT, deed, project)
    if deed.changes and duties.roles == {AUDITOR}:
        return Denial(DenialCode.READS_ONLY, deed)
    return Denial(DenialCode.ROLE_MISSING, deed)
