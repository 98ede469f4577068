"""Every shared setting, read by the Hub, the services and the command line from one file without secrets.

The file is named by the environment variable HUB_EXT_CONFIG; `jupyterhub_config.py` loads it too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Float, Int, List, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

from hub_ext.errors import SettingsError
from hub_ext.model import Ceilings, Localised, SiteRole, Size
from hub_ext.model.gpu_limits import GpuLimits, LimitKind
from hub_ext.settings import (
    DEFAULT_SIZES,
    GIB,
    GPU_SOURCES,
    MIB,
    MOST_GPU_SHARES,
    ROLE_GROUP_PREFIX,
    STARTS_AT_ONCE,
    ListedGpu,
    MailSettings,
    RegistrySettings,
    Settings,
)

CONFIG_VARIABLE = "HUB_EXT_CONFIG"
_CDI_NAME = re.compile(r"[a-zA-Z0-9][\w.-]*/gpu=[\w.:-]+", re.ASCII)

# Traits whose value stands in Settings under the same name and type.
_UNCHANGED = (
    "instance",
    "node",
    "engine_url",
    "store_url",
    "seed_image",
    "network_subnet",
    "hub_port",
    "gpu_source",
    "gpu_shares",
    "home_bytes",
    "project_bytes",
    "disk_reserve_bytes",
    "pids",
    "shm_bytes",
    "tmp_bytes",
    "log_max_bytes",
    "pull_seconds",
    "start_seconds",
    "stop_seconds",
    "engine_seconds",
    "concurrent_starts",
    "prepull",
    "busy_ceiling_seconds",
    "gpu_idle_seconds",
    "extension_seconds",
    "extensions_most",
    "cull_seconds",
    "queue_most",
    "queue_most_person",
    "queue_aged_seconds",
    "queue_seconds",
    "reconcile_seconds",
    "revoke_seconds",
    "revoke_hub_seconds",
    "cull_brake_share",
    "cull_brake_least",
    "time_zone",
    "sign_in",
    "bind_url",
    "console_port",
    "front_uid",
    "upload_max_bytes",
)


class HubExt(Configurable):
    """`c.HubExt.…` in the settings file; `settings()` is the frozen value that the rest of the code sees."""

    state_dir = Unicode("", help="Folder of everything that hub-ext keeps. Required.").tag(config=True)
    instance = Unicode(
        "hubext",
        help="Prefix of every engine object of this instance: 1 to 10 of [a-z0-9], so that bridge names fit.",
    ).tag(config=True)
    node = Unicode("local", help="Name of the engine on which servers start.").tag(config=True)
    engine_url = Unicode("unix:///var/run/docker.sock", help="A local Docker engine's socket.").tag(
        config=True
    )
    store_url = Unicode("", help="SQLAlchemy URL; empty is SQLite under state_dir.").tag(config=True)
    registries = Dict(
        help='{"ALIAS": {"address": "HOST:PORT", "ca_file": PATH, "auth_file": PATH}}; TLS always. '
        '"token_hosts": ["HOST:PORT"] where tokens come from another host.'
    ).tag(config=True)
    seed_image = Unicode(
        "", help="repository@digest of the base image: volumes are seeded and probes run from it."
    ).tag(config=True)
    network_subnet = Unicode("10.213.0.0/22", help="IPv4 subnet of the closed network.").tag(config=True)
    hub_port = Int(8081, help="The Hub's own port on 127.0.0.1.").tag(config=True)
    dataset_roots = List(Unicode(), help="Folders under which datasets may lie.").tag(config=True)
    sizes = List(
        Dict(),
        help='Choices of the form, smallest first: {"slug", "en", "fr", "cpus", "mem_bytes"} each; '
        "empty takes the built-in three.",
    ).tag(config=True)
    max_cpus = Float(8.0, help="Ceiling of the site, CPUs of one server.").tag(config=True)
    max_mem_bytes = Int(32 * GIB, help="Ceiling of the site, bytes of memory of one server.").tag(config=True)
    max_gpus = Int(1, help="Ceiling of the site, GPUs of one server.").tag(config=True)
    idle_seconds = Int(2 * 3600, help="Longest idle time of a server, seconds.").tag(config=True)
    gpu_source = Unicode("auto", help="auto, nvml, list, cdi or none.").tag(config=True)
    gpu_devices = List(
        Dict(),
        help='Where no driver tells: {"device": "nvidia.com/gpu=0", "model", "mem_bytes"} for each GPU.',
    ).tag(config=True)
    cdi_dirs = List(Unicode(), ["/etc/cdi", "/var/run/cdi"], help="Where CDI specs lie.").tag(config=True)
    gpu_shares = Int(
        1, help="Launches that may share one GPU, 1 to 16; sharing isolates neither memory nor time."
    ).tag(config=True)
    gpu_limits = Dict(
        help='{"person": {"held": 1, "lease_hours": 24, "month_hours": 200}, "project": {…}}: GPUs at once, '
        "hours of one lease, GPU-hours a month; each may be left out. `hub-ext gpu limit` sets others for "
        "one person or project."
    ).tag(config=True)
    home_bytes = Int(10 * GIB, help="Allowance of a home, bytes.").tag(config=True)
    project_bytes = Int(50 * GIB, help="Allowance of a project folder, bytes.").tag(config=True)
    disk_reserve_bytes = Int(2 * GIB, help="Below this free room no server starts, bytes.").tag(config=True)
    pids = Int(1024, help="Processes and threads of one server.").tag(config=True)
    shm_bytes = Int(1 * GIB, help="Size of /dev/shm, bytes.").tag(config=True)
    tmp_bytes = Int(2 * GIB, help="Size of /tmp, bytes of memory.").tag(config=True)
    log_max_bytes = Int(10 * MIB, help="Log of one server kept by the engine, bytes.").tag(config=True)
    pull_seconds = Int(1800, help="Time allowed for the pull of one image, seconds.").tag(config=True)
    start_seconds = Int(120, help="Time allowed from a started container to its answer, seconds.").tag(
        config=True
    )
    stop_seconds = Int(10, help="Time a server has to save before it is killed, seconds.").tag(config=True)
    engine_seconds = Int(30, help="Time allowed for any other call of the engine, seconds.").tag(config=True)
    prepull = Bool(
        True,
        help="Fetch every image that may be launched as soon as it is published: nobody waits for it then.",
    ).tag(config=True)
    concurrent_starts = Int(
        STARTS_AT_ONCE,
        help="Servers that start at the same moment; the others wait in line and see their place. By default "
        "as many as this machine has CPUs; where the engine is another machine, name as many as it has.",
    ).tag(config=True)
    busy_ceiling_seconds = Int(
        7 * 24 * 3600, help="A server busy for longer is stopped all the same, seconds."
    ).tag(config=True)
    gpu_idle_seconds = Int(
        1800, help="A server whose GPU computes nothing for so long is stopped, seconds."
    ).tag(config=True)
    extension_seconds = Int(
        2 * 3600, help="More time that a person may ask for when their server is to be stopped, seconds."
    ).tag(config=True)
    extensions_most = Int(3, help="How often they may, for one server start.").tag(config=True)
    cull_seconds = Int(60, help="Time between two sweeps of the culler, seconds.").tag(config=True)
    queue_most = Int(100, help="Requests that may wait in line for GPUs; 0: nobody waits.").tag(config=True)
    queue_most_person = Int(3, help="Requests of one person that may wait in line.").tag(config=True)
    queue_aged_seconds = Int(
        24 * 3600,
        help="Who has waited for longer goes strictly first, and free GPUs are kept back for them, seconds.",
    ).tag(config=True)
    queue_seconds = Float(3.0, help="Time between two looks at the line for GPUs, seconds.").tag(config=True)
    reconcile_seconds = Int(
        30,
        help="Time between two listings of the reconciler, which hears the engine's events at once, seconds.",
    ).tag(config=True)
    revoke_seconds = Float(
        5.0, help="Time between two looks for rights that have ended, seconds; their sessions end then."
    ).tag(config=True)
    revoke_hub_seconds = Float(
        15.0,
        help="Time the Hub has to end a session whose rights have ended before the engine is told, seconds.",
    ).tag(config=True)
    cull_brake_share = Float(0.5, help="Share of running servers that one sweep may stop.").tag(config=True)
    cull_brake_least = Int(4, help="A sweep that stops fewer servers is never braked.").tag(config=True)
    time_zone = Unicode("UTC", help="Time zone of dates that people type.").tag(config=True)
    sign_in = Unicode("demo", help='"demo" or "oauth".').tag(config=True)
    bind_url = Unicode("http://127.0.0.1:8000", help="Where the front listens for browsers.").tag(config=True)
    ssl_cert = Unicode(
        "",
        help="File of the front's certificate with its chain (PEM), by which it speaks TLS and nothing else: "
        "http:// in the addresses below is read as https:// then. A renewed one is taken within a minute, "
        "and closes no open page.",
    ).tag(config=True)
    ssl_key = Unicode("", help="File of its key (PEM, mode 600).").tag(config=True)
    role_groups = Dict(
        help='{"ROLE": ["GROUP"]}: roles (curator, steward, operator, auditor) that groups of the sign-in '
        "provider give, beside those in the store."
    ).tag(config=True)
    public_url = Unicode(
        "",
        help="The Hub's address in browsers, such as https://hub.example.org; a TLS front may stand there.",
    ).tag(config=True)
    subdomain_host = Unicode(
        "",
        help="https://HOST, with DNS and a certificate for *.HOST: the servers of each person and project "
        "get a name of their own there, so that no page of one project reads another's server.",
    ).tag(config=True)
    servers_url = Unicode(
        "",
        help="https://HOST, another name than the Hub's, for all servers: where no wildcard can be had. "
        "A person then has servers of one project at a time.",
    ).tag(config=True)
    console_port = Int(8002, help="The console's own port on 127.0.0.1, for the front only.").tag(config=True)
    front_uid = Int(
        61007, help="Numeric user and group of the front; no account of the host may have that number."
    ).tag(config=True)
    upload_max_bytes = Int(20 * GIB, help="Largest request to a server, such as an upload, bytes.").tag(
        config=True
    )
    run_root = Unicode("/run/hub-ext", help="Folder of sockets, gone after a restart of the host.").tag(
        config=True
    )
    unpacked_dir = Unicode(
        "", help="Folder of Debian's packages that set-up unpacked and did not install; the doctor reads it."
    ).tag(config=True)
    htmx_file = Unicode("", help="htmx.min.js; without it the console's pages are less alive.").tag(
        config=True
    )

    mail = Dict(
        help='{"server": "smtps://HOST:465", "from": ADDRESS, "username": NAME, "password_file": PATH, '
        '"ca_file": PATH}: letters to people who must act; empty writes none. smtp://HOST:587 turns to TLS '
        "before anything is said."
    ).tag(config=True)

    def settings(self) -> Settings:
        """The settings as one frozen value. Raises SettingsError with the setting's name."""
        if not self.state_dir:
            raise SettingsError(
                "c.HubExt.state_dir is not set.",
                advice=f"Name the settings file in {CONFIG_VARIABLE}, or pass --config.",
            )
        if not (self.instance.isascii() and self.instance.isalnum() and self.instance.islower()):
            raise SettingsError(f"c.HubExt.instance is {self.instance!r}.", advice="Use 1 to 10 of [a-z0-9].")
        if len(self.instance) > 10:
            raise SettingsError(
                f"c.HubExt.instance {self.instance!r} is longer than 10 characters.",
                advice="Use 1 to 10 of [a-z0-9].",
            )
        if not self.engine_url.startswith("unix://"):
            raise SettingsError(
                f"c.HubExt.engine_url is {self.engine_url!r}; only a local socket is supported.",
                advice="Use unix:///var/run/docker.sock. Engines on other hosts come with a later version.",
            )
        if self.gpu_source not in GPU_SOURCES:
            raise SettingsError(
                f"c.HubExt.gpu_source is {self.gpu_source!r}.", advice=f"Use one of {', '.join(GPU_SOURCES)}."
            )
        if not 1 <= self.gpu_shares <= MOST_GPU_SHARES:
            raise SettingsError(
                f"c.HubExt.gpu_shares is {self.gpu_shares}.", advice=f"Use 1 to {MOST_GPU_SHARES}."
            )
        if not self.public_url and (self.subdomain_host or self.servers_url):
            raise SettingsError(
                "c.HubExt.public_url is not set, and servers have another address than the Hub.",
                advice="Set it to the Hub's own address in browsers.",
            )
        if bool(self.ssl_cert) != bool(self.ssl_key):
            raise SettingsError(
                f"c.HubExt.{'ssl_key' if self.ssl_cert else 'ssl_cert'} is not set, and its other half is.",
                advice="Set both, or neither: c.HubExt.ssl_cert and c.HubExt.ssl_key.",
            )
        return Settings(
            state_dir=Path(self.state_dir),
            run_root=Path(self.run_root),
            registries=tuple(_registry(alias, known) for alias, known in self.registries.items()),
            dataset_roots=tuple(Path(root) for root in self.dataset_roots),
            cdi_dirs=tuple(Path(folder) for folder in self.cdi_dirs),
            sizes=tuple(_size(entry) for entry in self.sizes) or DEFAULT_SIZES,
            gpu_devices=tuple(_gpus(self.gpu_devices)),
            role_groups=tuple(_role_groups(self.role_groups)),
            mail=_mail(self.mail) if self.mail else None,
            unpacked_dir=Path(self.unpacked_dir) if self.unpacked_dir else None,
            htmx_file=Path(self.htmx_file) if self.htmx_file else None,
            ssl_cert=Path(self.ssl_cert) if self.ssl_cert else None,
            ssl_key=Path(self.ssl_key) if self.ssl_key else None,
            public_url=self._address(self.public_url),
            subdomain_host=self._address(self.subdomain_host),
            servers_url=self._address(self.servers_url),
            ceilings=Ceilings(self.max_cpus, self.max_mem_bytes, self.max_gpus, self.idle_seconds),
            **_gpu_limits(self.gpu_limits),
            **{name: getattr(self, name) for name in _UNCHANGED},
        )

    def _address(self, url: str) -> str:
        # Set-up writes http:// before it reads what an operator has set.
        over_tls = bool(self.ssl_cert) and url.startswith("http://")
        return f"https://{url.removeprefix('http://')}" if over_tls else url


