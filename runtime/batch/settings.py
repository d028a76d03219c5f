"""The key of everything that a result depends on besides the photo; if it changes, photos are redone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..ages.atlas import Atlas
    from ..ages.request import Request
    from ..engines.contract import Capabilities
    from ..pipeline.pipeline import Pipeline


def describe_request(request: Request) -> dict[str, Any]:
    """A request as JSON values, with its map and atlases as SHA-256."""
    painted = request.aging_map
    # All fields of the request are included, so that later ones cannot be forgotten here.
    plain = {one.name: getattr(request, one.name) for one in fields(request)}
    return plain | {
        "age": None if request.age is None else str(request.age),
        "zones": [f"{name}={spec}" for name, spec in request.zones],
        "aging_map": None if painted is None else _hash(painted.years.tobytes()),
        "population": _describe_atlas(request.population),
        "reference": _describe_atlas(request.reference),
    }


@dataclass(frozen=True)
class ModelFacts:
    """The properties of a pipeline, in this or another process, that a run needs.

    ``capabilities`` are the engine's, ``age_range`` the model's youngest and oldest age in years,
    ``patterns`` its number of patterns; ``networks`` are the networks and their precision, as JSON values.
    """

    capabilities: Capabilities
    age_range: tuple[float, float]
    patterns: int
    networks: Mapping[str, Any]

    @classmethod
    def of(cls, pipeline: Pipeline) -> ModelFacts:
        """The facts of an open pipeline."""
        manifest, capabilities = pipeline.manifest, pipeline.capabilities
        files = sorted(manifest.files.items())
        networks = {
            "model": {name: entry.sha256.lower() for name, entry in files if entry.format == "onnx"},
            "precision": capabilities.precision,
        }
        return cls(capabilities, manifest.age_range, manifest.patterns, networks)


def settings_key(*parts: Mapping[str, Any]) -> str:
    """A hex hash of ``parts`` and the version of AMGAN."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        amgan = version("amgan")
    except PackageNotFoundError:  # not installed, run from a folder
        amgan = "unknown"
    return _hash(json.dumps(["settings 1", amgan, *parts], sort_keys=True).encode())[:32]


def _describe_atlas(atlas: Atlas | None) -> dict[str, str] | None:
    if atlas is None:
        return None
    curves = json.dumps({name: asdict(curve) for name, curve in atlas.curves.items()}, sort_keys=True)
    return {"name": atlas.name, "version": atlas.version, "sha256": _hash(curves.encode())}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
