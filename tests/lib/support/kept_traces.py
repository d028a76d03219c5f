"""Plain graphs that PyTorch's exporter has traced, which takes ten seconds each time, kept for later runs.

Also a plugin of pytest, for one that a test starts.
"""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from support.kept import ROOT, made_once


def keep_traces(patch: pytest.MonkeyPatch) -> None:
    """Trace a generator of the same code, weights and packages once for all checkouts."""
    from amgan.export.graphs import trace
    from amgan.networks import Generator

    whole = trace.generator_to_onnx

    def kept(generator: Generator, path: Path, *, optimize: bool = False) -> None:
        digest = hashlib.sha256()
        for name, tensor in generator.state_dict().items():
            digest.update(name.encode() + tensor.detach().numpy().tobytes())
        packages = (f"{name} {version(name)}" for name in ("torch", "onnx", "onnxscript"))
        facts = (repr(generator.config), str(optimize), digest.hexdigest(), *packages)
        files = [*(ROOT / "amgan" / "networks").glob("*.py"), *(ROOT / "export" / "graphs").glob("*.py")]
        other = path.with_suffix(".trace")
        other.mkdir()
        folder = made_once(
            "trace", files, facts, other, lambda to: whole(generator, to / "plain.onnx", optimize=optimize)
        )
        shutil.copyfile(folder / "plain.onnx", path)

    patch.setattr(trace, "generator_to_onnx", kept)


def pytest_configure() -> None:
    """Keep the traces of a whole run."""
    keep_traces(pytest.MonkeyPatch())
