"""Which GPUs a node has: from CDI specs as people write them, and from a driver that answers or fails."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from hub_ext.adapters import gpu_inventory
from hub_ext.adapters.gpu_inventory import GpuUse, SpecFault, SpecProblem, nvml, spec_faults, use
from hub_ext.adapters.gpu_inventory.cdi import read_specs
from hub_ext.errors import EngineError
from hub_ext.model import Gpu, GpuHealth
from hub_ext.settings import GIB, ListedGpu, Settings

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


@pytest.fixture(autouse=True)
def dev(tmp_path: Path) -> Path:
    """Where the nodes of these tests are: g0 to g9, and c, which all of them share."""
    folder = tmp_path / "dev"
    folder.mkdir()
    for name in ("c", *(f"g{number}" for number in range(10))):
        (folder / name).touch()
    return folder


def spec(
    folder: Path, name: str, devices: dict[str, list[str]], kind: str = KIND, shared: tuple[str, ...] = ()
) -> None:
    """Writes a spec: device names and the nodes that each brings, and those that every one brings."""
    dev = folder.parent / "dev"

    def edits(nodes: Iterable[str]) -> dict[str, Any]:
        return {"deviceNodes": [{"path": f"/dev/{node}", "hostPath": str(dev / node)} for node in nodes]}

    content = {
        "cdiVersion": "0.6.0",
        "kind": kind,
        "devices": [{"name": device, "containerEdits": edits(nodes)} for device, nodes in devices.items()],
        "containerEdits": edits(shared),
    }
    (folder / name).write_text(json.dumps(content))  # JSON is YAML too


def inventory(settings: Settings) -> tuple[Gpu, ...]:
    """The devices alone."""
    return tuple(one.gpu for one in gpu_inventory.inventory(settings).seen)


def found(settings: Settings) -> list[tuple[str, str]]:
    return [(gpu.id, gpu.device) for gpu in inventory(settings)]


def test_every_gpu_of_a_spec_once(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["g0"], "1": ["g1"], "10": ["c", "g2"], "all": ["g0"]})
    assert found(node) == [(f"n1/{KIND}={n}", f"{KIND}={n}") for n in ("0", "1", "10")]
    (first, *_) = inventory(node)
    assert (first.node, first.model, first.shares, first.mem_bytes) == ("n1", "hub-ext.test", 2, 0)
    assert first.health is GpuHealth.OK


def test_two_names_of_one_device_are_one_gpu(node: Settings, folders: tuple[Path, Path]) -> None:
    """NVIDIA's tool names each card by its index and by its UUID: leased twice, it would have two owners."""
    names = {"0": ["c", "g0"], "GPU-ab": ["g0", "c"], "1": ["g1", "c"]}
    spec(folders[0], "nvidia.yaml", names, "nvidia.com/gpu")
    spec(folders[1], "nvidia.yaml", {"GPU-cd": ["g1", "c"]}, "nvidia.com/gpu")
    assert [device for _, device in found(node)] == ["nvidia.com/gpu=GPU-ab", "nvidia.com/gpu=GPU-cd"]


def test_later_folders_win_as_in_the_engine(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.yaml", {"0": ["g0"]})
    spec(folders[1], "a.yaml", {"0": ["g1"]})
    specs = read_specs(node.cdi_dirs)
    assert [Path(path).name for device in specs.devices for path in device.nodes] == ["g1"]
    assert [(fault.problem, fault.subject) for fault in specs.faults] == [
        (SpecProblem.OVERRIDDEN, f"{KIND}=0")
    ]


def test_other_kinds_and_other_files_are_not_gpus(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["g0"]}, "hub-ext.test/net")
    spec(folders[0], "a.json.bak", {"0": ["g0"]})
    assert found(node) == []


@pytest.mark.parametrize(
    "text", ["{", "a: [", "[]", "{}", '{"kind": "a/gpu"}', '{"kind": "a/gpu", "devices": 1}']
)
def test_a_broken_spec_hides_no_other(
    node: Settings, folders: tuple[Path, Path], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "broken.yaml").write_text(text)
    spec(folders[1], "good.json", {"0": ["g0"]})
    with caplog.at_level(logging.WARNING):
        assert len(inventory(node)) == 1
    assert "broken.yaml" in caplog.text


def test_without_folders_or_gpus_there_are_none(node: Settings, tmp_path: Path) -> None:
    assert inventory(replace(node, cdi_dirs=(tmp_path / "none",))) == ()


