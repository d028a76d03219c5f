"""The same batch on a Ray cluster: Ray Data hands photos to a pool of actors, with one pipeline each.

Sources, outputs and the bundle must have the same paths on all machines. The record, the report and the order
of the outcomes are the driver's, so that a run may go on with another engine than it began with.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import errors
from ..errors import AmganError, EngineError, MissingDependencyError
from .ledger import Book, earlier_outcome
from .outcome import Outcome
from .plan import Far
from .record import Entry
from .run import BatchOptions, Job, run_batch
from .settings import describe_model

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..engines.contract import Capabilities
    from ..pipeline.pipeline import Pipeline

PHOTOS_A_BATCH = 8
LOCAL = "local"


@dataclass(frozen=True)
class ModelChoice:
    """Which pipeline every actor opens."""

    model: Path | None
    device: str
    precision: str | None = None

    def open(self) -> Pipeline:
        """Open it; raises what Pipeline raises."""
        from ..pipeline.pipeline import Pipeline

        return Pipeline(self.model, self.device, self.precision)


@dataclass(frozen=True)
class Seen:
    """What a worker's pipeline is like."""

    capabilities: Capabilities
    age_range: tuple[float, float]
    model: Mapping[str, Any]


class RayRunner:
    """Runs batches on a Ray cluster."""

    def __init__(self, choice: ModelChoice, workers: int | None = None, address: str | None = None) -> None:
        """Join the cluster at ``address`` and ask one worker what its pipeline is like.

        The address None is that of RAY_ADDRESS or of this machine's cluster, "local" starts one here.
        ``workers`` is the number of actors, None one for each machine, or for each GPU with a cuda device.
        Raises MissingDependencyError without Ray, EngineError without a cluster or where the pipeline cannot
        be opened.
        """
        try:
            ray: Any = importlib.import_module("ray")
            importlib.import_module("ray.data")
        except ImportError as error:
            raise MissingDependencyError(
                "--engine ray needs the package ray, which is not installed: pip install 'amgan[ray]'"
            ) from error
        if not ray.is_initialized():
            _join(ray, address)
        gpus = int(ray.cluster_resources().get("GPU", 0)) if choice.device.startswith(("cuda", "auto")) else 0
        self._gpus = 1 if gpus else 0
        self._workers = workers or gpus or max(1, len([n for n in ray.nodes() if n["Alive"]]))
        look = ray.remote(num_gpus=self._gpus)(_look)
        self._seen: Seen = _unwrap(ray.get(look.remote(choice)))
        self._choice = ModelChoice(choice.model, choice.device, self._seen.capabilities.precision)

    @property
    def capabilities(self) -> Capabilities:
        """What the engine of the first worker is."""
        return self._seen.capabilities

    @property
    def age_range(self) -> tuple[float, float]:
        """Youngest and oldest age that the model does, in years."""
        return self._seen.age_range

    def describe(self) -> Mapping[str, Any]:
        """The networks and the precision, in JSON's terms."""
        return self._seen.model

    def run(
        self,
        jobs: Sequence[Job],
        request: Request,
        report: Callable[[Outcome], None],
        options: BatchOptions,
        ledger: Book | None,
    ) -> None:
        """As run_batch: outcomes are kept in the ledger as they come, and reported in order of the jobs."""
        waiting: dict[int, Outcome] = {}
        due = 0
        for number, outcome in self._outcomes(jobs, request, options, ledger):
            if ledger is not None:
                ledger.keep(jobs[number], outcome)
            waiting[number] = outcome
            while due in waiting:
                report(waiting.pop(due))
                due += 1

    def _outcomes(
        self, jobs: Sequence[Job], request: Request, options: BatchOptions, ledger: Book | None
    ) -> Iterator[tuple[int, Outcome]]:
        ray: Any = importlib.import_module("ray")
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [_pack(number, job, ledger) for number, job in enumerate(jobs)]
        blocks = max(1, -(-len(rows) // PHOTOS_A_BATCH))
        done = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            _Worker,
            batch_size=None,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=min(self._workers, blocks)),
            num_cpus=1,
            num_gpus=self._gpus,
            fn_constructor_args=(self._choice, request, options, ledger is not None),
        )
        for batch in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            for number, told in zip(batch["number"], batch["told"], strict=True):
                content = json.loads(bytes(told))
                if number < 0:
                    _unwrap(content)
                job = jobs[int(number)]
                yield int(number), _unpack(job, content)


