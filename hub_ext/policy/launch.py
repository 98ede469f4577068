"""Whether a launch may begin, with what; and whether a running one may go on.

Equal inputs give equal answers, in whatever order the facts come. Every reason is given, each once: a person
who has mended one should not meet the next only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from hub_ext.model import (
    Approval,
    Block,
    BlockKind,
    DataMount,
    DatasetFacts,
    Facts,
    ImageReference,
    Launch,
    LaunchPlan,
    LaunchRequest,
    Membership,
    Person,
    Project,
    Quarantine,
    Reason,
    ReasonCode,
    Refusal,
    StopReason,
    UnsafeImage,
    Volume,
)
from hub_ext.policy import blocks, gpu_limits, limits, queue, rights, rules
from hub_ext.policy import gpus as gpu_shares


def decide(request: LaunchRequest, facts: Facts) -> LaunchPlan | Refusal:
    """What this launch gets, or every reason why it gets nothing. A dataset asked for twice counts once."""
    request = replace(request, datasets=tuple(dict.fromkeys(request.datasets)))
    reasons = tuple(dict.fromkeys(reason for rule in rules.RULES for reason in rule(request, facts)))
    plan = None if reasons else _plan(request, facts)
    return plan or Refusal(reasons)


def _plan(request: LaunchRequest, facts: Facts) -> LaunchPlan | None:
    """The plan; None where a right is missing after all, which no rule lets happen."""
    person, project, image, revision = facts.person, facts.project, facts.image, facts.revision
    size = rules.find_size(request, facts)
    membership = rules.find_membership(request, facts)
    approval = rights.approval(request.project, facts.approvals, facts.now)
    found = tuple(_mount(slug, request, facts) for slug in request.datasets)
    data = tuple(pair for pair in found if pair is not None)
    server = (request.person_id, request.server_name)
    kept = queue.kept_from(facts.line, facts.gpus, facts.leases, facts.now, server)
    chosen = gpu_shares.choose(facts.gpus, (*facts.leases, *kept), request.gpus)
    if person is None or project is None or image is None or revision is None or size is None:
        return None
    if isinstance(membership, Reason) or isinstance(approval, Reason) or None in found or chosen is None:
        return None
    read_gids = {gid for _, right in data for gid in _read_gids(right.grant.dataset, facts)}
    ends = (person.valid_until, project.valid_until, membership.valid_until, approval.valid_until)
    return LaunchPlan(
        launch_id=request.launch_id,
        node=facts.node,
        person_id=person.id,
        server_name=request.server_name,
        project=project.slug,
        image=image.slug,
        revision=revision.number,
        reference=ImageReference(image.alias, image.path, revision.digest),
        uid=person.uid,
        gid=project.gid,
        groups=tuple(sorted({project.gid} | read_gids)),
        size=size.slug,
        cpus=size.cpus,
        mem_bytes=size.mem_bytes,
        idle_seconds=limits.idle_seconds(rules.ceilings(facts)),
        start_url=image.start_url,
        interface=image.interface,
        allowed_env=image.allowed_env,
        image_volumes=tuple(revision.report.get("volumes", ())),
        data=tuple(mount for mount, _ in data),
        gpus=tuple(gpu for gpu, _ in chosen),
        shares=tuple(share for _, share in chosen),
        expires_at=rights.earliest((*ends, *(right.until for _, right in data))),
        lease_until=gpu_limits.lease_end(facts.gpu_standings, request.gpus, facts.now),
    )


def _mount(slug: str, request: LaunchRequest, facts: Facts) -> tuple[DataMount, rights.Granted] | None:
    known = rules.dataset_facts(slug, facts)
    right = rights.granted(
        known, project=request.project, person_id=request.person_id, approvals=facts.approvals, now=facts.now
    )
    if known.dataset is None or not isinstance(right, rights.Granted):
        return None
    version = right.version
    return DataMount(slug, version.id, version.number, version.folder, known.dataset.title), right


def _read_gids(slug: str, facts: Facts) -> tuple[int, ...]:
    dataset = rules.dataset_facts(slug, facts).dataset
    return dataset.read_gids if dataset else ()


# --- running launches -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What the sweep reads of the rights of one running launch.

    `memberships` and `approvals` may hold those of others. `datasets` hold every dataset of which the
    launch mounts a version, with all its versions and all its grants to the launch's project; their
    `folder_present` is not looked at. `left` are groups that the sign-in provider says the person is not in;
    of others it has said nothing, which ends nothing. `volumes` are those that are mounted, `quarantines`
    theirs; `blocks` are all that stand; `unsafe_image` says whether the image was retired so.
    """

    now: datetime
    person: Person | None
    project: Project | None
    memberships: tuple[Membership, ...]
    approvals: tuple[Approval, ...]
    datasets: tuple[DatasetFacts, ...]
    left: frozenset[str] = frozenset()
    volumes: tuple[Volume, ...] = ()
    quarantines: tuple[Quarantine, ...] = ()
    blocks: tuple[Block, ...] = ()
    unsafe_image: UnsafeImage | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether the rights of a running launch still stand: until when, or why not.

    `expires_at` is computed anew, so that a renewed grant carries a running session on.
    """

    reasons: tuple[Reason, ...]
    expires_at: datetime | None


def coverage(launch: Launch, facts: LiveFacts) -> Coverage:
    """The rights that a running launch rests on: person, project, membership, approval, grants, versions.

    And what must not come in between: blocks, quarantines, an image that was retired for a security reason.
    Its GPUs go back when their time is over, and it with them. Its image otherwise, and its size, were given
    for the whole session and are not asked again.
    """
    stopped, ends = _blocked(launch, facts)
    reasons = [
        *stopped,
        *rights.person_reasons(facts.person, facts.now),
        *rights.project_reasons(launch.project, facts.project, facts.now),
    ]
    if facts.person is not None and facts.person.id != launch.person_id:
        reasons.append(Reason(ReasonCode.PERSON_UNKNOWN))
    ends += [known.valid_until for known in (facts.person, facts.project) if known is not None]
    membership = rights.membership(
        launch.person_id, launch.project, _live_memberships(facts), frozenset(), facts.now
    )
    approval = rights.approval(launch.project, facts.approvals, facts.now)
    for right in (membership, approval):
        if isinstance(right, Reason):
            reasons.append(right)
        else:
            ends.append(right.valid_until)
    for version_id in launch.version_ids:
        mounted = _mounted(version_id, launch, facts)
        if isinstance(mounted, rights.Granted):
            ends.append(mounted.until)
        else:
            reasons.extend(mounted)
    unsafe = facts.unsafe_image
    if unsafe is not None and unsafe.cleared is None and unsafe.entry == launch.image:
        reasons.append(Reason(ReasonCode.IMAGE_UNSAFE, launch.image))
    ends.append(facts.lease_until)
    if facts.lease_until is not None and facts.lease_until <= facts.now:
        reasons.append(Reason(ReasonCode.LEASE_ENDED))
    mounted_now = (volume for volume in facts.volumes if volume.id in launch.volume_ids)
    reasons += rules.quarantine_reasons(launch.project, mounted_now, facts.quarantines)
    return Coverage(tuple(dict.fromkeys(reasons)), rights.earliest(ends))


def _live_memberships(facts: LiveFacts) -> Iterable[Membership]:
    """Memberships, with the condition of a group only where the provider says that the person has left it."""
    return [known if known.group in facts.left else replace(known, group=None) for known in facts.memberships]


def _blocked(launch: Launch, facts: LiveFacts) -> tuple[list[Reason], list[datetime | None]]:
    """Blocks that end the launch now, and the ends that those which drain set it."""
    ids = set(launch.version_ids)
    slugs = {known.slug for known in facts.datasets if any(one.id in ids for one in known.versions)}
    touched = blocks.Touched(launch.person_id, launch.project, slugs, launch.image, launch.node)
    reasons, ends = [], []
    for block in blocks.covering(facts.blocks, touched, facts.now):
        end = blocks.end_of(block)
        if block.kind is BlockKind.STOP or (end is not None and end <= facts.now):
            reasons.append(blocks.reason(block))
        elif block.until is None or end is None or end < block.until:
            ends.append(end)
    return reasons, ends


def stop_reason(reasons: Iterable[Reason]) -> StopReason:
    """The one word under which an end for these reasons is kept."""
    codes = {reason.code for reason in reasons}
    for code, word in _WORDS:
        if code in codes:
            return word
    return StopReason.RIGHT_ENDED


_WORDS = (
    (ReasonCode.BLOCKED, StopReason.BLOCKED),
    (ReasonCode.IMAGE_UNSAFE, StopReason.IMAGE_UNSAFE),
    (ReasonCode.VOLUME_QUARANTINED, StopReason.QUARANTINED),
    (ReasonCode.LEASE_ENDED, StopReason.LEASE_ENDED),
)


def _mounted(version_id: str, launch: Launch, facts: LiveFacts) -> rights.Granted | tuple[Reason, ...]:
    for known in facts.datasets:
        if any(version.id == version_id for version in known.versions):
            return rights.granted(
                known,
                project=launch.project,
                person_id=launch.person_id,
                approvals=facts.approvals,
                now=facts.now,
                version_id=version_id,
            )
    return (Reason(ReasonCode.DATASET_UNKNOWN),)
