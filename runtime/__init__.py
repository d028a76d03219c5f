"""Deployment of AMGAN: photos, faces, ages, bundles, engines, the pipeline and batches.

The public names are those of ``__all__``; modules inside the rooms are not public and may move. Importing
this package loads NumPy at most: every public name is loaded when it is first used, and Pillow, OpenVINO and
the CUDA libraries by what needs them.

One photo, and a folder whose run can be interrupted and resumed::

    with Pipeline() as pipeline:
        aged = pipeline.age(photo, Request.parse(age=70))  # uint8 [H, W, 3]

    result = BatchSession(["photos"], "aged", Request.parse(age="+20"), report="aged.jsonl").run()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ages.request import Request
    from .batch.session import BatchResult, BatchSession
    from .bundle.bundle import Bundle
    from .errors import AmganError
    from .photo.read import read_photo
    from .photo.write import write_photo
    from .pipeline.pipeline import Pipeline
    from .pipeline.results import AgedPhoto
    from .pipeline.sweep import sweep
    from .video.request import VideoRequest
    from .video.session import VideoSession

_HOME = {
    "AgedPhoto": "pipeline.results",
    "AmganError": "errors",
    "BatchResult": "batch.session",
    "BatchSession": "batch.session",
    "Bundle": "bundle.bundle",
    "Pipeline": "pipeline.pipeline",
    "Request": "ages.request",
    "read_photo": "photo.read",
    "VideoSession": "video.session",
    "VideoRequest": "video.request",
    "sweep": "pipeline.sweep",
    "write_photo": "photo.write",
}

__all__ = [
    "AgedPhoto",
    "AmganError",
    "BatchResult",
    "BatchSession",
    "Bundle",
    "Pipeline",
    "Request",
    "VideoRequest",
    "VideoSession",
    "read_photo",
    "sweep",
    "write_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
