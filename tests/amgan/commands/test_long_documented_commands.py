"""Documented commands that take long: run as they stand, with tiny networks where theirs are large.

The folder has what the pages speak of under the names they give it: prepared sets of 8 faces, configurations
of one step, films of 6 pictures. What stands for what is large is said beside it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.atlas_helpers import scored_rows, write_scores
from support.command_line import run
from support.documented_commands import LONG, Command
from support.exported import skip_comparison
from support.fake_judges import fake_judges
from support.helpers import COLLINS, HOPPER
from support.made_videos import moving, write_video
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator
from support.tiny_set import write_set

import amgan.checkpoint
import amgan.export.bundle
import amgan.export.verify
from amgan.checkpoint import save_model
from amgan.evaluation import judges
from amgan.labels.atlas_fit import MIN_GROUP_FACES

pytestmark = pytest.mark.slow

FRAME_PX = 256
CONFIGURATION = """
dataset = "{dataset}"
output = "{output}"
steps = 1
batch = 2
threads = 1
margin_px = 4
device = "cpu"
[model.generator]
widths = [4, 8, 8]
blocks = 1
spade_hidden = 4
atlas_px = [40, 36]
[model.discriminator]
widths = [4, 6, 8, 8]
[patches]
patch_px = 32
frame_px = [48.0, 80.0]
"""
"""In place of the configurations of amgan-base and of the user: a network of a few channels, and one step."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of."""
    here = tmp_path_factory.mktemp("workshop")
    frames = np.zeros((8, FRAME_PX, FRAME_PX, 3), np.uint8)
    for number, name in ((6, HOPPER), (7, COLLINS)):  # the two that are held out are judged
        face = Image.open(name).convert("RGB").crop((0, 0, 512, 512)).resize((FRAME_PX, FRAME_PX))
        frames[number] = np.asarray(face)
    write_set(here / "data" / "set640", frames=frames)
    write_set(here / "data" / "mine", frames=frames)
    write_set(here / "trained")
    for path, output in (("my.toml", "runs/mine"), ("amgan/weights/amgan-base.toml", "runs/face")):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(CONFIGURATION.format(dataset="trained", output=output))
    hopper = np.asarray(Image.open(HOPPER).convert("RGB"))
    write_video(here / "me.mp4", moving(hopper, 6), "libx264")
    for name in ("DATASET", "labels"):
        (here / name).mkdir()
        write_scores(here / name / "scores.csv", scored_rows(2 * MIN_GROUP_FACES + 20))
    files = [line.split(",")[0] for line in (here / "DATASET" / "scores.csv").read_text().splitlines()[1:]]
    regions = "".join(f"{name},{'north' if n % 2 else 'south'}\n" for n, name in enumerate(files))
    (here / "people.csv").write_text("file,region\n" + regions)
    save_model(here / "tiny.safetensors", random_generator(), random_discriminator(), TINY_MODEL)
    return here


@pytest.mark.parametrize("command", LONG, ids=lambda one: f"{one.page}: {one.text[:60]}")
def test_the_command_as_it_stands(
    command: Command, workshop: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the pages, so that what one writes the next can read."""
    monkeypatch.chdir(workshop)
    # The judges from outside are packages of their own; the weights that ship take minutes to export.
    monkeypatch.setattr(judges, "open_judges", lambda bundle, face_api: fake_judges())
    for module in (amgan.checkpoint, amgan.export.bundle, amgan.export.verify):
        monkeypatch.setattr(module, "SHIPPED", workshop / "tiny.safetensors")
    words = command.words[1:]
    if words[:3] == ["export", "-o", "bundle"]:
        # That files are compared is tried with the others, and `amgan verify` below compares these.
        skip_comparison(monkeypatch)
    if "--fp8" in words:  # random weights exceed the tolerances of fp8, so `amgan verify` gets the one before
        words[words.index("bundle")] = "bundle-fp8"
    if words[0] in ("evaluate", "video"):
        words += ["--model", str(tiny_bundle)]
    target = workshop / words[words.index("-o") + 1] if "-o" in words else None
    if target is not None and target.is_dir():
        shutil.rmtree(target)
    done = run(*words)
    assert done.exit_code == 0, done.output
    if words[0] == "train":
        assert list(workshop.glob("runs/*/weights.safetensors"))
    if target is not None:
        regions = ("-north", "-south") if "--group" in words else ("",)
        assert all(target.with_name(target.stem + one + target.suffix).exists() for one in regions)
