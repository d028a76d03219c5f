import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import write_tiny_bundle
from PIL import Image

from amgan.runtime import AgedPhoto, Pipeline, Request
from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.ages.map_file import WantedMap
from amgan.runtime.ages.maps import build_level, edit_mask
from amgan.runtime.engines.contract import Capabilities, TileBatch
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.errors import BundleError, EngineError, UsageError
from amgan.runtime.face.region_masks import make_footprints
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.estimator import landmarks_unit
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.face_plan import frame_size

OLD = Request.parse("70")


@pytest.fixture(scope="module")
def two_faces(hopper: np.ndarray, collins: np.ndarray) -> np.ndarray:
    small = np.asarray(Image.fromarray(collins).resize((320, 320), Image.Resampling.LANCZOS))
    canvas = np.full((600, 900, 3), 90, np.uint8)
    canvas[:, :512] = hopper
    canvas[100:420, 560:880] = small
    return canvas


def changed_box(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_ages_the_face_and_nothing_else(pipeline: Pipeline, hopper: np.ndarray) -> None:
    original = hopper.copy()
    aged = pipeline.age(hopper, OLD)
    assert isinstance(aged, AgedPhoto)
    assert aged.pixels.shape == hopper.shape
    assert aged.pixels.dtype == np.uint8
    assert np.array_equal(hopper, original)
    (one,) = aged.faces
    assert one.frame_px == 256
    assert face_age(one.wanted) == pytest.approx(70, abs=1)
    assert set(one.now.parts) == set(PART_NAMES)
    x0, y0, x1, y1 = one.face.reach
    left, top, right, bottom = changed_box(hopper, aged.pixels)
    assert left >= x0 - 3
    assert top >= y0 - 3
    assert right <= x1 + 3
    assert bottom <= y1 + 3
    assert (right - left) > 0.7 * (x1 - x0)


def test_pixels_where_the_mask_is_zero_are_untouched(pipeline: Pipeline, hopper: np.ndarray) -> None:
    aged = pipeline.age(hopper, OLD)
    size = 1024
    mask = edit_mask(landmarks_unit(aged.faces[0].face), size)
    rows, columns = np.nonzero((hopper != aged.pixels).any(axis=2))
    matrix = aged.faces[0].face.frame.to_frame(size)
    places = np.column_stack([columns, rows]) + 0.5
    x, y = np.floor(places @ matrix[:, :2].T + matrix[:, 2]).astype(int).T
    near = np.stack(
        [
            mask[np.clip(y + dy, 0, size - 1), np.clip(x + dx, 0, size - 1)]
            for dy in (-8, 0, 8)
            for dx in (-8, 0, 8)
        ]
    )
    assert (near.max(axis=0) > 0).all()


def test_the_present_age_changes_nothing(pipeline: Pipeline, hopper: np.ndarray) -> None:
    assert np.array_equal(pipeline.age(hopper, Request.parse("+0")).pixels, hopper)
    nowhere = WantedMap(np.zeros((16, 16), np.float32))
    assert np.array_equal(pipeline.age(hopper, Request(aging_map=nowhere)).pixels, hopper)


def test_older_is_the_other_way_than_younger(pipeline: Pipeline, hopper: np.ndarray) -> None:
    older = pipeline.age(hopper, Request.parse("+20")).pixels.astype(int) - hopper
    younger = pipeline.age(hopper, Request.parse("-20")).pixels.astype(int) - hopper
    assert older.mean() > 0 > younger.mean()


def test_relative_age_starts_from_the_estimate(pipeline: Pipeline, hopper: np.ndarray) -> None:
    ((face, now),) = pipeline.estimate(hopper)
    (one,) = pipeline.age(hopper, Request.parse("+7")).faces
    assert one.now == now
    assert np.array_equal(one.face.landmarks, face.landmarks)
    assert one.wanted.base == pytest.approx(now.base + 7)
    assert one.wanted.parts["chin"] == pytest.approx(now.parts["chin"] + 7)
    assert pipeline.age(hopper, Request.parse("+0")).faces[0].wanted == now


def test_a_zone_changes_that_zone(pipeline: Pipeline, hopper: np.ndarray) -> None:
    still = pipeline.age(hopper, Request.parse("+0")).pixels
    chin = pipeline.age(hopper, Request.parse(None, ["chin=+30"]))
    x0, y0, _, y1 = chin.faces[0].face.box
    left, top, _, bottom = changed_box(still, chin.pixels)
    assert left > x0
    assert top > y0 + 0.6 * (y1 - y0)
    assert bottom <= y1 + 3
    assert chin.faces[0].wanted.parts["forehead"] == chin.faces[0].now.parts["forehead"]


def test_relative_ages_are_clamped_to_the_model(pipeline: Pipeline, hopper: np.ndarray) -> None:
    assert pipeline.age(hopper, Request.parse("+90")).faces[0].wanted.base == 90


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength(pipeline: Pipeline, hopper: np.ndarray, strength: float) -> None:
    aged = pipeline.age(hopper, OLD).pixels
    full = aged.astype(int) - hopper
    part = pipeline.age(hopper, Request.parse("70", strength=strength)).pixels.astype(int) - hopper
    free = (aged > 0) & (aged < 255)
    assert np.abs(part - strength * full)[free].max() <= 1


def test_all_faces_or_the_largest(pipeline: Pipeline, two_faces: np.ndarray) -> None:
    both = pipeline.age(two_faces, OLD)
    assert len(both.faces) == len(pipeline.estimate(two_faces)) == 2
    assert both.faces[0].face.width_px > both.faces[1].face.width_px
    largest = pipeline.age(two_faces, Request.parse("70", faces="largest"))
    assert len(largest.faces) == 1
    assert np.array_equal(largest.pixels[:, 520:], two_faces[:, 520:])
    assert np.array_equal(largest.pixels[:, :520], both.pixels[:, :520])
    assert (both.pixels[:, 520:] != two_faces[:, 520:]).any()


def test_same_pixels_every_time_and_from_many_threads(pipeline: Pipeline, two_faces: np.ndarray) -> None:
    expected = pipeline.age(two_faces, OLD).pixels
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: pipeline.age(two_faces, OLD).pixels, range(6)))
    assert all(np.array_equal(r, expected) for r in results)


