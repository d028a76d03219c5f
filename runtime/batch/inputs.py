"""What people give a batch to work on: photos, folders, patterns and lists of files."""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..storage.location import is_url, local_path, read
from .plan import PICTURE_SUFFIXES, Input, Job, plan_batch, plan_inputs


@dataclass(frozen=True)
class Plan:
    """The jobs of a run, and the folder that all its output lies in: ``root``, or ``far_root``, a URL.

    Both are empty for a single file.
    """

    jobs: tuple[Job, ...]
    root: Path | None
    far_root: str = ""


def plan_run(inputs: Sequence[str], output: Path, files_from: Iterable[str] | None = None) -> Plan:
    """Plan a run over ``inputs``, each a photo, a folder or a pattern such as ``photos/**/*.jpg``.

    One photo or folder goes to ``output`` itself (see plan_batch). Of several, each goes into it under its
    own name; what a pattern finds lies there as below the pattern's fixed part. Lines of ``files_from`` name
    photos or folders: relative ones lie in ``output`` as they are written, others with all their folders.
    Raises UsageError where an input does not exist, a pattern finds nothing, nothing is left to do, or
    several photos would go to what is named like one picture.
    """
    listed = [line for line in map(_clean, files_from or ()) if line]
    if not inputs and not listed:
        raise UsageError("there is nothing to do: give photos, folders, patterns or a list of files")
    if len(inputs) == 1 and not listed and not is_pattern(inputs[0]):
        source = Path(inputs[0])
        if source.is_dir():
            _check_folder(output)
        jobs = plan_batch(source, output)
        return Plan(tuple(jobs), None if is_file_target(source, output) else output)
    _check_folder(output)
    return Plan(tuple(plan_inputs(expand_inputs(inputs, listed), output)), output)


def expand_inputs(inputs: Sequence[str], listed: Sequence[str]) -> list[Input]:
    """Inputs and lines of a list, each with its place in the output folder; raises UsageError."""
    found: list[Input] = []
    for text in inputs:
        path = Path(text)
        if is_pattern(text):
            found += _matches(str(path))
        elif not path.exists():
            raise UsageError(f"'{path}' does not exist: give photos, folders or patterns")
        else:
            found.append(Input(path, Path(path.resolve().name)))
    return [*found, *map(_listed, listed)]


def read_list(name: str, stdin: Iterable[bytes]) -> list[str]:
    """The lines of a list of files, a path or a URL, or of ``stdin`` for "-".

    Names end with a line or, as `find -print0` writes them, with a NUL; a list in UTF-16, or with a byte
    order mark, is taken as Windows writes it. Raises UsageError where it cannot be read, PhotoError where
    another file system refuses.
    """
    try:
        if is_url(name):
            content = read(name) or b""
        else:
            content = b"".join(stdin) if name == "-" else Path(local_path(name)).read_bytes()
        return _names(content)
    except UnicodeDecodeError as error:
        raise UsageError(f"'{name}' begins like UTF-16 but is not: give a list in UTF-8") from error
    except OSError as error:
        raise UsageError(
            f"'{name}' cannot be read ({error.strerror}): give a file with one path a line"
        ) from error


def _names(content: bytes) -> list[str]:
    """The names in a list of files; raises UnicodeDecodeError for broken UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").splitlines()
    content = content.removeprefix(codecs.BOM_UTF8)
    names = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(name) for name in names]


def is_file_target(source: Path, output: Path) -> bool:
    """Whether one photo is to be written to ``output`` itself, not into it as a folder."""
    return not source.is_dir() and _names_a_picture(output)


def _names_a_picture(output: Path) -> bool:
    """Whether an output is named like a picture, and is no folder of that name."""
    return output.suffix.lower() in PICTURE_SUFFIXES and not output.is_dir()


def _check_folder(output: Path) -> None:
    """Refuse an output that is named like a picture but is to hold several."""
    if _names_a_picture(output):
        raise UsageError(f"'{output}' is named like one picture, and there may be several: name a folder")


def is_pattern(text: str) -> bool:
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
