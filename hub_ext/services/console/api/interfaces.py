"""How an image's server is started and reached, as the API takes and gives it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from hub_ext.model.interfaces import (
    DEFAULTS,
    READ_METHODS,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.services.console.operations import ApiModel

Part = Annotated[str, Field(max_length=1000)]
Path = Annotated[str, Field(max_length=200)]


class PollPattern(ApiModel):
    """Requests that are no use: their methods, and a pattern that the whole path below the prefix matches.

    A pattern is a part of regular expressions: one character may be repeated, a group may be optional.
    """

    methods: Annotated[tuple[Annotated[str, Field(max_length=10)], ...], Field(max_length=10)] = READ_METHODS
    path: Path


class Secret(ApiModel):
    """Where a session's secret goes: a variable of its server, and the Authorization header of requests."""

    variable: Annotated[str, Field(max_length=64)] = ""
    scheme: SecretScheme = SecretScheme.NONE


class ServerInterface(ApiModel):
    """How the server is started and reached; what is null or left out is as usual for its kind.

    "jupyter": `command` is a Jupyter server, and its arguments are put behind it. "command": any program; in
    its parts {port}, {prefix} and {start_url} are filled in. `ready_path`, below the prefix, answers once the
    server is up.
    """

    kind: InterfaceKind = InterfaceKind.JUPYTER
    command: Annotated[tuple[Part, ...], Field(max_length=64)] | None = None
    port: int | None = None
    prefix: PrefixHandling | None = None
    ready_path: Path | None = None
    polls: Annotated[tuple[PollPattern, ...], Field(max_length=32)] | None = None
    secret: Secret | None = None

    def interface(self) -> Interface:
        """As the model has it."""
        differing: dict[str, Any] = {
            name: value
            for name in ("command", "port", "prefix", "ready_path")
            if (value := getattr(self, name)) is not None
        }
        if self.polls is not None:
            differing["polls"] = tuple(Poll(poll.methods, poll.path) for poll in self.polls)
        if self.secret is not None:
            differing["secret"] = SecretPlace(self.secret.variable, self.secret.scheme)
        return replace(DEFAULTS[self.kind], **differing)


def server_interface(interface: Interface) -> ServerInterface:
    """An interface of the model, whole, for an answer."""
    secret = interface.secret
    polls = tuple(PollPattern.model_construct(methods=one.methods, path=one.path) for one in interface.polls)
    return ServerInterface.model_construct(
        kind=interface.kind,
        command=interface.command,
        port=interface.port,
        prefix=interface.prefix,
        ready_path=interface.ready_path,
        polls=polls,
        secret=Secret.model_construct(variable=secret.variable, scheme=secret.scheme),
    )
