"""What the GPU check measures: rings, calls, memory and timing on a fake GPU, and baselines on the CPU."""

from __future__ import annotations

import gc
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from support.fake_cuda import FakeCuda
from support.fake_nvimgcodec import FakeNvImageCodec
from support.fake_program import FakeProgram
from support.helpers import ROOT
from support.numpy_device import HALO
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime.engines.cuda.api import CudaError

FOLDER = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.fixture
def timing(_scripts: None) -> ModuleType:
    import gpu_timing

    return gpu_timing


def test_timing_of_a_program_on_a_fake_gpu(timing: ModuleType) -> None:
    cuda = FakeCuda()
    opened = []

    def opener(graphs: bool) -> FakeProgram:
        opened.append(FakeProgram(cuda, 64, graphs=graphs))
        return opened[-1]

    found = timing.time_program(cuda, 0, opener, HALO, side=128, frames=3, runs=2, tile_flop=1e9)
    assert list(found) == [
        "graphs, 3 slots",
        "graphs, 4 slots, 2 streams",
        "graphs, 1 slot",
        "no graphs, 3 slots",
        "no graphs, 1 slot",
    ]
    for name, one in found.items():
        counters = one["counters"]
        assert counters["tiles"] == (2 * (3 + 1) + 2 * 3 + 3) * 4
        assert counters["graph_launches"] == (0 if name.startswith("no") else counters["batches"])
        assert one["frames_per_second"] == pytest.approx(3 / np.median(one["seconds"]))
        assert 0 < one["one_frame"]["p50_ms"] <= one["one_frame"]["p95_ms"] <= one["one_frame"]["p99_ms"]
        # Each batch takes 1 ms on the fake, by its own clock.
        assert one["tflops_while_busy"] >= 1.0
        assert one["tflops_overall"] > 0
        assert (one["core_px"], one["batch"], one["frame_px"]) == ((64, 64), 4, 128)
    assert all(program.closed for program in opened)
    assert cuda.leaks == []
    assert cuda.broken == []


def test_percentiles(timing: ModuleType) -> None:
    assert timing.percentiles([0.001] * 99 + [1.0])["p50_ms"] == pytest.approx(1.0)
    assert timing.percentiles([0.001] * 50 + [1.0] * 50)["p95_ms"] == pytest.approx(1000.0)


def test_flop_are_those_of_the_convolutions(timing: ModuleType, tmp_path: Path) -> None:
    onnx.save(emit_generator(simplify(random_generator())), tmp_path / "g.onnx")
    one, four = (
        timing.count_flop(tmp_path / "g.onnx", (side, side), 0, TINY_GENERATOR.patterns)
        for side in (128, 256)
    )
    assert 4 * one < four < 5.5 * one


def test_the_ring_is_checked_to_the_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_probe

    cuda = FakeCuda()
    found = gpu_probe.check_ring(cuda, 0, 8, (256, 448), 2)
    assert found["pixels"] == "exact"
    for how in ("kernels", "copies"):
        assert found["rings"][f"core 256, {how}"]["tiles"] == 2 * (1 + 4)
        assert found["rings"][f"core 1024, {how}"]["tiles"] == 2 * 2
    assert cuda.broken == []
    assert cuda.leaks == []
    # A tile that lies a row too low shows.
    copy = cuda.copy_2d

    def wrong(target: int, *rest: int) -> None:
        copy(target + (3 * 448 if rest[0] == 3 * 448 and rest[4] == 256 else 0), *rest)

    monkeypatch.setattr(cuda, "copy_2d", wrong)
    with pytest.raises(RuntimeError, match="wrong pixels in frame 1 of 448 px"):
        gpu_probe.check_ring(cuda, 0, 8, (256, 448), 1)
    cuda.fail["library_load"] = CudaError("too old", "cudaErrorUnsupportedPtxVersion")
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        gpu_probe.check_ring(cuda, 0, 8, (256,), 1)


def test_calls_and_full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_probe

    monkeypatch.setattr(gpu_probe, "BUS_BYTES", 1 << 16)
    cuda = FakeCuda(free_bytes=1 << 33)
    found = gpu_probe.check_calls(cuda, 0)
    assert found["up_gb_per_s"] > 0
    assert "cudaErrorMemoryAllocation" in found["error"]
    assert set(found["python_while_waiting"]) == {"waited_s", "share_of_free_speed"}
    assert cuda.leaks == []
    assert cuda.broken == []


def test_memory_that_is_full_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_probe

    cuda = FakeCuda(free_bytes=80 << 20)
    found = gpu_probe.check_faults(cuda, 0, 8)
    assert "slots of" in found["with_full_memory"] or "too little for one tile" in found["with_full_memory"]
    assert found["afterwards"] == "exact"
    assert cuda.leaks == []


def test_half_of_a_baseline_is_the_same_network() -> None:
    import gpu_baselines
    import torch
    from common import make_inputs

    from amgan.export.graphs.deploy import DeployGenerator

    network = DeployGenerator(random_generator()).eval()
    halo = network.halo_px
    arrays = [torch.from_numpy(a) for a in make_inputs(64, halo, TINY_GENERATOR.patterns)]
    with torch.inference_mode():
        wanted, found = network(*arrays), gpu_baselines.half_convolutions(network, torch.bfloat16)(*arrays)
    apart = (wanted.int() - found.int()).abs()
    assert 0 < apart.float().mean() < 3
    assert all(p.dtype == torch.float32 for p in network.parameters())
    work = gpu_baselines.make_work(network, arrays, gpu_baselines.Baseline("eager f32"))
    assert torch.equal(work(), wanted)
    assert torch.backends.cuda.matmul.allow_tf32 is False


def test_a_photo_that_stays_on_the_gpu_is_read_and_encoded_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_photos

    cuda = FakeCuda()
    library = FakeNvImageCodec(cuda=cuda, padding=3)
    monkeypatch.setattr("amgan.runtime.photo.gpu_codec.load_nvimgcodec", lambda: library)
    photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    found = gpu_photos.check_resident(cuda, 0, photo)
    assert found == {"kept": True, "sample_apart": 0, "same_file": True}
    gc.collect()
    assert cuda.broken == cuda.leaks == []
    library.cuda = None  # pictures that tell no address
    assert gpu_photos.check_resident(cuda, 0, photo) == {"kept": False}
    library.refused = RuntimeError("there is no such GPU")
    assert gpu_photos.check_resident(cuda, 0, photo) == {"not_run": "there is no such GPU"}
