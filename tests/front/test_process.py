"""nginx as a process: whose it is, what it sees, what it writes, and how it begins and ends."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from hub_ext.cli.setup import children
from hub_ext.cli.setup import front as front_setup
from hub_ext.cli.setup import registry as registry_setup
from hub_ext.cli.setup.children import Child, ChildFailed
from hub_ext.cli.setup.choices import port_is_free
from hub_ext.cli.setup.front import Front, front_settings
from hub_ext.cli.setup.layout import Layout
from hub_ext.cli.setup.registry import Running
from hub_ext.cli.setup.steps import silent
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings
from tests.front.conftest import Site
from tests.front.watch import EndOfWatch, serving_of, watch
from tests.support.patience import patient
from tests.support.running import runs
from tests.support.until import eventually

Make = Callable[..., AbstractContextManager[Site]]


def child_of(site: Site) -> Child:
    """Its master process."""
    child = site.front.child
    assert child is not None
    return child


def processes(site: Site) -> list[int]:
    """Master and workers."""
    return nginx_below(child_of(site).process.pid)


def nginx_below(pid: int) -> list[int]:
    """nginx's processes among that one and its descendants: the master, then its workers."""
    found, nginx = [pid], []
    for each in found:
        with contextlib.suppress(FileNotFoundError):  # ended meanwhile, as a worker does after a reload
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
            if Path(f"/proc/{each}/exe").readlink().name == "nginx":
                nginx.append(each)
    assert len(nginx) > 1
    return nginx


def test_it_is_nobody_and_may_nothing(site: Site) -> None:
    uid = str(site.settings.front_uid)
    for pid in processes(site):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["Uid"].split() == status["Gid"].split() == [uid] * 4
        assert status["Groups"].split() == []
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0, name
        assert status["NoNewPrivs"].strip() == "1"
        assert Path(f"/proc/{pid}/exe").readlink() == Path("/run/programs/usr/sbin/nginx")


def test_it_serves_from_a_state_that_its_user_cannot_enter(site: Site) -> None:
    assert site.layout.state.stat().st_mode & 0o777 == 0o700
    assert site.layout.state.parent.parent.stat().st_mode & 0o777 == 0o700
    uid = str(site.settings.front_uid)
    look = [
        "setpriv",
        "--reuid",
        uid,
        "--regid",
        uid,
        "--clear-groups",
        "ls",
        str(site.layout.front / "conf"),
    ]
    assert subprocess.run(look, capture_output=True).returncode != 0
    assert site.ask("/user/alice/").status == 200


def test_it_sees_no_socket_of_the_host_s(site: Site) -> None:
    master = processes(site)[0]
    run = Path(f"/proc/{master}/root/run")
    assert sorted(path.name for path in run.iterdir()) == ["conf", "gate", "logs", "programs", "scratch"]
    uid = str(site.settings.front_uid)
    enter = [
        "nsenter",
        "-t",
        str(master),
        "-m",
        "setpriv",
        "--reuid",
        uid,
        "--regid",
        uid,
    ]
    for name in ("conf", "logs", "programs", "gate", "."):
        made = subprocess.run([*enter, "--clear-groups", "touch", f"/run/{name}/x"], capture_output=True)
        assert made.returncode != 0, name
    made = subprocess.run([*enter, "--clear-groups", "touch", "/run/scratch/x"], check=False)
    assert made.returncode == 0  # the control


def test_nothing_is_mounted_on_the_host(site: Site) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(site.layout.front) not in mounts
    assert "/run/programs" not in mounts
    assert "/run/programs" in Path(f"/proc/{child_of(site).process.pid}/mountinfo").read_text()  # the control
    assert list((site.layout.front / "root").iterdir()) == []


TOKEN_IN_QUERIES = "t0ken-in-a-query"


