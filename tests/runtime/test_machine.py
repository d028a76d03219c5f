"""Processor, GPUs, and how much memory is left by the limits of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from amgan.runtime import machine
from amgan.runtime.errors import EngineError, PhotoError
from amgan.runtime.machine import (
    Gpu,
    address_space_left,
    find_gpus,
    memory_left,
    memory_of_the_machine,
    read_processor,
)
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.memory import OPENING_BYTES, require_memory_to_open

MIB = 2**20


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files by which a kernel tells of memory; 8,000 MiB and 500 MiB of swap are free, without limits."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "address_space_left", lambda: None)
    free(monkeypatch, 8000, 500)
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, mib: int, swap_mib: int) -> None:
    """Let the machine have this much memory left."""
    memory = SimpleNamespace(total=9000 * MIB, available=mib * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(free=swap_mib * MIB))


def group(folder: Path, limit: str, used: int, cached: int = 0, *, version: int = 2) -> None:
    """Write the files of a control group, in MiB."""
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    folder.mkdir(parents=True)
    (folder / names[0]).write_text(f"{limit if limit == 'max' else int(limit) * MIB}\n")
    (folder / names[1]).write_text(f"{used * MIB}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached * MIB}\n")


def silent() -> Any:
    raise FileNotFoundError("/proc/meminfo")


@pytest.mark.usefixtures("system")
def test_the_machine_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_left() == 8500 * MIB
    assert memory_of_the_machine() == (9000 * MIB, 8000 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", silent)
    assert memory_left() is None
    assert memory_of_the_machine() == (0, 0)


def test_a_group_and_those_around_it(system: Path) -> None:
    (system / "cgroup").write_text("0::/a/b\n")
    group(system / "groups" / "a", "900", 600, 100)
    group(system / "groups" / "a" / "b", "max", 500)
    assert memory_left() == 400 * MIB


def test_the_first_version_of_control_groups(system: Path) -> None:
    (system / "cgroup").write_text("5:cpu,cpuacct:/x\n4:memory:/docker/7\nodd\n")
    group(system / "groups" / "memory" / "docker" / "7", "700", 200, 50, version=1)
    assert memory_left() == 550 * MIB


def test_a_container_that_sees_its_group_as_the_top(system: Path) -> None:
    (system / "cgroup").write_text("0::/outside/name\n")
    group(system / "groups", "512", 600)
    assert memory_left() == 0


def test_a_limit_of_the_address_space_counts(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "address_space_left", lambda: 77)
    assert memory_left() == 77


def test_groups_that_say_nothing(system: Path) -> None:
    (system / "cgroup").write_text("0::/a\n")
    group(system / "groups" / "a", "100", 1)
    (system / "groups" / "a" / "memory.max").write_text("much\n")
    assert memory_left() == 8500 * MIB


def test_networks_without_memory_are_refused_before_they_are_opened(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_memory_to_open()
    (system / "cgroup").write_text("0::/a\n")
    group(system / "groups" / "a", "400", 60)
    with pytest.raises(
        EngineError, match="not enough memory: the networks need about 350 MiB, and 340 are left"
    ):
        require_memory_to_open()
    assert OPENING_BYTES == 350 * MIB
    monkeypatch.setattr("amgan.runtime.pipeline.memory.address_space_left", lambda: 900 * MIB)
    with pytest.raises(EngineError, match=r"about 1\.4 GiB of address space, and the limit leaves 0\.9"):
        require_memory_to_open()


def test_a_photo_without_memory_is_refused_before_it_is_decoded(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.new("RGB", (5000, 4000), (90, 80, 70)).save(tmp_path / "a.jpg")
    assert read_photo(tmp_path / "a.jpg").pixels.shape == (4000, 5000, 3)
    (system / "cgroup").write_text("0::/a\n")
    group(system / "groups" / "a", "500", 100)
    with pytest.raises(
        PhotoError, match=r"has 20 megapixels and needs about 0\.6 GiB of memory, and 0\.4 are available"
    ):
        read_photo(tmp_path / "a.jpg")
    Image.new("RGB", (1999, 2000)).save(tmp_path / "small.jpg")
    free(monkeypatch, 0, 0)
    assert read_photo(tmp_path / "small.jpg").pixels.shape == (2000, 1999, 3)


def test_address_space_left_is_the_limit_less_what_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 50, 1 << 50))
    left = address_space_left()
    assert left is not None and 0 < (1 << 50) - left < 1 << 45
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, 1))
    assert address_space_left() == 0
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert address_space_left() is None
    monkeypatch.setitem(sys.modules, "resource", None)
    assert address_space_left() is None


def test_the_first_processor_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", listed)
    listed.write_text("model name\t: Some CPU 9000\nflags\t: fpu avx2\n\nmodel name\t: b\nflags\t: fpu\n")
    assert read_processor() == ("Some CPU 9000", {"fpu", "avx2"})
    listed.write_text("Features\t: asimd bf16\n")
    assert read_processor()[1] == {"asimd", "bf16"}
    listed.unlink()
    model, flags = read_processor()
    assert model and not flags


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A driver that lists one H200 and one GPU without memory of its own."""
    found: dict[str, Any] = {"ended": 0, "gpus": [("NVIDIA H200", 143771, (9, 0)), ("Thor", None, (11, 0))]}

    def memory(number: int) -> SimpleNamespace:
        if found["gpus"][number][1] is None:
            raise pynvml.NVMLError_NotSupported()
        return SimpleNamespace(total=found["gpus"][number][1] << 20)

    calls = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: found.update(ended=found["ended"] + 1),
        "nvmlSystemGetDriverVersion": lambda: "580.1",
        "nvmlDeviceGetCount": lambda: len(found["gpus"]),
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetCudaComputeCapability": lambda number: found["gpus"][number][2],
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetName": lambda number: found["gpus"][number][0],
    }
    for name, call in calls.items():
        monkeypatch.setattr(pynvml, name, call)
    return found


