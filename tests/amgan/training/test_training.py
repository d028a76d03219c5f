"""Training: steps, runs that go on, and what ends them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support.tiny_networks import TINY_GENERATOR, TINY_MODEL, random_generator
from support.tiny_set import SIDE, write_set

from amgan.checkpoint import load_model
from amgan.data.batches import PatchOptions
from amgan.data.dataset import load_dataset
from amgan.data.patches import PatchSampler
from amgan.runtime.errors import UsageError
from amgan.training.config import TrainConfig, config_from_dict
from amgan.training.grid import GRID_AGES, age_frames, grid_faces
from amgan.training.loop import STATE, Log, StepBatches, one_step, pick_device, run, train
from amgan.training.state import load_state, new_state, save_state, update_average
from amgan.training.steps import _far_maps, to_tensors

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def tiny_config(dataset: Path, output: Path, **changes: Any) -> TrainConfig:
    """All switches of a run within 8 steps."""
    config = TrainConfig(
        dataset, output, steps=8, batch=2, real_batch=2, discriminator_from=2, adversarial_from=4,
        freeze_norm_from=5, decay_from=3, penalty_every=2, margin_px=4, precision="fp32", device="cpu",
        threads=1, log_every=2, checkpoint_every=100, grid_every=100, model=TINY_MODEL,
        patches=PatchOptions(patch_px=32, frame_px=(48.0, 80.0)),
    )  # fmt: skip
    return replace(config, **changes)


def same_state(a: Path, b: Path) -> bool:
    first, second = load_file(a / STATE), load_file(b / STATE)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_pick_device() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="'cuda:0' asks for a GPU"):
            pick_device("cuda:0")


# ---- a run


@pytest.fixture(scope="module")
def whole(set_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of 8 steps in one go."""
    output = tmp_path_factory.mktemp("runs") / "whole"
    assert run(tiny_config(set_folder, output, grid_every=4)) == output / "weights.safetensors"
    return output


def test_the_weights_can_be_loaded_and_are_the_average(whole: Path) -> None:
    generator, discriminator, config = load_model(whole / "weights.safetensors")
    assert config == TINY_MODEL
    state = load_file(whole / STATE)
    assert all(torch.equal(v, state[f"average.{k}"]) for k, v in generator.state_dict().items())
    assert all(torch.equal(v, state[f"discriminator.{k}"]) for k, v in discriminator.state_dict().items())
    assert not torch.equal(state["average.colour.weight"], state["generator.colour.weight"])
    assert all(torch.isfinite(v.float()).all() for v in state.values())


def test_the_log_is_json_lines(whole: Path) -> None:
    found = rows(whole)
    assert [row["step"] for row in found] == [2, 4, 6, 8]
    assert all(np.isfinite(list(row.values())).all() for row in found)
    assert "d/critic" not in found[0] and "g/wgan" not in found[0]
    assert "d/critic" in found[1] and "d/penalty" in found[1] and "g/wgan" not in found[1]
    assert {"g/paired", "g/fine", "g/off_face", "g/wgan", "g/age", "g/position", "g/cycle", "d/age"} <= found[
        2
    ].keys()


def test_grids_are_written(whole: Path) -> None:
    assert sorted(p.name for p in (whole / "grids").iterdir()) == ["0000004.jpg", "0000008.jpg"]
    picture = Image.open(whole / "grids" / "0000008.jpg")
    assert picture.size == (SIDE * (1 + len(GRID_AGES)), SIDE * 2)  # two faces are held out


def test_resuming_is_exact(set_folder: Path, tmp_path: Path, whole: Path) -> None:
    """Bit for bit, after several steps at once."""
    config = tiny_config(set_folder, tmp_path)
    run(config, max_steps=4)
    run(config)
    assert same_state(tmp_path, whole)


def test_resuming_in_many_pieces(set_folder: Path, tmp_path: Path, whole: Path) -> None:
    """Cut after every step: before, at and after every switch."""
    config = tiny_config(set_folder, tmp_path)
    for _ in range(8):
        run(config, max_steps=1)
    assert same_state(tmp_path, whole)
    before = (tmp_path / STATE).read_bytes()
    run(config)  # nothing is left to do
    assert (tmp_path / STATE).read_bytes() == before


def test_another_seed_is_another_run(set_folder: Path, tmp_path: Path, whole: Path) -> None:
    run(tiny_config(set_folder, tmp_path, seed=2))
    assert not same_state(tmp_path, whole)


def test_fresh_starts_again(set_folder: Path, tmp_path: Path, whole: Path) -> None:
    run(tiny_config(set_folder, tmp_path, seed=2), max_steps=3)
    run(tiny_config(set_folder, tmp_path), fresh=True)
    assert same_state(tmp_path, whole)


