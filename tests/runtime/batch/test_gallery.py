"""The gallery's files and its HTML; test_gallery_browser.py opens it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_pipeline import REQUEST, FakePipeline, files_under, photo

from amgan.runtime.batch.gallery.gallery import write_gallery
from amgan.runtime.batch.gallery.page import Card, make_page
from amgan.runtime.batch.gallery.previews import make_preview
from amgan.runtime.batch.outcome import Outcome
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.errors import PhotoError
from amgan.runtime.storage.location import Location

FACES = (
    {"outcome": "aged", "box": [1, 2, 3, 4], "age": 40.2, "wanted": 70, "zones": {"jowls-left": [39.6, 71]}},
    {"outcome": "left alone", "box": [1, 2, 3, 4], "reason": "<tiny>"},
)


class Tags(HTMLParser):
    """All start tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def outcomes_of(folder: Path) -> list[Outcome]:
    record = RunRecord(Location.of(folder / "out"), "s")
    try:
        jobs = plan_run([folder / "in"], folder / "out").tasks
        return run_batch(FakePipeline(), jobs, REQUEST, options=BatchOptions(no_face="skip"), record=record)
    finally:
        record.close()


def test_names_and_reasons_cannot_break_out() -> None:
    evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    card = Card(evil, "%22", "b", "a", 4, 3, evil, (FACES[0] | {"zones": {evil: [1, 2]}}, FACES[1]))
    page = Tags(make_page(evil, [card], [(evil, "failed", evil)]))
    assert len(page.of("script")) == 1
    assert len(page.of("img")) == 2
    assert all(not key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert page.of("img")[0]["alt"] == f"{evil}, aged"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    card = Card("a.png", "a.png", "b.jpg", "a.jpg", 4, 3, "", FACES)
    page = make_page("title", [card], [])
    assert not [v for _, attributes in Tags(page).tags for v in attributes.values() if v and "//" in v]
    assert "40 → 70" in page and "jowls left" in page and "&lt;tiny&gt;" in page
    assert "1 photo<" in page and "1 zone changed" in page
    assert "No photo was written" in make_page("title", [], [("a", "skipped", "b")])


def test_a_gallery_of_a_thousand_photos_is_a_small_page() -> None:
    card = Card("a.png", "a.png", "b.jpg", "a.jpg", 4, 3, "", FACES)
    assert len(make_page("title", [card] * 1000, [])) < 1_500_000


def test_previews_are_made_once_and_old_ones_go(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a #1?.png", 10)
    photo(tmp_path / "in" / "b.png", 20)
    photo(tmp_path / "in" / "c.png", 0)
    told: list[tuple[int, int, str]] = []
    page = write_gallery(outcomes_of(tmp_path), tmp_path / "out", "t", lambda *what: told.append(what))
    assert told == [(1, 2, "a #1?.png"), (2, 2, "b.png")]
    previews = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "index-files").iterdir()}
    assert len(previews) == 4
    assert 'href="a%20%231%3F.png"' in page.read_text()
    assert "no face was found" in page.read_text()
    (tmp_path / "in" / "a #1?.png").unlink()
    (tmp_path / "out" / "index-files" / ".half.0123abcd.part").write_text("")
    write_gallery(outcomes_of(tmp_path), tmp_path / "out", "t")
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "index-files").iterdir()}
    assert len(left) == 2
    assert left.items() <= previews.items()


def test_previews_are_small_and_on_white(tmp_path: Path) -> None:
    Image.fromarray(np.full((1000, 2000, 4), (200, 0, 0, 0), np.uint8)).save(tmp_path / "a.png")
    preview = make_preview(tmp_path / "a.png", "f" * 64, tmp_path / "new")
    assert (preview.width, preview.height) == (800, 400)
    assert make_preview(tmp_path / "a.png", "f" * 64, tmp_path / "new") == preview
    assert np.asarray(Image.open(preview.path)).min() > 250


def test_a_photo_that_went_away_is_listed(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    outcomes = outcomes_of(tmp_path)
    (tmp_path / "in" / "a.png").unlink()
    page = write_gallery(outcomes, tmp_path / "out", "t").read_text()
    assert "no preview: " in page and "does not exist" in page


def test_a_gallery_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "in" / "a.png")
    outcomes = outcomes_of(tmp_path)
    (tmp_path / "out" / "index.html").mkdir()
    with pytest.raises(PhotoError, match=r"index\.html' cannot be written: Is a directory"):
        write_gallery(outcomes, tmp_path / "out", "t")
    assert not [name for name in files_under(tmp_path / "out") if name.endswith(".part")]

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(PhotoError, match="cannot be written: No space left"):
        make_preview(tmp_path / "in" / "a.png", "0" * 64, tmp_path / "new")
