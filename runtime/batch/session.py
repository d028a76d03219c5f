"""A complete batch run: plan, lock, record, resumption, report and gallery."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..ages.request import Request, as_request
from ..errors import UsageError
from ..storage.location import Location
from ..storage.lock import lock_folder
from .naming import Naming
from .outcome import WRITTEN, Outcome
from .plan import Plan, plan_run
from .record import RunRecord
from .report import RunReport
from .run import BatchOptions, Runner, local_runner
from .steps import NoFace

if TYPE_CHECKING:
    from ..bundle.bundle import Bundle
    from ..engines.contract import Capabilities
    from ..photo.metadata import MetadataPolicy

Progress = Callable[[int, int, str], None]
"""Called with the number of finished photos, the total, and the name of the last one."""


def no_progress(done: int, total: int, what: str) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class BatchResult:
    """The result of a run: an outcome per photo, in order; ``gallery`` is the path of the page, if requested.

    ``seconds`` is the wall-clock time of ageing; ``capabilities`` describe the engine.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    capabilities: Capabilities
    gallery: Path | None = None

    def of(self, *status: str) -> tuple[Outcome, ...]:
        """The outcomes with one of these: "aged", "unchanged", "copied", "skipped", "failed"."""
        return tuple(one for one in self.outcomes if one.status in status)

    @property
    def written(self) -> tuple[Outcome, ...]:
        """Photos with a result in the output, including those of earlier runs."""
        return self.of(*WRITTEN)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Photos that could not be aged, with reasons."""
        return self.of("failed")


class BatchSession:
    """Ages all photos of folders, patterns and lists into an output folder; resumes interrupted runs.

    ::

        request = Request.parse(age=70)
        result = BatchSession(["photos"], "aged", request, report="aged.jsonl").run()
        print(len(result.written), [f"{one.source}: {one.reason}" for one in result.failed])

    A bad photo does not stop the others. Inputs are never overwritten, and files are written atomically.
    """

    def __init__(
        self,
        inputs: Sequence[Path | str] | Path | str,
        output: Path | str,
        request: Request,
        *,
        model: Bundle | Path | str | None = None,
        device: str = "auto",
        files_from: Sequence[str] | None = None,
        no_face: NoFace = "skip",
        metadata: MetadataPolicy = "keep",
        force: bool = False,
        threads: int | None = None,
        memory_bytes: int | None = None,
        report: Path | str | None = None,
        gallery: bool = False,
        gallery_title: str = "",
        engine: Literal["local", "ray"] = "local",
        workers: int | None = None,
        ray_address: str | None = None,
        quality: int | None = None,
        format: str | None = None,
        suffix: str = "",
    ) -> None:
        """Plan the run, without opening or writing anything.

        ``inputs`` are photos, folders and patterns such as ``photos/**/*.jpg``, paths or URLs; ``files_from``
        are lines that name more of them. ``output`` is a folder, or a file for one photo; a path or a URL.
        ``model`` is a bundle or its folder (None: the shipped one), ``device`` as for Pipeline. ``no_face``
        is "skip", "copy" or "error" for photos without an aged face; ``metadata`` is "keep", "strip-gps" or
        "strip". ``force`` processes all photos again. ``threads`` photos are read, and as many written,
        concurrently by each worker (None: two, or one per core with a GPU); ``memory_bytes`` limits the
        memory of all photos in flight. ``workers`` processes with a pipeline each share the photos (None:
        only this process, or as many as cores and GPUs can use, with a GPU and thousands of photos).
        ``report`` is a path or URL for JSON lines, ``gallery`` makes output/index.html with ``gallery_title``
        at the end of its title. ``engine`` "ray" runs on the cluster at ``ray_address`` with ``workers``
        pipelines. ``quality``, 1 to 100, is that of lossy results (None: that of the photo),
        ``format`` the extension of all results, such as "png" (None: the photo's), and ``suffix`` is inserted
        before it, such as "_70"; neither applies to an output that is a file.

        Raises UsageError for invalid arguments, PhotoError if another file system refuses.
        """
        if engine == "local" and ray_address is not None:
            raise UsageError("`ray_address` is for `engine` ray: add it, or leave it out")
        from ..photo.metadata import MetadataPolicy

        _require_choice("engine", engine, ("local", "ray"))
        _require_choice("no_face", no_face, get_args(NoFace))
        _require_choice("metadata", metadata, get_args(MetadataPolicy))
        _require_number("threads", threads)
        _require_number("workers", workers)
        _require_number("memory_bytes", memory_bytes)
        _require_number("quality", quality, 100)
        inputs = [inputs] if isinstance(inputs, str | Path) else inputs
        self.request = as_request(request)
        self.outcomes: list[Outcome] = []
        self.plan = plan_run(inputs, output, files_from, Naming(format, suffix))
        root = self.plan.root
        local_root = None if root is None or root.is_remote else root.path
        self._threads = threads
        self._options = BatchOptions(
            memory=memory_bytes, no_face=no_face, root=local_root, metadata=metadata, quality=quality
        )
        folder = model if model is None or isinstance(model, str | Path) else model.path
        self._model = None if folder is None else Path(folder)
        self._device, self._force = device, force
        self._report = None if report is None else Location.of(report)
        self._engine, self._workers, self._ray_address = engine, workers, ray_address
        self._gallery, self._title = gallery, gallery_title
        if gallery:
            _require_a_local_folder(self.plan, Location.of(output))

    def run(
        self,
        progress: Progress = no_progress,
        gallery_progress: Progress = no_progress,
        say: Callable[[str], None] = lambda sentence: None,
        wording: Callable[[str], str] = lambda reason: reason,
    ) -> BatchResult:
        """Process the photos that are not done; ``say`` is called with notices, such as of a stale lock.

        ``wording`` rewrites the reasons of outcomes, which name parameters of this class.

        On any exception, KeyboardInterrupt included, photos in flight are finished and recorded first;
        ``outcomes`` has those of the photos that were done. Raises UsageError, PhotoError, BundleError,
        EngineError, MissingDependencyError and DiskFullError for errors that affect all photos.
        """
        self.outcomes.clear()
        with ExitStack() as stack:
            runner = self._open(stack)
            self.request.check(runner.facts.age_range, runner.facts.patterns)
            record = self._open_record(stack, runner, say)
            if self._gallery:
                self._check_gallery()
            start = time.perf_counter()
            with RunReport(self._report) as report:
                progress(0, len(self.plan.tasks), "")

                def tell(outcome: Outcome) -> None:
                    outcome = outcome.worded(wording)
                    self.outcomes.append(outcome)
                    report.add(outcome)
                    progress(len(self.outcomes), len(self.plan.tasks), outcome.source.name)

                options = replace(self._options, threads=self._threads or runner.threads)
                runner.run(self.plan.tasks, self.request, tell, options, record)
            seconds = time.perf_counter() - start
            page = self._write_gallery(gallery_progress) if self._gallery else None
            return BatchResult(tuple(self.outcomes), seconds, runner.facts.capabilities, page)

    def _open(self, stack: ExitStack) -> Runner:
        from .workers import ModelChoice

        choice = ModelChoice(None if self._model is None else self._model.absolute(), self._device)
        only_here = _is_in_memory(self.plan)
        if only_here and (self._engine == "ray" or (self._workers or 1) > 1):
            raise UsageError(
                "memory:// is the memory of this process, which other `workers` do not see: leave `workers` "
                "and `engine` out, or use another file system"
            )
        if self._engine == "ray":
            from .ray_runner import ray_runner

            return ray_runner(choice, self._workers, self._ray_address)
        from .processes import places_for, process_runner, workers_for

        photos = len(self.plan.tasks)
        workers = 1 if only_here else min(self._workers or workers_for(self._device, photos), photos)
        if workers > 1:
            places = places_for(workers, self._device)
            seen = choice.on_one() if places[0].gpu is not None else choice
            return stack.enter_context(process_runner(seen, places))
        from ..pipeline.pipeline import Pipeline

        return local_runner(stack.enter_context(Pipeline(self._model, self._device)))

    def _open_record(self, stack: ExitStack, runner: Runner, say: Callable[[str], None]) -> RunRecord | None:
        """Lock the output folder and open its record, until the stack ends; None for a single file."""
        from .settings import describe_request, settings_key

        if self.plan.root is None:
            return None
        asked = describe_request(self.request) | {
            "metadata": self._options.metadata,
            "quality": self._options.quality,
        }
        settings = settings_key(asked, runner.facts.networks, {"no_face": self._options.no_face})
        lock = stack.enter_context(lock_folder(self.plan.root, say))
        record = RunRecord(self.plan.root, settings, force=self._force, check=lock.check)
        stack.callback(record.close)
        record.clean(self.plan.tasks)
        return record

    def _check_gallery(self) -> None:
        """Raise PhotoError if the page cannot be written, before photos are aged."""
        from ..photo.write import check_place
        from .gallery.gallery import PAGE

        assert self.plan.root is not None
        check_place(self.plan.root.path / PAGE)

    def _write_gallery(self, progress: Progress) -> Path:
        from .gallery.gallery import write_gallery

        assert self.plan.root is not None
        root = self.plan.root.path
        name = root.resolve().name
        title = f"{name}: {self._title}" if self._title else name
        return write_gallery(self.outcomes, root, title, progress)


def _is_in_memory(plan: Plan) -> bool:
    """Whether a photo or an output is in the memory of this process."""
    return any("memory://" in one.text for task in plan.tasks for one in (task.source, task.target))


def _require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"`{name}` {value!r} is not known: use one of {', '.join(choices)}")


def _require_number(name: str, value: int | None, most: int | None = None) -> None:
    if value is not None and not (isinstance(value, int) and 1 <= value <= (most or value)):
        which = f"a whole number from 1 to {most}" if most else "a whole number from 1 on"
        raise UsageError(f"`{name}` is {value!r}: give {which}, or leave it out")


def _require_a_local_folder(plan: Plan, output: Location) -> None:
    if output.is_remote or any(task.is_remote for task in plan.tasks):
        raise UsageError(
            "`gallery` shows photos of this machine: leave it out where `inputs` or `output` is a URL"
        )
    if plan.root is None:
        raise UsageError(
            f"'{output}' is one picture, and a gallery needs a folder: name a folder as `output`"
        )
