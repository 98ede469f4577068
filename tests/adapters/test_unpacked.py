"""The table of packages that are used without being installed."""

import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hub_ext.adapters.host import HostError
from hub_ext.adapters.unpacked import (
    UnpackedPackage,
    looked_for_newer,
    runs_earlier_programs,
    unpacked_packages,
)
from hub_ext.cli.setup.layout import programs_dir


def test_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "packages.tsv").write_text(
        "docker.io\t26.1.5+dfsg1-9\ttrixie\t2026-08-13\nrunc\t1.1.5+ds1-1\tbookworm\t\n"
    )
    assert unpacked_packages(tmp_path) == {
        "docker.io": UnpackedPackage("docker.io", "26.1.5+dfsg1-9", "trixie", date(2026, 8, 13)),
        "runc": UnpackedPackage("runc", "1.1.5+ds1-1", "bookworm", None),
    }


def test_what_set_up_wrote_here_is_read() -> None:
    assert "docker-registry" in unpacked_packages(programs_dir())


def test_without_a_table_nothing_is_unpacked(tmp_path: Path) -> None:
    assert unpacked_packages(None) == {}
    assert unpacked_packages(tmp_path) == {}


@pytest.mark.parametrize("table", ["docker.io 26", "docker.io\t26\ttrixie\tyesterday"])
def test_a_bad_table_is_not_an_empty_one(tmp_path: Path, table: str) -> None:
    (tmp_path / "packages.tsv").write_text(table)
    with pytest.raises(HostError, match="cannot be read"):
        unpacked_packages(tmp_path)


def test_an_engine_of_earlier_programs_is_told_from_one_of_the_newest(tmp_path: Path) -> None:
    engine, socket = tmp_path / "unpacked", tmp_path / "run/docker.sock"
    for version in ("earlier", "newest"):
        (engine / version).mkdir(parents=True)
        shutil.copy("/bin/sleep", engine / version / "dockerd")
    (engine / "current").symlink_to("newest")
    socket.parent.mkdir()
    assert not runs_earlier_programs(engine / "current", f"unix://{socket}")
    for version in ("earlier", "newest"):
        running = subprocess.Popen([engine / version / "dockerd", "60"])
        try:
            socket.with_name("docker.pid").write_text(f"{running.pid}\n")
            earlier = runs_earlier_programs(engine / "current", f"unix://{socket}")
            assert earlier == (version == "earlier")
        finally:
            running.kill()
            running.wait()


def test_when_newer_ones_were_looked_for(tmp_path: Path) -> None:
    assert looked_for_newer(tmp_path / "current") is None
    (tmp_path / "looked").touch()
    looked = looked_for_newer(tmp_path / "current")
    assert looked is not None
    assert datetime.now(UTC) - looked < timedelta(minutes=1)
