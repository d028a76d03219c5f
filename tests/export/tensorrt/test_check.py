"""The precision check: what is heavy, what counts as half, and what a finished engine says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.engine_helpers import write_conv_generator

from amgan.export.tensorrt.check import (
    Convolution,
    PrecisionReport,
    inspect_engine,
    inspect_network,
    require_precision,
)
from amgan.export.tensorrt.flavour import load_flavour
from amgan.export.tensorrt.network import building, configure, parse
from amgan.export.tensorrt.options import BuildOptions
from amgan.runtime.errors import EngineError

TILE = {"image": (48, 48, 3), "aging_map": (1, 12, 12), "coordinates": (4, 12, 12), "pattern": (3,)}


def report(*convolutions: tuple[str, int, str]) -> PrecisionReport:
    return PrecisionReport(tuple(Convolution(n, f, tuple(t.split("/"))) for n, f, t in convolutions))


def test_arithmetic_is_counted(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    onnx = write_conv_generator(tmp_path / "half.onnx")
    with building(load_flavour("tensorrt_rtx")) as session:
        parse(session, onnx)
        configure(session, BuildOptions(TILE), ("sm86",), onnx.name)
        found = inspect_network(session.flavour.trt, session.network)
    pixels = 48 * 48
    assert [c.flop for c in found.convolutions] == [
        2 * 3 * 32 * 9 * pixels,
        2 * 32 * 3 * 9 * pixels,
        2 * 3 * 3 * pixels,
    ]
    assert {c.types for c in found.convolutions} == {("HALF",)}


def test_sizes_left_open_cannot_be_counted(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    onnx = write_conv_generator(tmp_path / "half.onnx")
    with (
        pytest.raises(EngineError, match="depends on more than the tile's size"),
        building(load_flavour("tensorrt_rtx")) as session,
    ):
        parse(session, onnx)
        inspect_network(session.flavour.trt, session.network)


def test_good_reports_pass() -> None:
    require_precision(report(("a", 990, "HALF"), ("b", 9, "FLOAT")), "fp16", "x")
    require_precision(report(("a", 1000, "BF16")), "bf16", "x")
    require_precision(report(("a", 1000, "FLOAT")), "fp32", "x")


@pytest.mark.parametrize(
    ("convolutions", "precision", "named"),
    [
        ([("a", 980, "HALF"), ("b", 20, "FLOAT")], "fp16", "98.0% .* heavy convolution 'b' is FLOAT"),
        ([("a", 1000, "HALF/FLOAT")], "fp16", "0.0% .* heavy convolution 'a' is HALF/FLOAT"),
        ([("a", 1000, "HALF")], "bf16", "not bf16.*'a' is HALF"),
        ([("a", 1000, "HALF")], "fp32", "not fp32"),
        ([("a", 900, "HALF"), *((f"{n}", 9, "FLOAT") for n in range(11))], "fp16", "90.1% of"),
        ([], "fp16", "has no convolution"),
    ],
)
def test_bad_reports_are_refused(convolutions: list[Any], precision: str, named: str) -> None:
    with pytest.raises(EngineError, match=named):
        require_precision(report(*convolutions), precision, "x.onnx")


def test_half_share_counts_both_halves() -> None:
    assert report(("a", 1, "HALF"), ("b", 2, "BF16"), ("c", 1, "FLOAT")).half_share == 0.75


def engine(*layers: Any) -> tuple[Any, Any]:
    """A TensorRT module and an engine whose inspector tells of these layers."""
    ends = {"Name": "image", "IOMode": "Input", "DataType": "UInt8", "Dimensions": [-1, 48, 48, 3]}
    text = json.dumps({"Layers": layers, "Bindings": ["image", "aged"], "I/O Tensors": [ends]})
    inspector = SimpleNamespace(get_engine_information=lambda kind: text)
    trt = SimpleNamespace(LayerInformationFormat=SimpleNamespace(JSON=1))
    return trt, SimpleNamespace(create_engine_inspector=lambda: inspector)


# No report of an engine of this project was recorded yet. The forms are those of reports of other networks
# that were published (TensorRT 10), of NVIDIA's guide for the migration from 10 to 11, and of the texts in
# the library of TensorRT for RTX 1.7.1: its keys and the formats of its tensors.

FORMATS_10 = {
    "Half": "Channel major FP16 format where channel % 8 == 0",
    "Float": "Row major linear FP32",
    "BFloat16": "Eight channel BF16 format (kHWC8) where C is padded to a multiple of 8",
    "UInt8": "Row major linear UINT8 format (kLINEAR)",
}


def tensor_10(kind: str) -> dict[str, Any]:
    """A tensor of TensorRT 10 with a fixed batch."""
    told = FORMATS_10.get(kind, kind)
    return {"Name": "t", "Location": "Device", "Dimensions": [1, 3, 8, 8], "Format/Datatype": told}


def tensor_11(kind: str) -> dict[str, Any]:
    """A tensor of TensorRT 11: the type and the format are apart."""
    told = "Channel major format where channel % 8 == 0"
    return {
        "Name": "t", "Location": "Device", "Dimensions": [1, 3, 8, 8], "Format": told, "Datatype": kind
    }  # fmt: skip


def tensor_rtx(kind: str) -> dict[str, Any]:
    """A tensor of TensorRT for RTX 1.7 with an open batch."""
    text = "Format not available due to dynamic shapes"
    return {"Name": "t", "Dimensions": [-1, 3, 8, 8], "Datatype": kind, "Format": text}


def tensor_open(kind: str) -> dict[str, Any]:
    """A tensor of TensorRT 10 with an open batch, of any type."""
    told = "N/A due to dynamic shapes"
    return {"Name": "t", "Location": "Device", "Dimensions": [-1, 3, 8, 8], "Format/Datatype": told}


SCHEMAS = pytest.mark.parametrize("tensor", [tensor_10, tensor_11, tensor_rtx, tensor_open])
"""Each with weights, which have a type of their own."""


def layer(
    name: str, kind: str, metadata: str = "", tensor: Any = tensor_10, sort: str = "gemm"
) -> dict[str, Any]:
    ends = [tensor(kind)]
    return {
        "Name": name, "LayerType": sort, "Inputs": ends, "Outputs": ends, "ParameterType": "Convolution",
        "Weights": {"Type": kind, "Count": 9408}, "Bias": {"Type": kind, "Count": 64},
        "TacticName": "sm80_xmma_fprop_implicit_gemm", "TacticValue": "0x00000000000003ea", "StreamId": 0,
        "Metadata": metadata,
    }  # fmt: skip


HEAVY = report(("/block/conv1", 500, "HALF"), ("/block/conv10", 500, "HALF"))


def test_engine_in_half() -> None:
    trt, one = engine(
        layer("/block/conv1 + /block/relu", "Channel major FP16 format where channel % 8 == 0"),
        layer("__myl_Conv_0", "Half", "[ONNX Layer: /block/conv10]\x1e[ONNX Layer: /block/relu10]"),
        layer("/tail", "Row major linear FP32"),
    )
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 2


def test_engine_that_fell_back_to_fp32() -> None:
    trt, one = engine(layer("/block/conv1", "Half"), layer("/block/conv10", "Row major linear FP32"))
    with pytest.raises(EngineError, match=r"a\.engine is not fp16: .*conv10' in fp32"):
        inspect_engine(trt, one, HEAVY, "fp16", "a.engine")


@SCHEMAS
def test_every_schema_is_read(tensor: Any) -> None:
    trt, one = engine(layer("/block/conv1", "Half", tensor=tensor), layer("/block/conv10", "Half"))
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 2
    for other in ("Float", "BFloat16"):
        trt, one = engine(layer("/block/conv1", other, tensor=tensor))
        with pytest.raises(EngineError, match="no engine was written"):
            inspect_engine(trt, one, HEAVY, "fp16", "a.engine")


@SCHEMAS
@pytest.mark.parametrize("ends", ["UInt8", "Float", "Half"])
def test_a_region_says_nothing_of_what_lies_inside(tensor: Any, ends: str) -> None:
    """Engines of TensorRT for RTX are one such region: pixels go in and come out."""
    named = "{ForeignNode[/block/conv1.../block/conv10]}"
    metadata = "[ONNX Layer: /block/conv1]\x1e[ONNX Layer: /block/conv10]"
    trt, one = engine(layer(named, ends, metadata, tensor, "ForeignNode"))
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 0


def test_a_type_that_nothing_tells_is_no_fault() -> None:
    one = {**layer("/block/conv1", "Half", tensor=tensor_open), "Weights": None}
    trt, made = engine(one, {**one, "Name": "/block/conv10", "Weights": {"Count": 9408}})
    assert inspect_engine(trt, made, HEAVY, "fp16", "a.engine") == 0


@SCHEMAS
def test_a_fused_cast_hides_the_type_inside(tensor: Any) -> None:
    trt, one = engine(layer("__myl_CastConvCast_0", "Float", "/block/cast_2 + /block/conv1", tensor))
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        '{"Layers": null}',
        '{"Layers": [{"Name": "/block/conv1", "Inputs": null, "Weights": []}]}',
    ],
)
def test_an_inspector_that_is_of_no_use(text: str) -> None:
    trt, one = engine()
    one.create_engine_inspector = lambda: SimpleNamespace(get_engine_information=lambda kind: text)
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 0
    one.create_engine_inspector = lambda: None
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 0


def test_engine_in_bf16_is_not_fp16() -> None:
    trt, one = engine(layer("/block/conv1", "BFloat16"))
    assert inspect_engine(trt, one, HEAVY, "bf16", "a.engine") == 1
    with pytest.raises(EngineError):
        inspect_engine(trt, one, HEAVY, "fp16", "a.engine")


def test_engine_that_does_not_tell() -> None:
    trt, one = engine("/block/conv1", layer("everything_fused", "Half"), {"Name": "/block/conv1"})
    assert inspect_engine(trt, one, HEAVY, "fp16", "a.engine") == 0
    assert inspect_engine(trt, one, HEAVY, "fp32", "a.engine") == 0
