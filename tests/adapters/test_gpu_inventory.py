"""Which GPUs a node has: from CDI specs as people write them, and from a driver that answers or fails."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from hub_ext.adapters.gpu_inventory import cdi_devices, inventory
from hub_ext.errors import EngineError
from hub_ext.model import GpuHealth
from hub_ext.settings import GIB, Settings

KIND = "hub-ext.test/gpu"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """/etc/cdi and /var/run/cdi."""
    made = tmp_path / "etc", tmp_path / "run"
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture
def node(tmp_path: Path, folders: tuple[Path, Path]) -> Settings:
    """A node that has these specs and no driver."""
    return Settings(state_dir=tmp_path, node="n1", gpu_source="cdi", cdi_dirs=folders, gpu_shares=2)


def spec(folder: Path, name: str, devices: dict[str, list[str]], kind: str = KIND) -> None:
    """Writes a spec: device names and the nodes that each brings."""
    content = {
        "cdiVersion": "0.6.0",
        "kind": kind,
        "devices": [
            {"name": device, "containerEdits": {"deviceNodes": [{"path": node} for node in nodes]}}
            for device, nodes in devices.items()
        ],
    }
    (folder / name).write_text(json.dumps(content))  # JSON is YAML too


def found(settings: Settings) -> list[tuple[str, str]]:
    return [(gpu.id, gpu.device) for gpu in inventory(settings)]


def test_every_gpu_of_a_spec_once(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["/dev/g0"], "1": ["/dev/g1"], "10": ["/dev/g10"], "all": ["/dev/g0"]})
    assert found(node) == [(f"n1/{KIND}={n}", f"{KIND}={n}") for n in ("0", "1", "10")]
    (first, *_) = inventory(node)
    assert (first.node, first.model, first.shares, first.mem_bytes) == ("n1", "hub-ext.test", 2, 0)
    assert first.health is GpuHealth.OK


def test_two_names_of_one_device_are_one_gpu(node: Settings, folders: tuple[Path, Path]) -> None:
    """NVIDIA's tool names each card by its index and by its UUID: leased twice, it would have two owners."""
    names = {"0": ["/dev/c", "/dev/g0"], "GPU-ab": ["/dev/g0", "/dev/c"], "1": ["/dev/g1", "/dev/c"]}
    spec(folders[0], "nvidia.yaml", names, "nvidia.com/gpu")
    spec(folders[1], "nvidia.yaml", {"GPU-cd": ["/dev/g1", "/dev/c"]}, "nvidia.com/gpu")
    assert [device for _, device in found(node)] == ["nvidia.com/gpu=GPU-ab", "nvidia.com/gpu=GPU-cd"]


def test_later_folders_win_as_in_the_engine(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.yaml", {"0": ["/dev/old"]})
    spec(folders[1], "a.yaml", {"0": ["/dev/new"]})
    assert [device.nodes for device in cdi_devices(node.cdi_dirs)] == [("/dev/new",)]


def test_other_kinds_and_other_files_are_not_gpus(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["/dev/x"]}, "hub-ext.test/net")
    spec(folders[0], "a.json.bak", {"0": ["/dev/x"]})
    assert found(node) == []


@pytest.mark.parametrize(
    "text", ["{", "a: [", "[]", "{}", '{"kind": "a/gpu"}', '{"kind": "a/gpu", "devices": 1}']
)
def test_a_broken_spec_hides_no_other(
    node: Settings, folders: tuple[Path, Path], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "broken.yaml").write_text(text)
    spec(folders[1], "good.json", {"0": ["/dev/g0"]})
    with caplog.at_level(logging.WARNING):
        assert len(inventory(node)) == 1
    assert "broken.yaml" in caplog.text


def test_without_folders_or_gpus_there_are_none(node: Settings, tmp_path: Path) -> None:
    assert inventory(replace(node, cdi_dirs=(tmp_path / "none",))) == ()


def test_none_asks_nobody(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["/dev/g0"]})
    assert inventory(replace(node, gpu_source="none")) == ()


