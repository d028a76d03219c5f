"""Files on other file systems, addressed by URL (s3://bucket/photos, gs://, memory://), through fsspec.

fsspec and its packages find credentials and endpoints themselves, in environment variables or fsspec's
configuration. This is the only module that imports fsspec.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import AmganError, MissingDependencyError, PhotoError, UsageError
from ..files import is_temporary, temporary_name
from .location import Location
from .store import Facts, Listed, Store

MAX_FETCHED_BYTES = 2**30
"""The size limit of a fetched photo; 120 megapixels with 16 bits per channel are below it."""

_CHUNK = 2**20
# Stores with atomic object writes: readers see the old object or the new one. Renaming would be a copy.
_WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"})
_TAGS = ("ETag", "etag", "md5Hash", "generation")


class RemoteStore(Store):
    """Files of any file system that fsspec supports."""

    def identity(self, location: Location) -> str:
        """Protocol, host and path, without a trailing slash."""
        system, path = _open(location)
        host = getattr(system, "storage_options", {}).get("host", "")
        protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
        return f"{protocol}|{host}|{path.strip('/')}"

    def is_file(self, location: Location) -> bool:
        """Whether the location is a file."""
        system, path = _open(location)
        with _as_photo_error(location, "read"):
            return bool(system.isfile(path))

    def is_folder(self, location: Location) -> bool:
        """Whether the location is a folder or, in an object store, a prefix of any object."""
        system, path = _open(location)
        with _as_photo_error(location, "read"):
            return bool(system.isdir(path))

    def exists(self, location: Location) -> bool:
        """Whether the location is a file or a folder."""
        return self.is_file(location) or self.is_folder(location)

    def facts(self, location: Location) -> Facts | None:
        """Current facts on a file from the store; None if it does not exist."""
        system, path = _open(location)
        with _as_photo_error(location, "read"):
            try:
                found = system.info(path)
            except FileNotFoundError:
                return None
            tags = (str(found[name]) for name in _TAGS if found.get(name))
            tag = next((one for one in tags if not one.startswith("W/")), "")
            return Facts(int(found.get("size") or 0), tag) if found["type"] == "file" else None

    def sha256(self, location: Location) -> str:
        """SHA-256 of a file's content, in lower-case hex; downloads the file."""
        return hashlib.sha256(self.read(location) or b"").hexdigest()

    def remove(self, location: Location) -> None:
        """Remove a file if it exists."""
        system, path = _open(location)
        with _as_photo_error(location, "removed"), contextlib.suppress(FileNotFoundError):
            system.rm_file(path)

    def walk(self, folder: Location, without: str = "") -> Iterator[Listed]:
        """See Store.walk; in order of name, without folder marker objects."""
        top = self.identity(folder)
        for one, size in self._below(folder):
            mark = one.name.endswith("/") and not size
            if not (mark or _is_hidden(one.name) or _lies_in(f"{top}/{one.name}", without)):
                yield one

    def find(self, pattern: Location, without: str = "") -> Iterator[Listed]:
        """See Store.find; in order of name."""
        fixed = fixed_part(pattern)
        system, path = _open(pattern)
        top, inside = self.identity(fixed), f"{_open(fixed)[1].rstrip('/')}/"
        with _as_photo_error(pattern, "listed"):
            names = [
                name.removeprefix(inside) for name in sorted(system.glob(path)) if name.startswith(inside)
            ]
        if not names:
            raise UsageError(f"'{pattern}' matches no file: check the pattern, and quote it")
        for name in names:
            if _is_hidden(name) or _lies_in(f"{top}/{name}", without):
                continue
            if not self.is_folder(fixed / name):
                yield Listed(fixed / name, name)
            elif not pattern.text.endswith("**"):  # "**" already matches the files of all folders
                for one in self.walk(fixed / name, without):
                    yield Listed(one.location, f"{name}/{one.name}")

    def remove_leftovers(self, root: Location, folders: Iterable[Location]) -> int:
        """See Store.remove_leftovers; anywhere below ``root``. There are none with atomic object writes."""
        if _takes_whole_objects(_open(root)[0]):
            return 0
        left = [one for one, _ in self._below(root) if is_temporary(one.name.rpartition("/")[2])]
        for one in left:
            with contextlib.suppress(PhotoError):
                self.remove(one.location)
        return len(left)

    def files_in(self, folder: Location) -> list[Location]:
        """All files below a folder, hidden ones included, in order of name; empty if it does not exist."""
        return [one.location for one, _ in self._below(folder)]

    def read(self, location: Location) -> bytes | None:
        """The content of a small file; None if it does not exist."""
        system, path = _open(location)
        with _as_photo_error(location, "read"):
            try:
                return bytes(system.cat_file(path))
            except FileNotFoundError:
                return None

    def fetch(self, location: Location, target: Path) -> None:
        """Download a file; raises PhotoError if it has more than MAX_FETCHED_BYTES."""
        system, path = _open(location)
        fetched = 0
        with _as_photo_error(location, "read"), target.open("xb") as local, system.open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                fetched += len(chunk)
                if fetched > MAX_FETCHED_BYTES:
                    raise PhotoError(
                        f"'{location}' has over {MAX_FETCHED_BYTES >> 20} MiB, too much for a photo: make it "
                        "smaller"
                    )
                local.write(chunk)

    def put(self, location: Location, content: bytes) -> None:
        """Write a file atomically."""
        system, path = _open(location)
        with _as_photo_error(location, "written"):
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

    def put_new(self, location: Location, content: bytes) -> bool:
        """Create a file; returns False if it exists.

        Atomic on S3, Google and Azure; elsewhere two simultaneous callers may both succeed.
        """
        system, path = _open(location)
        with _as_photo_error(location, "written"):
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

    def _below(self, folder: Location) -> list[tuple[Listed, int]]:
        """All files below a folder with their sizes in bytes, in order of name."""
        system, path = _open(folder)
        top = f"{path.rstrip('/')}/"
        with _as_photo_error(folder, "listed"):
            found = system.find(path, detail=True)
            listed = [
                (Listed(folder / name.removeprefix(top), name.removeprefix(top)), int(facts.get("size") or 0))
                for name, facts in found.items()
                if facts["type"] == "file" and name.startswith(top)
            ]
        return sorted(listed, key=lambda one: one[0].name.split("/"))


