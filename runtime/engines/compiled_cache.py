"""Networks that were compiled before, in this user's cache folder, so that a program starts in less time.

An entry's name says what it was made of: the network, the options, the version of OpenVINO and the
processor. Its content begins with a checksum of the rest; an entry that is damaged is deleted and made anew.
A folder that cannot be written to, or a full disk, only means that nothing is kept. AMGAN_CACHE=off does
without, and AMGAN_CACHE=FOLDER takes another folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..files import is_temporary, whole_file

SWITCH = "AMGAN_CACHE"
FORMAT = 1
SUFFIX = ".network"
MOST_BYTES = 256 * 2**20
"""What the folder may hold; the entries that were used longest ago go first."""
_DIGEST_BYTES = 32
_log = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Where compiled networks are kept; None where AMGAN_CACHE says off, or there is no home."""
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
    openvino: ModuleType, content: bytes, made_with: Mapping[str, Any], compile: Callable[[], Any]
) -> Any:
    """The compiled network (openvino.CompiledModel) of a file's ``content``, from the cache if it is there.

    ``made_with`` is all else that the result depends on, OpenVINO's options among it under "options";
    ``compile`` makes the network, and what it raises is passed on.
    """
    folder = cache_folder()
    if folder is None:
        return compile()
    path = folder / (_key(openvino, content, made_with) + SUFFIX)
    found = _read(openvino, path, made_with["options"])
    if found is None:
        found = compile()
        _write(path, found)
    return found


def _key(openvino: ModuleType, content: bytes, made_with: Mapping[str, Any]) -> str:
    """What an entry was made of, as a checksum."""
    core = openvino.Core()
    facts = {
        "format": FORMAT,
        "openvino": openvino.get_version(),
        "cpu": core.get_property("CPU", "FULL_DEVICE_NAME"),
        "capabilities": sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        "network": hashlib.sha256(content).hexdigest(),
        **made_with,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def read_entry(path: Path) -> bytes | None:
    """The content of an entry; None where there is none, or it is damaged (then it is deleted)."""
    try:
        entry = path.read_bytes()
    except OSError:
        return None
    digest, content = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        drop_entry(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # when it was used last
    return content


def drop_entry(path: Path) -> None:
    """Delete an entry that is of no use."""
    _log.debug("%s is of no use and deleted", path)
    with contextlib.suppress(OSError):
        path.unlink()


def write_entry(path: Path, content: bytes) -> None:
    """Keep content as an entry, whose name ends with SUFFIX, if that can be done."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
        _make_room(path.parent)
    except OSError as error:
        _log.debug("%s is not kept: %s", path, error)


def _read(openvino: ModuleType, path: Path, options: Mapping[str, Any]) -> Any | None:
    """The network of an entry; None where there is none, or it is of no use (then it is deleted)."""
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
    """Keep a network, if that can be done."""
    stream = io.BytesIO()
    try:
        network.export_model(stream)
    except RuntimeError as error:
        _log.debug("%s is not kept: %s", path, error)
    else:
        write_entry(path, stream.getvalue())


def _make_room(folder: Path) -> None:
    """Delete what was used longest ago, until the folder holds MOST_BYTES or less."""
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
