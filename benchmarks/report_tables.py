"""The tables of the report and its warnings, each from result files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amgan.benchmarking.machine import busy


def read(results: Path, name: str) -> dict[str, Any] | None:
    """Read a result; None if it does not exist."""
    path = results / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@dataclass(frozen=True)
class Drawing:
    """A figure of the page: its caption, and its SVG as safe markup."""

    title: str
    says: str
    svg: str


@dataclass(frozen=True)
class Section:
    """A section of the page: optional text, figures and table."""

    title: str = ""
    says: str = ""
    drawn: Sequence[Drawing] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=list)


def speeds_table(bench: Mapping[str, Any]) -> Section:
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
    head = ("", "median, ms", "times faster", "code values", "PSNR, dB", "pixels")
    return Section("In numbers", head=head, rows=rows)


def tile_table(suites: Mapping[str, Any]) -> Section:
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
    return Section("Tiles, batches, requests in flight", head=head, rows=rows)


def suites_table(suites: Mapping[str, Any]) -> Section:
    """Engines, one photo warm and cold, its stages, a folder, and memory."""
    rows = []
    for one in suites["benchmarks"]:
        info = one["extra_info"]
        if "core_px" in info or "after" in info:
            continue
        faster, peak = info.get("times_faster"), info.get("peak_mib")
        tail = [f"{1000 * info[p]:.0f}" if p in info else "" for p in ("p50_s", "p95_s", "p99_s")]
        rows.append(
            (
                one["name"].removeprefix("bench_"),
                f"{1000 * one['stats']['median']:.0f}",
                *tail,
                "" if faster is None else f"{faster:.2f}",
                "" if peak is None else f"{peak:.0f}",
                "verified" if info.get("verified") else "UNVERIFIED",
            )
        )
    head = ("", "median, ms", "p50", "p95", "p99", "times faster than eager", "peak, MiB", "pixels")
    size = suites["amgan"].get("size", {}).get("frame_px", "?")
    return Section(f"The suites, faces of {size} px", head=head, rows=rows)


def heads(results: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The headings of the results by file name."""
    for path in sorted(results.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        head = content.get("amgan", content)
        if "hardware" in head and "command" in head:
            yield path.name, head


def sources(results: Path) -> Section:
    """The source of each number: file, machine, versions, command."""
    rows = []
    for name, head in heads(results):
        hardware = head["hardware"]
        load = hardware.get("load_average")
        shown = "" if load is None else f"{load[0]:.1f}{' (busy)' if busy(hardware) else ''}"
        commit = head.get("versions", {}).get("commit") or ""
        cpu = hardware.get("cpu") or hardware.get("gpu", "")
        features = " ".join(hardware.get("features", ()))
        bundle = head.get("model") or head.get("bundle") or {}
        weights = bundle.get("manifest_sha256", "")[:12] if isinstance(bundle, dict) else ""
        machine = f"{cpu} {features}".strip()
        rows.append((name, head.get("date", "")[:10], commit, machine, weights, shown, head["command"]))
    top = ("file", "measured", "commit", "machine", "bundle", "load before", "command")
    return Section("Where the numbers come from", head=top, rows=rows)


def warnings(results: Path, bench: Mapping[str, Any]) -> list[str]:
    """Notes at the top of the page: results of busy machines, and results of different machines."""
    said = []
    if words := busy(bench["hardware"]):
        said.append(
            f"Measured on a busy machine ({words}), which slows some more than others: measure again before "
            "believing the numbers."
        )
    others = [f"{n} ({busy(h['hardware'])})" for n, h in heads(results) if busy(h["hardware"])]
    others = [one for one in others if not one.startswith("bench_cpu.json")]
    if others:
        said.append(f"The machine was busy when these were measured: {', '.join(others)}.")
    cpus = {
        (h["hardware"]["cpu"], " ".join(h["hardware"].get("features", ())))
        for _, h in heads(results)
        if "cpu" in h["hardware"]
    }
    if len(cpus) > 1:
        said.append(
            "Not all files are of the same machine: see the last table before comparing across figures."
        )
    return said
