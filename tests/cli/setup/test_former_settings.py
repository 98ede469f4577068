"""What an earlier version wrote is read again without a word about options that are no more."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from hub_ext.cli.setup import instance, settings_file
from hub_ext.cli.setup.choices import Choices
from hub_ext.cli.setup.layout import Layout
from hub_ext.config import load_settings


def test_options_of_an_earlier_version_are_passed_over(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.make()
    chosen = Choices("hx", "10.212.0.0/22", 1, 2, 3)
    traits = settings_file.values(
        layout, chosen, engine_url="unix:///x", registries=[], bind_url="http://127.0.0.1:8007"
    )
    settings_file.write(layout, traits | {"proxy_api_port": 25299})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        assert instance.configured_url(layout) == "http://127.0.0.1:8007"
    # One of the operator's own is still said.
    settings_file.write(layout, traits)
    layout.local_settings_file.write_text("c.HubExt.public_ulr = 'http://localhost'\n")
    with pytest.warns(UserWarning, match="public_ulr"):
        load_settings(str(layout.settings_file))
