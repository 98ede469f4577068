"""Who had access to a dataset between two moments, with which software: who could, and who did.

*Could*: a member of a project that held a grant, while person, membership, approval, grant and project
all stood. *Did*: a session that mounted a version of it, with the image's digest. What was read in a session
is not known here; `exposures` tells where copies may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from hub_ext.adapters.store import (
    Tx,
    approvals,
    grants,
    launches,
    memberships,
    persons,
    projects,
    versions,
)
from hub_ext.errors import InputError
from hub_ext.flows.data import dataset_named
from hub_ext.flows.site import Site
from hub_ext.model import Approval, Grant, Launch, Membership, Person, Project


@dataclass(frozen=True, slots=True)
class Could:
    """A person who could have mounted it from `since` until `until`, in that project, under that grant."""

    person: Person
    project: str
    grant: Grant
    approval: Approval
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Did:
    """A session that had it. `versions` are numbers; `until` None: it runs still."""

    person: Person
    launch: Launch
    versions: tuple[int, ...]
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Access:
    """The answer, for since ≤ time < until; the earliest first."""

    dataset: str
    since: datetime
    until: datetime
    could: tuple[Could, ...]
    did: tuple[Did, ...]


def access(site: Site, dataset: str, since: datetime, until: datetime) -> Access:
    """Everybody who could have and did, from one snapshot of the store.

    Raises InputError where there is no such dataset, or `until` is not later than `since`.
    """
    if until <= since:
        raise InputError("The end is not later than the beginning.", advice="Give --since before --until.")
    with site.store.reading() as tx:
        dataset_named(tx, dataset)
        known = {person.id: person for person in persons.listing(tx)}
        could = sorted(_could(tx, dataset, known, since, until), key=lambda one: (one.since, one.person.id))
        did = sorted(_did(tx, dataset, known, since, until), key=lambda one: (one.since, one.launch.id))
    return Access(dataset, since, until, tuple(could), tuple(did))


def _could(
    tx: Tx, dataset: str, known: dict[str, Person], since: datetime, until: datetime
) -> Iterator[Could]:
    for grant in grants.listing(tx, dataset=dataset):
        project, approval = projects.get(tx, grant.project), approvals.get(tx, grant.approval_id)
        for place in memberships.listing(tx, project=grant.project):
            person = known[place.person_id]
            if grant.members and person.id not in grant.members:
                continue
            begin, end = _together(grant, approval, project, place, person)
            if max(begin, since) < min((end, until) if end else (until,)):
                last = min(end, until) if end else until
                yield Could(person, grant.project, grant, approval, max(begin, since), last)


def _together(
    grant: Grant, approval: Approval, project: Project, place: Membership, person: Person
) -> tuple[datetime, datetime | None]:
    """From when and until when all of them stand."""
    begins = (grant.valid_from, grant.created, approval.valid_from, place.valid_from, person.created)
    ends = (
        *(grant.valid_until, grant.revoked, approval.valid_until, approval.ended),
        *(project.valid_until, project.ended, place.valid_until, place.ended),
        *(person.valid_until, person.ended),
    )
    return max(begins), min((end for end in ends if end), default=None)


def _did(tx: Tx, dataset: str, known: dict[str, Person], since: datetime, until: datetime) -> Iterator[Did]:
    numbers = {version.id: version.number for version in versions.listing(tx, dataset=dataset)}
    for launch in _mounting(tx, numbers):
        begin = launch.started or launch.admitted
        if begin < until and (launch.ended is None or launch.ended > since):
            had = tuple(numbers[one] for one in launch.version_ids if one in numbers)
            yield Did(known[launch.person_id], launch, had, begin, launch.ended)


def _mounting(tx: Tx, version_ids: Iterable[str]) -> Iterable[Launch]:
    """Launches that came to have a container with one of these versions, each once."""
    found = {launch.id: launch for one in version_ids for launch in launches.listing(tx, version_id=one)}
    return (launch for launch in found.values() if launch.container_id)
