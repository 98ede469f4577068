"""A Docker engine: what it says of itself, whether that is good enough, and its trust in our registry.

An engine that hub-ext set up says so by its label MANAGED. Any other is never changed: what it lacks is said
with the commands that mend it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from requests.exceptions import RequestException

from hub_ext.cli.setup.layout import CHECKOUT, write_file
from hub_ext.errors import EngineUnreachable, SettingsError

DEFAULT_URL = "unix:///var/run/docker.sock"
MANAGED = "io.hub-ext.managed=true"
OLDEST = 26
CERTIFICATES = Path("/etc/docker/certs.d")
CONFIGURATION = Path("/etc/docker/daemon.json")
_ANSWER_SECONDS = 10

_TURN_CDI_ON = """\
python3 -c 'import json, pathlib; p = pathlib.Path("/etc/docker/daemon.json"); \
c = json.loads(p.read_text()) if p.exists() else {}; c.setdefault("features", {})["cdi"] = True; \
p.write_text(json.dumps(c, indent=2))'
    systemctl restart docker"""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says of itself."""

    url: str
    version: str
    managed: bool
    cdi: bool
    rootless: bool
    subnets: tuple[str, ...] = ()

    @property
    def recent(self) -> bool:
        """Whether it has recursive read-only mounts, CDI and volume subpaths."""
        major = self.version.partition(".")[0]
        return major.isdigit() and int(major) >= OLDEST


def url() -> str:
    """The host's socket: DOCKER_HOST, or the usual one. Raises SettingsError for anything but a socket."""
    host = os.environ.get("DOCKER_HOST", "") or DEFAULT_URL
    if not host.startswith("unix://"):
        raise SettingsError(
            f"DOCKER_HOST is {host}: engines over tcp or ssh are not supported yet.",
            advice="Unset it to use this machine's engine, or name a local socket: unix:///PATH.",
        )
    return host


def facts(engine_url: str) -> EngineFacts:
    """What the engine says of itself. Raises EngineUnreachable."""
    try:
        client = APIClient(base_url=engine_url, version="auto", timeout=_ANSWER_SECONDS)
        try:
            version, info, networks = client.version(), client.info(), client.networks()
        finally:
            client.close()
    except (DockerException, RequestException, OSError) as error:
        raise EngineUnreachable(
            f"No Docker engine answers at {engine_url}.", advice="See that it runs: `docker version`."
        ) from error
    return EngineFacts(
        engine_url,
        str(version.get("Version", "")),
        managed=MANAGED in (info.get("Labels") or ()),
        # Engines before 28 name these folders only where the feature is on.
        cdi=bool(info.get("CDISpecDirs")),
        rootless="name=rootless" in (info.get("SecurityOptions") or ()),
        subnets=tuple(_subnets(networks)),
    )


def _subnets(networks: list[dict[str, Any]]) -> list[str]:
    return [
        entry["Subnet"]
        for network in networks
        for entry in (network.get("IPAM") or {}).get("Config") or ()
        if ":" not in entry.get("Subnet", ":")
    ]


def check(engine: EngineFacts) -> None:
    """Returns where the engine can do what launches need. Raises SettingsError with all that is missing."""
    if engine.rootless:
        raise SettingsError(
            f"The engine at {engine.url} is rootless: it cannot have the closed network.",
            advice="Unset DOCKER_HOST: `make run` brings an engine of its own where it must.",
        )
    missing = []
    if not engine.recent:
        missing.append(
            f"it is Docker {engine.version or '?'}, {OLDEST} or newer is needed. Without DOCKER_HOST, "
            "`make run` brings an engine of its own, beside this one:\n    unset DOCKER_HOST"
        )
    elif not engine.cdi:
        missing.append(f"CDI, by which GPUs are attached, is off:\n    {_TURN_CDI_ON}")
    if missing:
        raise SettingsError(
            f"The Docker engine at {engine.url} lacks something; hub-ext does not change it by itself.\n- "
            + "\n- ".join(missing)
        )


def ensure_trust(engine: EngineFacts, address: str, authority: Path) -> None:
    """Makes the engine trust the registry at HOST:PORT by its authority's certificate.

    Raises SettingsError, with the commands, where the engine is not ours and does not trust it yet.
    """
    target = CERTIFICATES / address / "ca.crt"
    wanted = authority.read_text(encoding="utf-8")
    if target.is_file() and target.read_text(encoding="utf-8") == wanted:
        return
    if not engine.managed:
        raise SettingsError(
            f"The Docker engine at {engine.url} does not trust this instance's registry yet; "
            "hub-ext does not change it by itself. Run:\n"
            f"    mkdir -p {target.parent}\n    cp {authority} {target}\n"
            "and start again. No restart of the engine is needed."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, wanted)


def remove_trust(engine: EngineFacts, address: str) -> None:
    """Takes back what ensure_trust wrote. Absent is success."""
    if engine.managed and address:
        shutil.rmtree(CERTIFICATES / address, ignore_errors=True)
        for folder in (CERTIFICATES, CERTIFICATES.parent):
            with suppress(OSError):  # somebody else's certificates or settings lie in it
                folder.rmdir()


def remove_configuration() -> bool:
    """Takes away the configuration that we wrote for an installed engine; False where it is another."""
    ours = (CHECKOUT / "deploy/daemon.json").read_text(encoding="utf-8")
    if not CONFIGURATION.exists() or CONFIGURATION.read_text(encoding="utf-8") != ours:
        return False
    CONFIGURATION.unlink()
    with suppress(OSError):
        CONFIGURATION.parent.rmdir()
    return True
