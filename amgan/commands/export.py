"""`amgan export`: converts a checkpoint to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amgan.commands.options import PathType, gpu_option
from amgan.commands.output import needs, say
from amgan.runtime.errors import UsageError

MIN_CORE_PX = 64


def read_cores(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """Parse widths and heights in px, 320x400 or the side of a square; raises UsageError."""
    found = []
    for value in values:
        sides = value.split("x")
        if len(sides) > 2 or not all(side.isdecimal() and int(side) >= MIN_CORE_PX for side in sides):
            raise UsageError(
                f"--core {value!r} is no size: use one such as 320x400, sides of {MIN_CORE_PX} px or more"
            )
        found.append((int(sides[0]), int(sides[-1])))
    return tuple(found)


@click.command("export")
@click.option(
    "-o", "--output", required=True, type=PathType, metavar="BUNDLE", help="Folder to write the bundle to."
)
@click.option(
    "--checkpoint", type=PathType, metavar="FILE", show_default="the shipped weights",
    help="Weights to export, a .safetensors file of `amgan train`.",
)  # fmt: skip
@click.option("--fp16", is_flag=True, show_default="fp32", help="Also write ONNX files in fp16.")
@click.option("--bf16", is_flag=True, show_default="fp32", help="Also write ONNX files in bf16.")
@click.option(
    "--fp8", is_flag=True, show_default="fp32",
    help="Also write the generator with its blocks' convolutions in FP8 (e4m3), for PyTorch on GPUs "
    "from Ada on.",
)  # fmt: skip
@click.option(
    "--targets", metavar="current|smNN,...", show_default="no engines",
    help="Also build TensorRT engines in half precision (implies --fp16): for the GPU of this machine, or "
    "for GPU generations such as sm86,sm89,sm120, which needs no GPU.",
)  # fmt: skip
@click.option(
    "--flavour", type=click.Choice(["auto", "tensorrt", "tensorrt_rtx"]), default="auto", show_default=True,
    help="TensorRT flavour to build with; auto selects TensorRT for --targets current if it is installed, "
    "otherwise TensorRT for RTX.",
)  # fmt: skip
@click.option("--force", is_flag=True, show_default="keep them", help="Rebuild engines that are up to date.")
@click.option(
    "--core", "cores", callback=read_cores, multiple=True, metavar="WxH",
    show_default="23 sizes from 144x176 to 816x1024",
    help="Width and height in px of an engine's tiles without halo, or the side of a square; repeat for "
    "several engines.",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(1, 64), metavar="N", show_default="8",
    help="Maximum batch size of an engine; smaller for tiles of 512 px and more.",
)  # fmt: skip
@click.option(
    "--level", type=click.IntRange(0, 5), metavar="N", show_default="3",
    help="TensorRT's optimisation level, 0 (fast build) to 5.",
)  # fmt: skip
@click.option(
    "--workspace", type=click.IntRange(1), metavar="MIB", show_default="TensorRT's own limit",
    help="Memory limit in MiB for intermediate results of an engine.",
)  # fmt: skip
@click.option(
    "--timing-cache", type=PathType, metavar="FILE", show_default="in the user's cache folder",
    help="File for TensorRT's timing cache, which speeds up the next build.",
)  # fmt: skip
@click.option(
    "--hardware-compatibility", is_flag=True, show_default="off",
    help="Build TensorRT engines that run on every GPU from Ampere on, at some cost in speed.",
)  # fmt: skip
@click.option(
    "--plain", is_flag=True, show_default="simplified",
    help="Write the unsimplified networks as traced by PyTorch, in fp32: slower, for comparison only.",
)  # fmt: skip
@click.option(
    "--triton", type=PathType, metavar="DIR", show_default="none",
    help="Also write a model repository for NVIDIA's Triton Inference Server.",
)  # fmt: skip
@gpu_option
def command(
    output: Path,
    checkpoint: Path | None,
    fp16: bool,
    bf16: bool,
    fp8: bool,
    targets: str | None,
    flavour: str,
    force: bool,
    cores: tuple[tuple[int, int], ...],
    batch: int | None,
    level: int | None,
    workspace: int | None,
    timing_cache: Path | None,
    hardware_compatibility: bool,
    plain: bool,
    triton: Path | None,
) -> None:
    """Convert trained weights to a bundle.

    A bundle is a folder that all engines read and that --model names. Its networks are simplified to
    equivalent ones, and every file is compared with PyTorch; if the difference is too large, nothing is
    written.

    \b
    Examples:
      amgan export -o bundle
      amgan export -o bundle --checkpoint runs/mine/last.safetensors --fp16
      amgan export -o bundle --targets sm86,sm89,sm120
      amgan export -o bundle --targets current --core 320x400 --core 832x1024 --batch 4
      amgan export -o bundle --triton models
    """  # noqa: D301
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"the checkpoint '{checkpoint}' does not exist: give a .safetensors file")
    of_engines = _given(
        cores=cores or None,
        batch=batch,
        level=level,
        workspace_mib=workspace,
        timing_cache=timing_cache,
        portable=hardware_compatibility or None,
    )
    if targets is None and (force or flavour != "auto" or of_engines):
        raise UsageError(
            "--flavour, --force and the options of engines are about engines: name their --targets, too"
        )
    if plain and (fp16 or bf16 or fp8 or targets is not None):
        raise UsageError("--plain writes fp32 only: leave --fp16, --bf16, --fp8 and --targets out")
    if triton is not None and triton.resolve() == output.resolve():
        raise UsageError("the bundle and the Triton repository cannot be one folder: name two")
    generations = _check_targets(targets, flavour) if targets is not None else ()
    chosen = {"fp32": True, "fp16": fp16, "bf16": bf16, "fp8": fp8}
    precisions = tuple(name for name, wanted in chosen.items() if wanted)
    with needs("export", "export"):
        from amgan.export.bundle import export_bundle
        from amgan.export.options import ExportOptions
        from amgan.export.tensorrt.options import EngineOptions

        engines = EngineOptions(**of_engines)
        options = ExportOptions(precisions, generations, flavour, force, plain, engines)
        bundle = export_bundle(checkpoint, output, say, options)
        click.echo(f"bundle written to {bundle}")
        if triton is not None:
            _write_triton(bundle, triton, fp16)


def _given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _write_triton(bundle: Path, output: Path, fp16: bool) -> None:
    """Write a Triton repository from a bundle."""
    from amgan.export.triton import write_triton
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.bundle.precision import Precision

    served = Precision.FP16 if fp16 else Precision.FP32  # its ONNX backend has no bf16
    written = write_triton(Bundle.open(bundle), output, say, served)
    click.echo(f"Triton repository written to {written}")


def _check_targets(targets: str, flavour: str) -> tuple[str, ...]:
    """The GPU generations to build for; raises AmganError if this machine cannot build for them."""
    from amgan.export.tensorrt.flavour import load_flavour, parse_targets, resolve_targets

    generations = parse_targets(targets)
    resolve_targets(load_flavour(flavour, generations), generations)
    return generations
