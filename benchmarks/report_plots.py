"""The plots of the report, each from one result file; all are matplotlib figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "amgan",
        "font.size": 10,
        "font.family": "DejaVu Sans",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

OURS, THEIRS, FAINT, WRONG = "#0b6e99", "#9aa5ad", "#d7dde1", "#b3261e"
WIDTH_IN = 6.4


def speed_up(bench: Mapping[str, Any]) -> Figure:
    """Speed relative to PyTorch eager for the same face; hatched bars are unverified."""
    names = list(bench["speeds"])
    speeds = [bench["speeds"][name] for name in names]
    values = [one["times_faster"] for one in speeds]
    colours = [WRONG if not one["parity"]["verified"] else OURS if one["ours"] else THEIRS for one in speeds]
    notes = [f"{value:.1f}×" if value < 9.95 else f"{value:.0f}×" for value in values]
    notes = [
        note if one["parity"]["verified"] else f"{note} unverified"
        for note, one in zip(notes, speeds, strict=True)
    ]
    figure = _bars(names, values, colours, notes)
    figure.axes[0].set_xlabel(f"times faster than {bench['reference']} (fp32, whole frame), same run")
    return figure


def stages(bench: Mapping[str, Any]) -> Figure:
    """Time of one photo by stage."""
    medians = bench["photo"]["stages_median_s"]
    total = sum(medians.values())
    colours = [OURS if name == "engine" else THEIRS for name in medians]
    notes = [f"{1000 * s:.0f} ms ({s / total:.0%})" for s in medians.values()]
    figure = _bars(list(medians), [1000 * s for s in medians.values()], colours, notes)
    figure.axes[0].set_xlabel("median, ms")
    return figure


def parity(bench: Mapping[str, Any]) -> Figure:
    """The largest difference from PyTorch fp32, and the tolerance."""
    shown = {name: one for name, one in bench["speeds"].items() if name != bench["reference"]}
    apart = [one["parity"]["max_code_values"] for one in shown.values()]
    allowed = [one["parity"]["allowed_code_values"] for one in shown.values()]
    colours = [
        WRONG if not one["parity"]["verified"] else OURS if one["ours"] else THEIRS for one in shown.values()
    ]
    notes = [
        f"{one['parity']['max_code_values']} of {one['parity']['allowed_code_values']}, "
        f"{one['parity']['psnr_db']:.0f} dB"
        for one in shown.values()
    ]
    figure = _bars(list(shown), apart, colours, notes, behind=allowed)
    figure.axes[0].set_xlabel("largest difference in code values (of 255); pale: what is allowed")
    return figure


def steps(pipeline: Mapping[str, Any]) -> Figure:
    """Gain of each step from PyTorch on whole frames to the batch runner."""
    medians = pipeline["median_seconds_per_photo"]
    order = [next(name for name in medians if name.startswith("pytorch eager"))]
    order += list(pipeline["times_faster_than_the_step_before"])
    slowest = medians[order[0]]
    notes = [f"{1000 * medians[n]:.0f} ms, {slowest / medians[n]:.1f}×" for n in order]
    labels = [n.replace(", whole frames of", ",\nwhole frames of") for n in order]
    colours = [THEIRS, *[OURS] * (len(order) - 1)]
    figure = _bars(labels, [1000 * medians[n] for n in order], colours, notes)
    figure.axes[0].set_xlabel("median, ms a portrait of 1024 px")
    return figure


def scaling(sizes: Mapping[str, Any]) -> Figure:
    """Seconds by megapixels of a face's frame."""
    rows = sizes["sizes"]
    x = [row["megapixels"] for row in rows]
    y = [statistics.median(row["seconds"]) for row in rows]
    slope = y[-1] / x[-1]
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.2), layout="constrained")
    axes.loglog(x, [slope * v for v in x], "--", color=THEIRS, label="proportional to the pixels")
    axes.loglog(x, y, "o-", color=OURS, label="measured (median)")
    for at, seconds, side in ((x[0], y[0], "left"), (x[-1], y[-1], "right")):
        axes.annotate(f"{seconds:.2g} s", (at, seconds), xytext=(-4, 7), textcoords="offset points", ha=side)
    ticks = (0.25, 0.5, 1, 2, 4, 8, 16)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="megapixels of the face's frame", ylabel="seconds, pixels to pixels")
    axes.legend(frameon=False)
    return figure


def passes(suites: Sequence[Mapping[str, Any]]) -> Figure:
    """The generator after each pass compared with the plain one; ``suites``: entries of bench_passes."""
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.4), layout="constrained")
    styles = {"f32": (THEIRS, "s-"), "bf16": (OURS, "o-")}
    names: list[str] = []
    found = {e["extra_info"]["precision"] for e in suites}
    if found == {"f32"}:  # a CPU without bf16
        styles["f32"] = (OURS, "s-")
    for precision, (colour, style) in styles.items():
        one = [e["extra_info"] for e in suites if e["extra_info"]["precision"] == precision]
        if one:
            names = [info["after"] for info in one] if len(one) >= len(names) else names
            values = [info["times_faster"] for info in one]
            axes.plot([info["after"] for info in one], values, style, color=colour, label=precision)
            axes.annotate(f"{values[-1]:.2f}×", (len(one) - 1, values[-1]), xytext=(6, -3),
                          textcoords="offset points", color=colour)  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("times faster than plain")
    axes.axhline(1.0, color=FAINT, zorder=0)
    axes.legend(frameon=False)
    return figure


def gpu(check: Mapping[str, Any]) -> Figure:
    """Frames per second of every engine on a GPU, and of PyTorch."""
    rates = {
        f"PyTorch {name}": one["frames_per_second"]
        for name, one in check["pytorch_whole_frames"].items()
        if "frames_per_second" in one
    }
    colours = [THEIRS] * len(rates)
    for name, engine in check["engines"].items():
        if "engine_only" in engine:
            best = max(engine["engine_only"].values(), key=lambda one: one["frames_per_second"])
            rates[f"AMGAN, {best['engine']} {best['precision']}"] = best["frames_per_second"]
            failed = any(r["verdict"] == "failed" for r in engine.get("parity", [])) or "parity" not in engine
            colours.append(WRONG if failed else OURS)
            if "end_to_end" in engine:
                rates[f"AMGAN, {name}: JPEG to JPEG"] = engine["end_to_end"]["photos_per_second"]
                colours.append(colours[-1])
    figure = _bars(list(rates), list(rates.values()), colours, [f"{rate:.0f}" for rate in rates.values()])
    figure.axes[0].set_xlabel("frames a second")
    return figure


def _bars(
    names: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str],
    notes: Sequence[str],
    behind: Sequence[float] | None = None,
) -> Figure:
    """Horizontal bars, the first at the top, each with a note at its end."""
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 0.9 + 0.34 * len(names)), layout="constrained")
    at = range(len(names))
    if behind is not None:
        axes.barh(at, behind, color=FAINT, height=0.72)
    axes.barh(at, values, color=colours, height=0.72 if behind is None else 0.4)
    ends = values if behind is None else [max(pair) for pair in zip(values, behind, strict=True)]
    for y, (end, note) in enumerate(zip(ends, notes, strict=True)):
        axes.annotate(note, (end, y), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(at, names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.25)
    axes.set_xlim(left=0)
    return figure
