"""The options that say what files written keep of a photo's metadata."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from amgan.commands import Ageing, ageing_options


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "keep"),
        (["--strip-gps"], "strip-gps"),
        (["--strip-metadata"], "strip"),
        (["--strip-gps", "--strip-metadata"], "strip"),
    ],
)
def test_metadata_flags_reach_the_request(flags: list[str], expected: str) -> None:
    @click.command()
    @ageing_options
    def command(ageing: Ageing) -> None:
        click.echo(ageing.request().metadata)

    result = CliRunner().invoke(command, ["--age", "70", *flags])
    assert (result.exit_code, result.output.strip()) == (0, expected)
