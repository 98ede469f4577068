"""One process at a time prepares or runs a state."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from hub_ext.cli.setup import choices, lock
from hub_ext.cli.setup.layout import Layout
from hub_ext.errors import SettingsError


@pytest.fixture
def state_layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state")


def test_a_second_one_is_told_who_holds_it(state_layout: Layout) -> None:
    expected = pytest.raises(SettingsError, match=rf"\(process {os.getpid()}\)")
    with lock.held(state_layout), expected, lock.held(state_layout):
        pass


def test_it_is_free_afterwards(state_layout: Layout) -> None:
    for _ in range(2):
        with lock.held(state_layout):
            pass


def test_builds_exclude_each_other_but_not_what_runs(state_layout: Layout) -> None:
    expected = pytest.raises(lock.Busy, match=rf"being built already \(process {os.getpid()}\)")
    with lock.held(state_layout), lock.building(state_layout), expected, lock.building(state_layout):
        pass
    with lock.building(state_layout):
        pass


def test_the_bootstrap_hands_it_over(state_layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    state_layout.make()
    descriptor = os.open(state_layout.lock_file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    monkeypatch.setenv(lock.DESCRIPTOR_VARIABLE, str(descriptor))
    with lock.held(state_layout):
        assert not os.get_inheritable(descriptor)
        # A child's commands must not believe that they hold it.
        assert lock.DESCRIPTOR_VARIABLE not in os.environ


def test_a_descriptor_of_something_else_is_not_taken(
    state_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "other").open("w") as other:
        monkeypatch.setenv(lock.DESCRIPTOR_VARIABLE, str(other.fileno()))
        refused = pytest.raises(SettingsError, match="runs already")
        with lock.held(state_layout), refused, lock.held(state_layout):
            pass
        other.write("still open")


def test_nobody_else_on_the_host_can_hold_it(
    state_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock needs no more than the right to read."""
    state_layout.make()
    state_layout.lock_file.touch(0o644)
    with lock.held(state_layout), lock.building(state_layout):
        for path in (state_layout.lock_file, state_layout.build_lock_file):
            assert path.stat().st_mode & 0o077 == 0
    monkeypatch.setenv(choices.RUN_DIR_VARIABLE, str(tmp_path / "run"))
    assert choices.run_dir().stat().st_mode & 0o077 == 0
