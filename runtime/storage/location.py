"""Files on other file systems, named by URL (s3://bucket/photos, gs://, memory://), by way of fsspec.

Credentials, endpoints and the like are those that fsspec and its packages find by themselves: variables of
the environment, or fsspec's own configuration. Every function raises PhotoError where the store refuses,
UsageError for a URL that means nothing, and MissingDependencyError where a package is not installed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AmganError, MissingDependencyError, PhotoError, UsageError
from ..files import temporary_name

MAX_FETCHED_BYTES = 2**30
"""No photo over this size is fetched: one of 120 megapixels with 16 bits a channel is below."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOCAL = re.compile(r"(file|local)://")
_CHUNK = 2**20
# Stores that take a whole object at once: readers see the old one or the new one, and renaming is a copy.
_WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"})
_TAGS = ("ETag", "etag", "md5Hash", "generation")


@dataclass(frozen=True)
class Facts:
    """What a store says of a file: ``size`` in bytes, and a ``tag`` that changes with its content, or ""."""

    size: int
    tag: str


@dataclass(frozen=True)
class Listed:
    """A file below a folder: its URL, its name below that folder, and its size in bytes."""

    url: str
    name: str
    size: int


def is_url(text: str) -> bool:
    """Whether a path is on another file system; file:// is this one."""
    return _URL.match(text) is not None and _LOCAL.match(text) is None


def local_path(text: str) -> str:
    """The path of a file:// URL, and any other text as it is."""
    found = _LOCAL.match(text)
    return text[found.end() :] if found else text


def trimmed(url: str) -> str:
    """A URL without slashes at its end."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rstrip("/")


def join_url(folder: str, name: str) -> str:
    """The URL of a file below a folder."""
    top = trimmed(folder)
    return f"{top}{'' if top.endswith('://') else '/'}{name}"


def place_of(url: str) -> str:
    """What two URLs of the same place have in common, however they are written; no slash at its end."""
    system, path = _open(url)
    host = getattr(system, "storage_options", {}).get("host", "")
    protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
    return f"{protocol}|{host}|{path.strip('/')}"


def is_file(url: str) -> bool:
    """Whether there is a file."""
    system, path = _open(url)
    with _telling(url, "read"):
        return bool(system.isfile(path))


def is_folder(url: str) -> bool:
    """Whether there is a folder, or in an object store anything below that name."""
    system, path = _open(url)
    with _telling(url, "read"):
        return bool(system.isdir(path))


def look_up(url: str) -> Facts | None:
    """What the store says of a file now; None where there is none."""
    system, path = _open(url)
    with _telling(url, "read"):
        try:
            found = system.info(path)
        except FileNotFoundError:
            return None
        tags = (str(found[name]) for name in _TAGS if found.get(name))
        tag = next((one for one in tags if not one.startswith("W/")), "")
        return Facts(int(found.get("size") or 0), tag) if found["type"] == "file" else None


def files_below(url: str) -> list[Listed]:
    """All files below a folder, in order of name; empty where there is no such folder."""
    system, path = _open(url)
    with _telling(url, "listed"):
        found = system.find(path, detail=True)
        top = f"{path.rstrip('/')}/"
        listed = [
            Listed(join_url(url, name.removeprefix(top)), name.removeprefix(top), int(facts.get("size") or 0))
            for name, facts in found.items()
            if facts["type"] == "file" and name.startswith(top)
        ]
    return sorted(listed, key=lambda one: one.name.split("/"))


def matches(pattern: str) -> list[Listed]:
    """What a pattern such as s3://bucket/photos/**/*.jpg finds, files and folders, in order of name.

    Names are below the pattern's part without wildcards, s3://bucket/photos here; sizes are 0.
    """
    fixed = fixed_part(pattern)
    system, path = _open(pattern)
    top = f"{_open(fixed)[1].rstrip('/')}/"
    with _telling(pattern, "listed"):
        names = [name.removeprefix(top) for name in sorted(system.glob(path)) if name.startswith(top)]
    return [Listed(join_url(fixed, name), name, 0) for name in names]


def fixed_part(pattern: str) -> str:
    """The folder that a pattern looks through."""
    return trimmed(re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] + "/")


def read(url: str) -> bytes | None:
    """The content of a small file; None where there is none."""
    system, path = _open(url)
    with _telling(url, "read"):
        try:
            return bytes(system.cat_file(path))
        except FileNotFoundError:
            return None


def fetch(url: str, target: Path) -> None:
    """Copy a file's content to a local file; refuses one of more than MAX_FETCHED_BYTES."""
    system, path = _open(url)
    fetched = 0
    with _telling(url, "read"), target.open("xb") as local, system.open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            fetched += len(chunk)
            if fetched > MAX_FETCHED_BYTES:
                raise PhotoError(
                    f"'{url}' has over {MAX_FETCHED_BYTES >> 20} MiB, too much for a photo: make it smaller"
                )
            local.write(chunk)


