"""The weights of the engine for CPUs with AVX2: which graphs are read, and what its extension refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import avx2_weights
from amgan.runtime.engines.avx2 import Avx2Engine
from amgan.runtime.engines.avx2_weights import GeneratorWeights, extension, find_weights, read_weights
from amgan.runtime.engines.compiled_cache import SUFFIX, write_entry
from amgan.runtime.engines.graph_search import OtherGraphError
from amgan.runtime.engines.openvino_network import load_openvino

pytestmark = pytest.mark.skipif(extension() is None, reason="not built, or the CPU has no AVX2")


@pytest.fixture(scope="module")
def shipped() -> GeneratorWeights:
    bundle = Bundle.open()
    weights = read_weights(load_openvino(), bundle.file("generator", Precision.FP32))
    assert weights is not None
    return weights


def test_only_what_export_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMGAN_CACHE", "off")
    openvino, bundle = load_openvino(), Bundle.open()
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    assert read_weights(openvino, damaged) is None
    assert read_weights(openvino, tmp_path / "none.onnx") is None
    assert read_weights(openvino, bundle.file("estimator", Precision.FP32)) is None
    other = tmp_path / "other.onnx"  # has other numbers of channels
    onnx.save(emit_generator(simplify(random_generator(TINY_GENERATOR))), other)
    assert read_weights(openvino, other) is None
    assert Avx2Engine.of_file(bundle.file("generator", Precision.FP32), 40) is None  # has another halo


def sides(node: object) -> list[object]:
    return list(node.get_output_partial_shape(0))  # type: ignore[attr-defined]


def changed(edit: str) -> object:
    """The shipped generator with one operator replaced."""
    openvino = load_openvino()
    opset = openvino.opset13
    model = openvino.Core().read_model(Bundle.open().file("generator", Precision.FP32))
    kinds = [node for node in model.get_ordered_ops() if node.get_type_name() == edit]
    node = kinds[-1]
    if edit == "Relu":
        node.output(0).replace(opset.sigmoid(node.input_value(0)).output(0))
    elif edit == "DepthToSpace":
        pixels = next(one for one in kinds if "depth_first" not in one.get_attributes()["mode"])
        other = opset.depth_to_space(pixels.input_value(0), "depth_first", 2)
        kinds[1].output(0).replace(other.output(0))
    elif edit == "Slice":
        ends = [np.array(one, np.int64) for one in ([18, 20], [-20, -18], [1, 1], [2, 3])]
        node = next(one for one in kinds if sides(one)[1:2] == [48])
        node.output(0).replace(opset.slice(node.input_value(0), *ends).output(0))
    elif edit == "Convolution":
        pads = [1, 1], [1, 1]
        other = opset.convolution(node.input_value(0), node.input_value(1), [1, 1], *pads, [1, 1])
        node.output(0).replace(other.output(0))
    return model


@pytest.mark.parametrize("edit", ["Relu", "DepthToSpace", "Slice", "Convolution"])
def test_a_graph_that_differs_in_one_operator_is_refused(edit: str) -> None:
    with pytest.raises(OtherGraphError):
        find_weights(changed(edit))


def test_weights_are_kept_between_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "cache"))
    openvino, file = load_openvino(), Bundle.open().file("generator", Precision.FP32)
    first = read_weights(openvino, file)
    (entry,) = (tmp_path / "cache").iterdir()
    assert entry.suffix == SUFFIX
    monkeypatch.setattr(avx2_weights, "find_weights", lambda *_: pytest.fail("the file was read again"))
    second = read_weights(openvino, file)
    assert first is not None
    assert second is not None
    assert first.span == second.span
    for name in ("table", "packed", "fine", "coarse", "gain", "bias"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(("taps", "points"), [(1, 1), (2, 16), (3, 36)])
def test_packed_weights_have_the_sums_of_their_weights(taps: int, points: int) -> None:
    """The first point of every transform is the first weight, 1/4 of it along each axis for 3 x 3."""
    weights = np.random.default_rng(0).normal(size=(40, 8, taps, taps)).astype(np.float32)
    packed = np.empty(points * weights[:, :, 0, 0].size, np.float32)
    extension().pack(weights.reshape(40, -1), taps, packed)
    first = packed[: 8 * 24].reshape(8, 24).T
    assert np.allclose(first, weights[:24, :, 0, 0] / (16 if taps == 3 else 1))
    rest = packed[24 * 8 * points :][: 8 * 16].reshape(8, 16).T
    assert np.allclose(rest, weights[24:, :, 0, 0] / (16 if taps == 3 else 1))


def test_arrays_that_do_not_fit_are_refused(shipped: GeneratorWeights) -> None:
    call = extension()
    with pytest.raises(ValueError, match="the sizes of two arrays differ"):
        call.pack(np.zeros((8, 8 * 9), np.float32), 3, np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="the sizes of two arrays differ"):
        call.pack(np.zeros((8, 10), np.float32), 2, np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="another type or layout"):
        call.pack(np.zeros((8, 8), np.float64), 1, np.zeros(64, np.float32))
    with pytest.raises(ValueError, match="the sizes of two arrays differ"):
        call.count_floats(shipped.table, shipped.packed[:-1], 128, 128, 1)
    for row, value in ((0, 3), (3, 3), (-1, 16)):
        table = shipped.table.copy()
        table[row, 0 if value == 3 else 2] = value
        with pytest.raises(ValueError, match="the sizes of two arrays differ"):
            call.count_floats(table, shipped.packed, 128, 128, 1)
    assert call.count_floats(shipped.table, shipped.packed, 130, 128, 1) == 0
    assert call.count_floats(shipped.table, shipped.packed, 128, 128, 0) == 0
    assert call.count_floats(shipped.table, shipped.packed, 128, 128, 65) == 0


@pytest.mark.parametrize("number", range(10))
def test_no_array_of_a_tile_may_have_another_size(shipped: GeneratorWeights, number: int) -> None:
    one, side = shipped, 2 * shipped.halo_px + 8
    given = [
        np.zeros((side, side, 3), np.uint8),
        np.zeros((side // 4, side // 4), np.float32),
        np.zeros((side, side // 4), np.float32),
        np.zeros(4, np.float32),
        np.zeros(8, np.float32),
        one.fine,
        one.coarse,
    ]
    memory = np.empty((extension().count_floats(one.table, one.packed, side, side, 1), 1), np.float32)
    out = np.empty((8, 8, 3), np.uint8)
    extension().age(one.table, one.packed, *given, one.span, memory, out, 1)
    if number < 7:
        wrong = given[number]
        given[number] = wrong[:1] if number != 3 else np.zeros(8, np.float32)
    elif number == 7:
        memory = memory[:-1]
    elif number == 8:
        out = out[:, :4]
    with pytest.raises(ValueError, match=r"sizes of two arrays differ|another type or layout"):
        extension().age(one.table, one.packed, *given, one.span, memory, out, 0 if number == 9 else 1)


@pytest.mark.parametrize("content", [b"", b"junk" * 99])
def test_an_entry_with_other_content_is_written_anew(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "cache"))
    openvino, file = load_openvino(), Bundle.open().file("generator", Precision.FP32)
    first = read_weights(openvino, file)
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    write_entry(entry, content)
    second = read_weights(openvino, file)
    assert first is not None and second is not None
    assert second.to_bytes() == first.to_bytes()
    assert entry.read_bytes() == whole
