"""The page in Chromium: reloads, tabs, files that overtake one another, slow networks, small screens."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.browser_page import DESKTOP, Page
from support.helpers import HOPPER

pytestmark = pytest.mark.slow
SLOW = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 4000}
NORMAL = {**SLOW, "latency": 0, "uploadThroughput": -1}


@pytest.fixture
def network(chrome: Any) -> Iterator[Any]:
    """Sets how fast the network is, bytes a second; -1 is as fast as it goes."""
    chrome.execute_cdp_cmd("Network.enable", {})

    def be(conditions: dict[str, Any]) -> None:
        chrome.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    yield be
    be(NORMAL)


def forget(page: Page) -> None:
    """Have the server forget the photo, as after its time."""
    page.server.client.delete(f"/v1/photos/{page.js('return window.amgan.photo.id')}")


def canvases(page: Page) -> int:
    return int(page.js("return document.querySelectorAll('.after canvas').length"))


def view(page: Page) -> str:
    return str(page.js("return document.body.dataset.view"))


def reload(page: Page) -> None:
    page.chrome.refresh()
    page.until("document.documentElement.dataset.ready === 'yes'")


def test_a_reload_loses_nothing(page: Page, photos: Path) -> None:
    page.choose(photos / "two.png")
    page.find("#face-on").click()
    page.find("#only").click()
    page.drag(page.find("#age"), (0, 0), (60, 0))
    page.tab("brush")
    page.drag(page.find(".pane-after"), (0, 0), (10, 10))
    before = page.state()
    reload(page)
    page.settle()
    assert view(page) == "work"
    assert page.state() == before
    assert before["paint"] is not None
    assert "Face 2 of 2" in page.find("#faces").text
    assert page.find("#only").is_selected()
    assert canvases(page) == 1
    page.find("#undo").click()
    page.settle()
    assert page.state()["paint"] is None


def test_a_reload_after_the_photo_s_time_says_so(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    forget(page)
    reload(page)
    assert "no longer kept" in page.notice()
    assert view(page) == "start"
    assert not page.find("#back").is_displayed()
    page.choose(photos / "it's me.jpg")
    assert view(page) == "work"


def test_a_photo_that_a_reload_left_on_the_server_alone_is_gone_with_it(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    reload(page)
    page.settle()
    forget(page)
    page.drag(page.find("#age"), (0, 0), (60, 0), settle=False)
    page.until("document.body.dataset.view === 'start'")
    assert "no longer kept" in page.notice()


def test_the_button_for_back_leads_to_the_start_and_forth_to_the_photo(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.drag(page.find("#age"), (0, 0), (60, 0))
    page.chrome.back()
    page.until("document.body.dataset.view === 'start'")
    page.chrome.forward()
    page.until("document.body.dataset.view === 'work'")
    page.find("#brand").click()
    assert view(page) == "start"
    assert page.find("#back").text == "Back to it's me.jpg"
    page.find("#back").click()
    assert view(page) == "work"
    assert page.state()["age"] is not None and canvases(page) == 1


def test_the_last_of_two_files_wins(page: Page, photos: Path, network: Any) -> None:
    network(SLOW)
    page.find("#file").send_keys(str(photos / "it's me.jpg"))
    page.until("document.querySelector('.drop .busy-text').textContent.startsWith('Sending the photo')")
    assert page.find(".drop .progress").is_displayed()
    network(NORMAL)
    page.find("#file").send_keys(str(photos / "two.png"))
    page.until("window.amgan.photo")
    page.settle()
    assert page.find("#photo-name").text == "two.png"
    assert not page.chrome.find_elements("css selector", ".notice")


def test_a_bad_file_leaves_what_was_on_its_way(page: Page, photos: Path, network: Any) -> None:
    page.choose(photos / "it's me.jpg")
    network(SLOW | {"uploadThroughput": -1, "downloadThroughput": 4000})
    page.drag(page.find("#age"), (0, 0), (60, 0), settle=False)
    page.find("#file").send_keys(str(photos / "broken.jpg"))
    assert page.notice().startswith("'broken.jpg' ")
    network(NORMAL)
    page.settle()
    assert canvases(page) == 1


def test_files_that_are_none(page: Page, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    page.find("#file").send_keys(str(tmp_path / "empty.jpg"))
    assert page.notice() == "'empty.jpg' is empty: choose another file."
    page.js(
        "const data = new DataTransfer(); data.setData('text/plain', 'https://example.org/');"
        "const drop = new DragEvent('drop', {dataTransfer: data, cancelable: true});"
        "window.dispatchEvent(drop); window.stays = drop.defaultPrevented"
    )
    assert page.js("return window.stays")
    assert "no file" in page.notice()
    page.js(
        "const folder = new File([''], 'holidays'); Object.defineProperty(folder, 'size', {value: 4096});"
        "folder.arrayBuffer = () => Promise.reject(new DOMException('no', 'NotFoundError'));"
        "const data = {types: ['Files'], files: [folder]}, drop = new Event('drop', {cancelable: true});"
        "drop.dataTransfer = data; window.dispatchEvent(drop)"
    )
    page.until("[...document.querySelectorAll('.notice')].some(n => n.textContent.includes('a folder'))")
    assert view(page) == "start"


def test_a_file_that_was_deleted_is_sent_again_all_the_same(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "short.jpg"
    shutil.copy(HOPPER, file)
    page.choose(file)
    page.drag(page.find("#age"), (0, 0), (60, 0))
    file.unlink()
    forget(page)
    page.find("#save").click()
    assert page.downloaded("short_aged.jpg").startswith(b"\xff\xd8")


def test_two_tabs_know_nothing_of_each_other(page: Page, photos: Path) -> None:
    first = page.chrome.current_window_handle
    page.choose(photos / "it's me.jpg")
    page.drag(page.find("#age"), (0, 0), (60, 0))
    age = page.state()["age"]
    page.chrome.switch_to.new_window("tab")
    try:
        page.go()
        page.choose(photos / "two.png")
        page.choose(photos / "it's me.jpg")
        assert page.state()["age"] is None
    finally:
        page.chrome.close()
        page.chrome.switch_to.window(first)
    page.tab("more")
    page.find("#hair").click()
    page.settle()
    assert page.state()["age"] == age
    assert not page.chrome.find_elements("css selector", ".notice.bad")


def test_the_next_face_by_the_keyboard(page: Page, photos: Path) -> None:
    from selenium.webdriver import Keys

    page.choose(photos / "two.png")
    page.find("#zoom-face").click()
    where = "return document.querySelector('.pane-after .board').style.transform"
    before = page.js(where)
    page.js("document.getElementById('face-on').focus()")
    page.press(Keys.ENTER)
    assert "Face 2 of 2" in page.find("#faces").text
    assert page.js(where) != before  # the stage follows
    page.press(Keys.ENTER)
    assert "Face 1 of 2" in page.find("#faces").text


def test_a_large_photo_is_loaded_whole_when_it_is_looked_at_closely(page: Page, tmp_path: Path) -> None:
    Image.open(HOPPER).convert("RGB").resize((2304, 2700)).save(tmp_path / "large.jpg")
    page.choose(tmp_path / "large.jpg")
    height = "document.querySelector('.pane-after .before').naturalHeight"
    assert page.js(f"return {height}") == 2560
    forget(page)  # it is sent again for that
    page.find("#zoom-full").click()
    page.until(f"{height} === 2700")


def test_the_legend_says_how_many_years_are_asked_for_under_the_brush(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.tab("brush")
    page.drag(page.find(".pane-after"), (0, 0), (2, 2))
    page.until("document.querySelector('#legend .here').textContent === 'here +30'")


def test_maps_are_asked_for_one_at_a_time_while_a_slider_moves(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.tab("brush")
    page.drag(page.find(".pane-after"), (0, 0), (2, 2))
    page.js(
        "window.held = []; const real = window.fetch;"
        "window.fetch = (url, options) => String(url).includes('/map?')"
        " ? new Promise((go) => held.push(() => go(real(url, options)))) : real(url, options);"
        "const age = document.getElementById('age');"
        "(async () => { for (const years of [50, 52, 54, 56, 58, 60, 62, 64]) {"
        "  age.value = years; age.dispatchEvent(new Event('input'));"
        "  await new Promise((go) => setTimeout(go, 20)) }"
        " age.dispatchEvent(new Event('change')); window.moved = true })()"
    )
    page.until("window.moved && window.held.length")
    assert page.js("return window.held.length") <= 2  # one for the preview, one for the colours
    page.js("setInterval(() => { for (const go of window.held.splice(0)) go() }, 20)")
    page.settle()
    assert page.state()["age"] == 64 and canvases(page) == 1


def test_an_age_of_the_sweep_makes_way_for_what_is_asked(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.sweep(30, last=2)
    assert page.js("return document.body.classList.contains('sweeping')")
    page.drag(page.find("#age"), (0, 0), (60, 0))
    assert not page.js("return document.body.classList.contains('sweeping')")
    assert page.find("#sweep-player").is_displayed()
    page.tab("more")
    page.find("#hair").click()  # the ages were made without
    page.tab("sweep")
    assert not page.find("#sweep-player").is_displayed()


@pytest.mark.parametrize("size", [(320, 568), (260, 600), (844, 390), (820, 1180)])
def test_nothing_is_cut_off_in_narrow_windows(
    page: Page, chrome: Any, photos: Path, size: tuple[int, int]
) -> None:
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        page.go()
        assert page.js("return document.documentElement.scrollWidth") <= size[0]
        page.choose(photos / "it's me.jpg")
        page.drag(page.find("#age"), (0, 0), (-30, 0))
        assert page.js("return document.documentElement.scrollWidth") <= size[0]
        for selector in ("#undo", "#other", "#save", "#zoom-full", "#compare", "#age", "#age-reset"):
            box = page.find(selector).rect
            assert box["width"] > 20 and box["height"] > 20, selector
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], selector
        assert page.find("#stage").rect["height"] > 150
        page.js("for (const one of document.querySelectorAll('.panel, .tab-panels')) one.scrollTop = 500")
        page.tab("more")  # begins at its top
        tabs, first = page.find(".tabs").rect, page.find("#panel-more .heading").rect
        assert first["y"] >= tabs["y"] + tabs["height"] - 1
    finally:
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chrome.set_window_size(*DESKTOP)


def test_what_is_shown_at_rest_has_the_pixels_of_the_saved_photo(page: Page, photos: Path) -> None:
    page.choose(photos / "two.png")
    page.drag(page.find("#age"), (0, 0), (60, 0))
    page.find("#save").click()
    saved = np.asarray(Image.open(io.BytesIO(page.downloaded("two_aged.png"))).convert("RGB"))
    before = np.asarray(Image.open(photos / "two.png").convert("RGB"))
    shown = page.js(
        "const text = bytes => { let all = ''; for (let i = 0; i < bytes.length; i += 4096)"
        "all += String.fromCharCode(...bytes.subarray(i, i + 4096)); return btoa(all); };"
        "return [...document.querySelectorAll('.after canvas')].map(c => [parseFloat(c.style.left),"
        "parseFloat(c.style.top), c.width, c.height, text(c.getContext('2d').getImageData(0, 0, c.width,"
        "c.height).data)])"
    )
    assert len(shown) == 2
    made = before.copy()
    for x, y, width, height, data in shown:
        patch = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
        place = made[round(y) : round(y) + height, round(x) : round(x) + width]
        place[patch[..., 3] > 0] = patch[patch[..., 3] > 0][:, :3]
    assert np.array_equal(made, saved)
