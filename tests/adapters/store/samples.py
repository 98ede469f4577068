"""One value of every noun with every field set, in an order in which each refers to earlier ones only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from hub_ext.adapters import store
from hub_ext.adapters.store import Store, Tx, audit
from hub_ext.model import (
    Actor,
    ActorKind,
    Approval,
    AuditEvent,
    Block,
    BlockKind,
    BlockScope,
    Ceilings,
    Dataset,
    DatasetClass,
    DatasetVersion,
    Exposure,
    Gpu,
    GpuHealth,
    Grant,
    GroupWord,
    ImageEntry,
    ImageRevision,
    ImageState,
    Launch,
    LaunchState,
    Lease,
    Localised,
    MemberRole,
    Membership,
    Node,
    Person,
    PersonKind,
    Project,
    ProjectState,
    Quarantine,
    SiteRole,
    StopReason,
    TermsAcceptance,
    TermsVersion,
    UnsafeImage,
    Verb,
    VersionState,
    Volume,
    VolumeKind,
)
from hub_ext.model.doors import BusySince, Route, ServerUse
from hub_ext.model.gpu_limits import GpuLimits, LimitKind, OwnGpuLimits
from hub_ext.model.idleness import GpuUseSum, IdleWarning, TimeExtension
from hub_ext.model.image_checks import CheckOutcome, CheckRun, CheckRunner, ImageCheck
from hub_ext.model.interfaces import (
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.model.launches import StopNote
from hub_ext.model.letters import Letter, LetterKind
from hub_ext.model.proposals import MemberProposal, ProposalState
from hub_ext.model.requests import AccessRequest, RequestQuestion, RequestState
from hub_ext.phrase import Phrase

NOW = datetime(2026, 5, 3, 10, 20, 30, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
TITLE = Localised("Heart & soul", "Cœur et âme")
DIGEST = "sha256:" + "a" * 64

SPONSOR = Person("per-1", "https://idp", "s-1", "chief", "Chief", 20000, NOW)
PERSON = Person(
    *("per-2", "https://idp", "s-2", "anne", "Anne Noël", 20001, NOW),
    email="anne@example.org",
    language="fr",
    kind=PersonKind.GUEST,
    roles=(SiteRole.CURATOR, SiteRole.AUDITOR),
    sponsor_id="per-1",
    valid_until=LATER,
    ended=LATER,
)
PROJECT = Project(
    *("onco", TITLE, 60000, NOW, ProjectState.FROZEN, Ceilings(1.5, 2**40, 2, 3600)),
    *("strict", "open", "denied", LATER, LATER, LATER),
)
MEMBERSHIP = Membership(
    *("mem-1", "per-2", "onco", MemberRole.DATA_MANAGER, NOW, NOW, LATER, "per-1", "onco-group", LATER)
)
APPROVAL = Approval("apr-1", "onco", "EC 12/26", "CHU", "care", "art. 9.2.j", NOW, LATER, NOW, LATER)
DATASET = Dataset(
    *("mri", TITLE, TITLE, DatasetClass.IDENTIFYING, NOW, ("per-1",), "mri@example.org"),
    *(("key", "genome"), ("genome",), (1005, 2**31 - 1), LATER),
)
NODE = Node("local", "unix:///var/run/docker.sock", NOW, LATER)
VERSION = DatasetVersion(
    *("ver-1", "mri", 1, "/data/mri/1", DIGEST, 12, 2**42, NOW, VersionState.SUPERSEDED, "local")
)
GRANT = Grant(
    *("gra-1", "mri", "onco", "apr-1", NOW, LATER, "per-1", NOW, "ver-1", ("per-2",), LATER, "asked to")
)
SUCCESSOR = ImageEntry("python-2", TITLE, TITLE, "main", "nb/python", "2", NOW)
COMMAND = Interface(
    *(InterfaceKind.COMMAND, ("rserver", "--port={port}"), 8787, PrefixHandling.STRIPPED, "health"),
    *((Poll(("GET",), "events/.*"),), SecretPlace("PASSWORD", SecretScheme.BEARER)),
)
IMAGE = ImageEntry(
    *("python", TITLE, TITLE, "main", "nb/python", "1", NOW, ImageState.DEPRECATED, 1, 1, ("onco",)),
    *(Ceilings(cpus=0.5), COMMAND, "/rstudio", True, ("LD_LIBRARY_PATH",), "python-2", LATER),
)
REVISION = ImageRevision("python", 1, DIGEST, NOW, "per-1", LATER, {"size": 3, "found": ["é", None]})
GPU = Gpu(
    *("gpu-1", "local", "nvidia.com/gpu=0", "H100", 80 * 2**30, NOW, 2, GpuHealth.HELD_OUTSIDE),
    *(3, NOW, "its fan is noisy", LATER),
)
LAUNCH = Launch(
    *("lau-1", "server", "per-2", "anne", "", "onco", "local", "python", 1, DIGEST),
    *(("ver-1",), ("vol-1",), "m", 1, 2**32, 1.5, 7200, LaunchState.STOPPING, NOW),
    *(LATER, "0f" * 32, NOW, "idle", "culled", LATER, "10.1.0.2:8888", COMMAND),
)
LEASE = Lease("lea-1", "gpu-1", 1, "lau-1", NOW, LATER, LATER, LATER)
VOLUME = Volume(
    *("vol-1", "hx-vol-1", VolumeKind.HOME, "local", "onco", NOW, "per-2", 2**34, 2**33, NOW, NOW),
    *("copies of mri", LATER),
)
EXPOSURE = Exposure("vol-1", "ver-1", "mri", NOW, "lau-1")
TERMS = TermsVersion("mri", 1, Localised("Copy\nnothing.", "Ne rien\ncopier."), NOW, "per-1")
REQUEST = AccessRequest(
    *("req-1", "mri", "onco", "per-2", "Tumours.\nTheir size.", NOW, RequestState.APPROVED, LATER, LATER),
    *("per-1", "no reason", "gra-1"),
)
QUESTION = RequestQuestion("req-1", 1, "Why all of it?", NOW, "per-1", "For the controls.", LATER)
PROPOSAL = MemberProposal(
    *("pro-1", "onco", "per-2", MemberRole.LEAD, "per-1", NOW, ProposalState.CONFIRMED, LATER, "onco-group"),
    *(LATER, "per-1", "no reason", "mem-1"),
)
CHECK = ImageCheck(
    *("chk-1", "python", 1, DIGEST, NOW, "per-1", LATER, CheckOutcome.OUT_OF_MEMORY, 137, "one\ntwo é\n")
)
CHECK_RUN = CheckRun(
    *("chk-1", CheckRunner.COMMAND, LATER),
    (
        Phrase("The engine could not {what}: {said}.", what=Phrase("pull {image}", image="é"), said="no {x}"),
        Phrase("Give {names}, {most} at most.", names=("a", "b"), most=2),
    ),
)
LETTER = Letter(
    "let-1", LetterKind.GRANT_ENDS, "per-2", "grants/gra-1?end=20260602", NOW, LATER, 3, LATER, LATER, "550"
)
ACCEPTANCE = TermsAcceptance("per-2", "mri", 1, LATER, "lau-1")

GPU_LIMITS = OwnGpuLimits(LimitKind.PROJECT, "onco", GpuLimits(2, 12.5, 300.0), NOW, "per-1")
IDLE_WARNING = IdleWarning("lau-1", StopReason.GPU_IDLE, LATER, NOW)
EXTENSION = TimeExtension("lau-1", 2, LATER, NOW, "per-2")
ROUTE = Route("/user/alice/", "http://10.1.0.2:8888", {"user": "alice", "server_name": ""}, NOW)
GPU_USE = GpuUseSum("lea-1", NOW, LATER, 90.5, 30.25, LATER)
STOP_NOTE = StopNote("lau-1", "The disk is changed at noon.", LATER, "per-1")

BLOCK = Block(
    *("blo-1", BlockKind.DRAIN, BlockScope.PROJECT, "onco", "The disk is changed.", NOW, "per-1"),
    *(LATER, LATER, LATER, "per-2"),
)
QUARANTINE = Quarantine(
    *("qua-1", "vol-1", "mri", "copies of mri", "Copies are looked for.", "mri@example.org", NOW, "per-1"),
    *(LATER, "per-2", "none found"),
)
UNSAFE = UnsafeImage("python", "CVE-2026-1", NOW, LATER)
GROUP_WORD = GroupWord("per-2", "onco-group", True, NOW)

# Each with its module and its key.
EVERY: tuple[tuple[ModuleType, Any, tuple[str | int, ...]], ...] = (
    (store.persons, SPONSOR, ("per-1",)),
    (store.persons, PERSON, ("per-2",)),
    (store.projects, PROJECT, ("onco",)),
    (store.memberships, MEMBERSHIP, ("mem-1",)),
    (store.approvals, APPROVAL, ("apr-1",)),
    (store.datasets, DATASET, ("mri",)),
    (store.nodes, NODE, ("local",)),
    (store.versions, VERSION, ("ver-1",)),
    (store.grants, GRANT, ("gra-1",)),
    (store.images, SUCCESSOR, ("python-2",)),
    (store.images, IMAGE, ("python",)),
    (store.revisions, REVISION, ("python", 1)),
    (store.gpus, GPU, ("gpu-1",)),
    (store.launches, LAUNCH, ("lau-1",)),
    (store.leases, LEASE, ("lea-1",)),
    (store.gpu_limits, GPU_LIMITS, (LimitKind.PROJECT, "onco")),
    (store.idle_warnings, IDLE_WARNING, ("lau-1",)),
    (store.extensions, EXTENSION, ("lau-1", 2)),
    (store.routes, ROUTE, ("/user/alice/",)),
    (store.server_uses, ServerUse("lau-1", LATER), ("lau-1",)),
    (store.busy_since, BusySince("lau-1", LATER), ("lau-1",)),
    (store.gpu_use, GPU_USE, ("lea-1",)),
    (store.stop_notes, STOP_NOTE, ("lau-1",)),
    (store.volumes, VOLUME, ("vol-1",)),
    (store.exposures, EXPOSURE, ("vol-1", "ver-1")),
    (store.terms, TERMS, ("mri", 1)),
    (store.image_checks, CHECK, ("chk-1",)),
    (store.image_check_runs, CHECK_RUN, ("chk-1",)),
    (store.letters, LETTER, ("let-1",)),
    (store.proposals, PROPOSAL, ("pro-1",)),
    (store.requests, REQUEST, ("req-1",)),
    (store.request_questions, QUESTION, ("req-1", 1)),
    (store.blocks, BLOCK, ("blo-1",)),
    (store.quarantines, QUARANTINE, ("qua-1",)),
    (store.unsafe_images, UNSAFE, ("python",)),
    (store.group_words, GROUP_WORD, ("per-2", "onco-group")),
    (store.acceptances, ACCEPTANCE, ("per-2", "mri", 1)),
)


def add_all(tx: Tx) -> None:
    """Every sample, in order."""
    for module, value, _ in EVERY:
        module.add(tx, value)


def filled(opened: Store) -> Store:
    """The store with every sample in it."""
    with opened.transaction() as tx:
        add_all(tx)
    return opened


def launch(number: int, **changes: Any) -> Launch:
    """Another launch, `number` minutes later, admitted and holding resources."""
    fresh = replace(LAUNCH, state=LaunchState.ADMITTED, ended=None, outcome="", stop_reason="")
    return replace(fresh, id=f"lau-{number}", admitted=NOW + timedelta(minutes=number), **changes)


ALICE = Actor(ActorKind.PERSON, "per-alice")
ROOT = Actor(ActorKind.HOST_USER, "root", on_behalf="per-bob")


def write(tx: Tx, number: int, **changes: Any) -> AuditEvent:
    """The event of that number, a minute after the one before."""
    content: dict[str, Any] = {
        "time": NOW + timedelta(minutes=number),
        "actor": ALICE,
        "verb": Verb.LAUNCH_ADMITTED,
        "subject": f"lau-{number}",
        "facts": {"project": "onco", "datasets": ["mri"], "title": "Cœur", "cpus": 1.5},
    }
    return audit.append(tx, **(content | changes))
