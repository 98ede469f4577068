"""An interface of the catalogue's file, read: a word, or a mapping with what differs from the usual one."""

from __future__ import annotations

from dataclasses import replace

from hub_ext.expression.interface_file import SHORT
from hub_ext.expression.yaml_fields import (
    listed,
    mapping_of,
    member,
    needed,
    optional_text,
    text_of,
    texts_of,
    whole_of,
)
from hub_ext.expression.yaml_tree import Node, at
from hub_ext.model.interfaces import (
    DEFAULTS,
    JUPYTER,
    Interface,
    InterfaceKind,
    Poll,
    PrefixHandling,
    SecretPlace,
    SecretScheme,
)
from hub_ext.phrase import Phrase

# Files of before say it of images that were built here, whose start prepares the home.
_FORMER = "jupyterlab"
_FORMER_COMMAND = ("/opt/hub-ext/start", "jupyter-lab")
_FIELDS = ("kind", "command", "port", "prefix", "ready_path", "polls", "secret")


def interface_read(node: Node, slug: str) -> Interface:
    """The interface; what is left out is as usual for its kind. Raises InputError, with the line."""
    if isinstance(node.value, str):
        if node.value == _FORMER:
            return replace(JUPYTER, command=_FORMER_COMMAND)
        if node.value == SHORT:
            return JUPYTER
        raise at(
            node.line,
            "There is no interface {text!r}",
            "Use jupyter, or write kind: command and its command below it.",
            text=node.value[:40],
        )
    where = Phrase("interface of {slug}", slug=slug)
    held = mapping_of(node, _FIELDS, where)
    usual = DEFAULTS[member(needed(held, "kind", node, where), InterfaceKind)]
    return Interface(
        kind=usual.kind,
        command=texts_of(held["command"], "command") if "command" in held else usual.command,
        port=whole_of(held["port"]) if "port" in held else usual.port,
        prefix=member(held["prefix"], PrefixHandling) if "prefix" in held else usual.prefix,
        ready_path=text_of(held["ready_path"]) if "ready_path" in held else usual.ready_path,
        polls=_polls(held["polls"], slug) if "polls" in held else usual.polls,
        secret=_secret(held["secret"], slug) if "secret" in held else usual.secret,
    )


def _polls(node: Node, slug: str) -> tuple[Poll, ...]:
    where = Phrase("poll of {slug}", slug=slug)
    polls = []
    for one in listed(node, "polls"):
        held = mapping_of(one, ("methods", "path"), where)
        methods = texts_of(held["methods"], "methods") if "methods" in held else ("GET", "HEAD")
        polls.append(Poll(methods, text_of(needed(held, "path", one, where))))
    return tuple(polls)


def _secret(node: Node, slug: str) -> SecretPlace:
    held = mapping_of(node, ("variable", "scheme"), Phrase("secret of {slug}", slug=slug))
    scheme = member(held["scheme"], SecretScheme) if "scheme" in held else SecretScheme.NONE
    return SecretPlace(optional_text(held, "variable"), scheme)
