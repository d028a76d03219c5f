"""Writes pictures of an aging field and the numbers of its faces into a folder, for inspection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import ZONES
from amgan.runtime.pages.render import render_page

from .aging_field import AgingField
from .groups import Groups
from .log_picture import Plane
from .patterns import zone_weight

TEMPLATE = Path(__file__).with_name("field_report.html")
DECADES = tuple((age, age + 10) for age in range(25, 85, 10))
GREY_CODE = 128.0
GAIN = 900.0
"""Codes from grey per unit of log luminance in pictures of the field; half of it in the others."""


def write_report(folder: Path, field: AgingField, groups: Groups) -> None:
    """Write report.html and its pictures.

    Raises UsageError if the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder '{folder}' cannot be made: name another for the report") from error
    rows, columns = field.space.box
    fine = field.lines.shape[1] // field.space.size_px
    box = (slice(rows.start * fine, rows.stop * fine), slice(columns.start * fine, columns.stop * fine))
    steps = [field.difference(older, younger)[rows, columns] for younger, older in DECADES]
    pictures = {
        "light.png": [_grey(step[..., 0], GAIN) for step in steps],
        "colour.png": [_codes(step[..., 1:], GAIN) for step in steps],
        "products.png": [_grey(plane[rows, columns, 0], GAIN) for plane in field.products],
        "deviations.png": [_grey(plane[rows, columns], GAIN / 2) for plane in field.deviations],
        "lines.png": [_grey(plane[box], GAIN / 2) for plane in field.lines],
        "texture.png": [_grey(field.texture[box], GAIN / 2), _codes(field.mottling[box], GAIN / 2)],
    }
    for name, shown in pictures.items():
        Image.fromarray(np.hstack(shown)).save(folder / name)
    (folder / "report.html").write_text(_page(field, groups), encoding="utf-8")


def zone_changes(field: AgingField) -> dict[str, list[float]]:
    """Root mean square of the field's change of log luminance, by zone and decade."""
    weights = {zone.name: zone_weight(field.space, (zone.name,)) * field.space.skin for zone in ZONES}
    found: dict[str, list[float]] = {name: [] for name in weights}
    for younger, older in DECADES:
        change = field.difference(older, younger)[..., 0] ** 2
        for name, weight in weights.items():
            found[name].append(float(np.sqrt((change * weight).sum() / np.maximum(weight.sum(), 1e-6))))
    return found


def _page(field: AgingField, groups: Groups) -> str:
    decades = [f"{younger} to {older}" for younger, older in DECADES]
    zones = [[name, *(f"{100 * v:.2f} %" for v in row)] for name, row in zone_changes(field).items()]
    about = {name: value for name, value in field.report.items() if isinstance(value, int)}
    edges, counts = field.report.get("band_edges", []), field.report.get("faces_by_band", [])
    assert isinstance(edges, list) and isinstance(counts, list)
    bands = [f"under {edges[0]}", *(f"from {edge}" for edge in edges)] if edges else []
    members = [
        [name, str(len(names)), ", ".join(names)]
        for name, names in zip(field.pattern_names, groups.members, strict=True)
    ]
    tables = {"Faces by source": "faces_by_source", "Left out, by reason": "left_out"}
    return render_page(
        TEMPLATE,
        title="Aging field",
        about=about,
        bands=bands,
        counts=counts,
        by_kind=[(title, _rows(field.report.get(key))) for title, key in tables.items()],
        decades=decades,
        zones=zones,
        patterns=field.pattern_names,
        members=members,
    )


def _rows(table: object) -> list[tuple[object, object]]:
    return list(table.items()) if isinstance(table, dict) else []


def _codes(plane: Plane, gain: float) -> NDArray[np.uint8]:
    return np.clip(GREY_CODE + gain * plane, 0, 255).astype(np.uint8)


def _grey(plane: Plane, gain: float) -> NDArray[np.uint8]:
    return np.repeat(_codes(plane, gain)[..., None], 3, axis=2)
