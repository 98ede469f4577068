"""What is asked, looked at and answered when a server is to start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub_ext.model.blocks import Block
from hub_ext.model.data import Dataset, DatasetVersion, Grant, TermsVersion
from hub_ext.model.gpu_limits import GpuStanding
from hub_ext.model.images import ImageEntry, ImageReference, ImageRevision, UnsafeImage
from hub_ext.model.interfaces import JUPYTER, Interface
from hub_ext.model.launches import Launch
from hub_ext.model.machines import Gpu, Lease, Quarantine, Volume
from hub_ext.model.people import Approval, Ceilings, Membership, Person, Project
from hub_ext.model.queue import Line
from hub_ext.model.text import Localised


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a person asks for, after strict parsing, with the id that the launch will have.

    `accepts` are the terms of use that they accept with this start: dataset and number of the version.
    `wait`: where only GPUs are missing, they wait in line for them.
    """

    launch_id: str
    person_id: str
    server_name: str
    project: str
    environment: str
    datasets: tuple[str, ...]
    size: str
    gpus: int
    accepts: tuple[tuple[str, int], ...] = ()
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """One choice of the spawn form."""

    slug: str
    title: Localised
    cpus: float
    mem_bytes: int


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What is known of one requested dataset. `dataset` None: there is no such dataset.

    `grants` are all grants of this dataset to the requested project, ended ones included.
    `folder_present` None: could not be checked. `terms` are the current terms of use, None where there are
    none; `accepted` are the numbers of the versions that the person has accepted.
    """

    slug: str
    dataset: Dataset | None = None
    versions: tuple[DatasetVersion, ...] = ()
    grants: tuple[Grant, ...] = ()
    folder_present: bool | None = True
    terms: TermsVersion | None = None
    accepted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Room where homes and images lie. None: could not be measured."""

    free_bytes: int | None
    reserve_bytes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that `policy.launch.decide` may look at, read in one transaction at `now`.

    `groups` are the person's sign-in groups; None means unknown.
    `exposed` are all datasets in the history of the volumes that would be mounted, and of launches under way.
    `active_launches` are all active launches of this person.
    `gpus` and `leases` are all GPUs of the node and all active leases on it; `gpu_standings` what person and
    project may hold of them, and hold. `blocks` are all that stand, `quarantines` those of home and project
    folder; `unsafe_image` says whether the image was retired so. `line` is who waits for GPUs.
    `one_project_at_a_time`: all servers of a person share an origin in browsers.
    """

    now: datetime
    person: Person | None
    project: Project | None
    memberships: tuple[Membership, ...]
    approvals: tuple[Approval, ...]
    image: ImageEntry | None
    revision: ImageRevision | None
    datasets: tuple[DatasetFacts, ...]
    home: Volume | None
    project_folder: Volume | None
    exposed: tuple[Dataset, ...]
    gpus: tuple[Gpu, ...]
    leases: tuple[Lease, ...]
    active_launches: tuple[Launch, ...]
    sizes: tuple[Size, ...]
    site_ceilings: Ceilings
    disk: DiskFacts
    gpu_standings: tuple[GpuStanding, ...] = ()
    groups: frozenset[str] | None = None
    node: str = "local"
    blocks: tuple[Block, ...] = ()
    quarantines: tuple[Quarantine, ...] = ()
    unsafe_image: UnsafeImage | None = None
    line: Line = Line()
    one_project_at_a_time: bool = False


@dataclass(frozen=True, slots=True)
class DataMount:
    """A dataset version in a container: read-only, forced recursive, at /data/<slug>."""

    slug: str
    version_id: str
    version_number: int
    folder: str
    title: Localised


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What `decide` allows, complete enough to create the container from, and nothing about how.

    `home` and `project_folder` are None where the volume is yet to be made by the flow.
    `expires_at` is the earliest end of any right that the launch rests on; `lease_until` is when its GPUs go
    back by the limits of who holds them, and with them the server ends. `image_volumes` are the paths that
    the image declares as volumes.
    """

    launch_id: str
    node: str
    person_id: str
    server_name: str
    project: str
    image: str
    revision: int
    reference: ImageReference
    uid: int
    gid: int
    groups: tuple[int, ...]
    size: str
    cpus: float
    mem_bytes: int
    idle_seconds: int
    start_url: str
    data: tuple[DataMount, ...]
    gpus: tuple[Gpu, ...]
    shares: tuple[int, ...]
    expires_at: datetime | None
    lease_until: datetime | None = None
    interface: Interface = JUPYTER
    allowed_env: tuple[str, ...] = ()
    image_volumes: tuple[str, ...] = ()
