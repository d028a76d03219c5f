"""What people give a batch to work on: photos, folders, patterns and lists of files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .batch_plan import PICTURE_SUFFIXES, Input, Job, plan_batch, plan_inputs
from .errors import UsageError


@dataclass(frozen=True)
class Plan:
    """The jobs of a run, and the folder ``root`` that all its output lies in; None for a single file."""

    jobs: tuple[Job, ...]
    root: Path | None


def plan_run(inputs: Sequence[str], output: Path, files_from: Iterable[str] | None = None) -> Plan:
    """Plan a run over ``inputs``, each a photo, a folder or a pattern such as ``photos/**/*.jpg``.

    One photo or folder goes to ``output`` itself (see plan_batch). Of several, each goes into it under its
    own name; what a pattern finds lies there as below the pattern's fixed part. Lines of ``files_from`` name
    photos or folders: relative ones lie in ``output`` as they are written, others with all their folders.
    Raises UsageError where an input does not exist, a pattern finds nothing, or nothing is left to do.
    """
    listed = [] if files_from is None else [_listed(line) for line in map(_clean, files_from) if line]
    given = [(Path(text), _is_pattern(text)) for text in inputs]
    if not given and not listed:
        raise UsageError("there is nothing to do: give photos, folders, patterns or a list of files")
    if len(given) == 1 and not listed and not given[0][1]:
        source = given[0][0]
        jobs = plan_batch(source, output)
        return Plan(tuple(jobs), None if _is_file_target(source, output) else output)
    found: list[Input] = []
    for path, pattern in given:
        if pattern:
            found += _matches(str(path))
        elif not path.exists():
            raise UsageError(f"'{path}' does not exist: give photos, folders or patterns")
        else:
            found.append(Input(path, Path(path.resolve().name)))
    return Plan(tuple(plan_inputs([*found, *listed], output)), output)


def read_list(path: Path | None, stdin: Iterable[bytes]) -> list[str]:
    """The lines of a list of files, or of ``stdin`` for None; raises UsageError where it cannot be read."""
    try:
        lines = stdin if path is None else path.read_bytes().splitlines()
        return [os.fsdecode(line) for line in lines]
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read ({error.strerror}): give a file with one path a line"
        ) from (error)


def _is_file_target(source: Path, output: Path) -> bool:
    return not source.is_dir() and not output.is_dir() and output.suffix.lower() in PICTURE_SUFFIXES


def _is_pattern(text: str) -> bool:
    """Whether a name is a pattern; what exists under that very name is none."""
    return glob.has_magic(text) and not Path(text).exists()


def _clean(line: str) -> str:
    return line.strip("\r\n")


def _listed(line: str) -> Input:
    path = Path(line)
    if path.is_absolute() or ".." in path.parts:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  # links stay as they are written
        return Input(path, absolute.relative_to(absolute.anchor))
    return Input(path, path)


def _matches(pattern: str) -> list[Input]:
    fixed = Path()
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        fixed /= part
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # keeps the names as they are written
    if not found:
        raise UsageError(f"'{pattern}' matches no file: check the pattern, and quote it")
    return [
        Input(Path(name), Path(name).relative_to(fixed), found=True) for name in found if Path(name) != fixed
    ]
