"""Sentences of the runtime name parameters; the command line names its flags."""

from __future__ import annotations

import inspect
import os
import re

import click
import pytest
from support.command_line import run
from support.helpers import ROOT

from amgan.cli import main
from amgan.commands.flags import FLAGS, in_terms_of_flags
from amgan.runtime import BatchSession, Pipeline, Request, VideoRequest, VideoSession
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.storage.location import Location

FLAGS_OF_COMMANDS = {
    flag
    for name in ("run-batch", "video")
    if (command := main.get_command(click.Context(main), name)) is not None
    for param in command.params
    for flag in param.opts
}


def test_every_parameter_in_the_table_has_a_flag_of_the_command() -> None:
    known = {
        name
        for one in (BatchSession, Pipeline, Request, VideoSession, VideoRequest)
        for name in inspect.signature(one).parameters
    }
    assert set(FLAGS) - {"list_people"} <= known  # a function of its own: sheet.py
    assert {flag for flag in FLAGS.values() if flag.startswith("--")} <= FLAGS_OF_COMMANDS


def test_the_runtime_names_no_flag_of_the_command_line() -> None:
    flags = {flag for flag in FLAGS_OF_COMMANDS if flag.startswith("--")} - {"--device"}
    found = [
        (path.name, flag)
        for path in (ROOT / "runtime").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        for flag in re.findall(r"--[a-z][a-z-]+", line)
        if flag in flags and "`amgan " not in line
    ]
    # Two speak of how the command line counts faces.
    assert [one for one in found if one[0] not in ("numbered_faces.py", "sheet.py")] == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("raise `memory_bytes`, or fewer `threads`", "raise --limit-memory, or fewer --jobs"),
        ("build it with `amgan export`", "build it with `amgan export`"),
    ],
)
def test_names_become_flags(sentence: str, expected: str) -> None:
    assert in_terms_of_flags(sentence) == expected


def test_reasons_of_faces_are_worded_too() -> None:
    child = {"outcome": "left alone", "reason": "a child (`include_children` ages it)"}
    details = {"sha256": "1", "faces": [{"outcome": "aged"}, child]}
    told = Outcome(Location("a"), "skipped", "`threads`", details=details).worded(in_terms_of_flags)
    assert told.reason == "--jobs"
    assert told.details["faces"][1]["reason"] == "a child (--include-children ages it)"
    assert child["reason"] == "a child (`include_children` ages it)"


@pytest.mark.parametrize("command", ["verify", "export -o out --checkpoint none"])
def test_another_gpu_is_the_only_one_seen(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    name, *rest = command.split()
    result = run(name, *rest, "--gpu", 1, *(["none"] if name == "verify" else []))
    assert result.exit_code in (1, 2)
    assert "none" in result.stderr
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
