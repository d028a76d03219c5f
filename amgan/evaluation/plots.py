"""The plots of a report as PNG files in memory. matplotlib is imported on first use."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from .ages import gains
from .requests import ASKED
from .result import FaceResult

SIZE_INCHES = (5.6, 4.2)
COLOURS = ("#1f5f99", "#c8641e", "#777777", "#3a8f4d")
DPI = 96


TITLES = {
    "readings.png": "Age read over age asked",
    "identity.png": "Distance over years gained",
    "sweep.png": "Evenness of a sweep",
    "tone.png": "Shift of plain skin, asked for 70",
}
"""Titles of the plots by file name."""


def draw_all(result: Mapping[str, Any], faces: Sequence[FaceResult]) -> dict[str, bytes]:
    """All plots by file name, PNG."""
    drawings = (draw_readings(result), draw_identity(result, faces), draw_sweeps(faces), draw_tone(result))
    return dict(zip(TITLES, drawings, strict=True))


def draw_readings(result: Mapping[str, Any]) -> bytes:
    """Mean reading of every judge over the requested age, with 95 % intervals and the line of equality."""
    figure, axes = _figure("age asked, years", "age read, years")
    axes.plot((ASKED[0], ASKED[-1]), (ASKED[0], ASKED[-1]), color="#999999", linestyle="--", label="equal")
    for colour, (judge, found) in zip(COLOURS, result["all"]["age"].items(), strict=False):
        rows = [found["reading"][str(age)] for age in ASKED]
        means = [row["mean"] for row in rows]
        below = [row["mean"] - row["interval_low"] for row in rows]
        above = [row["interval_high"] - row["mean"] for row in rows]
        axes.errorbar(ASKED, means, (below, above), color=colour, marker="o", capsize=3, label=judge)
    axes.legend(frameon=False)
    return _png(figure)


def draw_identity(result: Mapping[str, Any], faces: Sequence[FaceResult]) -> bytes:
    """Descriptor distance over years gained for every face and age, with published results of others."""
    first = result["judges"][0]["name"]
    figure, axes = _figure(f"years gained, as {first} reads", "distance to the unchanged face")
    for age in ASKED:
        years = gains(faces, first, str(age))
        axes.plot(years, [face.distances[str(age)] for face in faces], ".", color=COLOURS[0], alpha=0.4)
    for one in result["anchors"]["published"]:
        axes.plot(one["years"], one["distance"], "*", color=COLOURS[1], markersize=13)
        axes.annotate(one["who"], (one["years"], one["distance"]), fontsize=7, xytext=(5, 5),
                      textcoords="offset points")  # fmt: skip
    for name, words in (("different_people", "different people"), ("mirror_image", "own mirror image")):
        if result["anchors"][name]["n"]:
            level = result["anchors"][name]["mean"]
            axes.axhline(level, color="#999999", linestyle=":")
            axes.annotate(words, (0.01, level), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
    return _png(figure)


def draw_sweeps(faces: Sequence[FaceResult]) -> bytes:
    """Histogram of the largest step of every sweep, in multiples of its mean step."""
    figure, axes = _figure("largest step / mean step", "faces")
    found = [face.sweep.times_even for face in faces if face.sweep is not None]
    axes.hist(found, bins=12, range=(1.0, max([*found, 2.0])), color=COLOURS[0])
    return _png(figure)


def draw_tone(result: Mapping[str, Any]) -> bytes:
    """Mean shift of red, green and blue in every band of skin."""
    figure, axes = _figure("", "code values")
    bands = result["skin_bands"]
    for k, colour in enumerate(("red", "green", "blue")):
        means = [band["tone"]["70"][colour].get("mean") or 0.0 for band in bands.values()]
        errors = [band["tone"]["70"][colour].get("standard_error") or 0.0 for band in bands.values()]
        xs = [i + 0.25 * (k - 1) for i in range(len(means))]
        axes.bar(xs, means, 0.23, yerr=errors, color=("#b44", "#4a4", "#46b")[k], label=colour)
    axes.set_xticks(range(len(bands)), [f"{name}\n{band['faces']} faces" for name, band in bands.items()])
    axes.axhspan(-2, 2, color="#dddddd", zorder=0)
    axes.legend(frameon=False)
    return _png(figure)


def _figure(across: str, up: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()
