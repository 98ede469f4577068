"""Where an instance keeps its things, and how secrets are written."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

STATE_VARIABLE = "HUB_EXT_STATE"
SHARED_VARIABLE = "HUB_EXT_SHARED"
CHECKOUT = Path(__file__).resolve().parents[3]


def state_dir() -> Path:
    """The state's folder: HUB_EXT_STATE, or .state in the checkout. Absolute; need not exist."""
    return Path(os.environ.get(STATE_VARIABLE) or CHECKOUT / ".state").absolute()


def shared_dir() -> Path:
    """What the states of one checkout share: unpacked programs, and an engine of hub-ext's own.

    HUB_EXT_SHARED; else .state for the states that lie in it, and the state itself for others.
    """
    if named := os.environ.get(SHARED_VARIABLE):
        return Path(named).resolve()
    common, state = (CHECKOUT / ".state").resolve(), state_dir().resolve()
    return common if state.is_relative_to(common) else state


def programs_dir() -> Path:
    """The root of Debian's packages that were unpacked and not installed; need not exist."""
    return shared_dir() / "unpacked" / "current"


@dataclass(frozen=True, slots=True)
class Layout:
    """The files under the state's folder. Whatever is secret lies under `secrets` (mode 700)."""

    state: Path

    @property
    def settings_file(self) -> Path:
        """What HUB_EXT_CONFIG names; no secrets."""
        return self.state / "hub_ext_config.py"

    @property
    def local_settings_file(self) -> Path:
        """The operator's own settings, read after ours and never written by us."""
        return self.state / "hub_ext_local.py"

    @property
    def provider_settings_file(self) -> Path:
        """The settings of a sign-in through the demo's own provider; there where the instance has one."""
        return self.state / "hub_ext_provider.py"

    @property
    def choices_file(self) -> Path:
        """What was chosen once: instance name, subnet, ports."""
        return self.state / "choices.json"

    @property
    def lock_file(self) -> Path:
        """Held by whoever sets up or runs this instance."""
        return self.state / "run.lock"

    @property
    def pid_file(self) -> Path:
        """Who holds the lock, for people to read."""
        return self.state / "run.pid"

    @property
    def build_lock_file(self) -> Path:
        """Held by whoever builds images, beside a running instance or as a part of its start."""
        return self.state / "build.lock"

    @property
    def build_pid_file(self) -> Path:
        """Who holds that lock, for people to read."""
        return self.state / "build.pid"

    @property
    def secrets(self) -> Path:
        """Keys, passwords and tokens."""
        return self.state / "secrets"

    @property
    def registry(self) -> Path:
        """The registry's configuration, certificates and blobs."""
        return self.state / "registry"

    @property
    def authority(self) -> Path:
        """Certificate of the instance's own authority."""
        return self.registry / "ca.crt"

    @property
    def registry_auth(self) -> Path:
        """The registry's account as a JSON object."""
        return self.secrets / "registry-auth.json"

    @property
    def data(self) -> Path:
        """Under it lie the datasets that came with hub-ext; the one root until an operator adds others."""
        return self.state / "data"

    @property
    def docker_config(self) -> Path:
        """DOCKER_CONFIG of our pushes: holds the registry's account."""
        return self.secrets / "docker"

    @property
    def demo_passwords(self) -> Path:
        """The demo accounts' passwords, kept so that each start can show them."""
        return self.secrets / "demo-passwords.json"

    @property
    def provider_file(self) -> Path:
        """What the demo's own provider reads: its client's secret and its accounts with their passwords."""
        return self.secrets / "oidc-provider.json"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.state / "logs"

    @property
    def htmx_file(self) -> Path:
        """The console's htmx."""
        return self.state / "htmx" / "django_htmx" / "static" / "django_htmx" / "htmx-2.min.js"

    @property
    def front(self) -> Path:
        """The front's configuration and pages, and what it writes while it runs."""
        return self.state / "front"

    @property
    def node(self) -> Path:
        """Where npm put the demo's provider; there where the instance has one."""
        return self.state / "node"

    @property
    def hub(self) -> Path:
        """The Hub's own database and cookie secret; it runs in this folder."""
        return self.state / "hub"

    def make(self) -> None:
        """Create the folders. Safe to repeat."""
        for folder in (self.state, self.registry, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.secrets, self.docker_config, self.logs, self.hub):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


def write_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write the whole file or nothing: a reader never sees half of it, at no moment with a wider mode."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def write_private(path: Path, text: str) -> None:
    """As write_file, readable by its owner only."""
    write_file(path, text, mode=0o600)


def kept_secret(path: Path, length: int = 32) -> str:
    """The secret of that file; made of `length` random bytes, in hexadecimal, at first use."""
    if not path.exists():
        write_private(path, secrets.token_hex(length))
    return path.read_text(encoding="utf-8").strip()
