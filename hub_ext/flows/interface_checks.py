"""An entry's interface, checked as it was typed: what is started, where it is reached, what counts as use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from hub_ext.errors import InputError
from hub_ext.expression.image_env import DENIED_ENV
from hub_ext.flows import checks
from hub_ext.model.interfaces import (
    JUPYTER,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretScheme,
)
from hub_ext.model.text import visible
from hub_ext.phrase import Phrase
from hub_ext.policy import poll_patterns

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PLACEHOLDERS = ("{port}", "{prefix}", "{start_url}")
MOST_PARTS = 64
MOST_PART_CHARACTERS = 1000
MOST_COMMAND_CHARACTERS = 8000
MOST_PATH_CHARACTERS = 200
MOST_POLLS = 32
PORTS = range(1024, 65536)  # a server without capabilities opens none below

# What the hub and every launch set, and what other programs of the container read before the server does.
_OUR_VARIABLES = frozenset(
    {*DENIED_ENV, *("HOME", "USER", "LOGNAME", "PATH", "SHELL", "TMPDIR", "LANG", "TZ")}
    | {"MEM_LIMIT", "CPU_LIMIT"}
)
_OUR_PREFIXES = ("HUB_EXT_", "JUPYTERHUB_", "NVIDIA_", "LD_", "LC_")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
# "${name}" is left to a shell that the command itself starts.
_PLACEHOLDER = re.compile(r"(?<!\$)\{[a-z_]+\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def checked_interface(interface: Interface) -> Interface:
    """The interface, where a server can be started and reached by it. Raises InputError."""
    for check in _CHECKS.values():
        check(interface)
    polls = tuple(Poll(tuple(dict.fromkeys(poll.methods)), poll.path) for poll in interface.polls)
    return replace(interface, ready_path=interface.ready_path.strip(), polls=tuple(dict.fromkeys(polls)))


def problems(interface: Interface) -> dict[str, InputError]:
    """What keeps each part of the interface from being used, by the part's name, for a form."""
    found = {}
    for name, check in _CHECKS.items():
        try:
            check(interface)
        except InputError as error:
            found[name] = error
    return found


def _command(interface: Interface) -> None:
    command = interface.command
    if not command or not command[0].strip():
        raise InputError(
            "The command is empty.",
            advice="Give the program that serves pages, and its arguments.",
        )
    if (
        len(command) > MOST_PARTS
        or any(len(part) > MOST_PART_CHARACTERS for part in command)
        or sum(map(len, command)) > MOST_COMMAND_CHARACTERS
    ):
        raise InputError(
            "The command is too long.",
            advice="Use {parts} parts of {characters} characters at most, or write a script into the image.",
            parts=MOST_PARTS,
            characters=MOST_PART_CHARACTERS,
        )
    if not all(visible(part) for part in command):
        raise InputError(
            "The {what} holds a line break or a control character.",
            advice="Leave it out.",
            what=Phrase("command"),
        )
    places = [place for part in command for place in _PLACEHOLDER.findall(part)]
    if interface.kind is InterfaceKind.JUPYTER and places:
        raise InputError(
            "Nothing is filled in for {place} in the command of a Jupyter server.",
            advice="Leave it out: port and prefix are put behind the command. For another program, choose "
            "another interface.",
            place=places[0][:40],
        )
    if unknown := [place for place in places if place not in PLACEHOLDERS]:
        raise InputError(
            "Nothing is known to be filled in for {place}.",
            advice="Use {places}.",
            place=unknown[0][:40],
            places=PLACEHOLDERS,
        )


def _port(interface: Interface) -> None:
    if interface.port not in PORTS:
        raise InputError(
            "The port {port} cannot be used.",
            advice="Use one from {least} to {most}.",
            port=interface.port,
            least=PORTS.start,
            most=PORTS.stop - 1,
        )


def _ready_path(interface: Interface) -> None:
    path = checks.line(interface.ready_path, Phrase("readiness path"), most=MOST_PATH_CHARACTERS)
    if (
        not path.isascii()
        or path.startswith("/")
        or any(letter in path for letter in ' ?#\\"<>')
        or ".." in path.split("/")
        or _SCHEME.match(path)
    ):
        raise InputError(
            "The readiness path {path!r} does not lie below the server's own address.",
            advice='Write it without a "/" at its beginning, such as "api" or "healthz"; empty for the first '
            "page.",
            path=path,
        )


def _polls(interface: Interface) -> None:
    polls = set(interface.polls)
    for poll in interface.polls:
        _poll(poll)
    ways = poll_patterns.ways(poll.path for poll in polls)
    if len(polls) > MOST_POLLS or ways > poll_patterns.MOST_WAYS_TOGETHER:
        raise InputError(
            "There are too many polls.",
            advice="Use {most} at most, and fewer alternatives in them.",
            most=MOST_POLLS,
        )


def _poll(poll: Poll) -> None:
    if not poll.methods or not set(poll.methods) <= set(METHODS):
        raise InputError(
            "The poll {path!r} is of no method, or of an unknown one.",
            advice="Use {methods}.",
            path=poll.path[: poll_patterns.MOST_CHARACTERS],
            methods=METHODS,
        )
    if why := poll_patterns.problem(poll.path):
        raise InputError(
            "The poll {path!r} cannot be used: {why}.",
            advice='Write paths such as "events/.*", "api/(?:status|me)" or "jobs/[^/]+": a character may be '
            "repeated, a group may be optional.",
            path=poll.path[: poll_patterns.MOST_CHARACTERS],
            why=why,
        )


def _secret(interface: Interface) -> None:
    variable = interface.secret.variable
    if not variable:
        if interface.secret.scheme is not SecretScheme.NONE:
            raise InputError(
                "Requests would carry a secret that the server does not get.",
                advice="Name the variable in which it expects the secret.",
            )
        return
    if not _VARIABLE.fullmatch(variable):
        raise InputError(
            "{variable!r} cannot be the name of the secret's variable.",
            advice="Use A-Z, 0-9 and _, with no digit at its beginning.",
            variable=variable[:80],
        )
    if variable in _OUR_VARIABLES or variable.startswith(_OUR_PREFIXES):
        raise InputError(
            "The variable {variable} has another meaning in every server.",
            advice="Name the one in which the program expects its password or token.",
            variable=variable,
        )


def _jupyter(interface: Interface) -> None:
    """Its arguments say that it lies at its prefix, and its secret is jupyter_server's own."""
    if interface.kind is InterfaceKind.JUPYTER and (
        interface.prefix is not PrefixHandling.KEPT or interface.secret != JUPYTER.secret
    ):
        raise InputError(
            "A Jupyter server keeps its prefix, and takes its secret in {variable}.",
            advice="Leave both as they are. For another program, choose another interface.",
            variable=JUPYTER.secret.variable,
        )


_CHECKS: dict[str, Callable[[Interface], None]] = {
    "command": _command,
    "port": _port,
    "ready_path": _ready_path,
    "polls": _polls,
    "secret": _secret,
    "kind": _jupyter,
}
