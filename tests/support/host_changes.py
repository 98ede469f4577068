"""What an engine might change on this machine, so that two moments can be compared."""

from __future__ import annotations

import subprocess


def host_state() -> dict[str, str]:
    """What an engine might change on its host: rules, switches of the kernel, interfaces, mounts."""
    commands = {
        "rules": "iptables-save | grep -v '^[#:]'; ip6tables-save | grep -v '^[#:]'",
        "kernel": "sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding",
        "interfaces": "ls /sys/class/net | grep -v '^veth'",
        "mounts": r"cut -d ' ' -f 5 /proc/self/mountinfo | grep -F 'rather\040long\040name'",
        "folders": "ls -d /etc/docker",
    }
    return {
        name: subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout
        for name, command in commands.items()
    }
