"""Datasets and grants for whoever looks after them: each with what belongs to it, in one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub_ext.adapters.store import (
    Tx,
    acceptances,
    approvals,
    datasets,
    grants,
    persons,
    projects,
    terms,
    versions,
)
from hub_ext.errors import NotFound
from hub_ext.flows.site import Site
from hub_ext.model import (
    Approval,
    Dataset,
    DatasetVersion,
    Grant,
    Project,
    TermsAcceptance,
    TermsVersion,
    VersionState,
)


class GrantState(StrEnum):
    """What a grant is now."""

    HOLDS = "holds"
    LATER = "later"
    OVER = "over"
    REVOKED = "revoked"
    APPROVAL_ENDED = "approval-ended"

    @property
    def living(self) -> bool:
        """Whether it gives something, now or later."""
        return self in (GrantState.HOLDS, GrantState.LATER)


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant, the approval that it rests on, what it is now, and its version's number, if it names one."""

    grant: Grant
    approval: Approval
    state: GrantState
    version: int | None

    @property
    def until(self) -> datetime:
        """When it ends, by itself or with its approval."""
        return min(self.grant.valid_until, self.approval.valid_until)


@dataclass(frozen=True, slots=True)
class DatasetLine:
    """A dataset, its current version, and to how many projects it is given now or later."""

    dataset: Dataset
    current: DatasetVersion | None
    projects: int


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset with all that belongs to it. `names` are those of its stewards, by id."""

    dataset: Dataset
    versions: tuple[DatasetVersion, ...]
    grants: tuple[GrantView, ...]
    terms: tuple[TermsVersion, ...]
    acceptances: tuple[TermsAcceptance, ...]
    names: dict[str, str]


def dataset_lines(site: Site) -> tuple[DatasetLine, ...]:
    """Every dataset, ended ones included."""
    with site.store.reading() as tx:
        current = {
            version.dataset: version
            for version in versions.listing(tx)
            if version.state is VersionState.CURRENT
        }
        given: dict[str, set[str]] = {}
        for view in views_of(tx, site, grants.listing(tx)):
            if view.state.living:
                given.setdefault(view.grant.dataset, set()).add(view.grant.project)
        return tuple(
            DatasetLine(dataset, current.get(dataset.slug), len(given.get(dataset.slug, ())))
            for dataset in datasets.listing(tx)
        )


def dataset_view(site: Site, slug: str) -> DatasetView:
    """One dataset. Raises NotFound."""
    with site.store.reading() as tx:
        dataset = datasets.find(tx, slug)
        if dataset is None:
            raise NotFound("There is no dataset {slug!r}.", slug=slug)
        accepted = acceptances.listing(tx, dataset=slug)
        ids = {*dataset.stewards, *(one.person_id for one in accepted)}
        return DatasetView(
            dataset,
            versions.listing(tx, dataset=slug)[::-1],
            views_of(tx, site, grants.listing(tx, dataset=slug))[::-1],
            terms.listing(tx, dataset=slug)[::-1],
            accepted[::-1],
            {known.id: known.username for known in persons.listing(tx, ids=ids)},
        )


def grant_view(site: Site, grant_id: str) -> GrantView:
    """One grant. Raises NotFound."""
    with site.store.reading() as tx:
        return views_of(tx, site, (grants.get(tx, grant_id),))[0]


def grant_views(
    site: Site, *, dataset: str | None = None, project: str | None = None
) -> tuple[GrantView, ...]:
    """Grants, the newest first."""
    with site.store.reading() as tx:
        return views_of(tx, site, grants.listing(tx, dataset=dataset, project=project))[::-1]


def living_projects(site: Site) -> tuple[Project, ...]:
    """Projects that have not ended."""
    with site.store.reading() as tx:
        return tuple(project for project in projects.listing(tx) if not project.ended)


def views_of(tx: Tx, site: Site, held: tuple[Grant, ...]) -> tuple[GrantView, ...]:
    """These grants with what they rest on, in their order."""
    under = {approval.id: approval for approval in approvals.listing(tx)}
    named = {grant.version_id for grant in held if grant.version_id}
    numbers = {version.id: version.number for version in versions.listing(tx, ids=named)} if named else {}
    now = site.now()
    return tuple(
        GrantView(
            grant,
            under[grant.approval_id],
            _state(grant, under[grant.approval_id], now),
            numbers.get(grant.version_id or ""),
        )
        for grant in held
    )


def _state(grant: Grant, approval: Approval, now: datetime) -> GrantState:
    if grant.revoked:
        return GrantState.REVOKED
    if min(grant.valid_until, approval.valid_until) <= now:
        return GrantState.OVER
    if approval.ended:
        return GrantState.APPROVAL_ENDED
    return GrantState.LATER if grant.valid_from > now else GrantState.HOLDS
