"""The estimator learns the ages of made faces, goes on where it stopped, and keeps its offsets."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.helpers import COLLINS, HOPPER

from amgan.checkpoint import load_model, save_model
from amgan.faces.age_curve import AgeCurve
from amgan.networks import Discriminator, Generator, ModelConfig
from amgan.networks.config import DiscriminatorConfig
from amgan.runtime.errors import UsageError
from amgan.training.age_examples import AgeExamples, read_examples, zone_weights
from amgan.training.estimator import (
    EstimatorOptions,
    age_loss,
    check,
    command,
    offsets_of,
    read_maps,
    save,
    start,
    step,
    train,
)
from amgan.training.relighting import as_it_is, seen_again

FRAME = 96
FAST = EstimatorOptions(steps=6, batch=4, rate=2e-3, warmup=2, save_every=3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small discriminator of its own."""
    torch.manual_seed(0)
    config = ModelConfig(discriminator=DiscriminatorConfig(widths=(8, 12, 16, 16)))
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_model(path, Generator(config.generator), Discriminator(config.discriminator), config)
    return path


def made_faces(count: int = 24) -> AgeExamples:
    """Faces whose age is how strong their grain is."""
    random = np.random.default_rng(0)
    ages = np.linspace(20, 85, count)
    # Coarse grain: blur and noise of relighting leave it alone.
    grain = np.kron(random.normal(0, 1, (FRAME // 8, FRAME // 8)), np.ones((8, 8)))[..., None] * np.ones(3)
    frames = [np.clip(130 + (age - 15) * 0.9 * grain, 0, 255) for age in ages]
    zones = np.zeros((count, 4, 4), np.float32)  # pictures of 64 px
    zones[:, 1:3, 1:3] = 1 / 4
    return AgeExamples(
        tuple(f"{k}.jpg" for k in range(count)),
        np.stack(frames).astype(np.uint8),
        ages,
        ("true",) * (count // 2) + ("estimated",) * (count - count // 2),
        zones,
        np.arange(count) % 4 == 0,
    )


def test_every_band_of_age_is_shown_as_often_and_checks_never() -> None:
    examples = made_faces()
    shares = examples.shares()
    assert shares.sum() == pytest.approx(1)
    assert (shares[examples.checks] == 0).all()
    bands = np.digitize(examples.ages, (25, 32, 40, 48, 56, 64, 72, 80))
    sums = [shares[bands == band].sum() for band in range(9)]
    assert min(sums) == pytest.approx(max(sums))
    with pytest.raises(UsageError, match="all are kept for checks"):
        replace(examples, checks=np.ones(24, bool)).shares()


def test_the_loss_is_zero_where_ages_and_offsets_are_right_and_only_there() -> None:
    zones = torch.zeros(1, 4, 4)
    zones[:, 1:3, 1:3] = 0.25
    ages, offsets = torch.tensor([50.0]), torch.zeros(1, 4, 4)
    offsets[:, 1, 1:3], offsets[:, 2, 1:3] = 5.0, -5.0
    maps = 50.0 + offsets
    maps[:, 0] = 99.0  # outside the face nothing counts
    assert float(age_loss(maps, ages, zones, offsets, 1.0)) == 0
    assert float(age_loss(maps + 10, ages, zones, offsets, 0.0)) == pytest.approx(0.5)
    assert float(age_loss(50.0 + 0 * maps, ages, zones, offsets, 0.0)) == 0
    assert float(age_loss(50.0 + 0 * maps, ages, zones, offsets, 1.0)) > 0


def test_offsets_sum_to_nothing_over_the_zones() -> None:
    random = np.random.default_rng(0)
    zones = np.full((2, 16, 16), 1 / 256)
    found = offsets_of(random.normal(40, 3, (2, 16, 16)), zones)
    assert np.abs((found * zones).sum(axis=(1, 2))).max() < 1e-4
    assert np.abs(offsets_of(random.normal(40, 90, (2, 16, 16)), zones)).max() <= 15


def test_it_learns_and_the_average_follows(weights: Path) -> None:
    examples = made_faces()
    options = EstimatorOptions(batch=8, rate=3e-3, warmup=3, dropped=0.0, cells=0.0)
    state = start(weights, options)
    offsets = np.zeros((24, 4, 4), np.float32)
    losses = [step(state, examples, examples.shares(), offsets, options, 0.0) for _ in range(72)]
    assert np.mean(losses[-6:]) < 0.6 * np.mean(losses[:4])
    before = load_model(weights)[1].age.weight
    assert not torch.equal(state.average.age.weight, before)
    critic = load_model(weights)[1].critic.weight
    assert torch.equal(state.average.critic.weight, critic), "the critic is not taught"


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(weights: Path, tmp_path: Path) -> None:
    examples = made_faces()
    whole = train(examples, weights, tmp_path / "whole", FAST)
    assert whole["steps_of_this_run"] == 6
    state = start(weights, FAST)
    offsets = offsets_of(read_maps(state.average, examples), examples.zones)
    for _ in range(3):
        step(state, examples, examples.shares(), offsets, FAST, state.step / 6)
    (tmp_path / "half").mkdir()
    save(state, weights, tmp_path / "half")
    rest = train(examples, weights, tmp_path / "half", FAST)
    assert rest["steps_of_this_run"] == 3
    files = [tmp_path / name / "weights.safetensors" for name in ("whole", "half")]
    one, other = (load_model(file)[1].age.weight for file in files)
    assert torch.allclose(one, other, atol=1e-6)
    assert rest["true"]["faces"] + rest["estimated"]["faces"] == 6
    assert rest["true"]["error_years"]["mean"] == pytest.approx(
        whole["true"]["error_years"]["mean"], abs=1e-3
    )


def test_a_damaged_state_is_named(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"no state")
    with pytest.raises(UsageError, match=r"state\.pt' is no state to go on from"):
        train(made_faces(), weights, tmp_path, FAST)


def test_faces_kept_apart_are_read_as_they_are(weights: Path) -> None:
    examples = made_faces()
    network = load_model(weights)[1]
    found = check(network, examples)
    assert found["true"]["faces"] == 3
    assert check(network, replace(examples, checks=np.zeros(24, bool))) == {}


def test_a_face_seen_again_is_the_same_face_in_another_light() -> None:
    frame = np.asarray(Image.open(HOPPER).convert("RGB").resize((128, 128)))
    one, two = (seen_again(frame, 64, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shape == (64, 64, 3)
    assert np.abs(one).max() <= 1
    assert not np.array_equal(one, two)
    assert np.array_equal(one, seen_again(frame, 64, np.random.default_rng(1)))
    plain = as_it_is(frame, 64)
    assert np.corrcoef(one.ravel(), plain.ravel())[0, 1] > 0.7


def test_zone_weights_lie_on_the_face(aligned: list[tuple[np.ndarray, np.ndarray]]) -> None:
    found = zone_weights(aligned[0][1])
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert found[0].sum() == found[:, 0].sum() == 0


def faces_folder(folder: Path, rows: list[list[str]]) -> Path:
    for name, photo in (("a.jpg", HOPPER), ("b.jpg", COLLINS)):
        Image.open(photo).convert("RGB").save(folder / name)
    with (folder / "ages.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder / "ages.csv"


def test_estimates_are_calibrated_and_true_ages_are_not(tmp_path: Path) -> None:
    table = faces_folder(tmp_path, [["file", "age", "age_is"], ["a.jpg", "50", "true"], ["b.jpg", "50", ""],
                                    ["c.jpg", "", ""]])  # fmt: skip
    curve = AgeCurve((0.0, 50.0, 100.0), (0.0, 60.0, 110.0), 40)
    found = read_examples([(tmp_path, table)], curve)
    assert dict(zip(found.names, found.ages, strict=True)) == {"a.jpg": 50.0, "b.jpg": 60.0}
    assert found.how == ("true", "estimated")


@pytest.mark.parametrize(
    ("text", "words"),
    [("file\na.jpg\n", "has neither age nor"), ("file,age\na.jpg,old\n", "'old' as age of a.jpg"),
     ("file,age\nz.jpg,30\n", "no face of known age was found")],
)  # fmt: skip
def test_tables_that_teach_nothing(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_examples([(tmp_path, tmp_path / "ages.csv")])
    (tmp_path / "ages.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_examples([(tmp_path, tmp_path / "ages.csv")])


def test_the_command(tmp_path: Path, weights: Path) -> None:
    table = faces_folder(tmp_path, [["file", "age"], ["a.jpg", "83"], ["b.jpg", "38"]])
    output = tmp_path / "run"
    asked = ["--set", str(tmp_path), str(table), "--weights", str(weights), "--steps", "1", "-o", str(output)]
    found = CliRunner().invoke(command, asked)
    assert found.exit_code == 0, found.output
    assert "weights written to" in found.output
    assert load_model(output / "weights.safetensors")[2].discriminator.widths == (8, 12, 16, 16)
