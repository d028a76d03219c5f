"""Output functions that several commands share: progress, results, pictures, missing packages."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amgan.runtime.errors import MissingDependencyError, PhotoError, UsageError
from amgan.runtime.files import whole_file

if TYPE_CHECKING:
    from PIL import Image

    from amgan.runtime.engines.contract import Capabilities

LINE_EVERY_S = 60.0
QUIET = "amgan.quiet"
OWN_PROCESS = "amgan.own_process"
"""The click object of commands that were started as a process of their own."""


def is_quiet() -> bool:
    """Whether the command that runs was given --quiet."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(QUIET))


def tell(message: str, *, err: bool = False) -> None:
    """Print a result, on stdout or stderr, unless --quiet was given."""
    if not is_quiet():
        click.echo(message, err=err)


def tell_engine(taken: Capabilities, device: str, *, err: bool = False) -> None:
    """Print the selected engine if the device is "auto"."""
    if device == "auto":
        tell(f"engine: {taken.name} on {taken.device} in {taken.precision}", err=err)


def end_process() -> None:
    """End a process of the command line with success, without freeing its memory piece by piece.

    Nothing happens if the command was called from Python. Raises BrokenPipeError as printing does.
    """
    ctx = click.get_current_context(silent=True)
    if ctx is not None and ctx.find_root().obj == OWN_PROCESS:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as where a process was started with it closed
                stream.flush()
        os._exit(0)


def check_picture(path: Path) -> None:
    """Raise UsageError if `save_picture` cannot write a file of this name."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"'{path}' cannot hold the picture: name it .png or .jpg")


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture atomically; raises PhotoError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, path.suffix) as temporary:
            picture.save(temporary, quality=92)
    except OSError as error:
        raise PhotoError(
            f"'{path}' cannot be written ({error.strerror or error}): check the folder"
        ) from error


@contextmanager
def needs(feature: str, extra: str) -> Iterator[None]:
    """Convert ImportErrors of the block to MissingDependencyErrors with the install command."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "amgan"}:
            raise
        raise MissingDependencyError(
            f"{feature} needs the package {package}, which is not installed: pip install 'amgan[{extra}]'"
        ) from error


def say(message: str) -> None:
    """Print a line of progress on stderr."""
    click.echo(message, err=True)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on stderr with count, rate and remaining time, updated with (done, total, what).

    If stderr is no terminal, one line per minute.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if is_quiet():
        yield _say_nothing
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_a_minute(label)
        return
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[what]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, rate="", what="")
        start = time.perf_counter()

        def advance(done: int, total: int, what: str) -> None:
            rate = done / max(time.perf_counter() - start, 1e-9)
            bar.update(task, completed=done, total=total, rate=f"{rate:.2f}/s", what=what)

        yield advance


def _say_nothing(done: int, total: int, what: str) -> None:
    """Ignore progress."""


def _line_a_minute(
    label: str, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, int, str], None]:
    """A progress function that prints at most one line per minute to stderr."""
    start = said = clock()

    def advance(done: int, total: int, what: str) -> None:
        nonlocal said
        now = clock()
        if now - said >= LINE_EVERY_S and done < total:
            said = now
            left = (now - start) / max(done, 1) * (total - done)
            say(f"{label}: {done} of {total}, about {max(1, round(left / 60))} min left")

    return advance
