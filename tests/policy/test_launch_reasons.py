"""Each thing that can be wrong with a launch, alone: exactly its reason, and the facts that it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hub_ext.model import (
    Ceilings,
    DatasetClass,
    DatasetFacts,
    DiskFacts,
    Facts,
    GpuHealth,
    ImageState,
    LaunchPlan,
    LaunchRequest,
    LaunchState,
    ProjectState,
    Reason,
    Refusal,
    TermsVersion,
    VersionState,
)
from hub_ext.model import ReasonCode as Code
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind
from hub_ext.model.queue import Line
from hub_ext.policy.launch import decide

from .worlds import (
    APPROVAL,
    FACTS,
    FOLDER,
    GIB,
    HOME,
    IMAGE,
    MEMBERSHIP,
    NOW,
    PERSON,
    PROJECT,
    REQUEST,
    REVISION,
    TITLE,
    dataset,
    facts_of,
    gpu,
    grant,
    launch,
    lease,
    on,
    row,
    version,
)

MAIL = ("contact", "mri@example.org")
Change = Callable[[LaunchRequest, Facts], tuple[LaunchRequest, Facts]]


def known(**changed: Any) -> Change:
    """Other facts."""
    return lambda request, facts: (request, replace(facts, **changed))


def asked(**changed: Any) -> Change:
    """Another request."""
    return lambda request, facts: (replace(request, **changed), facts)


def mri(**changed: Any) -> Change:
    """Other facts of the dataset "mri"."""
    return known(datasets=(facts_of("mri", **changed), facts_of("labs")))


def granted(**changed: Any) -> Change:
    """Another grant of "mri"."""
    return mri(grants=(grant("mri", **changed),))


def both(*changes: Change) -> Change:
    """One after the other."""

    def change(request: LaunchRequest, facts: Facts) -> tuple[LaunchRequest, Facts]:
        for one in changes:
            request, facts = one(request, facts)
        return request, facts

    return change


def image(**changed: Any) -> Change:
    return known(image=replace(IMAGE, **changed))


def membership(**changed: Any) -> Change:
    return known(memberships=(replace(MEMBERSHIP, **changed),))


def approval(**changed: Any) -> Change:
    """Another approval of the project, and no dataset that rests on it too."""
    return both(known(approvals=(replace(APPROVAL, **changed),)), asked(datasets=()))


REFERENCE = ("reference", "CPP 12")
TERMS = TermsVersion("mri", 2, TITLE, on(-1), "per-9")

ALONE: list[tuple[str, Change, Reason]] = [
    ("nobody", known(person=None), Reason(Code.PERSON_UNKNOWN)),
    ("somebody else's facts", known(person=replace(PERSON, id="per-2")), Reason(Code.PERSON_UNKNOWN)),
    (
        "a person who left",
        known(person=replace(PERSON, ended=on(-1))),
        Reason(Code.PERSON_ENDED, shown=(("on", on(-1)),)),
    ),
    (
        "a guest whose time is over this instant",
        known(person=replace(PERSON, valid_until=NOW)),
        Reason(Code.PERSON_ENDED, shown=(("until", NOW),)),
    ),
    ("no project", known(project=None), Reason(Code.PROJECT_UNKNOWN, "onco")),
    (
        "a frozen project",
        known(project=replace(PROJECT, state=ProjectState.FROZEN)),
        Reason(Code.PROJECT_NOT_ACTIVE, "onco", (("state", "frozen"),)),
    ),
    (
        "a project that ended",
        known(project=replace(PROJECT, valid_until=on(-1))),
        Reason(Code.PROJECT_ENDED, "onco", (("until", on(-1)),)),
    ),
    (
        "a project that was ended",
        known(project=replace(PROJECT, ended=on(-3))),
        Reason(Code.PROJECT_ENDED, "onco", (("on", on(-3)),)),
    ),
    ("no membership", known(memberships=()), Reason(Code.MEMBERSHIP_MISSING, "onco")),
    ("another's membership", membership(person_id="per-2"), Reason(Code.MEMBERSHIP_MISSING, "onco")),
    ("a membership elsewhere", membership(project="cardio"), Reason(Code.MEMBERSHIP_MISSING, "onco")),
    (
        "a membership to come",
        membership(valid_from=on(2)),
        Reason(Code.MEMBERSHIP_NOT_YET, "onco", (("from", on(2)),)),
    ),
    (
        "a membership that ended",
        membership(valid_until=on(-2)),
        Reason(Code.MEMBERSHIP_ENDED, "onco", (("until", on(-2)),)),
    ),
    (
        "a membership that was ended",
        membership(ended=on(-2)),
        Reason(Code.MEMBERSHIP_ENDED, "onco", (("on", on(-2)),)),
    ),
    (
        "a group that is not held",
        membership(group="nurses"),
        Reason(Code.GROUP_MISSING, "onco", (("group", "nurses"),)),
    ),
    (
        "groups unknown",
        both(membership(group="doctors"), known(groups=None)),
        Reason(Code.GROUP_UNKNOWN, "onco", (("group", "doctors"),)),
    ),
    ("no approval", both(known(approvals=()), asked(datasets=())), Reason(Code.APPROVAL_MISSING, "onco")),
    (
        "an approval to come",
        approval(valid_from=on(2)),
        Reason(Code.APPROVAL_NOT_YET, "onco", (REFERENCE, ("from", on(2)))),
    ),
    (
        "an approval that ended",
        approval(valid_until=on(-2)),
        Reason(Code.APPROVAL_ENDED, "onco", (REFERENCE, ("until", on(-2)))),
    ),
    (
        "an approval that was ended",
        approval(ended=on(-2)),
        Reason(Code.APPROVAL_ENDED, "onco", (REFERENCE, ("on", on(-2)))),
    ),
    ("no image", known(image=None), Reason(Code.IMAGE_UNKNOWN, "python")),
    ("another image's facts", image(slug="r"), Reason(Code.IMAGE_UNKNOWN, "python")),
    ("an image that was removed", image(ended=on(-1)), Reason(Code.IMAGE_UNKNOWN, "python")),
    ("a draft", image(state=ImageState.DRAFT), Reason(Code.IMAGE_DRAFT, "python")),
    ("an image without revision", known(revision=None), Reason(Code.IMAGE_DRAFT, "python")),
    (
        "another revision",
        known(revision=replace(REVISION, number=1)),
        Reason(Code.IMAGE_DRAFT, "python"),
    ),
    (
        "a retired image",
        image(state=ImageState.RETIRED, successor="python-2"),
        Reason(Code.IMAGE_RETIRED, "python", (("successor", "python-2"),)),
    ),
    (
        "an image of another project",
        image(projects=("cardio",)),
        Reason(Code.IMAGE_OTHER_PROJECT, "python", (("project", "onco"),)),
    ),
    (
        "an image that needs a GPU",
        both(image(needs_gpu=True), asked(gpus=0)),
        Reason(Code.IMAGE_NEEDS_GPU, "python"),
    ),
    ("an unknown dataset", mri(dataset=None), Reason(Code.DATASET_UNKNOWN, "mri")),
    ("a dataset without facts", known(datasets=(facts_of("labs"),)), Reason(Code.DATASET_UNKNOWN, "mri")),
    (
        "a closed dataset",
        mri(dataset=dataset("mri", ended=on(-1))),
        Reason(Code.DATASET_ENDED, "mri", (("on", on(-1)), MAIL)),
    ),
    ("no grant", mri(grants=()), Reason(Code.GRANT_MISSING, "mri", (MAIL,))),
    ("another's grant", granted(project="cardio"), Reason(Code.GRANT_MISSING, "mri", (MAIL,))),
    ("another dataset's grant", granted(dataset="labs"), Reason(Code.GRANT_MISSING, "mri", (MAIL,))),
    (
        "a grant to come",
        granted(valid_from=on(1)),
        Reason(Code.GRANT_NOT_YET, "mri", (("from", on(1)), MAIL)),
    ),
    (
        "a grant that ends this instant",
        granted(valid_until=NOW),
        Reason(Code.GRANT_ENDED, "mri", (("until", NOW), MAIL)),
    ),
    (
        "a revoked grant",
        granted(revoked=on(-1), revoked_why="Ada left the ward"),
        Reason(Code.GRANT_REVOKED, "mri", (("on", on(-1)), MAIL)),
    ),
    (
        "a grant revoked by a clock that is ahead",
        granted(revoked=on(1)),
        Reason(Code.GRANT_REVOKED, "mri", (("on", on(1)), MAIL)),
    ),
    (
        "a grant to other members",
        granted(members=("per-2",)),
        Reason(Code.GRANT_OTHER_MEMBERS, "mri", (MAIL,)),
    ),
    ("a grant under nothing", granted(approval_id="apr-7"), Reason(Code.GRANT_APPROVAL_MISSING, "mri")),
    (
        "a grant under another project's approval",
        both(
            granted(approval_id="apr-7"),
            known(approvals=(APPROVAL, replace(APPROVAL, id="apr-7", project="cardio"))),
        ),
        Reason(Code.GRANT_APPROVAL_MISSING, "mri"),
    ),
    (
        "a grant under an approval to come",
        both(
            granted(approval_id="apr-7"),
            known(approvals=(APPROVAL, replace(APPROVAL, id="apr-7", valid_from=on(3)))),
        ),
        Reason(Code.GRANT_APPROVAL_NOT_YET, "mri", (REFERENCE, ("from", on(3)))),
    ),
    (
        "a grant under an approval that ended, beside a good one",
        both(
            granted(approval_id="apr-7"),
            known(approvals=(APPROVAL, replace(APPROVAL, id="apr-7", valid_until=on(-3)))),
        ),
        Reason(Code.GRANT_APPROVAL_ENDED, "mri", (REFERENCE, ("until", on(-3)))),
    ),
    (
        "terms that changed since they were accepted",
        mri(terms=TERMS, accepted=(1,)),
        Reason(Code.TERMS_NOT_ACCEPTED, "mri", (("version", 2),)),
    ),
    (
        "other terms accepted with the start",
        both(mri(terms=TERMS), asked(accepts=(("mri", 1), ("labs", 2)))),
        Reason(Code.TERMS_NOT_ACCEPTED, "mri", (("version", 2),)),
    ),
    ("terms of what is not granted", mri(terms=TERMS, grants=()), Reason(Code.GRANT_MISSING, "mri", (MAIL,))),
    ("no version", mri(versions=()), Reason(Code.VERSION_MISSING, "mri", (MAIL,))),
    (
        "no current version",
        mri(versions=(version("mri", state=VersionState.SUPERSEDED),)),
        Reason(Code.VERSION_MISSING, "mri", (MAIL,)),
    ),
    (
        "a withdrawn version",
        mri(versions=(version("mri", 4, state=VersionState.WITHDRAWN),)),
        Reason(Code.VERSION_WITHDRAWN, "mri", (("version", 4), MAIL)),
    ),
    (
        "a grant of a withdrawn version, while another is current",
        mri(
            versions=(version("mri", 1, state=VersionState.WITHDRAWN), version("mri", 2)),
            grants=(grant("mri", version_id="ver-mri-1"),),
        ),
        Reason(Code.VERSION_WITHDRAWN, "mri", (("version", 1), MAIL)),
    ),
    ("a folder that is gone", mri(folder_present=False), Reason(Code.FOLDER_MISSING, "mri", (MAIL,))),
    (
        "a folder on another node",
        mri(versions=(version("mri", node="far"),)),
        Reason(Code.FOLDER_MISSING, "mri", (MAIL,)),
    ),
    ("a folder unseen", mri(folder_present=None), Reason(Code.FOLDER_UNKNOWN, "mri", (MAIL,))),
    (
        "datasets apart",
        mri(dataset=dataset("mri", never_with=("labs",))),
        Reason(Code.NEVER_WITH, "mri", (("other", "labs"),)),
    ),
    (
        "datasets apart, said by the other one",
        known(
            datasets=(facts_of("mri"), facts_of("labs", dataset=dataset("labs", never_with=("coded",)))),
            exposed=(),
        ),
        Reason(Code.NEVER_WITH, "mri", (("other", "labs"),)),
    ),
    (
        "a key with what it decodes",
        mri(dataset=dataset("mri", data_class=DatasetClass.KEY, decodes=("labs",))),
        Reason(Code.KEY_WITH_DECODED, "mri", (("other", "labs"),)),
    ),
    (
        "a dataset apart from the history",
        known(exposed=(dataset("names", never_with=("mri",)), dataset("mri"))),
        Reason(Code.NEVER_WITH_HISTORY, "mri", (("other", "names"),)),
    ),
    (
        "what a key of the history decodes",
        known(exposed=(dataset("names", decodes=("mri",)),)),
        Reason(Code.KEY_WITH_DECODED_HISTORY, "mri", (("other", "names"),)),
    ),
    (
        "a home in quarantine",
        known(home=replace(HOME, quarantined_why="Ada copied it")),
        Reason(Code.VOLUME_QUARANTINED, "onco", (("volume", "home"),)),
    ),
    (
        "a project folder in quarantine",
        known(project_folder=replace(FOLDER, quarantined_why="x")),
        Reason(Code.VOLUME_QUARANTINED, "onco", (("volume", "project"),)),
    ),
    ("no size", asked(size="xxl"), Reason(Code.SIZE_UNKNOWN, "xxl")),
    (
        "too many CPUs for the image",
        image(ceilings=Ceilings(cpus=1.5)),
        Reason(Code.CPUS_ABOVE_CEILING, "m", (("asked", 2.0), ("ceiling", 1.5), ("set_by", "image"))),
    ),
    (
        "too much memory for the site",
        known(site_ceilings=Ceilings(mem_bytes=GIB)),
        Reason(Code.MEM_ABOVE_CEILING, "m", (("asked", 4 * GIB), ("ceiling", GIB), ("set_by", "site"))),
    ),
    (
        "too many GPUs for the project",
        known(project=replace(PROJECT, ceilings=Ceilings(gpus=0))),
        Reason(Code.GPUS_ABOVE_CEILING, "", (("asked", 1), ("ceiling", 0), ("set_by", "project"))),
    ),
    (
        "no GPU free",
        known(leases=(lease(0), lease(1, until=on(0.5)))),
        Reason(Code.GPUS_NONE_FREE, "", (("asked", 1), ("free", 0), ("working", 2), ("lease_end", on(0.5)))),
    ),
    (
        "a GPU free, and kept for somebody who waits",
        known(leases=(lease(0),), line=Line((row(9),))),
        Reason(Code.GPUS_WAITED_FOR, "", (("asked", 1), ("free", 1), ("before", 1))),
    ),
    (
        "no GPU well",
        known(gpus=(gpu(0, health=GpuHealth.LOST), gpu(1, ended=on(-1)))),
        Reason(Code.GPUS_NONE_FREE, "", (("asked", 1), ("free", 0), ("working", 0))),
    ),
    (
        "more GPUs than this person may hold",
        known(gpu_standings=(GpuStanding(LimitKind.PERSON, GpuLimits(held=2), held=2),)),
        Reason(Code.GPUS_HELD, "", (("holder", "you"), ("asked", 1), ("held", 2), ("ceiling", 2))),
    ),
    (
        "a month of GPU-hours used up by the project",
        known(gpu_standings=(GpuStanding(LimitKind.PROJECT, GpuLimits(month_hours=10.0), 0, 9.96),)),
        Reason(Code.GPU_HOURS_USED, "", (("holder", "project"), ("used", 10.0), ("ceiling", 10.0))),
    ),
    (
        "a name that is a page of the main server",
        asked(server_name="lab"),
        Reason(Code.SERVER_NAME_RESERVED, "lab"),
    ),
    ("a server that runs", known(active_launches=(launch(),)), Reason(Code.ALREADY_RUNNING, "")),
    (
        "a server that stops",
        both(
            known(active_launches=(launch(server_name="b", state=LaunchState.STOPPING),)),
            asked(server_name="b"),
        ),
        Reason(Code.ALREADY_RUNNING, "b"),
    ),
    (
        "a server of another project, where all share one origin",
        known(one_project_at_a_time=True, active_launches=(launch(server_name="b", project="cardio"),)),
        Reason(Code.OTHER_PROJECT_RUNNING, "cardio", (("projects", 1),)),
    ),
    (
        "one of another project that still stops, beside one of this project",
        known(
            one_project_at_a_time=True,
            active_launches=(
                launch(server_name="b", project="cardio", state=LaunchState.STOPPING),
                launch(server_name="c"),
            ),
        ),
        Reason(Code.OTHER_PROJECT_RUNNING, "cardio", (("projects", 2),)),
    ),
    (
        "a full disk",
        known(disk=DiskFacts(GIB, 2 * GIB)),
        Reason(Code.DISK_RESERVE, "", (("free_bytes", GIB), ("reserve_bytes", 2 * GIB))),
    ),
    ("a disk unseen", known(disk=DiskFacts(None, GIB)), Reason(Code.DISK_UNKNOWN)),
    (
        "fewer GPUs than none",
        asked(gpus=-1),
        Reason(Code.OPTIONS_INVALID, "gpus", (("problem", "not-a-small-number"),)),
    ),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in ALONE], ids=[case[0] for case in ALONE])
def test_one_thing_wrong_is_one_reason(change, reason):
    assert decide(*change(REQUEST, FACTS)) == Refusal((reason,))


def test_every_reason_of_a_decision_has_a_case():
    # Of the form, parsing, the spawner; and tests/policy/test_blocks.py.
    elsewhere = {Code.IMAGE_NONE, Code.OPTIONS_EMPTY, Code.SIGN_IN_OLD, Code.BLOCKED, Code.IMAGE_UNSAFE}
    elsewhere |= {Code.LEASE_ENDED}  # of servers that run
    # Of the line: tests/flows/test_queue.py.
    elsewhere |= {Code.GPUS_IN_LINE, Code.LINE_FULL, Code.LINE_LEFT, Code.START_NOT_TAKEN}
    assert {case[2].code for case in ALONE} == set(Code) - elsewhere


def test_every_reason_is_given_at_once():
    request = replace(REQUEST, datasets=("mri", "gone"), size="l", gpus=3)
    facts = replace(
        FACTS,
        person=replace(PERSON, ended=on(-1)),
        memberships=(),
        image=replace(IMAGE, state=ImageState.RETIRED, projects=("cardio",)),
        datasets=(facts_of("mri", grants=()),),
        disk=DiskFacts(None, GIB),
    )
    decision = decide(request, facts)
    assert isinstance(decision, Refusal)
    assert [reason.code for reason in decision.reasons] == [
        Code.PERSON_ENDED,
        Code.MEMBERSHIP_MISSING,
        Code.IMAGE_RETIRED,
        Code.IMAGE_OTHER_PROJECT,
        Code.GRANT_MISSING,
        Code.DATASET_UNKNOWN,
        Code.CPUS_ABOVE_CEILING,
        Code.MEM_ABOVE_CEILING,
        Code.GPUS_ABOVE_CEILING,
        Code.GPUS_NONE_FREE,
        Code.DISK_UNKNOWN,
    ]


def test_a_dataset_asked_for_twice_counts_once():
    once = decide(replace(REQUEST, datasets=("mri",)), FACTS)
    assert isinstance(once, LaunchPlan)
    assert decide(replace(REQUEST, datasets=("mri", "mri")), FACTS) == once
    twice = decide(replace(REQUEST, datasets=("no", "no")), FACTS)
    assert twice == Refusal((Reason(Code.DATASET_UNKNOWN, "no"),))


@pytest.mark.parametrize(
    "change",
    [
        image(state=ImageState.DEPRECATED),
        image(projects=("onco", "cardio")),
        known(active_launches=(launch(person_id="per-2"),)),
        known(active_launches=(launch(state=LaunchState.ENDED),)),
        known(active_launches=(launch(server_name="b", project="cardio"),)),
        known(one_project_at_a_time=True),
        known(
            one_project_at_a_time=True,
            active_launches=(
                launch(server_name="b", project="cardio", person_id="per-2"),
                launch(server_name="c", project="cardio", state=LaunchState.ENDED),
                launch(server_name="d"),
            ),
        ),
        membership(group="doctors"),
        membership(valid_from=NOW),
        known(memberships=(replace(MEMBERSHIP, id="mem-0", ended=on(-9)), MEMBERSHIP)),
        known(home=None, project_folder=None),
        # A dataset is never apart from itself.
        both(mri(dataset=dataset("mri", never_with=("coded", "mri"))), asked(datasets=("mri",))),
        asked(datasets=()),
        mri(terms=TERMS, accepted=(1, 2)),
        both(mri(terms=TERMS), asked(accepts=(("mri", 2),))),
        both(mri(terms=TERMS), asked(datasets=("labs",))),
        asked(accepts=(("nothing", 7),)),
        asked(gpus=0),
        image(ceilings=Ceilings(cpus=2.0, mem_bytes=4 * GIB, gpus=1)),  # just what is asked for
        known(disk=DiskFacts(2 * GIB, 2 * GIB)),
    ],
)
def test_what_is_no_reason(change):
    assert isinstance(decide(*change(REQUEST, FACTS)), LaunchPlan)


def test_facts_of_nobody_are_only_missing_ones():
    nothing = replace(
        FACTS, person=None, project=None, image=None, revision=None, datasets=(DatasetFacts("mri"),), gpus=()
    )
    decision = decide(REQUEST, nothing)
    assert isinstance(decision, Refusal)
    assert {Code.PERSON_UNKNOWN, Code.PROJECT_UNKNOWN, Code.IMAGE_UNKNOWN, Code.DATASET_UNKNOWN} <= {
        reason.code for reason in decision.reasons
    }
