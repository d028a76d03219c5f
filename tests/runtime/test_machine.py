"""How much memory is left, by the limits of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from amgan.runtime import machine
from amgan.runtime.errors import EngineError, PhotoError
from amgan.runtime.machine import memory_left
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.memory import OPENING_BYTES, require_memory_to_open

MIB = 2**20


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files by which a kernel tells of memory; 8,000 MiB and 500 MiB of swap are free, without limits."""
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "address_space_left", lambda: None)
    (tmp_path / "meminfo").write_text(
        f"MemTotal: 9 kB\nMemAvailable:  {8000 * 1024} kB\nSwapFree: {500 * 1024} kB\n"
    )
    return tmp_path


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


def test_the_machine_itself(system: Path) -> None:
    assert memory_left() == 8500 * MIB
    (system / "meminfo").write_text("MemTotal: 9 kB\n")
    assert memory_left() is None
    (system / "meminfo").unlink()
    assert memory_left() is None


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


def test_a_photo_without_memory_is_refused_before_it_is_decoded(system: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (5000, 4000), (90, 80, 70)).save(tmp_path / "a.jpg")
    assert read_photo(tmp_path / "a.jpg").pixels.shape == (4000, 5000, 3)
    (system / "cgroup").write_text("0::/a\n")
    group(system / "groups" / "a", "500", 100)
    with pytest.raises(
        PhotoError, match=r"has 20 megapixels and needs about 0\.6 GiB of memory, and 0\.4 are left"
    ):
        read_photo(tmp_path / "a.jpg")
    Image.new("RGB", (1999, 2000)).save(tmp_path / "small.jpg")
    (system / "meminfo").write_text("MemAvailable: 9 kB\nSwapFree: 0 kB\n")
    assert read_photo(tmp_path / "small.jpg").pixels.shape == (2000, 1999, 3)
