"""An interface as plain values, with what differs from the usual one of its kind alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hub_ext.model.interfaces import DEFAULTS, JUPYTER, Interface, Poll, SecretPlace

SHORT = "jupyter"  # any Jupyter image, started as usual


def interface_written(interface: Interface) -> str | dict[str, Any]:
    """ "jupyter", or a mapping of `kind` and of every field that is another than the kind's default."""
    if interface == JUPYTER:
        return SHORT
    return {
        "kind": interface.kind.value,
        **{name: _plain(getattr(interface, name)) for name in differing(interface)},
    }


def differing(interface: Interface) -> tuple[str, ...]:
    """The names of its fields that are other than usual for its kind."""
    usual = DEFAULTS[interface.kind]
    names = (one.name for one in fields(interface))
    return tuple(name for name in names if getattr(interface, name) != getattr(usual, name))


def _plain(value: Any) -> Any:
    match value:
        case SecretPlace():
            return {"variable": value.variable, "scheme": value.scheme.value}
        case Poll():
            return {"methods": list(value.methods), "path": value.path}
        case tuple():
            return [_plain(one) for one in value]
        case str():
            return str(value)
    return value
