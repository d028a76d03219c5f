"""Summarises the measures of all faces: mean and spread, in all and by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from amgan.runtime.face.zones import ZONES

from .ages import age_measures, noise_facts, old_faces, reading_noise, young_faces
from .belief_summary import belief_measures, published, true_age_measures
from .judges import Judges
from .requests import AGE_BANDS, CYCLE_YEARS, OLDER, SWEEP, YOUNGER, ZONE_YEARS, age_band
from .result import FaceResult
from .run import Findings
from .skin import SKIN_BANDS, band_of
from .statistics import rounded, share, summarise

PUBLISHED = (
    {"who": "AMGAN authors, own pictures, older", "years": 15.7, "distance": 0.33},
    {"who": "AMGAN authors, own pictures, younger", "years": -16.0, "distance": 0.27},
    {"who": "HRFAE, asked for 65", "years": 11.0, "distance": 0.37},
)
"""Readings of the same first judge and descriptor on pictures published by others."""

Faces = Sequence[FaceResult]


def summarise_findings(findings: Findings, judges: Judges) -> dict[str, Any]:
    """All numbers of an evaluation: over all faces, by age band, by band of skin and, if mixed, by source."""
    faces, first = findings.faces, judges.ages[0].name
    noise = {judge.name: reading_noise(faces, judge.name) for judge in judges.ages}
    groups: dict[str, dict[str, Any]] = {}
    keys: tuple[tuple[str, Callable[[FaceResult], str], Sequence[str]], ...] = (
        ("age_bands", lambda face: age_band(face.years_now(first)), AGE_BANDS),
        ("skin_bands", lambda face: band_of(face.angle), SKIN_BANDS),
        ("sources", lambda face: face.kind, sorted({face.kind for face in faces})),
    )
    for name, key, values in keys:
        chosen = {value: [face for face in faces if key(face) == value] for value in values}
        groups[name] = {value: measures(some, noise, first) for value, some in chosen.items() if some}
        for value, some in chosen.items():
            if some:
                groups[name][value]["belief"] = belief_measures(some, list(noise), first)
    return {
        "faces_measured": len(faces),
        "faces_not_found": list(findings.not_found),
        "judges": [
            {"name": judge.name, "note": judge.note} | noise_facts(faces, judge.name) for judge in judges.ages
        ]
        + [{"name": judges.identity.name, "note": judges.identity.note}],
        "all": measures(faces, noise, first)
        | {"zones": zone_measures(faces), "belief": belief_measures(faces, list(noise), first)},
        "true_ages": true_age_measures(faces, list(noise)),
        "published_belief": published(),
        "anchors": anchors(faces),
        "seams": seams(findings.seams),
        **groups,
        "by_face": [face_row(face) for face in faces],
    }


def measures(faces: Faces, noise: dict[str, float], first: str) -> dict[str, Any]:
    """Every measure over some faces."""
    young, old = young_faces(faces, first), old_faces(faces, first)
    requests = [request for request in faces[0].tone]
    young_far = [face.distances[OLDER] for face in young]
    old_far = [face.distances[YOUNGER] for face in old]
    return {
        "faces": len(faces),
        "age": {judge: age_measures(faces, judge, first, years) for judge, years in noise.items()},
        "identity": {
            "distance": {r: summarise([face.distances[r] for face in faces]) for r in requests},
            "under_45_asked_70": summarise(young_far),
            "over_50_asked_25": summarise(old_far),
            "those_two_requests": summarise(young_far + old_far),
        },
        "outside": {
            "changed_pixels": sum(sum(face.outside.values()) for face in faces),
            "pictures": sum(len(face.outside) for face in faces),
        },
        "detail_kept": {r: summarise([face.detail[r] for face in faces]) for r in requests},
        "tone": {r: tone_measures(faces, r) for r in requests},
        "present_age_changes_nothing": share([face.present_max_codes == 0 for face in faces]),
        "cycle": {
            "years": CYCLE_YEARS,
            "same_years_db": summarise([face.cycle.same_years_db for face in faces]),
            "present_age_db": summarise([face.cycle.present_age_db for face in faces]),
        },
        "sweep": sweep_measures(faces),
        "locality": locality_measures(faces),
    }


def tone_measures(faces: Faces, request: str) -> dict[str, Any]:
    """Shift of skin without lines in code values: per colour, and its length."""
    colours = {
        name: summarise([face.tone[request][k] for face in faces])
        for k, name in enumerate(("red", "green", "blue"))
    }
    means = [one["mean"] for one in colours.values() if one["n"]]
    return colours | {"largest_mean": rounded(max(means, key=abs)) if means else None}


def sweep_measures(faces: Faces) -> dict[str, Any]:
    """Evenness of sweeps."""
    found = [face.sweep for face in faces if face.sweep is not None]
    return {
        "ages": [SWEEP[0], SWEEP[-1], SWEEP[1] - SWEEP[0]],
        "largest_step_codes": summarise([one.largest for one in found]),
        "total_codes": summarise([one.total for one in found]),
        "largest_step_over_mean_step": summarise([one.times_even for one in found]),
    }


def locality_measures(faces: Faces) -> dict[str, Any]:
    """Share of the change inside the requested zone; each face is the mean of all zones."""
    judged = [list(face.zones.values()) for face in faces if face.zones]
    return {
        "asked_years": ZONE_YEARS,
        "inside": summarise([_mean([zone.inside for zone in zones]) for zones in judged]),
        "untouched_detail": summarise([_mean([zone.untouched_detail for zone in zones]) for zones in judged]),
    }


def zone_measures(faces: Faces) -> dict[str, Any]:
    """The same by zone, and for the right side alone where a zone has two."""
    judged = [face.zones for face in faces if face.zones]
    return {
        zone.name: {
            "inside": summarise([one[zone.name].inside for one in judged]),
            "inside_right_alone": summarise([one[zone.name].inside_right_alone for one in judged]),
            "untouched_detail": summarise([one[zone.name].untouched_detail for one in judged]),
        }
        for zone in ZONES
    }


def _mean(values: Sequence[float]) -> float:
    """Mean without NaN."""
    found = [value for value in values if np.isfinite(value)]
    return float(np.mean(found)) if found else float("nan")


def anchors(faces: Faces) -> dict[str, Any]:
    """Distances for comparison: between different people, and from a face to its mirror image."""
    pairs = [float(np.linalg.norm(a.descriptor - b.descriptor)) for a, b in combinations(faces, 2)]
    return {
        "different_people": summarise(pairs),
        "mirror_image": summarise([face.mirrored for face in faces]),
        "published": list(PUBLISHED),
    }


def seams(differences: Sequence[int]) -> dict[str, Any]:
    """Largest difference in code values between one tile and many, over all faces."""
    largest = max(differences) if differences else None
    return {"faces": len(differences), "largest_difference_codes": largest}


def face_row(face: FaceResult) -> dict[str, Any]:
    """A face's entry in the result file."""
    return {
        "name": face.name,
        "kind": face.kind,
        "frame_px": face.frame_px,
        "typology_angle": rounded(face.angle),
        "skin": band_of(face.angle),
        "readings": {
            judge: {r: rounded(years) for r, years in row.items()} for judge, row in face.readings.items()
        },
        "distances": {r: rounded(value) for r, value in face.distances.items()},
        "detail": {r: rounded(value) for r, value in face.detail.items()},
        "tone": {r: [rounded(value) for value in colour] for r, colour in face.tone.items()},
        "known_years": rounded(face.known_years),
        "belief": {
            request: {
                "darkness_codes": rounded(one.darkness_codes),
                "row_period_px": rounded(one.rows.period_px),
                "row_regularity": rounded(one.rows.regularity),
            }
            for request, one in face.belief.items()
        },
        "cycle_db": [rounded(face.cycle.same_years_db), rounded(face.cycle.present_age_db)],
    }
