"""Atlases: for one population, the curve of every sign between raw score and apparent age.

An atlas is a small JSON file with its own schema. It states its data source, the number of faces and their
ages, and holds a curve for each of the fifteen zones. NumPy only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..face.zones import ZONES
from ..files import whole_file
from .curves import Curve

__all__ = [
    "ZONE_NAMES", "Atlas", "Curve", "atlas_names", "check_atlas", "read_atlas",
    "reference_atlas", "write_atlas",
]  # fmt: skip

SCHEMA = 1
SHIPPED = Path(__file__).parent / "atlases"
REFERENCE = "base"
ZONE_NAMES: tuple[str, ...] = tuple(zone.name for zone in ZONES)


@dataclass(frozen=True)
class Atlas:
    """The curves of one population, by zone name.

    ``source`` describes the data that the curves were fitted to, ``faces`` is their number of faces, and
    ``ages`` their youngest and oldest age in years.
    """

    name: str
    version: str
    source: str
    faces: int
    ages: tuple[float, float]
    curves: Mapping[str, Curve]


def atlas_names() -> tuple[str, ...]:
    """Names of the atlases that ship with the package, in alphabetical order."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def read_atlas(name_or_path: str | Path) -> Atlas:
    """Read and validate a shipped atlas by its name, or an atlas file by its path.

    Raises UsageError: for an unknown name with a list of the shipped ones, for a bad file with the fault.
    """
    path = Path(name_or_path)
    if str(name_or_path) in atlas_names():
        path = SHIPPED / f"{name_or_path}.json"
    elif isinstance(name_or_path, str) and not path.suffix and not path.exists():
        shipped = f"shipped: {', '.join(atlas_names())}" if atlas_names() else "none is shipped"
        raise UsageError(
            f"there is no population {name_or_path!r}: name an atlas ({shipped}), or give the path of a file "
            f"that `amgan atlas fit` wrote"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"the atlas '{path}' cannot be read ({error.strerror}): check the name of the file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is no atlas, it is not JSON: make it with `amgan atlas fit`") from error
    return _from_dict(content, str(path))


def reference_atlas() -> Atlas | None:
    """The shipped atlas that defines the years of aging maps, or None if none is shipped."""
    return read_atlas(REFERENCE) if REFERENCE in atlas_names() else None


def write_atlas(atlas: Atlas, path: str | Path) -> Path:
    """Validate an atlas and write it as JSON, atomically; returns the path.

    Raises UsageError for an atlas that `check_atlas` refuses, or if the file cannot be written.
    """
    target = Path(path)
    check_atlas(atlas, str(target))
    try:
        with whole_file(target) as temporary:
            temporary.write_text(json.dumps(_to_dict(atlas), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the atlas '{target}' cannot be written ({error.strerror})") from error
    return target


def check_atlas(atlas: Atlas, source: str = "the atlas") -> None:
    """Raise UsageError, naming ``source`` and the sign at fault, for an invalid atlas.

    Invalid are: a missing or unknown sign, a curve that is not strictly increasing, numbers that are not
    finite, an empty name or source, a number of faces below 1.
    """
    missing = [name for name in ZONE_NAMES if name not in atlas.curves]
    unknown = [name for name in atlas.curves if name not in ZONE_NAMES]
    low, high = atlas.ages
    for wrong, what in (
        (not atlas.name.strip(), "it has no name"),
        (not atlas.source.strip(), "it does not say what it was made from"),
        (atlas.faces < 1, f"it was made from {atlas.faces} faces"),
        (
            not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high),
            f"its ages are {low} to {high}",
        ),
        (bool(missing), f"it has no curve for {', '.join(missing)}"),
        (bool(unknown), f"it has curves for {', '.join(unknown)}, which are none of {', '.join(ZONE_NAMES)}"),
    ):
        if wrong:
            raise _bad(source, what)
    for name, curve in atlas.curves.items():
        fault = _curve_fault(curve)
        if fault:
            raise _bad(source, f"the curve for {name} {fault}")


def _curve_fault(curve: Curve) -> str:
    """The fault of a curve, or ""."""
    numbers = np.array([*curve.ages, *curve.scores])
    if len(curve.ages) != len(curve.scores) or len(curve.ages) < 2:
        return f"has {len(curve.ages)} ages and {len(curve.scores)} scores, not two or more pairs"
    if not np.isfinite(numbers).all():
        return "holds numbers that are not finite"
    if (np.diff(curve.ages) <= 0).any():
        return "has ages that do not rise"
    if (np.diff(curve.scores) <= 0).any():
        return "is not monotone, its scores do not rise with every age"
    return ""


def _bad(source: str, what: str) -> UsageError:
    return UsageError(f"'{source}' is no usable atlas: {what}; make it again with `amgan atlas fit`")


def _to_dict(atlas: Atlas) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": atlas.name,
        "version": atlas.version,
        "source": atlas.source,
        "faces": atlas.faces,
        "ages": list(atlas.ages),
        "curves": {
            name: {"unit": c.unit, "ages": list(c.ages), "scores": list(c.scores)}
            for name, c in ((name, atlas.curves[name]) for name in ZONE_NAMES)
        },
    }


def _from_dict(content: Any, source: str) -> Atlas:
    schema = _field(content, "schema", int, source)
    if schema > SCHEMA:
        raise UsageError(f"'{source}' has schema {schema}, newer than this version's {SCHEMA}: upgrade amgan")
    curves = {}
    for name, entry in _field(content, "curves", dict, source).items():
        ages, scores = (_numbers(entry, key, source, f"curves.{name}.") for key in ("ages", "scores"))
        curves[name] = Curve(ages, scores, _field(entry, "unit", str, source, f"curves.{name}."))
    ages = _numbers(content, "ages", source)
    if len(ages) != 2:
        raise _bad(source, f"its ages are {list(ages)}, not the youngest and the oldest")
    name, version, made_from = (_field(content, key, str, source) for key in ("name", "version", "source"))
    atlas = Atlas(name, version, made_from, _field(content, "faces", int, source), (ages[0], ages[1]), curves)
    check_atlas(atlas, source)
    return atlas


def _field(content: Any, key: str, kind: type, source: str, where: str = "") -> Any:
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _bad(source, f"{where}{key} is missing or not {kind.__name__}")
    return value


def _numbers(content: Any, key: str, source: str, where: str = "") -> tuple[float, ...]:
    values = _field(content, key, list, source, where)
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise _bad(source, f"{where}{key} is not a list of numbers")
    try:
        return tuple(float(v) for v in values)
    except OverflowError as error:
        raise _bad(source, f"{where}{key} holds a number that is too large") from error
