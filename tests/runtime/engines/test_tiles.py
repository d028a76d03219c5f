import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stitching import stitch

from amgan.runtime.engines.cuda.program import CORES
from amgan.runtime.engines.tiles import Tile, mask_cells, plan_cheapest, plan_tiles, tile_cost


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, int, np.ndarray]:
    multiple = draw(st.sampled_from([4, 8]))
    side = draw(st.integers(1, 40))
    cells = np.zeros((side, side), bool)
    for _ in range(draw(st.integers(0, 4))):
        y, x = draw(st.integers(0, side - 1)), draw(st.integers(0, side - 1))
        cells[y : y + draw(st.integers(1, 12)), x : x + draw(st.integers(1, 12))] = True
    return side * multiple, draw(st.integers(multiple, 200)), multiple, cells


@given(plans(), st.integers(0, 9))
def test_tiles_cover_every_marked_cell_within_the_rules(
    plan: tuple[int, int, int, np.ndarray], steps: int
) -> None:
    frame, core, multiple, cells = plan
    tiles = plan_tiles(frame, core, cells, multiple, step_px=steps * multiple)
    covered = np.zeros_like(cells)
    for tile in tiles:
        edges = (tile.x0, tile.y0, tile.width, tile.height)
        assert all(e % multiple == 0 for e in edges)
        assert 0 < tile.width <= core
        assert 0 < tile.height <= core
        assert min(edges) >= 0
        assert max(tile.x0 + tile.width, tile.y0 + tile.height) <= frame
        rows, columns = tile.padded(0, multiple)
        assert cells[rows, columns].any()
        covered[rows, columns] = True
    assert covered[cells].all()
    assert len({(t.width, t.height) for t in tiles}) <= 1
    assert len(set(tiles)) == len(tiles)
    assert bool(tiles) == bool(cells.any())


