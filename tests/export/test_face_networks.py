"""The face networks as ONNX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amgan.export import face_networks
from amgan.export.face_networks import to_onnx
from amgan.runtime.engines.network import CpuNetwork, apart
from amgan.runtime.engines.openvino_network import compile_network
from amgan.runtime.errors import EngineError
from amgan.runtime.face.networks import DETECTOR, MESH, NetworkFile


@pytest.mark.parametrize("network", [DETECTOR, MESH])
def test_the_files_that_ship_are_what_is_written(network: NetworkFile) -> None:
    assert to_onnx(network.file, network.inputs, network.outputs) == network.onnx.read_bytes()


@pytest.mark.parametrize(("network", "side_px"), [(DETECTOR, 192), (DETECTOR, 320), (MESH, 192)])
def test_they_compute_the_same(network: NetworkFile, side_px: int) -> None:
    picture = np.random.default_rng(0).random((1, side_px, side_px, 3), np.float32)
    size = side_px if network is DETECTOR else None
    run_lite = CpuNetwork(compile_network(network.file, side_px=size), "lite")
    lite = tuple(np.array(one) for one in run_lite(picture))
    run = CpuNetwork(compile_network(network.onnx), "onnx")
    assert 0 <= apart(run(picture), lite) < 1e-4
    assert apart(run(np.ascontiguousarray(picture[:, ::-1])), lite) > 1e-3


def test_both_are_written_beside_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for network in (DETECTOR, MESH):
        monkeypatch.setattr(
            face_networks, "DETECTOR" if network is DETECTOR else "MESH",
            replace(network, onnx=tmp_path / network.onnx.name),
        )  # fmt: skip
    face_networks.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == [DETECTOR.onnx.name, MESH.onnx.name]
    assert capsys.readouterr().out.count(" bytes") == 2


def test_an_operator_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(face_networks._OPERATORS, "PRelu")  # type: ignore[misc]
    with pytest.raises(
        EngineError, match=r"face_landmark\.tflite' has the operator PRelu, which is not known"
    ):
        to_onnx(MESH.file, MESH.inputs, MESH.outputs)
