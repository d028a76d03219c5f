"""What one worker of a Ray cluster does with photos of any store, without a cluster."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from support.fake_pipeline import REQUEST, FakePipeline
from support.object_store import level_of, names_below, new_bucket, put_photo

from amgan.runtime.batch import ray_runner as batch_ray
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.run import BatchOptions
from amgan.runtime.batch.workers import ModelChoice
from amgan.runtime.storage.location import Location


def work(bucket: str, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """One run, whose rows go through a worker as Ray would hand them over."""
    monkeypatch.setattr(ModelChoice, "open", lambda self: FakePipeline())
    tasks = plan_run([f"{bucket}/in"], f"{bucket}/out").tasks
    record = RunRecord(Location(f"{bucket}/out"), "s")
    rows = [batch_ray._row(number, task, record) for number, task in enumerate(tasks)]
    worker = batch_ray._Worker(ModelChoice(None, "cpu"), REQUEST, BatchOptions(no_face="skip"), True)
    done = worker({name: np.array([row[name] for row in rows], object) for name in rows[0]})
    outcomes = [
        batch_ray._with_original_names(tasks[number], pickle.loads(packed))
        for number, packed in zip(done["number"], done["packed"], strict=True)
    ]
    for task, outcome in zip(tasks, outcomes, strict=True):
        record.keep(task, outcome)
    record.close()
    return outcomes


def test_a_worker_fetches_and_puts(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = new_bucket(system)
    put_photo(system, f"{bucket}/in/é a.png", 10)
    put_photo(system, f"{bucket}/in/sub/b.png", 0)
    first = work(bucket, monkeypatch)
    assert sorted(one.status for one in first) == ["aged", "skipped"]
    assert {one.source.text for one in first} == {f"{bucket}/in/é a.png", f"{bucket}/in/sub/b.png"}
    assert {one.target and one.target.text for one in first} == {f"{bucket}/out/é a.png", None}
    assert names_below(system, f"{bucket}/out") == {"é a.png"}
    assert level_of(system, f"{bucket}/out/é a.png") == 245
    assert {one.status for one in work(bucket, monkeypatch)} == {"unchanged", "skipped"}
    system.rm_file(f"{bucket}/out/é a.png")
    assert {one.status for one in work(bucket, monkeypatch)} == {"aged", "skipped"}
