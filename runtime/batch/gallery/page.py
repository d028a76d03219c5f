"""The HTML of the gallery. File names and reasons come from strangers: all of them are escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

_OUTCOMES = {"failed": "failed", "skipped": "left out"}


@dataclass(frozen=True)
class Card:
    """One photo of the gallery: its name, links that are quoted already, the previews' size in px.

    ``reason`` says why a photo without aged faces was copied; ``faces`` are as a report tells them.
    """

    name: str
    link: str
    before: str
    after: str
    width: int
    height: int
    reason: str
    faces: tuple[Mapping[str, Any], ...]


def make_page(title: str, cards: Sequence[Card], others: Sequence[tuple[str, str, str]]) -> str:
    """The whole page; ``others`` are name, outcome and reason of the files that it has no pictures of."""
    style, script = (_resource(name) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src 'self' file:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'"
    )
    failed = sum(outcome == "failed" for _, outcome, _ in others)
    counts = [_count(len(cards), "photo"), f"{failed} failed" if failed else ""]
    counts += [f"{len(others) - failed} left out" if len(others) > failed else ""]
    body = "\n".join(_card(number, card) for number, card in enumerate(cards))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="soft">{", ".join(filter(None, counts))}</p>
<div class="tools">
<input type="search" placeholder="Find a file name" aria-label="Find a file name">
<span class="soft" id="shown" role="status"></span>
</div>
</header>
<main>
<div class="photos">
{body}
</div>
{"" if cards else '<p class="none">No photo was written.</p>'}
{_others(others)}
</main>
<footer>Made by AMGAN. The aged pictures are synthetic.</footer>
<script>{script}</script>
</body>
</html>
"""


def _card(number: int, card: Card) -> str:
    name = escape(card.name)
    size = f'width="{card.width}" height="{card.height}"'
    told = card.faces if not card.reason or len(card.faces) > 1 else ()  # the reason is that of the one face
    faces = "".join(_face(index, face) for index, face in enumerate(told, start=1))
    note = f'<p class="soft">Copied as it is: {escape(card.reason)}</p>' if card.reason else ""
    return f"""<article class="photo" data-name="{escape(card.name.lower())}">
<div class="compare">
<img class="after" src="{escape(card.after)}" {size} loading="lazy" alt="{name}, aged" draggable="false">
<img class="before" src="{escape(card.before)}" {size} loading="lazy" alt="{name}, before" draggable="false">
<span class="tag left">before</span><span class="tag right">after</span>
<input type="range" min="0" max="100" value="50" step="0.5" aria-label="Share of {name} shown as before">
</div>
<div class="about">
<h2><a href="{escape(card.link)}">{name}</a></h2>
{note}
<ul class="ages">{faces}</ul>
{_zones(number, card.faces)}
</div>
</article>"""


def _face(number: int, face: Mapping[str, Any]) -> str:
    if face["outcome"] != "aged":
        return f'<li class="soft">face {number} is left alone: {escape(str(face["reason"]))}</li>'
    now, wanted = float(face["age"]), float(face["wanted"])
    return f"<li>face {number}: <b>{now:.0f} → {wanted:.0f}</b> years</li>"


def _zones(number: int, faces: Sequence[Mapping[str, Any]]) -> str:
    """A table of the zones that were asked to change, in years before and wanted."""
    rows = []
    aged = [(index, face) for index, face in enumerate(faces, start=1) if face.get("zones")]
    for index, face in aged:
        for zone, (now, wanted) in face["zones"].items():
            name = escape(str(zone).replace("-", " "))
            name = f"face {index}, {name}" if len(aged) > 1 else name
            rows.append(f'<tr><th scope="row">{name}</th><td>{now:.0f} → {wanted:.0f}</td></tr>')
    if not rows:
        return ""
    summary = _count(len(rows), "zone") + " changed"
    return f"<details><summary>{summary}</summary><table>{''.join(rows)}</table></details>"


def _others(others: Sequence[tuple[str, str, str]]) -> str:
    if not others:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="{escape(outcome)}">'
        f"{escape(_OUTCOMES.get(outcome, outcome))}</td><td>{escape(reason)}</td></tr>"
        for name, outcome, reason in sorted(others, key=lambda one: (one[1] != "failed", one[0]))
    )
    return (
        '<section class="others"><h2>Files without a result</h2>'
        f"<table><tbody>{rows}</tbody></table></section>"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _resource(name: str) -> str:
    return files("amgan.runtime.batch.gallery.files").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
