"""The demo accounts keep hashes only, in a file that nobody else reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters import demo_accounts
from hub_ext.errors import InputError, SettingsError


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "accounts.json"
    demo_accounts.write(path, {"ada": "correct horse", "élodie": "pâte brisée"})
    return path


def test_the_right_password_is_right(accounts: Path) -> None:
    assert demo_accounts.verify(accounts, "ada", "correct horse")
    assert demo_accounts.verify(accounts, "élodie", "pâte brisée")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", "correct horse\0"),
        ("nobody", "correct horse"),
        ("ada", "x" * 10**6),
    ],
)
def test_any_other_is_wrong(accounts: Path, username: str, password: str) -> None:
    assert not demo_accounts.verify(accounts, username, password)


def test_the_file_holds_no_password_and_is_private(accounts: Path) -> None:
    assert "correct horse" not in accounts.read_text()
    assert accounts.stat().st_mode & 0o777 == 0o600
    assert demo_accounts.usernames(accounts) == {"ada", "élodie"}


def test_a_file_that_others_can_read_is_refused(accounts: Path) -> None:
    accounts.chmod(0o640)
    try:
        with pytest.raises(SettingsError, match="read by others"):
            demo_accounts.verify(accounts, "ada", "correct horse")
    finally:
        accounts.chmod(0o600)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"accounts": []}'])
def test_a_malformed_file_is_one_clear_failure(tmp_path: Path, content: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="no demo accounts"):
        demo_accounts.verify(path, "ada", "x")


@pytest.mark.parametrize("password", ["", "é" * 37])
def test_a_password_that_bcrypt_would_cut_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(InputError):
        demo_accounts.write(tmp_path / "accounts.json", {"ada": password})
    assert list(tmp_path.iterdir()) == []
