"""The private registry: Debian's docker-registry with TLS, a password and deletion, on the gateway only."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt

from hub_ext.cli.setup.authority import ensure_authority, ensure_server_certificate
from hub_ext.cli.setup.children import Child, ChildFailed, start
from hub_ext.cli.setup.layout import Layout, kept_secret, programs_dir, write_private
from hub_ext.settings import RegistrySettings

ALIAS = "local"
USERNAME = "hub-ext"
_READY_SECONDS = 20
_AGAIN_SECONDS = 20

# Quoted by json.dumps, which YAML reads too.
_CONFIGURATION = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
http:
  addr: {address}
  secret: {secret}
  tls: {{certificate: {certificate}, key: {key}, minimumtls: tls1.2}}
  headers: {{X-Content-Type-Options: [nosniff]}}
auth:
  htpasswd: {{realm: hub-ext, path: {htpasswd}}}
"""


def prepare(layout: Layout, address: str, *, data: Path | None = None) -> RegistrySettings:
    """Certificates, account and configuration for a registry at HOST:PORT; kept where they still serve.

    `data` is where its blobs lie, by default under the state's folder.
    """
    layout.make()
    keys, folder = layout.secrets, layout.registry
    ensure_authority(layout.authority, keys / "ca.key", address)
    ensure_server_certificate(
        folder / "server.crt",
        keys / "registry.key",
        layout.authority,
        keys / "ca.key",
        address.rpartition(":")[0],
    )
    password = _account(layout)
    _htpasswd(keys / "registry.htpasswd", password)
    _docker_login(layout, address, password)
    configuration = _CONFIGURATION.format(
        data=json.dumps(str(data or folder / "data")),
        address=json.dumps(address),
        secret=json.dumps(kept_secret(keys / "registry-http-secret")),
        certificate=json.dumps(str(folder / "server.crt")),
        key=json.dumps(str(keys / "registry.key")),
        htpasswd=json.dumps(str(keys / "registry.htpasswd")),
    )
    write_private(keys / "registry.yml", configuration)
    return RegistrySettings(ALIAS, address, ca_file=layout.authority, auth_file=layout.registry_auth)


def run(layout: Layout, known: RegistrySettings) -> Child:
    """Start the prepared registry; returns once it answers over TLS with its password.

    Raises ChildFailed where it does not.
    """
    child = _started(layout)
    try:
        child.wait_ready(lambda: answers(known), _READY_SECONDS)
    except BaseException:
        child.stop()
        raise
    return child


@dataclass(slots=True)
class Running:
    """The registry of an instance that runs: `child`, or another one in its place."""

    layout: Layout
    child: Child
    _next_start: float = field(default=0.0, init=False)

    def start_again(self) -> bool:
        """Start it where it has ended, at most every 20 s; whether that was done. It need not answer yet.

        Servers that run need no registry: one that does not come up ends nothing.
        """
        if self.child.running or time.monotonic() < self._next_start:
            return False
        self._next_start = time.monotonic() + _AGAIN_SECONDS
        self.child = _started(self.layout)
        return True


def _started(layout: Layout) -> Child:
    unpacked = programs_dir() / "usr/bin/docker-registry"
    program = str(unpacked) if unpacked.exists() else shutil.which("docker-registry")
    if program is None:
        raise ChildFailed("There is no docker-registry.", advice="Run `make run`, which unpacks it.")
    return start(
        "The registry",
        [program, "serve", str(layout.secrets / "registry.yml")],
        layout.logs / "registry.log",
        environment={"PATH": "/usr/bin:/bin"},
    )


def answers(known: RegistrySettings) -> bool:
    """Whether that registry answers over trusted TLS and takes our account."""
    assert known.ca_file is not None
    assert known.auth_file is not None
    account = json.loads(known.auth_file.read_text(encoding="utf-8"))
    plain = f"{account['username']}:{account['password']}"
    request = urllib.request.Request(
        f"https://{known.address}/v2/",
        headers={"Authorization": f"Basic {base64.b64encode(plain.encode()).decode()}"},
    )
    context = ssl.create_default_context(cafile=str(known.ca_file))
    # The machine's proxy, if any, does not know our closed network.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _account(layout: Layout) -> str:
    if not layout.registry_auth.exists():
        account = {"username": USERNAME, "password": secrets.token_urlsafe(24)}
        write_private(layout.registry_auth, json.dumps(account) + "\n")
    password: str = json.loads(layout.registry_auth.read_text(encoding="utf-8"))["password"]
    return password


def _htpasswd(path: Path, password: str) -> None:
    if path.exists():
        _, _, known = path.read_text(encoding="utf-8").strip().partition(":")
        if bcrypt.checkpw(password.encode(), known.encode()):
            return
    # Go's bcrypt, in the registry, knows the prefix 2a. It checks each request, and 144 random bits need no
    # stretching: the fewest rounds that there are.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    write_private(path, f"{USERNAME}:{hashed}\n")


def _docker_login(layout: Layout, address: str, password: str) -> None:
    """What `docker login` would write, without a password among a command's arguments."""
    token = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    write_private(
        layout.docker_config / "config.json", json.dumps({"auths": {address: {"auth": token}}}) + "\n"
    )
