"""A plan, its container, and what an engine says of a container made as asked."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from hub_ext.expression.docker import ContainerSettings
from hub_ext.model import DataMount, Gpu, Localised

from ..policy.worlds import DIGEST, GIB, NOW, WHOLE_PLAN

PLAN = replace(
    WHOLE_PLAN,
    cpus=1.5,
    data=(
        DataMount("mri", "ver-mri-1", 1, "/srv/mri/1", Localised("MRI", "IRM")),
        DataMount("labs", "ver-labs-3", 3, "/srv/labs/3", Localised("Labs", "Analyses")),
    ),
    gpus=(Gpu("gpu-1", "local", "nvidia.com/gpu=1", "H100", 80 * GIB, NOW),),
    expires_at=None,
)
CONTAINER = ContainerSettings(
    instance="hxt",
    image=f"reg.example:5000/nb/python@{DIGEST}",
    command=("/opt/hub-ext/start", "jupyterhub-singleuser"),
    network="hxt-net",
    home_volume="hxt-vol-1",
    project_volume="hxt-vol-2",
    env={"JUPYTERHUB_API_TOKEN": "s3cret", "LD_LIBRARY_PATH": "/opt/site", "HOME": "/elsewhere"},
    session_folder="/srv/state/sessions/lau-1",
    pids=512,
    shm_bytes=GIB,
    tmp_bytes=3 * GIB,
    log_max_bytes=10 * 1024**2,
    stop_seconds=7,
)


def said_of(body: dict[str, Any]) -> dict[str, Any]:
    """GET /containers/ID/json of engine 26.1 for this body, as far as it matters."""
    made = copy.deepcopy(body)
    host_config = made.pop("HostConfig")
    networks = made.pop("NetworkingConfig")["EndpointsConfig"]
    host_config |= {
        "ConsoleSize": [0, 0],
        "Isolation": "",
        "MemorySwappiness": None,
        "OomKillDisable": False,
        "MaskedPaths": ["/proc/asound", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    }
    mounts = [
        {
            "Type": mount["Type"],
            "Source": f"/var/lib/docker/volumes/{mount['Source']}/_data",
            "Name": mount["Source"],
            "Destination": mount["Target"],
            "RW": True,
            "Propagation": "",
        }
        if mount["Type"] == "volume"
        else {
            "Type": "bind",
            "Source": mount["Source"],
            "Destination": mount["Target"],
            "RW": not mount["ReadOnly"],
            "Propagation": mount["BindOptions"]["Propagation"],
        }
        for mount in host_config["Mounts"]
    ]
    return {
        "Config": {**made, "Volumes": None, "OnBuild": None},
        "HostConfig": host_config,
        "Mounts": mounts,
        "NetworkSettings": {"Networks": {name: {} for name in networks}},
        "AppArmorProfile": "docker-default",
    }
