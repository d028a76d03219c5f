"""The gallery in a real browser: headless Chromium, opened from the file system, moved with a real mouse."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.fake_pipeline import REQUEST, FakePipeline, photo

from amgan.runtime.batch.gallery.gallery import write_gallery
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.record import RunRecord
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.storage.location import Location

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NASTY = "<img src=x onerror=document.title='hacked'>&\"'é.png"


def open_browser(*, dark: bool = False) -> Any:
    """A headless Chromium with a window of 1200 x 900 px, without a network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900",
        "--proxy-server=127.0.0.1:9", "--disable-gpu", *(["--force-dark-mode"] if dark else []),
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("selenium", reason="selenium drives the browser: pip install 'amgan[test]'")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium here: apt-get install chromium chromium-driver")
    chrome = open_browser()
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of black-to-white photos (light before, dark after), one copied, one failed."""
    folder = tmp_path_factory.mktemp("gallery")
    for name in (NASTY, "sub/second.png"):
        path = photo(folder / "in" / name)
        Image.fromarray(np.full((300, 400, 3), 230, np.uint8)).save(path)
    photo(folder / "in" / "wall.png", 0)
    (folder / "in" / "<b>broken.jpg").write_text("no picture")
    jobs = plan_run([folder / "in"], folder / "out").tasks
    record = RunRecord(Location.of(folder / "out"), "s")
    outcomes = run_batch(FakePipeline(), jobs, REQUEST, options=BatchOptions(no_face="copy"), record=record)
    record.close()
    return write_gallery(outcomes, folder / "out", "out: at 70")


def wait_for_pictures(browser: Any) -> None:
    """Return when all pictures of the page are decoded, however long that takes."""
    browser.execute_async_script(
        "const done = arguments[0]; const pictures = [...document.images];"
        "for (const one of pictures) one.loading = 'eager';"
        "Promise.all(pictures.map((one) => one.decode())).then(() => requestAnimationFrame(done));"
    )


def brightness(element: Any, share: float) -> float:
    """Brightness of a picture on the page, 0 to 255, at a share of its width, near its top."""
    import io

    shot = np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("L"))
    return float(shot[shot.shape[0] // 8, int(share * shot.shape[1])])


def test_the_page_opens_offline_without_a_complaint(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    assert browser.title == "out: at 70"
    assert browser.get_log("browser") == []
    pictures = browser.find_elements("css selector", ".photo img")
    assert len(pictures) == 6
    for picture in pictures:
        browser.execute_script("arguments[0].loading = 'eager'; arguments[0].scrollIntoView()", picture)
    end = time.monotonic() + 600
    loaded = "return [...document.images].every(i => i.complete && i.naturalWidth > 0)"
    while not browser.execute_script(loaded) and time.monotonic() < end:
        time.sleep(0.02)
    assert browser.execute_script(loaded)
    names = [link.text for link in browser.find_elements("css selector", ".photo h2")]
    assert names == [NASTY, "wall.png", "sub/second.png"]
    assert "40 → 70 years" in browser.find_element("css selector", ".ages").text
    others = browser.find_element("css selector", ".others").text
    assert "<b>broken.jpg" in others and "failed" in others and "not a picture" in others


def test_the_slider_follows_a_real_mouse(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.get(page.as_uri())
    wait_for_pictures(browser)
    picture = browser.find_element("css selector", ".compare")
    slider = picture.find_element("css selector", "input")
    assert brightness(picture, 0.25) > 200
    assert brightness(picture, 0.75) < 60
    width = picture.size["width"]
    ActionChains(browser).move_to_element(slider).click_and_hold().move_by_offset(
        int(0.4 * width), 0
    ).release().perform()
    assert float(slider.get_attribute("value")) == pytest.approx(90, abs=2)
    assert brightness(picture, 0.75) > 200
    ActionChains(browser).move_to_element_with_offset(
        slider, int(0.4 * width), 0
    ).click_and_hold().move_by_offset(-int(0.8 * width), 0).release().perform()
    assert float(slider.get_attribute("value")) == pytest.approx(10, abs=2)
    assert brightness(picture, 0.25) < 60


def test_the_slider_follows_the_keyboard(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.get(page.as_uri())
    wait_for_pictures(browser)
    slider = browser.find_element("css selector", ".compare input")
    ActionChains(browser).send_keys(Keys.TAB, Keys.TAB, Keys.END).perform()
    assert browser.switch_to.active_element == slider
    assert slider.accessible_name == f"Share of {NASTY} shown as before"
    assert float(slider.get_attribute("value")) == 100
    assert brightness(browser.find_element("css selector", ".compare"), 0.9) > 200


def test_photos_are_found_by_name_and_open_whole(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    browser.find_element("css selector", "input[type=search]").send_keys("SECOND")
    shown = [p for p in browser.find_elements("css selector", ".photo") if p.is_displayed()]
    assert len(shown) == 1
    assert browser.find_element("id", "shown").text == "1 found"
    browser.get(page.as_uri())
    browser.find_element("css selector", ".photo h2 a").click()
    assert browser.execute_script("return document.images[0].naturalWidth") == 400
    assert browser.title != "hacked"
