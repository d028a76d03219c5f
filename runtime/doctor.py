"""The report of `amgan doctor`: versions, processor, memory, GPUs, and which engines can run here."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata

from .engines.avx2 import is_best
from .engines.avx2_weights import extension
from .engines.compiled_cache import read_cpu
from .engines.openvino_network import load_openvino
from .errors import AmganError
from .machine import Gpu, count_cores, find_gpus, memory_of_the_machine, read_processor, untried_system

PACKAGES = (
    "amgan", "numpy", "pillow", "jpeglib", "openvino", "torch", "onnx", "tensorrt", "tensorrt_rtx",
    "cuda-bindings",
)  # fmt: skip
_FEATURE_FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "amx": ("amx_tile",),
    "bf16": ("avx512_bf16", "amx_bf16"),
}


@dataclass(frozen=True)
class Cpu:
    """The processor: ``features`` as the operating system lists them, ``capabilities`` as OpenVINO does."""

    model: str
    cores: int
    features: tuple[str, ...]
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class EngineReport:
    """Whether an engine can run here; if not, ``reasons`` say why and ``fixes`` are commands that help."""

    name: str
    usable: bool
    device: str
    reasons: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The result of `examine`; memory is in MiB (0: unknown), ``versions`` are None where not installed.

    ``system_note`` is a warning about an operating system that AMGAN is not tested on; it is empty on Linux.
    """

    python: str
    system: str
    versions: Mapping[str, str | None]
    cpu: Cpu
    memory_mib: int
    memory_free_mib: int
    gpus: tuple[Gpu, ...]
    gpu_note: str
    engines: tuple[EngineReport, ...]
    bundle: str
    bundle_intact: bool
    system_note: str = ""

    @property
    def healthy(self) -> bool:
        """True if at least one engine can run."""
        return any(engine.usable for engine in self.engines)


@dataclass(frozen=True)
class _GpuEngine:
    """Requirements of an engine for NVIDIA GPUs: packages, AMGAN's module, and compute capabilities."""

    name: str
    packages: tuple[str, ...]
    module: str
    install: str
    lowest: int
    left_out: frozenset[int] = field(default_factory=frozenset)


GPU_ENGINES = (
    _GpuEngine(
        "TensorRT",
        ("tensorrt", "cuda-bindings"),
        "engines.tensorrt",
        "pip install 'tensorrt>=10,<12' 'cuda-bindings>=12.9.1,<14'",
        75,
    ),
    _GpuEngine(
        "TensorRT for RTX",
        ("tensorrt_rtx", "cuda-bindings"),
        "engines.tensorrt",
        "pip install 'amgan[tensorrt]'",
        75,
        frozenset({90}),
    ),
    _GpuEngine(
        "PyTorch CUDA",
        ("torch", "onnx", "cuda-bindings"),
        "engines.pytorch",
        "pip install 'torch==2.13.0' 'onnx>=1.17,<2' 'cuda-bindings>=12.9.1,<14'",
        75,
    ),
)


def examine() -> Report:
    """Examine this machine. Takes a few seconds at most and raises nothing."""
    versions = read_versions()
    capabilities, openvino_error = openvino_capabilities()
    model, flags = read_processor()
    gpus, note = find_gpus()
    total, free = memory_of_the_machine()
    bundle, intact = check_bundle()
    openvino = judge_openvino(versions, capabilities, openvino_error)
    return Report(
        python=platform.python_version(),
        system=platform.platform(),
        versions=versions,
        cpu=Cpu(model, count_cores(), features_of_interest(flags), capabilities),
        memory_mib=total >> 20,
        memory_free_mib=free >> 20,
        gpus=gpus,
        gpu_note=note,
        engines=(
            openvino,
            judge_avx2(openvino, capabilities),
            *(judge_gpu_engine(engine, versions, gpus, note) for engine in GPU_ENGINES),
        ),
        bundle=bundle,
        bundle_intact=intact,
        system_note=untried_system(),
    )


