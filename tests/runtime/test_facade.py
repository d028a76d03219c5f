"""The public names of amgan.runtime, and what they take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.helpers import HOPPER

import amgan.runtime
from amgan.runtime import BatchSession, Bundle, Pipeline, Request, read_photo
from amgan.runtime.errors import BundleError, PhotoError, UsageError


def test_every_public_name_is_there_and_documented() -> None:
    for name in amgan.runtime.__all__:
        assert getattr(amgan.runtime, name).__doc__, name
    assert set(amgan.runtime.__all__) <= set(dir(amgan.runtime))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = amgan.runtime.nothing


def test_an_age_may_be_a_number() -> None:
    assert Request.parse(age=70) == Request.parse(age="70") == Request.parse(70.0)
    with pytest.raises(UsageError, match=r"70 is no AgeSpec: write Request\.parse\(age=70\) instead"):
        Request(age=70).check()  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="years"):
        Request.parse(age=float("nan"))


def test_zones_may_be_texts_or_a_mapping() -> None:
    wanted = Request.parse(zones=["forehead=+25", "chin=60"])
    assert Request.parse(zones={"forehead": "+25", "chin": 60}) == wanted
    assert Request.parse(zones="chin=60") == Request.parse(zones=["chin=60"])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Request.parse(age=[70]), "[70] is not an age: write years such as 70"),
        (lambda: Request.parse(age=True), "True is not an age"),
        (lambda: Request.parse(zones=[("chin", 70)]), "('chin', 70) is not a zone with an age"),
        (lambda: Request.parse(70, strength="0.5"), "`strength` is '0.5': give a number from 0 to 1"),
        (lambda: Request.parse(70, strength=True), "`strength` is True: give a number"),
        (lambda: Request.parse(70, strength=None), "`strength` is None: give a number"),
        (lambda: Request.parse(70, pattern=1.5), "`pattern` is 1.5: give the number of a pattern"),
        (lambda: Request.parse(70, min_face_px="20"), "`min_face_px` is '20': give a number of pixels"),
        (lambda: Request.parse(70, hair="yes"), "`hair` is 'yes': give True or False"),
        (lambda: Request(zones={"chin": 70}).check(), "'chin' is no zone with an AgeSpec"),  # type: ignore[arg-type]
        (lambda: Request(zones=(("chin", 70),)).check(), "('chin', 70) is no zone with an AgeSpec"),  # type: ignore[arg-type]
        (lambda: BatchSession(HOPPER, "out", 70), "70 is no Request: write Request.parse(age=70)"),  # type: ignore[arg-type]
        (lambda: session(engine="spark"), "`engine` 'spark' is not known: use one of local, ray"),
        (lambda: session(no_face="none"), "`no_face` 'none' is not known: use one of skip, copy, error"),
        (lambda: session(metadata="none"), "`metadata` 'none' is not known: use one of keep, strip"),
        (lambda: session(threads=0), "`threads` is 0: give a whole number from 1 on, or leave it out"),
        (lambda: session(quality=500), "`quality` is 500: give a whole number from 1 to 100"),
        (lambda: session(memory_bytes=1.5), "`memory_bytes` is 1.5: give a whole number"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert sentence in str(caught.value)


def session(**options: Any) -> BatchSession:
    return BatchSession([HOPPER], "out", Request.parse(70), **options)


def test_names_that_are_none() -> None:
    with pytest.raises(BundleError, match="5 is no bundle: give its folder"):
        Bundle.open(5)  # type: ignore[arg-type]
    with pytest.raises(PhotoError, match="5 is no name of a photo: give its path"):
        read_photo(5)  # type: ignore[arg-type]


def test_a_session_takes_one_input_and_a_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    planned = BatchSession(HOPPER, tmp_path / "out", Request.parse(70), model=Bundle.open(tiny_bundle))
    assert [task.source.path for task in planned.plan.tasks] == [HOPPER]
    assert planned._model == tiny_bundle


def test_a_pipeline_takes_a_bundle_and_says_what_a_photo_is(tiny_bundle: Path) -> None:
    with Pipeline(Bundle.open(tiny_bundle), "cpu", "fp32") as pipeline:
        picture = Image.open(HOPPER).convert("RGB")
        with pytest.raises(UsageError, match=r"must be a NumPy array, .* not Image: take that of read_photo"):
            pipeline.estimate(picture)  # type: ignore[arg-type]
        assert len(pipeline.estimate(np.asarray(picture))) == 1
