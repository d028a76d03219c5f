"""The GPUs that a device names.

"auto" and "cuda" are the one with the most free memory, so that a shared machine is not occupied as a whole;
"cuda:N" is one by its number, "cuda:0,2" are several, "cuda:all" all. CUDA numbers those that
CUDA_VISIBLE_DEVICES shows.
"""

from __future__ import annotations

import re

from ..errors import EngineError, UsageError
from ..machine import free_gpu_memory
from .cuda.api import Cuda, CudaError, GpuInfo

ALL = "cuda:all"
_DEVICE = re.compile(r"auto|cpu|cuda(:(all|\d{1,3}(,\d{1,3})*))?")
_NO_GPU = frozenset({"cudaErrorNoDevice", "cudaErrorInsufficientDriver", "cudaErrorStubLibrary"})


def check_device(device: str) -> None:
    """Raise UsageError for any device other than auto, cpu, cuda, cuda:N, cuda:N,M and cuda:all."""
    if not _DEVICE.fullmatch(device):
        raise UsageError(
            f"`device` {device!r} is not known: use auto, cpu, cuda, cuda:N, such as cuda:0, several, such "
            "as cuda:0,2, or cuda:all"
        )


def takes_one(device: str) -> bool:
    """Whether a valid device is one GPU."""
    return device != ALL and "," not in device


def gpu_numbers(device: str) -> list[int]:
    """The numbers that a valid device names, ascending; empty for auto, cpu, cuda and cuda:all."""
    _, _, named = device.partition(":")
    return sorted({int(number) for number in named.split(",")}) if named and device != ALL else []


def find_gpus(cuda: Cuda, device: str) -> list[GpuInfo]:
    """The GPUs of a valid device, by number; for "auto" and "cuda" all, that with the most free memory first.

    Raises EngineError if there is none, not all that it names, or no driver.
    """
    try:
        gpus = cuda.gpus()
    except CudaError as error:
        if error.name in _NO_GPU:
            raise EngineError(_why_none(cuda, error)) from error
        raise
    if not gpus:
        raise EngineError("there is no NVIDIA GPU here: use device 'cpu'")
    numbers = gpu_numbers(device)
    if not numbers:
        return gpus if device == ALL else _freest_first(cuda, gpus)
    missing = [f"cuda:{number}" for number in numbers if number not in {gpu.number for gpu in gpus}]
    if missing:
        there = ", ".join(f"cuda:{gpu.number} ({gpu.name})" for gpu in gpus)
        raise EngineError(f"there is no {missing[0]} in this machine: it has {there}")
    return [gpu for gpu in gpus if gpu.number in numbers]


def _freest_first(cuda: Cuda, gpus: list[GpuInfo]) -> list[GpuInfo]:
    """GPUs by their free memory, the most first; by number where the driver does not tell it.

    NVML is asked: CUDA would take memory on each of them to tell.
    """
    if len(gpus) < 2:
        return gpus
    try:
        free = free_gpu_memory([cuda.pci_address(gpu.number) for gpu in gpus])
    except CudaError:
        return gpus
    order = sorted(range(len(gpus)), key=lambda place: -free[place])
    return [gpus[place] for place in order]


def _why_none(cuda: Cuda, error: CudaError) -> str:
    """Why CUDA finds no GPU: it reports an old driver and a missing GPU by the same error."""
    try:
        driver, called = cuda.versions()
    except CudaError:
        driver = called = 0
    if driver // 1000 < called // 1000 and driver:
        knows, needs = (f"{version // 1000}.{version % 1000 // 10}" for version in (driver, called))
        return (
            f"NVIDIA's driver knows CUDA {knows} and cuda-bindings calls CUDA {needs} ({error.name}): "
            f"pip install 'cuda-bindings>=12.9.1,<{driver // 1000 + 1}', or install a newer driver"
        )
    return (
        f"there is no NVIDIA GPU with a driver here ({error.name}): install NVIDIA's driver, or use "
        "device 'cpu'"
    )