def test_none_asks_nobody(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["g0"]})
    assert inventory(replace(node, gpu_source="none")) == ()


def test_ids_are_the_same_next_time(node: Settings, folders: tuple[Path, Path]) -> None:
    spec(folders[0], "a.json", {"0": ["g0"], "1": ["g1"]})
    before = found(node)
    spec(folders[0], "a.json", {"1": ["g1"], "0": ["g0"], "2": ["g2"]})
    assert set(before) < set(found(node))


def test_a_device_that_one_folder_defines_twice_is_none_as_for_the_engine(
    node: Settings, folders: tuple[Path, Path]
) -> None:
    spec(folders[0], "a.json", {"0": ["g0"], "1": ["g1"]})
    spec(folders[0], "b.json", {"0": ["g0"]})
    assert [device for _, device in found(node)] == [f"{KIND}=1"]
    assert spec_faults(node) == (SpecFault(SpecProblem.TWICE, f"{KIND}=0"),)
    spec(folders[1], "c.json", {"0": ["g0"]})
    assert [device for _, device in found(node)] == [f"{KIND}=1"]


def test_a_device_whose_node_is_gone_is_gone(node: Settings, folders: tuple[Path, Path], dev: Path) -> None:
    spec(folders[0], "a.json", {"0": ["g0"], "1": ["g1"]}, shared=("c",))
    assert len(found(node)) == 2
    assert spec_faults(node) == ()
    (dev / "g0").unlink()
    assert [device for _, device in found(node)] == [f"{KIND}=1"]
    assert spec_faults(node) == (SpecFault(SpecProblem.NO_NODE, f"{KIND}=0", str(dev / "g0")),)
    (dev / "c").unlink()  # and nothing of this spec can be attached any more
    assert found(node) == []


def test_a_node_that_the_engine_makes_by_number_need_not_be_there(
    node: Settings, folders: tuple[Path, Path]
) -> None:
    spec(folders[0], "a.json", {"0": ["none"]})
    text = json.loads((folders[0] / "a.json").read_text())
    text["devices"][0]["containerEdits"]["deviceNodes"][0] |= {"type": "c", "major": 195}
    (folders[0] / "a.json").write_text(json.dumps(text))
    assert [device for _, device in found(node)] == [f"{KIND}=0"]


# --- a list in the settings ------------------------------------------------------------------------


