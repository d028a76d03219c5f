"""Slots of TensorRT engines: batch sizes and graphs prepared, and kept, on a fake GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import fake_tensorrt
from support.fake_tensorrt import setup
from support.numpy_device import HALO, age_frame, make_work

from amgan.runtime.engines.cuda.api import CudaError, GpuInfo, OutOfMemoryError
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.cuda.handles import Stream
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tensorrt import TensorRtProgram

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


@pytest.mark.parametrize("graphs", [True, False])
def test_a_batch_size_is_prepared_when_it_first_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, graphs: bool
) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    program = TensorRtProgram(cuda, path, entry, graphs=graphs)
    with Stream(cuda) as stream:
        slots = program.open_slots(2, program.batches, stream)
        probe, *made = trt.engines[0].contexts
        assert [context.shapes["image"][0] for context in made] == [1, 1]
        assert not probe.addresses
        for batch, contexts in ((1, 2), (4, 3), (4, 3), (2, 4), (1, 4)):
            assert slots[0].launch(batch, stream) == graphs
            assert len(trt.engines[0].contexts) == 1 + contexts
        for slot in slots:
            slot.close()
    program.close()
    assert cuda.calls.count("capture_begin") == (4 if graphs else 0)
    assert cuda.broken == cuda.leaks == []


def test_each_compute_stream_has_memory_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    device = CudaTileDevice(cuda, 0, TensorRtProgram(cuda, path, entry), HALO, slots=4, streams=2)
    memories = [context.memory[0] for context in trt.engines[0].contexts if context.addresses]
    assert len(memories) == 4
    assert len(set(memories[:2])) == len(set(memories[2:])) == 1
    assert len(set(memories)) == 2
    with FrameScheduler(device, HALO) as scheduler:
        for work, future in [(w, scheduler.submit(w)) for w in [make_work(f"p{i}") for i in range(4)]]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
    assert cuda.broken == cuda.leaks == []


def test_tiles_go_one_by_one_where_there_is_no_memory_for_a_larger_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    device = CudaTileDevice(cuda, 0, TensorRtProgram(cuda, path, entry), HALO)
    trt.engines[0].refuses_contexts = True
    work = make_work("p0")
    with FrameScheduler(device, HALO) as scheduler:
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
    assert cuda.broken == cuda.leaks == []


def test_what_rtx_compiled_later_is_kept_as_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "cache"
    monkeypatch.setenv("AMGAN_CACHE", str(kept))
    cuda, trt, path, entry = setup(folder, monkeypatch)
    program = TensorRtProgram(cuda, path, entry, gpu=GpuInfo(0, "Ada", 89, 1 << 34))
    with Stream(cuda) as stream:
        (slot,) = program.open_slots(1, (1, 2), stream)
        (entry_file,) = kept.iterdir()
        first = entry_file.read_bytes()
        trt.engines[0].configs[-1].cache.content = b"kernels of two"
        slot.launch(2, stream)
        assert entry_file.read_bytes() != first
        slot.close()
    program.close()


def test_what_rtx_compiled_is_kept_for_the_next_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "cache"
    monkeypatch.setenv("AMGAN_CACHE", str(kept))
    cuda, trt, path, entry = setup(folder, monkeypatch)

    def opened(gpu: GpuInfo | None) -> bool:
        """Open a program; returns whether its cache came from the folder."""
        program = TensorRtProgram(cuda, path, entry, gpu=gpu)
        with Stream(cuda) as stream:
            for slot in program.open_slots(1, (1,), stream):
                slot.close()
        program.close()
        return bool(trt.engines[-1].configs[-1].cache.read)

    ada, hopper = GpuInfo(0, "Ada", 89, 1 << 34), GpuInfo(1, "Hopper", 90, 1 << 34)
    assert not opened(None)
    assert not kept.exists()
    assert [opened(ada), opened(ada), opened(hopper)] == [False, True, False]
    assert len(list(kept.iterdir())) == 2
    cuda.driver_and_runtime = (13010, 13000)
    assert [opened(ada), opened(ada)] == [False, True]
    # An entry that is damaged, and one that TensorRT does not take, are made anew.
    for entry_file in kept.iterdir():
        entry_file.write_bytes(entry_file.read_bytes()[:-1])
    assert [opened(ada), opened(ada)] == [False, True]
    monkeypatch.setattr(fake_tensorrt.RtxCache, "deserialize", lambda self, content: False)
    assert [opened(ada), opened(ada)] == [False, False]
    cuda.fail["versions"] = CudaError("no driver", "cudaErrorUnknown")
    assert not opened(ada)
    monkeypatch.setenv("AMGAN_CACHE", "off")
    assert not opened(ada)
    assert cuda.leaks == []


def test_a_capture_that_fails_is_started_without_graphs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda, _, path, entry = setup(folder, monkeypatch)
    cuda.fail["graph_instantiate"] = CudaError("it is odd", "cudaErrorStreamCaptureUnsupported")
    with FrameScheduler(CudaTileDevice(cuda, 0, TensorRtProgram(cuda, path, entry), HALO), HALO) as scheduler:
        work = make_work("p0")
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
        assert scheduler.counters.graph_launches == 0
    said = "cannot capture 'generator.engine' as a CUDA graph, so each batch is started kernel by kernel: it"
    assert caplog.text.count(said) == 1
    assert cuda.calls.count("capture_begin") == 1
    assert cuda.leaks == []
    assert cuda.broken == []


@pytest.mark.parametrize(
    "error",
    [CudaError("gone", "cudaErrorIllegalAddress"), OutOfMemoryError("out")],
)
def test_a_capture_that_fails_for_good_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: CudaError
) -> None:
    cuda, _, path, entry = setup(folder, monkeypatch)
    cuda.fail["graph_instantiate"] = error
    program = TensorRtProgram(cuda, path, entry)
    with Stream(cuda) as stream, pytest.raises(type(error), match=str(error)):
        program.open_slots(1, (1,), stream)
    program.close()
    assert cuda.leaks == []


def test_an_engine_that_cannot_be_captured_is_started_without_graphs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    program = TensorRtProgram(cuda, path, entry)
    trt.engines[0].capturable = False
    with FrameScheduler(CudaTileDevice(cuda, 0, program, HALO), HALO) as scheduler:
        work = make_work("p0")
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
        assert scheduler.counters.graph_launches == 0
    assert "TensorRT for RTX cannot capture 'generator.engine' as a CUDA graph" in caplog.text
