"""`amgan age` as a process, which opens networks while the rest is imported and ends without cleaning up."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import run
from support.helpers import HOPPER

from amgan.commands.output import OWN_PROCESS, end_process
from amgan.runtime.ages.request import Request
from amgan.runtime.errors import EngineError
from amgan.runtime.pipeline import opening
from amgan.runtime.pipeline.opening import begin_networks
from amgan.runtime.pipeline.pipeline import Pipeline


def test_a_process_writes_what_a_pipeline_writes(tiny_bundle: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [
            sys.executable, "-P", "-X", "importtime", "-m", "amgan", "age", HOPPER, "-o",
            tmp_path / "process.jpg", "--age", "70", "--model", tiny_bundle, "--device", "cpu",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.startswith(f"{tmp_path / 'process.jpg'}: 1 face aged")
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "numpy" in loaded
    assert not {"numpy.ma", "importlib.metadata", "jinja2", "rich"} & loaded  # what takes long to load
    with Pipeline(tiny_bundle, "cpu") as pipeline:
        pipeline.age_file(HOPPER, tmp_path / "pipeline.jpg", Request.parse("70"))
    assert (tmp_path / "process.jpg").read_bytes() == (tmp_path / "pipeline.jpg").read_bytes()


def test_a_command_called_from_python_goes_on(tiny_bundle: Path, tmp_path: Path) -> None:
    result = run(
        "age", HOPPER, "-o", tmp_path / "a.jpg", "--age", "70", "--model", tiny_bundle, "--device", "cpu"
    )
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{tmp_path / 'a.jpg'}: 1 face aged")
    assert gc.isenabled()
    end_process()


def test_a_process_of_its_own_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with click.Context(click.Command("age"), obj=OWN_PROCESS):
        end_process()
    assert ended == [0]


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_process_with_closed_streams_succeeds(closed: str, tiny_bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    words = [sys.executable, "-P", "-m", "amgan", "age", HOPPER, "-o", target, "--age", "70"]
    words += ["--model", tiny_bundle, "--device", "cpu"]
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert target.stat().st_size > 0


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the stream")
def test_a_closed_stdout_takes_no_photo(tiny_bundle: Path) -> None:
    words = [sys.executable, "-P", "-m", "amgan", "age", HOPPER, "-o", "-", "--age", "70"]
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *words, "--model", tiny_bundle, "--device", "cpu"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr == "amgan: stdout is closed: name a file or a folder with --output\n"


def test_networks_that_cannot_be_opened_are_told_and_not_the_photo(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> object:
        raise EngineError("there is no engine: get one")

    monkeypatch.setattr(opening, "open_scheduler", refuse)
    result = run(
        "age", HOPPER, "-o", tmp_path / "a.jpg", "--age", "70", "--model", tiny_bundle, "--device", "cpu"
    )
    assert (result.exit_code, result.stdout) == (EngineError.exit_code, "")
    assert result.stderr == "amgan: there is no engine: get one\n"
    assert not (tmp_path / "a.jpg").exists()


def test_where_a_gpu_may_be_used_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    monkeypatch.setattr(opening, "may_use_gpu", lambda device: True)
    assert begin_networks(tiny_bundle, "cuda") is None
