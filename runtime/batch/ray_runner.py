"""Runs a batch on a Ray cluster: Ray Data distributes photos to actors with one pipeline each.

Sources, outputs and the bundle must have the same paths on all machines. The driver writes the record and the
report and orders the outcomes, so a run may be resumed with another engine.
"""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import AmganError, EngineError, MissingDependencyError
from .outcome import Outcome
from .record import EarlierRuns, Entry, RunRecord
from .run import THREADS, BatchOptions, Runner, run_batch
from .settings import ModelFacts
from .task import PhotoTask
from .workers import ModelChoice, unwrap_error, wrap_error

if TYPE_CHECKING:
    from ..ages.request import Request

PHOTOS_PER_BATCH = 8
LOCAL = "local"


def ray_runner(choice: ModelChoice, workers: int | None = None, address: str | None = None) -> Runner:
    """Connect to the cluster at ``address`` and get the properties of a worker's pipeline.

    With ``address`` None, RAY_ADDRESS or the cluster of this machine is used; "local" starts one. ``workers``
    is the number of actors; None is one per machine, or one per GPU with a cuda device. Raises
    MissingDependencyError without Ray, EngineError without a cluster or if the pipeline cannot be opened.
    """
    try:
        ray: Any = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError as error:
        raise MissingDependencyError(
            "`engine` ray needs the package ray, which is not installed: pip install 'amgan[ray]'"
        ) from error
    if not ray.is_initialized():
        _join(ray, address)
    gpus = int(ray.cluster_resources().get("GPU", 0)) if choice.device.startswith(("cuda", "auto")) else 0
    workers = workers or gpus or max(1, len([n for n in ray.nodes() if n["Alive"]]))
    choice = choice.on_one() if gpus else choice
    look = ray.remote(num_gpus=min(gpus, 1))(_read_facts)
    facts: ModelFacts = unwrap_error(ray.get(look.remote(choice)))
    choice = choice.at(facts.capabilities.precision)
    return Runner(facts, _Pool(choice, workers, min(gpus, 1)).run, THREADS)


@dataclass(frozen=True)
class _Pool:
    """A pool of ``workers`` actors with one pipeline and ``gpus`` GPUs each."""

    choice: ModelChoice
    workers: int
    gpus: int

    def run(
        self,
        tasks: Sequence[PhotoTask],
        request: Request,
        report: Callable[[Outcome], None],
        options: BatchOptions,
        record: RunRecord | None,
    ) -> None:
        """See run_batch: outcomes are recorded as they arrive, and reported in order of the tasks."""
        waiting: dict[int, Outcome] = {}
        due = 0
        for number, outcome in self._outcomes(tasks, request, options, record):
            if record is not None:
                record.keep(tasks[number], outcome)
            waiting[number] = outcome
            while due in waiting:
                report(waiting.pop(due))
                due += 1

    def _outcomes(
        self,
        tasks: Sequence[PhotoTask],
        request: Request,
        options: BatchOptions,
        record: RunRecord | None,
    ) -> Iterator[tuple[int, Outcome]]:
        ray: Any = importlib.import_module("ray")
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [_row(number, task, record) for number, task in enumerate(tasks)]
        blocks = max(1, -(-len(rows) // PHOTOS_PER_BATCH))
        done = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            _Worker,
            batch_size=None,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=min(self.workers, blocks)),
            num_cpus=1,
            num_gpus=self.gpus,
            fn_constructor_args=(self.choice, request, options, record is not None),
        )
        for batch in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            for number, packed in zip(batch["number"], batch["packed"], strict=True):
                outcome = unwrap_error(pickle.loads(bytes(packed)))  # from a trusted worker
                yield int(number), _with_original_names(tasks[int(number)], outcome)


class _Worker:
    """An actor that runs batches with its pipeline."""

    def __init__(self, choice: ModelChoice, request: Request, options: BatchOptions, recorded: bool) -> None:
        self._pipeline = choice.open()
        self._request = request
        self._options = options
        self._recorded = recorded

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        rows: list[tuple[PhotoTask, Entry | None]] = [pickle.loads(bytes(row)) for row in batch["packed"]]
        tasks = [task for task, _ in rows]
        earlier = EarlierRuns({task.name: entry for task, entry in rows if entry is not None})
        numbers = [int(number) for number in batch["number"]]
        outcomes: list[Outcome | dict[str, str]] = []
        try:
            run_batch(
                self._pipeline, tasks, self._request, outcomes.append, self._options,
                earlier=earlier if self._recorded else None,
            )  # fmt: skip
        except AmganError as error:
            numbers = [*numbers[: len(outcomes)], -1]
            outcomes.append(wrap_error(error))
        return {"number": numbers, "packed": [pickle.dumps(one) for one in outcomes]}


def _join(ray: Any, address: str | None) -> None:
    # A cluster that is started here would send usage statistics to Ray's servers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            address=None if address == LOCAL else address or os.environ.get("RAY_ADDRESS", "auto"),
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineError(
            f"there is no Ray cluster to join ({said}): start one with `ray start --head`, or give its "
            "address as `ray_address`"
        ) from error


def _read_facts(choice: ModelChoice) -> ModelFacts | dict[str, str]:
    """Open a pipeline on a worker and return its properties, or an error as of wrap_error."""
    try:
        with choice.open() as pipeline:
            return ModelFacts.of(pipeline)
    except AmganError as error:
        return wrap_error(error)


def _row(number: int, task: PhotoTask, record: RunRecord | None) -> dict[str, Any]:
    """A task as a row for the workers, with its entry in the record."""
    entry = None if record is None else record.entry(task)
    return {"number": number, "packed": pickle.dumps((task.absolute(), entry))}


def _with_original_names(task: PhotoTask, outcome: Outcome) -> Outcome:
    """A worker's outcome with the original names of the task."""
    return replace(outcome, source=task.source, target=None if outcome.target is None else task.target)
