"""The real docker-registry over TLS, with a password or with tokens; and pushing to it by its own API."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub_ext.adapters.registry.manifests import OCI_INDEX, OCI_MANIFEST, digest_of
from hub_ext.settings import RegistrySettings
from tests.support.certificates import Authority
from tests.support.ports import free_port

USERNAME, PASSWORD = "curator", "pass:wörd"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def auth_file(path: Path, username: str = USERNAME, password: str = PASSWORD, mode: int = 0o600) -> Path:
    """A file of credentials as hub-ext reads it."""
    path.write_text(json.dumps({"username": username, "password": password}))
    path.chmod(mode)
    return path


@dataclass
class LiveRegistry:
    """A running registry. `push` speaks its API with urllib, so that our client is not tested by itself."""

    settings: RegistrySettings
    process: subprocess.Popen[bytes]
    authorization: str = ""
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Send, and return the answer's headers. Raises HTTPError for a status that is no success."""
        url = path if path.startswith("https://") else f"https://{self.settings.address}{path}"
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:  # noqa: S310
            return dict(answer.headers)

    def push_blob(self, path: str, body: bytes) -> str:
        """Upload a blob; its digest."""
        digest = digest_of(body)
        place = self.request("POST", f"/v2/{path}/blobs/uploads/", b"")["Location"]
        joint = "&" if "?" in place else "?"
        self.request(
            "PUT", f"{place}{joint}digest={digest}", body, {"Content-Type": "application/octet-stream"}
        )
        return digest

    def push_manifest(self, path: str, reference: str, value: Mapping[str, Any]) -> str:
        """Put a manifest or index under a tag (or its digest, for ""); its digest."""
        body = json.dumps(value).encode()
        headers = {"Content-Type": str(value["mediaType"])}
        self.request("PUT", f"/v2/{path}/manifests/{reference or digest_of(body)}", body, headers)
        return digest_of(body)

    def push_image(
        self,
        path: str,
        tag: str,
        *,
        architecture: str = "amd64",
        config: Mapping[str, Any] | None = None,
        layer: bytes = b"layer",
        history: list[dict[str, str]] | None = None,
    ) -> str:
        """Push a small image; its digest. Another `layer` gives another digest."""
        described = {
            "os": "linux",
            "architecture": architecture,
            "created": "2026-01-02T03:04:05Z",
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            "history": history or [],
        }
        body = json.dumps(described).encode()
        return self.push_manifest(
            path,
            tag,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {
                    "mediaType": OCI_CONFIG,
                    "digest": self.push_blob(path, body),
                    "size": len(body),
                },
                "layers": [
                    {"mediaType": OCI_LAYER, "digest": self.push_blob(path, layer), "size": len(layer)}
                ],
            },
        )

    def push_index(self, path: str, tag: str, platforms: Mapping[str, str]) -> str:
        """Push an index of digests by "os/architecture"; its digest."""
        manifests = []
        for name, digest in platforms.items():
            system, _, architecture = name.partition("/")
            size = int(
                self.request("HEAD", f"/v2/{path}/manifests/{digest}", None, {"Accept": OCI_MANIFEST})[
                    "Content-Length"
                ]
            )
            manifests.append(
                {
                    "mediaType": OCI_MANIFEST,
                    "digest": digest,
                    "size": size,
                    "platform": {"os": system, "architecture": architecture},
                }
            )
        return self.push_manifest(
            path, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        )

    def stop(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def live_registry(
    folder: Path, authority: Authority, *, token: Mapping[str, Any] | None = None, alias: str = "main"
) -> Iterator[LiveRegistry]:
    """A registry with htpasswd, or with `auth.token` settings; deletion on; stopped at the end."""
    certificate, key = authority.issue(f"registry-{alias}", hosts=("localhost", "127.0.0.1"))
    port = free_port()
    address = f"localhost:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    auth: dict[str, Any] = {"token": dict(token or {})}
    if token is None:
        passwords = folder / "htpasswd"
        line = subprocess.run(
            ["htpasswd", "-niB", "-C", "4", USERNAME],
            input=PASSWORD.encode(),
            capture_output=True,
            check=True,
        )
        passwords.write_bytes(line.stdout)
        auth = {"htpasswd": {"realm": "hub-ext test", "path": str(passwords)}}
    configuration = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
        },
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(certificate), "key": str(key)},
        },
        "auth": auth,
    }
    (folder / "config.yml").write_text(yaml.safe_dump(configuration))
    settings = RegistrySettings(
        alias, address, ca_file=authority.ca_file, auth_file=auth_file(folder / "auth.json")
    )
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdout=log,
            stderr=log,
            env=environment,
        )
    basic = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    context = ssl.create_default_context(cafile=authority.ca_file)
    running = LiveRegistry(settings, process, "" if token else basic, context)
    try:
        _wait(running, folder / "log")
        yield running
    finally:
        running.stop()


def _wait(registry: LiveRegistry, log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until and registry.process.poll() is None:
        try:
            registry.request("GET", "/v2/")
        except urllib.error.HTTPError:
            return  # it asks for a token
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"docker-registry does not come up: {log.read_text()[-2000:]}")