def test_ids_are_the_same_next_time(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["/dev/g0"], "1": ["/dev/g1"]})
    before = found(node)
    spec(folders[0], "a.json", {"1": ["/dev/g1"], "0": ["/dev/g0"], "2": ["/dev/g2"]})
    assert set(before) < set(found(node))


class Driver:
    """Stands for NVIDIA's library, which needs the silicon: two cards, the second divided in two."""

    def __init__(self) -> None:
        self.cards: list[Any] = [
            SimpleNamespace(uuid="GPU-a", name="H100", total=80 * GIB, parts=[]),
            SimpleNamespace(
                uuid="GPU-b",
                name="A100",
                total=40 * GIB,
                parts=[
                    SimpleNamespace(uuid="MIG-1", name="A100 3g", total=20 * GIB),
                    None,
                    SimpleNamespace(uuid="MIG-2", name="A100 2g", total=10 * GIB),
                ],
            ),
        ]
        self.closed = 0

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def card(index: int) -> Any:
            if self.cards[index] is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
            return self.cards[index]

        def mode(card: Any) -> tuple[int, int]:
            if not card.parts:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return (1, 1)

        def part(card: Any, place: int) -> Any:
            if card.parts[place] is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
            return card.parts[place]

        def closing() -> None:
            self.closed += 1

        for name, answer in {
            "nvmlInit": lambda: None,
            "nvmlShutdown": closing,
            "nvmlDeviceGetCount": lambda: len(self.cards),
            "nvmlDeviceGetHandleByIndex": card,
            "nvmlDeviceGetMigMode": mode,
            "nvmlDeviceGetMaxMigDeviceCount": lambda card: len(card.parts),
            "nvmlDeviceGetMigDeviceHandleByIndex": part,
            "nvmlDeviceGetUUID": lambda handle: handle.uuid,
            "nvmlDeviceGetName": lambda handle: handle.name,
            "nvmlDeviceGetMemoryInfo": lambda handle: handle,
        }.items():
            monkeypatch.setattr(pynvml, name, answer)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    made.put(monkeypatch)
    return made


def test_the_driver_s_cards_and_parts_by_the_names_that_attach_them(
    node: Settings, folders: tuple[Path, Path], driver: Driver
) -> None:
    spec(folders[0], "n.json", {"0": [], "1:0": [], "MIG-2": [], "1:2": []}, "nvidia.com/gpu")
    seen = inventory(replace(node, gpu_source="auto"))
    assert [(gpu.id, gpu.device.partition("=")[2], gpu.mem_bytes // GIB) for gpu in seen] == [
        ("GPU-a", "0", 80),
        ("MIG-1", "1:0", 20),
        ("MIG-2", "MIG-2", 10),
    ]
    assert {gpu.health for gpu in seen} == {GpuHealth.OK}
    assert driver.closed == 1


def test_a_card_that_no_spec_names_cannot_be_attached(node: Settings, driver: Driver) -> None:
    assert {gpu.health for gpu in inventory(replace(node, gpu_source="nvml"))} == {GpuHealth.LOST}


def test_a_card_off_the_bus_hides_no_other(
    node: Settings, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    driver.cards[0] = None
    assert [gpu.id for gpu in inventory(replace(node, gpu_source="nvml"))] == ["MIG-1", "MIG-2"]
    assert "GPU 0 does not answer" in caplog.text


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_leaves_the_specs(
    node: Settings, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: _fail(code))
    spec(folders[0], "a.json", {"0": ["/dev/g0"]})
    assert len(inventory(replace(node, gpu_source="auto"))) == 1
    with pytest.raises(EngineError, match="NVIDIA driver"):
        inventory(replace(node, gpu_source="nvml"))


def test_a_driver_that_fails_is_not_a_node_without_gpus(
    node: Settings, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: _fail(pynvml.NVML_ERROR_UNKNOWN))
    spec(folders[0], "a.json", {"0": ["/dev/g0"]})
    with pytest.raises(EngineError) as caught:
        inventory(replace(node, gpu_source="auto"))
    assert "nvidia-smi" in caught.value.advice


def _fail(code: int) -> None:
    raise pynvml.NVMLError(code)
