"""A prepared training set compressed into one file, for training on another machine.

The file is a zip: every frame and every change as a WebP picture (changes are centred at code value 128), the
small arrays, and the index. Region masks and coordinates are recomputed from the landmarks.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file, whole_folder

from ..faces.aligning import Progress
from .dataset import Dataset, load_dataset
from .prepare import require_new, write_faces, write_index

QUALITY = 90
CHANGE_QUALITY = 96
_SCHEMA = 3
_OF_FACES = ("ages", "part_ages", "sides", "line_strengths")
_OF_CHANGES = ("change_faces", "change_ages", "change_patterns")
_ARRAYS = ("landmarks", *_OF_FACES, *_OF_CHANGES)
_ZERO = 128
_AT_ONCE = 64


def pack_set(
    folder: Path,
    output: Path,
    quality: int = QUALITY,
    progress: Progress | None = None,
    change_quality: int = CHANGE_QUALITY,
) -> Path:
    """Compress the prepared set of ``folder`` into one file; qualities are WebP's, 1 to 100.

    Raises UsageError if the folder has no prepared set.
    """
    dataset = load_dataset(folder)
    total, done = len(dataset.frames) + len(dataset.changes), 0
    with (
        whole_file(output) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        ThreadPoolExecutor() as pool,
    ):
        for name, content in _pictures(dataset, quality, change_quality, pool):
            archive.writestr(name, content)
            done += 1
            if progress:
                progress(done, total, "packing")
        for name in _ARRAYS:
            archive.writestr(f"{name}.npy", _array_bytes(getattr(dataset, name)), zipfile.ZIP_DEFLATED)
        index = {"packed": _SCHEMA, "frame_px": dataset.frame_px, "index": dataset.index}
        archive.writestr("index.json", json.dumps(index), zipfile.ZIP_DEFLATED)
    return output


def unpack_set(file: Path, output: Path, progress: Progress = lambda done, total, what: None) -> Path:
    """Restore the prepared set of a file of `pack_set`.

    Raises UsageError for any other file, and for an output folder that is not empty.
    """
    require_new(output)
    try:
        with zipfile.ZipFile(file) as archive, whole_folder(output) as work:
            about = json.loads(archive.read("index.json"))
            if about.get("packed") != _SCHEMA:
                raise UsageError(f"{file} is packed as {about.get('packed')}, this version reads {_SCHEMA}")
            arrays = {n: np.load(io.BytesIO(archive.read(f"{n}.npy")), allow_pickle=False) for n in _ARRAYS}
            _unpack_pictures(archive, work, arrays, about["frame_px"], progress)
            for name in _OF_CHANGES:
                np.save(work / f"{name}.npy", arrays[name])
            write_index(work, about["index"])
        return output
    except FileNotFoundError as error:
        raise UsageError(f"{file} does not exist; make it with 'amgan pack'") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise UsageError(f"{file} is no packed training set or is damaged; pack it again") from error


def _pictures(
    dataset: Dataset, quality: int, change_quality: int, pool: ThreadPoolExecutor
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all pictures; a limited number of them is in memory."""
    frames, changes = dataset.frames, dataset.changes

    def frame(number: int) -> tuple[str, bytes]:
        return _name("frames", number), _encode(frames[number], quality)

    def change(number: int) -> tuple[str, bytes]:
        shown = (changes[number].astype(np.int16) + _ZERO).astype(np.uint8)
        return _name("changes", number), _encode(shown, change_quality)

    for work, count in ((frame, len(frames)), (change, len(changes))):
        for first in range(0, count, _AT_ONCE):
            yield from pool.map(work, range(first, min(first + _AT_ONCE, count)))


def _unpack_pictures(
    archive: zipfile.ZipFile,
    work: Path,
    arrays: dict[str, NDArray[Any]],
    frame_px: int,
    progress: Progress,
) -> None:
    faces, changes = len(arrays["landmarks"]), len(arrays["change_ages"])
    frames = [_decode(archive.read(_name("frames", number)), frame_px) for number in range(faces)]
    write_faces(work, frames, arrays["landmarks"], {name: arrays[name] for name in _OF_FACES})
    stored = np.lib.format.open_memmap(
        work / "changes.npy", mode="w+", dtype=np.int8, shape=(changes, frame_px, frame_px, 3)
    )
    with ThreadPoolExecutor() as pool:
        for first in range(0, changes, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, changes))
            contents = [archive.read(_name("changes", number)) for number in numbers]
            for number, picture in zip(
                numbers, pool.map(_decode, contents, [frame_px] * len(contents)), strict=True
            ):
                stored[number] = np.clip(picture.astype(np.int16) - _ZERO, -127, 127)
            progress(first, changes, "unpacking")
    stored.flush()


def _name(kind: str, number: int) -> str:
    return f"{kind}/{number:06}.webp"


def _encode(picture: NDArray[np.uint8], quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def _decode(content: bytes, side_px: int) -> NDArray[np.uint8]:
    """Decode a picture; raises ValueError if it has another size."""
    with Image.open(io.BytesIO(content), formats=("WEBP",)) as picture:
        if picture.size != (side_px, side_px):
            raise ValueError(f"a picture of {picture.size} px instead of {side_px}")
        return np.asarray(picture.convert("RGB"))


def _array_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=False)
    return stream.getvalue()
