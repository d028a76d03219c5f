"""The measures of belief, on made changes whose answer is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from amgan.evaluation.bands import BAND_NAMES, EDGES, band_rms
from amgan.evaluation.belief import belief_numbers, face_belief, over_faces
from amgan.evaluation.change import FaceChange
from amgan.evaluation.darkness import broad_darkness, broad_lightness
from amgan.evaluation.rows import first_return, forehead_rows, summarise_rows
from amgan.evaluation.sameness import change_correlation, correlations, mean_face, small_change

Aligned = list[tuple[np.ndarray, np.ndarray]]
GREY = 150


@pytest.fixture(scope="module")
def landmarks(aligned: Aligned) -> np.ndarray:
    """Landmarks [468, 2] in frame units of a face that looks ahead."""
    return aligned[1][1]


def changed(
    landmarks: np.ndarray, change: np.ndarray, name: str = "made", scale: float = 1.0, before: int = GREY
) -> FaceChange:
    """A plain picture that is changed by code values [S, S]; landmarks in frame units."""
    side = change.shape[0]
    plain = np.full((side, side, 3), before, np.uint8)
    after = np.clip(np.rint(plain + change[..., None]), 0, 255).astype(np.uint8)
    return FaceChange(name, plain, after, landmarks * side, scale)


def disc(side: int, centre: np.ndarray, radius: float, codes: float) -> np.ndarray:
    change = np.zeros((side, side), np.float32)
    x, y = (float(v) for v in centre * side)
    cv2.circle(change, (round(x), round(y)), round(radius), codes, -1)
    return change


def test_a_patch_is_as_dark_as_it_is_painted_and_lines_are_not(landmarks: np.ndarray) -> None:
    side = 400
    width = changed(landmarks, np.zeros((side, side))).width_px
    patch = changed(landmarks, disc(side, landmarks[50], 0.12 * width, -24))
    assert broad_darkness(patch) == pytest.approx(-24, abs=0.5)
    assert broad_lightness(patch) == pytest.approx(0, abs=0.1)
    lines = np.zeros((side, side), np.float32)
    lines[::20] = -24  # one px in twenty: dark lines, a light mean
    assert -3 < broad_darkness(changed(landmarks, lines)) < -0.5
    assert broad_lightness(changed(landmarks, -patch.codes)) == pytest.approx(24, abs=0.5)


def test_darkness_is_the_same_at_every_size_and_outside_the_face_it_does_not_count(
    landmarks: np.ndarray,
) -> None:
    found = []
    for side in (200, 800):
        width = changed(landmarks, np.zeros((side, side))).width_px
        found.append(broad_darkness(changed(landmarks, disc(side, landmarks[50], 0.09 * width, -30))))
    assert found[0] == pytest.approx(found[1], abs=1.0)
    corner = np.zeros((300, 300), np.float32)
    corner[:15, :] = -90
    assert broad_darkness(changed(landmarks, corner)) == pytest.approx(0, abs=0.2)


def test_a_face_outside_the_picture_has_no_darkness(landmarks: np.ndarray) -> None:
    far = FaceChange("far", *(np.zeros((40, 40, 3), np.uint8),) * 2, landmarks * 40 + 100)
    assert math.isnan(broad_darkness(far))
    assert all(math.isnan(value) for value in band_rms(far).values())


def test_pictures_of_two_shapes_are_no_pair(landmarks: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"made: .*\(4, 4, 3\) and \(5, 4, 3\) differ"):
        FaceChange("made", np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8), landmarks)


def test_a_wave_lies_in_the_band_of_its_scale(landmarks: np.ndarray) -> None:
    side = 640
    width = changed(landmarks, np.zeros((side, side))).width_px
    strongest = []
    for share in (EDGES[0], EDGES[2], EDGES[4]):
        # A Gaussian halves a wave whose period is 5.3 of its standard deviations.
        period = 5.3 * 1.41 * share * width
        wave = 20 * np.sin(2 * np.pi * np.arange(side) / period)[:, None] * np.ones((1, side))
        bands = band_rms(changed(landmarks, wave))
        strongest.append(max(bands, key=lambda name: bands[name]))
        total = math.sqrt(sum(v**2 for v in bands.values()))
        assert 0.5 < total / (20 / math.sqrt(2)) < 1.0, "bands overlap, so a wave is shared out"
    assert strongest == [BAND_NAMES[1], BAND_NAMES[3], BAND_NAMES[5]]


def test_bands_finer_than_the_pixels_are_not_measured(landmarks: np.ndarray) -> None:
    bands = band_rms(changed(landmarks, np.ones((96, 96))))
    assert math.isnan(bands[BAND_NAMES[0]])
    assert bands[BAND_NAMES[-1]] == pytest.approx(1.0, abs=0.01)


def correlation(faces: list[FaceChange]) -> float:
    return change_correlation([small_change(face) for face in faces])


def blobs(landmarks: np.ndarray, side: int, points: list[int]) -> np.ndarray:
    change = np.zeros((side, side), np.float32)
    for point in points:
        change += disc(side, landmarks[point], 0.05 * side, -25)
    return change


def test_one_mask_for_all_correlates_wherever_the_faces_are(aligned: Aligned) -> None:
    points = [50, 280, 151, 199]
    same = [
        changed(face, blobs(face, side, points)) for (_, face), side in zip(aligned, (260, 480), strict=True)
    ]
    assert correlation(same) > 0.85
    pictures = (np.rot90(picture, -1).copy() for picture in (same[1].before, same[1].after))
    turned = np.column_stack([480 - same[1].landmarks[:, 1], same[1].landmarks[:, 0]])
    rolled = [same[0], FaceChange("rolled", *pictures, turned)]
    assert correlation(rolled) == pytest.approx(correlation(same), abs=0.02)


def test_what_is_kept_of_a_large_face_is_small_and_correlates_as_well(landmarks: np.ndarray) -> None:
    points = [50, 280, 151, 199]
    large = changed(landmarks, blobs(landmarks, 1400, points))
    kept = small_change(large)
    assert kept.log.size < 260 * 260
    assert np.linalg.norm(kept.landmarks[234] - kept.landmarks[454]) == pytest.approx(0.7 * 256, abs=1)
    assert correlation([large, changed(landmarks, blobs(landmarks, 300, points))]) > 0.95


def test_changes_in_different_places_do_not_correlate(aligned: Aligned) -> None:
    (_, one), (_, other) = aligned
    apart = [changed(one, blobs(one, 300, [50, 151])), changed(other, blobs(other, 300, [280, 199]))]
    assert correlation(apart) < 0.05
    opposite = [apart[0], changed(one, -apart[0].codes)]
    assert correlation(opposite) < -0.95


def test_without_two_changed_faces_there_is_no_correlation(landmarks: np.ndarray) -> None:
    still = changed(landmarks, np.zeros((200, 200)))
    moved = changed(landmarks, blobs(landmarks, 200, [50]))
    assert math.isnan(correlation([moved]))
    assert math.isnan(correlation([moved, still]))
    assert len(correlations(np.eye(3, dtype=np.float32))) == 3


def test_the_mean_face_is_upright_and_fills_the_canvas(aligned: Aligned) -> None:
    mean = mean_face([aligned[0][1] * 300, aligned[1][1] * 77 + 1000])
    assert mean.min() > 0
    assert mean.max() < 256
    assert mean[234][1] == pytest.approx(mean[454][1])
    assert mean[152][1] > mean[10][1]


def ruled(side: int, period_px: float) -> np.ndarray:
    """Rows of one period, broken into pieces that start anywhere, as a network paints them."""
    random = np.random.default_rng(7)
    wave = np.sin(2 * np.pi * np.arange(side) / period_px)[:, None]
    strength = cv2.GaussianBlur(random.normal(size=(side, side)), (0, 0), 8) * 20
    return np.asarray(-12 * wave * (1 + 0.5 * strength), np.float32)


def natural(side: int, spacing_share: float, width_px: float, seed: int) -> np.ndarray:
    """Lines some way apart, at places that no rule gives, as thick as the face is large."""
    random = np.random.default_rng(seed)
    change = np.zeros((side, side), np.float32)
    y = 0.0
    while y < side:
        y += spacing_share * width_px * random.uniform(0.4, 1.6)
        slope = random.uniform(-0.05, 0.05) * side
        cv2.line(change, (0, round(y)), (side, round(y + slope)), -1.0, max(1, round(0.006 * width_px)))
    return np.asarray(cv2.GaussianBlur(change, (0, 0), 0.004 * width_px) * 30, np.float32)


def test_rows_of_a_fixed_period_are_found_in_network_px(landmarks: np.ndarray) -> None:
    found = [forehead_rows(changed(landmarks, ruled(side, 6.0))) for side in (256, 512, 1024)]
    for one in found:
        assert one.period_px == pytest.approx(6.0, abs=0.25)
        assert one.painted
        assert one.regularity > 0.7
    summary = summarise_rows(found)
    assert summary.size_slope == pytest.approx(0.0, abs=0.05)
    assert summary.painted == 1.0


def test_the_period_is_that_of_the_network_whatever_the_picture_is(landmarks: np.ndarray) -> None:
    frame = changed(landmarks, ruled(512, 7.0))
    large = [cv2.resize(p, (1024, 1024), interpolation=cv2.INTER_CUBIC) for p in (frame.before, frame.after)]
    photo = FaceChange("photo", *large, landmarks * 1024, network_scale=0.5)
    assert forehead_rows(photo).period_px == pytest.approx(7.0, abs=0.3)
    assert forehead_rows(photo).width_px == pytest.approx(forehead_rows(frame).width_px, rel=0.01)


def test_natural_lines_are_no_rows_and_go_with_the_face(landmarks: np.ndarray) -> None:
    found = []
    for side in (300, 420, 600, 850):
        width = changed(landmarks, np.zeros((side, side))).width_px
        found += [forehead_rows(changed(landmarks, natural(side, 0.045, width, s))) for s in range(8)]
    summary = summarise_rows(found)
    assert summary.painted < 0.35
    assert summary.size_slope == pytest.approx(1.0, abs=0.25)
    assert 0.03 < np.median([one.period_px / one.width_px for one in found]) < 0.08


def test_a_correlation_that_does_not_come_back_has_no_period() -> None:
    assert first_return(np.array([1.0, 0.5, 0.2])) is None
    assert first_return(np.array([1.0, 0.2, -0.5, -0.2, -0.4])) is None
    assert first_return(np.array([1.0, -0.5, 0.4, -0.5, 0.45, 0.0])) == (pytest.approx(2.0), 0.4)


def test_a_forehead_without_change_has_no_rows(landmarks: np.ndarray) -> None:
    still = forehead_rows(changed(landmarks, np.zeros((300, 300))))
    assert math.isnan(still.period_px)
    assert not still.painted
    tiny = forehead_rows(changed(landmarks, ruled(24, 6.0)))
    assert math.isnan(tiny.period_px)
    assert summarise_rows([still, tiny]).faces == 0


def test_all_at_once_and_as_numbers(aligned: Aligned) -> None:
    faces = [changed(face, blobs(face, 300, [50, 151]) + ruled(300, 6.0), f"face {k}")
             for k, (_, face) in enumerate(aligned)]  # fmt: skip
    found = over_faces([face_belief(face) for face in faces])
    assert [one.name for one in found.faces] == ["face 0", "face 1"]
    numbers = belief_numbers(found)
    assert numbers["faces"] == numbers["darkness_codes"]["n"] == numbers["rows"]["faces"] == 2
    assert numbers["darkness_codes"]["mean"] < -20
    assert numbers["correlation"] > 0.5
    assert numbers["rows"]["size_slope"] is None, "two faces of nearly one size have no slope"
    assert set(numbers["band_rms_codes"]) == set(BAND_NAMES)