def test_max_minutes_ends_a_run_after_a_step(set_folder: Path, tmp_path: Path) -> None:
    config = tiny_config(set_folder, tmp_path, log_every=1)
    weights = run(config, max_minutes=0)
    assert weights.is_file()
    assert [row["step"] for row in rows(tmp_path)] == [1]
    run(config, max_minutes=0)
    assert [row["step"] for row in rows(tmp_path)] == [1, 2]


def test_train_reads_the_file(set_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        f'dataset = "{set_folder}"\noutput = "{tmp_path / "out"}"\nbatch = 2\nthreads = 1\nmargin_px = 4\n'
        'device = "cpu"\n[model.generator]\nwidths = [4, 8, 8]\nblocks = 1\nspade_hidden = 4\n'
        "atlas_px = [40, 36]\n"
        "[model.discriminator]\nwidths = [4, 6, 8, 8]\n[patches]\npatch_px = 32\nframe_px = [48.0, 80.0]\n"
    )
    weights = train(path, max_steps=1)
    assert weights == tmp_path / "out" / "weights.safetensors"
    assert load_model(weights)[2].generator.blocks == 1


def test_a_set_without_changes_is_refused(tmp_path: Path) -> None:
    nothing = {
        "changes": np.zeros((0, SIDE, SIDE, 3), np.int8),
        "change_faces": np.zeros(0, np.int32),
        "change_ages": np.zeros(0, np.float32),
        "change_patterns": np.zeros((0, 4), np.float32),
    }
    folder = write_set(tmp_path / "set", **nothing)
    with pytest.raises(UsageError, match="has no face at two ages"):
        run(tiny_config(folder, tmp_path / "out"))
    with pytest.raises(UsageError, match="no prepared training set"):
        run(tiny_config(tmp_path / "nowhere", tmp_path / "out"))


# ---- pieces


def test_the_supervised_loss_falls(set_folder: Path) -> None:
    """The synthetic change is an even tint that follows from the map: 170 tiny steps learn much of it."""
    config = tiny_config(
        set_folder, Path("unused"), steps=10_000, discriminator_from=10_000, adversarial_from=10_000,
        freeze_norm_from=100, decay_from=10_000, batch=4, generator_rate=5e-3, atlas_rate=1.0,
        patches=PatchOptions(patch_px=32, frame_px=(48.0, 80.0), brightness=0.0, saturation=0.0),
    )  # fmt: skip
    torch.set_num_threads(1)
    state = new_state(config, CPU)
    sampler = PatchSampler(load_dataset(set_folder), config.patches, config.seed)
    losses = []
    for _ in range(170):
        losses.append(one_step(state, config, StepBatches(sampler.pairs(state.step, 4)), CPU)["g/paired"])
        state.step += 1
    assert np.mean(losses[-30:]) < 0.4 * np.mean(losses[:30]), np.mean(losses[-30:]) / np.mean(losses[:30])


def test_the_generators_step_leaves_the_discriminator_alone(set_folder: Path) -> None:
    config = tiny_config(set_folder, Path("unused"), discriminator_from=5, adversarial_from=5)
    state = new_state(config, CPU)
    before = {k: v.clone() for k, v in state.discriminator.state_dict().items()}
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1)
    one_step(state, config, StepBatches(sampler.pairs(0, 2)), CPU)
    assert all(torch.equal(v, before[k]) for k, v in state.discriminator.state_dict().items())
    assert state.generator.colour.weight.abs().max() > 0


def test_norm_statistics_stand_still_once_frozen(set_folder: Path) -> None:
    config = tiny_config(set_folder, Path("unused"))
    state = new_state(config, CPU)
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1)
    norm = state.generator.blocks[0].spade1.norm
    one_step(state, config, StepBatches(sampler.pairs(0, 2)), CPU)
    moved = norm.running_mean.clone()
    assert moved.abs().max() > 0
    state.step = config.freeze_norm_from
    one_step(state, config, StepBatches(sampler.pairs(1, 2)), CPU)
    assert torch.equal(norm.running_mean, moved)


def test_state_round_trip(set_folder: Path, tmp_path: Path) -> None:
    config = tiny_config(set_folder, tmp_path)
    state, other = new_state(config, CPU), new_state(replace(config, seed=9), CPU)
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1)
    one_step(state, config, StepBatches(sampler.pairs(0, 2), sampler.reals(0, 2)), CPU)
    state.step = 41
    save_state(tmp_path / "s", state)
    load_state(tmp_path / "s", other)
    save_state(tmp_path / "t", other)
    assert (tmp_path / "s").read_bytes() == (tmp_path / "t").read_bytes()
    assert other.step == 41
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "t"]


def test_the_average_follows_the_generator(set_folder: Path) -> None:
    state = new_state(tiny_config(set_folder, Path("unused")), CPU)
    with torch.no_grad():
        state.generator.colour.bias.fill_(1.0)
    state.step = 0
    update_average(state, 0.999)  # the first steps count for more: decay 1/10
    assert state.average.colour.bias[0].item() == pytest.approx(0.9)
    state.step = 10**6
    update_average(state, 0.999)
    assert state.average.colour.bias[0].item() == pytest.approx(0.9 + 0.1 * 0.001, abs=1e-6)
    assert not any(p.requires_grad for p in state.average.parameters())


