"""The manifest of a bundle: data classes, validation and serialisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import BundleError
from .engine_files import FLAVOURS, FORMAT, TARGET, EngineBuild, EngineProfile

SCHEMA = 2
COORDINATES = ("face", "frame")
MAX_PATTERNS = 8
FRAME_STEP_PX = 64


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network; letters in ``shape`` are dynamic dimensions."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    range: tuple[float, float] | None = None
    description: str = ""


@dataclass(frozen=True)
class GeneratorSpec:
    """Inputs and outputs of the generator."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class EstimatorSpec:
    """The estimator: takes a whole frame of ``frame_px`` px and returns ``grid`` x ``grid`` ages in years."""

    frame_px: int
    grid: int
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle: its role ("generator", ...), format, precision and SHA-256 in hex.

    Entries of format "tensorrt" have a ``build``: how the engine was built.
    """

    role: str
    format: str
    precision: str
    sha256: str
    build: EngineBuild | None = None


@dataclass(frozen=True)
class Manifest:
    """The description of a bundle; lengths are in px of the canonical frame, ages in years.

    A face's frame is ``min_frame_px`` to ``max_frame_px`` px wide, in steps of 64; a tile has a halo of
    ``halo_px`` on every side; tiles start and end at multiples of ``tile_multiple`` px. ``parity`` is the
    report on the difference between the files and the reference, if any, and ``export`` the settings of the
    export. The generator was trained on maps up to ``oldest_trained_age``; older ages are clamped to it. It
    mixes ``patterns`` patterns of lines, and ``coordinates`` says what its planes u and v hold: positions on
    the mean face ("face"), or X and Y across the frame ("frame").
    """

    model: str
    version: str
    canonical_px: int
    min_frame_px: int
    max_frame_px: int
    halo_px: int
    tile_multiple: int
    age_range: tuple[float, float]
    neutral_age: float
    generator: GeneratorSpec
    estimator: EstimatorSpec
    files: Mapping[str, FileEntry]
    checkpoint_sha256: str = ""
    created_with: Mapping[str, str] = field(default_factory=dict)
    parity: Mapping[str, Any] | None = None
    export: Mapping[str, Any] | None = None
    oldest_trained_age: float = 90.0
    patterns: int = 1
    coordinates: str = "face"
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The manifest as manifest.json holds it."""
        content: dict[str, Any] = _without_empty(asdict(self))
        return {"schema": content.pop("schema"), **content}

    @classmethod
    def from_dict(cls, content: Any, source: str = "manifest.json") -> Manifest:
        """Read what manifest.json holds; raises BundleError, naming ``source`` and the field at fault.

        Unknown fields are ignored.
        """
        reader = _Reader(content, source)
        _check_schema(reader)
        networks = (reader.child("generator"), reader.child("estimator"))
        low, high = reader.numbers("age_range", 2)
        oldest = reader.number("oldest_trained_age") if "oldest_trained_age" in content else high
        manifest = cls(
            model=reader.get("model", str),
            version=reader.get("version", str),
            canonical_px=reader.get("canonical_px", int),
            min_frame_px=reader.get("min_frame_px", int),
            max_frame_px=reader.get("max_frame_px", int),
            halo_px=reader.get("halo_px", int),
            tile_multiple=reader.get("tile_multiple", int),
            age_range=(low, high),
            neutral_age=reader.number("neutral_age"),
            oldest_trained_age=oldest,
            patterns=reader.get("patterns", int),
            coordinates=reader.get("coordinates", str),
            generator=GeneratorSpec(networks[0].tensors("inputs"), networks[0].tensors("outputs")),
            estimator=EstimatorSpec(
                networks[1].get("frame_px", int),
                networks[1].get("grid", int),
                networks[1].tensors("inputs"),
                networks[1].tensors("outputs"),
            ),
            files={name: _file_entry(entry) for name, entry in reader.child("files").children()},
            checkpoint_sha256=reader.get("checkpoint_sha256", str, ""),
            created_with=reader.get("created_with", dict, {}),
            parity=reader.get("parity", dict) if reader.has("parity") else None,
            export=reader.get("export", dict) if reader.has("export") else None,
        )
        _check_values(manifest, source)
        return manifest


