"""Synthetic aligned faces: plain skin with a grain that is stronger the older a zone is meant to look."""

from __future__ import annotations

import cv2
import numpy as np

from amgan.faces.aligning import AlignedFace
from amgan.runtime.face.zones import ZONES

FRAME = 192
SKIN = (205.0, 160.0, 135.0)


def textured_face(
    name: str, age: float, zone_ages: np.ndarray, landmarks: np.ndarray, seed: int, tone: float = 1.0
) -> AlignedFace:
    """A face of an age whose zones (all 15) have a grain of their own ages; ``tone`` darkens the skin."""
    random = np.random.default_rng(seed)
    strength = np.zeros((FRAME, FRAME), np.float32)
    for zone, zone_age in zip(ZONES, zone_ages, strict=True):
        for polygon in zone.polygons:
            corners = np.round(landmarks[list(polygon)] * FRAME).astype(np.int32)
            cv2.fillPoly(strength, [corners], float(np.clip((zone_age - 5) / 80, 0, 1)))
    grain = cv2.GaussianBlur(random.normal(size=(FRAME, FRAME)).astype(np.float32), (0, 0), 1.0)
    shading = (
        1 + 0.1 * cv2.GaussianBlur(random.normal(size=(FRAME, FRAME)).astype(np.float32), (0, 0), 30) * 30
    )
    picture = np.array(SKIN) * (tone * shading * np.exp(0.5 * strength * grain))[..., None]
    return AlignedFace(name, np.clip(picture, 0, 255).astype(np.uint8), landmarks, age, 0.0)


def textured_faces(
    count: int, landmarks: np.ndarray, offset_years: float = 6.0, seed: int = 0
) -> tuple[list[AlignedFace], np.ndarray]:
    """Faces of 18 to 78 years and the ages [count, 15] that their zones were drawn with.

    A zone's age is the face's and an offset of its own.
    """
    random = np.random.default_rng(seed)
    ages = np.round(random.permutation(np.linspace(18, 78, count)))
    zone_ages = ages[:, None] + random.normal(0, offset_years, (count, len(ZONES)))
    faces = [
        textured_face(
            f"photo{i}.png",
            float(ages[i]),
            zone_ages[i],
            landmarks + random.normal(0, 0.001, landmarks.shape),
            seed=1000 + i,
            tone=float(random.uniform(0.7, 1.1)),
        )
        for i in range(count)
    ]
    return faces, zone_ages
