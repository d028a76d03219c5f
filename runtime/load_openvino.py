"""The one place that imports OpenVINO, with its telemetry off."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

_TELEMETRY = "openvino_telemetry"


def load_openvino() -> ModuleType:
    """The package `openvino`, imported at the first call.

    OpenVINO reports its import, and each conversion, to a server of its makers through the package
    openvino-telemetry, and writes a number for this user into the home folder. It does without where that
    package cannot be imported, so it is told so before. A program that imported OpenVINO before AMGAN has
    made its own choice, which stays. Raises ImportError where OpenVINO is not installed or cannot be loaded.
    """
    if "openvino" not in sys.modules:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # how Python marks what must not be imported
    return importlib.import_module("openvino")