def _registry(alias: str, known: dict[str, Any]) -> RegistrySettings:
    if set(known) - {"address", "ca_file", "auth_file", "token_hosts"} or "address" not in known:
        raise SettingsError(
            f"c.HubExt.registries[{alias!r}] needs address, and may have ca_file, auth_file, token_hosts."
        )
    ca_file, auth_file = known.get("ca_file"), known.get("auth_file")
    return RegistrySettings(
        alias,
        known["address"],
        ca_file=Path(ca_file) if ca_file else None,
        auth_file=Path(auth_file) if auth_file else None,
        token_hosts=tuple(known.get("token_hosts", ())),
    )


def _gpu_limits(setting: dict[str, dict[str, Any]]) -> dict[str, Any]:
    try:
        if any(value < 0 for held in setting.values() for value in held.values()):
            raise ValueError
        return {f"{LimitKind(kind)}_gpu_limits": GpuLimits(**held) for kind, held in setting.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            "c.HubExt.gpu_limits cannot be used.",
            advice="Name person and project, each with held, lease_hours and month_hours, 0 or more.",
        ) from error


def _gpus(entries: list[dict[str, Any]]) -> Iterator[ListedGpu]:
    seen: set[str] = set()
    for entry in entries:
        device = entry.get("device")
        usable = isinstance(device, str) and _CDI_NAME.fullmatch(device) and device not in seen
        if not usable or set(entry) != {"device", "model", "mem_bytes"}:
            raise SettingsError(
                f"c.HubExt.gpu_devices has a bad entry {entry!r}.",
                advice='Give each device once: a CDI name such as "nvidia.com/gpu=0", model and mem_bytes.',
            )
        seen.add(str(device))
        yield ListedGpu(str(device), str(entry["model"]), int(entry["mem_bytes"]))


