"""What this machine offers AMGAN: versions, processor, memory, GPUs, and which engines can run on them."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from .engines.openvino_network import load_openvino
from .errors import AmganError
from .machine import count_cores

PACKAGES = (
    "amgan", "numpy", "pillow", "jpeglib", "openvino", "torch", "onnx", "tensorrt", "tensorrt_rtx",
    "cuda-bindings",
)  # fmt: skip
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
SMI_TIMEOUT_S = 10.0
_SMI_FIELDS = "name,driver_version,memory.total,compute_cap"
_FEATURE_FLAGS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "amx": ("amx_tile",),
    "bf16": ("avx512_bf16", "amx_bf16"),
}


@dataclass(frozen=True)
class Cpu:
    """The processor: ``features`` from the system's list, ``capabilities`` as OpenVINO reports them."""

    model: str
    cores: int
    features: tuple[str, ...]
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU as nvidia-smi reports it; ``compute`` is 90 for compute capability 9.0, 0 unknown."""

    name: str
    driver: str
    memory_mib: int
    compute: int


@dataclass(frozen=True)
class EngineReport:
    """Whether an engine can run here; if not, ``reasons`` say why and ``fixes`` name commands that help."""

    name: str
    usable: bool
    device: str
    reasons: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything the doctor found; memory is in MiB (0 unknown), ``versions`` None where not installed."""

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

    @property
    def healthy(self) -> bool:
        """True if at least one engine can run."""
        return any(engine.usable for engine in self.engines)


@dataclass(frozen=True)
class _GpuEngine:
    """What an engine for NVIDIA GPUs needs: packages, our own module, and a range of compute capabilities."""

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
    """Look at this machine; never raises for what it finds, takes a few seconds at most."""
    versions = read_versions()
    cpuinfo = _read_text(CPUINFO)
    capabilities, openvino_error = openvino_capabilities()
    model, features = parse_cpuinfo(cpuinfo)
    gpus, note = find_gpus()
    total, free = parse_meminfo(_read_text(MEMINFO))
    bundle, intact = check_bundle()
    return Report(
        python=platform.python_version(),
        system=platform.platform(),
        versions=versions,
        cpu=Cpu(model or platform.processor() or platform.machine(), count_cores(), features, capabilities),
        memory_mib=total,
        memory_free_mib=free,
        gpus=gpus,
        gpu_note=note,
        engines=(
            judge_openvino(versions, capabilities, openvino_error),
            *(judge_gpu_engine(engine, versions, gpus, note) for engine in GPU_ENGINES),
        ),
        bundle=bundle,
        bundle_intact=intact,
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


def parse_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    """Model name and the features of interest (avx2, avx512, amx, bf16) from the text of /proc/cpuinfo."""
    lines = (line.partition(":") for line in text.splitlines())
    entries: dict[str, str] = {}
    for key, _, value in lines:
        entries.setdefault(key.strip().lower(), value.strip())
    flags = set(entries.get("flags", "").split())
    found = tuple(name for name, wanted in _FEATURE_FLAGS.items() if flags.intersection(wanted))
    return entries.get("model name", ""), found


def parse_meminfo(text: str) -> tuple[int, int]:
    """Total and available memory in MiB from the text of /proc/meminfo; 0 where it does not say."""
    sizes = {"MemTotal": 0, "MemAvailable": 0}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key in sizes and value.split()[:1] and value.split()[0].isdigit():
            sizes[key] = int(value.split()[0]) // 1024
    return sizes["MemTotal"], sizes["MemAvailable"]


def openvino_capabilities() -> tuple[tuple[str, ...], str]:
    """What OpenVINO can compute in on the CPU (FP32, BF16, ...), and why it cannot be asked (else empty)."""
    try:
        openvino = load_openvino()

        return tuple(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")), ""
    except Exception as error:
        return (), " ".join(f"{type(error).__name__}: {error}".split())[:200]


def find_gpus(program: str = "nvidia-smi", timeout_s: float = SMI_TIMEOUT_S) -> tuple[tuple[Gpu, ...], str]:
    """The NVIDIA GPUs that nvidia-smi lists, and a note why there are none (empty if there are some)."""
    command = [program, f"--query-gpu={_SMI_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except FileNotFoundError:
        return (), "no NVIDIA driver is installed (nvidia-smi was not found)"
    except subprocess.TimeoutExpired:
        return (), f"nvidia-smi did not answer within {timeout_s:g} s"
    except OSError as error:
        return (), f"nvidia-smi cannot be run ({error.strerror})"
    if answer.returncode:
        said = (answer.stdout + answer.stderr).strip().splitlines()
        return (), f"nvidia-smi failed: {said[0] if said else f'exit code {answer.returncode}'}"
    gpus = parse_gpus(answer.stdout)
    return gpus, "" if gpus else "nvidia-smi lists no GPU"


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """GPUs from nvidia-smi's CSV lines of name, driver, memory in MiB and compute capability."""
    gpus = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.rsplit(",", 3)]
        if len(cells) == 4:
            name, driver, memory, compute = cells
            digits = compute.replace(".", "")
            gpus.append(
                Gpu(
                    name,
                    driver,
                    int(memory) if memory.isdigit() else 0,
                    int(digits) if digits.isdigit() else 0,
                )
            )
    return tuple(gpus)


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


def judge_gpu_engine(
    engine: _GpuEngine, versions: Mapping[str, str | None], gpus: Sequence[Gpu], note: str
) -> EngineReport:
    """Whether an engine for NVIDIA GPUs can run: GPU, driver, packages and AMGAN's own part of it."""
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
    """Say what the shipped bundle is, and whether it is there and undamaged."""
    try:
        from .bundle.bundle import Bundle

        bundle = Bundle.open()
        return f"{bundle.manifest.model} {bundle.manifest.version}", True
    except AmganError as error:
        return str(error), False
    except Exception as error:
        return f"cannot be checked ({type(error).__name__}: {error})", False


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
