"""Training in two processes on the CPU, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from amgan.training.loop import STATE, WEIGHTS, Limits
from amgan.training.ranks import Ranks, average_gradients, joined

pytestmark = pytest.mark.slow

SETTINGS = """
dataset = "{dataset}"
output = "{output}"
steps = 6
seed = 3
batch = 2
real_batch = 2
head_batch = 2
discriminator_from = 1
adversarial_from = 3
freeze_norm_from = 4
decay_from = 3
margin_px = 4
precision = "fp32"
device = "cpu"
threads = 1
log_every = 2
checkpoint_every = 100
grid_every = 4
[model.generator]
widths = [4, 8, 8]
blocks = 1
spade_hidden = 4
[model.discriminator]
widths = [4, 6, 8, 8]
[patches]
patch_px = 32
frame_px = [48.0, 80.0]
"""

PROGRAM = """
import json, sys, time
from pathlib import Path
import torch.distributed as dist
from amgan.training import loop
from amgan.training.config import load_config
from amgan.training.loop import run
save = loop._save
def save_slowly(*what):
    time.sleep(1)  # long enough for the other process to go on, if nothing held it
    save(*what)
loop._save = save_slowly
dist.init_process_group("gloo")
run(load_config(Path("parts.toml")), max_steps=2)
run(load_config(Path("parts.toml")))
run(load_config(Path("whole.toml")))
run(load_config(Path("late.toml")), max_minutes=0)
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def folder(set_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote: a run in two parts, the same at once, and one that time ended."""
    folder = tmp_path_factory.mktemp("ranks")
    for name in ("parts", "whole", "late"):
        (folder / f"{name}.toml").write_text(SETTINGS.format(dataset=set_folder, output=folder / name))
    (folder / "program.py").write_text(PROGRAM)
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(folder / "program.py")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_two_processes_resume_to_the_same_weights(folder: Path) -> None:
    """Both load what the first one saved: had their weights parted before, the end would differ."""
    parts, whole = (load_file(folder / name / STATE) for name in ("parts", "whole"))
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[name], whole[name]) for name in parts)


def test_two_processes_learn_from_more_than_one(folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from amgan.training.config import load_config
    from amgan.training.loop import run

    run(replace(load_config(folder / "whole.toml"), output=tmp_path))
    alone, both = load_file(tmp_path / WEIGHTS), load_file(folder / "whole" / WEIGHTS)
    assert alone.keys() == both.keys()
    assert any(not torch.equal(alone[name], both[name]) for name in alone)


def test_the_first_process_alone_writes(folder: Path) -> None:
    assert len((folder / "whole" / "log.jsonl").read_text().splitlines()) == 3
    assert len(list((folder / "whole" / "tensorboard").iterdir())) == 1
    assert [grid.name for grid in (folder / "whole" / "grids").iterdir()] == ["0000004.jpg"]


def test_time_ends_both(folder: Path) -> None:
    assert not (folder / "late" / "log.jsonl").exists(), "one step, and a line comes every two"
    assert (folder / "late" / WEIGHTS).is_file()


def test_alone_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(torch.device("cpu")) as ranks:
        assert ranks == Ranks()
    assert ranks.first
    assert ranks.seed(5) == 5
    assert ranks.agree(True, torch.device("cpu")) is True
    assert ranks.device(torch.device("cpu")) == torch.device("cpu")
    network = nn.Linear(2, 1)
    network(torch.ones(1, 2)).sum().backward()
    before = network.weight.grad.clone()
    average_gradients(network)
    assert torch.equal(network.weight.grad, before)


def test_other_processes_draw_other_patches() -> None:
    second = Ranks(1, 2, 1)
    assert not second.first
    assert second.seed(5) != 5
    assert second.device(torch.device("cpu")) == torch.device("cpu")


def test_limits() -> None:
    assert not Limits().reached(10**6, 1e9)
    assert Limits(steps=3).reached(3, 0.0)
    assert not Limits(steps=3).reached(2, 1e9)
    assert Limits(minutes=1).reached(0, 61.0)
    assert not Limits(minutes=1).reached(10, 59.0)
