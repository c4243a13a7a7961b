"""Pictures of a drawn report for the README: its first screen in light and dark, and on a phone.

    python docs/pictures.py results/which_machine/report.html docs

Needs Chromium and its driver (Debian: `chromium chromium-driver`).
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

PICTURES = (
    ("report.png", 1440, 900, 1, "light"),
    ("report_dark.png", 1440, 900, 1, "dark"),
    ("report_phone.png", 390, 844, 1.75, "light"),
)
"""File, width and height in CSS pixels, device pixels in one of them, theme."""

DRAWN = """return document.documentElement.dataset.ready === 'yes'
    && document.querySelector('[data-chart="energy"]').dataset.drawn === 'yes'"""


def browser(folder: str) -> Any:
    """Headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium", "chromium-browser", "google-chrome")
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(found("chromedriver")))


def found(*names: str) -> str:
    """The first of these programs that is installed."""
    paths = [path for name in names if (path := shutil.which(name))]
    if not paths:
        raise SystemExit(f"{names[0]} is not installed: pictures need Chromium and its driver")
    return paths[0]


def taken(driver: Any, page: str, width: int, height: int, scale: float, theme: str) -> bytes:
    """The first screen of a page, once its main chart is drawn."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
    driver.get(page)
    WebDriverWait(driver, 60).until(lambda driver: driver.execute_script(DRAWN))
    return base64.b64decode(driver.get_screenshot_as_base64())


def main(page: Path, folder: Path) -> None:
    """Writes every picture of PICTURES into `folder`."""
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            for name, width, height, scale, theme in PICTURES:
                (folder / name).write_bytes(taken(driver, page.resolve().as_uri(), width, height, scale, theme))
        finally:
            driver.quit()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
