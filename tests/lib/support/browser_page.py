"""The page of a server in a browser, and what a person does with it."""

from __future__ import annotations

import io
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.command_line import run
from support.live_server import LiveServer, wait_until

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
        if self.js(
            "const kept = sessionStorage.length; localStorage.clear(); sessionStorage.clear(); return kept"
        ):
            self.chrome.get(self.server.url)
            self.until("document.documentElement.dataset.ready === 'yes'")

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

    def drag(
        self, element: Any, start: tuple[int, int], *moves: tuple[int, int], settle: bool = True
    ) -> None:
        """Press the mouse at an offset from the middle of an element, move it by each step, and let go."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.chrome).move_to_element_with_offset(element, *start).click_and_hold()
        for move in moves:
            chain = chain.move_by_offset(*move)
        chain.release().perform()
        if settle:
            self.settle()

    def tab(self, name: str) -> None:
        self.find(f"#tab-{name}").click()

    def sweep(self, step_years: int, last: int) -> None:
        """Have a sweep computed in steps of so many years, up to the age numbered ``last``."""
        self.tab("sweep")
        self.js(f"document.getElementById('sweep-step').value = {step_years}")
        self.find("#sweep-go").click()
        self.until(
            "document.getElementById('sweep-progress').hidden"
            f" && document.getElementById('sweep-at').max === '{last}'"
        )

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


def command_makes(page: Page, photos: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> bytes:
    """What the command line on the page makes, run beside the photo."""
    page.tab("more")
    words = shlex.split(page.find("#command").text)
    assert words[:2] == ["amgan", "age"]
    shutil.copy(photos / words[2], folder / words[2])
    monkeypatch.chdir(folder)
    done = run(*words[1:], "--model", str(page.model), "--device", "cpu")  # type: ignore[attr-defined]
    assert done.exit_code == 0, done.output
    return (folder / out).read_bytes()
