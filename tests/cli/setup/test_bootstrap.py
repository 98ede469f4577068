"""deploy/bootstrap says what is missing in one sentence, and leaves nothing behind that stands in the way."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from hub_ext.cli.setup.layout import CHECKOUT


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of what bootstrap needs, readable by everybody."""
    folder = Path(tempfile.mkdtemp(prefix="hub-ext-bootstrap-"))
    folder.chmod(0o755)
    for name in ("deploy", "hub_ext"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def refusal(
    checkout: Path,
    state: Path,
    *before: str,
    variables: Mapping[str, str] | None = None,
    action: str = "run",
) -> str:
    """The one sentence with which bootstrap ends; `before` is put before its name."""
    done = bootstrap(checkout, state, *before, variables=variables or {}, action=action)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("hub-ext: ")]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix("hub-ext: ")


def bootstrap(
    checkout: Path, state: Path, *before: str, variables: Mapping[str, str], action: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "DOCKER_HOST" and not name.startswith("HUB_EXT_")
    }
    environment |= {"HUB_EXT_STATE": str(state), **variables}
    command: Sequence[str] = (*before, str(checkout / "deploy/bootstrap"), action)
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def in_mounts(commands: str) -> tuple[str, ...]:
    """Run in a mount namespace of its own, after these commands."""
    return ("unshare", "--mount", "sh", "-ec", f'{commands}; exec "$@"', "sh")


def test_only_root(checkout: Path, tmp_path: Path) -> None:
    said = refusal(checkout, tmp_path / "state", "setpriv", "--reuid=65534", "--clear-groups")
    assert said == "Only root can start an engine and close a network. Run it as root: sudo make run."


@pytest.mark.parametrize(
    ("release", "named"),
    [
        ('ID=fedora\nVERSION_ID="40"\nPRETTY_NAME="Fedora 40"', "Fedora 40"),
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"', "Debian 11"),
    ],
)
def test_only_debian(checkout: Path, tmp_path: Path, release: str, named: str) -> None:
    (tmp_path / "os-release").write_text(release)
    said = refusal(
        checkout, tmp_path / "state", *in_mounts(f"mount --bind {tmp_path}/os-release /etc/os-release")
    )
    assert said == f"Debian 12 or newer is needed; this is {named}."
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://somebody@somewhere", "10.0.0.1"])
def test_engines_over_the_network_are_refused(checkout: Path, tmp_path: Path, host: str) -> None:
    said = refusal(checkout, tmp_path / "state", variables={"DOCKER_HOST": host})
    assert said.startswith(f"DOCKER_HOST is {host}: engines over tcp or ssh are not supported yet.")
    assert not (tmp_path / "state").exists()


