"""Builds, verifies and times AMGAN on the GPU in this machine, with every engine that can run on it.

Engines are built from the checkpoint with every TensorRT that is installed and supports the GPU; what cannot
be done is said in one sentence, and the rest goes on. Every engine is held against PyTorch fp32 before any
time is taken. Exit code 2: no GPU; 1: an engine broke its tolerance; 0: all is well.

Example:  python benchmarks/gpu_check.py --runs 5 -o benchmarks/results/gpu.json
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from common import RESULTS, commit, count, heading, write_result
from gpu_timing import count_flop, matmul_tflops, time_photos, time_program, time_pytorch

NO_GPU = 2
BROKEN = 1
PACKAGES = ("torch", "onnx", "cuda-bindings", "tensorrt", "tensorrt_rtx", "openvino")


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--gpu", type=int, default=0, help="number of the GPU to use (default: 0)")
    parser.add_argument("--size", type=int, default=1024, help="side of photos and frames (default: 1024)")
    parser.add_argument("--core", type=int, default=256, help="side of TensorRT's tiles (default: 256)")
    parser.add_argument("--frames", type=count, default=24, help="frames of a timed run (default: 24)")
    parser.add_argument("--photos", type=count, default=24, help="photos of a timed run (default: 24)")
    parser.add_argument("--runs", type=count, default=5, help="timed runs of everything (default: 5)")
    parser.add_argument("-o", "--output", type=Path, help="result, JSON (default: named after the GPU)")
    arguments = parser.parse_args(argv)
    if arguments.size < 64 or arguments.size % 64 or arguments.core < 64 or arguments.core % 4:
        parser.error("--size must be a multiple of 64, --core one of 4 from 64 on")
    return arguments


def find_gpu(number: int) -> tuple[Any, Any]:
    """CUDA and a GPU; raises AmganError, which says in one sentence why there is none."""
    from amgan.runtime.engines.choose import find_gpus
    from amgan.runtime.engines.cuda.api import load_cuda

    cuda = load_cuda()
    (gpu,) = find_gpus(cuda, f"cuda:{number}")
    cuda.use(gpu.number)
    return cuda, gpu


def export_bundle(checkpoint: Path | None, folder: Path) -> Path:
    """A bundle with fp32 and fp16 networks, to build engines from."""
    from amgan.export.bundle_export import ExportOptions
    from amgan.export.bundle_export import export_bundle as export

    return export(checkpoint, folder / "bundle", say, ExportOptions(("fp32", "fp16")))


def build(flavour: str, bundle: Path, core_px: int) -> Path:
    """A copy of a bundle with engines of one flavour for the GPU in this machine."""
    from amgan.export.tensorrt_bundle import add_engines
    from amgan.export.tensorrt_options import EngineOptions
    from amgan.runtime.bundle.bundle import Bundle, write_manifest

    folder = bundle.with_name(flavour)
    shutil.copytree(bundle, folder)
    manifest = Bundle.open(folder).manifest
    options = EngineOptions(core_px=core_px)
    write_manifest(folder, add_engines(folder, manifest, ("current",), flavour, options, say))
    return folder


def verify(cuda: Any, gpu: Any, bundle: Path, checkpoint: Path | None) -> list[dict[str, Any]]:
    """TensorRT's engines of a bundle, or PyTorch where it has none, against PyTorch fp32."""
    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.parity import Reference, _try, compare
    from amgan.export.parity_contenders import Contender
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.bundle.engine_files import FORMAT
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
    for precision, tolerance in (("f32", "fp32"), ("f16", "fp16"), ("bf16", "bf16")):
        program = open_torch(opened, gpu.number, gpu.compute, precision)
        engine = CudaEngine(cuda, gpu.number, program, opened.manifest.halo_px)

        def run(arrays: Any, engine: Any = engine) -> Any:
            return engine.wait(engine.submit(TileBatch(*arrays, label="the picture")))

        contender = Contender(program.name, "generator", tolerance, "", precision, lambda run=run: run)
        results.append(_try(contender, reference.answers["generator"]).to_dict())
        engine.close()
        say(f"{program.name} in {precision}: {results[-1]['verdict']}")
    return results


