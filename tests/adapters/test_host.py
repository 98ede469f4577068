"""What the host says of itself, asked of this very host."""

import sqlite3
from pathlib import Path

import pytest

from hub_ext.adapters import host


def test_a_package_of_this_host_has_a_version_and_a_current_candidate_is_current():
    found = host.debian_package("dpkg")
    assert found is not None
    assert found.installed
    assert host.PackageState("2", "2").current
    assert not host.PackageState("1", "2").current


def test_without_package_lists_nothing_is_current():
    assert not host.PackageState("1", "").current


def test_a_package_that_is_not_installed_is_none():
    assert host.debian_package("no-such-package-of-anybody") is None


@pytest.mark.parametrize(("mode", "expected"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_is_open_to_others_when_group_or_world_may_read_it(tmp_path: Path, mode: int, expected: bool):
    file = tmp_path / "secret"
    file.touch()
    file.chmod(mode)
    assert host.open_to_others(file) is expected


def test_a_missing_file_is_neither_open_nor_closed(tmp_path: Path):
    assert host.open_to_others(tmp_path / "absent") is None


def _hub_database(path: Path, *, admin_column: bool, admin_role: bool) -> None:
    with sqlite3.connect(path) as made:
        made.executescript(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, admin BOOLEAN);"
            "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT);"
            "CREATE TABLE user_role_map (user_id INTEGER, role_id INTEGER);"
            "INSERT INTO roles VALUES (1, 'admin'), (2, 'user');"
            "INSERT INTO users VALUES (1, 'ada', 0), (2, 'bo', 0);"
            "INSERT INTO user_role_map VALUES (1, 2), (2, 2);"
        )
        if admin_column:
            made.execute("UPDATE users SET admin = 1 WHERE name = 'ada'")
        if admin_role:
            made.execute("INSERT INTO user_role_map VALUES (2, 1)")


@pytest.mark.parametrize(
    ("column", "role", "expected"),
    [(False, False, ()), (True, False, ("ada",)), (False, True, ("bo",)), (True, True, ("ada", "bo"))],
)
def test_admins_are_found_by_column_and_by_role(tmp_path: Path, column: bool, role: bool, expected: tuple):
    _hub_database(tmp_path / "hub.sqlite", admin_column=column, admin_role=role)
    assert host.hub_admins(tmp_path / "hub.sqlite") == expected


def test_a_hub_database_that_cannot_be_read_is_an_error_and_not_nobody(tmp_path: Path):
    (tmp_path / "hub.sqlite").write_text("this is not a database, whatever its name says")
    with pytest.raises(host.HostError):
        host.hub_admins(tmp_path / "hub.sqlite")
    with pytest.raises(host.HostError):
        host.hub_admins(tmp_path / "absent.sqlite")