@given(plans())
def test_fixed_cores_cover_every_marked_cell_and_have_one_size(
    plan: tuple[int, int, int, np.ndarray],
) -> None:
    frame, core, multiple, cells = plan
    tiles = plan_tiles(frame, core, cells, multiple, fixed=True)
    covered = np.zeros_like(cells)
    for tile in tiles:
        assert tile.width == tile.height == min(core // multiple * multiple, frame)
        assert tile.x0 % multiple == tile.y0 % multiple == 0
        assert min(tile.x0, tile.y0) >= 0
        assert max(tile.x0, tile.y0) + tile.width <= frame
        rows, columns = tile.padded(0, multiple)
        assert cells[rows, columns].any()
        covered[rows, columns] = True
    assert covered[cells].all()
    assert len(set(tiles)) == len(tiles)
    for axis in (0, 1):
        marked = np.flatnonzero(cells.any(axis=axis)) * multiple
        if marked.size:
            starts = {tile.y0 if axis else tile.x0 for tile in tiles}
            assert len(starts) <= -(-(marked[-1] - marked[0] + multiple) // (core // multiple * multiple))


def test_fixed_core_lies_around_the_bounding_box_inside_the_frame() -> None:
    cells = np.zeros((128, 128), bool)
    cells[30:60, 90:128] = True
    assert plan_tiles(512, 256, cells, fixed=True) == [Tile(256, 52, 256, 256)]
    cells[90:100] = True
    corners = [(tile.x0, tile.y0) for tile in plan_tiles(512, 256, cells, fixed=True)]
    assert corners == [(256, 0), (0, 256), (256, 256)]
    assert plan_tiles(520, 256, fixed=True)[-1] == Tile(264, 264, 256, 256)
    assert plan_tiles(128, 256, fixed=True) == [Tile(0, 0, 128, 128)]


def test_one_tile_is_the_bounding_box() -> None:
    cells = np.zeros((128, 128), bool)
    cells[30:90, 25:100] = True
    assert plan_tiles(512, 512, cells) == [Tile(100, 120, 300, 240)]


def test_sides_are_whole_steps_where_they_can_be() -> None:
    cells = np.zeros((128, 128), bool)
    cells[30:90, 25:100] = True
    (tile,) = plan_tiles(512, 512, cells, step_px=64)
    assert (tile.width, tile.height) == (320, 256)
    assert plan_tiles(512, 310, cells, step_px=64) == [Tile(92, 104, 308, 256)]
    assert plan_tiles(512, 512, np.ones((128, 128), bool), step_px=96) == [Tile(0, 0, 512, 512)]
    halves = plan_tiles(512, 512, cells, at_least=2, step_px=32)
    assert len(halves) == 1  # a half would be smaller than SMALLEST_PX


def test_whole_frame_without_a_mask() -> None:
    assert plan_tiles(512, 512) == [Tile(0, 0, 512, 512)]
    assert len(plan_tiles(1024, 512)) == 4


def test_last_tile_slides_back() -> None:
    assert [t.x0 for t in plan_tiles(520, 256)][:3] == [0, 176, 344]
    assert {t.width for t in plan_tiles(520, 256)} == {176}


def test_tiles_off_the_mask_are_left_out() -> None:
    cells = np.zeros((64, 64), bool)
    cells[0, 0] = cells[-1, -1] = True
    assert [(t.x0, t.y0) for t in plan_tiles(256, 128, cells)] == [(0, 0), (128, 128)]


@pytest.mark.parametrize(
    ("frame", "core", "cells", "word"),
    [
        (0, 8, None, "frame"),
        (10, 8, None, "frame"),
        (16, 3, None, "core"),
        (16, 8, np.ones((3, 3), bool), "cells"),
    ],
)
def test_nonsense_is_refused(frame: int, core: int, cells: np.ndarray | None, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        plan_tiles(frame, core, cells)


def test_mask_cells_marks_the_faintest_pixel() -> None:
    mask = np.zeros((16, 16), np.float32)
    mask[5, 11] = 1e-6
    assert np.argwhere(mask_cells(mask)).tolist() == [[1, 2]]
    assert mask_cells(mask, 8).tolist() == [[False, True], [False, False]]
    with pytest.raises(ValueError, match="does not divide"):
        mask_cells(mask, 5)


def test_padded_and_stitch_put_the_core_where_it_was() -> None:
    rng = np.random.default_rng(1)
    halo, size = 8, 32
    image = rng.integers(0, 255, (size + 2 * halo, size + 2 * halo, 3), dtype=np.uint8)
    frame = image[halo:-halo, halo:-halo]
    tiles = plan_tiles(size, 12)
    cores = [(t, image[t.padded(halo)][halo:-halo, halo:-halo]) for t in tiles]
    assert np.array_equal(stitch(np.zeros_like(frame), cores), frame)
    rows, columns = tiles[-1].padded(halo, 4)
    assert (rows.stop - rows.start, columns.stop) == ((12 + 16) // 4, (size + 16) // 4)
    assert "12x12 px" in str(tiles[0])


@pytest.mark.parametrize(
    ("frame", "marked", "core", "count"),
    [
        (1024, (0, 1024), 1024, 1),  # one of 1024 px is cheaper than four of 512
        (512, (0, 512), 512, 1),
        (384, (64, 320), 256, 1),  # the part of a face that is to change
        (1024, (128, 640), 512, 1),
        (2048, (0, 2048), 1024, 4),
        (256, (0, 256), 256, 1),
        (320, (0, 320), 512, 1),  # as large as the frame, in one tile that is filled up
    ],
)
def test_the_core_that_costs_least_is_taken(
    frame: int, marked: tuple[int, int], core: int, count: int
) -> None:
    cells = np.zeros((frame // 32, frame // 32), bool)
    cells[marked[0] // 32 : marked[1] // 32, marked[0] // 32 : marked[1] // 32] = True
    tiles = plan_cheapest(frame, (1024, 256, 512), 56, cells, 32)
    assert {max(tile.width, tile.height) for tile in tiles} == {min(core, frame)}
    assert len(tiles) == count
    assert plan_cheapest(frame, (core,), 56, cells, 32) == tiles
    assert plan_cheapest(frame, (256, 512), 56, np.zeros_like(cells), 32) == []


@settings(max_examples=100)
@given(plans(), st.lists(st.sampled_from([(32, 64), (64, 64), (64, 32), (96, 128), 128, 96]), min_size=1))
def test_the_cheapest_is_that_of_all_plans(
    plan: tuple[int, int, int, np.ndarray], cores: list[int | tuple[int, int]]
) -> None:
    frame, _, multiple, cells = plan
    wide = [core if isinstance(core, tuple) else (core, core) for core in cores]
    ordered = sorted(wide, key=lambda core: (core[0] * core[1], core[0]))
    every = [plan_tiles(frame, core, cells, multiple, fixed=True) for core in ordered]
    costs = [len(tiles) * tile_cost(core, 44) for tiles, core in zip(every, ordered, strict=True)]
    assert plan_cheapest(frame, cores, 44, cells, multiple) == every[costs.index(min(costs))]


def test_masks_as_faces_have_them_cost_less_than_a_tenth_more_than_they_need() -> None:
    """Ellipses 1.19 to 1.30 times as high as wide, as nine of ten masks of portraits are."""
    ratios = []
    for width in range(200, 640, 20):
        for aspect in (1.19, 1.22, 1.24, 1.26, 1.30):
            height = 4 * round(width * aspect / 4)
            frame = 64 * (height * 5 // 4 // 64 + 1)
            y, x = np.mgrid[: frame // 4, : frame // 4] * 4 + 2 - frame / 2
            cells = (2 * x / width) ** 2 + (2 * y / height) ** 2 <= 1
            tiles = plan_cheapest(frame, CORES, 44, cells)
            core = next(c for c in CORES if tiles[0].width <= c[0] and tiles[0].height <= c[1])
            ratios.append(len(tiles) * tile_cost(core, 44) / tile_cost((width, height), 44))
    assert np.mean(ratios) <= 1.1
    assert list(CORES) == sorted(CORES, key=lambda core: core[0] * core[1])
