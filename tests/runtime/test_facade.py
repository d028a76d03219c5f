"""The public names of amgan.runtime, and what they take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import HOPPER

import amgan.runtime
from amgan.runtime import Bundle, Pipeline, Request
from amgan.runtime.errors import UsageError


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


def test_a_pipeline_takes_a_bundle_and_says_what_a_photo_is(tiny_bundle: Path) -> None:
    with Pipeline(Bundle.open(tiny_bundle), "cpu", "fp32") as pipeline:
        picture = Image.open(HOPPER).convert("RGB")
        with pytest.raises(UsageError, match=r"must be a NumPy array, .* not Image: take that of read_photo"):
            pipeline.estimate(picture)  # type: ignore[arg-type]
        assert len(pipeline.estimate(np.asarray(picture))) == 1