def opener(cuda: Any, gpu: Any, bundle: Path, flavour: str) -> Any:
    """How to open the generator of a bundle, with or without graphs."""
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.bundle.engine_files import find_engine
    from amgan.runtime.engines.pytorch import open_torch
    from amgan.runtime.engines.tensorrt import TensorRtProgram, load_tensorrt

    opened = Bundle.open(bundle)
    if flavour == "torch":
        return lambda graphs: open_torch(opened, gpu.number, gpu.compute, None, graphs=graphs)
    version = str(load_tensorrt(flavour).__version__)
    path, entry = find_engine(opened, "generator", flavour, version, gpu.compute)
    return lambda graphs: TensorRtProgram(cuda, path, entry, graphs=graphs)


def check_engine(
    cuda: Any, gpu: Any, flavour: str, bundle: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Everything about one engine: parity, then times; what cannot be done is a sentence under "not_run"."""
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.errors import AmganError

    found: dict[str, Any] = {}
    try:
        if flavour != "torch":
            bundle = build(flavour, bundle, arguments.core)
        found["parity"] = verify(cuda, gpu, bundle, arguments.checkpoint)
        open_program = opener(cuda, gpu, bundle, flavour)
        manifest = Bundle.open(bundle).manifest
        program = open_program(False)
        side = program.inputs["image"].shape[0]
        program.close()
        flop = count_flop(Bundle.open(bundle).file("generator", "fp32"), side)
        found["tile"] = {"side_px": side, "gflop": flop / 1e9}
        say(f"timing {flavour} on frames of {arguments.size} px")
        found["engine_only"] = time_program(
            cuda, gpu.number, open_program, manifest.halo_px,
            side=arguments.size, frames=arguments.frames, runs=arguments.runs, tile_flop=flop,
        )  # fmt: skip
        say(f"timing {flavour} on photos of {arguments.size} px")
        work = bundle.with_name(f"photos-{flavour}")
        found["end_to_end"] = time_photos(
            bundle, gpu.number, arguments.photos, arguments.runs, work, arguments.size
        )
    except AmganError as error:
        found["not_run"] = str(error)
        say(f"{flavour}: {error}")
    return found


def summarise(engines: dict[str, Any], matmul: dict[str, float], pytorch: dict[str, Any]) -> dict[str, Any]:
    """The figures that the aims are about."""
    found: dict[str, Any] = {}
    eager = pytorch.get("eager f32", {}).get("frames_per_second")
    for name, engine in engines.items():
        if "engine_only" not in engine or "end_to_end" not in engine:
            continue
        best = max(engine["engine_only"].values(), key=lambda v: v["frames_per_second"])
        photos = engine["end_to_end"]
        found[name] = {
            "share_of_matmul_rate": best["tflops_while_busy"] / matmul.get(best["precision"], float("inf")),
            "end_to_end_against_engine_only": photos["photos_per_second"] / best["frames_per_second"],
            "times_faster_than_eager_f32": best["frames_per_second"] / eager if eager else None,
        }
    return found


def versions() -> dict[str, Any]:
    """Versions of all that takes part, None where it is not installed."""
    found: dict[str, Any] = {"python": platform.python_version(), "commit": commit()}
    for name in ("amgan", "numpy", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    from amgan.runtime.bundle.engine_files import FLAVOURS
    from amgan.runtime.doctor import find_gpus as ask_driver
    from amgan.runtime.errors import AmganError

    try:
        cuda, gpu = find_gpu(arguments.gpu)
    except AmganError as error:
        say(f"nothing was checked: {error}")
        return NO_GPU
    said, _ = ask_driver()
    state = {
        "gpu": gpu.name,
        "compute_capability": f"sm{gpu.compute}",
        "memory_gib": round(gpu.memory / 2**30, 1),
        "driver": said[0].driver if said else "",
        "system": platform.platform(),
    }
    engines: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="amgan-gpu.") as folder:
        bundle = export_bundle(arguments.checkpoint, Path(folder))
        for flavour in (*FLAVOURS, "torch"):
            engines[flavour] = check_engine(cuda, gpu, flavour, bundle, arguments)
    matmul = matmul_tflops(gpu.number, max(arguments.runs, 10))
    pytorch = time_pytorch(arguments.checkpoint, gpu.number, arguments.size, max(arguments.runs, 10))
    result = heading(f"AMGAN on one {gpu.name}", state) | {
        "versions": versions(),
        "matmul_tflops": matmul,
        "pytorch_whole_frames": pytorch,
        "engines": engines,
        "summary": summarise(engines, matmul, pytorch),
    }
    name = gpu.name.lower().replace(" ", "_")
    write_result(result, arguments.output or RESULTS / f"gpu_check_{name}.json")
    verdicts = [r["verdict"] for engine in engines.values() for r in engine.get("parity", [])]
    return BROKEN if "failed" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