def test_no_log_has_a_query(site: Site) -> None:
    requests = [
        ("/user/alice/lab", []),
        ("/user/carol/lab", []),
        ("/hub/login", []),
        ("/services/console/", []),
        ("http://127.0.0.1/user/alice/lab", []),
        ("/user/alice/channels", [("Upgrade", "x")]),
    ]
    for target, headers in requests:
        query = f"?token={TOKEN_IN_QUERIES}"
        sent = [*headers, ("Referer", f"http://127.0.0.1/{query}"), ("Cookie", f"a={TOKEN_IN_QUERIES}")]
        site.ask(target + query, sent)
    site.alice.raw = b"nonsense"
    site.gate.upstreams["/user/bob/"] = "127.0.0.1:1"
    for target in ("/user/alice/raw", "/user/bob/dead"):
        with contextlib.suppress(http.client.HTTPException, OSError):
            site.ask(f"{target}?token={TOKEN_IN_QUERIES}")
    site.gate.upstreams["/user/bob/"] = site.bob.address
    site.gate.close()
    site.ask(f"/user/alice/gateless?token={TOKEN_IN_QUERIES}")
    site.gate.open()
    eventually(lambda: "gateless" in site.access_log.read_text())
    lines = site.access_log.read_text()
    assert " GET /user/alice/gateless 503 " in lines
    assert " GET /user/bob/dead 503 " in lines
    assert ' "127.0.0.1:1" "502" ' in lines
    for log in (site.access_log, site.log):
        assert TOKEN_IN_QUERIES not in log.read_text()
        assert log.stat().st_mode & 0o077 in (0, 0o040)


def test_the_log_begins_anew_when_it_has_grown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not site.front.rotate()
    monkeypatch.setattr(front_setup, "_LOG_MAX_BYTES", 10)
    monkeypatch.setattr(front_setup, "_LOGS_KEPT", 2)
    for number in range(4):
        site.ask(f"/hub/turn{number}")
        eventually(lambda: f"/hub/turn{number}" in site.access_log.read_text())  # noqa: B023
        assert site.front.rotate()
        eventually(lambda: _opened(site, site.access_log))
    assert "/hub/turn3" in site.access_log.with_name("access.log.1").read_text()
    assert "/hub/turn2" in site.access_log.with_name("access.log.2").read_text()
    assert len(list(site.access_log.parent.iterdir())) == 3
    site.ask("/hub/after")
    eventually(lambda: "/hub/after" in site.access_log.read_text())


def test_a_log_that_was_taken_away_is_begun_anew(site: Site) -> None:
    site.access_log.unlink()
    assert site.front.rotate()
    eventually(lambda: _opened(site, site.access_log))
    site.ask("/hub/seen")
    eventually(lambda: "/hub/seen" in site.access_log.read_text())
    assert not site.front.rotate()


def test_a_log_for_which_there_is_no_room_is_begun_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    site.access_log.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(site.front, "_make_access_log", full)
        assert not site.front.rotate()
    assert site.front.rotate()
    eventually(lambda: _opened(site, site.access_log))


def test_the_logs_of_all_begin_anew_while_they_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody's requests fill those of the gate and of the Hub too."""
    monkeypatch.setattr(children, "_LOG_MAX_BYTES", 5)
    started = [
        children.start(name, ["sh", "-c", f"echo {name} is up; exec sleep 60"], site.layout.logs / name)
        for name in ("a-gate", "a-front", "a-hub", "a-registry")
    ]
    registry = Running(site.layout, started[3])
    serving = serving_of(site, silent, registry)
    serving.gate, serving.front, serving.hub = started[:3]

    def turn() -> None:
        if all(child.log.with_name(f"{child.log.name}.1").exists() for child in started):
            raise EndOfWatch
        assert time.monotonic() < end, "not within 10 s"
        time.sleep(0.02)

    end = time.monotonic() + patient(10)
    try:
        watch(serving, turn)
    finally:
        for child in started:
            child.stop()
    for child in started:
        assert child.log.read_text() == ""
        assert child.log.with_name(f"{child.log.name}.1").read_text() == f"{child.log.name} is up\n"


def test_a_registry_that_ended_is_said_and_started_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(layout: Layout) -> children.Child:
        return children.start("The registry", ["sleep", "60"], layout.logs / "a-registry.log")

    monkeypatch.setattr(registry_setup, "_started", started)
    lines: list[str] = []
    registry = Running(site.layout, started(site.layout))
    serving = serving_of(site, lines.append, registry)
    try:
        serving.restart_registry()
        assert lines == []
        registry.child.stop()
        serving.restart_registry()
        assert registry.child.running
        assert len(lines) == 1
        assert lines[0].startswith("The registry ended by itself: starting it again.")
    finally:
        registry.child.stop()


class _Enough(BaseException):
    """Ends the watch."""


def _opened(site: Site, log: Path) -> bool:
    """Whether all processes write in that very file."""
    return all(log.stat().st_ino in _inodes(pid) for pid in processes(site))


