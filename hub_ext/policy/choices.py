"""What one person could start now: the spawn form shows what `decide` would admit, and why not the rest.

The same rules as `decide`'s, asked in groups, so that form and decision cannot drift apart: any one project,
with one of its environments, a size and a number of GPUs of that environment, and any of its datasets that
do not exclude one another, is admitted as long as nothing changes and their terms are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from hub_ext.model import (
    Approval,
    Block,
    Ceilings,
    Dataset,
    DatasetFacts,
    DiskFacts,
    Facts,
    Gpu,
    ImageEntry,
    ImageRevision,
    ImageState,
    Launch,
    LaunchRequest,
    Lease,
    Localised,
    Membership,
    Person,
    Project,
    Quarantine,
    Reason,
    ReasonCode,
    Size,
    TermsVersion,
    Volume,
)
from hub_ext.model.gpu_limits import GpuStanding
from hub_ext.model.queue import Line
from hub_ext.policy import never_with, rights, rules
from hub_ext.policy.queue import PASSING, waitable


@dataclass(frozen=True, slots=True)
class FormProject:
    """What is known of one project for one person: as `Facts`, with every dataset ever granted to it.

    `gpu_standing` is the project's own.
    """

    project: Project
    approvals: tuple[Approval, ...]
    datasets: tuple[DatasetFacts, ...]
    home: Volume | None = None
    project_folder: Volume | None = None
    exposed: tuple[Dataset, ...] = ()
    gpu_standing: GpuStanding | None = None
    quarantines: tuple[Quarantine, ...] = ()


@dataclass(frozen=True, slots=True)
class FormFacts:
    """Everything that `choices` may look at, read in one transaction at `now`; as in `Facts`.

    `projects` are those in which the person has or had a membership. `images` are entries with the
    revision that they launch. `gpu_standing` is the person's. `may_wait`: there is a line for GPUs here.
    """

    now: datetime
    person: Person | None
    memberships: tuple[Membership, ...]
    projects: tuple[FormProject, ...]
    images: tuple[tuple[ImageEntry, ImageRevision | None], ...]
    gpus: tuple[Gpu, ...]
    leases: tuple[Lease, ...]
    active_launches: tuple[Launch, ...]
    sizes: tuple[Size, ...]
    site_ceilings: Ceilings
    disk: DiskFacts
    gpu_standing: GpuStanding | None = None
    groups: frozenset[str] | None = None
    node: str = "local"
    blocks: tuple[Block, ...] = ()
    line: Line = Line()
    may_wait: bool = False
    one_project_at_a_time: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A project or dataset that cannot be chosen now, and why."""

    slug: str
    title: Localised
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentChoice:
    """An image that can be started, in these sizes and with these numbers of GPUs, smallest first.

    `gpus_later` are numbers that can be waited for in line.
    """

    slug: str
    title: Localised
    description: Localised
    deprecated: bool
    successor: str | None
    sizes: tuple[Size, ...]
    gpus: tuple[int, ...]
    gpus_later: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetChoice:
    """A dataset that can be mounted; not together with those choices of the project that it `excludes`.

    `terms` are to be accepted with the start; None where there are none, or they were accepted before.
    """

    slug: str
    title: Localised
    description: Localised
    version_number: int
    until: datetime
    excludes: tuple[str, ...]
    terms: TermsVersion | None = None