class SmallCores:
    """The pipeline's scheduler, but asking for small tiles."""

    def __init__(self, scheduler: FrameScheduler) -> None:
        self.scheduler = scheduler
        self.tiles: list[int] = []

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.scheduler.capabilities, max_core_px=48)

    def submit(self, work: FrameWork) -> Future[np.ndarray]:
        self.tiles.append(len(work.tiles))
        return self.scheduler.submit(work)


def test_tiling_does_not_show(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.age(hopper, OLD).pixels
    small = SmallCores(pipeline._scheduler)
    monkeypatch.setattr(pipeline, "_scheduler", small)
    assert np.array_equal(pipeline.age(hopper, OLD).pixels, whole)
    assert small.tiles[0] > 4


def test_a_failing_engine_names_photo_face_and_tile(
    tiny_bundle: Path, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amgan.runtime.engines.openvino import OpenVinoEngine

    def fail(self: object, batch: TileBatch) -> None:
        raise EngineError(f"cannot do {batch.label}")

    with Pipeline(tiny_bundle, "cpu", "f32") as pipeline:
        with monkeypatch.context() as patch:
            patch.setattr(OpenVinoEngine, "submit", fail)
            with pytest.raises(EngineError, match=r"the photo, face 1.*\d+x\d+ px at"):
                pipeline.age(hopper, OLD)
        assert pipeline.age(hopper, OLD).faces


def test_only_tiles_on_the_face_are_computed(tiny_bundle: Path, hopper: np.ndarray) -> None:
    with Pipeline(tiny_bundle, "cpu", "f32") as pipeline:
        pipeline.age(hopper, Request.parse("+0"))
        assert pipeline.counters.tiles == 0
        chin = pipeline.start(hopper, Request.parse(None, ["chin=+30"])).works[0].frame.tiles
        face = pipeline.start(hopper, OLD).works[0].frame.tiles
    area = [sum(t.width * t.height for t in tiles) for tiles in (chin, face)]
    assert 0 < area[0] < area[1] / 2
    assert area[1] < 256 * 256


def test_faces_that_were_seen_are_not_looked_for_again(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = pipeline.see(hopper)
    expected = pipeline.age(hopper, OLD).pixels
    monkeypatch.setattr(pipeline, "_finder", None)
    aged = pipeline.finish(pipeline.start(hopper, OLD, seen=seen))
    assert np.array_equal(aged.pixels, expected)


def test_older_than_trained_is_the_oldest_trained(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_manifest", replace(pipeline.manifest, oldest_trained_age=60.0))
    work = pipeline.start(hopper, Request.parse("85")).works[0]
    assert work.frame.aging_map.max() == pytest.approx(60 - min(work.seen.now.parts.values()), abs=1.5)
    assert face_age(work.wanted) == pytest.approx(85, abs=6)
    assert pipeline.start(hopper, Request.parse("25")).works[0].frame.aging_map.max() <= 0


def test_in_place(pipeline: Pipeline, hopper: np.ndarray) -> None:
    expected = pipeline.age(hopper, OLD).pixels
    mine = hopper.copy()
    assert pipeline.finish(pipeline.start(mine, OLD), in_place=True).pixels is mine
    assert np.array_equal(mine, expected)
    closed = hopper.copy()
    closed.flags.writeable = False
    assert np.array_equal(pipeline.finish(pipeline.start(closed, OLD), in_place=True).pixels, expected)
    assert np.array_equal(closed, hopper)


def test_the_engine_map_is_the_map_of_the_frame(pipeline: Pipeline, hopper: np.ndarray) -> None:
    """The coarse map, resampled, is what drawing it at the engine's own cells would give."""
    manifest = pipeline.manifest
    work = pipeline.start(hopper, Request.parse("+20")).works[0]
    margin = manifest.halo_px // 4
    fine = make_footprints(work.seen.landmarks, work.seen.frame_px // 4, margin)
    level, now = build_level(fine, work.wanted), build_level(fine, work.seen.now)
    expected = fine.face * (level - now)
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
        Pipeline(tiny_bundle, precision="fp8")


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


def test_a_pattern_can_be_chosen(pipeline: Pipeline, hopper: np.ndarray) -> None:
    """The tiny network draws more of its second pattern."""
    first, second = (
        pipeline.age(hopper, Request.parse("+15", pattern=number)).pixels.astype(int) for number in (1, 2)
    )
    free = pipeline.age(hopper, Request.parse("+15")).pixels
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
