"""The steps of gpu_check.py."""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from common import commit
from gpu_bundles import build, export_bundle, only, opener, verify
from gpu_end_to_end import time_estimator, time_photos, time_processes
from gpu_steps import Step
from gpu_timing import count_flop, matmul_tflops, time_frames, time_program

from amgan.runtime.engines.cuda.program import core_size

PACKAGES = (
    "torch", "onnx", "cuda-bindings", "tensorrt", "tensorrt_rtx", "openvino", "pillow",
    "nvidia-nvimgcodec-cu12", "nvidia-nvimgcodec-cu13",
)  # fmt: skip
STEPS = (
    "machine", "cuda", "ring", "torch", "tensorrt", "tensorrt_rtx", "estimator", "faces", "jpegs", "pixels",
    "baselines", "matmul",
    "photos-torch", "photos-tensorrt", "photos-tensorrt_rtx", "profile", "processes", "faults",
)  # fmt: skip

PROCESSES = (1, 2, 4)
"""Numbers of processes, and of workers, that are tried at the same time."""


@dataclass
class Check:
    """Shared state of the steps: the GPU, the bundle, and results of earlier steps."""

    cuda: Any
    gpu: Any
    arguments: argparse.Namespace
    work: Path
    bundles: dict[str, Path] = field(default_factory=dict)
    frames: list[Any] = field(default_factory=list)
    photos: Path | None = None

    @property
    def bundle(self) -> Path:
        """The shipped bundle."""
        from amgan.runtime.bundle.bundle import SHIPPED

        return self.arguments.bundle or SHIPPED

    @property
    def halo_px(self) -> int:
        from amgan.runtime.bundle.bundle import Bundle

        return Bundle.open(self.bundle).manifest.halo_px

    def machine(self) -> dict[str, Any]:
        """GPU, driver, clocks and versions."""
        from amgan.runtime.machine import count_cores
        from amgan.runtime.machine import find_gpus as ask_driver

        said, _ = ask_driver()
        command = ["nvidia-smi", "-q"]
        try:
            query = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            query = str(error)
        (self.arguments.output / "nvidia-smi.txt").write_text(query)
        return {
            "gpu": self.gpu.name,
            "compute_capability": f"sm{self.gpu.compute}",
            "memory_gib": round(self.gpu.memory / 2**30, 1),
            "driver": said[0].driver if said else "",
            "system": platform.platform(),
            "cores": count_cores(),
            "versions": versions(),
        }

    def calls(self) -> dict[str, Any]:
        """Check the calls of CUDA."""
        from gpu_probe import check_calls

        return check_calls(self.cuda, self.gpu.number)

    def ring(self) -> dict[str, Any]:
        """Pass frames through the device without a network."""
        from gpu_probe import check_ring

        return check_ring(self.cuda, self.gpu.number, self.halo_px)

    def faults(self) -> dict[str, Any]:
        """Check errors of full memory."""
        from gpu_probe import check_faults

        return check_faults(self.cuda, self.gpu.number, self.halo_px)

    def engine(self, flavour: str) -> dict[str, Any]:
        """Build one engine, compare it with PyTorch, then time it on whole frames."""
        from amgan.runtime.bundle.bundle import Bundle

        arguments = self.arguments
        bundle = self.bundle
        if flavour != "torch":
            bundle = build(flavour, self._typed_bundle(), arguments.cores)
        self.bundles[flavour] = bundle
        opened = Bundle.open(bundle)
        open_programs = opener(self.cuda, self.gpu, bundle, flavour)
        found: dict[str, Any] = {"files": sorted(opened.manifest.files)}
        if flavour != "torch":
            found["inspector"] = self._inspect(open_programs, flavour)
        found["parity"] = verify(self.cuda, self.gpu, bundle, arguments.checkpoint)
        programs = open_programs(False)
        there = sorted(core_size(program, self.halo_px) for program in programs)
        cores = [core for core in there if core in arguments.cores] or there[-1:]
        for program in programs:
            program.close()
        found["tile_gflop"], found["engine_only"] = {}, {}
        for core in cores:
            name = f"core {core[0]}x{core[1]}"
            generator = opened.file("generator", "fp32")
            flop = count_flop(generator, core, self.halo_px, opened.manifest.patterns)
            found["tile_gflop"][name] = flop / 1e9
            timed = time_program(
                self.cuda, self.gpu.number, only(open_programs, core, self.halo_px), self.halo_px,
                side=arguments.size, frames=arguments.frames, runs=arguments.runs, tile_flop=flop,
            )  # fmt: skip
            found["engine_only"] |= {f"{name}, {variant}": one for variant, one in timed.items()}
        return found

    def estimator(self) -> dict[str, Any]:
        """The estimator on the GPU: difference from the CPU, and faces per second by number of threads."""
        from amgan.runtime.bundle.bundle import Bundle

        return time_estimator(Bundle.open(self.bundle), self.gpu.number, 10 * self.arguments.frames)

    def faces(self) -> dict[str, Any]:
        """Finder, mesh and parser in every library: difference from the CPU, and time."""
        from gpu_faces import compare_faces, time_face_networks

        from amgan.runtime.bundle.engine_files import FLAVOURS

        device, runs = f"cuda:{self.gpu.number}", self.arguments.runs
        photo = self._photo()
        found: dict[str, Any] = {}
        for engine in ("PyTorch", *(FLAVOURS[flavour] for flavour in FLAVOURS if flavour in self.bundles)):
            found[engine] = {"networks": time_face_networks(engine, device, self.arguments.frames)}
            found[engine]["photos"] = compare_faces(engine, device, [photo, photo[:, ::-1].copy()], runs)
        return found

    def jpegs(self) -> dict[str, Any]:
        """JPEGs decoded on the GPU and by Pillow: difference and time."""
        from gpu_photos import check_jpegs

        return check_jpegs(self.cuda, self.gpu.number, self._photo(), self.arguments.frames)

    def pixels(self) -> dict[str, Any]:
        """Frames sampled and changes pasted on the GPU and on the CPU: difference and time."""
        from gpu_photos import check_pixels

        return check_pixels(self.cuda, self.gpu.number, self._photo(), self.arguments.frames)

    def _photo(self) -> np.ndarray:
        """A portrait, uint8 [S, S, 3], of the side that was asked for."""
        from common import PHOTO
        from PIL import Image

        side = self.arguments.size
        return np.asarray(Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC))

    def end_to_end(self, flavour: str) -> dict[str, Any]:
        """Photos from JPEG to JPEG, and the engine alone on the faces in them."""
        from amgan.runtime.errors import EngineError
        from amgan.runtime.machine import count_cores

        if flavour not in self.bundles:
            raise EngineError(f"there is no bundle for {flavour}, see its own step")
        bundle, arguments = self.bundles[flavour], self.arguments
        self.photos = self.work / f"photos-{flavour}"
        jobs = sorted({2, max(2, count_cores() // 2), max(2, count_cores())})
        found = time_photos(
            bundle, self.gpu.number, arguments.photos, arguments.runs, self.photos, arguments.size, jobs
        )
        frames = found.pop("frames") * arguments.photos
        program = opener(self.cuda, self.gpu, bundle, flavour)
        found["same_frames"] = time_frames(
            self.cuda, self.gpu.number, program, self.halo_px, frames, arguments.runs
        )
        return found

    def processes(self) -> dict[str, Any]:
        """Several processes on one GPU, for when the GIL of one process is the limit."""
        from amgan.runtime.errors import EngineError
        from amgan.runtime.machine import count_cores

        if self.photos is None or not self.photos.is_dir():
            raise EngineError("there are no photos, see the steps before")
        flavour = self.photos.name.removeprefix("photos-")
        found: dict[str, Any] = {"engine": flavour}
        for number in PROCESSES:
            jobs = max(2, count_cores() // number)
            found[str(number)] = time_processes(
                self.bundles[flavour], self.gpu.number, self.photos, number, jobs
            )
        for number in PROCESSES[1:]:
            jobs = max(2, count_cores() // number)
            found[f"{number} workers"] = time_processes(
                self.bundles[flavour], self.gpu.number, self.photos, 1, jobs, number
            )
        return found

    def matmul(self) -> dict[str, Any]:
        """Measure the GPU's practical peak."""
        return matmul_tflops(self.gpu.number, max(self.arguments.runs, 10))

    def baselines(self) -> dict[str, Any]:
        """The plain network in PyTorch."""
        from gpu_baselines import time_pytorch

        arguments = self.arguments
        return time_pytorch(arguments.checkpoint, self.gpu.number, arguments.size, max(arguments.runs, 10))

    def profile(self) -> dict[str, Any]:
        """Profile every kernel of a tile in PyTorch, with separate operators and with fused SPADE."""
        return {how: self._profile(how == "fused") for how in ("operators", "fused")}

    def _profile(self, fused: bool) -> dict[str, Any]:
        from gpu_baselines import profile_tile

        programs = opener(self.cuda, self.gpu, self.bundle, "torch", fused)(False)
        try:
            wanted = [p for p in programs if core_size(p, self.halo_px) in self.arguments.cores] or programs[
                :1
            ]
            sizes = {"core {}x{}".format(*core_size(p, self.halo_px)): p for p in wanted}
            return {name: profile_tile(program) for name, program in sizes.items()}
        finally:
            for program in programs:
                program.close()

    def _typed_bundle(self) -> Path:
        """A bundle with an fp16 network, from which TensorRT engines are built."""
        from amgan.runtime.bundle.bundle import Bundle

        files = Bundle.open(self.bundle).manifest.files.values()
        roles = {entry.role for entry in files if (entry.format, entry.precision) == ("onnx", "fp16")}
        made = self.work / "bundle"
        if {"generator", "estimator"} <= roles:
            if not made.exists():
                shutil.copytree(self.bundle, made)
        elif not made.exists():
            export_bundle(self.arguments.checkpoint, self.work)
        return made

    def _inspect(self, open_programs: Any, flavour: str) -> list[str]:
        """Save the engine inspectors' reports; returns the names of the files."""
        names = []
        for program in open_programs(False):
            size = "x".join(map(str, core_size(program, self.halo_px)))
            names.append(f"inspector-{flavour}-{size}.json")
            try:
                (self.arguments.output / names[-1]).write_text(program.inspect())
            finally:
                program.close()
        return names


def make_steps(check: Check) -> Iterator[Step]:
    """The steps of gpu_first_run.md, the most informative first."""
    flavours = ("torch", "tensorrt", "tensorrt_rtx")
    yield Step("machine", check.machine, 5)
    yield Step("cuda", check.calls, 10)
    yield Step("ring", check.ring, 30)
    for flavour in flavours:
        yield Step(flavour, lambda flavour=flavour: check.engine(flavour), 90)
    yield Step("estimator", check.estimator, 20)
    yield Step("faces", check.faces, 30)
    yield Step("jpegs", check.jpegs, 15)
    yield Step("pixels", check.pixels, 10)
    yield Step("baselines", check.baselines, 90)
    yield Step("matmul", check.matmul, 10)
    for flavour in flavours:
        yield Step(f"photos-{flavour}", lambda flavour=flavour: check.end_to_end(flavour), 45)
    yield Step("profile", check.profile, 40)
    yield Step("processes", check.processes, 60)
    yield Step("faults", check.faults, 20)


def versions() -> dict[str, Any]:
    """Versions of the packages involved; None for packages that are not installed."""
    found: dict[str, Any] = {"python": platform.python_version(), "commit": commit()}
    for name in ("amgan", "numpy", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
