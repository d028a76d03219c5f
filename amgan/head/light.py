"""Random light, wrinkles and noise for pictures float32 [S, S, 3] in code values."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .occluders import Floats


def rougher(image: Floats, face: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Deepen the lines and folds of a face; its surroundings do not change."""
    smooth = cv2.GaussianBlur(image, (0, 0), rng.uniform(1.0, 4.0))
    where = cv2.GaussianBlur(face.astype(np.float32), (0, 0), 1.0)[..., None]
    return np.asarray(np.clip(image + rng.uniform(0.3, 1.3) * where * (image - smooth), 0, 255), np.float32)


def lit(image: Floats, rng: np.random.Generator, before: bool) -> Floats:
    """Change the light: from one side (``before`` occlusions), or brighter, tinted, grey or dark."""
    size = len(image)
    if before:
        if rng.random() < 0.3:
            angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.9)
            rows, columns = np.mgrid[0:size, 0:size] / size - 0.5
            ramp = (columns * np.cos(angle) + rows * np.sin(angle) - rng.normal(0, 0.1)) / rng.choice(
                [0.03, 0.1, 0.3, 0.6]
            )
            share = 1.0 / (1.0 + np.exp(-4.0 * np.clip(ramp, -9, 9)))
            return np.asarray(image * (1.0 - depth * share)[..., None], np.float32)
        return image
    light = np.clip(image, 0, 255) / 255.0
    if rng.random() < 0.7:
        light = light ** rng.uniform(0.6, 1.9)
        light = light * rng.uniform(0.6, 1.25) * (1.0 + rng.normal(0, 0.06, 3))
    if rng.random() < 0.15:
        light = np.repeat(light.mean(axis=2, keepdims=True), 3, axis=2) * (
            1.0 + rng.choice([0, 1]) * np.array([0.1, 0, -0.15])
        )
    elif rng.random() < 0.2:
        grey = light.mean(axis=2, keepdims=True)
        light = grey + rng.uniform(0.3, 1.3) * (light - grey)
    return np.asarray(np.clip(light, 0, 1) * 255.0, np.float32)


def noisy(image: Floats, rng: np.random.Generator) -> Floats:
    """Add blur, noise or JPEG artefacts, rounded to code values."""
    if rng.random() < 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), np.float32)
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(1, 8), image.shape).astype(np.float32)
    codes = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        done, data = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        codes = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR) if done else codes, np.uint8)
    return codes.astype(np.float32)
