import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.helpers import (
    FLOAT,
    HALO,
    PATTERNS,
    UINT8,
    Graph,
    tiny_manifest,
    write_estimator,
    write_tiny_bundle,
)
from support.stitching import stitch
from support.tile_inputs import frame_positions, mixtures, smooth_positions

from amgan.benchmarking.portrait import whole_frame
from amgan.export.parity.difference import code_difference, psnr_db
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import openvino_network
from amgan.runtime.engines.contract import GENERATOR_INPUTS, Engine, TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine, _Desk
from amgan.runtime.engines.openvino_network import (
    _keep_positions_exact,
    _modulate_in_one_pass,
    choose_precision,
    cpu_has_bf16,
    last_line,
    load_openvino,
)
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.engines.tiles import Tile, plan_tiles
from amgan.runtime.errors import BundleError, EngineError, UsageError
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.finder import Face
from amgan.runtime.files import file_sha256
from amgan.runtime.pipeline.estimator import Estimator


@pytest.fixture(scope="module")
def engine(tiny_bundle: Path) -> OpenVinoEngine:
    return OpenVinoEngine(Bundle.open(tiny_bundle), "f32")


def batch(n: int = 1, height: int = 32, width: int = 48, age: float = 65.0, seed: int = 0) -> TileBatch:
    rng = np.random.default_rng(n + height + width)
    return TileBatch(
        rng.integers(0, 256, (n, height, width, 3), dtype=np.uint8),
        np.full((n, 1, height // 4, width // 4), age, np.float32),
        smooth_positions(n, height // 4, width // 4, seed),
        mixtures(n, PATTERNS, seed),
        "tile 7",
    )


def rehash(folder: Path, **changes: object) -> Bundle:
    """Open a bundle whose files were replaced."""
    (folder / "manifest.json").write_text(json.dumps({**tiny_manifest(folder), **changes}))
    return Bundle.open(folder)


def damage(folder: Path, name: str, content: bytes) -> Bundle:
    (folder / name).write_bytes(content)
    return rehash(folder)


def test_no_years_change_nothing(engine: OpenVinoEngine) -> None:
    tiles = batch(2, age=0.0)
    aged = engine.wait(engine.submit(tiles))
    assert aged.dtype == np.uint8
    assert np.array_equal(aged, tiles.image[:, HALO:-HALO, HALO:-HALO])


def test_capabilities(engine: OpenVinoEngine) -> None:
    assert isinstance(engine, Engine)
    assert engine.capabilities.device == "cpu"
    assert engine.capabilities.precision is Precision.FP32
    assert engine.capabilities.in_flight >= 1


@pytest.mark.parametrize("core", [16, 20, 36, 64])
def test_any_tiling_gives_the_pixels_of_the_whole(engine: OpenVinoEngine, core: int) -> None:
    size = 64
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size + 2 * HALO, size + 2 * HALO, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (size // 4 + HALO // 2, size // 4 + HALO // 2)).astype(np.float32)
    places = frame_positions(size, HALO)

    def run(tile: Tile) -> np.ndarray:
        cells = tile.padded(HALO, 4)
        part = places[:, *cells][None]
        work = TileBatch(image[tile.padded(HALO)][None], ages[cells][None, None], part, mixtures(1, PATTERNS))
        return engine.wait(engine.submit(work))[0]

    whole = run(Tile(0, 0, size, size))
    tiles = plan_tiles(size, core)
    assert np.array_equal(stitch(np.zeros_like(whole), [(t, run(t)) for t in tiles]), whole)


def test_tickets_may_be_waited_for_in_any_order(engine: OpenVinoEngine) -> None:
    work = [batch(1, 32, 32 + 4 * i) for i in range(5)]
    alone = [engine.wait(engine.submit(w)) for w in work]
    tickets = [engine.submit(w) for w in work]
    for i in (3, 0, 4, 1, 2):
        assert np.array_equal(engine.wait(tickets[i]), alone[i])


def test_threads_share_the_engine(engine: OpenVinoEngine) -> None:
    def run(i: int) -> bytes:
        tickets = [engine.submit(batch(1, 32, 32 + 4 * (i % 3), age=50 + k)) for k in range(3)]
        return b"".join(engine.wait(t).tobytes() for t in tickets)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(12)))
    assert all(results[i] == results[i % 3] for i in range(12))


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("image", np.zeros((1, 32, 48, 3), np.float32), "must be uint8"),
        ("image", np.zeros((32, 48, 3), np.uint8), "must be uint8"),
        ("image", np.zeros((1, 30, 48, 3), np.uint8), "not a multiple of 4"),
        ("image", np.zeros((0, 32, 48, 3), np.uint8), "not a multiple of 4"),
        ("aging_map", np.zeros((1, 1, 32, 48), np.float32), "aging_map must be"),
        ("aging_map", np.zeros((1, 1, 8, 12), np.float64), "aging_map must be"),
        ("coordinates", np.zeros((1, 3, 8, 12), np.float32), "coordinates must be"),
        ("coordinates", np.zeros((1, 4, 8, 12)), "coordinates must be"),
        ("pattern", np.zeros((2, 3), np.float32), "pattern must be"),
        ("pattern", np.zeros(3, np.float32), "pattern must be"),
    ],
)
def test_arrays_that_break_the_contract(
    engine: OpenVinoEngine, field: str, value: np.ndarray, word: str
) -> None:
    good = batch()
    arrays = {name: getattr(good, name) for name in GENERATOR_INPUTS} | {field: value}
    with pytest.raises(EngineError, match=f"tile 7.*{word}"):
        engine.submit(TileBatch(**arrays, label="tile 7"))


