"""The facts of a session lie in a folder that a container may mount and nobody on the host may enter."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters import session_files
from hub_ext.adapters.session_files import SessionFileError
from hub_ext.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_a_file_is_there_until_it_is_removed(settings: Settings) -> None:
    assert session_files.launch_ids(settings) == frozenset()
    folder = session_files.write(settings, "lau-1", "{}")
    session_files.write(settings, "lau-1", '{"é": 1}')
    assert [path.name for path in folder.iterdir()] == ["session.json"]
    assert (folder / "session.json").read_text(encoding="utf-8") == '{"é": 1}'
    assert session_files.launch_ids(settings) == {"lau-1"}
    session_files.remove(settings, "lau-1")
    session_files.remove(settings, "lau-1")
    assert session_files.launch_ids(settings) == frozenset()


def test_any_user_of_a_container_reads_it_and_nobody_on_the_host_comes_by(settings: Settings) -> None:
    folder = session_files.write(settings, "lau-1", "{}")
    modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder / "session.json")]
    assert modes == [0o700, 0o755, 0o444]


def test_a_failure_is_said(settings: Settings) -> None:
    settings.sessions_dir.write_text("in the way")
    with pytest.raises(SessionFileError, match="cannot be written"):
        session_files.write(settings, "lau-1", "{}")
    with pytest.raises(SessionFileError, match="cannot be read"):
        session_files.launch_ids(settings)
    with pytest.raises(SessionFileError, match="cannot be removed"):
        session_files.remove(settings, "lau-1")


def test_an_id_is_no_path(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no launch's id"):
        session_files.write(settings, "../secrets", "{}")
    session_files.write(settings, "lau-1", "{}")
    (settings.sessions_dir / "lost+found").mkdir()
    assert session_files.launch_ids(settings) == {"lau-1"}
