"""A launch that may begin, its parts to be changed one at a time, and worlds at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from hub_ext.model import (
    Approval,
    Ceilings,
    DataMount,
    Dataset,
    DatasetClass,
    DatasetFacts,
    DatasetVersion,
    DiskFacts,
    Facts,
    Gpu,
    GpuHealth,
    Grant,
    ImageEntry,
    ImageReference,
    ImageRevision,
    ImageState,
    Launch,
    LaunchPlan,
    LaunchRequest,
    LaunchState,
    Lease,
    Localised,
    MemberRole,
    Membership,
    Person,
    Project,
    ProjectState,
    Size,
    TermsVersion,
    VersionState,
    Volume,
    VolumeKind,
)
from hub_ext.model.gpu_limits import GpuLimits, GpuStanding, LimitKind
from hub_ext.model.queue import Line, Waiting, WaitingState

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GIB = 1024**3
DIGEST = "sha256:" + "ab" * 32
TITLE = Localised("title", "titre")


def on(days: float) -> datetime:
    """So many days from now."""
    return NOW + days * DAY


PERSON = Person("per-1", "demo", "ada", "ada", "Ada", 20001, on(-400))
PROJECT = Project("onco", TITLE, 60001, on(-400), ceilings=Ceilings(cpus=4.0, mem_bytes=16 * GIB, gpus=2))
MEMBERSHIP = Membership("mem-1", "per-1", "onco", MemberRole.MEMBER, on(-90), on(-90), valid_until=on(90))
APPROVAL = Approval("apr-1", "onco", "CPP 12", "CHU", "study", "6(1)e", on(-90), on(80), on(-90))
IMAGE = ImageEntry(
    "python", TITLE, TITLE, "site", "nb/python", "1", on(-9), state=ImageState.PUBLISHED, revision=2
)
REVISION = ImageRevision("python", 2, DIGEST, on(-8), "per-9", published=on(-7))
SIZES = (
    Size("s", TITLE, 1.0, 2 * GIB),
    Size("m", TITLE, 2.0, 4 * GIB),
    Size("l", TITLE, 8.0, 64 * GIB),
)
HOME = Volume("vol-1", "home", VolumeKind.HOME, "local", "onco", on(-9), person_id="per-1")
FOLDER = Volume("vol-2", "project", VolumeKind.PROJECT, "local", "onco", on(-9))


def dataset(slug: str, **changed: Any) -> Dataset:
    """A registered dataset."""
    values: dict[str, Any] = {
        "data_class": DatasetClass.CODED,
        "contact": f"{slug}@example.org",
        "read_gids": (700,),
        **changed,
    }
    return Dataset(slug, TITLE, TITLE, created=on(-99), **values)


def version(slug: str, number: int = 1, **changed: Any) -> DatasetVersion:
    """A version of it."""
    made = DatasetVersion(
        f"ver-{slug}-{number}", slug, number, f"/data/{slug}/{number}", DIGEST, 3, 9000, on(-50)
    )
    return replace(made, **changed)


def grant(slug: str, **changed: Any) -> Grant:
    """A grant of it to the project, now."""
    made = Grant(f"gra-{slug}", slug, "onco", "apr-1", on(-30), on(30), "per-9", on(-30))
    return replace(made, **changed)


def facts_of(slug: str, **changed: Any) -> DatasetFacts:
    """What is known of a dataset that may be mounted."""
    made = DatasetFacts(slug, dataset(slug), (version(slug),), (grant(slug),), True)
    return replace(made, **changed)


def gpu(number: int, **changed: Any) -> Gpu:
    """A working GPU."""
    made = Gpu(f"gpu-{number}", "local", f"nvidia.com/gpu={number}", "H100", 80 * GIB, on(-9))
    return replace(made, **changed)


def lease(number: int, share: int = 0, **changed: Any) -> Lease:
    """A lease of a share of that GPU."""
    made = Lease(f"lea-{number}-{share}", f"gpu-{number}", share, "lau-other", on(-1), until=on(1))
    return replace(made, **changed)


def row(number: int, project: str = "p0", gpus: int = 1, *, waited: float = 1.0, **more: Any) -> Waiting:
    """Somebody of their own in line, who has waited for so many hours."""
    return replace(
        Waiting(
            id=f"que-{number:04}",
            person_id=f"per-{number}",
            username=f"u{number}",
            server_name="",
            project=project,
            node="local",
            environment="python",
            datasets=(),
            size="s",
            gpus=gpus,
            state=WaitingState.WAITING,
            asked=NOW - timedelta(hours=waited),
        ),
        **more,
    )


def launch(**changed: Any) -> Launch:
    """A running launch of the same person's default server, with the version of "mri"."""
    values: dict[str, Any] = {
        "id": "lau-0",
        "kind": "server",
        "person_id": "per-1",
        "username": "ada",
        "server_name": "",
        "project": "onco",
        "node": "local",
        "image": "python",
        "revision": 2,
        "digest": DIGEST,
        "version_ids": ("ver-mri-1",),
        "volume_ids": ("vol-1", "vol-2"),
        "size": "s",
        "gpus": 0,
        "mem_bytes": 2 * GIB,
        "cpus": 1.0,
        "idle_seconds": 3600,
        "state": LaunchState.RUNNING,
        "admitted": on(-1),
        **changed,
    }
    return Launch(**values)


