"""The photo pipeline at its edges: odd photos, wrong requests, bundles that cannot be opened."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import write_tiny_bundle

from amgan.runtime import Pipeline, Request
from amgan.runtime.ages.maps import build_age_field
from amgan.runtime.errors import BundleError, EngineError, UsageError
from amgan.runtime.face.region_masks import make_region_masks
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.seen_face import frame_size

OLD = Request.parse("70")


def test_the_engine_map_is_the_map_of_the_frame(pipeline: Pipeline, hopper: np.ndarray) -> None:
    """The coarse map, resampled, is what drawing it at the engine's own cells would give."""
    manifest = pipeline.manifest
    work = pipeline.start(hopper, Request.parse("+20")).works[0]
    margin = manifest.halo_px // 4
    fine = make_region_masks(work.seen.landmarks, work.seen.frame_px // 4, margin)
    age_field, now = build_age_field(fine, work.wanted), build_age_field(fine, work.seen.now)
    expected = fine.face * (age_field - now)
    assert work.frame.aging_map.shape == expected.shape
    assert np.abs(work.frame.aging_map - expected).max() < 2.0
    assert np.abs(work.frame.aging_map - expected).mean() < 0.15


def test_face_at_the_edge_of_the_photo(pipeline: Pipeline, hopper: np.ndarray) -> None:
    _, y0, x1, _ = pipeline.estimate(hopper)[0][0].box
    cut = np.ascontiguousarray(hopper[int(y0) + 8 :, : int(x1) - 8])
    assert pipeline.age(cut, OLD).pixels.shape == cut.shape


def test_grey_photos_stay_grey(pipeline: Pipeline, hopper: np.ndarray) -> None:
    grey = np.repeat(np.asarray(Image.fromarray(hopper).convert("L"))[..., None], 3, axis=2)
    aged = pipeline.age(grey, OLD).pixels
    assert (aged != grey).any()
    assert (aged == aged[..., :1]).all()


def test_no_face(pipeline: Pipeline) -> None:
    blank = np.full((200, 200, 3), 128, np.uint8)
    assert pipeline.estimate(blank) == []
    with pytest.raises(NoFaceError, match="no face was found"):
        pipeline.age(blank, OLD)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_pixels_of_another_kind(pipeline: Pipeline, pixels: np.ndarray) -> None:
    for call in (pipeline.estimate, lambda p: pipeline.age(p, OLD)):
        with pytest.raises(UsageError, match="must be uint8"):
            call(pixels)


@pytest.mark.parametrize(
    ("request_", "word"), [(Request(), "nothing was asked for"), (Request.parse("14"), "15 to 90 years")]
)
def test_request_that_makes_no_sense(
    pipeline: Pipeline, hopper: np.ndarray, request_: Request, word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        pipeline.age(hopper, request_)


def test_opening_fails_with_a_reason(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle folder"):
        Pipeline(tmp_path / "none")
    with pytest.raises(EngineError, match="cuda"):
        Pipeline(tiny_bundle, "cuda")
    with pytest.raises(UsageError, match="device"):
        Pipeline(tiny_bundle, "abacus")
    with pytest.raises(UsageError, match="precision"):
        Pipeline(tiny_bundle, precision="int8")


def test_context_manager_closes(tiny_bundle: Path, hopper: np.ndarray) -> None:
    with Pipeline(tiny_bundle) as pipeline:
        assert pipeline.manifest.model == "tiny"
        assert pipeline.age(hopper, OLD).faces
    with pytest.raises(EngineError, match="closed"):
        pipeline.age(hopper, OLD)


def test_wide_tile_multiple(tmp_path: Path, pipeline: Pipeline, hopper: np.ndarray) -> None:
    folder = write_tiny_bundle(tmp_path / "b", tile_multiple=16)
    with Pipeline(folder, precision="f32") as other:
        assert np.array_equal(other.age(hopper, OLD).pixels, pipeline.age(hopper, OLD).pixels)


@pytest.mark.parametrize(
    ("side", "frame"), [(10.0, 128), (128.0, 128), (128.1, 192), (250.0, 256), (4000.0, 256)]
)
def test_frame_size(pipeline: Pipeline, side: float, frame: int) -> None:
    assert frame_size(side, pipeline.manifest) == frame


def test_lines_can_be_made_weaker_and_stronger(pipeline: Pipeline, hopper: np.ndarray) -> None:
    """What the tiny network draws of a pattern goes with the sum of its weights."""
    found = [
        pipeline.age(
            hopper,
            Request.parse("+15", pattern=2, lines=lines, shape=False, features=False, hair=False, neck=False),
        ).pixels.astype(int)
        for lines in (0.0, 0.5, 1.0, 1.5)
    ]
    apart = [np.abs(one - found[0]).sum() for one in found]
    assert apart[0] < apart[1] < apart[2] < apart[3]


def test_a_pattern_can_be_chosen(pipeline: Pipeline, hopper: np.ndarray) -> None:
    """The tiny network draws more of its second pattern."""
    first, second = (
        pipeline.age(
            hopper, Request.parse("+15", pattern=number, shape=False, features=False, hair=False, neck=False)
        ).pixels.astype(int)
        for number in (1, 2)
    )
    free = pipeline.age(
        hopper, Request.parse("+15", shape=False, features=False, hair=False, neck=False)
    ).pixels
    # A code value is lost to rounding where the change follows the photo's tone.
    assert (second >= first - 1).all() and second.mean() > first.mean()
    assert (free >= first - 1).all() and (free <= second + 1).all()
    assert first.mean() < free.mean() < second.mean()
    with pytest.raises(UsageError, match="there is no pattern 4: choose 1 to 3, or leave it out"):
        pipeline.age(hopper, Request.parse("70", pattern=4))
    with pytest.raises(UsageError, match="there is no pattern 0: choose 1 or more"):
        Request.parse("70", pattern=0)


def test_networks_may_take_the_coordinates_of_the_frame(tmp_path: Path, hopper: np.ndarray) -> None:
    """The tiny network draws more where u is larger: on the face as on the frame, but not as much."""
    pixels = []
    for kind in ("face", "frame"):
        folder = write_tiny_bundle(tmp_path / kind, coordinates=kind)
        with Pipeline(folder, "cpu", "f32") as pipeline:
            pixels.append(pipeline.age(hopper, OLD).pixels.astype(int))
    assert 0 < np.abs(pixels[0] - pixels[1]).max() < 12


@pytest.mark.parametrize("mib", [300, 900, 1200])
def test_a_limit_of_memory_is_told_before_it_is_met(tiny_bundle: Path, mib: int) -> None:
    code = (
        "import resource, sys\n"
        "from amgan.runtime import Pipeline\n"
        "import amgan.runtime.pipeline.pipeline\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {mib << 20},) * 2)\n"
        "try: Pipeline(sys.argv[1], 'cpu')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, tiny_bundle], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "EngineError there is not enough memory: the networks need about 1.4 GiB of address space, "
        f"and the limit leaves {mib / 1024:.1f}: raise it (ulimit -v)\n"
    )


def test_a_forgotten_pipeline_gives_its_threads_back(tiny_bundle: Path, hopper: np.ndarray) -> None:
    """As in a cell of a notebook that is run again and again."""
    before = set(threading.enumerate())
    for _ in range(2):
        forgotten = Pipeline(tiny_bundle, "cpu", "f32")
        forgotten.age(hopper, OLD)
    own = set(threading.enumerate()) - before
    assert own
    del forgotten
    gc.collect()
    for thread in own:
        thread.join(timeout=600)
    assert not any(thread.is_alive() for thread in own)


def layouts(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """The same photo in the memory layouts that NumPy, PyTorch and OpenCV users have."""
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    read_only = rgb.copy()
    read_only.flags.writeable = False
    return {
        "planes seen as pixels": planes.transpose(1, 2, 0),
        "columns first": np.asfortranarray(rgb),
        "turned": np.rot90(np.ascontiguousarray(np.rot90(rgb, -1)), 1),
        "mirrored": np.fliplr(np.ascontiguousarray(np.fliplr(rgb))),
        "upside down": np.flipud(np.ascontiguousarray(np.flipud(rgb))),
        "BGR reversed": np.ascontiguousarray(rgb[..., ::-1])[..., ::-1],
        "cut out": np.pad(rgb, ((5, 5), (7, 7), (0, 0)))[5:-5, 7:-7],
        "without its alpha": np.dstack([rgb, rgb[..., :1]])[..., :3],
        "every second pixel": rgb.repeat(2, 0).repeat(2, 1)[::2, ::2],
        "read only": read_only,
    }


LAYOUTS = tuple(layouts(np.zeros((4, 6, 3), np.uint8)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_in_memory_is_taken(pipeline: Pipeline, hopper: np.ndarray, layout: str) -> None:
    rgb = layouts(hopper)[layout]
    assert np.array_equal(rgb, hopper)
    wanted = pipeline.age(hopper, OLD)
    found = pipeline.age(rgb, OLD)
    assert np.array_equal(found.pixels, wanted.pixels)
    assert np.array_equal(rgb, hopper)
    assert pipeline.estimate(rgb)[0][1] == pipeline.estimate(hopper)[0][1]


def in_a_fork(function: Callable[[], object]) -> str:
    """What a forked process says that runs a function: its error, or "nothing"."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing"
        try:
            function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}".encode()
        finally:
            os.write(writer, said)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read().decode()
    os.waitpid(child, 0)
    return answer


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["see", "age", "choose", "finish"])
def test_a_forked_process_is_told_to_open_its_own(
    pipeline: Pipeline, hopper: np.ndarray, method: str
) -> None:
    started = pipeline.start(hopper, OLD)
    calls = {
        "see": lambda: pipeline.see(hopper),
        "age": lambda: pipeline.age(hopper, OLD),
        "choose": lambda: pipeline.choose(hopper, OLD),
        "finish": lambda: pipeline.finish(started),
    }
    said = in_a_fork(calls[method])
    where = f"in process {os.getpid()}"
    assert said == f"EngineError: the pipeline was opened before a fork, {where}: open one in each process"
    assert in_a_fork(pipeline.close) == "nothing"
    assert pipeline.finish(started).faces
