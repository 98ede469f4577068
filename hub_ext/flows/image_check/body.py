"""The containers of a check: the very body of a launch, with no data and nobody's rights behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub_ext.adapters.engine import LABEL_INSTANCE, LABEL_PROBE
from hub_ext.expression import docker as expression
from hub_ext.expression.interfaces import (
    ServerPlace,
    authorization,
    ready_path,
    server_command,
    server_environment,
)
from hub_ext.flows.launch.ready import Probe
from hub_ext.flows.site import Site
from hub_ext.model import ImageEntry, ImageReference, LaunchPlan
from hub_ext.model.image_checks import ImageCheck
from hub_ext.policy import limits

KIND = "check"
# Somebody whom no image knows, and who owns nothing: people's ids begin above, projects' too.
UID, GID = 19_999, 59_999
CPUS, MEM_BYTES = 2.0, 2 * 1024**3
RUN_SECONDS = 300  # beside what a server may take to answer
USER = "check"
PREFIX = f"/user/{USER}/"


@dataclass(frozen=True, slots=True)
class Bodies:
    """What a check asks the engine for. `probe` is the question to the server.

    The smoke test has no secret, as when it is run at the end of the image's build.
    """

    server: dict[str, Any] = field(repr=False)
    smoke: dict[str, Any]
    probe: Probe


def bodies(
    *,
    site: Site,
    entry: ImageEntry,
    check: ImageCheck,
    volumes: tuple[str, ...],
    image: tuple[str, tuple[str, ...]],
    smoke: str,
    secret: str,
) -> Bodies:
    """The bodies of a check. `volumes` are home and project; `image` its name and the paths it declares.

    `smoke` is the smoke test's path in the image.
    """
    name, image_volumes = image
    plan = _plan(site, entry, check, image_volumes)
    interface = entry.interface

    def body(command: tuple[str, ...], env: Mapping[str, str]) -> dict[str, Any]:
        settings = site.settings
        made = expression.create_arguments(
            plan,
            expression.ContainerSettings(
                instance=settings.instance,
                image=name,
                command=command,
                network=settings.network_name,
                home_volume=volumes[0],
                project_volume=volumes[1],
                env=env,
                pids=settings.pids,
                shm_bytes=settings.shm_bytes,
                tmp_bytes=settings.tmp_bytes,
                log_max_bytes=settings.log_max_bytes,
                stop_seconds=settings.stop_seconds,
            ),
        )
        # No launch stands behind it: whoever mends launches leaves it alone.
        return made | {"Labels": {LABEL_INSTANCE: settings.instance, LABEL_PROBE: KIND}}

    place = ServerPlace(PREFIX, plan.start_url, user=USER)
    return Bodies(
        server=body(server_command(interface, place), server_environment(interface, secret)),
        smoke=body((smoke,), {}),
        probe=Probe(ready_path(interface, PREFIX), interface.port, authorization(interface.secret, secret)),
    )


def _plan(site: Site, entry: ImageEntry, check: ImageCheck, image_volumes: tuple[str, ...]) -> LaunchPlan:
    bounds = (limits.SetBy("site", site.settings.ceilings), limits.SetBy("image", entry.ceilings))
    cpus, mem_bytes = limits.smallest(bounds, "cpus"), limits.smallest(bounds, "mem_bytes")
    return LaunchPlan(
        launch_id=check.id,
        node=site.settings.node,
        person_id="",
        server_name="",
        project="check",
        image=entry.slug,
        revision=check.number,
        reference=ImageReference(entry.alias, entry.path, check.digest),
        uid=UID,
        gid=GID,
        groups=(),
        size="check",
        cpus=min(CPUS, cpus.value) if cpus else CPUS,
        mem_bytes=min(MEM_BYTES, int(mem_bytes.value)) if mem_bytes else MEM_BYTES,
        idle_seconds=RUN_SECONDS,
        start_url=entry.start_url,
        interface=entry.interface,
        allowed_env=entry.allowed_env,
        image_volumes=image_volumes,
        data=(),
        gpus=(),
        shares=(),
        expires_at=None,
    )