def test_a_tile_smaller_than_its_halo_fails_by_name(engine: OpenVinoEngine) -> None:
    with pytest.raises(EngineError, match="tile 7"):
        engine.wait(engine.submit(batch(1, 12, 12)))
    assert engine.wait(engine.submit(batch())).shape == (1, 16, 32, 3)


class BrokenRequest:
    def __init__(self, at: str) -> None:
        self.at = at

    def set_output_tensor(self, *_: object) -> None:
        pass

    def start_async(self, *_: object, **__: object) -> None:
        if self.at == "start":
            raise RuntimeError("in file.cpp:1\n\n  no memory\n")

    def wait(self) -> None:
        raise RuntimeError("no memory")


@pytest.mark.parametrize(
    ("at", "words"), [("start", "could not start on tile 7: no memory"), ("wait", "failed on tile 7")]
)
def test_failures_name_the_tile(tiny_bundle: Path, at: str, words: str) -> None:
    engine = OpenVinoEngine(Bundle.open(tiny_bundle), "f32")
    engine._free.append(_Desk(BrokenRequest(at)))
    with pytest.raises(EngineError, match=words):
        engine.wait(engine.submit(batch()))
    assert engine.wait(engine.submit(batch())).shape == (1, 16, 32, 3)


def test_last_line_of_nothing() -> None:
    assert last_line(RuntimeError()) == "RuntimeError"


def test_a_ticket_counts_once_and_only_here(engine: OpenVinoEngine) -> None:
    ticket = engine.submit(batch())
    engine.wait(ticket)
    with pytest.raises(EngineError, match="tile 7 is not in flight"):
        engine.wait(ticket)
    with pytest.raises(EngineError, match="tile 9 is not in flight"):
        engine.wait(SimpleNamespace(label="tile 9"))


def test_closed_engine_refuses_work_but_ends_what_it_has(tiny_bundle: Path) -> None:
    engine = OpenVinoEngine(Bundle.open(tiny_bundle))
    ticket = engine.submit(batch())
    engine.close()
    engine.close()
    assert engine.wait(ticket).shape == (1, 16, 32, 3)
    with pytest.raises(EngineError, match="after the engine was closed"):
        engine.submit(batch())


def test_wrong_halo_in_the_manifest_is_found(tmp_path: Path) -> None:
    bundle = Bundle.open(write_tiny_bundle(tmp_path / "b", halo_px=HALO - 4))
    engine = OpenVinoEngine(bundle, "f32")
    with pytest.raises(EngineError, match=r"the generator gave.*export the bundle again"):
        engine.wait(engine.submit(batch()))


def test_file_that_is_no_network(own_bundle: Path) -> None:
    bundle = damage(own_bundle, "generator.onnx", b"not a network")
    with pytest.raises(EngineError, match=r"cannot load '.*generator\.onnx'"):
        OpenVinoEngine(bundle)


def test_network_with_other_inputs(own_bundle: Path) -> None:
    write_estimator(own_bundle / "generator.onnx")
    with pytest.raises(BundleError, match="has the inputs image instead of image, aging_map, coordinates"):
        OpenVinoEngine(rehash(own_bundle))