def test_a_list_says_model_and_memory_where_no_driver_does(
    node: Settings, folders: tuple[Path, Path], dev: Path
) -> None:
    listed = (
        ListedGpu(f"{KIND}=0", "H100", 80 * GIB),
        ListedGpu(f"{KIND}=gpu0", "the same", 80 * GIB),
        ListedGpu(f"{KIND}=1", "A100", 40 * GIB),
        ListedGpu(f"{KIND}=7", "L4", 24 * GIB),
    )
    spec(folders[0], "a.json", {"0": ["g0"], "gpu0": ["g0"], "1": ["g1"], "2": ["g2"]})
    node = replace(node, gpu_source="list", gpu_devices=listed)
    assert [(gpu.id, gpu.model, gpu.mem_bytes // GIB, gpu.health) for gpu in inventory(node)] == [
        (f"n1/{KIND}=0", "H100", 80, GpuHealth.OK),
        (f"n1/{KIND}=1", "A100", 40, GpuHealth.OK),
        (f"n1/{KIND}=7", "L4", 24, GpuHealth.UNATTACHABLE),
    ]
    assert spec_faults(node) == (SpecFault(SpecProblem.NO_SPEC, f"{KIND}=7"),)
    (dev / "g0").unlink()
    assert [gpu.model for gpu in inventory(node)] == ["A100", "L4"]


# --- a driver --------------------------------------------------------------------------------------


def card(uuid: str, name: str, gib: int, *parts: Any, **more: Any) -> Any:
    """A card, or a part of one; what a test does not say is well and at rest."""
    rest: dict[str, Any] = {"pids": [], "mps": [], "percent": 0, "used": 0, "failed": 0}
    return SimpleNamespace(uuid=uuid, name=name, total=gib * GIB, parts=parts, **rest | more)


class Driver:
    """Stands for NVIDIA's library, which needs the silicon: two cards, the second divided in two.

    `failing` is by the name of a function, or of a card.
    """

    def __init__(self) -> None:
        self.cards = [
            card("GPU-a", "H100", 80),
            card("GPU-b", "A100", 40, card("MIG-1", "A100 3g", 20), None, card("MIG-2", "A100 2g", 10)),
        ]
        self.failing: dict[str, int] = {}
        self.closed = 0

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def mode(one: Any) -> tuple[int, int]:
            if not one.parts:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return (1, 1)

        def part(one: Any, place: int) -> Any:
            if one.parts[place] is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
            return one.parts[place]

        def closing() -> None:
            self.closed += 1

        def whole(one: Any) -> Any:
            if one.uuid.startswith("MIG"):
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return SimpleNamespace(gpu=one.percent)

        def processes(which: str) -> Any:
            return lambda one: [SimpleNamespace(pid=pid) for pid in getattr(one, which)]

        for name, answer in {
            "nvmlInit": lambda: None,
            "nvmlShutdown": closing,
            "nvmlDeviceGetCount": lambda: len(self.cards),
            "nvmlDeviceGetHandleByIndex": lambda index: self.cards[index],
            "nvmlDeviceGetMigMode": mode,
            "nvmlDeviceGetMaxMigDeviceCount": lambda one: len(one.parts),
            "nvmlDeviceGetMigDeviceHandleByIndex": part,
            "nvmlDeviceGetUUID": lambda handle: handle.uuid,
            "nvmlDeviceGetName": lambda handle: handle.name,
            "nvmlDeviceGetMemoryInfo": lambda handle: handle,
            "nvmlDeviceGetRemappedRows": lambda one: (0, 0, 0, one.failed),
            "nvmlDeviceGetUtilizationRates": whole,
            "nvmlDeviceGetComputeRunningProcesses": processes("pids"),
            "nvmlDeviceGetMPSComputeRunningProcesses": processes("mps"),
        }.items():
            monkeypatch.setattr(pynvml, name, self._perhaps(name, answer))

    def _perhaps(self, name: str, answer: Any) -> Any:
        def called(*handles: Any) -> Any:
            about = {name, *(getattr(handle, "uuid", "") for handle in handles)}
            if failing := about & self.failing.keys():
                raise pynvml.NVMLError(self.failing[failing.pop()])
            return answer(*handles)

        return called


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
    node = replace(node, gpu_source="nvml")
    assert {gpu.health for gpu in inventory(node)} == {GpuHealth.UNATTACHABLE}
    assert {(fault.problem, fault.subject) for fault in spec_faults(node)} == {
        (SpecProblem.NO_SPEC, uuid) for uuid in ("GPU-a", "MIG-1", "MIG-2")
    }


def test_a_name_for_a_card_that_is_not_there_is_told(
    node: Settings, folders: tuple[Path, Path], driver: Driver
) -> None:
    node = replace(node, gpu_source="nvml")
    names = {"gpu0": ["g0"], "1:0": ["g1"], "MIG-2": ["g2"], "MIG-old": ["g3"], "all": ["g0"]}
    spec(folders[0], "n.json", names, "nvidia.com/gpu")
    old = SpecFault(SpecProblem.NO_DEVICE, "nvidia.com/gpu=MIG-old")
    assert spec_faults(node) == (old,)
    driver.failing = {"GPU-a": pynvml.NVML_ERROR_UNKNOWN}  # who knows which card that is
    assert spec_faults(node) == ()


def test_a_card_off_the_bus_is_gone_and_hides_no_other(
    node: Settings, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    driver.failing = {"GPU-a": pynvml.NVML_ERROR_GPU_IS_LOST}
    seen = gpu_inventory.inventory(replace(node, gpu_source="nvml"))
    assert [one.gpu.id for one in seen.seen] == ["MIG-1", "MIG-2"]
    assert seen.whole
    assert "GPU 0 does not answer" in caplog.text


def test_a_card_that_does_not_answer_may_still_be_there(node: Settings, driver: Driver) -> None:
    driver.failing = {"MIG-2": pynvml.NVML_ERROR_TIMEOUT}
    seen = gpu_inventory.inventory(replace(node, gpu_source="nvml"))
    assert [one.gpu.id for one in seen.seen] == ["GPU-a"]
    assert not seen.whole


def test_a_card_whose_memory_fails_is_faulty(
    node: Settings, folders: tuple[Path, Path], driver: Driver
) -> None:
    spec(folders[0], "n.json", {"0": ["g0"], "1:0": ["g1"], "1:2": ["g2"]}, "nvidia.com/gpu")
    driver.cards[1].failed = 1
    seen = {gpu.id: gpu.health for gpu in inventory(replace(node, gpu_source="nvml"))}
    assert seen == {"GPU-a": GpuHealth.OK, "MIG-1": GpuHealth.FAULTY, "MIG-2": GpuHealth.FAULTY}
    driver.failing = {"nvmlDeviceGetRemappedRows": pynvml.NVML_ERROR_NOT_SUPPORTED}
    assert {gpu.health for gpu in inventory(replace(node, gpu_source="nvml"))} == {GpuHealth.OK}


# --- who computes, and how much ---------------------------------------------------------------------

OURS, OTHERS = "a" * 64, "b" * 64


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Processes of this machine: 1 of no container, 2 and 3 of ours, 4 of one inside ours, 5 of others."""
    folder = tmp_path / "proc"
    lines = {
        1: "0::/system.slice/xorg.service",
        2: f"0::/system.slice/docker-{OURS}.scope",
        3: f"12:devices:/docker/{OURS}\n4:memory:/docker/{OURS}\n0::/",
        4: f"0::/docker/{OURS}/docker/{OTHERS}",
        5: f"0::/kubepods/burstable/pod1/{OTHERS}",
    }
    for pid, line in lines.items():
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "cgroup").write_text(f"{line}\n")
    monkeypatch.setattr(nvml, "PROC", folder)
    return folder


@pytest.mark.parametrize(
    ("pids", "holders"),
    [
        ([], ()),
        ([1], ("",)),
        ([2, 3], (OURS,)),
        ([4], (OTHERS,)),
        ([1, 3, 5], ("", OURS, OTHERS)),
        ([77], ()),  # it has ended meanwhile
    ],
)
def test_who_computes_is_told_by_container_for_each_instance(
    node: Settings, driver: Driver, proc: Path, pids: list[int], holders: tuple[str, ...]
) -> None:
    driver.cards[1].parts[2].pids = pids[:1]
    driver.cards[1].parts[2].mps = pids[1:]
    seen = gpu_inventory.inventory(replace(node, gpu_source="nvml"))
    assert {one.gpu.id: one.holders for one in seen.seen} == {"GPU-a": (), "MIG-1": (), "MIG-2": holders}


def test_who_computes_is_unknown_where_driver_or_system_do_not_tell(
    node: Settings, driver: Driver, proc: Path
) -> None:
    driver.cards[0].pids = [6]
    (proc / "6").mkdir()
    (proc / "6" / "cgroup").mkdir()  # reading it fails
    seen = gpu_inventory.inventory(replace(node, gpu_source="nvml"))
    assert [one.holders for one in seen.seen] == [None, (), ()]
    driver.failing = {"nvmlDeviceGetComputeRunningProcesses": pynvml.NVML_ERROR_NO_PERMISSION}
    seen = gpu_inventory.inventory(replace(node, gpu_source="nvml"))
    assert [one.holders for one in seen.seen] == [None, None, None]


def test_this_process_is_read_as_the_kernel_tells_it() -> None:
    told = nvml._container_of(os.getpid())
    assert told is not None
    assert (told == "") or (told in Path("/proc/self/cgroup").read_text())
    assert nvml._container_of(2**22 + 1) is None  # beyond the kernel's largest


def test_use_is_told_by_id_and_unknown_where_nobody_tells(node: Settings, driver: Driver) -> None:
    driver.cards[0].percent, driver.cards[0].used = 87, 3 * GIB
    driver.cards[1].parts[0].used = GIB
    told = use(replace(node, gpu_source="auto"))
    assert told == {"GPU-a": GpuUse(87, 3 * GIB), "MIG-1": GpuUse(None, GIB), "MIG-2": GpuUse(None, 0)}
    assert use(replace(node, gpu_source="cdi")) == {}
    driver.failing = {"nvmlInit": pynvml.NVML_ERROR_UNKNOWN}
    assert use(replace(node, gpu_source="auto")) == {}


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_leaves_the_specs(
    node: Settings, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: _fail(code))
    spec(folders[0], "a.json", {"0": ["g0"]})
    assert len(inventory(replace(node, gpu_source="auto"))) == 1
    with pytest.raises(EngineError, match="NVIDIA driver"):
        inventory(replace(node, gpu_source="nvml"))


def test_a_driver_that_fails_is_not_a_node_without_gpus(
    node: Settings, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: _fail(pynvml.NVML_ERROR_UNKNOWN))
    spec(folders[0], "a.json", {"0": ["g0"]})
    with pytest.raises(EngineError) as caught:
        inventory(replace(node, gpu_source="auto"))
    assert "nvidia-smi" in caught.value.advice


def _fail(code: int) -> None:
    raise pynvml.NVMLError(code)
