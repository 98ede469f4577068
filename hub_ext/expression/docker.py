"""A plan as the body of POST /containers/create, and what a created container differs in.

Everything is written out, also where the engine's default is the same today: a default may be changed in the
engine's own configuration, and an image brings its own. docker-py's classes are not used, because they do not
know every key (`ReadOnlyForceRecursive`) and drop what they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub_ext.expression.differences import differences
from hub_ext.expression.image_env import ALLOWABLE_ENV, DENIED_ENV
from hub_ext.model import LaunchPlan

__all__ = ["ContainerSettings", "create_arguments", "differences"]

HOME = "/home/jovyan"
PROJECT = "/project"
DATA = "/data"
# On the container's tmpfs, so that it can be mounted in any image.
SESSION = "/run/hub-ext"
SESSION_FILE = f"{SESSION}/session.json"

LABEL_INSTANCE = "io.hub-ext.instance"
LABEL_LAUNCH = "io.hub-ext.launch"

_MOUNTED = (HOME, PROJECT, "/tmp", "/run")  # noqa: S108 - whatever the image says of them

RUN_BYTES = 16 * 1024**2
LOG_FILES = 2
# Below the usual hard limits: an engine without the right to raise limits can only lower its own.
OPEN_FILES = 16384


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """What a container needs beside its plan.

    `image` is the repository with the plan's digest, as the engine pulls it. `env` comes from the Hub and
    the site; it may set what an image may not, and never what the plan sets. `address` is its IPv4 address
    on `network`; without one the engine chooses. `session_folder` is the folder on the host with the facts
    of the session; "" where there is no session. Sizes are bytes.
    """

    instance: str
    image: str
    command: tuple[str, ...]
    network: str
    home_volume: str
    project_volume: str
    address: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    session_folder: str = ""
    pids: int = 1024
    shm_bytes: int = 1024**3
    tmp_bytes: int = 2 * 1024**3
    log_max_bytes: int = 10 * 1024**2
    stop_seconds: int = 10


def create_arguments(plan: LaunchPlan, container: ContainerSettings) -> dict[str, Any]:
    """The whole body of POST /containers/create for this plan.

    Raises ValueError for a plan that may never run: as root, without a command, of another image.
    """
    if min(plan.uid, plan.gid, *plan.groups) <= 0:  # root's group reads too much as well
        raise ValueError(f"launch {plan.launch_id} would run as root or as nobody known")
    if not container.command:
        raise ValueError(f"launch {plan.launch_id} has no command, and would run its image's own")
    if not container.image.endswith(f"@{plan.reference.digest}"):
        raise ValueError(f"launch {plan.launch_id} would run {container.image}, not its plan's digest")
    return {
        "Image": container.image,
        # The image's own entry point, health check and stop signal are inert: an empty list is kept as
        # such by the engine, while a missing one is filled from the image.
        "Entrypoint": [],
        "Cmd": list(container.command),
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "StopTimeout": container.stop_seconds,
        "User": f"{plan.uid}:{plan.gid}",
        "WorkingDir": HOME,
        # Every container's name for itself is the same: neighbours learn nothing from it.
        "Hostname": "notebook",
        "Domainname": "",
        "Env": _env(plan, container),
        "Labels": {LABEL_INSTANCE: container.instance, LABEL_LAUNCH: plan.launch_id},
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": _host_config(plan, container),
        "NetworkingConfig": {"EndpointsConfig": {container.network: _endpoint(container)}},
    }


def _endpoint(container: ContainerSettings) -> dict[str, Any]:
    return {"IPAMConfig": {"IPv4Address": container.address}} if container.address else {}


def _env(plan: LaunchPlan, container: ContainerSettings) -> list[str]:
    ours = {
        "HOME": HOME,
        "USER": "jovyan",
        "LOGNAME": "jovyan",
        "TMPDIR": "/tmp",  # noqa: S108 - a tmpfs of this container alone
        "HUB_EXT_LAUNCH": plan.launch_id,
        "HUB_EXT_PROJECT": plan.project,
        "HUB_EXT_DATASETS": ",".join(mount.slug for mount in plan.data),
        # JupyterHub's names: jupyter-resource-usage and others read them.
        "MEM_LIMIT": str(plan.mem_bytes),
        "CPU_LIMIT": str(plan.cpus),
        # Leased devices are attached by CDI. Where NVIDIA's runtime is the engine's default, an image could
        # still ask for all devices by this name.
        "NVIDIA_VISIBLE_DEVICES": "void",
    }
    if container.session_folder:
        ours["HUB_EXT_SESSION"] = SESSION_FILE
    denied = [name for name in DENIED_ENV if name not in plan.allowed_env or name not in ALLOWABLE_ENV]
    env = {**dict.fromkeys(denied, ""), **container.env, **ours}
    return sorted(f"{name}={value}" for name, value in env.items())


def _host_config(plan: LaunchPlan, container: ContainerSettings) -> dict[str, Any]:
    # Filling a tmpfs must end in "no space left", not in the death of the server: they count as its memory.
    half = plan.mem_bytes // 2
    tmp_bytes = min(container.tmp_bytes, half)
    owner = f"uid={plan.uid},gid={plan.gid}"
    return {
        # runc by name, so that a default runtime of the engine (NVIDIA's) gives nothing unasked.
        "Runtime": "runc",
        "Init": True,
        "AutoRemove": False,  # it would erase why the container died
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "Privileged": False,
        "CapAdd": [],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "GroupAdd": [str(group) for group in plan.groups],
        "ReadonlyRootfs": True,
        "Tmpfs": {
            # Both belong to the server's user: runc 1.1.5 gives a tmpfs the mode of the image's folder
            # instead of the one asked for, and /run is root's. Compiled wheels and numba map what they
            # write: one place allows it.
            "/tmp": f"rw,exec,nosuid,nodev,mode=1777,{owner},size={tmp_bytes}",  # noqa: S108
            "/run": f"rw,noexec,nosuid,nodev,mode=0755,{owner},size={RUN_BYTES}",
            # Else the engine would mount a volume of its own there, without any bound.
            **{
                path: f"rw,exec,nosuid,nodev,mode=1777,{owner},size={tmp_bytes}"
                for path in plan.image_volumes
                if path not in _MOUNTED
            },
        },
        "Binds": [],
        "Mounts": _mounts(plan, container),
        "Devices": [],
        "DeviceRequests": _device_requests(plan),
        "DeviceCgroupRules": [],
        "NanoCpus": round(plan.cpus * 1_000_000_000),
        "Memory": plan.mem_bytes,
        "MemorySwap": plan.mem_bytes,
        "PidsLimit": container.pids,
        "ShmSize": min(container.shm_bytes, half),
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
        ],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "PidMode": "",
        "UTSMode": "",
        "UsernsMode": "",
        "NetworkMode": container.network,
        "PortBindings": {},
        "PublishAllPorts": False,
        "Links": [],
        "ExtraHosts": [],
        "VolumesFrom": [],
        # The engine's resolver still knows the containers of the network. What it does not know goes to the
        # container itself, where nothing answers, and the host's search domains stay on the host.
        "Dns": ["127.0.0.1"],
        "DnsOptions": [],
        "DnsSearch": ["."],
        "LogConfig": {
            "Type": "json-file",
            "Config": {
                "max-size": str(max(container.log_max_bytes // LOG_FILES, 1)),
                "max-file": str(LOG_FILES),
            },
        },
    }


def _mounts(plan: LaunchPlan, container: ContainerSettings) -> list[dict[str, Any]]:
    # NoCopy: a volume is seeded once, from our own base; copy-up would let any image write it.
    volumes = [
        {
            "Type": "volume",
            "Source": name,
            "Target": target,
            "ReadOnly": False,
            "VolumeOptions": {"NoCopy": True},
        }
        for name, target in ((container.home_volume, HOME), (container.project_volume, PROJECT))
    ]
    data = [_read_only(mount.folder, f"{DATA}/{mount.slug}") for mount in plan.data]
    session = [_read_only(container.session_folder, SESSION)] if container.session_folder else []
    return [*volumes, *data, *session]


def _read_only(folder: str, target: str) -> dict[str, Any]:
    # Without ReadOnlyForceRecursive a write to a mount below the folder succeeds (seen on engine 26).
    return {
        "Type": "bind",
        "Source": folder,
        "Target": target,
        "ReadOnly": True,
        "BindOptions": {"Propagation": "rprivate", "ReadOnlyForceRecursive": True},
    }


def _device_requests(plan: LaunchPlan) -> list[dict[str, Any]]:
    if not plan.gpus:
        return []
    return [{"Driver": "cdi", "DeviceIDs": [gpu.device for gpu in plan.gpus]}]