def _inodes(pid: int) -> set[int]:
    """Of the files that a process has open."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(entry.stat().st_ino)
    return inodes


@pytest.mark.parametrize("killed", ["master", "parent of the master"])
def test_it_starts_again_after_it_was_killed(another_site: Make, killed: str) -> None:
    with another_site() as site:
        assert site.ask("/user/alice/").status == 200
        nginx, process = processes(site), child_of(site).process
        os.kill(nginx[0] if killed == "master" else process.pid, signal.SIGKILL)
        process.wait(patient(5))
        eventually(lambda: not any(runs(pid) for pid in nginx))
        child = site.front.start()
        try:
            assert site.ask("/user/alice/").status == 200
        finally:
            child.stop()


def test_stop_leaves_nothing(another_site: Make) -> None:
    with another_site() as site:
        children = processes(site)
        child_of(site).stop()
        assert not any(runs(pid) for pid in children)


@contextlib.contextmanager
def started_by_another(site: Site) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The site's front as the child of a process of its own: that one, and nginx's master and workers."""
    child_of(site).stop()
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from hub_ext.settings import Settings\nfrom hub_ext.cli.setup.layout import Layout\n"
        "from hub_ext.cli.setup.front import Front\n"
        "state, run, url = sys.argv[1:]\n"
        "settings = Settings(state_dir=Path(state), run_root=Path(run), bind_url=url)\n"
        "print(Front(settings, Layout(Path(state))).start().process.pid, flush=True)\ntime.sleep(60)\n"
    )
    values = [str(site.layout.state), str(site.settings.run_root), site.settings.bind_url]
    parent = subprocess.Popen([sys.executable, "-c", script, *values], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    nginx: list[int] = []
    try:
        nginx = nginx_below(int(parent.stdout.readline()))
        yield parent, nginx
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        for pid in nginx:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_it_ends_when_we_are_killed(another_site: Make) -> None:
    with another_site() as site, started_by_another(site) as (parent, nginx):
        assert all(runs(pid) for pid in nginx)
        parent.kill()
        eventually(lambda: not any(runs(pid) for pid in nginx))


def test_no_worker_keeps_the_port_when_we_and_the_master_are_killed_at_once(another_site: Make) -> None:
    with another_site() as site, started_by_another(site) as (parent, nginx):
        master, *workers = nginx
        assert not port_is_free("127.0.0.1", site.port)
        os.kill(parent.pid, signal.SIGSTOP)  # so that nobody can see the other one's end
        os.kill(master, signal.SIGKILL)
        parent.kill()
        left = lambda: f"still there: {[pid for pid in workers if runs(pid)]}"  # noqa: E731
        eventually(lambda: port_is_free("127.0.0.1", site.port), 2, why=left)
        assert not any(runs(pid) for pid in workers)


def test_what_nginx_refuses_is_said(another_site: Make) -> None:
    site = another_site(weaken=lambda text: text.replace("gzip on;", "gizp on;"))
    with pytest.raises(ChildFailed, match="unknown directive") as failed, site:
        pass
    assert "front.log" in failed.value.advice


def test_a_port_that_is_taken_is_said(site: Site, tmp_path: Path) -> None:
    settings = replace(site.settings, state_dir=tmp_path, run_root=tmp_path / "run")
    with pytest.raises(ChildFailed, match="Address already in use"):
        Front(settings, Layout(tmp_path)).start()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "http://:8000", "8000", "http://127.0.0.1:x"])
def test_an_address_without_a_port_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="bind_url"):
        front_settings(Settings(state_dir=tmp_path, bind_url=url))


def test_a_low_port_needs_one_capability(tmp_path: Path) -> None:
    """In a network namespace of its own, where nobody has port 80."""
    script = (
        "import sys, time, urllib.request\nfrom pathlib import Path\n"
        "from hub_ext.settings import Settings\nfrom hub_ext.cli.setup.layout import Layout\n"
        "from hub_ext.cli.setup.front import Front\n"
        "state = Path(sys.argv[1])\nlayout = Layout(state)\nlayout.make()\n"
        "settings = Settings(state_dir=state, run_root=state / 'run', bind_url='http://127.0.0.1:80')\n"
        "pid = (child := Front(settings, layout).start()).process.pid\n"
        "master = Path(f'/proc/{pid}/task/{pid}/children').read_text().strip()\n"
        "print(Path(f'/proc/{master}/status').read_text())\nchild.stop()\n"
    )
    enter = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    done = subprocess.run(
        [*enter, sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"CapEff:\t{1 << 10:016x}" in done.stdout
    assert f"CapBnd:\t{1 << 10:016x}" in done.stdout