def read_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """Installed version of each package, None where it is not installed; nothing is imported."""
    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def features_of_interest(flags: frozenset[str]) -> tuple[str, ...]:
    """Which of avx2, avx512, amx and bf16 a processor has, from the feature names of its operating system."""
    return tuple(name for name, wanted in _FEATURE_FLAGS.items() if flags.intersection(wanted))


def openvino_capabilities() -> tuple[tuple[str, ...], str]:
    """The precisions that OpenVINO supports on the CPU (FP32, BF16, ...), and the error if it cannot tell."""
    try:
        return read_cpu(load_openvino())[1], ""
    except Exception as error:
        return (), " ".join(f"{type(error).__name__}: {error}".split())[:200]


def judge_openvino(
    versions: Mapping[str, str | None], capabilities: Sequence[str], error: str
) -> EngineReport:
    """Whether the CPU engine can run."""
    if versions.get("openvino") is None:
        missing = "the package openvino is not installed"
        return EngineReport("OpenVINO", False, "CPU", (missing,), ("pip install 'openvino>=2025.0,<2027'",))
    if error:
        fix = "pip install --force-reinstall 'openvino>=2025.0,<2027'"
        return EngineReport("OpenVINO", False, "CPU", (f"OpenVINO cannot use this CPU: {error}",), (fix,))
    return EngineReport("OpenVINO", True, f"CPU, {'bf16' if 'BF16' in capabilities else 'fp32'}")


def judge_avx2(openvino: EngineReport, capabilities: Sequence[str]) -> EngineReport:
    """Whether the CPU engine in C can run, which has OpenVINO read the network, and whether it is used."""
    if not openvino.usable:
        return EngineReport("AVX2", False, "CPU", ("it reads networks by OpenVINO",), openvino.fixes)
    if extension() is None:
        why = "the processor has no AVX2, or there was no C compiler when AMGAN was installed"
        return EngineReport("AVX2", False, "CPU", (why,))
    used = is_best() and "BF16" not in capabilities
    return EngineReport("AVX2", True, f"CPU, fp32, {'in place of OpenVINO' if used else 'OpenVINO is used'}")


def judge_gpu_engine(
    engine: _GpuEngine, versions: Mapping[str, str | None], gpus: Sequence[Gpu], note: str
) -> EngineReport:
    """Whether an engine for NVIDIA GPUs can run: GPU, driver, packages and AMGAN's module for it."""
    reasons: list[str] = []
    fitting = [g for g in gpus if g.compute >= engine.lowest and g.compute not in engine.left_out]
    if not gpus:
        reasons.append(f"no NVIDIA GPU: {note}")
    elif not fitting:
        names = ", ".join(f"{g.name} (sm{g.compute})" for g in gpus)
        reasons.append(f"{engine.name} does not support {names}")
    if not has_module(engine.module):
        reasons.append(f"AMGAN {versions.get('amgan')} has no {engine.name} engine yet")
    missing = [name for name in engine.packages if versions.get(name) is None]
    fixes = (engine.install,) if missing else ()
    if missing:
        reasons.append(f"not installed: {', '.join(missing)}")
    if "torch" in engine.packages and str(versions.get("torch")).endswith("+cpu"):
        reasons.append(f"torch {versions['torch']} is a build for the CPU only")
        fixes = (*fixes, "pip install --force-reinstall 'torch==2.13.0'")
    return EngineReport(
        engine.name, not reasons, fitting[0].name if fitting else "GPU", tuple(reasons), fixes
    )


def has_module(name: str) -> bool:
    """Whether this installation holds the module ``amgan.runtime.<name>``."""
    return importlib.util.find_spec(f"{__package__}.{name}") is not None


def check_bundle() -> tuple[str, bool]:
    """A description of the shipped bundle, and whether it is present and intact."""
    try:
        from .bundle.bundle import Bundle

        bundle = Bundle.open()
        return f"{bundle.manifest.model} {bundle.manifest.version}", True
    except AmganError as error:
        return str(error), False
    except Exception as error:
        return f"cannot be checked ({type(error).__name__}: {error})", False
