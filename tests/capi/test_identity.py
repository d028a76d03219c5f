"""libamgan gives, bit for bit, what the Python runtime gives."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.capi import AmganError, Handle, Library, cut_frame, write_broken
from support.capi_build import SOURCE
from support.frame_reference import Reference

from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.engines.openvino_cut import read_cells
from amgan.runtime.engines.openvino_network import load_openvino
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.coordinates import face_coordinates
from amgan.runtime.face.finder import Face
from amgan.runtime.face.line_strength import READ_PX, read_line_strength
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.pattern import choose_pattern, one_pattern
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.pipeline.estimator import Estimator, landmarks_unit

SIZES = (256, 320, 512, 704, 256, 320, 384, 448, 256, 320)  # of ten photos
MOST_YEARS = 75  # that a map may ask to change, either way


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    found = Reference("f32")
    yield found
    found.scheduler.close()


def make_maps(cells: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Maps with their halo, in years to change: one change, a slope, one for each cell."""
    slope = np.linspace(-MOST_YEARS, MOST_YEARS, cells, dtype=np.float32)
    return [
        np.full((cells, cells), 30, np.float32),
        np.ascontiguousarray(np.broadcast_to(slope, (cells, cells))),
        rng.uniform(-MOST_YEARS, MOST_YEARS, (cells, cells)).astype(np.float32),
    ]


