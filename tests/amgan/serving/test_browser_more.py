"""The page in a real browser: keyboard, sweeps, several faces, a phone, trouble."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.browser_page import PHONE, Page, command_makes
from support.live_server import live_server

from amgan.runtime import Pipeline
from amgan.serving.settings import ServeSettings

pytestmark = pytest.mark.slow


def test_the_keyboard_alone(page: Page) -> None:
    from selenium.webdriver import Keys

    for _ in range(12):  # to the first sample
        page.press(Keys.TAB)
        if page.js("return document.activeElement.closest('.samples') !== null"):
            break
    page.press(Keys.ENTER)
    page.until("window.amgan.photo")
    page.settle()

    def go_to(selector: str) -> None:
        for _ in range(60):
            if page.js("return document.activeElement.matches(arguments[0])", selector):
                return
            page.press(Keys.TAB)
        raise AssertionError(f"the keyboard does not reach {selector}")

    go_to("#split")
    page.press(Keys.HOME)
    assert page.find("#split").get_attribute("aria-valuenow") == "0"
    go_to("#age")
    page.press(*[Keys.ARROW_RIGHT] * 25)
    page.settle()
    assert page.state()["age"] >= 40
    assert "years" in page.js("return document.activeElement.getAttribute('aria-valuetext')")
    go_to("#zone-forehead")
    page.press(*[Keys.ARROW_LEFT] * 5)
    page.settle()
    assert "forehead" in page.state()["zones"]
    assert page.js("return document.querySelector('.zone-shape.lit').dataset.part") == "forehead"
    page.js("document.getElementById('tab-zones').focus()")
    page.press(Keys.ARROW_RIGHT)
    assert page.find("#panel-brush").is_displayed()
    page.js("document.querySelector('.pane-after').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ENTER)
    page.settle()
    assert page.state()["paint"] is not None
    page.chord(Keys.CONTROL, "s")
    assert page.downloaded("eileen_collins_aged.png").startswith(b"\x89PNG")


def test_a_sweep_is_computed_ahead_and_scrubbed(page: Page, photos: Path) -> None:
    from selenium.webdriver import Keys

    page.choose(photos / "it's me.jpg")
    page.sweep(20, last=3)
    old = page.shot()
    page.find("#sweep-at").send_keys(Keys.HOME)
    assert page.find("#panel-sweep output").text == "20 years"
    assert (np.abs(page.shot() - old) > 8).sum() > 500
    page.js("document.getElementById('sweep-take').click()")
    page.settle()
    assert page.state()["age"] == 20
    page.tab("zones")
    page.settle()


def test_a_photo_that_is_no_longer_kept_is_sent_again(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    first = page.js("return window.amgan.photo.id")
    page.server.client.delete(f"/v1/photos/{first}")
    page.sweep(30, last=2)
    second = page.js("return window.amgan.photo.id")
    page.server.client.delete(f"/v1/photos/{second}")
    page.drag(page.find("#age"), (0, 0), (80, 0))
    page.until(f"window.amgan.photo.id !== {second!r}")
    page.settle()
    assert page.js("return document.querySelectorAll('.after canvas').length") == 1
    assert second != first


def test_two_faces_are_outlined_and_one_is_chosen(page: Page, photos: Path) -> None:
    page.choose(photos / "two.png")
    page.find("#zoom-fit").click()
    assert len(page.chrome.find_elements("css selector", ".overlay .outline")) == 2
    assert "Face 1 of 2" in page.find("#faces").text
    shown = page.find("#age-value").text
    page.find(".overlay .pick").click()
    assert "Face 2 of 2" in page.find("#faces").text
    assert page.find("#age-value").text != shown
    page.drag(page.find("#age"), (0, 0), (80, 0))
    assert page.js("return document.querySelectorAll('.after canvas').length") == 2  # all are aged


def test_one_of_two_faces_alone_as_by_the_command(
    page: Page, photos: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    page.choose(photos / "two.png")
    page.find("#zoom-fit").click()
    page.drag(page.find("#age"), (0, 0), (80, 0))
    page.find(".overlay .pick").click()
    page.find("#only").click()
    page.settle()
    assert page.js("return document.querySelectorAll('.after canvas').length") == 1
    page.find("#save").click()
    saved = page.downloaded("two_aged.png")
    page.model = tiny_bundle  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("command")
    assert saved == command_makes(page, photos, folder, monkeypatch, "two_aged.png")
    assert page.find("#command").text.endswith(" --face 2")
    page.find("#only").click()
    page.settle()
    assert page.js("return document.querySelectorAll('.after canvas').length") == 2
    assert "--face" not in page.find("#command").text


def test_pattern_lines_hair_and_shape_as_by_the_command(
    page: Page, photos: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    page.choose(photos / "it's me.jpg")
    page.drag(page.find("#age"), (0, 0), (100, 0))
    page.drag(page.find("[data-zone=chin] input"), (0, 0), (-60, 0))
    page.tab("more")
    page.find("#pattern option[value='2']").click()
    page.drag(page.find("#lines"), (0, 0), (-30, 0))
    page.find("#hair").click()
    page.find("#features").click()
    page.find("#neck").click()
    page.find("#shape").click()
    page.settle()
    asked = page.state()
    assert (asked["pattern"], asked["hair"], asked["shape"]) == (2, False, False)
    assert (asked["features"], asked["neck"]) == (False, False)
    assert 0 < asked["lines"] < 1
    page.find("#undo").click()
    page.settle()
    assert page.state()["shape"] and page.find("#shape").is_selected()
    page.find("#redo").click()
    page.settle()
    page.find("#save").click()
    saved = page.downloaded("it's me_aged.jpg")
    page.model = tiny_bundle  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("command")
    assert saved == command_makes(page, photos, folder, monkeypatch, "it's me_aged.jpg")
    assert page.find("#command").text.endswith(
        f" --pattern 2 --lines {asked['lines']:g} --no-hair --no-shape --no-features --no-neck"
    )


def test_zoom(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    width = "return document.querySelector('.pane-after .before').getBoundingClientRect().width"
    page.find("#zoom-full").click()
    assert page.js(width) == pytest.approx(512 / page.js("return devicePixelRatio"))
    page.press("+")
    assert page.js(width) > 600
    page.press("0")
    assert page.js(width) <= page.find(".pane-after").rect["width"] + 1


def test_a_phone(page: Page, chrome: Any, photos: Path) -> None:
    screen = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 2, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    chrome.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    try:
        page.go()
        page.choose(photos / "it's me.jpg")
        assert page.js("return document.documentElement.scrollWidth") <= PHONE[0]
        for selector in ("#save", "#age", "#stage", "#tab-zones"):
            box = page.find(selector).rect
            assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE[0], selector
            assert box["y"] + min(box["height"], 40) <= PHONE[1], selector
        assert page.find("#stage").rect["height"] > 300
        slider = page.find("#age").rect
        x, y = slider["x"] + 0.8 * slider["width"], slider["y"] + slider["height"] / 2
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            chrome.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.until("window.amgan.state.age !== null")
        page.settle()
        assert page.js("return document.querySelectorAll('.after canvas').length") == 1
        for scheme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            paper = page.js(
                "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
            )
            assert (sum(paper[:3]) > 600) == (scheme == "light")
    finally:
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chrome.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_bad_file_says_why_and_changes_nothing(page: Page, photos: Path) -> None:
    page.choose(photos / "it's me.jpg")
    page.find("#file").send_keys(str(photos / "broken.jpg"))
    assert page.notice().startswith("'broken.jpg' ")
    assert page.find("#photo-name").text == "it's me.jpg"
    page.drag(page.find("#age"), (0, 0), (80, 0))
    assert page.js("return document.querySelectorAll('.after canvas').length") == 1


def test_the_server_goes_and_comes_back(
    chrome: Any, pipeline: Pipeline, photos: Path, tmp_path: Path
) -> None:
    with live_server(pipeline) as server:
        page = Page(chrome, server, tmp_path)
        page.go()
        page.choose(photos / "it's me.jpg")
        port = server.port
    page.js("const a = document.getElementById('age'); a.value = 70; a.dispatchEvent(new Event('change'))")
    assert "The server is away" in page.notice()
    page.find("#save").click()
    page.until(
        "[...document.querySelectorAll('.notice')].some(n => n.textContent.includes('Nothing was saved'))"
    )
    with live_server(pipeline, ServeSettings(), port):  # with nothing in its memory
        page.until("[...document.querySelectorAll('.notice')].some(n => n.textContent.includes('is back'))")
        page.until("document.querySelectorAll('.after canvas').length === 1")
        page.settle()
        assert page.state()["age"] == 70
    chrome.get("about:blank")
    chrome.get_log("browser")


def test_the_page_of_the_api(page: Page) -> None:
    page.chrome.get(f"{page.server.url}/docs")
    page.until("document.documentElement.dataset.ready === 'yes'")
    assert len(page.chrome.find_elements("css selector", ".route")) >= 10
    assert "include_children" in page.find("#routes").text
