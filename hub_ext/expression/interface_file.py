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
    usual = DEFAULTS[interface.kind]
    differing = {
        one.name: _plain(getattr(interface, one.name))
        for one in fields(interface)
        if one.name != "kind" and getattr(interface, one.name) != getattr(usual, one.name)
    }
    return {"kind": interface.kind.value, **differing}


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
