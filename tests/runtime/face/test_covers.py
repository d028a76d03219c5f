import numpy as np
import pytest

from amgan.runtime.face.covers import covered_parts, describe_covers
from amgan.runtime.face.region_masks import make_region_masks
from amgan.runtime.face.zones import PART_NAMES


def test_nothing_is_covered_where_skin_is_seen(unit: np.ndarray) -> None:
    assert covered_parts(np.ones((128, 128), np.float32), make_region_masks(unit, 128)) == {}


def test_what_lies_below_the_nose_covers_mouth_and_chin(unit: np.ndarray) -> None:
    skin = np.ones((128, 128), np.float32)
    skin[round(unit[2, 1] * 128) :] = 0
    covered = covered_parts(skin, make_region_masks(unit, 128))
    assert covered["chin"] == 1.0
    assert covered["upper-lip"] > 0.8
    assert "forehead" not in covered
    assert "under-eye-bags-right" not in covered
    assert describe_covers({name: covered[name] for name in ("chin", "upper-lip")}) == "mouth and chin"


def test_a_cover_of_one_side_is_told_by_its_part(unit: np.ndarray) -> None:
    skin = np.ones((96, 96), np.float32)
    skin[:, :44] = 0  # the person's right lies at the picture's left; another size than the masks'
    covered = covered_parts(skin, make_region_masks(unit, 128))
    assert "cheek-spots-right" in covered
    assert "cheek-spots-left" not in covered


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), ""),
        (("jowls-left",), "chin"),
        (("frown", "cheek-lines-right", "chin"), "forehead, cheeks and chin"),
        (PART_NAMES, "forehead, eyes, cheeks, mouth and chin"),
    ],
)
def test_covers_in_words(parts: tuple[str, ...], words: str) -> None:
    assert describe_covers(dict.fromkeys(parts, 1.0)) == words
