"""The cache of kernels that TensorRT for RTX compiles for a GPU.

TensorRT for RTX compiles an engine for the GPU when its contexts are created, which takes seconds. The
kernels are kept in the user's cache folder (see compiled_cache.py), in an entry named by the engine, the
version of TensorRT, the GPU and its driver. Invalid entries are ignored.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from .compiled_cache import SUFFIX, cache_folder, drop_entry, read_entry, write_entry
from .cuda.api import Cuda, CudaError, GpuInfo

_LOG = logging.getLogger(__name__)


def runtime_config(trt: Any, engine: Any) -> Any:
    """The runtime configuration of TensorRT for RTX; None for TensorRT, which compiles when it builds."""
    strategies = getattr(trt, "DynamicShapesKernelSpecializationStrategy", None)
    if strategies is None or not hasattr(engine, "create_runtime_config"):
        return None
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    # A graph that is captured before the final kernels are ready would keep the slow ones.
    config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
    return config


class RtxCache:
    """The cached kernels of one engine on one GPU."""

    def __init__(self, config: Any, path: Path | None) -> None:
        """Attach a cache to a runtime configuration (IRuntimeConfig) and load an entry into it.

        ``path`` is the entry; with None nothing is kept.
        """
        self._path = path
        self._cache = config.create_runtime_cache()
        self._kept = b""
        if self._cache is None:
            return
        content = read_entry(path) if path is not None else None
        if content is not None and path is not None:
            if self._cache.deserialize(content):
                self._kept = content
            else:
                _LOG.debug("TensorRT for RTX does not take %s", path)
                drop_entry(path)
        config.set_runtime_cache(self._cache)

    def keep(self) -> None:
        """Write the compiled kernels if they are more than those of the entry."""
        if self._cache is None or self._path is None:
            return
        made = self._cache.serialize()
        content = b"" if made is None else bytes(made)
        if content and content != self._kept:
            write_entry(self._path, content)
            self._kept = content


def rtx_entry(plan: bytes, version: str, cuda: Cuda, gpu: GpuInfo | None) -> Path | None:
    """The entry of an engine file on a GPU; None if caching is off or the driver version is unknown."""
    folder = cache_folder()
    if folder is None or gpu is None:
        return None
    try:
        driver, _ = cuda.versions()
    except CudaError:
        return None
    facts = ["rtx 1", hashlib.sha256(plan).hexdigest(), version, gpu.name, gpu.compute, driver]
    return folder / (hashlib.sha256(json.dumps(facts).encode()).hexdigest() + SUFFIX)
