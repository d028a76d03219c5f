"""Measures one face: detects it once, ages it for every request, and reads the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.ages.request import Request
from amgan.runtime.face.zones import ZONES
from amgan.runtime.pipeline.pipeline import Pipeline
from amgan.runtime.pipeline.seen_face import SeenFace
from amgan.runtime.pipeline.sweep import sweep

from .belief import FaceBelief, face_belief
from .change import FaceChange
from .judges import AgeJudge, Judges
from .looks import TILE_PX, Look, encode_tile
from .pixels import SweepSteps, detail_kept, psnr, sweep_steps, tone_shift
from .regions import FaceRegions, changed_pixels, find_regions, share_inside
from .requests import (
    ASKED,
    BELIEF_OLDER,
    BELIEF_YOUNGER,
    CYCLE_YEARS,
    NOW,
    PRESENT,
    SWEEP,
    ZONE_YEARS,
)
from .result import CycleResult, FaceResult, ZoneResult
from .skin import typology_angle
from .source import Source

JUDGED_PX = 640
"""Longest side in px of the judges' pictures; larger ones are reduced."""

THUMBNAIL_PX = 224
SURROUNDINGS = 0.05
NUDGES_PX = ((0.0, 0.0), (2.0, 1.0), (-2.0, 1.0), (1.0, -2.0), (-1.0, -1.0))

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Extent:
    """Optional measurements: each zone separately, and a sweep of ages."""

    zones: bool = False
    sweep: bool = False


def measure_face(
    pipeline: Pipeline, judges: Judges, source: Source, extent: Extent | None = None
) -> FaceResult | None:
    """Measure the largest face of a picture; None where no face is found. Raises EngineError."""
    extent = extent or Extent()
    found = pipeline.see(source.pixels, "largest")
    if not found:
        return None
    pixels = crop_to_face(source.pixels, found[0])
    if pixels.shape != source.pixels.shape:
        found = pipeline.see(pixels, "largest")
        if not found:
            return None
    seen = found[0]
    side = seen.face.frame.side_px
    regions = find_regions(seen, pixels.shape)
    versions, whole = age_versions(pipeline, pixels, seen)
    aged = {name: picture for name, picture in versions.items() if name != NOW}
    shown, landmarks = _reduced(whole, seen)
    descriptors = judges.identity.describe(list(shown.values()), landmarks)
    distances = np.linalg.norm(descriptors - descriptors[0], axis=1)
    return FaceResult(
        name=source.name,
        kind=source.kind,
        frame_px=seen.frame_px,
        angle=typology_angle(pixels, regions.skin),
        readings={
            judge.name: dict(zip(shown, judge.read(list(shown.values()), landmarks), strict=True))
            for judge in judges.ages
        },
        noise={judge.name: read_nudged(judge, shown[NOW], landmarks) for judge in judges.ages},
        descriptor=descriptors[0],
        distances={n: float(d) for n, d in zip(shown, distances, strict=True) if n != NOW},
        mirrored=_mirror_distance(judges, shown[NOW], landmarks, descriptors[0]),
        outside={name: changed_pixels(pixels, picture, regions.outside) for name, picture in aged.items()},
        detail={name: detail_kept(pixels, picture, regions.face, side) for name, picture in aged.items()},
        tone={name: tone_shift(pixels, picture, regions.skin, side) for name, picture in aged.items()},
        present_max_codes=int(np.abs(versions[PRESENT].astype(np.int16) - pixels).max()),
        cycle=measure_cycle(pipeline, pixels, seen, regions),
        thumbnails={name: _thumbnail(picture, seen) for name, picture in whole.items()},
        sweep=_measure_sweep(pipeline, pixels, seen, regions) if extent.sweep else None,
        zones=measure_zones(pipeline, pixels, seen, regions) if extent.zones else {},
        known_years=source.known.years,
        true=source.known.true,
        real=source.known.real,
        belief={request: _believed(versions, request, seen) for request in (BELIEF_OLDER, BELIEF_YOUNGER)},
        looks={request: _look(whole, request, seen, source) for request in (BELIEF_OLDER, BELIEF_YOUNGER)},
    )


def crop_to_face(pixels: Picture, seen: SeenFace) -> Picture:
    """The part of a photo around the frame of a face, with a margin."""
    x, y = seen.face.frame.centre
    half = (0.5 + SURROUNDINGS) * seen.face.frame.side_px
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(pixels.shape[1], int(x + half) + 1), min(pixels.shape[0], int(y + half) + 1)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def age_versions(
    pipeline: Pipeline, pixels: Picture, seen: SeenFace
) -> tuple[dict[str, Picture], dict[str, Picture]]:
    """Versions of the picture by request (NOW, PRESENT and ASKED): with the skin changed only, and complete.

    Measures of the skin use the first, since hair and shape move pixels beside it. Judges and people see the
    second, which users get.
    """
    names = (PRESENT, *(f"{years:g}" for years in ASKED))
    under_way = {name: pipeline.start(pixels, Request.parse(age=name), seen=[seen]) for name in names}
    skin, whole = {NOW: pixels}, {NOW: pixels}
    for name, started in under_way.items():
        whole[name] = pipeline.finish(started).pixels
        bare = tuple(
            replace(work, hair=None, shape=None, whites=(), contrast=(), neck=None) for work in started.works
        )
        skin[name] = pipeline.finish(replace(started, works=bare)).pixels
    return skin, whole


