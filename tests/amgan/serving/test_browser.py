"""The page in a real browser: headless Chromium with a real mouse; choosing, comparing, painting."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.browser_page import Page, command_makes

pytestmark = pytest.mark.slow


def test_choose_slide_compare_save(
    page: Page, photos: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    page.choose(photos / "it's me.jpg")
    assert page.find("#photo-name").text == "it's me.jpg"
    assert not page.find("#save").is_enabled()
    before = page.shot()
    slider = page.find("#age")
    page.drag(slider, (0, 0), (60, 0), (40, 0))
    age = page.state()["age"]
    assert age == int(slider.get_attribute("value")) > 60
    assert page.find("#age-value").text == str(age)
    page.js("document.activeElement.blur()")

    # the split: before at its left, after at its right
    after = page.shot()
    middle = before.shape[1] // 2
    changed = np.abs(after - before).max(axis=2) > 8
    inside = changed[150:-60]
    assert inside[:, middle + 30 :].sum() > 500
    assert inside[:, : middle - 30].sum() == 0
    page.drag(page.find("#split i"), (0, 0), (-300, 0))
    assert (np.abs(page.shot() - before).max(axis=2) > 8)[150:-60, : middle - 30].sum() > 500
    page.drag(page.find("#split i"), (0, 0), (300, 0))
    assert (np.abs(page.shot() - before).max(axis=2) > 8)[150:-60, : middle - 30].sum() == 0

    page.find("#save").click()
    saved = page.downloaded("it's me_aged.jpg")
    page.model = tiny_bundle  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("command")
    assert saved == command_makes(page, photos, folder, monkeypatch, "it's me_aged.jpg")


def test_hold_and_side_by_side(page: Page, photos: Path) -> None:
    from selenium.webdriver import ActionChains

    page.choose(photos / "it's me.jpg")
    page.find("#zoom-fit").click()
    page.js("document.querySelector('[value=hold]').click()")
    before = page.shot()
    page.drag(page.find("#age"), (0, 0), (100, 0))
    after = page.shot()
    assert (np.abs(after - before)[60:] > 8).sum() > 1000
    page.js("document.activeElement.blur()")
    ActionChains(page.chrome).key_down("b").perform()
    assert (np.abs(page.shot() - before)[60:] > 8).sum() == 0
    ActionChains(page.chrome).key_up("b").perform()
    assert np.array_equal(page.shot()[60:], after[60:])
    page.js("document.querySelector('[value=side]').click()")
    panes = [page.find(f".pane-{name}").rect for name in ("before", "after")]
    assert panes[0]["width"] == pytest.approx(panes[1]["width"], abs=1)
    assert panes[0]["width"] + panes[1]["width"] > 0.9 * after.shape[1]


def test_a_face_stays_in_sight_side_by_side(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.find("#zoom-face").click()
    for mode in ("side", "split"):
        page.js(f"document.querySelector('[value={mode}]').click()")
        page.until(
            "[window.amgan.photo.faces[0].box].every(([x0, , x1]) => {"
            " const pane = document.querySelector('.pane-after').getBoundingClientRect();"
            " const photo = document.querySelector('.pane-after .before').getBoundingClientRect();"
            " const at = (x) => photo.left + x * photo.width / window.amgan.photo.width;"
            " return at(x0) >= pane.left && at(x1) <= pane.right })"
        )


def test_zones_by_slider_and_on_the_face(page: Page, photos: Path) -> None:
    from selenium.webdriver import ActionChains

    page.choose(photos / "it's me.jpg")
    row = page.find("[data-zone=chin]")
    page.drag(row.find_element("css selector", "input"), (0, 0), (60, 0))
    zones = page.state()["zones"]
    assert list(zones) == ["chin"]
    assert "set" in row.get_attribute("class")
    nose = page.find("[data-part=cheek-redness-left]")
    ActionChains(page.chrome).move_to_element(nose).perform()
    lit = page.js("return [...document.querySelectorAll('.zone-shape.lit')].map(s => s.dataset.part)")
    assert lit == ["cheek-redness-right", "cheek-redness-left"]
    assert "lit" in page.find("[data-zone=cheek-redness]").get_attribute("class")
    now = float(page.find("[data-zone=cheek-redness] input").get_attribute("value"))
    page.drag(nose, (0, 0), (40, 0), (40, 0))
    assert page.state()["zones"]["cheek-redness"] == pytest.approx(now + 20, abs=1)
    page.find("#sides").click()
    page.drag(page.find("[data-zone=cheek-redness-left] input"), (0, 0), (-50, 0))
    assert set(page.state()["zones"]) == {"chin", "cheek-redness-right", "cheek-redness-left"}
    page.js("document.querySelector('[data-zone=chin] button').click()")
    page.settle()
    assert "chin" not in page.state()["zones"]


def test_a_stroke_over_a_zone_paints_and_drags_no_zone(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    cheek = page.find("[data-part=cheek-redness-left]")
    for tab in ("sweep", "more", "brush"):
        page.tab(tab)
        page.drag(cheek, (0, 0), (30, 0), (10, 0))
    assert page.state()["paint"] is not None
    assert page.state()["zones"] == {}


def test_paint_undo_redo_erase_and_save_with_the_map(
    page: Page, photos: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from selenium.webdriver import Keys

    page.choose(photos / "it's me.jpg")
    page.tab("brush")
    pane = page.find(".pane-after")
    clean = page.shot()
    page.drag(pane, (-60, -20), (10, 15), (0, 20))
    painted = np.array(page.state()["paint"]).reshape(128, 128)
    assert painted.max() == pytest.approx(30, abs=0.5)
    left, right = painted[:, :60].any(axis=0).sum(), painted[:, 68:].any(axis=0).sum()
    assert left > 3 and right > 3  # both sides
    assert (np.abs(page.shot() - clean).max(axis=2) > 8).sum() > 300
    opacity = "getComputedStyle(document.querySelector('.heat')).opacity"
    page.find("#brush-mirror").click()  # the mouse leaves the photo, and the colours fade
    page.until(f"{opacity} === '0'")
    page.drag(pane, (60, 60), (5, 5))
    twice = np.array(page.state()["paint"])
    page.chord(Keys.CONTROL, "z")
    page.settle()
    assert np.array_equal(page.state()["paint"], painted.ravel())
    page.find("#undo").click()
    page.settle()
    assert page.state()["paint"] is None
    page.find("#redo").click()
    page.chord(Keys.CONTROL, Keys.SHIFT, "z")
    page.settle()
    assert np.array_equal(page.state()["paint"], twice)
    page.js("document.querySelector('[name=brush-mode][value=erase]').click()")
    page.drag(pane, (-60, -20), (10, 15), (0, 20))
    assert np.abs(np.array(page.state()["paint"])).sum() < 0.8 * np.abs(twice).sum()

    page.drag(page.find("#age"), (0, 0), (50, 0))  # paint stays on top of an age
    page.find("#save").click()
    saved = page.downloaded("it's me_aged.jpg")
    page.tab("more")
    page.find("#save-map").click()
    folder = tmp_path_factory.mktemp("command")
    (folder / "it's me_map.png").write_bytes(page.downloaded("it's me_map.png"))
    page.model = tiny_bundle  # type: ignore[attr-defined]
    assert saved == command_makes(page, photos, folder, monkeypatch, "it's me_aged.jpg")

    # the map that was saved asks for the same again
    page.js("document.getElementById('brush-clear').click(); document.getElementById('age-reset').click()")
    page.find("#map-file").send_keys(str(folder / "it's me_map.png"))
    page.until("window.amgan.state.paint")
    page.settle()
    page.find("#save").click()
    again, first = (
        np.asarray(Image.open(io.BytesIO(c)), np.int16) for c in (page.downloaded("it's me_aged.jpg"), saved)
    )
    assert np.abs(again - first).max() <= 3
