"""The firewall on the closed network's bridge.

An internal Docker network still reaches every listener of its host; from this one nothing is reached. The
rules are in four chains of our own:
`HUB-EXT-<instance>` for what is addressed to the host (from INPUT), `HUB-EXT-<instance>-FWD` for what would
go through it, out of the closed network or into it (from DOCKER-USER, or FORWARD where that one is not asked
first; an engine of ours has no rules, so that these are all), `HUB-EXT-<instance>-OUT` for what programs of
the host send into it (from OUTPUT): a local user of the host has not passed the gate. `HUB-EXT-<instance>-LO`
keeps programs of local users from answering at the ports of Hub and console, which are free while these start
again: front and gate would hand them passwords, and believe what they say. dockerd rewrites only its own
chains, so they outlive its restarts. A restart of the machine loses them, and so does `nft flush ruleset`; an
engine that starts for the first time puts its own before them. The Hub starts with them, and the reconciler
puts them back (`flows.firewall`).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from hub_ext.adapters.engine.bridge_filter import check_bridge_filter, ensure_bridge_filter
from hub_ext.errors import NetworkError
from hub_ext.phrase import Phrase
from hub_ext.settings import Settings

_TOOL_SECONDS = 30
_LOCK_SECONDS = "10"
_LOOKS, _LOOK_SECONDS = 4, 0.2
_WAYS = ("-i", "-o")
_NOT_ROOT = "1-4294967294"


@dataclass(frozen=True, slots=True)
class _Chain:
    """Our chain, the jumps to it from its parent, and its rules as `iptables -S` prints them."""

    name: str
    parent: str
    jumps: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """The filter table of one family at one moment, in the lines of `iptables -S`."""

    lines: tuple[str, ...]

    def has(self, chain: str) -> bool:
        """Whether there is a chain of that name."""
        return any(line.split()[1] == chain for line in self.lines if line[:2] != "-A")

    def rules(self, chain: str) -> list[str]:
        """The rules of a chain, without its policy line; none where there is no such chain."""
        return [line for line in self.lines if line.startswith(f"-A {chain} ")]


def has_bridge(settings: Settings) -> bool:
    """Whether the closed network's bridge is there: without it there is nobody to keep in."""
    return settings.network_bridge in [name for _, name in socket.if_nameindex()]


def ensure_firewall(settings: Settings) -> None:
    """Puts the rules in place; each family in one transaction, so that there is no moment without them.

    What notebooks send to each other is subject to them too. Raises NetworkError where iptables is missing,
    refuses, or we are not root.
    """
    for tool in _tools():
        table = _settled(settings, tool)
        changes = []
        for chain in _chains(settings, tool, table):
            if table.rules(chain.name) != list(chain.rules):
                changes += [f":{chain.name} - [0:0]", *chain.rules]
            for jump in chain.jumps:
                if not _first(table, chain.parent, jump, settings):
                    changes += [f"-D {chain.parent} {jump}"] * table.rules(chain.parent).count(
                        f"-A {chain.parent} {jump}"
                    )
                    changes.append(f"-I {chain.parent} 1 {jump}")
        if changes:
            _run(f"{tool}-restore", "--noflush", "-w", _LOCK_SECONDS, said=_batch(changes))
    ensure_bridge_filter(settings.network_bridge)


def check_firewall(settings: Settings) -> tuple[Phrase, ...]:
    """What is wrong with the rules, part of a sentence each; nothing is changed.

    Where all is well, iptables runs once for each family. Raises NetworkError as `ensure_firewall` does.
    """
    problems = []
    for tool in _tools():
        table = _settled(settings, tool)
        for chain in _chains(settings, tool, table):
            if table.rules(chain.name) != list(chain.rules):
                problems.append(
                    Phrase(
                        "{tool}: the rules of chain {chain} are missing or altered",
                        tool=tool,
                        chain=chain.name,
                    )
                )
            if not all(_first(table, chain.parent, jump, settings) for jump in chain.jumps):
                problems.append(
                    Phrase(
                        "{tool}: {parent} lets other rules decide before {chain} does",
                        tool=tool,
                        parent=chain.parent,
                        chain=chain.name,
                    )
                )
    return (*problems, *check_bridge_filter(settings.network_bridge))


def remove_firewall(settings: Settings) -> None:
    """Takes our rules and chains away. Absent is success."""
    for tool in _tools():
        table = _table(tool)
        changes = []
        for chain in _chains(settings, tool, table):
            for parent in ("INPUT", "FORWARD", "DOCKER-USER", "OUTPUT"):
                for jump in chain.jumps:
                    changes += [f"-D {parent} {jump}"] * table.rules(parent).count(f"-A {parent} {jump}")
            if table.has(chain.name):
                changes += [f"-F {chain.name}", f"-X {chain.name}"]
        if changes:
            _run(f"{tool}-restore", "--noflush", "-w", _LOCK_SECONDS, said=_batch(changes))