def test_no_room(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    said = refusal(
        checkout,
        tmp_path / "small" / "state",
        *in_mounts(f"mount -t tmpfs -o size=16m tmpfs {tmp_path}/small"),
    )
    assert said.startswith(f"The disk of {tmp_path}/small has 16 MiB free and 14336 MiB are needed.")


def test_taken_port(checkout: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = refusal(checkout, tmp_path / "state", variables={"HUB_EXT_PORT": str(port)})
    assert said.startswith(f"Port {port} is taken by another program. Choose another: HUB_EXT_PORT=")


@pytest.mark.parametrize("port", ["web", "0", "65536", "-1", "80;id"])
def test_no_port(checkout: Path, tmp_path: Path, port: str) -> None:
    said = refusal(checkout, tmp_path / "state", variables={"HUB_EXT_PORT": port})
    assert said == f"HUB_EXT_PORT is {port!r}; a number from 1 to 65535 is meant."


def test_no_network(checkout: Path, tmp_path: Path, free_port: int) -> None:
    variables = {"HUB_EXT_PORT": str(free_port)}
    said = refusal(checkout, tmp_path / "state", "unshare", "--net", variables=variables)
    assert said.startswith("Debian's package sources cannot be read. Are the package sources in /etc/apt")
    # Nothing counts as done: the next try begins this step again.
    assert not (tmp_path / "state" / "unpacked" / "current").exists()
    assert not (tmp_path / "state" / "unpacked" / "looked").exists()


def test_one_at_a_time(checkout: Path, tmp_path: Path, free_port: int) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "run.pid").write_text("4711\n")
    holding = ("flock", str(state / "run.lock"))
    said = refusal(checkout, state, *holding, variables={"HUB_EXT_PORT": str(free_port)})
    assert said.startswith(f"hub-ext runs already from {state} (process 4711). Stop it first")


def test_images_are_built_beside_what_runs(checkout: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    program = state / "venv/bin/hub-ext"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "asked: $*, lock: ${HUB_EXT_LOCK_FD:-none}"\n')
    program.chmod(0o755)
    holding = ("flock", str(state / "run.lock"))
    done = bootstrap(checkout, state, *holding, variables={}, action="images")
    assert (done.returncode, done.stdout) == (0, "asked: setup --only-images, lock: none\n"), done.stderr


def test_clean_state_asks_first(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    said = refusal(checkout, tmp_path / "state", action="clean-state")
    assert said == "Nothing was removed."
    assert (tmp_path / "state").is_dir()
    done = bootstrap(checkout, tmp_path / "state", variables={"HUB_EXT_YES": "1"}, action="clean-state")
    assert done.returncode == 0
    assert not (tmp_path / "state").exists()


def test_an_unknown_word_shows_the_known_ones(checkout: Path, tmp_path: Path) -> None:
    done = bootstrap(checkout, tmp_path / "state", variables={}, action="dance")
    assert done.returncode == 2
    assert "deploy/bootstrap run " in done.stderr


@pytest.mark.parametrize(
    ("host", "engine"),
    [
        ("HOST_NUMBER=12", "private"),
        ("HOST_NUMBER=13", "install"),
        ("HOST_NUMBER=13; mkdir -p $SHARED/engine/data", "private"),
        ("HOST_NUMBER=13; mkdir -p $SHARED/engine", "install"),
        ("HOST_NUMBER=12; engine_answers() { true; }; engine_version() { echo 26.1.5+dfsg1; }", "machine"),
        ("HOST_NUMBER=13; engine_answers() { true; }; engine_version() { echo 20.10.24; }", "private"),
        ("HOST_NUMBER=12; engine_answers() { true; }; engine_version() { true; }", "machine"),
        ("HOST_NUMBER=12; dockerd='Docker version 26.1.5+dfsg1, build 411e817'", "machine"),
        ("HOST_NUMBER=13; dockerd='Docker version 20.10.24+dfsg1, build 5d6db84'", "private"),
        ("HOST_NUMBER=12; DOCKER_HOST=unix:///x.sock; engine_answers() { true; }", "machine"),
    ],
)
def test_which_engine_is_used(checkout: Path, tmp_path: Path, host: str, engine: str) -> None:
    rooms = "say packages engine"
    nobody = "engine_answers() { false; }; dockerd="
    program = 'installed() { [ -z "$dockerd" ] || echo version; }; version() { echo "$dockerd"; }'
    script = f"SHARED={tmp_path}; {nobody}; {program}; {host}; choose_engine; echo $ENGINE"
    assert in_shell(checkout, rooms, script, "") == f"{engine}\n"


@pytest.mark.parametrize(
    ("engine", "kernel", "packages"),
    [
        ("install", "false", ["docker.io", "docker-cli", "docker-buildx"]),
        ("install", "true", ["docker.io", "docker-cli", "docker-buildx", "apparmor"]),
        ("private", "false", ["slirp4netns"]),
        ("private", "true", ["slirp4netns", "apparmor"]),
        ("machine", "true", []),
    ],
)
def test_an_engine_of_ours_comes_with_what_confines_containers(
    checkout: Path, engine: str, kernel: str, packages: list[str]
) -> None:
    script = f"ENGINE={engine}; kernel_has_apparmor() {{ {kernel}; }}; engine_packages"
    assert in_shell(checkout, "say packages engine", script, "").split() == packages


def test_what_is_installed_is_read_from_apt_s_simulation(checkout: Path) -> None:
    apt = """apt-get() { cat <<'END'
Reading package lists...
Inst runc (1.1.5+ds1-1+deb12u1 Debian:12.14/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst python3.11 [3.11.2-6] (3.11.2-6+deb12u6 Debian:12.14/oldstable [amd64]) []
Conf runc (1.1.5+ds1-1+deb12u1 Debian:12.14/oldstable [amd64])
END
}; """
    assert in_shell(checkout, "packages", f"{apt} installation_plan runc", "") == (
        "runc new 1.1.5+ds1-1+deb12u1 Debian:12.14/oldstable\n"
        "python3.11 3.11.2-6 3.11.2-6+deb12u6 Debian:12.14/oldstable\n"
    )


def test_what_is_unpacked_depends_on_the_engine(checkout: Path, tmp_path: Path) -> None:
    def unpacked(engine: str, release: str, host: str) -> list[str]:
        script = f"SHARED={tmp_path}; ENGINE={engine}; HOST_RELEASE={host}; unpacked_packages {release}"
        return in_shell(checkout, "engine unpacked", script, "").split()

    engine = ["containerd", "docker-buildx", "docker-cli", "docker.io"]
    modules = ["libbrotli1", "libnginx-mod-http-brotli-filter", "libnginx-mod-http-js"]
    servers = ["docker-registry", *modules, "nginx"]
    assert unpacked("private", "bookworm", "bookworm") == [*servers, "runc", "tini"]
    assert unpacked("private", "trixie", "bookworm") == engine
    assert unpacked("private", "trixie", "trixie") == [*servers, "libxml2", "runc", "tini", *engine]
    assert unpacked("install", "trixie", "trixie") == [*servers, "libxml2"]
    # An engine of our own that has data may run for another state of the same checkout.
    (tmp_path / "engine/data").mkdir(parents=True)
    assert unpacked("machine", "bookworm", "bookworm") == [*servers, "runc", "tini"]
    assert unpacked("machine", "trixie", "bookworm") == engine


def in_shell(checkout: Path, rooms: str, command: str, given: str) -> str:
    """What the command prints, with these files of deploy/lib read before."""
    script = "".join(f'. "{checkout}/deploy/lib/{room}.sh"; ' for room in rooms.split()) + command
    done = subprocess.run(["bash", "-euc", script], input=given, capture_output=True, text=True, check=True)
    return done.stdout
