"""The embedded sign-in of `make run`. Not for production, and doctor says so."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Callable, Float, Unicode

from hub_ext.adapters import demo_accounts
from hub_ext.sign_in import AuthState, Identity
from hub_ext.sign_in.role_groups import without_ours

ISSUER = "demo"


class DemoAuthenticator(Authenticator):
    """Usernames and passwords from a file of bcrypt hashes.

    Failures of one username are answered one after the other, each later than the one before, up to
    `slowest_seconds`: guessing through parallel requests is no faster.
    """

    accounts_file = Unicode("", help="File written by `make run`; mode 600.").tag(config=True)
    groups_hook = Callable(
        None,
        allow_none=True,
        help="Adds the groups that carry roles, at each refresh; set by hub-ext itself.",
    ).tag(config=True)
    slowest_seconds = Float(8.0, help="Longest wait after a wrong password, seconds.").tag(config=True)

    # The file is the list of who may sign in.
    allow_all = True
    # It has no groups itself; those that carry roles of the store come with the sign-in.
    manage_groups = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._failures: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        # bcrypt takes a tenth of a second of a CPU: never on the event loop, never on every core.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="demo-sign-in")

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """The account of these credentials, or None after a wait."""
        username = self.normalize_username(data.get("username", ""))[:64]
        turn = self._turns.setdefault(username, asyncio.Lock())
        async with turn:
            right = await asyncio.get_running_loop().run_in_executor(
                self._executor,
                demo_accounts.verify,
                Path(self.accounts_file),
                username,
                data.get("password", ""),
            )
            if right:
                self._failures.pop(username, None)
                return {"name": username, "admin": False, "groups": []}
            failures = self._failures[username] = self._failures.get(username, 0) + 1
            await asyncio.sleep(min(0.5 * 2 ** min(failures - 1, 10), self.slowest_seconds))
        self._forget()
        return None

    def identity(self, username: str, auth_state: AuthState) -> Identity | None:
        """("demo", username): an account's name is its subject."""
        return ISSUER, username

    def known_groups(self, hub_groups: frozenset[str], auth_state: AuthState) -> frozenset[str] | None:
        """The Hub's own groups, but for those that carry roles."""
        return without_ours(hub_groups)

    def confirmed(self, auth_state: AuthState) -> bool:
        """Always: the accounts' file is this machine's own."""
        return True

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """The groups of the roles that the person has by now."""
        if self.groups_hook is None:
            return True
        groups = await self.groups_hook(self.identity(user.name, None), ())
        return {"name": user.name, "groups": groups}

    def _forget(self) -> None:
        # Usernames that somebody makes up must not fill the memory.
        if len(self._failures) > 1000:
            self._failures.clear()
            self._turns = {name: turn for name, turn in self._turns.items() if turn.locked()}
