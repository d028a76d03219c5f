"""The HTML of the gallery. File names and reasons are untrusted; the template escapes them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...pages.render import render_page

FILES = Path(__file__).with_name("files")


@dataclass(frozen=True)
class Card:
    """One photo of the gallery: its name, URL-quoted links, the previews' size in px.

    ``reason`` says why a photo without aged faces was copied; ``faces`` are those of the report.
    """

    name: str
    link: str
    before: str
    after: str
    width: int
    height: int
    reason: str
    faces: tuple[Mapping[str, Any], ...]

    @property
    def zones(self) -> list[tuple[str, float, float]]:
        """The zones with a requested change: name, present and wanted years."""
        aged = [(index, face) for index, face in enumerate(self.faces, start=1) if face.get("zones")]
        several = len(aged) > 1
        return [
            ((f"face {index}, " if several else "") + str(zone).replace("-", " "), now, wanted)
            for index, face in aged
            for zone, (now, wanted) in face["zones"].items()
        ]


def make_page(title: str, cards: Sequence[Card], others: Sequence[tuple[str, str, str]]) -> str:
    """The HTML of the page; ``others`` are name, outcome and reason of files without pictures."""
    from markupsafe import Markup

    style, script = ((FILES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    failed = sum(outcome == "failed" for _, outcome, _ in others)
    left_out = len(others) - failed
    counts = (
        f"{len(cards)} photo{'' if len(cards) == 1 else 's'}",
        f"{failed} failed" if failed else "",
        f"{left_out} left out" if left_out else "",
    )
    return render_page(
        FILES / "page.html",
        title=title,
        policy=f"default-src 'none'; img-src 'self' file:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'",
        style=Markup(style),
        script=Markup(script),
        counts=[one for one in counts if one],
        cards=cards,
        others=sorted(others, key=lambda one: (one[1] != "failed", one[0])),
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
