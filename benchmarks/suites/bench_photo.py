"""Whole photos, JPEG to JPEG: one in a warm process, one in a new process, a folder, and each stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amgan.benchmarking import photos, portrait
from amgan.benchmarking.timing import percentiles
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.pipeline.pipeline import Pipeline


def bench_one_photo_warm(in_turn: Any, benchmark: Any, photo: Any, photo_parity: Any) -> None:
    in_turn(photo.run, parity=photo_parity)
    benchmark.extra_info.update(percentiles(benchmark.stats.stats.data))


@pytest.mark.parametrize("stage", photos.STAGES)
def bench_stage(in_turn: Any, photo: Any, photo_parity: Any, stage: str) -> None:
    in_turn(photo.stages()[stage], parity=photo_parity)


def bench_folder(
    in_turn: Any,
    benchmark: Any,
    bundle: Bundle,
    portraits: Path,
    photo_parity: Any,
    size: Any,
    tmp_path: Path,
) -> None:
    with Pipeline(bundle.path, "cpu") as pipeline:
        in_turn(
            lambda: photos.age_folder(pipeline, portraits, tmp_path / "out"),
            parity=photo_parity,
            units=size.photos,
        )
    benchmark.extra_info["photos_per_second"] = size.photos / benchmark.stats.stats.median


def bench_one_photo_cold(
    in_turn: Any, benchmark: Any, bundle: Bundle, photo_parity: Any, size: Any, tmp_path: Path
) -> None:
    """A new process for every run, with its peak memory."""
    source = portrait.write_portrait(tmp_path / "in.jpg", size.frame_px)
    peaks: list[float] = []

    def cold() -> None:
        peaks.append(photos.run_cold(bundle, source, tmp_path / "out.jpg").peak_mib)

    in_turn(cold, parity=photo_parity)
    benchmark.extra_info["peak_mib"] = max(peaks)
