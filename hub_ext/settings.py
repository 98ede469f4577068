"""Every shared setting as a frozen value, with units. `config.HubExt` is the one place that makes it.

Secrets are never here: settings name the files (mode 600) that hold them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hub_ext.errors import SettingsError
from hub_ext.model import Ceilings, Localised, SiteRole, Size
from hub_ext.model.gpu_limits import GpuLimits, LimitKind

MIB = 1024**2
GIB = 1024**3

# Groups of the Hub that carry the site's roles; a provider's groups of such a name are left out.
ROLE_GROUP_PREFIX = "hub-ext:"

GPU_SOURCES = ("auto", "nvml", "list", "cdi", "none")
MOST_GPU_SHARES = 16

# A start keeps one core busy until its server answers: more of them at once are no sooner done, and the first
# of them later (bench).
STARTS_AT_ONCE = max(2, os.cpu_count() or 2)

DEFAULT_SIZES = (
    Size("s", Localised("Small: 1 CPU, 2 GiB", "Petite : 1 CPU, 2 Gio"), 1.0, 2 * GIB),
    Size("m", Localised("Medium: 2 CPUs, 4 GiB", "Moyenne : 2 CPU, 4 Gio"), 2.0, 4 * GIB),
    Size("l", Localised("Large: 4 CPUs, 16 GiB", "Grande : 4 CPU, 16 Gio"), 4.0, 16 * GIB),
)


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """A registry: `address` is HOST:PORT as the engine and we reach it, always over TLS.

    `ca_file` None trusts the machine's own authorities. `auth_file` is a JSON object with "username"
    and "password", mode 600; None reads anonymously. `token_hosts` are the other hosts (HOST:PORT) to
    which the registry may send us, password in hand, for a token.
    """

    alias: str
    address: str
    ca_file: Path | None = None
    auth_file: Path | None = None
    token_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedGpu:
    """A GPU that the settings name: its qualified CDI name ("nvidia.com/gpu=0"), and what people read."""

    device: str
    model: str
    mem_bytes: int


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Where letters go out: `server` is smtps://HOST:PORT, or smtp://HOST:PORT, which turns to TLS first.

    `password_file` holds the password alone, mode 600; without a `username` none is sent. `ca_file` None
    trusts the machine's own authorities.
    """

    server: str
    sender: str
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flows and adapters need to know about the site. Paths are absolute."""

    state_dir: Path
    instance: str = "hubext"
    node: str = "local"
    engine_url: str = "unix:///var/run/docker.sock"
    store_url: str = ""  # "" is SQLite at <state_dir>/store.sqlite
    registries: tuple[RegistrySettings, ...] = ()
    seed_image: str = (
        ""  # repository@digest, as the engine knows it, from which volumes are seeded and probes run
    )
    network_subnet: str = "10.213.0.0/22"
    hub_port: int = 8081  # on 127.0.0.1
    dataset_roots: tuple[Path, ...] = ()
    sizes: tuple[Size, ...] = DEFAULT_SIZES
    ceilings: Ceilings = Ceilings(cpus=8.0, mem_bytes=32 * GIB, gpus=1, idle_seconds=2 * 3600)
    gpu_source: str = "auto"  # one of GPU_SOURCES
    gpu_devices: tuple[ListedGpu, ...] = ()  # where no driver tells
    cdi_dirs: tuple[Path, ...] = (Path("/etc/cdi"), Path("/var/run/cdi"))
    gpu_shares: int = 1
    person_gpu_limits: GpuLimits = GpuLimits()
    project_gpu_limits: GpuLimits = GpuLimits()
    home_bytes: int = 10 * GIB
    project_bytes: int = 50 * GIB
    disk_reserve_bytes: int = 2 * GIB
    pids: int = 1024
    shm_bytes: int = 1 * GIB
    tmp_bytes: int = 2 * GIB
    log_max_bytes: int = 10 * MIB
    prepull: bool = True  # images are fetched when they are published
    pull_seconds: int = 1800
    start_seconds: int = 120
    stop_seconds: int = 10
    engine_seconds: int = 30  # any other engine call
    concurrent_starts: int = STARTS_AT_ONCE
    busy_ceiling_seconds: int = 7 * 24 * 3600
    gpu_idle_seconds: int = 1800
    extension_seconds: int = 2 * 3600  # more time, asked for after a warning
    extensions_most: int = 3  # of one launch
    cull_seconds: int = 60  # between two sweeps of the culler
    queue_most: int = 100  # requests in line for GPUs; 0: nobody waits
    queue_most_person: int = 3  # of one person
    queue_aged_seconds: int = 24 * 3600  # who has waited for longer goes strictly first
    queue_seconds: float = 3.0  # between two looks at the line
    reconcile_seconds: int = 30  # between two listings of the reconciler, which hears events beside them
    revoke_seconds: float = 5.0  # between two looks for rights that have ended
    revoke_hub_seconds: float = 15.0  # for the Hub to end a session, before the engine is told
    cull_brake_share: float = 0.5  # of the running servers, in one sweep
    cull_brake_least: int = 4  # fewer culls than this are never braked
    time_zone: str = "UTC"
    sign_in: str = "demo"  # demo | oauth
    role_groups: tuple[tuple[str, SiteRole], ...] = ()  # a group of the sign-in provider, and its role
    bind_url: str = "http://127.0.0.1:8000"  # where the front listens for browsers
    ssl_cert: Path | None = None  # its certificate with its chain (PEM), by which it speaks TLS
    ssl_key: Path | None = None  # the key of that, mode 600
    public_url: str = ""  # the Hub's address in browsers
    subdomain_host: str = ""  # URL: each person and project has a name of its own below its host
    servers_url: str = ""  # one other name for all servers, where no wildcard can be had
    console_port: int = 8002  # on 127.0.0.1, for the front only
    front_uid: int = 61007  # user and group of the front, which has no account
    upload_max_bytes: int = 20 * GIB  # of one request to a server
    run_root: Path = Path("/run/hub-ext")  # what is gone after a restart of the host
    mail: MailSettings | None = None  # None: nobody is written to
    unpacked_dir: Path | None = None  # Debian's packages that are used without being installed
    htmx_file: Path | None = None  # the script that the console serves beside its own

    def gpu_limits(self, kind: LimitKind) -> GpuLimits:
        """What holds for everybody of that kind."""
        return self.person_gpu_limits if kind is LimitKind.PERSON else self.project_gpu_limits

    @property
    def store(self) -> str:
        """The store's SQLAlchemy URL."""
        return self.store_url or f"sqlite:///{self.state_dir / 'store.sqlite'}"

    @property
    def secrets_dir(self) -> Path:
        """Keys and tokens, mode 700."""
        return self.state_dir / "secrets"

    @property
    def front_url(self) -> str:
        """The front's own address on this machine."""
        scheme = "https" if self.ssl_cert else "http"
        return f"{scheme}://{':'.join(address_and_port(self.bind_url))}"

    @property
    def browser_url(self) -> str:
        """The Hub's address in browsers, without a slash at its end."""
        return (self.public_url or self.front_url).rstrip("/")

    @property
    def sessions_dir(self) -> Path:
        """What containers read of their sessions, a folder each; mode 700."""
        return self.state_dir / "sessions"

    @property
    def shares_origin(self) -> bool:
        """Whether the pages of servers have the Hub's own origin in browsers."""
        return not (self.subdomain_host or self.servers_url)

    @property
    def one_project_at_a_time(self) -> bool:
        """Whether all servers of a person share an origin: those of two projects must not meet there."""
        return bool(self.servers_url) and not self.subdomain_host

    @property
    def run_dir(self) -> Path:
        """Sockets of this instance."""
        return self.run_root / self.instance

    @property
    def gate_socket(self) -> Path:
        """Where the front asks the gate."""
        return self.run_dir / "gate.sock"

    @property
    def demo_provider_file(self) -> Path:
        """The accounts of the demo's own sign-in provider; there only where an instance has one."""
        return self.secrets_dir / "oidc-provider.json"

    @property
    def demo_accounts_file(self) -> Path:
        """The demo sign-in's accounts, mode 600."""
        return self.state_dir / "demo_accounts.json"

    @property
    def hub_dir(self) -> Path:
        """The Hub's own database and cookie secret."""
        return self.state_dir / "hub"

    @property
    def network_name(self) -> str:
        """The closed Docker network of this instance."""
        return f"{self.instance}-net"

    @property
    def network_bridge(self) -> str:
        """Its bridge on the host. Linux allows 15 characters."""
        return f"br-{self.instance}"[:15]

    def registry(self, alias: str) -> RegistrySettings | None:
        """The registry of that alias, or None where no such alias is configured."""
        return next((known for known in self.registries if known.alias == alias), None)


