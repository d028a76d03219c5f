"""The routes of the API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from amgan import __version__
from amgan.runtime.ages.map_file import encode_map, read_map_file
from amgan.runtime.errors import AmganError, UsageError
from amgan.runtime.photo.formats import FORMAT_OF_SUFFIX

from .descriptions import ModelDescription, PhotoDescription, describe_model, describe_photo
from .metrics import Metrics
from .photo_service import PhotoService
from .photo_store import PhotoStore, StoredPhoto
from .pictures import RegionPicture, encode_jpeg
from .request_options import AgeOptions, SweepOptions, map_upload
from .settings import MIB, ServeSettings
from .uploads import Uploads
from .work import WorkDesk, unless_gone

SAMPLES = Path(__file__).parent / "samples"
_MEDIA_TYPES = {"JPEG": "image/jpeg", "HEIF": "image/heic"}
_PROBLEM: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"example": {"status": status, "detail": "one sentence"}}},
    }
    for status, text in ((400, "The request makes no sense"), (404, "No such photo"), (422, "The photo"))
}
_BYTES = {
    "requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
_NPY = "application/octet-stream"


def _picture(*kinds: str) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {200: {"content": content}, **_PROBLEM}


def sample_names() -> list[str]:
    """Names of the sample photos that ship."""
    return sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".jpg", ".png"))


def photo_routes(
    service: PhotoService, store: PhotoStore, desk: WorkDesk, settings: ServeSettings, uploads: Uploads
) -> APIRouter:
    """Uploading, describing, showing and deleting photos, under /v1."""
    router = APIRouter(prefix="/v1", tags=["photos"])

    def described(stored: StoredPhoto, status: HTTPStatus) -> JSONResponse:
        found = describe_photo(stored, service.left(stored), settings)
        return JSONResponse(found.model_dump(), status)

    @router.post(
        "/photos", status_code=201, responses=_PROBLEM, response_model=PhotoDescription, openapi_extra=_BYTES
    )
    async def send_photo(
        http: HttpRequest,
        name: Annotated[str, Query(description="Name of the file, such as me.jpg.")] = "photo",
        sample: Annotated[str | None, Query(description="Take a sample photo; nothing is sent.")] = None,
    ) -> Response:
        """Upload a photo; the response has its id, faces, landmarks and present ages."""
        if sample is None:
            async with uploads.receive(http, settings.max_upload_bytes) as content:
                stored, _ = await unless_gone(http, service.add(content, name))
        elif sample in sample_names():
            stored, _ = await unless_gone(http, service.add((SAMPLES / sample).read_bytes(), sample))
        else:
            raise UsageError(f"there is no sample {sample!r}: the samples are {', '.join(sample_names())}")
        return described(stored, HTTPStatus.CREATED)

    @router.get("/photos/{id}", responses=_PROBLEM, response_model=PhotoDescription)
    async def describe(id: str) -> Response:
        """The description of a photo."""
        return described(store.get(id), HTTPStatus.OK)

    @router.delete("/photos/{id}", status_code=204)
    async def forget(id: str) -> Response:
        """Delete a photo."""
        store.forget(id)
        return Response(status_code=204)

    @router.get("/photos/{id}/picture", responses=_picture("image/jpeg"), response_class=Response)
    async def picture(
        http: HttpRequest, id: str, max_side_px: Annotated[int | None, Query(ge=16)] = None
    ) -> Response:
        """The original photo, upright and in sRGB, as a JPEG."""
        pixels = store.get(id).photo.pixels
        content = await unless_gone(http, desk.run(encode_jpeg, pixels, max_side_px))
        return Response(content, media_type="image/jpeg")

    return router


def aging_routes(service: PhotoService, store: PhotoStore) -> APIRouter:
    """Ageing and sweeps of stored photos, under /v1."""
    router = APIRouter(prefix="/v1", tags=["photos"])

    @router.post(
        "/photos/{id}/age", responses=_picture("image/*") | {204: {"description": "Nothing changes"}},
        response_class=Response,
    )  # fmt: skip
    async def age(http: HttpRequest, id: str, options: AgeOptions) -> Response:
        """Age a photo: the whole file, or with `region` one face as a PNG or WebP, transparent elsewhere.

        The header `Amgan-Box` has its box in the photo: x0, y0, x1, y1 in px.
        """
        stored = store.get(id)
        if options.region is not None:
            found = await unless_gone(http, service.region(stored, options, options.region))
            if found is None:
                return Response(status_code=204)
            return Response(found.content, headers={"Amgan-Box": _box(found)}, media_type=found.media_type)
        content, name = await unless_gone(http, service.age(stored, options))
        disposition = f"attachment; filename*=UTF-8''{quote(name)}"
        return Response(
            bytes(content), headers={"Content-Disposition": disposition}, media_type=_media_type(name)
        )

    @router.post(
        "/photos/{id}/sweep", response_class=StreamingResponse, responses=_picture("application/x-ndjson")
    )  # fmt: skip
    async def sweep(id: str, options: SweepOptions) -> StreamingResponse:
        """One face at several ages, streamed as one line of JSON per age.

        Each has `years`, `done`, `total`, and, if the face changes, `box` and a WebP in base64.
        The last line may have an `error` instead.
        """
        frames = await service.sweep(store.get(id), options)
        return StreamingResponse(_lines(frames, options), media_type="application/x-ndjson")

    return router


def map_routes(service: PhotoService, store: PhotoStore, desk: WorkDesk, uploads: Uploads) -> APIRouter:
    """Aging maps of stored photos, and files of maps, under /v1."""
    router = APIRouter(prefix="/v1", tags=["photos"])

    @router.get("/photos/{id}/map", responses=_picture("image/png", _NPY), response_class=Response)
    async def map_of(
        http: HttpRequest,
        id: str,
        face: Annotated[int, Query(ge=1)] = 1,
        age: str | None = None,
        zone: Annotated[list[str], Query(description="NAME=YEARS")] = [],  # noqa: B006
        what: Annotated[Literal["wanted", "now"], Query()] = "wanted",
        format: Annotated[Literal["png", "npy"], Query()] = "png",
    ) -> Response:
        """Ages over the canonical frame of a face: present or wanted ones, 0 for no change.

        A PNG has whole years as grey values, a .npy float32 years; both can be edited and passed to `age`.
        """
        zones = dict(_split_zone(text) for text in zone)
        options = AgeOptions(age=age, zones=zones)
        age_field = await unless_gone(http, service.age_field(store.get(id), options, face, what))
        return Response(
            encode_map(age_field, f".{format}"), media_type="image/png" if format == "png" else _NPY
        )

    @router.post("/maps", responses=_picture(_NPY), response_class=Response, openapi_extra=_BYTES)
    async def read_map(http: HttpRequest) -> Response:
        """Validate a map file, .png or .npy, and return it as float32 years in a .npy."""
        async with uploads.receive(http, 64 * MIB + 4096) as content:
            wanted = await unless_gone(http, desk.run(read_map_file, map_upload(bytes(content))))
        return Response(encode_map(wanted.years, ".npy"), media_type=_NPY)

    return router


def model_routes(service_pipeline: Any, settings: ServeSettings, metrics: Metrics) -> APIRouter:
    """The model, health and metrics."""
    router = APIRouter()
    model = describe_model(service_pipeline, settings, __version__, sample_names())

    @router.get("/v1/model", tags=["model"])
    async def describe() -> ModelDescription:
        """The model in use: its ages, the zones of the face and the sample photos."""
        return model

    @router.get("/healthz", tags=["monitoring"])
    async def health() -> dict[str, str]:
        """The health check."""
        return {"status": "ok", "version": model.version, "engine": model.engine}

    @router.get(
        "/metrics",
        tags=["monitoring"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def numbers() -> Response:
        """Counters and times in the text format of Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return router


async def _lines(
    frames: AsyncIterator[tuple[float, RegionPicture | None]], options: SweepOptions
) -> AsyncIterator[bytes]:
    from amgan.runtime.pipeline.sweep import parse_ages

    total, done = len(parse_ages(options.ages)), 0
    try:
        async for years, found in frames:
            done += 1
            line: dict[str, Any] = {"years": years, "done": done, "total": total}
            if found is not None:
                line["box"] = found.box
                line["picture"] = base64.b64encode(found.content).decode()
            yield json.dumps(line).encode() + b"\n"
    except AmganError as error:
        yield json.dumps({"error": str(error)}).encode() + b"\n"


def _box(found: RegionPicture) -> str:
    return " ".join(f"{value:.3f}" for value in found.box)


def _media_type(name: str) -> str:
    kind = FORMAT_OF_SUFFIX[Path(name).suffix.lower()]
    return _MEDIA_TYPES.get(kind, f"image/{kind.lower()}")


def _split_zone(text: str) -> tuple[str, str]:
    name, equals, years = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not a zone with an age: write it such as forehead=+25")
    return name, years
