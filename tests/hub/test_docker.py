"""Settings of DockerSpawner that we do not honour are refused, each with what to use instead."""

from __future__ import annotations

import pytest
from dockerspawner import DockerSpawner
from jupyterhub.spawner import Spawner
from traitlets.config import Config

from hub_ext.errors import SettingsError
from hub_ext.hub.docker import NOT_HONOURED, CuratedDockerSpawner, refuse_not_honoured

# What of the Hub's own spawner settings keeps its meaning.
HONOURED = {
    "auth_state_hook",
    "consecutive_failure_limit",
    "cpu_guarantee",
    "debug",
    "disable_user_config",
    "environment",
    "http_timeout",
    "oauth_client_allowed_scopes",
    "oauth_roles",
    "poll_interval",
    "poll_jitter",
    "post_stop_hook",
    "pre_spawn_hook",
    "progress_ready_hook",
    "server_token_scopes",
    "ssl_alt_names",
    "ssl_alt_names_include_local",
    "start_timeout",
}


@pytest.mark.parametrize("section", ["DockerSpawner", "CuratedDockerSpawner", "Spawner"])
@pytest.mark.parametrize("key", sorted(NOT_HONOURED))
def test_each_is_refused_by_name(section: str, key: str) -> None:
    config = Config({section: {key: "anything"}})
    with pytest.raises(SettingsError, match=rf"c\.{section}\.{key} is not honoured") as caught:
        refuse_not_honoured(config)
    assert caught.value.advice


def test_a_spawner_itself_refuses_too() -> None:
    with pytest.raises(SettingsError, match="volumes"):
        CuratedDockerSpawner(config=Config({"DockerSpawner": {"volumes": {"/": "/host"}}}))


def test_internal_ssl_is_refused() -> None:
    with pytest.raises(SettingsError, match="internal_ssl"):
        refuse_not_honoured(Config({"JupyterHub": {"internal_ssl": True}}))


def test_what_is_honoured_passes() -> None:
    refuse_not_honoured(Config({"DockerSpawner": {"environment": {"A": "b"}}, "HubExt": {"pids": 5}}))


@pytest.mark.parametrize("parent", [DockerSpawner, Spawner])
def test_no_setting_of_the_parents_is_forgotten(parent: type) -> None:
    """A new version of them may bring settings of which nobody has thought."""
    settings = set(parent.class_trait_names(config=True)) - {"log"}  # type: ignore[attr-defined]
    assert settings - set(NOT_HONOURED) - HONOURED == set()
