"""An engine of hub-ext's own lives beside another one, and leaves nothing of it when it has ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from docker import APIClient

from hub_ext.cli.setup import choices, daemon, instance, layout, lock, teardown
from hub_ext.cli.setup.engine import EngineFacts
from hub_ext.cli.setup.engine_sources import HostEngine, engine_source
from hub_ext.cli.setup.private_engine import PrivateEngine, private_engine
from hub_ext.errors import EngineUnreachable, SettingsError
from tests.support.host_changes import host_state


def test_it_lives_beside_another_and_leaves_nothing(own: PrivateEngine, docker: EngineFacts) -> None:
    before = host_state(own)
    with daemon.in_use(source=own) as facts:
        assert facts.url == own.url != docker.url
        assert facts.managed
        assert facts.cdi
        during = host_state(own)
        assert during["interfaces"] == [*before["interfaces"], own.bridge]
        assert during["mounts"]
        assert {name: during[name] for name in ("rules", "kernel")} == {
            name: before[name] for name in ("rules", "kernel")
        }
        client = APIClient(base_url=own.url, version="auto")
        assert client.info()["DockerRootDir"] == str(own.folder / "data")
        assert client.containers(all=True) == []
        client.close()
        answer = subprocess.run([own.folder / "docker", "ps", "-q"], capture_output=True, text=True)
        assert (answer.returncode, answer.stdout) == (0, "")
    assert host_state(own) == before
    assert not Path(own.url.removeprefix("unix://")).exists()


def test_one_that_was_killed_is_cleared_away(own: PrivateEngine) -> None:
    before = host_state(own)
    with daemon.in_use(source=own):
        process = daemon.Process.read(own.run_dir / "pid")
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
    assert host_state(own) == before
    left = subprocess.run(["pgrep", "--full", str(own.run_dir)], capture_output=True, text=True).stdout
    assert left == ""
    with daemon.in_use(source=own) as facts:
        assert facts.recent


def test_one_whose_start_nobody_noted_is_stopped_too(own: PrivateEngine) -> None:
    before = host_state(own)
    with daemon.in_use(source=own):
        (own.run_dir / "pid").unlink()
        process = own.pid()
    assert process is not None
    assert own.pid() is None
    assert host_state(own) == before


def test_a_disk_that_is_mounted_in_its_folder_stays_mounted(own: PrivateEngine) -> None:
    data = own.folder / "data"
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", data], check=True)
    try:
        (data / "theirs").touch()
        own.clear()
        assert (data / "theirs").exists()
        assert not own.holds_folder()
    finally:
        subprocess.run(["umount", data], check=True)
    # The control: a folder that is mounted on itself, as an engine leaves it.
    subprocess.run(["mount", "--bind", data, data], check=True)
    assert own.holds_folder()
    own.clear()
    assert not data.is_mount()


def test_a_namespace_that_a_killed_engine_left_mounted_goes(own: PrivateEngine) -> None:
    left = own.run_dir / "exec/netns/default"
    left.parent.mkdir(parents=True)
    left.touch()
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", left], check=True)
    own.clear()
    assert not own.run_dir.exists()


def test_it_is_the_same_where_its_folder_is_moved(own: PrivateEngine, tmp_path: Path) -> None:
    with daemon.in_use(source=own) as facts:
        pass
    moved = PrivateEngine(own.folder.rename(tmp_path / "moved"), own.programs)
    assert moved.url == facts.url
    assert PrivateEngine(tmp_path / "another", own.programs).url != facts.url


@pytest.mark.parametrize("docker_host", ["", "unix:///named.sock"])
def test_its_homes_go_with_the_state_whatever_docker_host_says(
    own: PrivateEngine, monkeypatch: pytest.MonkeyPatch, docker_host: str
) -> None:
    state = own.folder.parent
    monkeypatch.setenv(layout.SHARED_VARIABLE, str(state))
    (state / "unpacked").mkdir(parents=True)
    (state / "unpacked/current").symlink_to(own.programs)
    with daemon.in_use(source=own):
        subprocess.run([own.folder / "docker", "volume", "create", "home"], check=True, capture_output=True)
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    with lock.held(layout.Layout(state / "team/prod")):
        (state / "team/prod/run.lock").write_text("")
        with pytest.raises(lock.Busy):
            list(teardown.remove_instances(layout.Layout(state)))
    list(teardown.remove_instances(layout.Layout(state)))
    assert not own.holds_folder()
    shutil.rmtree(state)


def test_an_instance_goes_on_with_another_engine_only_where_that_is_said(
    tmp_path: Path, docker: EngineFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = layout.Layout(tmp_path)
    state.settings_file.write_text(
        f"c = get_config()\nc.HubExt.state_dir = {str(tmp_path)!r}\nc.HubExt.engine_url = 'unix:///former.sock'\n"
    )
    with pytest.raises(SettingsError, match=r"are in the engine at unix:///former\.sock"):
        instance.check_same_engine(state, docker)
    monkeypatch.setenv(instance.NEW_ENGINE_VARIABLE, "1")
    instance.check_same_engine(state, docker)


def test_without_programs_it_is_said(tmp_path: Path) -> None:
    engine = PrivateEngine(tmp_path / "engine", tmp_path / "programs")
    with pytest.raises(EngineUnreachable, match="has no programs"):
        engine.start(lambda sentence: None)


def test_a_state_with_an_engine_in_use_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv(layout.SHARED_VARIABLE, str(tmp_path))
    monkeypatch.setenv(choices.RUN_DIR_VARIABLE, str(tmp_path / "run"))
    (tmp_path / "engine/data").mkdir(parents=True)
    engine = private_engine()
    assert engine is not None
    (engine.run_dir / "users").mkdir(parents=True)
    user = daemon.Process.of(os.getppid())
    assert user is not None
    user.note(engine.run_dir / "users/another")
    with pytest.raises(SettingsError, match=f"in use by process {user.pid}"):
        list(teardown.remove_instances(layout.Layout(tmp_path)))


def test_the_folder_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv(layout.SHARED_VARIABLE, str(tmp_path))
    assert isinstance(engine_source(), HostEngine)
    (tmp_path / "engine").mkdir()
    source = engine_source()
    assert source == private_engine()
    assert isinstance(source, PrivateEngine)
    monkeypatch.setenv("DOCKER_HOST", "unix:///named.sock")
    assert engine_source() == HostEngine("unix:///named.sock")


def test_states_of_a_checkout_share_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(layout.SHARED_VARIABLE, raising=False)
    for state in (".state", ".state/oidc", ".state/test"):
        monkeypatch.setenv(layout.STATE_VARIABLE, str(layout.CHECKOUT / state))
        assert layout.shared_dir() == layout.CHECKOUT / ".state"
    monkeypatch.setenv(layout.STATE_VARIABLE, str(tmp_path))
    assert layout.shared_dir() == tmp_path
