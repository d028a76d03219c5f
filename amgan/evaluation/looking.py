"""Files for inspecting an evaluation: random sheets, the table of faults, and adding its counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amgan.runtime.errors import UsageError

from .belief_tables import fault_section
from .faults import TABLE, empty_table
from .looks import Look, draw_sample, make_looks
from .output import REPORT, RESULT, to_json, write_files
from .requests import BELIEF_OLDER, BELIEF_YOUNGER
from .result import FaceResult

OLDEST_TO_AGE = 62.0
"""Faces older than this are shown made younger, as there is no room to make them older."""

_MARK = "<!-- faults -->"
_END = "<!-- end of faults -->"


def looks_of(faces: Sequence[FaceResult], first: str) -> list[Look]:
    """One look per face: made older, or younger where the judge ``first`` reads it as old."""
    return [
        face.looks[BELIEF_YOUNGER if face.years_now(first) > OLDEST_TO_AGE else BELIEF_OLDER]
        for face in faces
        if face.looks
    ]


def to_look_at(looks: Sequence[Look], seed: int) -> dict[str, str | bytes]:
    """The files for a visual inspection: the sheets and the empty table."""
    drawn = draw_sample(looks, seed=seed)
    return {TABLE: empty_table(drawn), **make_looks(drawn)}


def add_faults(folder: Path, counts: Mapping[str, Any]) -> None:
    """Add counts to the evaluation.json of a folder, and to its report.html where there is one.

    Replaces earlier counts. Raises UsageError where there is no result.
    """
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"'{folder}' holds no {RESULT} of an evaluation: name its folder with -o") from error
    files: dict[str, str | bytes] = {RESULT: to_json(result | {"faults": counts})}
    report = folder / REPORT
    if report.is_file():
        page = report.read_text(encoding="utf-8")
        before, mark, after = page.partition(_MARK)
        if not mark:
            raise UsageError(f"'{report}' has no section for faults: evaluate again")
        after = after.partition(_END)[2] if _END in after else after
        files[REPORT] = f"{before}{_MARK}{fault_section(counts)}{_END}{after}"
    write_files(folder, files)
