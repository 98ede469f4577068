"""What a created container differs in from the body that asked for it.

An engine that does not know a key drops it without a word; an image adds what it likes; whoever shares the
engine may have changed the container. Compared is therefore what the engine says of the container, and in
`HostConfig` nothing may stand that was not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub_ext.expression.image_env import unsafe_to_allow

# What the engine puts in by itself, and at least must.
MASKED_PATHS = frozenset({"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"})
READONLY_PATHS = frozenset({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})

_PATHS = {"MaskedPaths": MASKED_PATHS, "ReadonlyPaths": READONLY_PATHS}
_COMPARED_APART = ("Env", "Labels", "Healthcheck", "HostConfig", "NetworkingConfig")


def differences(body: Mapping[str, Any], inspected: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for each difference between `body` and GET /containers/ID/json; empty where there is none.

    Values of environment variables, which hold tokens, are never told. For operators and logs: the lines
    name folders of the host.
    """
    config = inspected.get("Config") or {}
    lines = [
        line
        for key, wanted in body.items()
        if key not in _COMPARED_APART
        for line in _difference(f"Config.{key}", wanted, config.get(key))
    ]
    lines += _env(body.get("Env") or (), config.get("Env") or ())
    lines += _labels(body.get("Labels") or {}, config.get("Labels") or {})
    lines += _health_check(body.get("Healthcheck") or {}, config.get("Healthcheck") or {})
    lines += _host_config(body["HostConfig"], inspected.get("HostConfig") or {})
    lines += _mounts(body["HostConfig"].get("Mounts") or (), inspected.get("Mounts") or ())
    lines += _networks(body, inspected)
    # Empty where the host has no AppArmor, the engine's own profile where it has.
    if inspected.get("AppArmorProfile") == "unconfined":
        lines.append("AppArmorProfile is 'unconfined'")
    return tuple(lines)


def _host_config(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    lines = [
        line
        for key in dict.fromkeys((*wanted, *found))
        if key not in _PATHS
        for line in _difference(f"HostConfig.{key}", wanted.get(key), found.get(key))
    ]
    for key, least in _PATHS.items():
        missing = least - set(found.get(key) or ())
        if missing:
            lines.append(f"HostConfig.{key} is without {', '.join(sorted(missing))}")
    return lines


def _env(wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    """Every wanted variable, once and as wanted; others come from the image's ENV."""
    values: dict[str, list[str]] = {}
    for line in found:
        name, _, value = line.partition("=")
        values.setdefault(name, []).append(value)
    pairs = [line.partition("=") for line in wanted]
    lines = [
        f"Config.Env has another {name}, or none" for name, _, value in pairs if values.get(name) != [value]
    ]
    # The image's own values are looked at when it is published; what is allowed after that, here.
    ours = {name for name, _, _ in pairs}
    of_image = {name: texts[-1] for name, texts in values.items() if name not in ours}
    lines += [f"Config.Env has a {name} that is not safe to allow" for name in unsafe_to_allow(of_image)]
    return lines


def _labels(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        line
        for name, value in wanted.items()
        for line in _difference(f"Config.Labels[{name!r}]", value, found.get(name))
    ]


def _health_check(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The engine fills in the image's intervals, which mean nothing where the test is "NONE"."""
    if wanted.get("Test") == ["NONE"]:
        wanted, found = {"Test": wanted["Test"]}, {"Test": found.get("Test")}
    return _difference("Config.Healthcheck", wanted, found)


def _mounts(wanted: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The mounts that the engine made of those asked for, among them none for an image's VOLUME."""
    asked = {
        (
            mount["Type"],
            mount["Source"],
            mount["Target"],
            "read-only" if mount.get("ReadOnly") else "writable",
            (mount.get("BindOptions") or {}).get("Propagation", ""),
        )
        for mount in wanted
    }
    made = {
        (
            mount.get("Type", ""),
            mount.get("Name") if mount.get("Type") == "volume" else mount.get("Source"),
            mount.get("Destination", ""),
            "writable" if mount.get("RW", True) else "read-only",
            mount.get("Propagation", ""),
        )
        for mount in found
    }
    return [
        *(f"Mounts lack {_words(mount)}" for mount in sorted(asked - made, key=str)),
        *(f"Mounts have {_words(mount)}, which was not asked for" for mount in sorted(made - asked, key=str)),
    ]


def _networks(body: Mapping[str, Any], inspected: Mapping[str, Any]) -> list[str]:
    wanted = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    found = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    if set(wanted) != set(found):
        return [f"Networks are {sorted(found)}, wanted {sorted(wanted)}"]
    return [
        line
        for name, endpoint in wanted.items()
        for line in _difference(
            f"Networks[{name!r}].IPAMConfig",
            endpoint.get("IPAMConfig"),
            (found[name] or {}).get("IPAMConfig"),
        )
    ]


def _difference(name: str, wanted: Any, found: Any) -> list[str]:
    """Nothing, or one line. To the engine, null, false, 0 and "" are all "not set"."""
    if _plain(wanted) == _plain(found):
        return []
    return [f"{name} is {found!r}, wanted {wanted!r}"]


def _plain(value: Any) -> Any:
    """The value without what is not set; None where nothing is."""
    if isinstance(value, Mapping):
        kept = {key: plain for key, inner in value.items() if (plain := _plain(inner)) is not None}
        return kept or None
    if isinstance(value, list | tuple):
        plain_values = [_plain(inner) for inner in value]
        return plain_values if any(inner is not None for inner in plain_values) else None
    return value or None


def _words(mount: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in mount if part)
