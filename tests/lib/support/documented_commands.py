"""Every command of README.md and docs/*.md, and which test runs it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from support.helpers import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = (
    "amgan", "pip", "python", "python3", "cmake", "cc", "curl", "npm", "docker", "export", "torchrun",
    "tensorboard",
)  # fmt: skip

NOT_RUN_HERE = {
    "amgan serve": "runs until it is stopped: tests/amgan/serving/test_docs.py runs it",
    "amgan label": "needs faces of known age: tests/amgan/labels and test_end_to_end.py run it on made ones",
    "amgan prepare": "as amgan label",
    "amgan fit-field": "as amgan label: tests/amgan/pairs",
    "amgan video clip.mp4": "tests/amgan/test_video_page.py runs all commands of that page",
    "amgan export -o rtx": "builds engines with TensorRT for RTX: tests/export/tensorrt",
    "amgan export -o bundle --targets": "the same",
    "amgan run-batch s3://": "needs a store: tests/runtime/batch/test_ray_runner.py has one of this machine",
    "amgan run-batch /shared": "needs a cluster: the same",
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
    "docker": "needs Docker: benchmarks/dockerfile_steps.py runs the Dockerfile's steps one by one",
    "torchrun": "starts processes of PyTorch's: tests/amgan/training/test_ranks.py",
    "tensorboard": "a program of others: tests/amgan/training/test_tensorboard.py reads what it shows",
}
"""Beginnings of commands that are run neither here nor in test_long_documented_commands.py, and why."""
TAKE_LONG = (
    "amgan train", "amgan evaluate", "amgan export", "amgan verify", "amgan video", "amgan atlas fit",
)  # fmt: skip
"""Those that test_long_documented_commands.py runs."""


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
IN_A_TEST = [one for one in OURS if not one.text.startswith(tuple(NOT_RUN_HERE))]
LONG = [one for one in IN_A_TEST if one.text.startswith(TAKE_LONG)]
RUN = [one for one in IN_A_TEST if one not in LONG]