def _chains(settings: Settings, tool: str, table: _Table) -> tuple[_Chain, ...]:
    bridge, base = settings.network_bridge, f"HUB-EXT-{settings.instance}"
    outward = f"{base}-OUT"
    to_host, from_host = [f"-A {base} -j DROP"], [f"-A {outward} -j DROP"]
    if tool == "iptables":
        to_host = [
            # Answers to what the host began, and nothing of what a notebook once began.
            f"-A {base} -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT",
            *to_host,
        ]
        from_host = [
            f"-A {outward} -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            # Hub, gate and culler are root's; the front has a user of its own.
            *(f"-A {outward} -m owner --uid-owner {uid} -j ACCEPT" for uid in (0, settings.front_uid)),
            *from_host,
        ]
    through = f"{base}-FWD"
    return (
        _Chain(base, "INPUT", (f"-i {bridge} -j {base}",), tuple(to_host)),
        _Chain(
            through,
            # Where our rule on what goes through the host is asked first.
            "DOCKER-USER" if _first(table, "FORWARD", "-j DOCKER-USER", settings) else "FORWARD",
            (f"-o {bridge} -j {through}", f"-i {bridge} -j {through}"),
            (f"-A {through} -j DROP",),
        ),
        _Chain(outward, "OUTPUT", (f"-o {bridge} -j {outward}",), tuple(from_host)),
        *(_loopback(settings, f"{base}-LO") if tool == "iptables" else ()),
    )


def _loopback(settings: Settings, name: str) -> Iterator[_Chain]:
    """Nobody but root takes connections at the ports of Hub and console."""
    first_answer = "--tcp-flags SYN,ACK SYN,ACK"
    rules = (
        f"-A {name} -p tcp -m tcp --sport {port} {first_answer} -m owner --uid-owner {_NOT_ROOT} -j DROP"
        for port in (settings.hub_port, settings.console_port)
    )
    yield _Chain(name, "OUTPUT", (f"-o lo -p tcp -j {name}",), tuple(rules))


def _settled(settings: Settings, tool: str) -> _Table:
    """The table at a moment when it says which of DOCKER-USER and FORWARD is our rules' parent."""
    # dockerd takes DOCKER-USER's jump out and puts it on top again whenever it makes a network: where it is
    # not on top, and our rules in FORWARD do not decide first either, look more than once.
    for _ in range(_LOOKS):
        table = _table(tool)
        through = _chains(settings, tool, table)[1]
        if through.parent == "DOCKER-USER" or not table.has("DOCKER-USER"):
            break
        if all(_first(table, through.parent, jump, settings) for jump in through.jumps):
            break
        time.sleep(_LOOK_SECONDS)
    return table


def _first(table: _Table, parent: str, jump: str, settings: Settings) -> bool:
    """Whether no rule before that jump can decide about what the jump is for."""
    ways = [jump[:2]] if jump[:2] in _WAYS else _WAYS
    device = jump.split()[1] if jump[:2] in _WAYS else settings.network_bridge
    for rule in table.rules(parent):
        if rule == f"-A {parent} {jump}":
            return True
        if " -j HUB-EXT-" not in rule and not all(_elsewhere(rule, way, device) for way in ways):
            return False
    return False


def _elsewhere(rule: str, way: str, device: str) -> bool:
    """Whether the rule is about another interface than that one; `way` is -i (from it) or -o (to it)."""
    # iptables writes "any interface that begins with" as a trailing "+".
    interface = rule.partition(f" {way} ")[2].split(" ")[0].replace("+", "*")
    return bool(interface) and f"! {way}" not in rule and not fnmatch(device, interface)


def _table(tool: str) -> _Table:
    return _Table(tuple(_run(tool, "-w", _LOCK_SECONDS, "-S").splitlines()))


def _batch(changes: list[str]) -> str:
    return "\n".join(["*filter", *changes, "COMMIT", ""])


def _tools() -> tuple[str, ...]:
    """ip6tables only where the kernel speaks IPv6."""
    return ("iptables", "ip6tables") if Path("/proc/net/if_inet6").exists() else ("iptables",)


def _run(tool: str, *arguments: str, said: str = "") -> str:
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if path is None:
        raise NetworkError(
            "{tool} is not installed.", advice="Install it: apt-get install iptables.", tool=tool
        )
    try:
        done = subprocess.run(
            [path, *arguments], input=said, capture_output=True, text=True, timeout=_TOOL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkError("{tool} cannot be run: {why}.", tool=tool, why=str(error)) from error
    if done.returncode != 0:
        raise NetworkError(
            "{tool} failed: {said}.",
            advice="Run the Hub as root; its firewall closes the notebooks' network.",
            tool=tool,
            said=done.stderr.strip()[:300],
        )
    return done.stdout
