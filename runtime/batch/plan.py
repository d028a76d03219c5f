"""What a batch is to do: one job for each file of a folder, and what is refused before anything starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

PICTURE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
    }
)
"""Endings of file names, in lower case, that a folder's photos are known by."""

_LITTER = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Far:
    """What of a job is on another file system: URLs of the photo and of the output, "" for what is local.

    ``name`` is the output's place below a remote output folder, "" where there is none.
    """

    source: str = ""
    target: str = ""
    name: str = ""


@dataclass(frozen=True)
class Job:
    """One file to work on: ``source`` is aged into ``target``, unless ``refusal`` says why it cannot be.

    ``unasked`` files only happened to be in a folder: nobody asked for them to be aged. Where ``far`` has a
    URL, the path beside it is no file, only something to sort and to name by.
    """

    source: Path
    target: Path
    refusal: str = ""
    unasked: bool = False
    far: Far | None = None

    @property
    def key(self) -> str:
        """What no other job of the run has: where its output goes."""
        return (self.far and self.far.target) or os.fsdecode(self.target)


@dataclass(frozen=True)
class Input:
    """Something to work through, a photo or a folder, and its place in the output folder.

    What was ``found`` by a pattern is taken as what lies in a folder is: pictures only, and no output.
    """

    source: Path
    place: Path
    found: bool = False


def plan_batch(source: Path, output: Path) -> list[Job]:
    """One job for each file of ``source``, in order of name: a folder with all its levels, or one photo.

    A folder's tree is mirrored under ``output``. One photo goes to ``output`` itself where that ends like a
    picture's name, which then decides the format, otherwise into it as a folder. Hidden files are left out;
    so is ``output``, where it lies inside ``source``. Raises UsageError when ``source`` does not exist or is
    empty, when ``output`` does not fit it, or when anything in ``source`` would be written over.
    """
    if source.is_dir():
        jobs = _plan_folder(source, output)
    elif source.exists():
        jobs = [_plan_photo(source, output)]
    else:
        raise UsageError(f"'{source}' does not exist: give a photo or a folder of photos")
    _refuse_overwriting(jobs)
    return jobs


def plan_inputs(inputs: Sequence[Input], output: Path) -> list[Job]:
    """The jobs of several inputs, in their order, each under its place in the folder ``output``.

    What is given twice is done once; of two photos that would be written to the same file the second is
    refused. Raises UsageError when ``output`` is no folder, when there is nothing to do, or when anything
    would be written over.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"'{output}' is a file: name a folder for the aged photos")
    found: dict[Path, Job] = {}
    refused: list[Job] = []
    aged = output.resolve()
    for one in inputs:
        if one.found and one.source.resolve().is_relative_to(aged):
            continue
        folder = one.source.is_dir()
        jobs = _walk(one.source, output / one.place, output) if folder else [_plan_listed(one, output)]
        for job in jobs:
            first = found.setdefault(job.target, job)
            if first.source.resolve() != job.source.resolve():
                reason = f"its output '{job.target}' is that of '{first.source}' too: rename one of them"
                refused.append(Job(job.source, job.target, reason))
    if not found:
        raise UsageError("there is nothing to do: the inputs hold no photos")
    planned = [*found.values(), *refused]
    _refuse_overwriting(planned)
    return planned


def _plan_listed(one: Input, output: Path) -> Job:
    target = output / one.place
    if one.found:
        return _plan_file(one.source, target, None)
    if not one.source.exists():
        return Job(one.source, target, "it does not exist")
    if not one.source.is_file():
        return Job(one.source, target, "not a picture: not a regular file")
    return Job(one.source, target)


def _plan_photo(source: Path, output: Path) -> Job:
    """The job of a photo named by itself: what it holds decides, whatever its name ends in."""
    if not source.is_file():
        return Job(source, output, "not a picture: not a regular file")
    if output.is_dir() or output.suffix.lower() not in PICTURE_SUFFIXES:
        if output.exists() and not output.is_dir():
            raise UsageError(f"'{output}' is a file, but no picture: name a folder or a picture to write")
        return Job(source, output / source.name)
    return Job(source, output)


def _plan_file(source: Path, target: Path, top: Path | None) -> Job:
    """The job of a file found in the folder ``top``, if any: only what is named like a picture is opened."""
    suffix = source.suffix.lower()
    link = top is not None and source.is_symlink() and source.exists()
    if link and top is not None and not source.resolve().is_relative_to(top.resolve()):
        return Job(source, target, f"a link that leads out of '{top}': it is not followed", unasked=True)
    if not source.exists():
        return Job(source, target, "a link to something that does not exist")
    if not source.is_file():
        return Job(source, target, "not a picture: not a regular file")
    if suffix not in PICTURE_SUFFIXES:
        ending = f"its name ends in '{suffix}'" if suffix else "its name has no ending such as .jpg"
        return Job(source, target, f"not a picture: {ending}", unasked=True)
    return Job(source, target)


def _plan_folder(source: Path, output: Path) -> list[Job]:
    if output.exists() and not output.is_dir():
        raise UsageError(f"'{output}' is a file: name a folder for the aged photos of '{source}'")
    if output.exists() and output.samefile(source):
        raise UsageError(
            f"'{output}' is the folder of the photos themselves: name another one, they are never overwritten"
        )
    jobs = list(_walk(source, output, output))
    if not jobs:
        raise UsageError(f"'{source}' holds no photos: give a photo or a folder of photos")
    return jobs


def _walk(source: Path, target: Path, output: Path) -> Iterator[Job]:
    """The jobs of all files of a folder, mirrored under ``target``; the folder ``output`` is left out."""
    closed: list[OSError] = []
    aged = output.resolve()
    for folder, subfolders, names in os.walk(source, onerror=closed.append):
        here = Path(folder)
        subfolders[:] = sorted(
            n for n in subfolders if not n.startswith(".") and (here / n).resolve() != aged
        )
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in _LITTER:
                path = here / name
                yield _plan_file(path, target / path.relative_to(source), source)
        for link in (here / name for name in subfolders):
            if link.is_symlink():
                reason = "a link to a folder: it is not followed, give that folder itself"
                yield Job(link, target / link.relative_to(source), reason, unasked=True)
    for error in closed:
        path = Path(error.filename)
        yield Job(path, target / path.relative_to(source), f"a folder that cannot be read: {error.strerror}")


def _refuse_overwriting(jobs: Sequence[Job]) -> None:
    # Not Path.resolve, which gives up at a link that leads to itself.
    sources = {os.path.realpath(job.source) for job in jobs}
    for job in jobs:
        if os.path.realpath(job.target) in sources:
            raise UsageError(
                f"'{job.target}' is one of the photos to age: name another output, they are never overwritten"
            )
