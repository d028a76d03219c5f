"""Plans a batch: one task per file, and all checks before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UsageError
from ..photo.formats import FORMAT_OF_SUFFIX
from ..storage.location import Location
from ..storage.store import Listed
from ..storage.stores import store_of
from .inputs import PICTURE_SUFFIXES, files_of_input, files_of_line, is_pattern
from .naming import AS_IT_IS, Naming
from .task import PhotoTask

_EXTENSION = re.compile(r"\.(?=\d*[A-Za-z])[A-Za-z0-9]{1,8}")
"""What looks like a file extension, such as .gif, unlike ".06" in a date."""


@dataclass(frozen=True)
class Plan:
    """The tasks of a run and its output folder; ``root`` is None for a single file."""

    tasks: tuple[PhotoTask, ...]
    root: Location | None


def plan_run(
    inputs: Sequence[str | Path | Location],
    output: str | Path | Location,
    files_from: Iterable[str] | None = None,
    naming: Naming = AS_IT_IS,
) -> Plan:
    """Plan a run over ``inputs``, each a photo, a folder or a pattern such as ``photos/**/*.jpg``.

    All may be paths or URLs. A single photo is written to ``output`` itself if that has the extension of a
    picture, which then determines the format; another extension is refused unless it is that of an existing
    folder. Otherwise ``output`` is a folder. A single folder is mirrored into it; of several inputs, each
    goes into it under its own name; files that match a pattern keep their path below its part without
    wildcards. Lines of ``files_from`` name photos or folders: relative ones keep their path in ``output``,
    absolute ones all their folders. ``naming`` converts the names to those of the results. Hidden files are
    left out; so is ``output`` if it lies inside an input.

    Duplicates are processed once; of two photos with the same output the second is refused. Raises UsageError
    if an input does not exist, a pattern matches nothing, there is nothing to do, ``output`` is unsuitable,
    or a photo would be overwritten.
    """
    given = [Location.of(one) for one in inputs]
    lines = [line for line in (text.strip("\r\n") for text in files_from or ()) if line]
    if not given and not lines:
        raise UsageError("there is nothing to do: give photos, folders, patterns or a list of files")
    out = Location.of(output)
    alone = len(given) == 1 and not lines and not is_pattern(given[0])
    one_photo = alone and not store_of(given[0]).is_folder(given[0])
    aged = store_of(out).identity(out)
    if one_photo:
        _refuse_unknown_extension(out)
    if one_photo and _names_a_picture(out):
        (found,) = files_of_input(given[0], True, aged)
        plan = Plan((PhotoTask(found.location, out, refusal=found.refusal),), None)
    else:
        _check_folder(out, one_photo)
        listed = [one for source in given for one in files_of_input(source, alone, aged)]
        listed += [one for line in lines for one in files_of_line(line, aged)]
        if not listed and alone:
            raise UsageError(f"'{given[0]}' contains no photos: give a photo or a folder of photos")
        if not listed:
            raise UsageError("there is nothing to do: the inputs contain no photos")
        plan = Plan(tuple(_without_duplicates([_task(one, out, naming) for one in listed])), out)
    _refuse_overwriting(plan.tasks)
    return plan


def _check_folder(output: Location, one_photo: bool) -> None:
    """Raise UsageError for an output that cannot be a folder."""
    if _names_a_picture(output):
        raise UsageError(
            f"'{output}' has the name of a picture, but there may be several photos: name a folder"
        )
    store = store_of(output)
    if store.exists(output) and not store.is_folder(output):
        if one_photo:
            raise UsageError(f"'{output}' is a file but not a picture: name a folder or a picture to write")
        raise UsageError(f"'{output}' is a file: name a folder for the aged photos")


def _refuse_unknown_extension(output: Location) -> None:
    """Raise UsageError if the output of one photo has the extension of a file that cannot be written."""
    extension = output.suffix
    known = extension.lower() in FORMAT_OF_SUFFIX or not _EXTENSION.fullmatch(extension)
    if known or store_of(output).exists(output):
        return
    raise UsageError(
        f"'{output}' has the extension '{extension}', which is not a supported picture format: use .jpg, "
        ".png, .tif, .webp, .bmp, .heic or .avif, or name a folder without an extension"
    )


def _names_a_picture(output: Location) -> bool:
    """Whether an output has the extension of a picture and is not an existing folder."""
    return output.suffix.lower() in PICTURE_SUFFIXES and not store_of(output).is_folder(output)


def _task(one: Listed, output: Location, naming: Naming) -> PhotoTask:
    """The task of a file; object names that would lead out of the output are refused."""
    bad = "\0" in one.name or any(part in ("", ".", "..") for part in one.name.split("/"))
    refusal = one.refusal
    if bad and not refusal:
        refusal = "its name has an empty part, '.' or '..', which would lead out of the output: rename it"
    name = one.name if bad or one.unasked else naming(one.name)
    target = output / ("refused" if bad else name)
    return PhotoTask(one.location, target, name, refusal, one.unasked)


def _without_duplicates(tasks: Iterable[PhotoTask]) -> list[PhotoTask]:
    """The tasks without duplicates; tasks with the output of an earlier one are refused."""
    first: dict[str, PhotoTask] = {}
    planned: dict[tuple[str, str], PhotoTask] = {}
    duplicates: list[PhotoTask] = []
    for task in tasks:
        before = task if task.refusal else first.setdefault(task.target.text, task)
        if before is task:
            planned.setdefault((task.target.text, task.source.text), task)
        elif _identity(before.source) != _identity(task.source):
            reason = f"'{before.source}' has the same output '{task.target}': rename one of them"
            duplicates.append(replace(task, refusal=reason))
    return [*planned.values(), *duplicates]


def _refuse_overwriting(tasks: Sequence[PhotoTask]) -> None:
    asked = [task for task in tasks if not task.refusal]
    sources = {_identity(task.source) for task in asked}
    for task in asked:
        if _identity(task.target) in sources:
            raise UsageError(
                f"'{task.target}' is one of the input photos, which are never overwritten: name another "
                "output"
            )


def _identity(location: Location) -> str:
    return store_of(location).identity(location)
