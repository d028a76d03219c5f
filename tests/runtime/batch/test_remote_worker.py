"""What one worker of a Ray cluster does with remote photos, without a cluster."""

from __future__ import annotations

import json
from typing import Any

import fsspec
import numpy as np
import pytest
from fake_pipeline import REQUEST, FakePipeline
from object_store import level_of, names_below, new_bucket, put_photo

from amgan.runtime.batch import ray_runner as batch_ray
from amgan.runtime.batch.ray_runner import ModelChoice
from amgan.runtime.batch.remote_ledger import RemoteLedger
from amgan.runtime.batch.remote_plan import plan_remote
from amgan.runtime.batch.run import BatchOptions, Outcome


def work(bucket: str, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """One run, whose rows go through a worker as Ray would hand them over."""
    monkeypatch.setattr(ModelChoice, "open", lambda self: FakePipeline())
    jobs = plan_remote([f"{bucket}/in"], f"{bucket}/out").jobs
    ledger = RemoteLedger(f"{bucket}/out", "s")
    rows = [batch_ray._pack(number, job, ledger) for number, job in enumerate(jobs)]
    worker = batch_ray._Worker(ModelChoice(None, "cpu"), REQUEST, BatchOptions(no_face="skip"), True)
    done = worker({name: np.array([row[name] for row in rows], object) for name in rows[0]})
    outcomes = [
        batch_ray._unpack(jobs[number], json.loads(told))
        for number, told in zip(done["number"], done["told"], strict=True)
    ]
    for job, outcome in zip(jobs, outcomes, strict=True):
        ledger.keep(job, outcome)
    ledger.close()
    return outcomes


def test_a_worker_fetches_and_puts(monkeypatch: pytest.MonkeyPatch) -> None:
    system: Any = fsspec.filesystem("memory")
    bucket = new_bucket(system)
    put_photo(system, f"{bucket}/in/é a.png", 10)
    put_photo(system, f"{bucket}/in/sub/b.png", 0)
    first = work(bucket, monkeypatch)
    assert sorted(one.status for one in first) == ["aged", "skipped"]
    assert {one.file for one in first} == {f"{bucket}/in/é a.png", f"{bucket}/in/sub/b.png"}
    assert {one.written for one in first} == {f"{bucket}/out/é a.png", None}
    assert names_below(system, f"{bucket}/out") == {"é a.png"}
    assert level_of(system, f"{bucket}/out/é a.png") == 245
    assert {one.status for one in work(bucket, monkeypatch)} == {"unchanged", "skipped"}
    system.rm_file(f"{bucket}/out/é a.png")
    assert {one.status for one in work(bucket, monkeypatch)} == {"aged", "skipped"}
