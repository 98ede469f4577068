"""Faces at the door: who somebody is, as (issuer, subject), and which sign-in groups are known."""

from __future__ import annotations

from typing import Any, Protocol

Identity = tuple[str, str]


class SignIn(Protocol):
    """What the spawner asks of an authenticator. Both are called on the event loop."""

    async def identity(self, user: Any) -> Identity | None:
        """(issuer, subject) of the Hub's user; None where the last sign-in left none."""

    async def known_groups(self, user: Any) -> frozenset[str] | None:
        """The user's sign-in groups; None means unknown, never "none"."""
