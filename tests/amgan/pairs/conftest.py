"""The shipped aging field, and the layers of two real faces."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.pairs.aging_field import AgingField, load_field
from amgan.pairs.face_layers import FaceLayers
from amgan.pairs.face_masks import PairFace


@pytest.fixture(scope="session")
def field() -> AgingField:
    return load_field()


@pytest.fixture(scope="session")
def layers(field: AgingField, aligned: list[tuple[np.ndarray, np.ndarray]]) -> list[FaceLayers]:
    """Hopper, taken for 70, and Collins, taken for 40, in frames of 192 px."""
    ages = (70.0, 40.0)
    return [
        FaceLayers(PairFace(frame, landmarks, age, -1.0), field)
        for (frame, landmarks), age in zip(aligned, ages, strict=True)
    ]