REQUEST = LaunchRequest("lau-1", "per-1", "", "onco", "python", ("mri", "labs"), "m", 1)
FACTS = Facts(
    now=NOW,
    person=PERSON,
    project=PROJECT,
    memberships=(MEMBERSHIP,),
    approvals=(APPROVAL,),
    image=IMAGE,
    revision=REVISION,
    datasets=(facts_of("mri"), facts_of("labs")),
    home=HOME,
    project_folder=FOLDER,
    exposed=(dataset("mri"),),
    gpus=(gpu(0), gpu(1)),
    leases=(lease(0),),
    active_launches=(launch(server_name="other"),),
    sizes=SIZES,
    site_ceilings=Ceilings(cpus=6.0, mem_bytes=32 * GIB, gpus=2, idle_seconds=7200),
    disk=DiskFacts(50 * GIB, 2 * GIB),
    groups=frozenset({"doctors"}),
)
# Servers of the same person in two projects.
ELSEWHERE = (*FACTS.active_launches, launch(id="lau-9", server_name="third", project="cardio"))
# Enough for one more; the project has little left of the month.
STANDINGS = (
    GpuStanding(LimitKind.PERSON, GpuLimits(held=1)),
    GpuStanding(LimitKind.PROJECT, GpuLimits(2, 24.0, 100.0), held=1, month_hours=99.6),
)
# What the request gets of these facts; the expression is tested by a variant of it.
WHOLE_PLAN = LaunchPlan(
    launch_id="lau-1",
    node="local",
    person_id="per-1",
    server_name="",
    project="onco",
    image="python",
    revision=2,
    reference=ImageReference("site", "nb/python", DIGEST),
    uid=20001,
    gid=60001,
    groups=(700, 60001),
    size="m",
    cpus=2.0,
    mem_bytes=4 * GIB,
    idle_seconds=7200,
    start_url="/lab",
    data=(
        DataMount("mri", "ver-mri-1", 1, "/data/mri/1", TITLE),
        DataMount("labs", "ver-labs-1", 1, "/data/labs/1", TITLE),
    ),
    gpus=(gpu(1),),
    shares=(0,),
    expires_at=on(30),
)


# --- at random ------------------------------------------------------------------------------------------
# At most two aspects of a world are drawn without care; the rest varies within what may begin. Drawing all
# of them without care gives refusals alone.

ASPECTS = ("person", "project", "members", "approvals", "image", "data", "apart", "asked", "gpus", "disk")
SLUGS = ("mri", "labs", "names")

_starts = st.sampled_from([on(-40), NOW, on(5)])
_ends = st.sampled_from([on(41), on(7), on(0.5), NOW, on(-1)])
_good_ends = st.sampled_from([on(41), on(40), on(7), on(0.5)])


