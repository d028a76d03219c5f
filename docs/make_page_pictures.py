"""Makes the pictures of docs/serve.md: python docs/make_page_pictures.py [--keep FOLDER].

Opens `amgan serve` in a headless Chromium (Debian's packages chromium and chromium-driver), selects a sample,
paints crow's feet, saves, and prints the duration of each step for a new user. ``--keep`` stores PNGs of
every step, including the keyboard focus and the tabs on a phone.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys

IMAGES = Path(__file__).parent / "images"
DESKTOP, PHONE = (1280, 860), (390, 844)
SAMPLE = "eileen_collins"
PATIENCE_S = 600.0
IDLE = "window.amgan && window.amgan.photo && window.amgan.idle && document.getElementById('busy').hidden"
EYE_CORNER = """const photo = window.amgan.photo, [x, y] = photo.faces[0].landmarks[359];
const shown = document.querySelector('.pane-after .before').getBoundingClientRect();
const scale = shown.width / photo.width;
return [shown.left + x * scale, shown.top + y * scale];"""
"""The position of the outer corner of the left eye in the window, in px."""


class Visitor:
    """A user of the page, whose steps are timed and, with a folder, saved as pictures."""

    def __init__(self, chrome: webdriver.Chrome, downloads: Path, keep: Path | None) -> None:
        self.chrome, self.downloads, self._keep = chrome, downloads, keep
        self._since = time.perf_counter()

    def js(self, script: str) -> Any:
        """The result of a script in the page."""
        return self.chrome.execute_script(script)

    def until(self, script: str) -> None:
        """Wait until a script returns a true value."""
        end = time.monotonic() + PATIENCE_S
        while not self.js(f"return {script}"):
            if time.monotonic() > end:
                sys.exit(f"this never came true: {script}")
            time.sleep(0.02)

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector."""
        return self.chrome.find_element("css selector", selector)

    def step(self, said: str) -> Image.Image:
        """Wait until the page is idle, print the time, and take a picture."""
        self.until(IDLE)
        print(f"{time.perf_counter() - self._since:5.1f} s  {said}")
        time.sleep(0.4)  # movements on the page end
        shot = Image.open(io.BytesIO(self.chrome.get_screenshot_as_png())).convert("RGB")
        if self._keep:
            shot.save(self._keep / f"{said.replace(' ', '_')}.png")
        return shot

    def drag(self, x: float, y: float, *moves: tuple[int, int]) -> None:
        """Press at a position of the window in px, move by each step, and release."""
        chain = ActionChains(self.chrome)
        chain.w3c_actions.pointer_action.move_to_location(round(x), round(y)).pointer_down()
        for dx, dy in moves:
            x, y = x + dx, y + dy
            chain.w3c_actions.pointer_action.move_to_location(round(x), round(y))
        chain.w3c_actions.pointer_action.pointer_up()
        chain.perform()

    def choose_sample(self) -> None:
        """Choose a sample photo."""
        self.find(f"#samples img[src*={SAMPLE}]").click()
        self.step("photo is open")

    def paint_crows_feet(self) -> None:
        """One stroke next to an eye; the page also paints the other side."""
        self.find("#tab-brush").click()
        x, y = self.js(EYE_CORNER)
        self.drag(x + 14, y - 14, (6, 14), (-2, 14))

    def save(self, suffix: str) -> None:
        """Save the photo, and check the file."""
        self.find("#save").click()
        path = self.downloads / f"{SAMPLE}_aged{suffix}"
        end = time.monotonic() + PATIENCE_S
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.02)
        Image.open(path).verify()
        path.unlink()

    def set_age(self, years: int) -> None:
        """Move the main slider."""
        self.js(f"const a = document.getElementById('age'); a.value = {years};"
                "a.dispatchEvent(new Event('change'))")  # fmt: skip

    def look(self, scheme: str, phone: bool) -> None:
        """Set the theme and the size of a phone or a desktop."""
        width, height = PHONE if phone else DESKTOP
        screen = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def tour(visitor: Visitor) -> dict[str, Image.Image]:
    """The pictures of docs/serve.md by name."""
    shots = {}
    visitor.until("document.documentElement.dataset.ready === 'yes'")
    visitor.look("light", phone=False)
    visitor.choose_sample()
    visitor.paint_crows_feet()
    shots["page_brush"] = visitor.step("crow's feet are painted")
    visitor.save(".png")
    visitor.step("photo is saved")
    visitor.js("document.querySelectorAll('.notice').forEach((one) => one.remove())")
    for _ in range(8):
        ActionChains(visitor.chrome).send_keys(Keys.TAB).perform()
    visitor.step("keyboard focus")
    visitor.look("dark", phone=False)
    visitor.set_age(70)
    visitor.find("#tab-zones").click()
    shots["page_dark"] = visitor.step("seventy in the dark")
    phones = []
    for scheme, tab in (("light", "brush"), ("dark", "zones"), ("light", "sweep"), ("dark", "more")):
        visitor.look(scheme, phone=True)
        visitor.find(f"#tab-{tab}").click()
        visitor.find("#zoom-face").click()
        phones.append(visitor.step(f"phone {tab} {scheme}"))
    pair = Image.new("RGB", (2 * phones[0].width + 24, phones[0].height), "white")
    pair.paste(phones[0], (0, 0))
    pair.paste(phones[1], (phones[0].width + 24, 0))
    return shots | {"page_phone": pair}


def main() -> None:
    """Take the tour and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="put a PNG of every step there")
    keep = parser.parse_args().keep
    command = [sys.executable, "-P", "-m", "amgan", "serve"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            address = next(line.split()[3] for line in server.stdout if line.startswith("AMGAN is at"))
            with webdriver.Chrome(
                _options(), webdriver.ChromeService(shutil.which("chromedriver"))
            ) as chrome:
                allow = {"behavior": "allow", "downloadPath": folder}
                chrome.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
                chrome.get(address)
                shots = tour(Visitor(chrome, Path(folder), keep))
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=60)
    for name, shot in shots.items():
        shot.save(IMAGES / f"{name}.jpg", quality=82)


def _options() -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("there is no Chromium here")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server",
        f"--window-size={DESKTOP[0]},{DESKTOP[1]}", "--force-prefers-reduced-motion",
    ):  # fmt: skip
        options.add_argument(argument)
    return options


if __name__ == "__main__":
    main()
