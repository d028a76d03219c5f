"""The committed result of 50 JPEGs: all were changed, and none beyond its touched blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import numpy as np


def test_the_committed_result_is_right_and_of_all_kinds(script: Callable[[str], ModuleType]) -> None:
    kept_jpeg = script("kept_jpeg")
    told = json.loads(kept_jpeg.RESULT.read_text(encoding="utf-8"))
    kinds = list(kept_jpeg.kinds())
    assert [(one["kind"], one["photo"]) for one in told["results"]] == [(k.name, k.photo) for k in kinds]
    assert len(kinds) == 50
    for one, kind in zip(told["results"], kinds, strict=True):
        assert one["pixels_changed_percent"] > 0, one
        assert one["unchanged_gives_same_bytes"], one
        assert one["outside_identical"] or not kind.is_kept, one
        assert one["blocks_can_be_kept"] == kind.is_kept


def test_what_may_change_is_the_block_and_one_pixel_around_it(
    script: Callable[[str], ModuleType],
) -> None:
    changed = np.zeros((50, 60), bool)
    changed[20, 20] = True
    allowed = script("kept_jpeg").may_change(changed)
    assert allowed[15:33, 15:33].all()
    assert allowed.sum() == 18 * 18
