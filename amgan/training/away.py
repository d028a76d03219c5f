"""Trains for some minutes on a remote machine, with one packed file as input and small files as output.

    amgan pack data/set640 -o set.zip
    python -m amgan.training.away set.zip --config gpu.toml --minutes 8 -o out             # there
    python -m amgan.training.away set.zip --config gpu.toml --minutes 8 -o out --go-on out # there, resumed
    python -m amgan.training.away --join out -o runs/gpu                                   # back here

``out`` has the run's log, its last picture grid, and weights and state split into small files.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from amgan.data.packing import unpack_set
from amgan.runtime.errors import AmganError, UsageError

from .config import load_config
from .loop import STATE, WEIGHTS, run
from .pieces import join_pieces, split_file


def train_away(
    packed: Path, config_path: Path, minutes: float, output: Path, go_on: Path | None = None
) -> list[Path]:
    """Unpack, train for ``minutes``, and write the results to ``output`` as small files; returns them.

    The folders of the configuration are ignored. ``go_on`` is a folder with the split state of an earlier
    run. Raises UsageError for a bad file, and what training raises.
    """
    with tempfile.TemporaryDirectory() as work:
        runs = Path(work) / "run"
        if go_on is not None:
            join_pieces(go_on, STATE, runs / STATE)
        dataset = unpack_set(packed, Path(work) / "set")
        config = replace(load_config(config_path), dataset=dataset, output=runs)
        run(config, max_minutes=minutes)
        found = [piece for name in (WEIGHTS, STATE) for piece in split_file(runs / name, output)]
        grids = sorted((runs / "grids").glob("*.jpg"))
        for path in (runs / "log.jsonl", *grids[-1:]):
            if path.is_file():
                found.append(Path(shutil.copy(path, output / path.name)))
    return found


@click.command()
@click.argument("packed", required=False, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings of the run.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Training time.")
@click.option(
    "--go-on",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with the split state of a run to resume.",
)
@click.option(
    "--join", type=click.Path(path_type=Path), metavar="DIR", help="Only join the split files of a folder."
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="DIR")
def command(
    packed: Path | None,
    config: Path | None,
    minutes: float | None,
    go_on: Path | None,
    join: Path | None,
    output: Path,
) -> None:
    """Train on a remote machine, or join its output files."""
    try:
        if join is not None:
            for name in (WEIGHTS, STATE):
                click.echo(join_pieces(join, name, output / name))
            return
        if packed is None or config is None or minutes is None:
            raise UsageError("training away needs a packed set, --config and --minutes")
        for path in train_away(packed, config, minutes, output, go_on):
            click.echo(f"{path} {path.stat().st_size}")
    except AmganError as error:
        raise SystemExit(f"amgan: {error}") from None


if __name__ == "__main__":
    command()
