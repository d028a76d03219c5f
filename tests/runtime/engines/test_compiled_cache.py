"""Compiled networks that are kept: used again, and never a reason to fail."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import compiled_cache
from amgan.runtime.engines.compiled_cache import SUFFIX, cache_folder
from amgan.runtime.engines.openvino_network import compile_network
from amgan.runtime.errors import EngineError
from amgan.runtime.face.networks import MESH as MESH_NETWORK

MESH = MESH_NETWORK.file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def answer(network: Any) -> list[np.ndarray]:
    picture = np.random.default_rng(1).random((1, 192, 192, 3), np.float32)
    return [np.array(one) for one in network.create_infer_request().infer({0: picture}).values()]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The entries of networks that had to be compiled, in order."""
    entries: list[Path] = []
    write = compiled_cache._write

    def noted(path: Path, network: Any) -> None:
        entries.append(path)
        write(path, network)

    monkeypatch.setattr(compiled_cache, "_write", noted)
    return entries


def test_the_second_time_a_network_comes_from_the_cache_and_answers_the_same(
    folder: Path, made: list[Path]
) -> None:
    first, second = compile_network(MESH, threads=1), compile_network(MESH, threads=1)
    assert list(folder.glob("*")) == made
    assert len(made) == 1
    for one, other in zip(answer(first), answer(second), strict=True):
        assert np.array_equal(one, other)


def test_other_options_another_version_and_other_content_have_entries_of_their_own(
    folder: Path, made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_network(MESH, threads=1)
    compile_network(MESH, threads=2)
    monkeypatch.setattr("openvino.get_version", lambda: "another")
    compile_network(MESH, threads=1)
    (tmp_path / "other.tflite").write_bytes(MESH.read_bytes() + b"\0")
    compile_network(tmp_path / "other.tflite", threads=1)
    assert len(set(made)) == len(list(folder.glob("*"))) == 4


@pytest.mark.parametrize("damage", ["cut", "a bit", "empty", "nonsense with a right checksum"])
def test_a_damaged_entry_is_made_anew(folder: Path, made: list[Path], damage: str) -> None:
    compile_network(MESH, threads=1)
    (entry,) = folder.glob(f"*{SUFFIX}")
    good = entry.read_bytes()
    if damage == "cut":
        entry.write_bytes(good[: len(good) // 2])
    elif damage == "a bit":
        entry.write_bytes(good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
    elif damage == "empty":
        entry.write_bytes(b"")
    else:
        entry.write_bytes(hashlib.sha256(b"nonsense").digest() + b"nonsense")
    compile_network(MESH, threads=1)
    compile_network(MESH, threads=1)
    assert made == [entry, entry]
    assert entry.read_bytes()[:32] == hashlib.sha256(entry.read_bytes()[32:]).digest()


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("AMGAN_CACHE", "off")
    assert cache_folder() is None
    compile_network(MESH, threads=1)
    assert not list(tmp_path.rglob("*"))


def test_it_lies_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AMGAN_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "amgan" / "networks"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    assert cache_folder() == tmp_path / "me" / ".cache" / "amgan" / "networks"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == tmp_path / "me" / "Library" / "Caches" / "amgan" / "networks"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "amgan" / "networks"

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder() is None


def test_where_nothing_can_be_written_networks_are_compiled_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Path]
) -> None:
    """A file stands where the folder should be: as root, nothing is read-only."""
    (tmp_path / "file").write_text("here")
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "file" / "cache"))
    compile_network(MESH, threads=1)
    compile_network(MESH, threads=1)
    assert len(made) == 2


def test_what_was_used_longest_ago_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_network(MESH, threads=1)
    (first,) = folder.glob(f"*{SUFFIX}")
    os.utime(first, (1, 1))
    monkeypatch.setattr(compiled_cache, "MOST_BYTES", int(1.5 * first.stat().st_size))
    compile_network(MESH, threads=2)
    (left,) = folder.glob(f"*{SUFFIX}")
    assert left != first


def test_a_network_that_is_refused_is_refused_as_before(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(EngineError, match="bad\\.onnx"):
        compile_network(tmp_path / "bad.onnx", Precision.FP32)
    assert not list(folder.glob("*"))