def test_far_maps_are_at_least_15_years_off() -> None:
    now = torch.full((4, 1, 2, 2), 50.0)
    wanted = now + torch.tensor([3.0, -3.0, 40.0, 0.0]).reshape(-1, 1, 1, 1)
    far = _far_maps(now, wanted)
    assert (far - now).mean(dim=(1, 2, 3)).tolist() == pytest.approx([15, -15, 40, 15])


def test_to_tensors(set_folder: Path) -> None:
    pairs = PatchSampler(load_dataset(set_folder), PatchOptions(patch_px=32), 1).pairs(0, 2)
    batch = to_tensors(pairs, CPU)
    assert np.array_equal(batch["map_after"].numpy(), pairs.map_after)


def test_log_averages(tmp_path: Path) -> None:
    log = Log(tmp_path / "l.jsonl", 2)
    log.add(0, {"a": 1.0})
    assert not (tmp_path / "l.jsonl").exists()
    log.add(1, {"a": 2.0, "b": 5.0})
    log.add(2, {"a": 7.0})
    (row,) = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()]
    assert row["step"] == 2 and row["a"] == 1.5 and row["b"] == 5 and row["seconds"] >= 0


def test_grid_faces_are_held_out_and_spread(set_folder: Path) -> None:
    dataset = load_dataset(set_folder)
    assert grid_faces(dataset).tolist() == [6, 7]
    assert grid_faces(dataset, 1).tolist() == [6]


def test_age_frames(set_folder: Path) -> None:
    dataset = load_dataset(set_folder)
    frames, faces = np.array(dataset.frames[:2]), np.arange(2)
    untrained = new_state(tiny_config(set_folder, Path("unused")), CPU).average
    assert np.abs(age_frames(untrained, dataset, faces, 80.0).astype(int) - frames).max() <= 3
    aged = [age_frames(random_generator(), dataset, faces, years) for years in (20.0, 80.0)]
    assert aged[0].shape == frames.shape and aged[0].dtype == np.uint8
    assert not np.array_equal(*aged)
    by_frame = random_generator(replace(TINY_GENERATOR, coordinates="frame"))
    assert not np.array_equal(age_frames(by_frame, dataset, faces, 80.0), aged[1])


def test_the_atlas_learns_faster(set_folder: Path) -> None:
    """Adam's first step is as long as the rate, whatever the gradient."""
    config = tiny_config(set_folder, Path("unused"), generator_rate=1e-2, atlas_rate=7.0, clip_norm=1e9)
    state = new_state(config, CPU)
    before = {k: v.clone() for k, v in state.generator.state_dict().items()}
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1)
    one_step(state, config, StepBatches(sampler.pairs(0, 2)), CPU)
    moved = {k: (v - before[k]).abs().max().item() for k, v in state.generator.state_dict().items()}
    for name in ("atlas.fine", "atlas.coarse"):
        assert moved[name] == pytest.approx(7 * moved["stem.weight"], rel=0.01)
    assert moved["atlas.gain.weight"] == pytest.approx(moved["stem.weight"], rel=0.01)


def test_a_network_without_an_atlas_learns(set_folder: Path) -> None:
    plain = replace(TINY_MODEL, generator=replace(TINY_GENERATOR, atlas_channels=0, coordinates="frame"))
    config = tiny_config(set_folder, Path("unused"), model=plain)
    state = new_state(config, CPU)
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1, "frame")
    assert "g/paired" in one_step(state, config, StepBatches(sampler.pairs(0, 2)), CPU)


def test_a_set_with_other_patterns_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", change_patterns=np.full((12, 3), 1 / 3, np.float32))
    with pytest.raises(UsageError, match=r"mixes 3 patterns, and the configuration has 4: set patterns = 3"):
        run(tiny_config(folder, tmp_path / "out"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": "many"}, "steps = 'many'"),
        ({"batch": 0}, "batch = 0"),
        ({"margin_px": 80}, "margin_px = 80"),
        ({"model": 3}, "'model' must be a table"),
        ({"model": {"generator": {"widths": [4, 8]}}}, "widths = (4, 8)"),
        ({"discriminator_warmup": 5, "head_batch": 0}, "discriminator_warmup"),
        ({"weights": {"finest_px": 4}}, "weights.finest_px = 4"),
        ({"model": {"generator": {"coordinates": "ear"}}}, "coordinates 'ear'"),
        ({"model": {"generator": {"patterns": 9}}}, "patterns = 9"),
        ({"model": {"generator": {"atlas_channels": 3}}}, "atlas_channels"),
    ],
)
def test_configurations_that_cannot_work_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        config_from_dict({"dataset": "data", "output": "runs", **change}, "my.toml")