def read_nudged(judge: AgeJudge, picture: Picture, landmarks: NDArray[np.floating]) -> tuple[float, ...]:
    """A judge's readings in years of an unchanged face shifted by NUDGES_PX, and of its mirror image."""
    size = (picture.shape[1], picture.shape[0])
    moved: list[Picture] = []
    for x, y in NUDGES_PX:
        matrix = np.array([[1, 0, x], [0, 1, y]])
        there = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.asarray(there, np.uint8))
    mirrored, points = _mirrored(picture, landmarks)
    return (*judge.read(moved, landmarks), *judge.read([mirrored], points))


def measure_cycle(pipeline: Pipeline, pixels: Picture, seen: SeenFace, regions: FaceRegions) -> CycleResult:
    """Age a face's skin and make it younger again, from the aged picture alone as a user would."""
    request = Request.parse(age=f"{CYCLE_YEARS:+d}", shape=False, features=False, hair=False, neck=False)
    older = pipeline.finish(pipeline.start(pixels, request, seen=[seen])).pixels
    again = pipeline.see(older, "largest") or [seen]
    low, high = pipeline.manifest.age_range
    present = f"{min(max(face_age(seen.now), low), high):.1f}"
    values = []
    for age in (f"{-CYCLE_YEARS:+d}", present):
        back = pipeline.finish(
            pipeline.start(
                older,
                Request.parse(age=age, shape=False, features=False, hair=False, neck=False),
                seen=again[:1],
            )
        ).pixels
        values.append(psnr(pixels, back, regions.face))
    return CycleResult(*values)


def measure_zones(
    pipeline: Pipeline, pixels: Picture, seen: SeenFace, regions: FaceRegions
) -> dict[str, ZoneResult]:
    """Change each of the fifteen zones alone, and the right side alone of those that have two."""
    return {zone.name: _measure_zone(pipeline, pixels, seen, regions, zone.parts) for zone in ZONES}


def _measure_zone(
    pipeline: Pipeline, pixels: Picture, seen: SeenFace, regions: FaceRegions, parts: tuple[str, ...]
) -> ZoneResult:
    aged = age_parts(pipeline, pixels, seen, parts)
    where = regions.zone(parts)
    right = float("nan")
    if len(parts) == 2:
        one = age_parts(pipeline, pixels, seen, parts[:1])
        right = share_inside(pixels, one, regions.zone(parts[:1]))
    untouched = detail_kept(pixels, aged, regions.face & ~where, seen.face.frame.side_px)
    return ZoneResult(share_inside(pixels, aged, where), right, untouched)


def age_parts(pipeline: Pipeline, pixels: Picture, seen: SeenFace, parts: tuple[str, ...]) -> Picture:
    """The picture with some parts ZONE_YEARS older, or younger where that exceeds the oldest age."""
    now = float(np.mean([seen.now.parts[name] for name in parts]))
    years = ZONE_YEARS if now + ZONE_YEARS <= pipeline.manifest.age_range[1] else -ZONE_YEARS
    request = Request.parse(None, [f"{name}={years:+d}" for name in parts])
    return pipeline.finish(pipeline.start(pixels, request, seen=[seen])).pixels


def _measure_sweep(pipeline: Pipeline, pixels: Picture, seen: SeenFace, regions: FaceRegions) -> SweepSteps:
    frames = [
        one.pixels
        for one in sweep(
            pipeline, pixels, SWEEP, Request(shape=False, features=False, hair=False, neck=False), seen=[seen]
        )
    ]
    return sweep_steps(frames, regions.face)


def _mirrored(picture: Picture, landmarks: NDArray[np.floating]) -> tuple[Picture, NDArray[np.floating]]:
    """Picture and landmarks mirrored; points keep their numbers, so right and left are swapped."""
    return np.ascontiguousarray(picture[:, ::-1]), landmarks * (-1, 1) + (picture.shape[1], 0)


def _mirror_distance(
    judges: Judges, picture: Picture, landmarks: NDArray[np.floating], own: NDArray[np.float64]
) -> float:
    mirrored, points = _mirrored(picture, landmarks)
    return float(np.linalg.norm(judges.identity.describe([mirrored], points)[0] - own))


def _reduced(
    versions: Mapping[str, Picture], seen: SeenFace
) -> tuple[dict[str, Picture], NDArray[np.float64]]:
    """The judges' pictures, reduced to JUDGED_PX, and the landmarks in their px."""
    longest = max(next(iter(versions.values())).shape[:2])
    scale = min(1.0, JUDGED_PX / longest)
    if scale == 1.0:
        return dict(versions), seen.face.landmarks
    small = {
        name: np.asarray(cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        for name, one in versions.items()
    }
    return small, seen.face.landmarks * scale


def _believed(versions: Mapping[str, Picture], request: str, seen: SeenFace) -> FaceBelief:
    scale = seen.frame_px / seen.face.frame.side_px
    return face_belief(
        FaceChange(request, versions[NOW], versions[request], seen.face.landmarks, min(scale, 1.0))
    )


def _look(versions: Mapping[str, Picture], request: str, seen: SeenFace, source: Source) -> Look:
    before, after = (encode_tile(_thumbnail(versions[name], seen, TILE_PX)) for name in (NOW, request))
    return Look(source.name, "real" if source.known.real else source.kind, request, before, after)


def _thumbnail(picture: Picture, seen: SeenFace, side_px: int = THUMBNAIL_PX) -> Picture:
    """The face, square and upright, ``side_px`` wide."""
    from amgan.runtime.face.warp import sample_affine

    return sample_affine(picture, seen.face.frame.to_photo(side_px), (side_px, side_px))
