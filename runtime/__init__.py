"""Deployment of AMGAN: bundles, engines, faces, aging maps and the photo pipeline.

Importing this package loads NumPy at most; Pillow, OpenVINO and the CUDA libraries are
imported by the modules that need them. The public names below are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Pipeline": "pipeline.pipeline",
    "Request": "ages.request",
    "AgedPhoto": "pipeline.pipeline",
    "Bundle": "bundle.bundle",
    "AmganError": "errors",
}

__all__ = ["AgedPhoto", "AmganError", "Bundle", "Pipeline", "Request"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
