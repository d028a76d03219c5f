"""kill -9 at any moment; benchmarks/kill_and_resume.py is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.killed_runs import torture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose photos and quiet run both tests use."""
    return tmp_path_factory.mktemp("killed")


def test_a_killed_run_goes_on_to_the_same_files(work: Path, tiny_bundle: Path) -> None:
    trials = list(torture(work, tiny_bundle, photos=8, kills=2))
    assert all(one.same and one.clean and one.said.startswith("exit code 0:") for one in trials), trials
    assert all(one.killed for one in trials), trials
    assert all(one.written < 8 for one in trials), trials


def test_a_run_outlives_a_worker_and_another_goes_on_after_their_parent(
    work: Path, tiny_bundle: Path
) -> None:
    trials = list(torture(work, tiny_bundle, photos=8, kills=2, workers=2))
    assert all(one.same and one.clean and one.said.startswith("exit code 0:") for one in trials), trials
    assert all(one.killed for one in trials), trials
    by_worker = [one for one in trials if one.victim == "worker"]
    assert len(by_worker) == 1
    assert all(one.written == 8 and not one.leftovers and not one.redone for one in by_worker), trials
    assert all(one.written < 8 for one in trials if one.victim == "parent"), trials
