"""The names of an instance: what set-up chose, and what an operator says in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_ext.cli.setup import settings_file
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.layout import Layout
from hub_ext.config import load_settings
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings, check_origins

CHOSEN = Choices("hx", "10.212.0.0/22", 1, 2, 3)
HUB = "c.HubExt.public_url = 'https://hub.example.org'\n"
NAMES = "c.HubExt.subdomain_host = 'https://nb.example.org'\n"
ONE_NAME = "c.HubExt.servers_url = 'https://nb.example.org'\n"


def settings_with(tmp_path: Path, local: str, address: str = "127.0.0.1") -> Settings:
    layout = Layout(tmp_path / "state")
    layout.make()
    layout.local_settings_file.write_text(local)
    traits = settings_file.values(
        layout, CHOSEN, engine_url="unix:///x", registries=[], bind_url=f"http://{address}:8007"
    )
    return load_settings(str(settings_file.write(layout, traits)))


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1"])
@pytest.mark.parametrize(
    ("local", "names", "one_name"),
    [
        (HUB + NAMES, "https://nb.example.org", ""),
        (HUB + ONE_NAME, "", "https://nb.example.org"),
        (HUB + NAMES + ONE_NAME, "https://nb.example.org", "https://nb.example.org"),
    ],
)
def test_an_operator_s_names_hold_wherever_it_listens(
    tmp_path: Path, address: str, local: str, names: str, one_name: str
) -> None:
    settings = settings_with(tmp_path, local, address)
    assert (settings.subdomain_host, settings.servers_url) == (names, one_name)
    assert settings.one_project_at_a_time is (not names)
    check_origins(settings)


def test_an_instance_of_this_machine_alone_needs_no_names(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "")
    assert settings.public_url == settings.subdomain_host == "http://localhost:8007"
    check_origins(settings)


def test_a_hub_for_others_is_not_started_with_servers_for_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="find only their own machine") as refused:
        check_origins(settings_with(tmp_path, HUB))
    assert "c.HubExt.subdomain_host or servers_url" in refused.value.advice
