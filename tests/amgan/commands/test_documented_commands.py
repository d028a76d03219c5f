"""Every command of README.md and docs/*.md: understood as it stands, and run where that takes seconds.

Those that take longer are run by test_long_documented_commands.py.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest
from support.command_line import run
from support.documented_commands import COMMANDS, IN_A_TEST, LONG, NOT_RUN_HERE, OURS, RUN, TAKE_LONG, Command
from support.helpers import COLLINS, HOPPER, ROOT

from amgan.cli import main
from amgan.runtime.bundle.bundle import SHIPPED


def test_the_pages_have_commands() -> None:
    assert len(OURS) > 40 and len(RUN) > 20 and len(LONG) >= 12
    assert {one.text.split(" -")[0].split(" ")[1] for one in LONG} == {
        word.split(" ")[1] for word in TAKE_LONG
    }
    assert {"README.md", "aging-maps.md", "export.md", "run-batch.md"} <= {one.page for one in OURS}


def test_every_command_is_run_or_has_a_reason() -> None:
    left = [one for one in COMMANDS if one not in IN_A_TEST and not one.text.startswith(tuple(NOT_RUN_HERE))]
    assert left == []
    unused = [begin for begin in NOT_RUN_HERE if not any(one.text.startswith(begin) for one in COMMANDS)]
    assert set(unused) <= {"python benchmarks/"}


@pytest.mark.parametrize("command", OURS, ids=lambda one: f"{one.page}: {one.text[:60]}")
def test_every_command_is_understood(command: Command) -> None:
    """Its options exist, and their values are of the right kind; nothing is done."""
    group: click.Command | None = main
    words = command.words[1:]
    context = click.Context(main, info_name="amgan")
    while isinstance(group, click.Group):
        group = group.get_command(context, words.pop(0))
    assert group is not None
    group.make_context(command.text, words, parent=context)


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.words[0] in ("pip", "python")], ids=lambda one: one.text[:60]
)
def test_what_is_to_be_installed_or_run_exists(command: Command) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for wanted in re.findall(r"\[([\w,-]+)\]", command.text):
        assert set(wanted.split(",")) <= set(extras)
    for word in command.words[1:]:
        if word.endswith(".py"):
            assert (ROOT / word).is_file()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of: a photo, a folder of photos, a bundle, an atlas."""
    here = tmp_path_factory.mktemp("documented")
    shutil.copy(HOPPER, here / "me.jpg")
    (here / "photos" / "sub").mkdir(parents=True)
    shutil.copy(HOPPER, here / "photos" / "one.jpg")
    shutil.copy(COLLINS, here / "photos" / "sub" / "two.png")
    shutil.copytree(here / "photos", here / "samples")
    for name in ("bundle", "my-bundle"):
        shutil.copytree(SHIPPED, here / name)
    atlas = next((ROOT / "runtime" / "ages" / "atlases").glob("*.json"))
    shutil.copy(atlas, here / "mine.json")
    return here


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN, ids=lambda one: f"{one.page}: {one.text[:60]}")
def test_the_command_as_it_stands(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the pages, so that what one writes the next can read."""
    monkeypatch.chdir(folder)
    if "wanted.png" in command.text and "--save-map" not in command.text:
        saved = run("map", "me.jpg", "--age", "+20", "--save-map", "wanted.png")
        assert saved.exit_code == 0, saved.output
    done = run(*command.words[1:])
    assert done.exit_code == 0, done.output
    for flag in ("-o", "--save-map", "--report"):
        if flag in command.words and (target := command.words[command.words.index(flag) + 1]) != "-":
            assert (folder / target).exists(), target
