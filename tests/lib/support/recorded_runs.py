"""Runs of the fake pipeline over the photos of the fixture `bucket`, with a record, in any kind of store."""

from __future__ import annotations

from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.run import BatchOptions, run_batch
from support.fake_pipeline import REQUEST, FakePipeline

SKIP = BatchOptions(no_face="skip")
FIRST = {
    "a.png": "aged",
    "broken.png": "failed",
    "notes.txt": "skipped",
    "sub/b.png": "aged",
    "sub/c.png": "skipped",
}
AGAIN = FIRST | {"a.png": "unchanged", "sub/b.png": "unchanged"}


def outcomes(
    source: str, out: str, settings: str = "s", *, force: bool = False, options: BatchOptions = SKIP
) -> list[Outcome]:
    plan = plan_run([source], out)
    assert plan.root is not None
    record = RunRecord(plan.root, settings, force=force)
    record.clean(plan.tasks)
    try:
        return run_batch(FakePipeline(), plan.tasks, REQUEST, options=options, record=record)
    finally:
        record.close()


def run(
    source: str, out: str, settings: str = "s", *, force: bool = False, options: BatchOptions = SKIP
) -> dict[str, str]:
    """What became of each photo of a run, by its name below the source."""
    found = outcomes(source, out, settings, force=force, options=options)
    return {one.source.text.rpartition("/in/")[2]: one.status for one in found}