class _Reader:
    """Reads typed fields from parsed JSON, and reports missing and invalid ones."""

    def __init__(self, content: Any, source: str, where: str = "") -> None:
        self.source, self._where = source, where
        if not isinstance(content, dict):
            raise BundleError(
                f"'{source}' is damaged: {where or 'it'} is not an object; export the bundle again"
            )
        self._content: dict[str, Any] = content

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self._content.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.fault(
                key, "is missing" if key not in self._content else f"is {value!r}, not {kind.__name__}"
            )
        return value

    def number(self, key: str) -> float:
        value = self._content.get(key)
        return float(value) if isinstance(value, int | float) else float(self.get(key, float))

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        values = self.get(key, list)
        if len(values) != count or not all(isinstance(v, int | float) for v in values):
            raise self.fault(key, f"is {values!r}, not {count} numbers")
        return tuple(float(v) for v in values)

    def whole_numbers(self, key: str, count: int | None = None) -> tuple[int, ...]:
        values = self.get(key, list)
        whole = all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in values)
        if not values or not whole or count not in (None, len(values)):
            raise self.fault(key, f"is {values!r}, not {count or 'some'} whole numbers above 0")
        return tuple(values)

    def names(self) -> list[str]:
        return list(self._content)

    def child(self, key: str) -> _Reader:
        return _Reader(self.get(key, dict), self.source, f"{self._where}{key}.")

    def children(self) -> list[tuple[str, _Reader]]:
        return [(key, self.child(key)) for key in self.names()]

    def tensors(self, key: str) -> tuple[TensorSpec, ...]:
        items = self.get(key, list)
        return tuple(_tensor(_Reader(item, self.source, f"{self._where}{key}.")) for item in items)

    def has(self, key: str) -> bool:
        return self._content.get(key) is not None

    def fault(self, key: str, what: str) -> BundleError:
        return BundleError(f"'{self.source}' is damaged: {self._where}{key} {what}; export the bundle again")


def _without_empty(value: Any) -> Any:
    """Remove unset optional fields, recursively."""
    if isinstance(value, Mapping):
        return {key: _without_empty(item) for key, item in value.items() if item is not None and item != ""}
    return [_without_empty(item) for item in value] if isinstance(value, list | tuple) else value


def _tensor(reader: _Reader) -> TensorSpec:
    limits = reader.numbers("range", 2) if reader.has("range") else None
    return TensorSpec(
        reader.get("name", str),
        reader.get("type", str),
        tuple(reader.get("shape", list)),
        None if limits is None else (limits[0], limits[1]),
        reader.get("description", str, ""),
    )


def _file_entry(reader: _Reader) -> FileEntry:
    role, format, precision, sha256 = (
        reader.get(key, str) for key in ("role", "format", "precision", "sha256")
    )
    build = _engine_build(reader.child("build")) if format == FORMAT else None
    return FileEntry(role, format, precision, sha256, build)


def _engine_build(reader: _Reader) -> EngineBuild:
    flavour = reader.get("flavour", str)
    if flavour not in FLAVOURS:
        raise reader.fault("flavour", f"is {flavour!r}, not one of {', '.join(FLAVOURS)}")
    targets = reader.get("targets", list)
    if not targets or not all(isinstance(t, str) and TARGET.fullmatch(t) for t in targets):
        raise reader.fault("targets", f"is {targets!r}, not a list such as ['sm86']")
    return EngineBuild(
        flavour,
        reader.get("version", str),
        tuple(targets),
        reader.get("onnx_sha256", str),
        _engine_profile(reader.child("profile")),
        reader.get("options", dict, {}),
        reader.number("half_share"),
        reader.get("checked", str),
    )


def _engine_profile(reader: _Reader) -> EngineProfile:
    low, best, high = reader.whole_numbers("batch", 3)
    inputs = reader.child("inputs")
    profile = EngineProfile((low, best, high), {n: inputs.whole_numbers(n) for n in inputs.names()})
    if not 0 < low <= best <= high:
        raise reader.fault("batch", f"is {profile.batch}, not a smallest, a best and a largest batch")
    if "image" not in profile.inputs:
        raise inputs.fault("image", "is missing")
    return profile


def _check_schema(reader: _Reader) -> None:
    schema = reader.get("schema", int)
    if schema > SCHEMA:
        raise BundleError(
            f"'{reader.source}' has schema {schema}, newer than this version's {SCHEMA}: upgrade amgan"
        )
    if schema < 1:
        raise reader.fault("schema", f"is {schema}, which there never was")
    if schema < SCHEMA:
        raise BundleError(
            f"'{reader.source}' has schema {schema}, of networks without face coordinates: export "
            "it again from weights of this version"
        )


def _check_values(manifest: Manifest, source: str) -> None:
    """Raise BundleError for numbers that the tile geometry cannot use."""
    m = manifest
    for name, good in (
        ("min_frame_px", m.min_frame_px > 0 and m.min_frame_px % FRAME_STEP_PX == 0),
        ("max_frame_px", m.max_frame_px >= m.min_frame_px and m.max_frame_px % FRAME_STEP_PX == 0),
        ("canonical_px", m.canonical_px > 0),
        ("tile_multiple", m.tile_multiple in (4, 8, 16, 32, 64)),
        ("halo_px", m.halo_px >= 0 and m.halo_px % 4 == 0),
        ("age_range", 0 <= m.age_range[0] < m.age_range[1]),
        ("oldest_trained_age", m.age_range[0] < m.oldest_trained_age <= m.age_range[1]),
        ("patterns", 1 <= m.patterns <= MAX_PATTERNS),
        ("coordinates", m.coordinates in COORDINATES),
        ("estimator.frame_px", m.estimator.frame_px > 0),
        ("estimator.grid", m.estimator.grid > 0),
    ):
        if not good:
            value: Any = m
            for key in name.split("."):
                value = getattr(value, key)
            raise BundleError(f"'{source}' is damaged: {name} cannot be {value}; export the bundle again")
