"""Plots of training curves from the run's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PANELS = (
    ("supervised", ("g/paired", "g/texture")),
    ("critic: real minus fake", ("gap",)),
    ("critic's scores", ("d/real", "d/fake", "d/mismatched")),
    ("aging map error (25 years = 1)", ("d/head_age", "d/head_zones", "d/zones", "g/age")),
    ("position error", ("d/head_position", "g/position")),
    ("cycle", ("g/cycle",)),
)
SMOOTH = 10


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of a log by step; the later row wins if a restart repeated steps."""
    rows: dict[float, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if "d/real" in row:
            row["gap"] = row["d/real"] - row["d/fake"]
        rows[row["step"]] = row
    return [rows[step] for step in sorted(rows)]


def plot_log(log: Path, picture: Path) -> Path:
    """Draw the curves of PANELS, smoothed over SMOOTH rows, into a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_log(log)
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 6.5), constrained_layout=True)
    for axis, (title, names) in zip(axes.flat, PANELS, strict=True):
        _panel(axis, title, names, rows)
    figure.savefig(picture, dpi=80)
    pyplot.close(figure)
    return picture


def _panel(axis: Any, title: str, names: tuple[str, ...], rows: list[dict[str, float]]) -> None:
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        steps = [s for s, _ in points]
        values = [v for _, v in points]
        windows = [values[max(0, i - SMOOTH + 1) : i + 1] for i in range(len(values))]
        means = [sum(window) / len(window) for window in windows]
        axis.plot(steps, means, label=name, linewidth=1.2)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("step", fontsize=8)
    axis.grid(alpha=0.3)
    if len(names) > 1:
        axis.legend(fontsize=7)
