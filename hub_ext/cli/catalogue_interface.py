"""What may be said on the command line of how an entry's server is started and reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from traitlets import Bool, Enum, Int, List, Unicode

from hub_ext.cli.app import Command
from hub_ext.expression import command_line
from hub_ext.expression.interface_file import differing
from hub_ext.expression.poll_lines import poll_read, poll_written
from hub_ext.model.interfaces import (
    DEFAULTS,
    JUPYTER,
    Interface,
    InterfaceKind,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)

KINDS = [kind.value for kind in InterfaceKind]


class InterfaceOptions(Command):
    """The options that say how a server is started and reached."""

    interface = Enum(
        KINDS,
        None,
        allow_none=True,
        help="jupyter: a Jupyter server, to which arguments are given. command: any other program.",
    ).tag(option=True)
    command = Unicode(
        None,
        allow_none=True,
        help='What is started, quoted as for a shell, such as "rserver --www-port={port}". In a command, '
        "{port}, {prefix} and {start_url} are filled in.",
    ).tag(option=True, metavar="TEXT")
    port = Int(None, allow_none=True, help="Port at which the server listens, from 1024.").tag(
        option=True, metavar="N"
    )
    prefix = Enum(
        [one.value for one in PrefixHandling],
        None,
        allow_none=True,
        help='Whether requests keep the prefix of their address, or reach the server as if it lay at "/".',
    ).tag(option=True)
    ready = Unicode(
        None,
        allow_none=True,
        help='Path below the prefix that answers once the server is up, such as "api"; "": the first page.',
    ).tag(option=True, metavar="PATH")
    polls = List(
        Unicode(),
        help="Requests that do not count as use, as methods and a pattern of the path: "
        '"GET,HEAD events/.*". They stand in the place of the usual or present ones.',
    ).tag(option="--poll", metavar="POLL")
    no_polls = Bool(False, help="Every request is use.").tag(option=True)
    secret_variable = Unicode(
        None,
        allow_none=True,
        help='Variable in which the server finds its secret; "" for none.',
    ).tag(option=True, metavar="NAME")
    secret_scheme = Enum(
        [one.value for one in SecretScheme],
        None,
        allow_none=True,
        help="What stands before the secret in the Authorization header of requests; none: no header.",
    ).tag(option=True)

    def filled_interface(self, before: Interface = JUPYTER) -> Interface:
        """The interface with what was typed. Another kind begins with what is usual for it."""
        kind = before.kind if self.interface is None else InterfaceKind(self.interface)
        usual = before if kind is before.kind else DEFAULTS[kind]
        typed: dict[str, Any] = {}
        if self.command is not None:
            typed["command"] = command_line.parts(self.command)
        if self.port is not None:
            typed["port"] = self.port
        if self.prefix is not None:
            typed["prefix"] = PrefixHandling(self.prefix)
        if self.ready is not None:
            typed["ready_path"] = self.ready
        if self.polls or self.no_polls:
            typed["polls"] = tuple(poll_read(text) for text in self.polls)
        if self.secret_variable is not None or self.secret_scheme is not None:
            typed["secret"] = self._secret(usual.secret)
        return replace(usual, **typed)

    def _secret(self, before: SecretPlace) -> SecretPlace:
        return SecretPlace(
            before.variable if self.secret_variable is None else self.secret_variable,
            before.scheme if self.secret_scheme is None else SecretScheme(self.secret_scheme),
        )


def interface_pairs(interface: Interface) -> list[tuple[str, Any]]:
    """An interface as names and values; of a Jupyter server only what is not usual."""
    secret = interface.secret
    header = "" if secret.scheme is SecretScheme.NONE else f", sent as Authorization: {secret.scheme.value}"
    shown: dict[str, tuple[str, Any]] = {
        "command": ("command", command_line.joined(interface.command)),
        "port": ("port", interface.port),
        "prefix": ("prefix", interface.prefix),
        "ready_path": ("up when it answers", f"<prefix>/{interface.ready_path}"),
        "polls": ("not counted as use", [poll_written(poll) for poll in interface.polls]),
        "secret": ("secret", f"{secret.variable}{header}" if secret.variable else None),
    }
    return [
        ("interface", interface.kind),
        *(
            pair
            for name, pair in shown.items()
            if interface.kind is InterfaceKind.COMMAND or name == "command" or name in differing(interface)
        ),
    ]