# Others, and the asker themselves: waiting, aged, called.
_waiting = st.builds(
    lambda number, gpus, waited, state: row(
        number, "onco", gpus, waited=waited, state=state, server_name="" if number == 1 else "other"
    ),
    *(st.integers(1, 3), st.integers(1, 2), st.sampled_from([1.0, 99.0])),
    st.sampled_from([WaitingState.WAITING, WaitingState.CALLED]),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[LaunchRequest, Facts]:
    """A request and facts, in which a thing or two may be wrong."""
    wrong = draw(st.sets(st.sampled_from(ASPECTS), max_size=2))

    def pick(aspect: str, good: list[Any], anything: list[Any]) -> Any:
        return draw(st.sampled_from(anything if aspect in wrong else good))

    def rights(aspect: str, pattern: Any, prefix: str, **more: list[Any]) -> tuple[Any, ...]:
        """Up to three with ids of their own; the first one good unless its aspect is drawn without care."""
        made = []
        for number in range(draw(st.integers(1, 3))):
            careless = aspect in wrong or number > 0
            made.append(
                replace(
                    pattern,
                    id=f"{prefix}-{number}",
                    valid_from=draw(_starts) if careless else pattern.valid_from,
                    valid_until=draw(_ends if careless else _good_ends),
                    **(
                        {name: draw(st.sampled_from(values)) for name, values in more.items()}
                        if careless
                        else {}
                    ),
                )
            )
        return tuple(made)

    def known(slug: str) -> DatasetFacts:
        states = [VersionState.SUPERSEDED, VersionState.CURRENT]
        if "data" in wrong:
            states = [draw(st.sampled_from(list(VersionState))) for _ in range(2)]
        versions = tuple(version(slug, number, state=state) for number, state in enumerate(states, 1))
        grants = rights(
            "data",
            replace(grant(slug), approval_id="apr-0"),
            f"gra-{slug}",
            approval_id=["apr-0", "apr-1", "apr-9"],
            revoked=[None, on(-2)],
            members=[(), ("per-1",), ("per-2",)],
            version_id=[None, *(one.id for one in versions)],
        )
        made = dataset(
            slug,
            data_class=pick("apart", [DatasetClass.CODED], list(DatasetClass)),
            never_with=pick("apart", [(), ("key",)], [(), ("names",), ("identifying",)]),
            decodes=pick("apart", [()], [(), ("labs",)]),
            read_gids=(700 + SLUGS.index(slug),),
            ended=pick("data", [None], [None, on(-2)]),
        )
        return DatasetFacts(
            *(slug, made, versions, grants, pick("data", [True], [True, False, None])),
            terms=draw(st.sampled_from([None, TermsVersion(slug, 2, TITLE, on(-1), "per-9")])),
            accepted=draw(st.sampled_from([(), (1,), (1, 2)])),
        )

    def ceilings(aspect: str, gpus: list[int | None]) -> Ceilings:
        return Ceilings(
            cpus=pick(aspect, [None, 2.0, 4.0], [None, 0.5, 1.0]),
            mem_bytes=pick(aspect, [None, 4 * GIB], [None, GIB, 8 * GIB]),
            gpus=pick(aspect, gpus, [None, 0, 1]),
            idle_seconds=draw(st.sampled_from([None, 600, 9000])),
        )

    shares = draw(st.integers(1, 2))
    healths = [pick("gpus", [GpuHealth.OK], list(GpuHealth)) for _ in range(2)]
    asked = pick("asked", [0, 1], [0, 1, 2, 3])
    request = replace(
        REQUEST,
        datasets=tuple(draw(st.lists(st.sampled_from(SLUGS), max_size=3))),
        size=pick("asked", ["s", "m"], ["s", "m", "l", "xl"]),
        gpus=asked,
        accepts=pick("data", [tuple((slug, 2) for slug in SLUGS)], [(), (("mri", 1),)]),
    )
    facts = replace(
        FACTS,
        person=replace(
            PERSON,
            valid_until=pick("person", [None, on(3)], [on(3), NOW]),
            ended=pick("person", [None], [None, NOW]),
        ),
        project=replace(
            PROJECT,
            state=pick("project", [ProjectState.ACTIVE], list(ProjectState)),
            valid_until=pick("project", [None, on(9)], [on(9), on(-1)]),
            ceilings=ceilings("project", [None, 1, 2]),
        ),
        memberships=rights(
            "members", MEMBERSHIP, "mem", group=[None, "doctors", "nurses"], ended=[None, on(-2)]
        ),
        approvals=rights("approvals", APPROVAL, "apr", ended=[None, on(-2)]),
        image=replace(
            IMAGE,
            state=pick("image", [ImageState.PUBLISHED, ImageState.DEPRECATED], list(ImageState)),
            ceilings=ceilings("image", [None, 1]),
            needs_gpu=pick("image", [asked > 0, False], [False, True]),
        ),
        datasets=tuple(known(slug) for slug in SLUGS),
        exposed=tuple(dataset(slug) for slug in draw(st.sets(st.sampled_from(SLUGS), max_size=1))),
        gpus=tuple(gpu(number, shares=shares, health=health) for number, health in enumerate(healths)),
        leases=tuple(lease(0, share) for share in range(draw(st.integers(0, shares)))),
        gpu_standings=pick("gpus", [()], [(), STANDINGS, (replace(STANDINGS[0], held=1),)]),
        line=Line(tuple(draw(st.lists(_waiting, max_size=2, unique_by=lambda one: one.id)))),
        groups=pick("members", [frozenset({"doctors"})], [frozenset(), None]),
        active_launches=pick("project", [FACTS.active_launches], [FACTS.active_launches, ELSEWHERE]),
        one_project_at_a_time=draw(st.booleans()),
        disk=DiskFacts(pick("disk", [50 * GIB], [50 * GIB, GIB, None]), 2 * GIB),
    )
    return request, facts
