"""`hub-ext gpu` as an operator types it, on a machine without a driver whose settings list its GPUs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hub_ext.model import AuditEvent
from tests.cli.conftest import Terminal

DEVICE = "hub-ext.test/gpu=0"
LISTED = {"device": DEVICE, "model": "H100", "mem_bytes": 2**36}


@pytest.fixture
def machine(typed: Terminal) -> Terminal:
    """It has one GPU, which a CDI spec attaches."""
    specs = typed.folder / "cdi"
    specs.mkdir()
    (typed.folder / "node0").touch()
    nodes = {"deviceNodes": [{"path": "/dev/gpu0", "hostPath": str(typed.folder / "node0")}]}
    spec = {
        "cdiVersion": "0.6.0",
        "kind": "hub-ext.test/gpu",
        "devices": [{"name": "0", "containerEdits": nodes}],
    }
    (specs / "a.json").write_text(json.dumps(spec))
    configure(typed, f"c.HubExt.cdi_dirs = [{str(specs)!r}]\nc.HubExt.gpu_devices = [{LISTED!r}]\n")
    return typed


def configure(typed: Terminal, lines: str) -> None:
    config = typed.folder / "config.py"
    config.write_text(config.read_text() + lines)


def test_listed_taken_out_put_back_and_shared(
    machine: Terminal, events: Callable[[], list[AuditEvent]]
) -> None:
    assert "No GPU is known" in machine.done("gpu", "list")
    assert "1 found, 0 lost" in machine.done("gpu", "refresh")
    (row,) = machine.read("gpu", "list")
    assert (row["gpu"], row["model"], row["percent"], row["health"]) == (
        f"local/{DEVICE}",
        "H100",
        None,
        "ok",
    )
    assert [*machine.done("gpu", "list").splitlines()[1].split()][:5] == [
        f"local/{DEVICE}",
        DEVICE,
        "H100",
        "?",
        "1/1",
    ]

    assert "is empty" in machine.refused("gpu", "take-out", DEVICE, "--why", " ")
    assert "no new launch" in machine.done("gpu", "take-out", DEVICE, "--why", "its fan is changed")
    assert "out-of-service" in machine.done("gpu", "list")
    assert machine.read("gpu", "list")[0]["out_why"] == "its fan is changed"
    machine.done("gpu", "put-back", f"local/{DEVICE}")
    assert "free" in machine.done("gpu", "list")

    assert "has 2 shares" in machine.done("gpu", "share", DEVICE, "--shares", "2")
    assert [row["share"] for row in machine.read("gpu", "list")] == ["1/2", "2/2"]
    assert "has 1 shares" in machine.done("gpu", "share", DEVICE, "--as-site")
    assert machine("gpu", "share", DEVICE).status == 2
    assert machine("gpu", "share", DEVICE, "--as-site", "--shares", "2").status == 2
    assert "no GPU" in machine.refused("gpu", "put-back", "nothing")
    assert [event.verb.value for event in events()] == [
        "gpu.found",
        "gpu.taken-out",
        "gpu.put-back",
        "gpu.shared",
        "gpu.shared",
    ]
    assert events()[1].actor.kind.value == "host-user"


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("c.HubExt.gpu_source = 'nvlm'", "gpu_source"),
        ("c.HubExt.gpu_shares = 0", "gpu_shares"),
        ("c.HubExt.gpu_devices = [{'device': '0', 'model': 'H100', 'mem_bytes': 1}]", "gpu_devices"),
        (f"c.HubExt.gpu_devices = [{{'device': '{DEVICE}', 'model': 'H100'}}]", "gpu_devices"),
        (f"c.HubExt.gpu_devices = 2 * [{LISTED!r}]", "gpu_devices"),
    ],
)
def test_a_bad_setting_is_said(typed: Terminal, lines: str, named: str) -> None:
    configure(typed, f"{lines}\n")
    assert f"c.HubExt.{named}" in typed.refused("gpu", "list")
