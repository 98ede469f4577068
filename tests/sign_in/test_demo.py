"""Wrong passwords wait, each longer than the one before, in parallel requests too."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hub_ext.adapters import demo_accounts
from hub_ext.sign_in.demo import DemoAuthenticator


@pytest.fixture
def door(tmp_path: Path) -> DemoAuthenticator:
    path = tmp_path / "accounts.json"
    demo_accounts.write(path, {"ada": "correct horse"})
    return DemoAuthenticator(accounts_file=str(path), slowest_seconds=1.0)


async def test_an_account_signs_in_and_is_no_admin(door: DemoAuthenticator) -> None:
    assert await door.authenticate(None, {"username": "Ada", "password": "correct horse"}) == {
        "name": "ada",
        "admin": False,
        "groups": [],
    }


async def test_wrong_passwords_of_one_name_queue_and_slow_down(door: DemoAuthenticator) -> None:
    begin = time.monotonic()
    answers = await asyncio.gather(
        *(door.authenticate(None, {"username": "ada", "password": f"guess {n}"}) for n in range(3))
    )
    assert answers == [None, None, None]
    assert time.monotonic() - begin > 0.5 + 1.0 + 1.0


async def test_another_name_does_not_wait_for_them(door: DemoAuthenticator) -> None:
    slow = asyncio.create_task(door.authenticate(None, {"username": "bob", "password": "x"}))
    await asyncio.sleep(0.05)
    assert await door.authenticate(None, {"username": "ada", "password": "correct horse"})
    assert not slow.done(), "ada waited until bob had his answer"
    await slow


def test_who_somebody_is(door: DemoAuthenticator) -> None:
    assert door.identity("ada", None) == ("demo", "ada")
    assert door.known_groups(frozenset({"staff", "hub-ext:curator"}), None) == {"staff"}


async def test_roles_that_change_reach_the_hub_at_the_next_refresh(door: DemoAuthenticator) -> None:
    async def hook(identity: tuple[str, str] | None, groups: object) -> list[str]:
        assert identity == ("demo", "ada")
        return ["hub-ext:curator"]

    user = SimpleNamespace(name="ada")
    assert await door.refresh_user(user) is True
    door.groups_hook = hook
    assert await door.refresh_user(user) == {"name": "ada", "groups": ["hub-ext:curator"]}