@dataclass(frozen=True, slots=True)
class ProjectChoice:
    """A project in which a server can be started. Never without an environment."""

    slug: str
    title: Localised
    environments: tuple[EnvironmentChoice, ...]
    datasets: tuple[DatasetChoice, ...]
    closed_datasets: tuple[Closed, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What could be started now. With `reasons` nothing can, whatever is chosen."""

    projects: tuple[ProjectChoice, ...]
    closed_projects: tuple[Closed, ...]
    reasons: tuple[Reason, ...]


def choices(form: FormFacts, server_name: str = "") -> Choices:
    """What this person could start now as the server of that name. Sorted by slug, sizes as configured."""
    reasons = _ask(rules.OF_PERSON, _request(form, server_name), _facts(form))
    if reasons:
        return Choices((), (), reasons)
    found = [
        _project(form, known, server_name)
        for known in sorted(form.projects, key=lambda known: known.project.slug)
    ]
    return Choices(
        tuple(choice for choice in found if isinstance(choice, ProjectChoice)),
        tuple(choice for choice in found if isinstance(choice, Closed)),
        (),
    )


def _project(form: FormFacts, known: FormProject, server_name: str) -> ProjectChoice | Closed:
    project = known.project
    request = _request(form, server_name, project.slug)
    facts = _facts(form, known)
    reasons = _ask(rules.OF_PROJECT, request, facts)
    environments = () if reasons else _environments(form, request, facts)
    if not environments:
        none = Reason(ReasonCode.IMAGE_NONE, project.slug)
        return Closed(project.slug, project.title, reasons or (none,))
    slugs = sorted(dataset.slug for dataset in known.datasets)
    found = [_dataset(slug, request, facts) for slug in slugs]
    opened = [choice for choice in found if isinstance(choice, DatasetChoice)]
    return ProjectChoice(
        project.slug,
        project.title,
        environments,
        tuple(replace(choice, excludes=_excluded(choice, opened, facts)) for choice in opened),
        tuple(choice for choice in found if isinstance(choice, Closed)),
    )


def _environments(form: FormFacts, request: LaunchRequest, facts: Facts) -> tuple[EnvironmentChoice, ...]:
    found = []
    # What an image leaves of sizes and GPUs hangs on two of its fields; catalogues have thousands of images.
    left: dict[tuple[Ceilings, bool], tuple[tuple[Size, ...], tuple[int, ...], tuple[int, ...]]] = {}
    for entry, revision in sorted(form.images, key=lambda image: image[0].slug):
        if rules.image_reasons(entry.slug, request.project, entry, revision):
            continue
        if rules.block_of_image(replace(request, environment=entry.slug), facts):
            continue
        limiting = (entry.ceilings, entry.needs_gpu)
        if limiting not in left:
            seen = replace(facts, image=entry, revision=revision)
            left[limiting] = _sizes(form, request, seen), *_gpus(form, request, seen)
        sizes, gpus, later = left[limiting]
        if sizes and (gpus or later):
            deprecated = entry.state is ImageState.DEPRECATED
            found.append(
                EnvironmentChoice(
                    entry.slug,
                    entry.title,
                    entry.description,
                    deprecated,
                    entry.successor,
                    sizes,
                    gpus,
                    later,
                )
            )
    return tuple(found)


def _sizes(form: FormFacts, request: LaunchRequest, facts: Facts) -> tuple[Size, ...]:
    return tuple(size for size in form.sizes if not rules.size(replace(request, size=size.slug), facts))


def _gpus(form: FormFacts, request: LaunchRequest, facts: Facts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers that can be had now, and numbers that can be waited for."""
    numbers = range(len(form.gpus) + 1)
    why = {number: rules.gpus(replace(request, gpus=number), facts) for number in numbers}
    now = tuple(number for number, reasons in why.items() if not reasons)
    later = tuple(
        number
        for number, reasons in why.items()
        if reasons and PASSING.issuperset(one.code for one in reasons) and waitable(form.gpus, number)
    )
    return now, later if form.may_wait else ()


def _dataset(slug: str, request: LaunchRequest, facts: Facts) -> DatasetChoice | Closed:
    known = rules.dataset_facts(slug, facts)
    asked = replace(request, datasets=(slug,))
    reasons = _ask((rules.block_of_datasets, rules.datasets, rules.apart), asked, facts)
    right = rights.granted(
        known, project=request.project, person_id=request.person_id, approvals=facts.approvals, now=facts.now
    )
    if known.dataset is None or reasons or not isinstance(right, rights.Granted):
        title = known.dataset.title if known.dataset else Localised(slug, slug)
        return Closed(slug, title, reasons)
    dataset = known.dataset
    return DatasetChoice(
        slug,
        dataset.title,
        dataset.description,
        right.version.number,
        right.until,
        excludes=(),
        terms=known.terms if rules.terms_due(known) is not None else None,
    )


def _excluded(choice: DatasetChoice, opened: Iterable[DatasetChoice], facts: Facts) -> tuple[str, ...]:
    own = rules.dataset_facts(choice.slug, facts).dataset
    others = (rules.dataset_facts(other.slug, facts).dataset for other in opened)
    return tuple(other.slug for other in others if own and other and never_with.apart(own, other))


def _ask(asked: Iterable[rules.Rule], request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for rule in asked for reason in rule(request, facts)))


def _request(form: FormFacts, server_name: str, project: str = "") -> LaunchRequest:
    person_id = form.person.id if form.person else ""
    return LaunchRequest("", person_id, server_name, project, "", (), "", 0)


def _facts(form: FormFacts, known: FormProject | None = None) -> Facts:
    of_project = known.gpu_standing if known else None
    return Facts(
        now=form.now,
        person=form.person,
        project=known.project if known else None,
        memberships=form.memberships,
        approvals=known.approvals if known else (),
        image=None,
        revision=None,
        datasets=known.datasets if known else (),
        home=known.home if known else None,
        project_folder=known.project_folder if known else None,
        exposed=known.exposed if known else (),
        gpus=form.gpus,
        leases=form.leases,
        active_launches=form.active_launches,
        sizes=form.sizes,
        site_ceilings=form.site_ceilings,
        disk=form.disk,
        gpu_standings=tuple(one for one in (form.gpu_standing, of_project) if one is not None),
        groups=form.groups,
        node=form.node,
        blocks=form.blocks,
        line=form.line,
        one_project_at_a_time=form.one_project_at_a_time,
        quarantines=known.quarantines if known else (),
    )
