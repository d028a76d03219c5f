"""The aging field: the effect of age on a population's faces, on the mean face, in one file.

It holds the low-frequency change of light and colour with age, its dependence on expression, sex and tone,
several patterns of lines and folds, texture, and the change of shape.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError
from amgan.runtime.files import whole_file

from .expression import expression
from .face_space import FaceSpace
from .field_fit import age_basis

SCHEMA = 1
_ARRAYS = (
    "mean", "field", "products", "certainty", "deviations", "lines", "texture", "mottling", "shape",
    "expression_mean", "expression_spread",
)  # fmt: skip

SHIPPED = Path(__file__).parent.parent / "weights" / "aging-field.npz"
"""The aging field included in the package."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AgingField:
    """The field of one population, over the frame of the mean face (S px; lines and texture over L px).

    ``mean`` float64 [468, 2] in frame units; ``field`` float32 [3, S, S, 4] are the coefficients of age_basis
    for log luminance and log chroma (R, G, B); ``products`` [3, S, S, 4] those of (age - PIVOT_AGE) /
    SPAN_YEARS times smile, sex and tone; ``certainty`` [S, S]; ``deviations`` [K, S, S] are the differences
    in log luminance between old faces of each pattern and the field; ``lines`` [K, L, L], ``texture`` [L, L]
    and ``mottling`` [L, L, 3] in log intensity; ``shape`` [3, 468, 2] coefficients of age_basis in frame
    units. ``pattern_names`` are the names of the K patterns, ``report`` describes the data of the fit.
    """

    mean: NDArray[np.float64]
    field: Floats
    products: Floats
    certainty: Floats
    deviations: Floats
    lines: Floats
    texture: Floats
    mottling: Floats
    shape: Floats
    expression_mean: Floats
    expression_spread: Floats
    tone_mean: float
    tone_spread: float
    chroma_mean: float
    pattern_names: tuple[str, ...]
    report: dict[str, object]

    @cached_property
    def space(self) -> FaceSpace:
        """The mean face's frame at the field's size."""
        return FaceSpace(self.field.shape[1])

    def smile_of(self, landmarks: NDArray[np.floating]) -> float:
        """Width of the mouth of landmarks [468, 2] relative to the mean, in standard deviations, -2..2."""
        width = expression(landmarks)[0]
        return float(np.clip((width - self.expression_mean[0]) / self.expression_spread[0], -2.0, 2.0))

    def tone_of(self, skin_light: float) -> float:
        """Log luminance of a face's skin relative to the mean, in standard deviations, -2..2."""
        return float(np.clip((skin_light - self.tone_mean) / self.tone_spread, -2.0, 2.0))

    def difference(self, older: float, younger: float) -> Floats:
        """Difference of the field between two ages, without the products, float32 [S, S, 4]."""
        return np.asarray(np.tensordot(age_basis(older) - age_basis(younger), self.field, 1), np.float32)

    def save(self, path: Path) -> None:
        """Write the file: compressed, in half precision; patterns in steps of 1/127 of their maximum."""
        data: dict[str, Any] = {}
        for name in _ARRAYS:
            array = getattr(self, name)
            if name in ("lines", "texture", "mottling", "deviations"):
                step = float(np.abs(array).max()) / 127 or 1.0
                data[name] = np.rint(array / step).astype(np.int8)
                data[name + "_step"] = np.float32(step)
            elif name in ("mean", "shape", "expression_mean", "expression_spread"):
                data[name] = array
            else:
                data[name] = array.astype(np.float16)
        about = {
            "schema": SCHEMA,
            "patterns": list(self.pattern_names),
            "tone_mean": self.tone_mean,
            "tone_spread": self.tone_spread,
            "chroma_mean": self.chroma_mean,
            "report": self.report,
        }
        with whole_file(path, ".npz") as part:
            np.savez_compressed(part, about=np.array(json.dumps(about)), **data)


def load_field(path: Path = SHIPPED) -> AgingField:
    """Load an aging field (default: the included one).

    Raises UsageError for a file that is missing, damaged or of another schema.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            if about.get("schema") != SCHEMA:
                raise UsageError(
                    f"{path} has schema {about.get('schema')}, this version reads {SCHEMA}; fit it again"
                )
            arrays: dict[str, Any] = {name: _restored(stored, name) for name in _ARRAYS}
    except FileNotFoundError as error:
        raise UsageError(f"the aging field {path} does not exist; make one with 'amgan fit-field'") from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is no aging field or damaged ({error}); fit it again") from error
    return AgingField(
        **arrays,
        tone_mean=float(about["tone_mean"]),
        tone_spread=float(about["tone_spread"]),
        chroma_mean=float(about["chroma_mean"]),
        pattern_names=tuple(about["patterns"]),
        report=about["report"],
    )


def _restored(stored: np.lib.npyio.NpzFile, name: str) -> NDArray[np.generic]:
    array = stored[name]
    if name == "mean":
        return array
    step = stored[name + "_step"] if name + "_step" in stored else np.float32(1.0)
    return np.asarray(array, np.float32) * step
