"""Makes one page of the results: measurements, speed, and parity of the pixels.

Reads benchmarks/results/ and writes a self-contained HTML page there, and docs/images/speed_cpu.png. Missing
results are left out of the page; bench_cpu.json (of `amgan bench`) must exist.

Example:  python benchmarks/report.py
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import report_plots as plots
from markupsafe import Markup
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from report_tables import (
    Drawing,
    Section,
    read,
    sources,
    speeds_table,
    suites_table,
    tile_table,
    warnings,
)

from amgan.runtime.pages.render import render_page

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PICTURE = ROOT / "docs" / "images" / "speed_cpu.png"

TEMPLATE = Path(__file__).with_name("report_page.html")


def figure(title: str, says: str, drawn: Figure) -> Drawing:
    """A figure as SVG for a page."""
    stream = io.StringIO()
    drawn.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(drawn)
    text = stream.getvalue()
    return Drawing(title, says, Markup(text[text.index("<svg") :]))


def tiles(bench: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The key figures with their meaning."""
    px = bench["size"]["frame_px"]
    verified = {name: one for name, one in bench["speeds"].items() if one["parity"]["verified"]}
    if engines := [name for name in verified if "OpenVINO" in name]:
        best = max(engines, key=lambda name: verified[name]["times_faster"])
        yield (
            f"{verified[best]['times_faster']:.1f}×",
            f"as fast as PyTorch eager, one whole frame of {px} px, in {best.split()[-1]}",
        )
    if folder := verified.get("AMGAN, a folder"):
        yield f"{1 / folder['median_s']:.1f}/s", f"photos with a face of {px} px in a folder, JPEG to JPEG"
    yield f"{min(bench['photo']['cold_s']):.1f} s", "one photo in a fresh process, start included"
    if bench["photo"]["cold_peak_mib"]:
        yield f"{max(bench['photo']['cold_peak_mib']):.0f} MiB", "peak memory of that process"


def figures(results: Path, bench: Mapping[str, Any]) -> Iterator[Drawing]:
    px = bench["size"]["frame_px"]
    yield figure(
        "Speed",
        f"A face of {px} px. All take turns in one process with the same threads. Photos: JPEG to JPEG.",
        plots.speed_up(bench),
    )
    yield figure(
        "Are the pixels right?",
        "A speed counts only with this: every output compared with PyTorch fp32 on the same frame.",
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
            "anyway weighs more in small ones. Unverified: this run compares no pixels.",
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
                "The same weights in OpenVINO after each exact pass, compared with the plain graph.",
                plots.passes(of_passes),
            )


def gpu_section(name: str, check: Mapping[str, Any]) -> Section:
    """The section for a result of gpu_check.py."""
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
    return Section(drawn=[drawn], head=head, rows=rows)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def caught_section(caught: Mapping[str, Any]) -> Section:
    """The section for a slowed pass that the comparison detected."""
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
    return Section("Would a regression be noticed?", says, head=head, rows=rows)


def page(results: Path, bench: Mapping[str, Any]) -> str:
    """The whole page."""
    hardware, versions = bench["hardware"], bench["versions"]
    packages = ", ".join(
        f"{n} {versions[n]}" for n in ("torch", "openvino", "onnxruntime") if versions.get(n)
    )
    facts = (
        f"{hardware['cpu']}, {hardware['threads_used']} threads, "
        f"{', '.join(hardware['features']) or 'no vector instructions known of'}; "
        f"{bench['date'][:10]}, commit {versions['commit']}, {packages}; "
        f"weights {bench['model']['checkpoint_sha256'][:12]}"
    )
    sections = [speeds_table(bench)]
    if suites := read(results, "suites_cpu.json"):
        sections += [suites_table(suites), tile_table(suites)]
    for path in sorted(results.glob("gpu_check_*.json")):
        sections.append(gpu_section(path.name, json.loads(path.read_text(encoding="utf-8"))))
    if caught := read(results, "slowed_on_purpose_cpu.json"):
        sections.append(caught_section(caught))
    if note := bench.get("note"):
        sections.append(Section(says=f"bench_cpu.json: {note}."))
    return render_page(
        TEMPLATE,
        title="AMGAN: speed and parity",
        facts=facts,
        warnings=warnings(results, bench),
        tiles=list(tiles(bench)),
        drawn=list(figures(results, bench)),
        sections=[*sections, sources(results)],
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "-o", "--output", type=Path, help="the page (default: report.html in the same folder)"
    )
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
