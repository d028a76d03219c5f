"""A cache of compiled networks in the user's cache folder, which shortens the start of a program.

An entry is named by a hash of the network, the options, the version of OpenVINO and the processor. Its
content begins with a checksum of the rest; damaged entries are deleted. If the folder is not writable or the
disk is full, nothing is cached. AMGAN_CACHE=off disables the cache, and AMGAN_CACHE=FOLDER selects another
folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, Self, TypeVar

from ..files import file_sha256, is_temporary, whole_file

SWITCH = "AMGAN_CACHE"
FORMAT = 4
SUFFIX = ".network"
MOST_BYTES = 256 * 2**20
"""The size limit of the folder; the least recently used entries are deleted first."""
_DIGEST_BYTES = 32
_log = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """The cache folder; None if AMGAN_CACHE is "off" or there is no home folder."""
    chosen = os.environ.get(SWITCH, "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(home / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(home / ".cache")
    return Path(base) / "amgan" / "networks"


def compiled(
    openvino: ModuleType, digest: str, made_with: Mapping[str, Any], compile: Callable[[], Any]
) -> Any:
    """The compiled network (openvino.CompiledModel) of a file, from the cache if possible.

    ``digest`` is the SHA-256 of the file in hex, ``made_with`` everything else that the result depends on,
    with OpenVINO's options under "options"; ``compile`` compiles the network, and its exceptions are
    propagated.
    """
    path = entry_path(openvino, digest, made_with)
    if path is None:
        return compile()
    found = _read(openvino, path, made_with["options"])
    if found is None:
        found = compile()
        _write(path, found)
    return found


def entry_path(openvino: ModuleType, digest: str, made_with: Mapping[str, Any]) -> Path | None:
    """The entry of what is made of a file with this SHA-256, in hex; None if the cache is disabled.

    ``made_with`` is everything else that the result depends on, besides OpenVINO and the processor.
    """
    folder = cache_folder()
    if folder is None:
        return None
    cpu, capabilities = read_cpu(openvino)
    facts = {
        "format": FORMAT,
        "openvino": openvino.get_version(),
        "cpu": cpu,
        "capabilities": sorted(capabilities),
        "network": digest,
        **made_with,
    }
    name = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return folder / (name + SUFFIX)


@functools.cache
def read_cpu(openvino: ModuleType) -> tuple[str, tuple[str, ...]]:
    """The name of the processor, and the precisions (FP32, BF16, ...) that OpenVINO supports on it."""
    core = openvino.Core()
    names = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return core.get_property("CPU", "FULL_DEVICE_NAME"), tuple(names)


def read_entry(path: Path) -> bytes | None:
    """The content of an entry; None if there is none or it is damaged. Damaged entries are deleted."""
    try:
        entry = path.read_bytes()
    except OSError:
        return None
    digest, content = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        drop_entry(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the time of the last use
    return content


def drop_entry(path: Path) -> None:
    """Delete an unusable entry."""
    _log.debug("%s is of no use and deleted", path)
    with contextlib.suppress(OSError):
        path.unlink()


def write_entry(path: Path, content: bytes) -> None:
    """Write an entry, whose name ends with SUFFIX; errors are only logged."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
        _make_room(path.parent)
    except OSError as error:
        _log.debug("%s is not kept: %s", path, error)


class Kept(Protocol):
    """What an entry can keep; ``from_bytes`` raises ValueError or EOFError for other content."""

    def to_bytes(self) -> bytes:
        """The content of an entry."""
        ...

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The object of an entry's content."""
        ...


K = TypeVar("K", bound=Kept)


def kept_or_made(
    openvino: ModuleType,
    file: Path,
    digest: str | None,
    made_with: Mapping[str, Any],
    kind: type[K],
    make: Callable[[], K | None],
) -> K | None:
    """What the entry of ``file`` holds, otherwise what ``make`` gives, which is kept; None if it gives None.

    ``digest`` is the SHA-256 of the file in hex if it is known, ``made_with`` as of `entry_path`. None if the
    file cannot be read. Entries of other content are deleted.
    """
    try:
        path = entry_path(openvino, digest or file_sha256(file), made_with)
    except OSError:
        return None
    kept = None if path is None else read_entry(path)
    if path is not None and kept is not None:
        try:
            return kind.from_bytes(kept)
        except (ValueError, EOFError):
            drop_entry(path)
    made = make()
    if made is not None and path is not None:
        write_entry(path, made.to_bytes())
    return made


def _read(openvino: ModuleType, path: Path, options: Mapping[str, Any]) -> Any | None:
    """The network of an entry; None if there is none or it is unusable. Unusable entries are deleted."""
    network = read_entry(path)
    if network is None:
        return None
    try:
        return openvino.Core().import_model(network, "CPU", dict(options))
    except RuntimeError as error:
        _log.debug("%s is not taken: %s", path, error)
    drop_entry(path)
    return None


def _write(path: Path, network: Any) -> None:
    """Write a network as an entry; errors are only logged."""
    stream = io.BytesIO()
    try:
        network.export_model(stream)
    except RuntimeError as error:
        _log.debug("%s is not kept: %s", path, error)
    else:
        write_entry(path, stream.getvalue())


def _make_room(folder: Path) -> None:
    """Delete the least recently used entries until the folder holds MOST_BYTES or less."""
    entries = []
    for path in folder.iterdir():
        if path.suffix == SUFFIX or is_temporary(path.name):
            with contextlib.suppress(OSError):
                state = path.stat()
                entries.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
