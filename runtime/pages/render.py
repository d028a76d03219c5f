"""Rendering of HTML pages from Jinja templates, which can extend ``base.html`` of this folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render_page(template: Path, **values: Any) -> str:
    """Render a template with ``values`` and return the text.

    Templates extend ``base.html`` (blocks ``head``, ``style``, ``body``; value ``title``) and import the
    macro ``table`` from ``tables.html``. All values except ``markupsafe.Markup`` are escaped. Raises
    ``jinja2.UndefinedError`` for a missing value.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)


def data_url(content: bytes, kind: str) -> str:
    """A data URL of an encoded picture; ``kind`` is its subtype, such as "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
