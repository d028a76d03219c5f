"""The torture folder in small, with an ager that needs no network: nothing crashes, all is accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from check_torture import FACE, what_is_wrong
from make_torture import Maker, cases_of
from numpy.typing import NDArray
from support.fake_pipeline import FACES

from amgan.runtime.ages.request import Request
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.run import run_batch

pytestmark = pytest.mark.slow

REQUEST = Request.parse("70")


class QuickAger:
    """Darkens the middle of every photo that is large enough for a face."""

    jpeg_decoder = jpeg_encoder = None

    def start(self, rgb: NDArray[np.uint8], request: Request, label: str) -> Any:
        if min(rgb.shape[:2]) < 32 or max(rgb.shape) > 4000:
            from amgan.runtime.pipeline.face_filter import NoFaceError

            raise NoFaceError("no face was found")
        return rgb

    def finish(self, started: Any, *, in_place: bool) -> Any:
        height, width = started.shape[:2]
        left, top, right, bottom = FACE
        rows = slice(int(top * height) + 2, int(bottom * height) - 2)
        columns = slice(int(left * width) + 2, int(right * width) - 2)
        started[rows, columns] = started[rows, columns] // 8 * 7
        return SimpleNamespace(pixels=started, faces=FACES[:1], left=(), found=None)


@pytest.fixture(scope="module")
def torture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("torture")
    return folder, list(cases_of(folder / "in", 64, slow=False))


def test_every_file_of_the_torture_folder_is_accounted_for(torture: tuple[Path, list]) -> None:
    folder, cases = torture
    jobs = plan_run([folder / "in"], folder / "out").tasks
    outcomes = {one.source.path: one for one in run_batch(QuickAger(), jobs, REQUEST)}
    assert len(cases) > 400
    assert outcomes.keys() == {folder / "in" / case.path for case in cases}
    counts: Counter[str] = Counter()
    wrong = []
    for case in cases:
        one = outcomes[folder / "in" / case.path]
        counts[one.status] += 1
        if one.status == "failed" and (not one.reason or "unexpected" in one.reason or "\n" in one.reason):
            wrong.append(f"{case.path}: {one.reason}")
        if case.expected not in (
            "any",
            {"failed": "refused", "skipped": "refused"}.get(one.status, one.status),
        ):
            wrong.append(f"{case.path}: {one.status} {one.reason}, not {case.expected}")
        if case.expected == "aged" and one.target is not None:
            fault = what_is_wrong(one.source.path, one.target.path)
            wrong += [f"{case.path}: {fault}"] if fault else []
    assert not wrong, wrong
    assert counts["aged"] > 150 and counts["failed"] > 150
    written = {path for path in (folder / "out").rglob("*") if path.is_file()}
    assert written == {one.target.path for one in outcomes.values() if one.target}
    assert not Path("/tmp/amgan-was-here").exists()


def test_the_check_of_good_photos_can_fail(tmp_path: Path) -> None:
    from PIL import Image

    pixels = Maker(tmp_path, 64).pixels
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=b"one")
    assert what_is_wrong(tmp_path / "a.png", tmp_path / "a.png") == "the face did not change"
    for name, made, options, says in (
        ("b.png", 255 - pixels, {"icc_profile": b"one"}, "outside"),
        ("c.png", pixels, {"icc_profile": b"two"}, "profile"),
        ("d.png", np.rot90(pixels), {"icc_profile": b"one"}, "turned"),
        ("e.png", pixels[..., 0], {"icc_profile": b"one"}, "became L"),
    ):
        Image.fromarray(np.ascontiguousarray(made)).save(tmp_path / name, **options)
        assert says in what_is_wrong(tmp_path / "a.png", tmp_path / name)
