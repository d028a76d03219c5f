"""The page in a real browser: headless Chromium with a real mouse, a keyboard, and a phone's screen."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import COLLINS, HOPPER
from live_server import PATIENCE_S, LiveServer, live_server, wait_until
from PIL import Image

from amgan.cli import main
from amgan.runtime import Pipeline
from amgan.serving.settings import ServeSettings

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IDLE = "window.amgan.photo && window.amgan.idle && document.getElementById('busy').hidden"
DESKTOP, PHONE = (1280, 860), (390, 844)


class Page:
    """The page of a server in a browser, and what a person does with it."""

    def __init__(self, chrome: Any, server: LiveServer, downloads: Path) -> None:
        self.chrome = chrome
        self.server = server
        self.downloads = downloads

    def go(self) -> None:
        self.chrome.get(self.server.url)
        self.until("document.documentElement.dataset.ready === 'yes'")
        self.chrome.execute_script("localStorage.clear()")

    def until(self, script: str) -> None:
        wait_until(lambda: bool(self.js(f"return {script}")), f"{script}: {self.chrome.get_log('browser')}")

    def js(self, script: str, *arguments: object) -> Any:
        return self.chrome.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.chrome.find_element("css selector", selector)

    def choose(self, path: Path) -> None:
        before = self.js("return window.amgan.photo?.id ?? null")
        self.find("#file").send_keys(str(path))
        self.until(f"window.amgan.photo?.id != {before!r}" if before else "window.amgan.photo")
        self.settle()

    def settle(self) -> None:
        self.until(IDLE)

    def state(self) -> dict:
        return self.js("const s = window.amgan.state; return {...s, paint: s.paint && [...s.paint]}")

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.chrome).send_keys(*keys).perform()

    def chord(self, *keys: str) -> None:
        """Press the last key while the others are held."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.chrome)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def drag(self, element: Any, start: tuple[int, int], *moves: tuple[int, int]) -> None:
        """Press the mouse at an offset from the middle of an element, move it by each step, and let go."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.chrome).move_to_element_with_offset(element, *start).click_and_hold()
        for move in moves:
            chain = chain.move_by_offset(*move)
        chain.release().perform()
        self.settle()

    def tab(self, name: str) -> None:
        self.find(f"#tab-{name}").click()

    def shot(self) -> np.ndarray:
        """What the pane with the aged photo looks like, int16 [h, w, 3]."""
        content = self.find(".pane-after").screenshot_as_png
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.int16)

    def downloaded(self, name: str) -> bytes:
        path = self.downloads / name
        wait_until(lambda: path.exists() and not list(self.downloads.glob("*.crdownload")), f"no {name}")
        content = path.read_bytes()
        path.unlink()
        return content

    def notice(self) -> str:
        self.until("document.querySelector('.notice')")
        return str(self.js("return [...document.querySelectorAll('.notice')].at(-1).firstChild.textContent"))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    pytest.importorskip("selenium", reason="selenium drives the browser: pip install 'amgan[test]'")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
        f"--window-size={DESKTOP[0]},{DESKTOP[1]}", "--proxy-server=127.0.0.1:9",
        "--proxy-bypass-list=127.0.0.1",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE_S)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos: one with a quote in its name, two faces side by side, and one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(HOPPER, folder / "it's me.jpg")
    hopper = Image.open(HOPPER).convert("RGB").resize((420, 492))
    two = Image.new("RGB", (512 + 420, 512), (60, 60, 60))
    two.paste(Image.open(COLLINS).convert("RGB"), (0, 0))
    two.paste(hopper, (512, 10))
    two.save(folder / "two.png")
    (folder / "broken.jpg").write_bytes(HOPPER.read_bytes()[:300])
    return folder


@pytest.fixture
def page(chrome: Any, server: LiveServer, tmp_path: Path) -> Iterator[Page]:
    allow = {"behavior": "allow", "downloadPath": str(tmp_path)}
    chrome.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
    page = Page(chrome, server, tmp_path)
    page.go()
    yield page
    complaints = [entry for entry in chrome.get_log("browser") if "status of 4" not in entry["message"]]
    assert complaints == []


def command_makes(page: Page, photos: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> bytes:
    """What the command line on the page makes, run beside the photo."""
    page.tab("more")
    words = shlex.split(page.find("#command").text)
    assert words[:2] == ["amgan", "age"]
    shutil.copy(photos / words[2], folder / words[2])
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, [*words[1:], "--model", str(page.model), "--device", "cpu"])  # type: ignore[attr-defined]
    assert done.exit_code == 0, done.output
    return (folder / out).read_bytes()


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
    page.tab("sweep")
    page.js("document.getElementById('sweep-step').value = 20")
    page.find("#sweep-go").click()
    page.until(
        "document.getElementById('sweep-progress').hidden && document.getElementById('sweep-at').max === '3'"
    )
    old = page.shot()
    page.find("#sweep-at").send_keys(Keys.HOME)
    assert page.find("#panel-sweep output").text == "20 years"
    assert (np.abs(page.shot() - old) > 8).sum() > 500
    page.js("document.getElementById('sweep-take').click()")
    page.settle()
    assert page.state()["age"] == 20
    page.tab("zones")
    page.settle()


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
