"""Every command of README.md and docs/*.md: understood as it stands, and run where that takes seconds."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from support.command_line import run
from support.helpers import COLLINS, HOPPER, ROOT

from amgan.cli import main
from amgan.runtime.bundle.bundle import SHIPPED

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = ("amgan", "pip", "python", "python3", "cmake", "cc", "curl", "npm", "docker", "export")

NOT_RUN_HERE = {
    "amgan serve": "runs until it is stopped: tests/amgan/serving/test_docs.py runs it",
    "amgan label": "needs faces of known age: tests/amgan/labels and test_end_to_end.py run it on made ones",
    "amgan prepare": "as amgan label",
    "amgan fit-field": "as amgan label: tests/amgan/pairs",
    "amgan train": "takes hours: tests/amgan/training and test_end_to_end.py train tiny networks",
    "amgan evaluate": "takes minutes and judges from outside: tests/amgan/evaluation",
    "amgan export": "takes minutes with the shipped weights: tests/export export tiny networks in each way",
    "amgan verify": "takes minutes: tests/export/test_verify.py",
    "amgan atlas fit": "needs a labelled set: tests/amgan/commands/test_atlas.py",
    "amgan run-batch s3://": "needs a store: tests/runtime/batch/test_ray_runner.py has one of this machine",
    "amgan run-batch /shared": "needs a cluster: the same",
    "amgan video": "takes minutes for its film: tests/runtime/video",
    "pip": "changes the environment: .ci/run does the set-up of README.md; extras are checked here",
    "python3 -m venv": "the set-up: .ci/run does it word for word",
    "python docs/": "needs the result of a long measurement: that the script exists is checked here",
    "python benchmarks/": "the same",
    "python examples/": "tests/capi/test_c_programs.py",
    "cmake": "tests/capi builds and installs",
    "cc": "tests/capi/test_c_programs.py",
    "curl": "tests/amgan/serving/test_docs.py",
    "export": "a variable for the line below it",
    "npm": "downloads",
    "docker": "needs Docker: the command inside is checked by tests/amgan/serving/test_docs.py",
}
"""Beginnings of commands that are not run here, and why."""


@dataclass(frozen=True)
class Command:
    """One command of a page, without the comment behind it."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def documented() -> list[Command]:
    """All commands in the fenced blocks of all pages, those chained by && apart."""
    found = []
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if language not in ("", "sh"):
                continue
            for line in block.replace("\\\n", " ").splitlines():
                for part in line.split(" && "):
                    plain = part.strip().removeprefix(".venv/bin/").removeprefix(".venv-test/bin/")
                    if plain.split(" ")[0] in PROGRAMS:
                        found.append(Command(page.name, plain))
    return found


COMMANDS = documented()
OURS = [one for one in COMMANDS if one.words[0] == "amgan"]
RUN = [one for one in OURS if not one.text.startswith(tuple(NOT_RUN_HERE))]


def test_the_pages_have_commands() -> None:
    assert len(OURS) > 40 and len(RUN) > 20
    assert {"README.md", "aging-maps.md", "export.md", "run-batch.md"} <= {one.page for one in OURS}


def test_every_command_is_run_or_has_a_reason() -> None:
    left = [one for one in COMMANDS if one not in RUN and not one.text.startswith(tuple(NOT_RUN_HERE))]
    assert left == []
    unused = [begin for begin in NOT_RUN_HERE if not any(one.text.startswith(begin) for one in COMMANDS)]
    assert set(unused) <= {"amgan video", "python benchmarks/"}


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