def test_gpus_are_listed(driver: dict[str, Any]) -> None:
    assert find_gpus() == ((Gpu("NVIDIA H200", "580.1", 143771, 90), Gpu("Thor", "580.1", 0, 110)), "")
    driver["gpus"] = []
    assert find_gpus() == ((), "the NVIDIA driver lists no GPU")
    assert driver["ended"] == 2


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no NVIDIA driver is installed"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, r"the NVIDIA driver cannot be asked (Driver Not Loaded)"),
    ],
)
def test_gpu_trouble_is_a_note(monkeypatch: pytest.MonkeyPatch, error: int, says: str) -> None:
    def refuse() -> None:
        raise pynvml.NVMLError(error)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    gpus, note = find_gpus()
    assert gpus == ()
    assert note.startswith(says)


def test_a_driver_that_fails_later_is_let_go(driver: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(number: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lost)
    assert find_gpus() == ((), "the NVIDIA driver cannot be asked (GPU is lost)")
    assert driver["ended"] == 1


def test_free_memory_is_asked_by_the_address_on_the_bus(
    driver: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"0000:65:00.0": 0, "0000:17:00.0": 1}
    free = [3 << 30, 5 << 30]
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByPciBusId", places.__getitem__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda number: SimpleNamespace(free=free[number]))
    assert machine.free_gpu_memory(["0000:17:00.0", "0000:65:00.0"]) == [5 << 30, 3 << 30]
    assert driver["ended"] == 1

    def lost(number: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lost)
    assert machine.free_gpu_memory(list(places)) == [0, 0]
    assert driver["ended"] == 2


def test_no_package_to_ask_the_driver_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert machine.free_gpu_memory(["0000:65:00.0"]) == [0]
    assert "nvidia-ml-py is not installed" in find_gpus()[1]


@pytest.mark.parametrize(
    ("seen", "number", "left"),
    [(None, 0, "0"), (None, 2, "2"), ("4,7", 1, "7"), ("4,7", 2, "-1"), ("", 1, "1")],
)
def test_one_gpu_of_those_that_are_seen(
    monkeypatch: pytest.MonkeyPatch, seen: str | None, number: int, left: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen or "")
    if seen is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    machine.show_one_gpu(number)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == left


@pytest.mark.parametrize(
    ("shown", "count"), [(None, 2), ("0", 1), ("1,0", 2), ("0,-1,1", 1), ("", 0), ("0,1,2", 2)]
)
def test_the_number_of_visible_gpus(monkeypatch: pytest.MonkeyPatch, shown: str | None, count: int) -> None:
    gpu = Gpu("NVIDIA H200", "580.1", 143771, 90)
    monkeypatch.setattr(machine, "find_gpus", lambda: ((gpu, gpu), ""))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert machine.count_visible_gpus() == count
