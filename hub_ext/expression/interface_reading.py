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
    READ_METHODS,
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
    fields = mapping_of(node, _FIELDS, where)
    usual = DEFAULTS[member(needed(fields, "kind", node, where), InterfaceKind)]
    return Interface(
        kind=usual.kind,
        command=texts_of(fields["command"], "command") if "command" in fields else usual.command,
        port=whole_of(fields["port"]) if "port" in fields else usual.port,
        prefix=member(fields["prefix"], PrefixHandling) if "prefix" in fields else usual.prefix,
        ready_path=text_of(fields["ready_path"]) if "ready_path" in fields else usual.ready_path,
        polls=_polls(fields["polls"], slug) if "polls" in fields else usual.polls,
        secret=_secret(fields["secret"], slug) if "secret" in fields else usual.secret,
    )


def _polls(node: Node, slug: str) -> tuple[Poll, ...]:
    where = Phrase("poll of {slug}", slug=slug)
    polls = []
    for one in listed(node, "polls"):
        fields = mapping_of(one, ("methods", "path"), where)
        methods = texts_of(fields["methods"], "methods") if "methods" in fields else READ_METHODS
        polls.append(Poll(methods, text_of(needed(fields, "path", one, where))))
    return tuple(polls)


def _secret(node: Node, slug: str) -> SecretPlace:
    fields = mapping_of(node, ("variable", "scheme"), Phrase("secret of {slug}", slug=slug))
    scheme = member(fields["scheme"], SecretScheme) if "scheme" in fields else SecretScheme.NONE
    return SecretPlace(optional_text(fields, "variable"), scheme)
