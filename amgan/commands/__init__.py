"""The commands of `amgan`, one module each, and what several of them share.

A command module imports click and the light parts of amgan.runtime only; NumPy, OpenVINO, PyTorch and
rich are imported inside its functions, so that `amgan --help` stays quick.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amgan.runtime.errors import MissingDependencyError, PhotoError, UsageError

if TYPE_CHECKING:
    from amgan.runtime.pipeline import Pipeline
    from amgan.runtime.request import Request

PathType = click.Path(path_type=Path)


def check_device(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Accept auto, cpu, cuda and cuda:N; raise UsageError for anything else."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise UsageError(f"--device {value!r} is not known: use auto, cpu, cuda or cuda:N, such as cuda:0")
    return value


model_option = click.option(
    "--model", type=PathType, metavar="BUNDLE", show_default="the shipped bundle",
    help="Folder of the bundle to use, as `amgan export` writes it.",
)  # fmt: skip
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]", callback=check_device,
    help="Where the network runs; auto takes the fastest engine of this machine.",
)  # fmt: skip

_AGEING_OPTIONS = (
    click.option(
        "--age", metavar="YEARS", show_default="unchanged",
        help="Age to show in years, such as 70, or a change of the present one, such as +20 or -10.",
    ),
    click.option(
        "--zone", "zones", multiple=True, metavar="NAME=YEARS", show_default="none",
        help="Age of one zone of the skin, such as forehead=+25 or jowls-left=70; may be given again.",
    ),
    click.option(
        "--faces", type=click.Choice(["all", "largest"]), default="all", show_default=True,
        help="Which faces of a photo to age.",
    ),
    click.option(
        "--strength", type=float, default=1.0, show_default=True, metavar="0..2",
        help="How much of the change to apply: 0 leaves the photo as it is, 1 applies all, 2 overdoes it.",
    ),
    model_option,
    device_option,
)  # fmt: skip


@dataclass(frozen=True)
class Ageing:
    """What the ageing options say: a request, still in words, and where to run it."""

    age: str | None
    zones: tuple[str, ...]
    faces: str
    strength: float
    model: Path | None
    device: str

    def request(self) -> Request:
        """The request in terms of the runtime; raises UsageError where the words make no sense."""
        from amgan.runtime.request import Request

        return Request.parse(self.age, self.zones, self.faces, self.strength)

    def pipeline(self) -> Pipeline:
        """Open the pipeline on the bundle and the device asked for."""
        from amgan.runtime.pipeline import Pipeline

        return Pipeline(self.model, self.device)


def ageing_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --age, --zone, --faces, --strength, --model and --device; ``function`` gets them as ``ageing``."""

    @functools.wraps(function)
    def with_ageing(**values: Any) -> None:
        ageing = Ageing(**{name: values.pop(name) for name in Ageing.__dataclass_fields__})
        function(ageing=ageing, **values)

    command: Callable[..., None] = with_ageing
    for option in reversed(_AGEING_OPTIONS):
        command = option(command)
    return command


def require_photo(photo: Path) -> None:
    """Raise PhotoError where there is no such photo, UsageError where it is a folder."""
    if photo.is_dir():
        raise UsageError(f"'{photo}' is a folder: give one photo, or use `amgan run-batch` for a folder")
    if not photo.exists():
        raise PhotoError(f"'{photo}' does not exist: check the name of the photo")


@contextmanager
def needs(feature: str, extra: str) -> Iterator[None]:
    """Turn a package that is missing inside the block into a sentence that says what to install."""
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
    """A bar on stderr with count, rate and time left, fed with (done, total, what); quiet off a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, what: None
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
