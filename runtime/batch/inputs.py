"""The inputs of a batch: photos, folders, patterns and lists of files."""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import UsageError
from ..storage.location import Location
from ..storage.remote import REMOTE
from ..storage.store import Listed
from ..storage.stores import store_of

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
"""Extensions, in lower case, by which photos in a folder are recognised."""

_OTHER_PICTURES = (
    ".arw", ".cr2", ".cr3", ".dng", ".ico", ".j2k", ".jp2", ".jxl", ".nef", ".orf", ".pbm", ".pcx",
    ".pgm", ".ppm", ".psd", ".raf", ".rw2", ".svg", ".tga", ".xcf",
)  # fmt: skip
"""Extensions of pictures that are not supported, such as cameras' raw files."""
_NO_LIST = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
    b"PK\3\4",
    b"%PDF",
    b"\x1f\x8b",
)
"""First bytes of files that users pass as lists by mistake."""
_NO_FILE = "not a picture: not a regular file"


def files_of_input(given: Location, alone: bool, output: str) -> Iterator[Listed]:
    """The files of one input: a photo, a folder or a pattern, with names relative to the output folder.

    Files in the folder of the identity ``output`` are left out. Names of files that match a pattern are
    relative to its part without wildcards; a folder's own name is part of its files' names unless it is the
    only input (``alone``). Raises UsageError if the input does not exist, matches nothing, or is the output.
    """
    store = store_of(given)
    if is_pattern(given):
        yield from map(_checked, store.find(given, output))
    elif store.is_folder(given):
        if store.identity(given) == output:
            raise UsageError(
                f"'{given}' is the folder of the input photos, which are never overwritten: name another "
                "output"
            )
        yield from _in_folder(given, "" if alone else _own_name(given), output)
    elif not store.exists(given):
        what = "a photo or a folder of photos" if alone else "photos, folders or patterns"
        raise UsageError(f"'{given}' does not exist: give {what}")
    else:
        name = given.name if alone else _own_name(given)
        yield Listed(given, name, "" if store.is_file(given) else _NO_FILE)


def files_of_line(line: str, output: str) -> Iterator[Listed]:
    """The files of one line of a list, a photo or a folder; see files_of_input.

    Relative names keep their path in the output folder, absolute ones all their folders, URLs their bucket.
    """
    given = Location.of(line)
    store, place = store_of(given), _place_of(given)
    try:
        is_folder, exists = store.is_folder(given), store.exists(given)
    except OSError as error:  # a name that is too long, or a folder above that cannot be read
        yield Listed(given, place, f"it cannot be used: {error.strerror}")
        return
    if is_folder:
        yield from _in_folder(given, place, output)
    elif not exists:
        yield Listed(given, place, "it does not exist")
    else:
        yield Listed(given, place, "" if store.is_file(given) else _NO_FILE)


def is_pattern(given: Location) -> bool:
    """Whether a name contains wildcards and does not exist literally."""
    return glob.has_magic(given.text) and not store_of(given).exists(given)


def read_list(name: str, stdin: Iterable[bytes]) -> list[str]:
    """The lines of a list of files, a path or a URL, or of ``stdin`` for "-".

    Names are separated by line feeds or, as by `find -print0`, by NUL; UTF-16 and byte order marks are
    supported. Raises UsageError if it cannot be read, PhotoError if another file system refuses.
    """
    given = Location.of(name)
    try:
        if given.is_remote:
            content = REMOTE.read(given) or b""
        else:
            content = b"".join(stdin) if name == "-" else given.path.read_bytes()
        if content.startswith(_NO_LIST) or content[4:8] == b"ftyp":
            raise UsageError(f"'{name}' is a picture or an archive: give a text file with one path a line")
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


def _in_folder(folder: Location, place: str, output: str) -> Iterator[Listed]:
    above = f"{place}/" if place not in ("", ".") else ""
    for one in store_of(folder).walk(folder, output):
        yield _checked(replace(one, name=above + one.name))


def _checked(one: Listed) -> Listed:
    """A file of a folder; gets a ``refusal`` if its extension is not that of a picture."""
    if one.refusal or one.location.suffix.lower() in PICTURE_SUFFIXES:
        return one
    suffix = one.location.suffix.lower()
    if suffix in _OTHER_PICTURES:
        return replace(one, refusal=f"unsupported picture format: {suffix}", unasked=True)
    reason = f"its extension is '{suffix}'" if suffix else "it has no extension such as .jpg"
    return replace(one, refusal=f"not a picture: {reason}", unasked=True)


def _own_name(given: Location) -> str:
    """The name of an input among several; also for "."."""
    return given.name if given.is_remote else given.path.resolve().name


def _place_of(given: Location) -> str:
    if given.is_remote:
        return given.text.partition("://")[2].strip("/")
    path = given.path
    if path.is_absolute() or ".." in path.parts:
        path = Path(os.path.abspath(path))  # noqa: PTH100  # links stay as they are written
        path = path.relative_to(path.anchor)
    return path.as_posix()
