"""CuratedDockerSpawner: DockerSpawner's name and place in the Hub, none of its ways to start a container."""

from __future__ import annotations

from typing import Any

from dockerspawner import DockerSpawner
from traitlets.config import Config

from hub_ext.errors import SettingsError
from hub_ext.hub.mixin import CuratedMixin

_CATALOGUE = "images come from the catalogue: `hub-ext catalogue`"
_DATASETS = "data is mounted by grants: `hub-ext dataset`, `hub-ext grant`"
_HARDENED = "what a container may do is fixed; its limits are c.HubExt.sizes, pids, shm_bytes, tmp_bytes"
_SIZES = "use c.HubExt.sizes, c.HubExt.max_cpus and c.HubExt.max_mem_bytes"
_NETWORK = "the network is closed: c.HubExt.network_subnet, c.HubExt.hub_port"
_NAMES = "names are opaque: c.HubExt.instance"
_ENGINE = "use c.HubExt.engine_url"
_REMOVED = "a container is removed once its end is recorded, always"
_FORM = "the form offers what policy admits, and options are parsed strictly"
_COMMAND = "the command is that of the entry's interface"

# Settings of the parents that would be silently without effect, or would open what must be closed.
NOT_HONOURED = {
    **dict.fromkeys(
        ("image", "container_image", "allowed_images", "image_whitelist", "pull_policy"), _CATALOGUE
    ),
    **dict.fromkeys(("volumes", "mounts", "read_only_volumes", "format_volume_name"), _DATASETS),
    **dict.fromkeys(("extra_create_kwargs", "extra_host_config", "links", "post_start_cmd"), _HARDENED),
    **dict.fromkeys(("mem_limit", "cpu_limit", "mem_guarantee", "cpu_guarantee"), _SIZES),
    **dict.fromkeys(
        (
            "network_name",
            "host_ip",
            "container_ip",
            "container_port",
            "hub_ip_connect",
            "use_internal_ip",
            "use_internal_hostname",
            "ip",
            "port",
            "hub_connect_url",
        ),
        _NETWORK,
    ),
    **dict.fromkeys(
        ("prefix", "container_prefix", "name_template", "container_name_template", "escape"), _NAMES
    ),
    **dict.fromkeys(
        (
            *("client_kwargs", "use_docker_client_env", "tls_config", "tls", "tls_verify", "tls_ca"),
            *("tls_cert", "tls_key", "tls_assert_hostname"),
        ),
        _ENGINE,
    ),
    **dict.fromkeys(("remove", "remove_containers"), _REMOVED),
    **dict.fromkeys(("options_form", "options_from_form", "apply_user_options", "group_overrides"), _FORM),
    **dict.fromkeys(("cmd", "args", "notebook_dir", "default_url", "env_keep", "env"), _COMMAND),
    **dict.fromkeys(
        ("move_certs_image", "certs_volume_name"),
        "c.JupyterHub.internal_ssl is not supported; notebooks and Hub share a closed network",
    ),
}


class CuratedDockerSpawner(CuratedMixin, DockerSpawner):
    """Entry point `hub-ext-docker`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        refuse_not_honoured(self.config)

    @property
    def executor(self) -> Any:
        """None of the parent's: its one thread would carry every call of every user."""
        raise RuntimeError("the engine adapter has threads of its own")


def refuse_not_honoured(config: Config) -> None:
    """Raises SettingsError for a setting that would be ignored, with the name of ours.

    Called when the Hub reads its configuration, and for each spawner: a setting may come by other ways.
    """
    for section in (CuratedDockerSpawner, *CuratedDockerSpawner.__mro__):
        for key in config.get(section.__name__, {}):
            if key in NOT_HONOURED:
                raise SettingsError(
                    f"c.{section.__name__}.{key} is not honoured by hub-ext.",
                    advice=f"Remove it: {NOT_HONOURED[key]}.",
                )
    if config.get("JupyterHub", {}).get("internal_ssl"):
        raise SettingsError(
            "c.JupyterHub.internal_ssl is not honoured by hub-ext.",
            advice=f"Remove it: {NOT_HONOURED['certs_volume_name']}.",
        )
