"""Where the kernel keeps what a container used, by cgroup version and driver; a real one is found."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_ext.adapters import container_cpu
from hub_ext.adapters.container_cpu import ContainerCpu
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.settings import Settings
from tests.support import python_image

ONE, TWO = "a1" * 32, "b2" * 32
NESTED = f"docker/{'c3' * 32}/docker/{ONE}"
ROOTLESS = f"user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ONE}.scope"
PLACES = [f"docker/{ONE}", f"system.slice/docker-{ONE}.scope", f"hospital/{ONE}", NESTED, ROOTLESS]


def v2(root: Path, place: str, seconds: float) -> Path:
    (root / "cgroup.controllers").write_text("cpu memory\n")
    group = root / place
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.stat").write_text(f"usage_usec {int(seconds * 1e6)}\nuser_usec 1\nsystem_usec 2\n")
    return group


def v1(root: Path, place: str, seconds: float) -> Path:
    tree = root / "cpuacct"
    group = tree / place
    group.mkdir(parents=True, exist_ok=True)
    (tree / "cpuacct.usage").write_text("1\n")
    (group / "cpuacct.usage").write_text(f"{int(seconds * 1e9)}\n")
    return group


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", [v1, v2])
def test_a_container_is_found_wherever_the_engine_puts_it(tmp_path: Path, write, place: str):
    counters = ContainerCpu(write(tmp_path, place, 1.5) and tmp_path)
    assert counters.read([ONE, TWO])[ONE].used == 1.5
    write(tmp_path, place, 2.5)
    read = counters.read([ONE, TWO])
    assert set(read) == {ONE}
    assert read[ONE].used == 2.5


def test_the_tree_is_walked_once_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    v2(tmp_path, f"hospital/{ONE}", 1)
    counters = ContainerCpu(tmp_path)
    walks: list[Path] = []
    real = counters._walk
    monkeypatch.setattr(counters, "_walk", lambda root: (walks.append(root), real(root)))
    assert set(counters.read([ONE])) == {ONE}
    # Another is found beside it, and what is nowhere is not looked for at every sweep.
    v2(tmp_path, f"hospital/{TWO}", 1)
    for _ in range(3):
        assert set(counters.read([ONE, TWO, "d4" * 32])) == {ONE, TWO}
    assert len(walks) == 1
    monkeypatch.setattr(container_cpu, "WALK_SECONDS", 0)
    counters.read(["d4" * 32])
    assert len(walks) == 2


def test_what_is_gone_or_odd_is_left_out(tmp_path: Path):
    group = v2(tmp_path, f"docker/{ONE}", 1)
    other = v2(tmp_path, f"docker/{TWO}", 1)
    counters = ContainerCpu(tmp_path)
    assert set(counters.read([ONE, TWO, ""])) == {ONE, TWO}
    (group / "cpu.stat").write_text("usage_usec many\n")
    (other / "cpu.stat").unlink()
    other.rmdir()
    assert counters.read([ONE, TWO]) == {}
    v2(tmp_path, f"docker/{ONE}", 3)
    assert counters.read([ONE, TWO])[ONE].used == 3


def test_a_host_without_control_groups_has_no_readings(tmp_path: Path):
    assert ContainerCpu(tmp_path / "none").read([ONE]) == {}
    assert ContainerCpu(tmp_path).read([ONE]) == {}


@pytest.fixture(scope="module")
def image(settings: Settings, docker: EngineFacts) -> Iterator[str]:
    name = f"{settings.instance}-cpu"
    python_image.make(name, docker.url)
    yield name
    python_image.remove(name, docker.url)


def test_a_container_of_the_real_engine_that_works_and_one_that_rests(docker: EngineFacts, image: str):
    def run(code: str) -> str:
        command = ["docker", "--host", docker.url, "run", "--detach", "--rm", "--network=none", image]
        started = subprocess.run(
            [*command, python_image.PYTHON, "-c", code], capture_output=True, text=True, check=True
        )
        return started.stdout.strip()

    works, rests = run("while True: pass"), run("import time; time.sleep(600)")
    try:
        counters = ContainerCpu()
        time.sleep(2)
        before = counters.read([works, rests])
        time.sleep(2)
        after = counters.read([works, rests])
        used = {known: after[known].used - before[known].used for known in (works, rests)}
        assert used[works] > 0.2
        assert used[rests] < used[works] / 5
    finally:
        subprocess.run(
            ["docker", "--host", docker.url, "rm", "--force", works, rests], capture_output=True, check=True
        )


def test_memory_is_told_without_what_is_only_cached(tmp_path: Path):
    group = v2(tmp_path, f"docker/{ONE}", 1)
    counters = ContainerCpu(tmp_path)
    counters.read([ONE])
    assert counters.memory([ONE, TWO]) == {}
    (group / "memory.current").write_text("5000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 2000\n")
    assert counters.memory([ONE, TWO]) == {ONE: 3000}


def test_memory_stands_in_a_tree_of_its_own_with_cgroup_v1(tmp_path: Path):
    v1(tmp_path, f"docker/{ONE}", 1)
    group = tmp_path / "memory" / "docker" / ONE
    group.mkdir(parents=True)
    (group / "memory.usage_in_bytes").write_text("5000\n")
    (group / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 4000\n")
    counters = ContainerCpu(tmp_path)
    counters.read([ONE])
    assert counters.memory([ONE]) == {ONE: 1000}
