"""Rendering of HTML pages from Jinja templates, which all may extend ``base.html`` of this folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render_page(template: Path, **values: Any) -> str:
    """The text that a template gives with ``values``.

    Templates extend ``base.html`` (blocks ``head``, ``style``, ``body``; value ``title``) and take the macro
    ``table`` from ``tables.html``. All values are escaped but ``markupsafe.Markup``; a value that is missing
    raises ``jinja2.UndefinedError``.
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
    """A picture as the URL that holds it; ``kind`` is such as "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
