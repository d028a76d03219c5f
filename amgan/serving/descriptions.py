"""JSON descriptions of photos, faces and the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.face.mesh import FACE_OVAL
from amgan.runtime.face.zones import ZONES
from amgan.runtime.photo.plugins import readable_formats

if TYPE_CHECKING:
    from amgan.runtime import Pipeline
    from amgan.runtime.pipeline.face_filter import LeftFace
    from amgan.runtime.pipeline.seen_face import SeenFace

    from .photo_store import StoredPhoto
    from .settings import ServeSettings


class FaceDescription(BaseModel):
    """One face of a photo. Positions are in px of the photo, ages in years."""

    number: int = Field(description="From 1, the largest.")
    box: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 of the landmarks.")
    landmarks: list[tuple[float, float]] = Field(description="The 468 points of the face mesh.")
    frame: tuple[float, float, float, float, float, float] = Field(
        description="a, b, c, d, e, f of the map from the canonical frame (0 to 1) to the photo: "
        "x = a u + c v + e, y = b u + d v + f."
    )
    frame_px: int = Field(description="Side in px at which the network computes this face.")
    age: float = Field(description="Apparent age of the whole face.")
    zones: dict[str, float] = Field(description="Apparent age of every part.")
    base: float = Field(description="Apparent age of the rest of the face.")
    left: str | None = Field(default=None, description="Why the face would not be aged, if so.")


class PhotoDescription(BaseModel):
    """A photo that is kept."""

    id: str
    name: str
    width: int
    height: int
    format: str = Field(description='Format of its file, such as "JPEG".')
    keep_s: float = Field(description="Seconds for which it is kept after its last use.")
    faces: list[FaceDescription]


class ZoneDescription(BaseModel):
    """A zone of the face: ``polygons`` are numbers of mesh points, one list for each of its parts."""

    name: str
    sign: str
    description: str
    parts: list[str]
    polygons: list[list[int]]


class ModelDescription(BaseModel):
    """The model in use and what it can do."""

    version: str
    model: str
    engine: str
    age_range: tuple[float, float]
    patterns: int = Field(description="How many patterns of lines and folds there are to choose from.")
    zones: list[ZoneDescription]
    face_oval: list[int]
    command_options: list[str] = Field(description="Options that `amgan age` needs to use the same model.")
    samples: list[str] = Field(description="Names of the sample photos.")
    formats: list[str] = Field(description="Formats of photos that this server can read.")
    max_upload_bytes: int


def describe_photo(
    stored: StoredPhoto, left: tuple[LeftFace, ...], settings: ServeSettings
) -> PhotoDescription:
    """A stored photo; ``left`` are the faces that would not be aged."""
    height, width = stored.photo.pixels.shape[:2]
    reasons = {id(one.face): one.reason for one in left}
    return PhotoDescription(
        id=stored.id,
        name=stored.name,
        width=width,
        height=height,
        format=stored.photo.format,
        keep_s=settings.keep_s,
        faces=[
            _describe_face(n, one, reasons.get(id(one.face))) for n, one in enumerate(stored.seen, start=1)
        ],
    )


def _describe_face(number: int, seen: SeenFace, left: str | None) -> FaceDescription:
    x0, y0, x1, y1 = (round(v, 2) for v in seen.face.box)
    a, c, e, b, d, f = (round(float(v), 4) for v in seen.face.frame.to_photo(1).ravel())
    return FaceDescription(
        number=number,
        box=(x0, y0, x1, y1),
        landmarks=[(round(float(x), 2), round(float(y), 2)) for x, y in seen.face.landmarks],
        frame=(a, b, c, d, e, f),
        frame_px=seen.frame_px,
        age=round(face_age(seen.now), 1),
        zones={name: round(float(years), 1) for name, years in seen.now.parts.items()},
        base=round(seen.now.base, 1),
        left=left,
    )


def describe_model(
    pipeline: Pipeline, settings: ServeSettings, version: str, samples: list[str]
) -> ModelDescription:
    """The model of this server."""
    manifest, engine = pipeline.manifest, pipeline.capabilities
    return ModelDescription(
        version=version,
        model=manifest.model,
        engine=f"{engine.name} on {engine.device} in {engine.precision}",
        age_range=manifest.age_range,
        patterns=manifest.patterns,
        zones=[
            ZoneDescription(
                name=zone.name,
                sign=zone.sign,
                description=zone.description,
                parts=list(zone.parts),
                polygons=[list(polygon) for polygon in zone.polygons],
            )
            for zone in ZONES
        ],
        face_oval=list(FACE_OVAL),
        command_options=list(settings.command_options),
        samples=samples,
        formats=list(readable_formats()),
        max_upload_bytes=settings.max_upload_bytes,
    )
