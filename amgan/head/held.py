"""Randomly drawn objects held in front of faces: microphones, cups and telephones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .occluders import Cover, Floats, as_cover, cloth_colour, edge_shade, eye_distance, grain, polygon, slopes

_MOUTHS = (13, 17, 61, 291, 152, 4, 50, 280)


def held(points: NDArray[np.floating], size: int, rng: np.random.Generator) -> Cover:
    """Draw one of the objects near the mouth. For ``points`` and the result see occluders.py."""
    unit = eye_distance(points)
    middle = points[rng.choice(_MOUTHS), :2] + rng.normal(0, 0.15, 2) * unit
    return (_microphone, _cup, _telephone)[rng.integers(3)](middle, unit, size, rng)


def _microphone(middle: NDArray[np.float64], unit: float, size: int, rng: np.random.Generator) -> Cover:
    radius = rng.uniform(0.28, 0.5) * unit
    angle = rng.normal(np.pi / 2, 0.5)
    along = np.array([np.cos(angle), np.sin(angle)])
    head = _ellipse(middle, (radius, radius * rng.uniform(1.0, 1.3)), angle - np.pi / 2, size)
    stick = _bar(middle + along * 0.8 * radius, along, 6 * unit, radius * rng.uniform(0.45, 0.7), size)
    colour = rng.choice([rng.uniform(15, 60), rng.uniform(90, 170)], p=[0.75, 0.25]) * np.ones(3)
    if rng.random() < 0.2:
        colour = rng.uniform(20, 220, 3)
    picture = _solid(colour, np.maximum(head, stick), unit, size, rng)
    return as_cover(picture + head[..., None] * grain(size, rng, rng.uniform(2, 14)), np.maximum(head, stick))


def _cup(middle: NDArray[np.float64], unit: float, size: int, rng: np.random.Generator) -> Cover:
    wide, high, taper = rng.uniform(0.45, 0.75) * unit, rng.uniform(0.9, 1.8) * unit, rng.uniform(0.65, 1.0)
    turned = rng.normal(0, 0.2)
    axes = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    corners = np.array([(-wide, 0), (wide, 0), (wide * taper, high), (-wide * taper, high)])
    body = polygon(corners @ axes.T + middle, size, soft=0.5)
    rim = _ellipse(middle, (wide, 0.18 * wide), turned, size)
    cover = np.maximum(body, rim)
    if rng.random() < 0.5:
        at = middle + axes @ (rng.choice([-1, 1]) * 1.05 * wide, 0.45 * high)
        handle = np.zeros((size, size), np.float32)
        thick = max(1, round(0.16 * wide))
        centre, sides = (round(float(at[0])), round(float(at[1]))), (round(0.35 * wide), round(0.32 * high))
        cv2.ellipse(handle, centre, sides, 0, 0, 360, 1.0, thick, cv2.LINE_AA)
        cover = np.maximum(cover, handle)
    return as_cover(_solid(cloth_colour(rng), cover, unit, size, rng), cover)


def _telephone(middle: NDArray[np.float64], unit: float, size: int, rng: np.random.Generator) -> Cover:
    wide, high = rng.uniform(0.5, 0.65) * unit, rng.uniform(1.05, 1.3) * unit
    angle = rng.normal(0, 0.5) + rng.choice([0, np.pi / 2], p=[0.7, 0.3])
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)])
    cover = polygon(corners @ axes.T + middle, size, soft=0.6)
    colour = rng.uniform(15, 60) * np.ones(3) if rng.random() < 0.6 else cloth_colour(rng)
    picture = _solid(colour, cover, unit, size, rng)
    lens = _ellipse(middle + axes @ (-0.6 * wide, -0.75 * high), (0.12 * unit, 0.12 * unit), 0.0, size)
    return as_cover(picture * (1.0 - 0.7 * lens[..., None]), cover)


def _solid(
    colour: NDArray[np.floating], cover: Floats, unit: float, size: int, rng: np.random.Generator
) -> Floats:
    shade = 1.0 - rng.uniform(0.1, 0.45) * edge_shade(cover, 0.12 * unit) + slopes(size, rng, 0.25)
    return np.asarray(colour * shade[..., None], np.float32)


def _ellipse(middle: NDArray[np.float64], axes: tuple[float, float], angle: float, size: int) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    shape = np.stack([np.cos(turn) * axes[0], np.sin(turn) * axes[1]], axis=1)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return polygon(shape @ turned.T + middle, size, soft=0.5)


def _bar(
    start: NDArray[np.float64], along: NDArray[np.float64], length: float, half: float, size: int
) -> Floats:
    across = np.array([-along[1], along[0]]) * half
    end = start + along * length
    return polygon(np.stack([start - across, start + across, end + across, end - across]), size, soft=0.5)
