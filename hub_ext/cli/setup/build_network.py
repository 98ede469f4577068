"""The way out of our own engine's default network, open only while an image is built.

A network namespace stands in for the host on the engine's bridge: whatever a build step sends to the host
reaches the namespace, which passes it on to slirp4netns, an ordinary program of the host. So a step sees no
interface of the host, and neither the host's forwarding nor its firewall is changed. Frames are redirected
and not bridged: another engine's rules (`FORWARD` policy DROP) decide about bridged ones as well.

Namespace, cables and slirp4netns end with the process that opened them, also where that is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hub_ext.cli.setup.build_firewall import TAP, kept_closed, run
from hub_ext.cli.setup.choices import machine_lock
from hub_ext.cli.setup.private_engine import BUILD_SUBNET, PrivateEngine, private_engine
from hub_ext.errors import EngineError

_END_SECONDS = 10


@contextmanager
def build_network(engine_url: str) -> Iterator[None]:
    """Opens the way out for a build on that engine. The host's engine has one of its own: nothing is done."""
    engine = private_engine()
    if engine is None or engine.url != engine_url:
        yield
    else:
        with opened(engine):
            yield


@contextmanager
def opened(engine: PrivateEngine) -> Iterator[None]:
    """Opens the way out of a running engine's bridge; another process that builds there waits.

    Raises EngineError.
    """
    if shutil.which("slirp4netns") is None:
        raise EngineError(
            "There is no slirp4netns, which builds need.",
            advice="Start `make run` anew: it installs what is missing.",
        )
    with machine_lock(f"build-{engine.id}"), ExitStack() as stack:
        namespace = stack.enter_context(_namespace())
        _connect(engine, namespace, stack)
        stack.enter_context(kept_closed(namespace))
        stack.enter_context(_slirp(engine, namespace))
        yield


@contextmanager
def _namespace() -> Iterator[str]:
    """A network namespace that lasts as long as its process, which ends with us; its path."""
    command = ["unshare", "--net", "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        try:
            assert cat.stdout is not None
            if cat.stdout.readline() != b"ready\n":
                raise EngineError(
                    "No network namespace can be made.", advice="Building images needs root's rights."
                )
            yield f"/proc/{cat.pid}/ns/net"
        finally:
            cat.kill()


def _connect(engine: PrivateEngine, namespace: str, stack: ExitStack) -> None:
    """Lays a cable between bridge and namespace, which takes the host's place on the bridge."""
    bridge, cable = engine.bridge, f"hxv{engine.id}"
    _disconnect(bridge, cable)  # a run that was killed
    stack.callback(_disconnect, bridge, cable)
    pid = namespace.split("/")[2]
    run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", pid)
    inside = ("nsenter", f"--net={namespace}")
    run(*inside, "sysctl", "-eqw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.disable_ipv6=1")
    run(*inside, "ip", "address", "add", str(engine.bridge_address), "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "address", engine.bridge_mac, "up")
    run("ip", "link", "set", bridge, "address", engine.bridge_mac)  # one of an earlier version has none
    run("ip", "link", "set", cable, "up")
    for device, other in ((bridge, cable), (cable, bridge)):
        run("tc", "qdisc", "add", "dev", device, "ingress")
        everything = ("protocol", "all", "u32", "match", "u32", "0", "0")
        redirect = ("action", "mirred", "egress", "redirect", "dev", other)
        run("tc", "filter", "add", "dev", device, "ingress", *everything, *redirect)


def _disconnect(bridge: str, cable: str) -> None:
    subprocess.run(["tc", "qdisc", "delete", "dev", bridge, "ingress"], capture_output=True)
    subprocess.run(["ip", "link", "delete", cable], capture_output=True)


@contextmanager
def _slirp(engine: PrivateEngine, namespace: str) -> Iterator[None]:
    """slirp4netns carries what leaves the namespace out as its own connections, and ends when we do."""
    ready, ready_end = os.pipe()
    exit_end, alive = os.pipe()
    log = engine.folder / "build-network.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                # Its sandbox takes mounts away, and as root's also those that are shared with the host.
                *("unshare", "--mount", "slirp4netns", "--enable-sandbox", "--enable-seccomp"),
                *("--configure", "--mtu=65520", f"--cidr={BUILD_SUBNET}", "--disable-host-loopback"),
                *(f"--ready-fd={ready_end}", f"--exit-fd={exit_end}", "--netns-type=path", namespace, TAP),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(ready_end, exit_end),
            start_new_session=True,
        )
    try:
        os.close(ready_end)
        os.close(exit_end)
        with os.fdopen(ready, "rb") as answer:
            if answer.read(1) != b"1":
                raise EngineError("Builds have no way out: slirp4netns ended.", advice=f"Its log: {log}.")
        yield
    finally:
        os.close(alive)
        process.terminate()
        process.wait(_END_SECONDS)