REMOTE = RemoteStore()
"""The store of remote files."""


def fixed_part(pattern: Location) -> Location:
    """The part of a pattern without wildcards: the folder that is searched."""
    return Location.of(re.split(r"[*?\[]", pattern.text, maxsplit=1)[0].rpartition("/")[0] + "/")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def _lies_in(identity: str, folder: str) -> bool:
    return bool(folder) and identity.startswith(f"{folder}/")


def _move(system: Any, source: str, target: str) -> None:
    try:
        system.mv(source, target)
    except Exception:
        if not system.exists(target):
            raise
        system.rm_file(target)  # the file system does not replace existing files
        system.mv(source, target)


def _takes_whole_objects(system: Any) -> bool:
    protocol = system.protocol
    return not _WHOLE_OBJECTS.isdisjoint({protocol} if isinstance(protocol, str) else protocol)


def _open(location: Location) -> tuple[Any, str]:
    """The file system of a location, which fsspec caches, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingDependencyError(
            f"'{location}' needs the package fsspec, which is not installed: pip install 'amgan[remote]'"
        ) from error
    if "::" in location.text:
        raise UsageError(
            f"'{location}' is a chain of file systems: give a plain URL such as s3://bucket/photos"
        )
    try:
        system, path = url_to_fs(location.text, use_listings_cache=False)
    except ImportError as error:
        raise MissingDependencyError(
            f"'{location}' needs a package that is not installed ({_words(error)}): pip install it, or use "
            "pip install 'amgan[remote]' for s3://"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"'{location}' is on no known file system ({_words(error)}): give a path, or a URL such as s3://bucket/photos"
        ) from error
    except Exception as error:
        raise PhotoError(
            f"'{location}' cannot be reached ({_words(error)}): check its name and the access to it"
        ) from error
    return system, str(path)


@contextlib.contextmanager
def _as_photo_error(location: Location, what: str) -> Iterator[None]:
    """Convert any exception of a store's package to a PhotoError."""
    try:
        yield
    except AmganError:
        raise
    except FileNotFoundError as error:
        raise PhotoError(
            f"'{location}' cannot be {what} ({_words(error)}): it does not exist, check the name"
        ) from error
    except Exception as error:
        raise PhotoError(
            f"'{location}' cannot be {what} ({_words(error)}): check its name and the access to it"
        ) from error


def _words(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
