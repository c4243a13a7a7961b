"""A Chromium without a window that tests drive as a hand does: mouse, keyboard, downloads, print."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}

needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        (CHROMIUM is None or DRIVER is None) and not os.environ.get("CI"),
        reason="Chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)",
    ),
]


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with a profile of its own; it may save files."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    assert CHROMIUM is not None and DRIVER is not None, "CI must have Chromium: the browser tests may not be skipped"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def wait(browser: Any, script: str, seconds: float = 180) -> Any:
    """What the script returns once it is true."""
    end = time.monotonic() + seconds
    while not (found := browser.execute_script(f"return {script}")):
        assert time.monotonic() < end, f"not in {seconds} s: {script}"
        time.sleep(0.05)
    return found


def sized(browser: Any, width: int, height: int = 900) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def opened(browser: Any, page: str, width: int = 1440, height: int = 900) -> None:
    """The page with every chart drawn; the logs hold what it said and asked since."""
    sized(browser, width, height)
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page)
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    wait(browser, "!document.querySelector('[data-chart]:not([data-drawn])')")


def told(browser: Any, name: str) -> str:
    """Text of an element by its id."""
    return str(browser.execute_script("return document.getElementById(arguments[0]).textContent", name))


def box(browser: Any, selector: str) -> tuple[float, float, float, float]:
    """Left, top, width and height on the screen, once the element is scrolled into it."""
    found = browser.execute_script(
        """document.documentElement.style.scrollBehavior = 'auto';
        const found = document.querySelector(arguments[0]);
        found.scrollIntoView({ block: 'center' });
        const { left, top, width, height } = found.getBoundingClientRect();
        return [left, top, width, height];""",
        selector,
    )
    return found[0], found[1], found[2], found[3]


def mouse(browser: Any, kind: str, x: float, y: float, buttons: int = 1) -> None:
    event = {"type": kind, "x": x, "y": y, "button": "left" if buttons else "none", "clickCount": 1, "buttons": buttons}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def click(browser: Any, selector: str, across: float = 0.5) -> None:
    """A press of the mouse on an element, `across` its width."""
    left, top, width, height = box(browser, selector)
    click_at(browser, left + across * width, top + height / 2)


def click_at(browser: Any, x: float, y: float) -> None:
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        mouse(browser, kind, x, y)


def drag(browser: Any, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
    """Press, move in steps, release."""
    mouse(browser, "mouseMoved", *start, buttons=0)
    mouse(browser, "mousePressed", *start)
    for step in range(1, steps + 1):
        part = step / steps
        mouse(browser, "mouseMoved", *(a + part * (b - a) for a, b in zip(start, end, strict=True)))
    mouse(browser, "mouseReleased", *end)


def press(browser: Any, key: str, modifiers: int = 0) -> None:
    """A key that types nothing, or Enter or space."""
    text = {"Enter": "\r", " ": " "}.get(key)
    event = {
        "key": key,
        "code": "Space" if key == " " else key,
        "windowsVirtualKeyCode": KEYS[key],
        "modifiers": modifiers,
    }
    down = {**event, "type": "keyDown" if text else "rawKeyDown", **({"text": text} if text else {})}
    browser.execute_cdp_cmd("Input.dispatchKeyEvent", down)
    browser.execute_cdp_cmd("Input.dispatchKeyEvent", {**event, "type": "keyUp"})


def written(browser: Any, text: str) -> None:
    browser.execute_cdp_cmd("Input.insertText", {"text": text})


def requests(browser: Any) -> set[str]:
    """Addresses that were asked for, but for what a page holds itself."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = (entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent")
    return {url for url in sent if not url.startswith(("data:", "about:", "blob:"))}


def pixels(browser: Any, chart: str) -> str:
    """The canvas of a chart, to tell whether it was drawn otherwise."""
    script = 'return document.querySelector(`[data-chart="${arguments[0]}"] canvas`).toDataURL()'
    return str(browser.execute_script(script, chart))
