"""An interface as a container's command and environment, and as what its server is sent with each request."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub_ext.expression.jupyter import jupyter_arguments
from hub_ext.model.interfaces import Interface, InterfaceKind, PrefixHandling, SecretPlace, SecretScheme

_PLACEHOLDER = re.compile(r"\{(port|prefix|start_url)\}")
_SCHEMES = {SecretScheme.TOKEN: "token", SecretScheme.BEARER: "Bearer"}
# jupyter_server's usual place is the home, and a home without room must not keep the server from starting.
_JUPYTER_ENVIRONMENT = {"JUPYTER_RUNTIME_DIR": "/tmp/.jupyter"}  # noqa: S108 - a tmpfs of the container alone


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where a server is found and what it shows first.

    `prefix` is the path below which browsers find it, with both slashes. `start_url` is a path below it, such
    as "/lab". `hub_host` is the Hub's origin, "" where it is the server's own, `hub_prefix` its path there.
    """

    prefix: str
    start_url: str
    user: str
    hub_host: str = ""
    hub_prefix: str = "/hub/"


def server_command(interface: Interface, place: ServerPlace) -> tuple[str, ...]:
    """The command of a container with that interface, for a server at that place."""
    if interface.kind is InterfaceKind.JUPYTER:
        arguments = jupyter_arguments(
            request_path(interface, place.prefix, place.prefix),
            place.start_url,
            port=interface.port,
            user=place.user,
            hub_host=place.hub_host,
            hub_prefix=place.hub_prefix,
        )
        return (*interface.command, *arguments)
    values = {"port": str(interface.port), "prefix": place.prefix, "start_url": place.start_url}
    # In one pass: a value that reads like another's name stays as it is.
    return tuple(_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in interface.command)


def server_environment(interface: Interface, secret: str) -> dict[str, str]:
    """The environment variables that the interface asks for, among them the launch's secret."""
    environment = dict(_JUPYTER_ENVIRONMENT) if interface.kind is InterfaceKind.JUPYTER else {}
    if interface.secret.variable:
        environment[interface.secret.variable] = secret
    return environment


def authorization(place: SecretPlace, secret: str) -> str:
    """The Authorization header of each request; "" for none."""
    scheme = _SCHEMES.get(place.scheme)
    return f"{scheme} {secret}" if scheme else ""


def request_path(interface: Interface, prefix: str, path: str) -> str:
    """The path that the server is asked for what browsers ask as `path`, which begins with `prefix`.

    Query and spelling stay as they are. Raises ValueError for a path that does not lie below the prefix.
    """
    if not path.startswith(prefix) or not prefix.endswith("/"):
        raise ValueError("the path does not lie below the server's prefix")
    return path[len(prefix) - 1 :] if interface.prefix is PrefixHandling.STRIPPED else path


def ready_path(interface: Interface, prefix: str) -> str:
    """The path at which the server says that it is up."""
    return request_path(interface, prefix, prefix + interface.ready_path)
