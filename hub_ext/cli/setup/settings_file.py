"""The settings file of an instance. It holds no secret: it names the files that do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hub_ext.cli.setup.choices import Choices, run_dir
from hub_ext.cli.setup.layout import Layout, programs_dir, write_file
from hub_ext.settings import RegistrySettings, address_and_port

_HEAD = """\
# Written by `hub-ext setup`: changes made here are lost. Put your own settings into
# {path}, which is read after this file.
c = get_config()  # noqa: F821
"""
_LOADED = """\
load_subconfig({path!r}, path="/")  # noqa: F821
"""
# The operator's one name for all servers stands in the place of the names that set-up gave them.
_ONE_NAME = """\
if c.HubExt.get("servers_url") and c.HubExt.subdomain_host == {names!r}:
    c.HubExt.subdomain_host = ""
"""


def values(
    layout: Layout,
    chosen: Choices,
    *,
    engine_url: str,
    registries: Iterable[RegistrySettings],
    bind_url: str,
    seed_image: str = "",
) -> dict[str, Any]:
    """The traits of HubExt that set-up decides, by name."""
    return {
        "state_dir": str(layout.state),
        "run_root": str(run_dir()),
        "instance": chosen.instance,
        "engine_url": engine_url,
        "network_subnet": chosen.subnet,
        "hub_port": chosen.hub_port,
        "console_port": chosen.console_port,
        "unpacked_dir": str(programs_dir()) if programs_dir().is_dir() else "",
        "htmx_file": str(layout.htmx_file),
        "bind_url": bind_url,
        **_names(bind_url),
        "registries": {
            known.alias: {
                "address": known.address,
                "ca_file": str(known.ca_file),
                "auth_file": str(known.auth_file),
            }
            for known in registries
        },
        "seed_image": seed_image,
        "dataset_roots": [str(layout.data)],
    }


def _names(bind_url: str) -> dict[str, str]:
    """An instance of this machine alone: every browser leads *.localhost here."""
    url = public_url(bind_url)
    return {} if url == bind_url else {"public_url": url, "subdomain_host": url}


def public_url(bind_url: str) -> str:
    """The Hub's address in browsers, where nobody has named another."""
    address, port = address_and_port(bind_url)
    return f"http://localhost:{port}" if address.startswith("127.") else bind_url


def write(layout: Layout, traits: Mapping[str, Any]) -> Path:
    """Write the settings file where it says something else; its path."""
    local = str(layout.local_settings_file)
    lines = [f"c.HubExt.{name} = {value!r}\n" for name, value in traits.items()]
    if layout.provider_settings_file.exists():
        lines.append(_LOADED.format(path=str(layout.provider_settings_file)))
    ends = [_LOADED.format(path=local)]
    if names := traits.get("subdomain_host"):
        ends.append(_ONE_NAME.format(names=names))
    text = "".join([_HEAD.format(path=local), *lines, *ends])
    path = layout.settings_file
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_file(path, text)
    return path
