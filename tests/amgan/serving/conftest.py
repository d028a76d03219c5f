"""Fixtures of the server's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.browser_page import CHROMIUM, DESKTOP, DRIVER, Page
from support.helpers import COLLINS, HOPPER
from support.live_server import PATIENCE_S, LiveServer, live_server

from amgan.runtime import Pipeline


@pytest.fixture(scope="module")
def pipeline(tiny_bundle: Path) -> Iterator[Pipeline]:
    """A pipeline on the tiny bundle, opened as the command line does."""
    with Pipeline(tiny_bundle, "cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(pipeline: Pipeline) -> Iterator[LiveServer]:
    with live_server(pipeline) as running:
        yield running


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
