"""What the gate gives browsers to keep: encrypted, and bound to a purpose and to one launch."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_ext.errors import HubExtError

KEY_BYTES = 32
_NONCE_BYTES = 12
_MOST_LETTERS = 8192


class GateKeyError(HubExtError):
    """The key of the gate's cookies cannot be used."""


class Seal:
    """Seals with AES-256-GCM. What it sealed for another purpose or launch does not open."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._kept_unseal = lru_cache(maxsize=2048)(self._unseal)

    def seal(self, text: str, bound_to: str) -> str:
        """The text as letters that fit a cookie."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), bound_to.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def unseal(self, letters: str, bound_to: str) -> str | None:
        """The text; None for anything that was not sealed so with this key."""
        return self._kept_unseal(letters, bound_to) if len(letters) <= _MOST_LETTERS else None

    def _unseal(self, letters: str, bound_to: str) -> str | None:
        try:
            sealed = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
            nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, text, bound_to.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def kept_key(path: Path) -> bytes:
    """The key in that file (mode 600), made at first use. Raises GateKeyError."""
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise GateKeyError(
            "{path} cannot be read or written: {why}.", path=str(path), why=str(error.strerror)
        ) from error
    if len(key) != KEY_BYTES:
        raise GateKeyError(
            "{path} is not the gate's key.",
            advice="Remove it: a new one is made, and everybody's browser signs in again by itself.",
            path=str(path),
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        # Whole or not at all, and never over the key that another gate has just made.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