@pytest.mark.parametrize("has_bf16", [True, False])
def test_precision_follows_the_cpu(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(openvino_network, "cpu_has_bf16", lambda: has_bf16)
    assert choose_precision(None) is (Precision.BF16 if has_bf16 else Precision.FP32)
    assert choose_precision(Precision.FP32) is Precision.FP32
    with pytest.raises(UsageError, match="does not compute in fp16"):
        choose_precision(Precision.FP16)
    if has_bf16:
        assert choose_precision(Precision.BF16) is Precision.BF16
    else:
        with pytest.raises(EngineError, match="no bf16"):
            choose_precision(Precision.BF16)


def test_precision_of_another_name(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="'int8' is not a precision: write fp32, fp16, bf16, fp8"):
        OpenVinoEngine(Bundle.open(tiny_bundle), "int8")


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_opened_on_the_cpu(tiny_bundle: Path, device: str) -> None:
    with open_scheduler(Bundle.open(tiny_bundle), device, "fp32") as scheduler:
        assert scheduler.capabilities.name == "OpenVINO"


@pytest.mark.parametrize("device", ["cuda", "cuda:99"])
def test_no_silent_fall_back_from_cuda(tiny_bundle: Path, device: str) -> None:
    """The tiny bundle runs on no GPU, if there is one."""
    with pytest.raises(EngineError, match=f"device '{device}' cannot be had, "):
        open_scheduler(Bundle.open(tiny_bundle), device)


@pytest.mark.parametrize("device", ["", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cpu ", "cpu\n"])
def test_malformed_device(tiny_bundle: Path, device: str) -> None:
    with pytest.raises(UsageError, match="is not known: use auto"):
        open_scheduler(Bundle.open(tiny_bundle), device)


def face() -> Face:
    rng = np.random.default_rng(0)
    return Face(rng.uniform(20, 80, (468, 2)), 1.0, 1.0, Frame((50.0, 50.0), (40.0, 0.0)))


def test_estimator_reads_years(tiny_bundle: Path, hopper: np.ndarray, hopper_face: Face) -> None:
    grey = np.full(hopper.shape, 127, np.uint8)
    now = Estimator(Bundle.open(tiny_bundle)).read(grey, hopper_face)
    found = [now.base, *now.parts.values()]
    assert len(found) > 20
    assert found == pytest.approx([20 + 40 * 127 / 255] * len(found), abs=1.0)  # its cells are coarse


def test_estimator_of_another_grid(own_bundle: Path) -> None:
    bundle = rehash(own_bundle, estimator={"frame_px": 64, "grid": 5, "inputs": [], "outputs": []})
    with pytest.raises(BundleError, match="the estimator gave ages"):
        Estimator(bundle).read(np.zeros((99, 99, 3), np.uint8), face())


def test_estimator_that_gives_no_numbers(own_bundle: Path) -> None:
    write_estimator(own_bundle / "estimator.onnx", offset=float("nan"))
    with pytest.raises(EngineError, match="not numbers"):
        Estimator(rehash(own_bundle)).read(np.zeros((99, 99, 3), np.uint8), face())


def test_estimator_that_fails(own_bundle: Path) -> None:
    g = Graph()
    g("Cast", g("Reshape", "image", g.const([1, 7, 7, 7], np.int64)), out="ages", to=FLOAT)
    g.save(
        own_bundle / "estimator.onnx",
        [("image", UINT8, ["N", "H", "W", 3])],
        [("ages", FLOAT, ["N", "a", "b", "c"])],
    )
    assert file_sha256(own_bundle / "estimator.onnx")
    with pytest.raises(EngineError, match="failed on the estimator"):
        Estimator(rehash(own_bundle)).read(np.zeros((99, 99, 3), np.uint8), face())


def test_places_become_outputs_that_bf16_leaves_exact() -> None:
    openvino = load_openvino()

    network = openvino.Core().read_model(Bundle.open(None).file("generator", "fp32"))
    _keep_positions_exact(network)
    first, *kept = network.outputs
    assert first.get_element_type().get_type_name() == "u8"
    slices = [port.get_node().input_value(0).get_node() for port in kept]
    assert {one.get_type_name() for one in slices} == {"Slice"}
    assert sorted(one.input_value(0).get_node().get_type_name() for one in slices) == [
        "Cos",
        "Sin",
        "Transpose",
    ]


def test_every_modulation_of_bf16_has_a_second_reader_of_its_shift() -> None:
    openvino = load_openvino()

    network = openvino.Core().read_model(Bundle.open(None).file("generator", "fp32"))
    _modulate_in_one_pass(network)
    first, *shapes = network.outputs
    assert first.get_element_type().get_type_name() == "u8"
    nodes = [port.get_node().input_value(0).get_node() for port in shapes]
    assert [one.get_type_name() for one in nodes] == ["ShapeOf"] * 8  # two SPADEs in each of four blocks


def test_shipped_bf16_network_copies_nothing_around_its_modulations() -> None:
    if "amx_bf16" not in Path("/proc/cpuinfo").read_text(encoding="ascii"):
        pytest.skip("this CPU has no AMX")
    bundle = Bundle.open(None)
    engine = OpenVinoEngine(bundle, "bf16")
    names = [node.get_friendly_name() for node in engine._model.get_runtime_model().get_ordered_ops()]
    engine.close()
    assert len(names) > 100
    assert [name for name in names if "___" in name] == []  # how OpenVINO names a copy between two operators


def test_bf16_is_near_single_precision_far_from_the_corner() -> None:
    """With places in bf16 this frame is 49 dB off, and its middle, where faces lie, 15 code values."""
    if not cpu_has_bf16():
        pytest.skip("this CPU has no bf16")
    bundle = Bundle.open(None)
    image, aging_map, *places = whole_frame(576, bundle.manifest.halo_px, bundle.manifest.patterns)
    frame = TileBatch(image, np.full_like(aging_map, 76.0), *places, "frame")
    pictures = []
    for precision in ("f32", "bf16"):
        engine = OpenVinoEngine(bundle, precision)
        pictures.append(engine.wait(engine.submit(frame)))
        engine.close()
    middle = (slice(None), slice(576 * 3 // 10, 576 * 8 // 10), slice(576 * 3 // 10, 576 * 7 // 10))
    apart = code_difference(pictures[1][middle], pictures[0][middle])
    assert 0 < apart.max() <= 8
    assert psnr_db(pictures[1], pictures[0]) > 55
