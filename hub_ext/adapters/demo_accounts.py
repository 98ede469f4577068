"""The accounts of the embedded demo sign-in: a file of usernames and bcrypt hashes, mode 600.

Made for a first try on one machine. It has no lost-password page, no second factor and no roles.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import bcrypt

from hub_ext.errors import InputError, SettingsError

MOST_BYTES = 72  # bcrypt looks no further
ROUNDS = 11

# Checked for usernames that do not exist, so that the time of an answer does not tell which ones do.
_NOBODY = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(ROUNDS))


def write(path: Path, passwords: Mapping[str, str]) -> None:
    """Replace the file by these accounts; their passwords are kept as hashes only.

    Raises InputError for an empty password or one above 72 bytes.
    """
    for username, password in passwords.items():
        if not 1 <= len(password.encode()) <= MOST_BYTES:
            raise InputError(
                "The password of {username!r} must have 1 to {most} bytes.",
                username=username,
                most=MOST_BYTES,
            )
    hashes = {
        username: bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS)).decode()
        for username, password in passwords.items()
    }
    # mkstemp makes the file with mode 600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"accounts": hashes}, file, indent=1)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def usernames(path: Path) -> frozenset[str]:
    """Who may sign in. Raises SettingsError for a file that is missing, malformed or readable by others."""
    return frozenset(_hashes(path))


def verify(path: Path, username: str, password: str) -> bool:
    """Whether this is the password of that account; takes as long for an account that does not exist.

    Raises SettingsError as `usernames`.
    """
    known = _hashes(path).get(username)
    given = password.encode()
    if len(given) > MOST_BYTES or b"\0" in given:
        known, given = None, b"-"
    matches = bcrypt.checkpw(given, known.encode() if known else _NOBODY)
    return matches and known is not None


def _hashes(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(
                "{path} can be read by others.",
                advice="Run: chmod 600 {path}, and change its passwords.",
                path=str(path),
            )
        accounts = dict(json.loads(path.read_text(encoding="utf-8"))["accounts"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            "{path} holds no demo accounts ({kind}).",
            advice="`make run` writes it; for production set c.HubExt.sign_in = 'oauth'.",
            path=str(path),
            kind=type(error).__name__,
        ) from error
    return accounts
