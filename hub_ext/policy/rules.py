"""The rules of a launch: each a function of request and facts that returns reasons, or nothing.

Adding a rule is adding its name to RULES. A rule whose facts are missing stays silent where another one
already refuses for just that; where none does, it refuses itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub_ext.model import (
    BlockScope,
    Ceilings,
    Dataset,
    DatasetFacts,
    Facts,
    ImageEntry,
    ImageRevision,
    ImageState,
    LaunchRequest,
    Membership,
    Quarantine,
    Reason,
    ReasonCode,
    Size,
    Volume,
)
from hub_ext.policy import blocks, gpu_limits, limits, never_with, queue, rights
from hub_ext.policy.blocks import Touched
from hub_ext.policy.catalogue import may_launch
from hub_ext.policy.server_names import RESERVED

Rule = Callable[[LaunchRequest, Facts], tuple[Reason, ...]]


def block_of_all(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Operators have stopped neither everything, nor this node, nor this person."""
    return _blocked(facts, Touched(person_id=request.person_id, node=facts.node))


def block_of_project(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Nor the project."""
    return _blocked(facts, Touched(project=request.project), BlockScope.PROJECT)


def block_of_image(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Nor the image."""
    return _blocked(facts, Touched(image=request.environment), BlockScope.IMAGE)


def block_of_datasets(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Nor one of the datasets."""
    return _blocked(facts, Touched(datasets=request.datasets), BlockScope.DATASET)


def _blocked(facts: Facts, touched: Touched, scope: BlockScope | None = None) -> tuple[Reason, ...]:
    found = blocks.covering(facts.blocks, touched, facts.now)
    return tuple(blocks.reason(block) for block in found if scope in (None, block.scope))


def person(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The person is known, living and valid."""
    if facts.person is not None and facts.person.id != request.person_id:
        return (Reason(ReasonCode.PERSON_UNKNOWN),)
    return rights.person_reasons(facts.person, facts.now)


def project(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The project is active and has not ended."""
    return rights.project_reasons(request.project, facts.project, facts.now)


def membership(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """A membership of the person covers now."""
    found = find_membership(request, facts)
    return (found,) if isinstance(found, Reason) else ()


def approval(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """An approval of the project covers now."""
    found = rights.approval(request.project, facts.approvals, facts.now)
    return (found,) if isinstance(found, Reason) else ()


def image(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The image is published, in this project too, and has a revision to start."""
    unsafe = facts.unsafe_image
    if unsafe is not None and unsafe.cleared is None and unsafe.entry == request.environment:
        return (Reason(ReasonCode.IMAGE_UNSAFE, request.environment),)
    return image_reasons(request.environment, request.project, facts.image, facts.revision)


def image_reasons(
    slug: str, project_slug: str, entry: ImageEntry | None, revision: ImageRevision | None
) -> tuple[Reason, ...]:
    """The same, of one entry and the revision that it launches."""
    if entry is None or entry.slug != slug or entry.ended is not None:
        return (Reason(ReasonCode.IMAGE_UNKNOWN, slug),)
    reasons = []
    known = revision is not None and (revision.entry, revision.number) == (slug, entry.revision)
    if entry.state is ImageState.RETIRED:
        successor = (("successor", entry.successor),) if entry.successor else ()
        reasons.append(Reason(ReasonCode.IMAGE_RETIRED, slug, successor))
    elif not may_launch(entry.state) or not known:
        reasons.append(Reason(ReasonCode.IMAGE_DRAFT, slug))
    if entry.projects and project_slug not in entry.projects:
        reasons.append(Reason(ReasonCode.IMAGE_OTHER_PROJECT, slug, (("project", project_slug),)))
    return tuple(reasons)


def datasets(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Each dataset is granted now, and its version and folder are there."""
    return tuple(reason for slug in request.datasets for reason in dataset(slug, request, facts))


def dataset(slug: str, request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The same, of one dataset."""
    known = dataset_facts(slug, facts)
    right = rights.granted(
        known, project=request.project, person_id=request.person_id, approvals=facts.approvals, now=facts.now
    )
    if not isinstance(right, rights.Granted):
        return right
    contact = (("contact", known.dataset.contact),) if known.dataset and known.dataset.contact else ()
    if known.folder_present is False or right.version.node != facts.node:
        return (Reason(ReasonCode.FOLDER_MISSING, slug, contact),)
    if known.folder_present is None:
        return (Reason(ReasonCode.FOLDER_UNKNOWN, slug, contact),)
    return ()


def terms(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The person has accepted the current terms of each dataset, or accepts them with this start.

    Nobody is shown the terms of what they have no right to.
    """
    reasons = []
    for slug in request.datasets:
        known = dataset_facts(slug, facts)
        if terms_due(known) is None or (slug, terms_due(known)) in request.accepts:
            continue
        if not dataset(slug, request, facts):
            reasons.append(Reason(ReasonCode.TERMS_NOT_ACCEPTED, slug, (("version", terms_due(known) or 0),)))
    return tuple(reasons)


def terms_due(known: DatasetFacts) -> int | None:
    """The number of the terms that the person has yet to accept; None where there is nothing to accept."""
    if known.terms is None or known.terms.number in known.accepted:
        return None
    return known.terms.number


def apart(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """No two of the datasets may be kept apart from each other, nor from what the volumes have seen."""
    chosen = chosen_datasets(request, facts)
    return never_with.together(chosen) + never_with.with_history(chosen, facts.exposed)


def volumes(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Neither home nor project folder is in quarantine."""
    held = tuple(volume for volume in (facts.home, facts.project_folder) if volume is not None)
    return quarantine_reasons(request.project, held, facts.quarantines)


def quarantine_reasons(
    project_slug: str, volumes: Iterable[Volume], quarantines: Iterable[Quarantine]
) -> tuple[Reason, ...]:
    """The same, of volumes that are to be mounted, or are."""
    standing = [known for known in quarantines if known.released is None]
    reasons = []
    for volume in volumes:
        if not volume.quarantined_why:
            continue
        about = (("volume", volume.kind.value),)
        # Why it was quarantined is free text that may name people: it is for stewards. `told` is not.
        told = [
            Reason(
                ReasonCode.VOLUME_QUARANTINED,
                project_slug,
                (*about, ("told", known.told), *((("contact", known.contact),) if known.contact else ())),
            )
            for known in standing
            if known.volume_id == volume.id
        ]
        reasons += told or [Reason(ReasonCode.VOLUME_QUARANTINED, project_slug, about)]
    return tuple(reasons)


def size(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The size exists and lies under every ceiling."""
    known = find_size(request, facts)
    if known is None:
        return (Reason(ReasonCode.SIZE_UNKNOWN, request.size),)
    return limits.size_reasons(known, ceilings(facts))


def gpus(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """As many GPUs as asked for are allowed, to person and project too, enough for the image, free, and
    waited for by nobody before.
    """
    if request.gpus < 0:
        return (Reason(ReasonCode.OPTIONS_INVALID, "gpus", (("problem", "not-a-small-number"),)),)
    reasons = limits.gpu_reasons(request.gpus, ceilings(facts))
    if facts.image is not None and facts.image.needs_gpu and request.gpus == 0:
        reasons += (Reason(ReasonCode.IMAGE_NEEDS_GPU, facts.image.slug),)
    reasons += gpu_limits.reasons(facts.gpu_standings, request.gpus)
    server = (request.person_id, request.server_name)
    return reasons + queue.reasons(
        facts.line, facts.gpus, facts.leases, facts.now, server=server, wanted=request.gpus
    )


def server_name(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """The server's address hides none of the main server's pages."""
    reserved = request.server_name in RESERVED
    return (Reason(ReasonCode.SERVER_NAME_RESERVED, request.server_name),) if reserved else ()


def running(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """No other launch holds the same server of the same person."""
    same = any(
        launch.state.active
        and (launch.person_id, launch.server_name) == (request.person_id, request.server_name)
        for launch in facts.active_launches
    )
    return (Reason(ReasonCode.ALREADY_RUNNING, request.server_name),) if same else ()


def one_project(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """No launch of the person is in another project, where all of their servers share one origin.

    There a page of one server reads what the same person's other servers answer.
    """
    if not facts.one_project_at_a_time:
        return ()
    active = {
        launch.project
        for launch in facts.active_launches
        if launch.state.active and launch.person_id == request.person_id
    }
    others = sorted(active - {request.project})
    return tuple(
        Reason(ReasonCode.OTHER_PROJECT_RUNNING, project, (("projects", len(active)),)) for project in others
    )


def disk(request: LaunchRequest, facts: Facts) -> tuple[Reason, ...]:
    """Room is left beyond the reserve."""
    if facts.disk.free_bytes is None:
        return (Reason(ReasonCode.DISK_UNKNOWN),)
    if facts.disk.free_bytes < facts.disk.reserve_bytes:
        shown = (("free_bytes", facts.disk.free_bytes), ("reserve_bytes", facts.disk.reserve_bytes))
        return (Reason(ReasonCode.DISK_RESERVE, "", shown),)
    return ()


# In the order in which the reader sees them. The form (policy.choices) asks the same rules, in groups.
OF_PERSON: tuple[Rule, ...] = (block_of_all, person, server_name, running, disk)
OF_PROJECT: tuple[Rule, ...] = (block_of_project, project, membership, approval, volumes, one_project)
RULES: tuple[Rule, ...] = (
    block_of_all,
    block_of_project,
    block_of_image,
    block_of_datasets,
    person,
    project,
    membership,
    approval,
    image,
    datasets,
    terms,
    apart,
    volumes,
    size,
    gpus,
    server_name,
    running,
    one_project,
    disk,
)


def find_membership(request: LaunchRequest, facts: Facts) -> Membership | Reason:
    """What `rights.membership` finds for this request."""
    return rights.membership(request.person_id, request.project, facts.memberships, facts.groups, facts.now)


def find_size(request: LaunchRequest, facts: Facts) -> Size | None:
    """The size that the request names."""
    return next((known for known in facts.sizes if known.slug == request.size), None)


def dataset_facts(slug: str, facts: Facts) -> DatasetFacts:
    """What is known of one dataset; of one that nobody knows, that."""
    return next((known for known in facts.datasets if known.slug == slug), DatasetFacts(slug))


def chosen_datasets(request: LaunchRequest, facts: Facts) -> tuple[Dataset, ...]:
    """The datasets of the request that exist, in its order."""
    found = (dataset_facts(slug, facts).dataset for slug in request.datasets)
    return tuple(known for known in found if known is not None)


def ceilings(facts: Facts) -> tuple[limits.SetBy, ...]:
    """Every ceiling that applies."""
    return (
        limits.SetBy("site", facts.site_ceilings),
        limits.SetBy("project", facts.project.ceilings if facts.project else Ceilings()),
        limits.SetBy("image", facts.image.ceilings if facts.image else Ceilings()),
    )
