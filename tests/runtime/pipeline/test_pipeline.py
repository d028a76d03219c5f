"""The photo pipeline: what is asked for happens to the faces, and nothing else."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.remembered_faces import RememberingFinder

from amgan.runtime import AgedPhoto, Pipeline, Request
from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.ages.map_file import WantedMap
from amgan.runtime.ages.maps import edit_mask
from amgan.runtime.engines.contract import Capabilities, TileBatch
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.errors import EngineError
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.estimator import landmarks_unit

OLD = Request.parse("70", shape=False, features=False, hair=False, neck=False)


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
    part = (
        pipeline.age(
            hopper,
            Request.parse("70", strength=strength, shape=False, features=False, hair=False, neck=False),
        ).pixels.astype(int)
        - hopper
    )
    free = (aged > 0) & (aged < 255)
    assert np.abs(part - strength * full)[free].max() <= 1


def test_all_faces_or_the_largest(pipeline: Pipeline, two_faces: np.ndarray) -> None:
    both = pipeline.age(two_faces, OLD)
    assert len(both.faces) == len(pipeline.estimate(two_faces)) == 2
    assert both.faces[0].face.width_px > both.faces[1].face.width_px
    largest = pipeline.age(
        two_faces, Request.parse("70", faces="largest", shape=False, features=False, hair=False, neck=False)
    )
    assert len(largest.faces) == 1
    assert np.array_equal(largest.pixels[:, 520:], two_faces[:, 520:])
    assert np.array_equal(largest.pixels[:, :520], both.pixels[:, :520])
    assert (both.pixels[:, 520:] != two_faces[:, 520:]).any()


def test_same_pixels_every_time_and_from_many_threads(
    pipeline: Pipeline, two_faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RememberingFinder, "remembers", False)
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
    def likes(self) -> Capabilities:
        return replace(self.scheduler.capabilities, max_core_px=48)

    def submit(self, work: FrameWork) -> Future[np.ndarray]:
        self.tiles.append(len(work.tiles))
        return self.scheduler.submit(work)

    def canvas(self, side_px: int) -> np.ndarray:
        canvas: np.ndarray = self.scheduler.canvas(side_px)
        return canvas


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
