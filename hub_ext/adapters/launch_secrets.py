"""The secrets of a running launch: a file of its own, readable by its owner only.

The Hub writes it before the container starts and removes it when the launch has ended; the gate and the
culler read it. A Hub or a gate that starts again finds it there.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hub_ext.errors import HubExtError
from hub_ext.settings import Settings


class LaunchSecretsError(HubExtError):
    """The secrets of a launch cannot be written or read."""


@dataclass(frozen=True, slots=True)
class LaunchSecrets:
    """What opens one server.

    `token` is the secret that the server inside the container expects. The rest is the server's OAuth client
    at the Hub: whoever enters is sent there, comes back to `oauth_callback_url`, and needs one of
    `oauth_scopes`.
    """

    token: str = field(repr=False)
    oauth_client_id: str
    oauth_client_secret: str = field(repr=False)
    oauth_scopes: tuple[str, ...]
    oauth_callback_url: str


def write(settings: Settings, launch_id: str, launch_secrets: LaunchSecrets) -> None:
    """Write the whole file or nothing. Raises LaunchSecretsError."""
    path = _path(settings, launch_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(launch_secrets), file)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise LaunchSecretsError(
            "{path} cannot be written: {why}.", path=str(path), why=str(error)
        ) from error


def read(settings: Settings, launch_id: str) -> LaunchSecrets | None:
    """The secrets of that launch; None where there are none, as after its end. Raises LaunchSecretsError."""
    path = _path(settings, launch_id)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return LaunchSecrets(**{**fields, "oauth_scopes": tuple(fields["oauth_scopes"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchSecretsError("{path} cannot be read: {why}.", path=str(path), why=str(error)) from error


def remove(settings: Settings, launch_id: str) -> None:
    """Remove the file; nothing where there is none. Raises LaunchSecretsError."""
    path = _path(settings, launch_id)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise LaunchSecretsError(
            "{path} cannot be removed: {why}.", path=str(path), why=str(error)
        ) from error


def launch_ids(settings: Settings) -> frozenset[str]:
    """The launches that have secrets. Raises LaunchSecretsError."""
    folder = _folder(settings)
    try:
        return frozenset(path.stem for path in folder.glob("*.json")) if folder.exists() else frozenset()
    except OSError as error:
        raise LaunchSecretsError("{path} cannot be read: {why}.", path=str(folder), why=str(error)) from error


def _folder(settings: Settings) -> Path:
    return settings.secrets_dir / "launches"


def _path(settings: Settings, launch_id: str) -> Path:
    if not launch_id.replace("-", "").isalnum():
        raise ValueError(f"{launch_id!r} is no launch's id")
    return _folder(settings) / f"{launch_id}.json"
