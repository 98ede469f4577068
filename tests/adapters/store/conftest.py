"""Stores in both databases: SQLite in a file, PostgreSQL in a server of our own on a private socket."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_ext.adapters.store import Store

_numbers = itertools.count(1)


def _postgresql(program: str) -> str:
    """The program of the newest PostgreSQL server that the distribution installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[4]))
    assert found, "PostgreSQL's server is not installed: apt-get install postgresql"
    return str(found[-1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A running server; called with SQL, runs it; called with "", returns the folder of its socket."""
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="hx-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_postgresql(program), *arguments],
            user=user if os.geteuid() == 0 else None,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def execute(sql: str) -> str:
        if sql:
            run("psql", "-h", str(folder), "-U", user, "-d", "postgres", "-qc", sql)
        return str(folder)

    cluster = str(folder / "cluster")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    try:
        run("initdb", "-D", cluster, "-A", "trust", "-U", user, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        run("pg_ctl", "-D", cluster, "-w", "-o", options, "-l", str(folder / "log"), "start")
        execute("CREATE ROLE hubext LOGIN SUPERUSER")
        yield execute
    finally:
        if Path(cluster, "postmaster.pid").exists():
            run("pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"t{next(_numbers)}"
    postgresql(f"CREATE DATABASE {name}")
    yield f"postgresql://hubext@/{name}?host={postgresql('')}"
    postgresql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(scope="session")
def newest_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store's file, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("newest") / "store.sqlite"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def newest_postgresql(postgresql: Callable[[str], str]) -> str:
    """The name of a database with an empty store, to be copied."""
    postgresql("CREATE DATABASE newest")
    Store.open(f"postgresql://hubext@/newest?host={postgresql('')}").close()
    return "newest"


@pytest.fixture
def sqlite_store_url(newest_sqlite: Path, sqlite_url: str, tmp_path: Path) -> str:
    """The URL of an empty store in SQLite."""
    shutil.copy(newest_sqlite, tmp_path / "store.sqlite")
    return sqlite_url


@pytest.fixture
def postgresql_store_url(postgresql: Callable[[str], str], newest_postgresql: str) -> Iterator[str]:
    """The URL of an empty store in PostgreSQL."""
    name = f"t{next(_numbers)}"
    postgresql(f"CREATE DATABASE {name} TEMPLATE {newest_postgresql}")
    yield f"postgresql://hubext@/{name}?host={postgresql('')}"
    postgresql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store in each database."""
    found: str = request.getfixturevalue(f"{request.param}_store_url")
    return found


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store in each database."""
    opened = Store.open(store_url, wait_seconds=5)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_store_url: str) -> Iterator[Store]:
    """An empty store in SQLite, for what only SQLite has."""
    opened = Store.open(sqlite_store_url, wait_seconds=5)
    yield opened
    opened.close()