@pytest.mark.parametrize("number", range(10))
def test_ten_photos_are_the_same_to_the_bit(
    number: int, shipped: Handle, reference: Reference, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    halo, size = reference.halo, SIZES[number]
    image = cut_frame(*ten_photos[number], size, halo)
    years = make_maps((size + 2 * halo) // CELL_PX, np.random.default_rng(number))[number % 3]
    expected = reference.age(image, years, shipped.skin_pattern(image[halo:-halo, halo:-halo]))
    assert np.array_equal(shipped.age(image, halo, years, halo // CELL_PX), expected)
    assert (expected != image[halo:-halo, halo:-halo]).any()


@pytest.mark.parametrize("cells", [16, 128, 200])
@pytest.mark.parametrize("number", range(0, 10, 3))
def test_coordinates_are_the_same_to_the_bit(
    number: int, cells: int, shipped: Handle, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    points, margin = landmarks_unit(ten_photos[number][1]), cells // 8
    found = shipped.coordinates(points, cells, margin)
    assert np.array_equal(found, face_coordinates(points, cells, margin))
    wild = points + np.random.default_rng(number).normal(0, 0.2, points.shape)
    assert np.array_equal(shipped.coordinates(wild, cells, margin), face_coordinates(wild, cells, margin))


def test_patterns_are_the_same_to_the_bit(shipped: Handle, ten_photos: list[tuple[np.ndarray, Face]]) -> None:
    count = shipped.info()["patterns"]
    assert count == Bundle.open().manifest.patterns
    for _, face in ten_photos:
        points = landmarks_unit(face)
        assert np.array_equal(shipped.choose_pattern(points), choose_pattern(points, count))


@pytest.mark.parametrize("size", [256, 512, 640, 1024])
def test_line_strengths_are_those_of_python(
    size: int, shipped: Handle, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    found = []
    for photo, face in ten_photos:
        frame, points = cut_frame(photo, face, size, 0), landmarks_unit(face)
        middle = Frame((size / 2, size / 2), (size / 2, 0.0))
        small = sample_affine(frame, middle.to_photo(READ_PX), (READ_PX, READ_PX))
        found.append(shipped.line_strength(frame, points))
        assert found[-1] == pytest.approx(read_line_strength(small, points), rel=1e-2)
        assert size > READ_PX or found[-1] == np.float32(read_line_strength(frame, points))
    assert len(set(found)) > 5


def test_faces_that_get_younger_have_no_pattern(
    shipped: Handle, reference: Reference, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    halo = reference.halo
    image = cut_frame(*ten_photos[0], 256, halo)
    years = np.full(((256 + 2 * halo) // CELL_PX,) * 2, -30, np.float32)
    none = np.zeros(shipped.info()["patterns"], np.float32)
    assert np.array_equal(shipped.age(image, halo, years, halo // CELL_PX), reference.age(image, years, none))


def test_a_pattern_may_be_given(
    shipped: Handle, reference: Reference, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    halo, count = reference.halo, shipped.info()["patterns"]
    image = cut_frame(*ten_photos[0], 256, halo)
    years = np.full(((256 + 2 * halo) // CELL_PX,) * 2, 30, np.float32)
    found = []
    for number in range(1, count + 1):
        pattern = one_pattern(number, count)
        found.append(shipped.age(image, halo, years, halo // CELL_PX, pattern=pattern))
        assert np.array_equal(found[-1], reference.age(image, years, pattern=pattern))
    assert all((one != found[0]).any() for one in found[1:])


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (
            (0.6, 0.6, 0.6, 0.6),
            "the weights of the pattern add up to 2.4: their sum is how strong lines are, at most 2.1",
        ),
        ((2.5, -0.5, 0, 0), "the pattern has a weight of 2.5: give 4 weights of 0 to 2.1"),
        ((float("nan"), 1, 0, 0), "the pattern has a weight of nan"),
    ],
)
def test_patterns_that_are_none(shipped: Handle, weights: tuple[float, ...], says: str) -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    with pytest.raises(AmganError, match=says):
        shipped.age(frame, 0, np.full((1, 1), 30, np.float32), pattern=np.array(weights, np.float32))


@pytest.mark.parametrize(
    ("name", "arguments"), [("mean_face", (mean_face(),)), ("face_tables", ()), ("constants", ())]
)
def test_generated_tables_are_those_of_python(name: str, arguments: tuple[object, ...]) -> None:
    path = SOURCE / f"generate_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TABLE.read_text(encoding="utf-8") == module.table(*arguments)


def test_the_header_of_the_shipped_bundle_is_that_of_the_library() -> None:
    assert (SHIPPED / "amgan.h").read_bytes() == (SOURCE / "amgan.h").read_bytes()


def test_the_ten_photos_are_of_ten_people(ten_photos: list[tuple[np.ndarray, Face]]) -> None:
    small = [cut_frame(*one, 64, 0).astype(float) for one in ten_photos]
    apart = [np.abs(small[i] - small[j]).mean() for i in range(10) for j in range(i)]
    assert min(apart) > 15


@pytest.mark.parametrize("number", range(3))
def test_noise_is_the_same_to_the_bit(number: int, shipped: Handle, reference: Reference) -> None:
    rng = np.random.default_rng(number)
    halo, size = reference.halo, SIZES[number]
    padded = size + 2 * halo
    image = rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8)
    years = make_maps(padded // CELL_PX, rng)[number]
    found = shipped.age(image, halo, years, halo // CELL_PX)
    pattern = shipped.skin_pattern(image[halo:-halo, halo:-halo])
    assert np.array_equal(found, reference.age(image, years, pattern))


def both_age(one: Handle, reference: Reference, image: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
    """An image with its halo, aged by libamgan and by Python with one of `make_maps`."""
    halo = reference.halo
    years = make_maps(image.shape[0] // CELL_PX, np.random.default_rng(number))[number % 3]
    pattern = one.skin_pattern(image[halo:-halo, halo:-halo])
    return one.age(image, halo, years, halo // CELL_PX), reference.age(image, years, pattern)


def test_the_fastest_precision_is_the_same_as_in_python(
    library: Library, ten_photos: list[tuple[np.ndarray, Face]]
) -> None:
    """On noise, and on ten photos where it is not OpenVINO's f32, in which they are compared above."""
    reference, handle = Reference(None), library.open(SHIPPED)
    try:
        fastest = Precision.parse(handle.info()["precision"].decode())
        used = reference.scheduler.capabilities
        assert (handle.info()["backend"].decode(), fastest) == (used.name, used.precision)
        compared = fastest is Precision.FP32 and used.name == "OpenVINO"
        padded = 256 + 2 * reference.halo
        noise = np.random.default_rng(5).integers(0, 256, (padded, padded, 3), dtype=np.uint8)
        found, expected = both_age(handle, reference, noise, 2)
        assert np.array_equal(found, expected)
        for number, photo in enumerate(() if compared else ten_photos):
            image = cut_frame(*photo, SIZES[number], reference.halo)
            found, expected = both_age(handle, reference, image, number)
            assert np.array_equal(found, expected), number
    finally:
        handle.close()
        reference.scheduler.close()


def with_another_wave(content: bytes) -> bytes:
    """The generator with a wave of positions that `amgan export` does not write."""
    model = onnx.load_from_string(content)
    (sine,) = (node for node in model.graph.node if node.op_type == "Sin")
    made_by = {name: node for node in model.graph.node for name in node.output}
    read = {name for wave in made_by[sine.input[0]].input for name in made_by[wave].input}
    last = [one for one in model.graph.initializer if one.name in read][-1]
    last.CopyFrom(onnx.numpy_helper.from_array(1.5 * onnx.numpy_helper.to_array(last), last.name))
    changed: bytes = model.SerializeToString()
    return changed


def test_a_generator_that_cannot_be_cut_is_computed_whole(library: Library, tmp_path: Path) -> None:
    content = (SHIPPED / "generator.onnx").read_bytes()
    folder = write_broken(tmp_path / "other", with_another_wave(content))
    assert read_cells(load_openvino(), folder / "generator.onnx") is None
    reference, handle, shipped = Reference(None, folder), library.open(folder), library.open(SHIPPED)
    try:
        padded = 256 + 2 * reference.halo
        image = np.random.default_rng(9).integers(0, 256, (padded, padded, 3), dtype=np.uint8)
        found, expected = both_age(handle, reference, image, 2)
        assert np.array_equal(found, expected)
        assert not np.array_equal(found, both_age(shipped, reference, image, 2)[0])
    finally:
        handle.close()
        shipped.close()
        reference.scheduler.close()


def test_without_a_margin_edges_of_frame_and_map_are_repeated(shipped: Handle, reference: Reference) -> None:
    rng = np.random.default_rng(7)
    halo = reference.halo
    frame = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    years = rng.uniform(-MOST_YEARS, MOST_YEARS, (64, 64)).astype(np.float32)
    image = np.pad(frame, ((halo, halo), (halo, halo), (0, 0)), mode="edge")
    pattern = shipped.skin_pattern(frame)
    expected = reference.age(image, np.pad(years, halo // CELL_PX, mode="edge"), pattern)
    assert np.array_equal(shipped.age(frame, 0, years), expected)
    # One change is a map of one cell; and a margin may be wider than the halo, or narrower.
    one = np.full((1, 1), 30, np.float32)
    cells = 64 + 2 * halo // CELL_PX
    expected = reference.age(image, np.full((cells, cells), 30, np.float32), pattern)
    assert np.array_equal(shipped.age(frame, 0, one), expected)
    assert np.array_equal(shipped.age(np.pad(image, ((9, 9), (9, 9), (0, 0))), halo + 9, one), expected)
    narrow = np.ascontiguousarray(image[30:-30, 30:-30])
    assert np.array_equal(shipped.age(narrow, halo - 30, one), expected)


def test_strides_may_be_long_or_negative(shipped: Handle) -> None:
    rng = np.random.default_rng(8)
    frame = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    years = rng.uniform(-MOST_YEARS, MOST_YEARS, (64, 64)).astype(np.float32)
    expected = shipped.age(frame, 0, years)
    wide = np.zeros((256, 300, 3), np.uint8)
    wide[:, 20:276] = frame
    wide_years = np.zeros((64, 80), np.float32)
    wide_years[:, 3:67] = years
    out = np.full((256, 280, 3), 7, np.uint8)
    shipped.age(wide[:, 20:276], 0, wide_years[:, 3:67], out=out[:, 4:260])
    assert np.array_equal(out[:, 4:260], expected)
    assert (out[:, :4] == 7).all()
    assert (out[:, 260:] == 7).all()
    upside_down, down_years = frame[::-1].copy()[::-1], years[::-1].copy()[::-1]
    below = np.zeros((256, 256, 3), np.uint8)[::-1]
    assert np.array_equal(shipped.age(upside_down, 0, down_years, out=below), expected)
    own = frame.copy()  # in place
    assert np.array_equal(shipped.age(own, 0, years, out=own), expected)


@pytest.mark.parametrize("size", [256, 320, 512, 832])
def test_the_estimator_reads_what_python_reads(
    size: int, shipped: Handle, faces: list[tuple[np.ndarray, Face]]
) -> None:
    estimator = Estimator(Bundle.open())
    frame = cut_frame(*faces[0], size, 0)
    small = sample_affine(frame, np.array([[size / 256, 0, 0], [0, size / 256, 0]]), (256, 256))
    expected = estimator._run(small)
    assert np.ptp(expected) > 10
    if size == 256:
        assert np.array_equal(shipped.estimate(frame), expected)
    # Interpolated pixels may be rounded the other way.
    assert np.abs(shipped.estimate(frame) - expected).max() < 0.5
    upside_down = frame[::-1].copy()[::-1]
    assert np.array_equal(shipped.estimate(upside_down), shipped.estimate(frame))
