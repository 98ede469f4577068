"""Credentials and challenges of a registry.

A registry answers 401 with a challenge: Basic (send the password) or Bearer (fetch a token from a realm).
The realm's host is checked before a password goes there: the challenge comes from outside.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from hub_ext.errors import RegistryDenied, RegistryError, SettingsError
from hub_ext.phrase import Phrase
from hub_ext.settings import RegistrySettings

MOST_BYTES = 64 * 1024
_PARAMETER = re.compile(r'([a-zA-Z]+)=(?:"([^"]*)"|([^\s",]+))')


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A username and a password that no repr shows."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"

    def basic(self) -> str:
        """The Authorization header."""
        both = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(both).decode()}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for. `scheme` is "basic" or "bearer"."""

    scheme: str
    parameters: Mapping[str, str]


def read_credentials(registry: RegistrySettings) -> Credentials | None:
    """The credentials in the registry's auth file; None where none is configured. Raises SettingsError."""
    path = registry.auth_file
    if path is None:
        return None
    setting = Phrase("`auth_file` of c.HubExt.registries[{alias!r}]", alias=registry.alias)
    body = _read_private(path, setting)
    try:
        value = json.loads(body)
        username, password = value["username"], value["password"]
        if not (isinstance(username, str) and isinstance(password, str) and username and ":" not in username):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        # No cause: a parser's message may quote the password.
        raise SettingsError(
            "{path}, the {setting}, cannot be used.",
            advice='Write {"username": "…", "password": "…"} into it.',
            path=str(path),
            setting=setting,
        ) from None
    return Credentials(username, password)


def _read_private(path: Path, setting: Phrase) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb") as file:
            state = os.fstat(opened)
            if not stat.S_ISREG(state.st_mode):
                raise SettingsError("{path}, the {setting}, is not a file.", path=str(path), setting=setting)
            if state.st_mode & 0o077:
                raise SettingsError(
                    "{path}, the {setting}, is open to others (mode {mode}).",
                    advice="Run `chmod 600 {path}`, and change the password if others may have read it.",
                    path=str(path),
                    setting=setting,
                    mode=f"{stat.S_IMODE(state.st_mode):o}",
                )
            return file.read(MOST_BYTES)
    except OSError as error:
        raise SettingsError(
            "{path}, the {setting}, cannot be read: {why}.",
            advice="Check its name and owner; `make run` writes one for its own registry.",
            path=str(path),
            setting=setting,
            why=error.strerror,
        ) from error


def parse_challenge(headers: list[str]) -> Challenge | None:
    """The challenge of WWW-Authenticate headers, Bearer before Basic; None where there is neither."""
    found = {}
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        found[scheme.lower()] = {
            name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)
        }
    for scheme in ("bearer", "basic"):
        if scheme in found:
            return Challenge(scheme, found[scheme])
    return None


def token_url(registry: RegistrySettings, challenge: Challenge, scope: str) -> URL:
    """Where a token for that scope of ours is fetched. Raises RegistryDenied for a host that is not allowed.

    The scope is the one we need, not the one that the challenge proposes.
    """
    try:
        realm = URL(challenge.parameters.get("realm", ""))
    except ValueError:
        realm = URL()
    if not realm.host:
        raise RegistryError(
            "The registry {address} wants a token and names no address to fetch it.",
            advice="Ask whoever runs the registry to mend its auth.token.realm.",
            address=registry.address,
        )
    host = f"{realm.host}:{realm.port}"
    allowed = {with_port(known) for known in (registry.address, *registry.token_hosts)}
    if realm.scheme != "https" or host not in allowed or realm.user is not None:
        raise RegistryDenied(
            "The registry {address} sends us to {scheme}://{host} for a token; our password does not "
            "go there.",
            advice="If that host is right and speaks TLS, add {host!r} to `token_hosts` of "
            "c.HubExt.registries[{alias!r}].",
            address=registry.address,
            scheme=realm.scheme,
            host=host,
            alias=registry.alias,
        )
    query = {"scope": scope} if scope else {}
    if service := challenge.parameters.get("service"):
        query["service"] = service
    return realm.with_query({**realm.query, **query}).with_fragment(None)


def with_port(address: str) -> str:
    """HOST:PORT of an address that may lack the port."""
    url = URL(f"https://{address}")
    return f"{url.host}:{url.port}"
