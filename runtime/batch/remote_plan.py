"""What a run is to do where photos, or the output folder, are on another file system."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..errors import UsageError
from ..storage.location import (
    Listed,
    files_below,
    fixed_part,
    is_file,
    is_folder,
    is_url,
    join_url,
    local_path,
    matches,
    place_of,
    trimmed,
)
from .inputs import Plan, expand_inputs, is_file_target, is_pattern
from .plan import PICTURE_SUFFIXES, Far, Job, plan_batch, plan_inputs

# Local photos are planned as if they went to this folder, which cannot be there.
_NOWHERE = Path("/dev/null/out")


@dataclass(frozen=True)
class _Found:
    """A remote photo, its place below the output folder, and what tells it from all others."""

    url: str
    place: str
    key: str
    refusal: str = ""
    unasked: bool = False


def plan_remote(inputs: Sequence[str], output: str, files_from: Iterable[str] | None = None) -> Plan:
    """As plan_run, for inputs and an output of which some are URLs.

    Remote photos lie in ``output`` as local ones would: those of one folder with its tree, those of several
    inputs each under its own name, those of a list with bucket and all. Names that would lead out of
    ``output`` are refused. Raises UsageError and what storage.py raises.
    """
    listed = [line.strip("\r\n") for line in files_from or ()]
    local = [local_path(text) for text in inputs if not is_url(text)]
    local_lines = [local_path(line) for line in listed if line and not is_url(line)]
    far = [trimmed(text) for text in inputs if is_url(text)]
    far_lines = [line for line in listed if is_url(line)]
    alone = len(inputs) == 1 and not any(listed)
    one = alone and not (bool(far) and names_pattern(far[0]))
    if one and far and not is_folder(far[0]) and _is_picture_target(output):
        return _one_photo(far[0], output)
    aged = place_of(output) if is_url(output) else ""
    found = [photo for text in far for photo in _found(text, one, aged)]
    found += [photo for line in far_lines for photo in _found_listed(line, aged)]
    pretended = _NOWHERE if is_url(output) else Path(local_path(output))
    jobs: list[Job] = []
    if local or local_lines:
        if alone and not is_pattern(local[0]):
            if is_file_target(Path(local[0]), Path(output)) and _is_picture_target(output):
                return _one_local_photo(Path(local[0]), output)
            jobs = plan_batch(Path(local[0]), pretended)
        else:
            jobs = plan_inputs(expand_inputs(local, local_lines), pretended)
    planned = [*_placed(jobs, pretended, output), *_far_jobs(found, pretended, output)]
    if not planned:
        raise UsageError("there is nothing to do: the inputs hold no photos")
    planned = _without_doubles(planned)
    if not aged:
        return Plan(tuple(planned), pretended)
    sources = {photo.key for photo in found}
    for job in planned:
        if job.far and f"{aged}/{job.far.name}" in sources:
            raise _overwriting(job.far.target)
    return Plan(tuple(planned), None, trimmed(output))


def names_pattern(url: str) -> bool:
    """Whether a URL is a pattern; what exists under that very name is none."""
    return glob.has_magic(url) and not is_file(url) and not is_folder(url)


def _is_picture_target(output: str) -> bool:
    """Whether an output is one picture, not a folder."""
    if PurePosixPath(output).suffix.lower() not in PICTURE_SUFFIXES:
        return False
    return not is_folder(output) if is_url(output) else not Path(local_path(output)).is_dir()


def _one_photo(url: str, output: str) -> Plan:
    if not is_file(url):
        raise UsageError(f"'{url}' does not exist: give a photo or a folder of photos")
    far = Far(url, output, PurePosixPath(output).name) if is_url(output) else Far(url)
    if is_url(output) and place_of(output) == place_of(url):
        raise _overwriting(output)
    return Plan((Job(Path(url), Path(local_path(output)), far=far),), None)


def _one_local_photo(photo: Path, output: str) -> Plan:
    job = plan_batch(photo, _NOWHERE / PurePosixPath(output).name)[0]
    return Plan((replace(job, target=Path(output), far=Far("", output, PurePosixPath(output).name)),), None)


def _found(url: str, one: bool, aged: str) -> Iterator[_Found]:
    """The photos of one input: a photo, a folder or a pattern."""
    name = url.rpartition("/")[2]
    if names_pattern(url):
        yield from _matching(url, aged)
    elif is_file(url):
        yield _Found(url, name, place_of(url))
    elif is_folder(url):
        if place_of(url) == aged:
            raise UsageError(f"'{url}' is the folder of the photos themselves: name another one with -o")
        yield from _below(url, "" if one else f"{name}/", aged)
    else:
        raise UsageError(f"'{url}' does not exist: give a photo or a folder of photos")


def _found_listed(line: str, aged: str) -> Iterator[_Found]:
    place = line.partition("://")[2].strip("/")
    if is_file(line):
        yield _Found(line, place, place_of(line))
    elif is_folder(line):
        yield from _below(line, f"{place}/", aged)
    else:
        yield _Found(line, place, place_of(line), "it does not exist")


def _matching(pattern: str, aged: str) -> Iterator[_Found]:
    found = matches(pattern)
    if not found:
        raise UsageError(f"'{pattern}' matches no file: check the pattern, and quote it")
    top = place_of(fixed_part(pattern))
    for one in found:
        if _is_hidden(one.name) or _is_output(f"{top}/{one.name}", aged):
            continue
        if not is_folder(one.url):
            yield _checked(one, one.name, top)
        elif not pattern.endswith("**"):
            yield from _below(one.url, f"{one.name}/", aged)


def _below(folder: str, place: str, aged: str) -> Iterator[_Found]:
    """What lies in a folder; hidden files, marks of folders and the output are passed over."""
    top = place_of(folder)
    for one in files_below(folder):
        mark = one.name.endswith("/") and not one.size
        if not (mark or _is_hidden(one.name) or _is_output(f"{top}/{one.name}", aged)):
            yield _checked(one, place + one.name, top)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def _is_output(key: str, aged: str) -> bool:
    return bool(aged) and key.startswith(f"{aged}/")


def _checked(one: Listed, place: str, top: str) -> _Found:
    """A photo that only happened to be there: what is not named like a picture is left out."""
    suffix = PurePosixPath(one.name).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        ending = f"its name ends in '{suffix}'" if suffix else "its name has no ending such as .jpg"
        return _Found(one.url, place, f"{top}/{one.name}", f"not a picture: {ending}", unasked=True)
    return _Found(one.url, place, f"{top}/{one.name}")


def _placed(jobs: Iterable[Job], pretended: Path, output: str) -> Iterator[Job]:
    """Jobs of local photos, with the output where it really goes."""
    for job in jobs:
        if not is_url(output):
            yield job
            continue
        name = job.target.relative_to(pretended).as_posix()
        url = join_url(output, name)
        yield replace(job, target=Path(url), far=Far("", url, name))


def _far_jobs(found: Iterable[_Found], pretended: Path, output: str) -> Iterator[Job]:
    for one in found:
        refusal = one.refusal or _refusal(one.place)
        if is_url(output):
            url = join_url(output, one.place)
            yield Job(Path(one.url), Path(url), refusal, one.unasked, Far(one.url, url, one.place))
        else:
            target = pretended / (one.place if not _refusal(one.place) else "refused")
            yield Job(Path(one.url), target, refusal, one.unasked, Far(one.url))


def _refusal(place: str) -> str:
    """Why a name of an object store cannot be one below an output folder; "" where it can."""
    if "\0" in place or any(part in ("", ".", "..") for part in place.split("/")):
        return "its name has an empty part, '.' or '..', which would lead out of the output: rename it"
    return ""


def _without_doubles(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, of which none has the output of an earlier one; what is given twice is done once."""
    first: dict[str, Job] = {}
    refused = []
    for job in jobs:
        before = first.setdefault(job.key, job) if not job.refusal else job
        if job.refusal:
            refused.append(job)
        elif before is not job and _named(before) != _named(job):
            reason = f"its output '{job.key}' is that of '{_named(before)}' too: rename one of them"
            refused.append(replace(job, refusal=reason))
    return sorted([*first.values(), *refused], key=_named)


def _named(job: Job) -> str:
    return (job.far and job.far.source) or str(job.source)


def _overwriting(url: str) -> UsageError:
    return UsageError(f"'{url}' is one of the photos to age: name another output, none is overwritten")
