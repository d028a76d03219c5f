"""The options that say what files written keep of a photo's metadata."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from amgan.commands.options import Aging, aging_options


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "keep"),
        (["--strip-gps"], "strip-gps"),
        (["--strip-metadata"], "strip"),
        (["--strip-gps", "--strip-metadata"], "strip"),
    ],
)
def test_metadata_flags_are_told(flags: list[str], expected: str) -> None:
    @click.command()
    @aging_options
    def command(aging: Aging) -> None:
        click.echo(aging.metadata)

    result = CliRunner().invoke(command, ["--age", "70", *flags])
    assert (result.exit_code, result.output.strip()) == (0, expected)


@pytest.mark.parametrize(("flags", "expected"), [([], "1.0"), (["--lines", "0.4"], "0.4")])
def test_the_strength_of_lines_reaches_the_request(flags: list[str], expected: str) -> None:
    @click.command()
    @aging_options
    def command(aging: Aging) -> None:
        click.echo(str(aging.request().lines))

    result = CliRunner().invoke(command, ["--age", "70", *flags])
    assert (result.exit_code, result.output.strip()) == (0, expected)


@pytest.mark.parametrize(("flags", "expected"), [([], "None"), (["--pattern", "3"], "3")])
def test_the_pattern_reaches_the_request(flags: list[str], expected: str) -> None:
    @click.command()
    @aging_options
    def command(aging: Aging) -> None:
        click.echo(str(aging.request().pattern))

    result = CliRunner().invoke(command, ["--age", "70", *flags])
    assert (result.exit_code, result.output.strip()) == (0, expected)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_names_that_cannot_be_printed_do_not_stop_the_listing(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in").mkdir()
    for name in ("\udcff.jpg", "\u00fc.jpg", "plain.jpg"):
        (tmp_path / "in" / name).write_text("no picture")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "amgan", "run-batch", "in", "-o", "out", "--age", "70"],
        cwd=tmp_path, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"not aged: 3" in done.stdout and done.stdout.count(b".jpg: is not a picture") == 3
    assert b"unexpected" not in done.stderr
