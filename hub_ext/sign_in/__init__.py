"""Faces at the door: who somebody is, as (issuer, subject), and which sign-in groups are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Identity = tuple[str, str]
AuthState = Mapping[str, Any] | None


class SignIn(Protocol):
    """What we ask of an authenticator of ours. `auth_state` is what the last sign-in left at the Hub."""

    def identity(self, username: str, auth_state: AuthState) -> Identity | None:
        """(issuer, subject) of that sign-in; None where it left none."""

    def known_groups(self, hub_groups: frozenset[str], auth_state: AuthState) -> frozenset[str] | None:
        """The sign-in groups, from the Hub's copy; None means unknown, never "none"."""

    def confirmed(self, auth_state: AuthState) -> bool:
        """Whether the sign-in was confirmed recently enough to start something new."""
