"""`amgan info`: shows the contents of a bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amgan.commands.options import PathType
from amgan.commands.tables import make_table, parity_notes, parity_tables, pass_table, wide_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.bundle.manifest import FileEntry, Manifest, TensorSpec

HASH_DIGITS = 12


@click.command("info")
@click.argument("bundle", required=False, type=PathType, metavar="[BUNDLE]")
@click.option("--json", "as_json", is_flag=True, show_default="tables", help="Print JSON instead of tables.")
def command(bundle: Path | None, as_json: bool) -> None:
    """Validate a bundle and show its contents.

    Without BUNDLE, the shipped one.

    \b
    Examples:
      amgan info
      amgan info bundle --json
    """  # noqa: D301
    from amgan.runtime.bundle.bundle import Bundle

    opened = Bundle.open(bundle)
    if as_json:
        click.echo(json.dumps(_as_json(opened), indent=2))
    else:
        _print(opened)


def _as_json(bundle: Bundle) -> dict[str, Any]:
    """The manifest with the bundle's path and the files' sizes in bytes."""
    content = bundle.manifest.to_dict()
    for name, entry in content["files"].items():
        entry["bytes"] = (bundle.path / name).stat().st_size
    return {"path": str(bundle.path), **content}


def _print(bundle: Bundle) -> None:
    console = wide_console()
    manifest = bundle.manifest
    console.print(_plain("", _facts(bundle)))
    tensors = _tensors(manifest)
    if tensors.row_count:
        console.print(tensors)
    console.print(_files(bundle))
    engines = [(name, entry) for name, entry in manifest.files.items() if entry.build is not None]
    if engines:
        console.print(_engines(engines))
    if manifest.export and "passes" in manifest.export:
        console.print(pass_table(manifest.export))
    if manifest.parity:
        _print_parity(console, manifest.parity)
    if manifest.created_with:
        console.print(_plain("created with", list(manifest.created_with.items())))


def _print_parity(console: Console, report: Mapping[str, Any]) -> None:
    tables = parity_tables(report)
    if not tables:
        console.print(_plain("parity", list(_flat(report))))
        return
    for table in tables:
        console.print(table)
    for note in parity_notes(report):
        console.print(note, markup=False)


def _facts(bundle: Bundle) -> list[tuple[str, str]]:
    m = bundle.manifest
    return [
        ("bundle", f"{bundle.path} (whole, all hashes agree)"),
        ("model", f"{m.model} {m.version}"),
        ("frames", f"{m.min_frame_px} to {m.max_frame_px} px, at best {m.canonical_px} px"),
        ("tiles", f"halo {m.halo_px} px, sides in steps of {m.tile_multiple} px"),
        ("ages", f"{m.age_range[0]:g} to {m.age_range[1]:g} years, neutral at {m.neutral_age:g}"),
        ("patterns", f"{m.patterns}, on coordinates of the {m.coordinates}"),
        ("estimator", f"frames of {m.estimator.frame_px} px, {m.estimator.grid} x {m.estimator.grid} ages"),
        ("checkpoint", f"SHA-256 {m.checkpoint_sha256 or 'unknown'}"),
    ]


def _plain(title: str, rows: list[tuple[str, str]]) -> Table:
    from rich.markup import escape

    table = make_table(title, "", "")
    table.show_header = False
    for name, value in rows:
        table.add_row(escape(name), escape(str(value)))
    return table


def _tensors(manifest: Manifest) -> Table:
    from rich.markup import escape

    table = make_table("tensors", "network", "", "name", "type", "shape", "range", "what it is")
    for network, spec in (("generator", manifest.generator), ("estimator", manifest.estimator)):
        for way, tensors in (("in", spec.inputs), ("out", spec.outputs)):
            for tensor in tensors:
                table.add_row(network, way, *(escape(cell) for cell in _tensor_cells(tensor)))
    return table


def _tensor_cells(tensor: TensorSpec) -> tuple[str, ...]:
    limits = f"{tensor.range[0]:g}..{tensor.range[1]:g}" if tensor.range else ""
    shape = f"[{', '.join(str(size) for size in tensor.shape)}]"
    return tensor.name, tensor.type, shape, limits, tensor.description


def _files(bundle: Bundle) -> Table:
    from rich.markup import escape

    table = make_table("files", "file", "role", "format", "precision", "size", "SHA-256", right=("size",))
    for name, entry in bundle.manifest.files.items():
        size = (bundle.path / name).stat().st_size
        cells = (name, entry.role, entry.format, entry.precision)
        table.add_row(*(escape(c) for c in cells), _size(size), f"{entry.sha256[:HASH_DIGITS]}...")
    return table


def _engines(engines: list[tuple[str, FileEntry]]) -> Table:
    from rich.markup import escape

    table = make_table("engines", "file", "TensorRT", "targets", "picture", "batch", "half", "checked in")
    for name, entry in engines:
        build = entry.build
        assert build is not None
        table.add_row(
            escape(name),
            f"{build.flavour} {build.version}",
            ", ".join(build.targets),
            f"{build.profile.size_px[0]}x{build.profile.size_px[1]} px",
            "/".join(str(n) for n in build.profile.batch),
            f"{build.half_share:.1%}",
            build.checked,
        )
    return table


def _flat(report: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested mappings as rows with dotted names."""
    rows: list[tuple[str, str]] = []
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows.extend(_flat(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", f"{value:g}" if isinstance(value, float) else str(value)))
    return rows


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"
