"""Build steps on an engine of our own reach what is outside, and nothing of this host or its notebooks."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub_ext.cli.setup import daemon, layout
from hub_ext.cli.setup.build_network import build_network, opened
from hub_ext.cli.setup.private_engine import BUILD_SUBNET, PrivateEngine
from hub_ext.errors import EngineError
from tests.attacks.surroundings import command, outside
from tests.support.host_changes import host_state

NAME = f"hxb{os.getpid() % 10**6}"


BUILD = """
    import sys, time
    from pathlib import Path
    from hub_ext.cli.setup.build_network import opened
    from hub_ext.cli.setup.private_engine import PrivateEngine
    with opened(PrivateEngine(Path(sys.argv[1]), Path(sys.argv[2]))):
        print("open", flush=True)
        time.sleep(600)
"""


class Step:
    """A container on the engine's default network with the capabilities of a build step."""

    def __init__(self, engine: PrivateEngine) -> None:
        self._docker = ("docker", "--host", engine.url)
        subprocess.run([*self._docker, "import", "-", NAME], input=_image(), check=True, capture_output=True)
        command(
            *self._docker, "run", "--detach", "--interactive", f"--name={NAME}", NAME, shutil.which("bash")
        )

    def reaches(self, address: str, port: int) -> bool:
        """Whether a TCP connection comes about within three seconds."""
        connect = "exec 3<>/dev/tcp/$0/$1"
        words = [*self._docker, "exec", NAME, "timeout", "3", "bash", "-c", connect, address, str(port)]
        return subprocess.run(words, capture_output=True).returncode == 0

    def resolvers(self) -> list[str]:
        """What the engine gave it as its resolvers."""
        text = command(*self._docker, "exec", NAME, "bash", "-c", 'echo "$(</etc/resolv.conf)"')
        return re.findall(r"^nameserver (\S+)", text, re.MULTILINE)

    def remove(self) -> None:
        command(*self._docker, "rm", "--force", NAME)


def _image() -> bytes:
    """This machine's own bash and timeout."""
    programs = [str(shutil.which(name)) for name in ("bash", "timeout")]
    shown = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for path in sorted({*programs, *re.findall(r"(/\S+) \(0x", shown)}):
            tar.add(path)
    return packed.getvalue()


@pytest.fixture
def step(own: PrivateEngine) -> Iterator[Step]:
    with daemon.in_use(source=own):
        held = Step(own)
        yield held
        held.remove()


@contextmanager
def listener(address: str) -> Iterator[int]:
    """A port of this host that takes connections."""
    with socket.create_server((address, 0), backlog=64) as server:
        yield server.getsockname()[1]


def answers(address: str, port: int) -> bool:
    """Whether this host itself can connect there."""
    try:
        socket.create_connection((address, port), 3).close()
    except OSError:
        return False
    return True


def gateway(engine: PrivateEngine) -> str:
    return str(engine.bridge_address.ip)


def test_outside_is_reached_while_it_is_open_and_the_host_is_not(own: PrivateEngine, step: Step) -> None:
    before = host_state(own)
    with outside(NAME) as server, listener("0.0.0.0") as port, listener("127.0.0.1") as local:  # noqa: S104
        assert not step.reaches(server.address, server.port)
        assert step.reaches(gateway(own), port)  # the control: nothing is in the way
        with opened(own):
            assert step.reaches(server.address, server.port)
            assert not step.reaches(gateway(own), port)
            assert answers("127.0.0.1", local)
            assert not step.reaches(str(BUILD_SUBNET[2]), local)
            during = host_state(own)
        assert not step.reaches(server.address, server.port)
        assert step.reaches(gateway(own), port)
    assert host_state(own) == before
    assert during == {**before, "interfaces": sorted([*before["interfaces"], f"hxv{own.id}"])}
    assert step.resolvers() == [str(BUILD_SUBNET[3])]


def test_networks_behind_bridges_are_not_reached(own: PrivateEngine, step: Step) -> None:
    """The same addresses are reached before a bridge carries them: the bridge is the only difference."""
    with outside(NAME) as server, listener("0.0.0.0") as port:  # noqa: S104
        here = server.address.rpartition(".")[0] + ".1"
        with opened(own):
            assert step.reaches(server.address, server.port)
            assert step.reaches(here, port)
            with bridged(here):
                time.sleep(3)
                assert answers(server.address, server.port)
                assert answers(here, port)
                assert not step.reaches(server.address, server.port)
                assert not step.reaches(here, port)
        with bridged(here), opened(own):
            assert answers(server.address, server.port)
            assert not step.reaches(server.address, server.port)
            assert not step.reaches(here, port)


@contextmanager
def bridged(address: str) -> Iterator[None]:
    """Gives the address of the cable to `outside` to a bridge, as a closed network's gateway."""
    cable, bridge = f"{NAME}o", f"{NAME}b"
    command("ip", "link", "add", bridge, "type", "bridge")
    try:
        command("ip", "address", "flush", "dev", cable)
        command("ip", "link", "set", cable, "master", bridge)
        command("ip", "address", "add", f"{address}/30", "dev", bridge)
        command("ip", "link", "set", bridge, "up")
        yield
    finally:
        command("ip", "link", "delete", bridge)
        command("ip", "address", "add", f"{address}/30", "dev", cable)


def test_it_is_closed_after_an_error(own: PrivateEngine, step: Step) -> None:
    before = host_state(own)
    with pytest.raises(RuntimeError), opened(own):
        raise RuntimeError
    assert host_state(own) == before
    assert slirp_of(own) == ""


def test_nothing_of_a_killed_build_is_in_the_way(own: PrivateEngine, step: Step) -> None:
    before = host_state(own)
    words = [sys.executable, "-c", textwrap.dedent(BUILD), str(own.folder), str(own.programs)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as build, outside(NAME) as server:
        assert build.stdout is not None
        assert build.stdout.readline() == b"open\n"
        assert step.reaches(server.address, server.port)
        build.send_signal(signal.SIGKILL)
        build.wait()
        with opened(own):
            assert step.reaches(server.address, server.port)
    assert host_state(own) == before
    assert slirp_of(own) == ""


def slirp_of(engine: PrivateEngine) -> str:
    """The programs that carry builds of that engine out."""
    log = engine.folder / "build-network.log"
    found = subprocess.run(
        ["find", "/proc", "-maxdepth", "3", "-path", "*/fd/*", "-lname", str(log)],
        capture_output=True,
        text=True,
    )
    return found.stdout


def test_a_second_build_waits_for_the_first(own: PrivateEngine, step: Step) -> None:
    order = []

    def second() -> None:
        with opened(own):
            order.append("second")

    with opened(own):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_without_its_program_it_is_said(
    own: PrivateEngine, step: Step, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = host_state(own)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        with pytest.raises(EngineError, match="There is no slirp4netns"), opened(own):
            pass
    assert host_state(own) == before


def test_only_an_engine_of_ours_gets_it(
    own: PrivateEngine, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(layout.SHARED_VARIABLE, str(own.folder.parent))
    before = host_state(own)
    with build_network(own.url):
        assert host_state(own) != before
    with build_network("unix:///var/run/docker.sock"):
        assert host_state(own) == before
