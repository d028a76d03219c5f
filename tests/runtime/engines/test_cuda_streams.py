"""Several compute streams of one GPU, which is a fake."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.numpy_device import HALO, age_frame, make_work

from amgan.runtime.engines.choose import compute_streams
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.scheduler.device import PlacedTile
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.errors import UsageError

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 3), st.booleans())
def test_several_compute_streams_give_the_same_pixels(
    seed: int, slots: int, streams: int, graphs: bool
) -> None:
    cuda = FakeCuda(seed)
    program = FakeProgram(cuda, 16, graphs=graphs)
    device = CudaTileDevice(cuda, 0, program, HALO, slots=slots, streams=streams)
    works = [make_work(f"p{i}") for i in range(4)]
    with FrameScheduler(device, HALO, linger_s=0.001) as scheduler:
        for work, future in [(w, scheduler.submit(w)) for w in works]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
    assert program.opened == min(slots, streams)
    assert cuda.broken == cuda.leaks == []


def test_small_batches_run_side_by_side_in_two_streams() -> None:
    cuda = FakeCuda()
    program = FakeProgram(cuda, 16, (1,), graphs=False)
    device = CudaTileDevice(cuda, 0, program, HALO, streams=2)
    assert (device.slots, device.capabilities.in_flight) == (4, 4)
    device.attach()
    work = make_work("p0")
    frame = device.begin_frame(work)
    for slot, tile in enumerate(work.tiles):
        device.gather(slot, [PlacedTile(frame, tile)])
        device.launch(slot)
        device.stitch(slot)
    first, second, third, fourth = program.launched_in
    assert first == third != second == fourth
    device.end_frame(frame)
    for slot in range(4):
        device.wait(slot)
    assert np.array_equal(device.finish_frame(frame), age_frame(work))
    device.close()
    assert cuda.broken == cuda.leaks == []


def test_how_many_streams_there_are_is_said_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMGAN_STREAMS", raising=False)
    assert compute_streams() == 1
    for said, streams in (("", 1), ("1", 1), ("2", 2)):
        monkeypatch.setenv("AMGAN_STREAMS", said)
        assert compute_streams() == streams
    for wrong in ("0", "two", "9"):
        monkeypatch.setenv("AMGAN_STREAMS", wrong)
        with pytest.raises(UsageError, match=f"AMGAN_STREAMS is '{wrong}': give a number of .* from 1 to 4"):
            compute_streams()