class _Worker:
    """An actor: a pipeline, and the batches that it is given."""

    def __init__(self, choice: ModelChoice, request: Request, options: BatchOptions, recorded: bool) -> None:
        self._pipeline = choice.open()
        self._request = request
        self._options = options
        self._recorded = recorded

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        names = ("number", "source", "target", "entry", "refusal", "unasked", "far")
        rows = [dict(zip(names, row, strict=True)) for row in zip(*(batch[n] for n in names), strict=True)]
        jobs = [
            Job(
                _path(row["source"]),
                _path(row["target"]),
                bytes(row["refusal"]).decode(),
                bool(row["unasked"]),
                Far(**json.loads(bytes(row["far"]))) if row["far"] else None,
            )
            for row in rows
        ]
        entries = {
            job.key: Entry(**json.loads(bytes(row["entry"])))
            for job, row in zip(jobs, rows, strict=True)
            if row["entry"]
        }
        outcomes: list[Outcome] = []
        numbers = [int(row["number"]) for row in rows]
        told: list[bytes] = []
        try:
            run_batch(
                self._pipeline, jobs, self._request, outcomes.append, self._options,
                lookup=_Entries(entries) if self._recorded else None,
            )  # fmt: skip
        except AmganError as error:
            numbers = [*numbers[: len(outcomes)], -1]
            told = [json.dumps(_wrap(error)).encode()]
        return {"number": numbers, "told": [*(_tell(one) for one in outcomes), *told]}


@dataclass(frozen=True)
class _Entries:
    """What the driver's record says of the photos of a batch."""

    entries: Mapping[str, Entry]

    def entry(self, job: Job) -> Entry | None:
        return self.entries.get(job.key)

    def known(self, job: Job, sha256: str) -> Outcome | None:
        if job.far is None or not job.far.target:
            return earlier_outcome(job, self.entry(job), sha256)
        from .remote_ledger import is_there

        return earlier_outcome(job, self.entry(job), sha256, is_there)


def _join(ray: Any, address: str | None) -> None:
    # A cluster that is started here would report its use to a server of Ray's makers.
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
            "address with --ray-address"
        ) from error


def _look(choice: ModelChoice) -> Seen | dict[str, str]:
    """Open a worker's pipeline once, and say what it is like."""
    try:
        with choice.open() as pipeline:
            return Seen(pipeline.capabilities, pipeline.manifest.age_range, describe_model(pipeline))
    except AmganError as error:
        return _wrap(error)


def _wrap(error: AmganError) -> dict[str, str]:
    return {"error": type(error).__name__, "sentence": str(error)}


def _unwrap(content: Any) -> Any:
    """The content itself; raises the error that it tells of."""
    if isinstance(content, dict) and "sentence" in content:
        kind: type[AmganError] = getattr(errors, content["error"], AmganError)
        raise kind(content["sentence"])
    return content


def _pack(number: int, job: Job, ledger: Book | None) -> dict[str, Any]:
    """A job as a row; names of files are bytes, as they need not be text."""
    entry = None if ledger is None else ledger.entry(job)
    return {
        "number": number,
        "source": os.fsencode(job.source.absolute()),
        "target": os.fsencode(job.target.absolute()),
        "entry": b"" if entry is None else json.dumps(asdict(entry)).encode(),
        "refusal": job.refusal.encode("utf-8", "replace"),
        "unasked": job.unasked,
        "far": b"" if job.far is None else json.dumps(asdict(job.far)).encode(),
    }


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(bytes(name)))


def _tell(outcome: Outcome) -> bytes:
    content = {
        "status": outcome.status,
        "reason": outcome.reason,
        "faces": outcome.faces,
        "seconds": outcome.seconds,
        "written": outcome.output is not None,
        "details": outcome.details,
    }
    return json.dumps(content).encode()


def _unpack(job: Job, content: Mapping[str, Any]) -> Outcome:
    return Outcome(
        job.source,
        content["status"],
        content["reason"],
        content["faces"],
        content["seconds"],
        job.target if content["written"] else None,
        content["details"],
        job.far,
    )
