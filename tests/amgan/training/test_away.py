"""Training on a lent machine: everything there and back in small files."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file
from support.mirrored_set import prepare_mirrored

from amgan.data.packing import pack_set
from amgan.runtime.errors import UsageError
from amgan.training.away import command, train_away
from amgan.training.loop import STATE, WEIGHTS
from amgan.training.pieces import join_pieces, split_file

CONFIG = """
dataset = "elsewhere"
output = "nowhere"
steps = {steps}
batch = 2
discriminator_from = 100
adversarial_from = 100
margin_px = 4
precision = "fp32"
device = "cpu"
log_every = 1
grid_every = 2
[model.generator]
widths = [4, 6, 8]
blocks = 1
spade_hidden = 4
[model.discriminator]
widths = [4, 4, 4, 4]
[patches]
patch_px = 32
frame_px = [48.0, 80.0]
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("away")
    return pack_set(prepare_mirrored(folder, 96), folder / "set.zip")


def test_pieces_make_up_the_file(tmp_path: Path) -> None:
    whole = tmp_path / "whole.bin"
    whole.write_bytes(bytes(range(256)) * 10)
    pieces = split_file(whole, tmp_path / "pieces", piece_bytes=1000)
    assert [p.name for p in pieces] == ["whole.bin.000", "whole.bin.001", "whole.bin.002", "whole.bin.sha256"]
    assert all(p.stat().st_size <= 1000 for p in pieces)
    back = join_pieces(tmp_path / "pieces", "whole.bin", tmp_path / "back" / "whole.bin")
    assert back.read_bytes() == whole.read_bytes()
    split_file(whole, tmp_path / "pieces", piece_bytes=2000)  # fewer pieces: old ones are not left
    assert join_pieces(tmp_path / "pieces", "whole.bin", back).read_bytes() == whole.read_bytes()
    pieces[0].write_bytes(b"damaged")
    with pytest.raises(UsageError, match="do not fit together"):
        join_pieces(tmp_path / "pieces", "whole.bin", back)
    with pytest.raises(UsageError, match="holds no pieces of other"):
        join_pieces(tmp_path / "pieces", "other", back)


def test_a_run_goes_on_from_what_came_back(packed: Path, tmp_path: Path) -> None:
    """Two visits give the weights of one."""
    short, whole = tmp_path / "short.toml", tmp_path / "whole.toml"
    short.write_text(CONFIG.format(steps=2))
    whole.write_text(CONFIG.format(steps=4))
    found = train_away(packed, whole, 5, tmp_path / "once")
    assert {p.name for p in found} >= {f"{WEIGHTS}.000", f"{STATE}.000", "log.jsonl", "0000004.jpg"}
    train_away(packed, short, 5, tmp_path / "first")
    arguments = [str(packed), "--config", str(whole), "--minutes", "5", "--go-on", str(tmp_path / "first")]
    result = CliRunner().invoke(command, [*arguments, "-o", str(tmp_path / "second")])
    assert result.exit_code == 0, result.output
    for name in ("once", "second"):
        result = CliRunner().invoke(
            command, ["--join", str(tmp_path / name), "-o", str(tmp_path / "runs" / name)]
        )
        assert result.exit_code == 0, result.output
    once, second = (load_file(tmp_path / "runs" / name / STATE) for name in ("once", "second"))
    assert once.keys() == second.keys()
    assert all((once[k] == second[k]).all() for k in once)


def test_wrong_use_is_one_sentence(packed: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(packed), "-o", str(tmp_path)])
    assert result.exit_code == 1 and "needs a packed set, --config and --minutes" in str(result.output)
