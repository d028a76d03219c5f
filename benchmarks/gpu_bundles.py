"""Bundles and engines for gpu_check.py: export, build, comparison with PyTorch, and opening programs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from amgan.runtime.engines.cuda.program import core_size


def export_bundle(checkpoint: Path | None, folder: Path) -> Path:
    """A bundle with fp32 and fp16 networks, to build engines from."""
    from amgan.export.bundle import ExportOptions
    from amgan.export.bundle import export_bundle as export

    return export(checkpoint, folder / "bundle", say, ExportOptions(("fp32", "fp16")))


def build(flavour: str, bundle: Path, cores: tuple[tuple[int, int], ...]) -> Path:
    """A copy of a bundle with engines of one flavour for the GPU in this machine."""
    from amgan.export.tensorrt.engines import add_engines
    from amgan.export.tensorrt.options import EngineOptions
    from amgan.runtime.bundle.bundle import Bundle, write_manifest

    folder = bundle.with_name(flavour)
    shutil.copytree(bundle, folder)
    manifest = Bundle.open(folder).manifest
    options = EngineOptions(cores=cores)
    write_manifest(folder, add_engines(folder, manifest, ("current",), flavour, options, say))
    return folder


def verify(cuda: Any, gpu: Any, bundle: Path, checkpoint: Path | None) -> list[dict[str, Any]]:
    """Compare a bundle's TensorRT engines, or PyTorch where it has none, with PyTorch in fp32."""
    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.parity.comparison import Reference, _try, compare
    from amgan.export.parity.contender import Contender
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.bundle.engine_files import FORMAT
    from amgan.runtime.bundle.precision import Precision
    from amgan.runtime.engines.contract import TileBatch
    from amgan.runtime.engines.cuda.arrays import CudaEngine
    from amgan.runtime.engines.pytorch import open_torch

    generator, discriminator, config = load_model(checkpoint or SHIPPED)
    reference = Reference.of(generator, discriminator, config.estimator_frame_px, config.oldest_trained_age)
    opened = Bundle.open(bundle)
    engines = {name: entry for name, entry in opened.manifest.files.items() if entry.format == FORMAT}
    if engines:
        return [r.to_dict() for r in compare(reference, bundle, engines, say).results]
    results = []
    files = opened.manifest.files.values()
    for precision in Precision:
        if precision is Precision.FP8 and not any(entry.precision == precision for entry in files):
            continue
        program = open_torch(opened, gpu.number, gpu.compute, precision)[0]
        engine = CudaEngine(cuda, gpu.number, program, opened.manifest.halo_px)

        def run(arrays: Any, engine: Any = engine) -> Any:
            return engine.wait(engine.submit(TileBatch(*arrays, label="the picture")))

        contender = Contender(program.name, "generator", precision, "", precision, lambda run=run: run)
        results.append(_try(contender, reference.answers["generator"]).to_dict())
        engine.close()
        say(f"{program.name} in {precision}: {results[-1]['verdict']}")
    return results


def opener(cuda: Any, gpu: Any, bundle: Path, flavour: str, fused: bool | None = None) -> Any:
    """A function that opens the generator's programs, one per tile size, with or without CUDA graphs."""
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.engines.find import find_engines
    from amgan.runtime.engines.pytorch import open_torch
    from amgan.runtime.engines.tensorrt import TensorRtProgram
    from amgan.runtime.engines.tensorrt_library import load_tensorrt

    opened = Bundle.open(bundle)
    if flavour == "torch":
        return lambda graphs: open_torch(opened, gpu.number, gpu.compute, None, graphs=graphs, fused=fused)
    version = str(load_tensorrt(flavour).__version__)
    found = find_engines(opened, "generator", flavour, version, gpu.compute)
    return lambda graphs: [
        TensorRtProgram(cuda, path, entry, graphs=graphs, gpu=gpu) for path, entry in found
    ]


def only(open_programs: Any, core: tuple[int, int], halo_px: int) -> Any:
    """A function that opens the program for one tile size only."""

    def open_one(graphs: bool) -> Any:
        (wanted,) = [program for program in open_programs(graphs) if keep(program)]
        return wanted

    def keep(program: Any) -> bool:
        if core_size(program, halo_px) == core:
            return True
        program.close()
        return False

    return open_one


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
