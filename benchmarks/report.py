"""Makes one page of the results: what was measured, how fast, and whether the pixels are right.

Reads benchmarks/results/ and writes a self-contained HTML page there, and docs/images/speed_cpu.png. What was
not measured is left out of the page; bench_cpu.json (of `amgan bench`) must be there.

Example:  python benchmarks/report.py
"""

from __future__ import annotations

import argparse
import html
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import report_plots as plots
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PICTURE = ROOT / "docs" / "images" / "speed_cpu.png"

STYLE = Path(__file__).with_name("report_page.css").read_text(encoding="utf-8")


def read(results: Path, name: str) -> dict[str, Any] | None:
    """A result, None where it was not measured."""
    path = results / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def as_svg(figure: Figure) -> str:
    """A figure as SVG to stand in a page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = stream.getvalue()
    return text[text.index("<svg") :]


def figure(title: str, says: str, drawn: Figure) -> str:
    return f"<figure><h2>{html.escape(title)}</h2><p>{html.escape(says)}</p>{as_svg(drawn)}</figure>"


def tiles(bench: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The numbers to remember, with what they mean."""
    best = max(
        (one for one in bench["speeds"].items() if "OpenVINO" in one[0] and one[1]["parity"]["verified"]),
        key=lambda item: item[1]["times_faster"],
    )
    px = bench["size"]["frame_px"]
    yield (
        f"{best[1]['times_faster']:.1f}×",
        f"as fast as PyTorch eager, one whole frame of {px} px, in {best[0].split()[-1]}",
    )
    folder = bench["speeds"]["AMGAN, a folder"]
    yield f"{1 / folder['median_s']:.1f}/s", f"photos with a face of {px} px in a folder, JPEG to JPEG"
    yield f"{min(bench['photo']['cold_s']):.1f} s", "one photo in a fresh process, start included"
    if bench["photo"]["cold_peak_mib"]:
        yield f"{max(bench['photo']['cold_peak_mib']):.0f} MiB", "peak memory of that process"


def figures(results: Path, bench: Mapping[str, Any]) -> Iterator[str]:
    px = bench["size"]["frame_px"]
    yield figure(
        "Speed",
        f"A face of {px} px. All take turns in one process with the same threads. Photos: JPEG to JPEG.",
        plots.speed_up(bench),
    )
    yield figure(
        "Are the pixels right?",
        "A speed counts only with this: every output beside PyTorch fp32 on the same frame.",
        plots.parity(bench),
    )
    warm = bench["photo"]["warm"]
    yield figure(
        "Where the time of a photo goes",
        f"One photo, warm: p50 {1000 * warm['p50_s']:.0f}, p95 {1000 * warm['p95_s']:.0f}, "
        f"p99 {1000 * warm['p99_s']:.0f} ms. In a folder the stages of several photos overlap.",
        plots.stages(bench),
    )
    if sizes := read(results, "photo_sizes_cpu.json"):
        yield figure(
            "Large faces",
            f"Cost grows with pixels to the power of {sizes['exponent_of_growth']:.2f}; what a photo costs "
            "anyway weighs more in small ones.",
            plots.scaling(sizes),
        )
    if pipeline := read(results, "photo_pipeline_cpu.json"):
        rate = pipeline["rate_of_batch_over_pytorch_eager"]
        yield figure(
            "What brings what",
            f"Portraits of 1024 px: {rate:.0f} times PyTorch eager, JPEG to JPEG and everything included.",
            plots.steps(pipeline),
        )
    if suites := read(results, "suites_cpu.json"):
        of_passes = [one for one in suites["benchmarks"] if "after" in one["extra_info"]]
        if of_passes:
            yield figure(
                "Simplification, pass by pass",
                "The same weights in OpenVINO after each exact pass, beside the plain graph.",
                plots.passes(of_passes),
            )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; numbers are flush right."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _cell(text: str) -> str:
    kind = (
        ' class="n"' if text.replace(".", "", 1).isdigit() else ' class="bad"' if text == "UNVERIFIED" else ""
    )
    return f"<td{kind}>{html.escape(text)}</td>"


def speeds_table(bench: Mapping[str, Any]) -> str:
    rows = []
    for name, one in bench["speeds"].items():
        parity = one["parity"]
        rows.append(
            (
                name,
                f"{1000 * one['median_s']:.0f}",
                f"{one['times_faster']:.2f}",
                f"{parity['max_code_values']}",
                f"{parity['psnr_db']:.0f}",
                "verified" if parity["verified"] else "UNVERIFIED",
            )
        )
    rows += [(name, "", "", "", "", f"absent: {why}") for name, why in bench["absent"].items()]
    return table(("", "median, ms", "times faster", "code values", "PSNR, dB", "pixels"), rows)


def tile_table(suites: Mapping[str, Any]) -> str:
    """Tile size x batch x batches in flight."""
    found = [one for one in suites["benchmarks"] if "core_px" in one["extra_info"]]
    rows = [
        (
            *(str(one["extra_info"][key]) for key in ("core_px", "batch", "in_flight")),
            f"{1000 * one['stats']['median']:.0f}",
            f"{one['extra_info']['times_faster']:.2f}",
            "verified" if one["extra_info"]["verified"] else "UNVERIFIED",
        )
        for one in found
    ]
    head = (
        "tile, px",
        "tiles a batch",
        "batches in flight",
        "median, ms",
        "times faster than eager",
        "pixels",
    )
    return table(head, rows)


