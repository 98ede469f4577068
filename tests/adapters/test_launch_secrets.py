"""The secrets of a launch lie in a file that nobody else reads, and come back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.adapters import launch_secrets
from hub_ext.adapters.launch_secrets import LaunchSecrets, LaunchSecretsError
from hub_ext.settings import Settings

SECRETS = LaunchSecrets(
    token="t0ken",
    oauth_client_id="jupyterhub-user-alice",
    oauth_client_secret="cl1ent",
    oauth_scopes=("access:servers!server=alice/", "access:servers!user=alice"),
    oauth_callback_url="/user/alice/oauth_callback",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_secrets_come_back_until_they_are_removed(settings: Settings) -> None:
    assert launch_secrets.read(settings, "lau-1") is None
    launch_secrets.write(settings, "lau-1", SECRETS)
    assert launch_secrets.read(settings, "lau-1") == SECRETS
    assert launch_secrets.launch_ids(settings) == {"lau-1"}
    launch_secrets.remove(settings, "lau-1")
    launch_secrets.remove(settings, "lau-1")
    assert launch_secrets.read(settings, "lau-1") is None
    assert launch_secrets.launch_ids(settings) == frozenset()


def test_nobody_else_reads_them(settings: Settings) -> None:
    launch_secrets.write(settings, "lau-1", SECRETS)
    folder = settings.secrets_dir / "launches"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_a_damaged_file_is_not_absence(settings: Settings) -> None:
    launch_secrets.write(settings, "lau-1", SECRETS)
    (settings.secrets_dir / "launches" / "lau-1.json").write_text("{")
    with pytest.raises(LaunchSecretsError, match="cannot be read"):
        launch_secrets.read(settings, "lau-1")


def test_an_id_is_no_path(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no launch's id"):
        launch_secrets.read(settings, "../gate-key")


def test_a_printed_value_shows_no_secret() -> None:
    assert "t0ken" not in repr(SECRETS)
    assert "cl1ent" not in repr(SECRETS)
