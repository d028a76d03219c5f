"""A prepared training set in one small file, to carry to a machine that trains faster.

The file is a zip: every frame as a WebP picture, landmarks and ages as arrays, and the index. What takes the
space of a prepared set, the changed versions, is made anew when it is unpacked.
"""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.errors import UsageError

from ..faces.aligning import AlignedFace, PrepareOptions, Progress
from .dataset import Dataset, load_dataset
from .prepare import require_new, write_set

QUALITY = 90
_SCHEMA = 1
_ARRAYS = ("landmarks", "ages", "part_ages", "sides")


def pack_set(folder: Path, output: Path, quality: int = QUALITY, progress: Progress | None = None) -> Path:
    """Write the prepared set of ``folder`` as one file; ``quality`` is WebP's, 1 to 100.

    Raises UsageError when the folder holds no prepared set.
    """
    dataset = load_dataset(folder)
    temporary = output.with_name(output.name + ".part")
    try:
        with zipfile.ZipFile(temporary, "w") as archive, ThreadPoolExecutor() as pool:
            frames = pool.map(lambda frame: _encode(frame, quality), dataset.frames)
            for number, content in enumerate(frames):
                archive.writestr(_frame_name(number), content)
                if progress:
                    progress(number + 1, len(dataset.frames), "packing")
            for name in _ARRAYS:
                archive.writestr(f"{name}.npy", _array_bytes(getattr(dataset, name)), zipfile.ZIP_DEFLATED)
            archive.writestr("index.json", json.dumps(_index(dataset)))
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    return output


def unpack_set(file: Path, output: Path, progress: Progress = lambda done, total, what: None) -> Path:
    """Write the prepared set that a file of `pack_set` holds, its changed versions made anew.

    Raises UsageError for a file that is none, and for an output folder that is not empty.
    """
    require_new(output)
    try:
        with zipfile.ZipFile(file) as archive:
            index = json.loads(archive.read("index.json"))
            if index.get("packed") != _SCHEMA:
                raise UsageError(f"{file} is packed as {index.get('packed')}, this version reads {_SCHEMA}")
            arrays = {n: np.load(io.BytesIO(archive.read(f"{n}.npy")), allow_pickle=False) for n in _ARRAYS}
            frames = [_decode(archive.read(_frame_name(n))) for n in range(len(index["names"]))]
    except FileNotFoundError as error:
        raise UsageError(f"{file} does not exist; make it with 'amgan pack'") from error
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise UsageError(f"{file} is no packed training set or is damaged; pack it again") from error
    aligned = [
        AlignedFace(name, frame, landmarks.astype(np.float64), float(age), 0.0, float(side))
        for name, frame, landmarks, age, side in zip(
            index["names"], frames, arrays["landmarks"], arrays["ages"], arrays["sides"], strict=True
        )
    ]
    options = PrepareOptions(**index["options"])
    return write_set(
        output, aligned, arrays["part_ages"], options, index["left_out"], index["donors"], progress
    )


def _index(dataset: Dataset) -> dict[str, Any]:
    kept = {name: dataset.index[name] for name in ("options", "donors", "left_out")}
    return {"packed": _SCHEMA, "names": dataset.names, **kept}


def _frame_name(number: int) -> str:
    return f"frames/{number:06}.webp"


def _encode(frame: NDArray[np.uint8], quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def _decode(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=("WEBP",)) as picture:
        return np.asarray(picture.convert("RGB"))


def _array_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=False)
    return stream.getvalue()