def address_and_port(bind_url: str) -> tuple[str, str]:
    """Of "http://ADDRESS:PORT"; "" for what it does not name."""
    place = bind_url.partition("://")[2].rstrip("/")
    address, colon, port = place.rpartition(":")
    return (address, port) if colon else (place, "")


def check_origins(settings: Settings) -> None:
    """Raises SettingsError where others than this machine would reach servers at the Hub's own origin.

    There a page of one server could act in the Hub, and in every other server, with its reader's rights.
    """
    address, _ = address_and_port(settings.bind_url)
    if settings.shares_origin and not address.startswith("127."):
        raise SettingsError(
            "Browsers would find servers at the Hub's own origin at {address}.",
            advice="Set c.HubExt.public_url, and c.HubExt.subdomain_host or servers_url, as docs/operate.md "
            "says; or listen on 127.0.0.1 and come by `ssh -L`.",
            address=address,
        )
    hub, servers = (
        urlsplit(settings.public_url).hostname or "",
        urlsplit(settings.subdomain_host).hostname or "",
    )
    if _of_this_machine(servers) and not _of_this_machine(hub):
        raise SettingsError(
            "The Hub is at {hub}, and servers are at {servers}, where browsers find only their own machine.",
            advice="Set c.HubExt.subdomain_host or servers_url too, as docs/operate.md says.",
            hub=settings.public_url,
            servers=settings.subdomain_host,
        )


def _of_this_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or host.startswith("127.")
