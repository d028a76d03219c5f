"""The gallery of a run: a page that shows every photo before and after, and all failures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ...errors import PhotoError
from ...files import whole_file
from ..outcome import WRITTEN, Outcome
from .page import Card, make_page
from .previews import Preview, make_preview

PAGE = "index.html"
PREVIEWS = "index-files"


@dataclass(frozen=True)
class _Pair:
    outcome: Outcome
    before: Preview
    after: Preview


def write_gallery(
    outcomes: Sequence[Outcome],
    root: Path,
    title: str,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
    *,
    threads: int = 2,
) -> Path:
    """Write index.html and reduced copies of the photos into the output folder ``root``.

    The page is self-contained: it works offline from the file system, and can be shared with its folder
    index-files. ``outcomes`` must come from a run with a record. Returns the page's path; raises PhotoError
    if it cannot be written. A photo whose copies cannot be made is listed without them.
    """
    folder = root / PREVIEWS
    shown = [one for one in outcomes if one.status in WRITTEN and one.target is not None]
    others = [one for one in outcomes if one.status not in WRITTEN]
    cards: list[Card] = []
    used: set[str] = set()
    with ThreadPoolExecutor(threads, "amgan-gallery") as pool:
        pairs = pool.map(lambda one: _pair(one, folder), shown)
        for number, (outcome, pair) in enumerate(zip(shown, pairs, strict=True), start=1):
            if isinstance(pair, PhotoError):
                others.append(Outcome(outcome.source, "failed", f"no preview: {pair}"))
            else:
                used |= {pair.before.path.name, pair.after.path.name}
                cards.append(_card(pair, root))
            progress(number, len(shown), outcome.source.name)
    page = make_page(title, cards, [(o.source.text, o.status, o.reason) for o in others])
    _write(root / PAGE, page)
    _forget(folder, used)
    return root / PAGE


def _pair(outcome: Outcome, folder: Path) -> _Pair | PhotoError:
    assert outcome.target is not None
    details = outcome.details
    try:
        before = make_preview(outcome.source.path, details["sha256"], folder)
        after = make_preview(outcome.target.path, details["output"]["sha256"], folder)
    except PhotoError as error:
        return error
    return _Pair(outcome, before, after)


def _card(pair: _Pair, root: Path) -> Card:
    outcome = pair.outcome
    assert outcome.target is not None
    name = outcome.target.path.relative_to(root).as_posix()
    return Card(
        name,
        quote(os.fsencode(name)),
        quote(f"{PREVIEWS}/{pair.before.path.name}"),
        quote(f"{PREVIEWS}/{pair.after.path.name}"),
        pair.after.width,
        pair.after.height,
        outcome.reason,
        tuple(outcome.details.get("faces", ())),
    )


def _write(path: Path, page: str) -> None:
    try:
        with whole_file(path) as temporary:
            temporary.write_bytes(page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise PhotoError(f"'{path}' cannot be written: {error.strerror or error}") from error


def _forget(folder: Path, used: set[str]) -> None:
    """Remove previews that the page no longer shows, and temporary files."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name not in used and path.suffix in (".jpg", ".part"):
                path.unlink()
