"""Made faces whose aging is known: plain skin on the mean face's mesh, with marks that grow with age."""

from __future__ import annotations

import cv2
import numpy as np

from amgan.pairs.carrying import CarriedFace, FitFace, carry
from amgan.pairs.face_space import FaceSpace

SIDE = 128
SKIN = np.array([190.0, 145.0, 120.0], np.float32)


def blob(row: float, column: float, radius: float, side: int = SIDE) -> np.ndarray:
    """A round soft mark of height 1, place and radius in frame units; and its mirror image."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    marks = [np.exp(-((x - c) ** 2 + (y - row) ** 2) / (2 * radius**2)) for c in (column, 1 - column)]
    return np.asarray(np.maximum(*marks), np.float32)


def made_face(
    name: str, age: float, change: np.ndarray, random: np.random.Generator, source: str = "made"
) -> FitFace:
    """A face whose log picture is plain skin, side light, noise and ``change`` [SIDE, SIDE]."""
    space = FaceSpace(SIDE)
    x = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)[None, :]
    light = float(random.normal(0, 0.3)) * x + float(random.normal(0, 0.1))
    noise = cv2.GaussianBlur(random.normal(0, 0.03, (SIDE, SIDE)).astype(np.float32), (0, 0), 0.8)
    frame = np.clip(SKIN * np.exp(light + noise + change)[..., None], 0, 255).astype(np.uint8)
    # The mouth is wider or narrower in the mesh alone: expression has nothing to do with the marks.
    landmarks = space.mean.copy()
    landmarks[[61, 291], 0] += np.array([-1, 1]) * random.normal(0, 0.004)
    sex = float(random.choice([-1.0, 1.0]))
    return FitFace(name, frame, landmarks, age, sex, float(random.normal(0, 0.05)), source)


def carried_faces(count: int, step: np.ndarray, seed: int = 0) -> list[CarriedFace]:
    """Faces of 18 to 85 years on the mean face; ``step`` [SIDE, SIDE] is what 10 years do."""
    random = np.random.default_rng(seed)
    space = FaceSpace(SIDE)
    ages = np.linspace(18, 85, count)
    return [
        carry(space, made_face(f"made{i}.png", float(age), step * (age - 45) / 10, random))
        for i, age in enumerate(ages)
    ]