def put(url: str, content: bytes) -> None:
    """Write a file so that a reader sees either all of it or what was there before."""
    system, path = _open(url)
    with _telling(url, "written"):
        if _takes_whole_objects(system):
            system.pipe_file(path, content)
            return
        folder, _, name = path.rpartition("/")
        system.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name(name)}"
        try:
            system.pipe_file(temporary, content)
            _move(system, temporary, path)
        except BaseException:
            with contextlib.suppress(Exception):
                system.rm_file(temporary)
            raise


def put_new(url: str, content: bytes) -> bool:
    """Write a file that is not there yet; False where it is.

    S3, Google and Azure decide that in one step; elsewhere two callers in the same moment may both succeed.
    """
    system, path = _open(url)
    with _telling(url, "written"):
        if not _takes_whole_objects(system):
            if system.exists(path):
                return False
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
            system.pipe_file(path, content)
            return True
        try:
            system.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        return True


def remove(url: str) -> None:
    """Remove a file, if it is there."""
    system, path = _open(url)
    with _telling(url, "removed"), contextlib.suppress(FileNotFoundError):
        system.rm_file(path)


def may_leave_parts(url: str) -> bool:
    """Whether a writer that was killed may have left a half-written file, under another name."""
    return not _takes_whole_objects(_open(url)[0])


def _move(system: Any, source: str, target: str) -> None:
    try:
        system.mv(source, target)
    except Exception:
        if not system.exists(target):
            raise
        system.rm_file(target)  # a file system that does not replace what is there
        system.mv(source, target)


def _takes_whole_objects(system: Any) -> bool:
    protocol = system.protocol
    return not _WHOLE_OBJECTS.isdisjoint({protocol} if isinstance(protocol, str) else protocol)


def _open(url: str) -> tuple[Any, str]:
    """The file system of a URL, which fsspec keeps for the next call, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingDependencyError(
            f"'{url}' needs the package fsspec, which is not installed: pip install 'amgan[remote]'"
        ) from error
    if "::" in url:
        raise UsageError(f"'{url}' is a chain of file systems: give a plain URL such as s3://bucket/photos")
    try:
        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise MissingDependencyError(
            f"'{url}' needs a package that is not installed ({_words(error)}): pip install it, or use "
            "pip install 'amgan[remote]' for s3://"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"'{url}' is on no known file system ({_words(error)}): give a path, or a URL such as s3://bucket/photos"
        ) from error
    except Exception as error:
        raise PhotoError(
            f"'{url}' cannot be reached ({_words(error)}): check its name and the access to it"
        ) from error
    return system, str(path)


@contextlib.contextmanager
def _telling(url: str, what: str) -> Iterator[None]:
    """Make one sentence of what a store says; its packages raise errors of many kinds."""
    try:
        yield
    except AmganError:
        raise
    except FileNotFoundError as error:
        raise PhotoError(
            f"'{url}' cannot be {what} ({_words(error)}): there is nothing of that name, check it"
        ) from error
    except Exception as error:
        raise PhotoError(
            f"'{url}' cannot be {what} ({_words(error)}): check its name and the access to it"
        ) from error


def _words(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