def _mail(known: dict[str, str]) -> MailSettings:
    asked = {"server", "from"}
    if set(known) - asked - {"username", "password_file", "ca_file"} or not asked <= set(known):
        raise SettingsError(
            "c.HubExt.mail needs server and from, and may have username, password_file, ca_file."
        )
    password_file, ca_file = known.get("password_file"), known.get("ca_file")
    return MailSettings(
        known["server"],
        known["from"],
        known.get("username", ""),
        Path(password_file) if password_file else None,
        Path(ca_file) if ca_file else None,
    )


def _role_groups(setting: dict[str, list[str]]) -> Iterator[tuple[str, SiteRole]]:
    seen: set[str] = set()
    for role, groups in setting.items():
        if role not in list(SiteRole):
            raise SettingsError(
                f"c.HubExt.role_groups names the role {role!r}.", advice=f"Roles: {', '.join(SiteRole)}."
            )
        for group in groups:
            if group in seen or group.startswith(ROLE_GROUP_PREFIX):
                raise SettingsError(
                    f"c.HubExt.role_groups gives a role to the group {group!r}.",
                    advice=f"A group gives one role, and its name does not begin with {ROLE_GROUP_PREFIX}",
                )
            seen.add(group)
            yield group, SiteRole(role)


def _size(entry: dict[str, Any]) -> Size:
    try:
        return Size(
            entry["slug"], Localised(entry["en"], entry["fr"]), float(entry["cpus"]), int(entry["mem_bytes"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"c.HubExt.sizes has a bad entry {entry!r}.", advice="Give slug, en, fr, cpus and mem_bytes."
        ) from error


def load(path: str | None = None) -> Config:
    """The settings file as a traitlets Config. Raises SettingsError when there is none."""
    path = path or os.environ.get(CONFIG_VARIABLE, "")
    if not path or not Path(path).is_file():
        raise SettingsError(
            f"There is no settings file {path!r}.",
            advice=f"Name it in {CONFIG_VARIABLE}; `make run` writes one under .state/.",
        )
    return PyFileConfigLoader(path).load_config()


def load_settings(path: str | None = None) -> Settings:
    """The settings of the file, or of the one that HUB_EXT_CONFIG names."""
    return HubExt(config=load(path)).settings()