def gpu_section(name: str, check: Mapping[str, Any]) -> str:
    """What gpu_check.py found on one GPU."""
    hardware = check["hardware"]
    rows = [
        (
            engine,
            *(
                _ratio(found.get(key))
                for key in ("times_faster_than_eager_f32", "end_to_end_against_engine_only")
            ),
            _ratio(found.get("share_of_matmul_rate")),
            ", ".join(sorted({r["verdict"] for r in check["engines"][engine].get("parity", [])}))
            or "UNVERIFIED",
        )
        for engine, found in check["summary"].items()
    ]
    rows += [
        (engine, "", "", "", f"not run: {found['not_run']}")
        for engine, found in check["engines"].items()
        if "not_run" in found
    ]
    head = ("engine", "times eager f32", "JPEG to JPEG over engine", "share of matmul rate", "parity")
    drawn = figure(f"On one {hardware['gpu']}", f"driver {hardware['driver']}; {name}", plots.gpu(check))
    return f"<section><div class=figures>{drawn}</div>{table(head, rows)}</section>"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def caught_section(caught: Mapping[str, Any]) -> str:
    """The record of a slowed pass that the comparison caught."""
    rows = [
        (run["what"], one["name"], f"{one['before']:.2f}", f"{one['now']:.2f}", one["fault"] or "as it was")
        for run in caught["runs"]
        for one in run["verdicts"]
    ]
    says = (
        "The comparison with a stored result of the same hardware fails where a lead over PyTorch shrinks by "
        "more than 15 %. Here an engine was slowed on purpose:"
    )
    head = ("engine", "measured", "before", "now", "verdict")
    return f"<section><h2>Would a regression be noticed?</h2><p>{says}</p>{table(head, rows)}</section>"


def sources(results: Path) -> str:
    """Where each number comes from: file, machine, versions, command."""
    rows = []
    for path in sorted(results.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        head = content.get("amgan", content)
        if "hardware" in head and "command" in head:
            load = head["hardware"].get("load_average", [0.0])[0]
            commit = head.get("versions", {}).get("commit") or ""
            rows.append((path.name, head.get("date", "")[:10], commit, f"{load:.1f}", head["command"]))
    return table(("file", "measured", "commit", "load before", "command"), rows)


def busy(hardware: Mapping[str, Any]) -> str:
    """A warning where the machine had other things to do."""
    load, threads = hardware["load_average"][0], hardware["threads_used"]
    if load <= 1.5 * threads:
        return ""
    return (
        f"<p class=bad>Measured on a busy machine (load {load:.0f} on {threads} CPUs), which slows some "
        "more than others: measure again before believing the numbers.</p>"
    )


def page(results: Path, bench: Mapping[str, Any]) -> str:
    """The whole page."""
    hardware, versions = bench["hardware"], bench["versions"]
    shown = "".join(
        f"<div class=tile><b>{html.escape(a)}</b><span>{html.escape(b)}</span></div>" for a, b in tiles(bench)
    )
    packages = ", ".join(
        f"{n} {versions[n]}" for n in ("torch", "openvino", "onnxruntime") if versions.get(n)
    )
    facts = (
        f"{hardware['cpu']}, {hardware['threads_used']} threads, {', '.join(hardware['features'])}; "
        f"{bench['date'][:10]}, commit {versions['commit']}, {packages}; "
        f"weights {bench['model']['checkpoint_sha256'][:12]}"
    )
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>AMGAN: speed and parity</title>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body><h1>AMGAN: how fast, and are the pixels right?</h1>",
        f"<p class=facts>{html.escape(facts)}</p>{busy(hardware)}<div class=tiles>{shown}</div>",
        f"<div class=figures>{''.join(figures(results, bench))}</div>",
        f"<section><h2>In numbers</h2>{speeds_table(bench)}</section>",
    ]
    if suites := read(results, "suites_cpu.json"):
        parts.append(f"<section><h2>Tiles, batches, requests in flight</h2>{tile_table(suites)}</section>")
    for path in sorted(results.glob("gpu_check_*.json")):
        parts.append(gpu_section(path.name, json.loads(path.read_text(encoding="utf-8"))))
    if caught := read(results, "slowed_on_purpose_cpu.json"):
        parts.append(caught_section(caught))
    if note := bench.get("note"):
        parts.append(f"<section><p>bench_cpu.json: {html.escape(note)}.</p></section>")
    parts.append(f"<section><h2>Where the numbers come from</h2>{sources(results)}</section></body></html>\n")
    return "".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("-o", "--output", type=Path, help="the page (default: report.html beside them)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the speeds as a picture")
    arguments = parser.parse_args(argv)
    bench = read(arguments.results, "bench_cpu.json")
    if bench is None:
        print(f"'{arguments.results}' has no bench_cpu.json: run `amgan bench` first", file=sys.stderr)
        return 1
    output = arguments.output or arguments.results / "report.html"
    output.write_text(page(arguments.results, bench), encoding="utf-8")
    drawn = plots.speed_up(bench)
    drawn.savefig(arguments.picture, dpi=110)
    plt.close(drawn)
    print(f"written to {output} and {arguments.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
