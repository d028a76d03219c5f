"""Peak memory of a new process by size of the photo; the times recorded with it are unverified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from amgan.benchmarking import photos, portrait
from amgan.runtime.bundle.bundle import Bundle


@pytest.mark.parametrize("megapixels", [1, 4, 16, 64])
def bench_memory(benchmark: Any, bundle: Bundle, size: Any, megapixels: int, tmp_path: Path) -> None:
    if size.rounds < 5 and megapixels != 1:
        pytest.skip("the short form takes one size")
    source = tmp_path / "in.jpg"
    Image.fromarray(portrait.portrait(1000 * int(megapixels**0.5))).save(source, quality=90)
    peaks: list[float] = []

    def cold() -> None:
        peaks.append(photos.run_cold(bundle, source, tmp_path / "out.jpg").peak_mib)

    benchmark.pedantic(cold, rounds=1 if size.rounds < 5 else 3)
    # Nothing is compared here, so the time means nothing: bench_photo.py measures it against PyTorch.
    benchmark.extra_info.update(megapixels=megapixels, peak_mib=max(peaks), verified=False)
