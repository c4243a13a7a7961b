"""The page in a real browser, opened from a file: it draws, answers, asks nothing of the network and fits a phone."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from joulescape.report.page import Facts, render
from report.synthetic import empty, synthetic

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        (CHROMIUM is None or DRIVER is None) and not os.environ.get("CI"),
        reason="Chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)",
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    assert CHROMIUM is not None and DRIVER is not None, "CI must have Chromium: the browser tests may not be skipped"
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(synthetic()), encoding="utf-8")
    return path.as_uri()


def wait(browser: Any, script: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not browser.execute_script(f"return {script}"):
        assert time.monotonic() < end, f"not in {seconds} s: {script}"
        time.sleep(0.05)


def opened(browser: Any, page: str, width: int = 1440, height: int = 900) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page)
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    charts = "document.querySelectorAll('[data-chart]').length"
    wait(browser, f"document.querySelectorAll('[data-drawn]').length === {charts}")


def painted(browser: Any, chart: str) -> int:
    """Number of different colours on the canvas of a chart."""
    return int(
        browser.execute_script(
            f"""const canvas = document.querySelector('[data-chart="{chart}"] canvas');
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const seen = new Set();
            for (let at = 0; at < pixels.length; at += 4) seen.add(`${{pixels.slice(at, at + 4)}}`);
            return seen.size;"""
        )
    )


def requests(browser: Any) -> set[str]:
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = (entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent")
    return {url for url in sent if not url.startswith(("data:", "about:"))}


def set_range(browser: Any, role: str, value: int) -> None:
    browser.execute_script(
        f"const range = document.getElementById('range-{role}'); range.value = {value};"
        "range.dispatchEvent(new Event('input', {bubbles: true}));"
    )


def test_it_draws_without_an_error_or_a_request(browser: Any, page: str) -> None:
    opened(browser, page)
    assert browser.get_log("browser") == []
    assert requests(browser) == {page}
    charts = browser.execute_script("return [...document.querySelectorAll('[data-chart]')].map((c) => c.dataset.chart)")
    assert len(charts) == 11
    assert min(painted(browser, chart) for chart in charts) > 10


def test_the_first_screen_holds_headline_answer_and_main_chart(browser: Any, page: str) -> None:
    opened(browser, page)
    for selector in ("h1", "#answer", "[data-chart='energy'] canvas"):
        box = browser.execute_script(
            f'const box = document.querySelector("{selector}").getBoundingClientRect(); return [box.top, box.bottom]'
        )
        assert 0 <= box[0] < box[1] <= 900, selector


def test_the_answer_of_the_script_is_the_answer_of_python(browser: Any, page: str) -> None:
    browser.get("about:blank")
    before = Path(page.removeprefix("file://")).read_text(encoding="utf-8").split('id="answer">')[1].split("<")[0]
    opened(browser, page)
    after = browser.execute_script("return document.getElementById('answer').textContent")
    assert after.split(":")[0] == before.split(":")[0]
    assert after.split("accuracy,")[1] == before.split("accuracy,")[1]


def test_a_slider_changes_the_answer_and_the_chart(browser: Any, page: str) -> None:
    opened(browser, page)
    before = browser.execute_script("return document.getElementById('answer').textContent")
    pixels = "return document.querySelector('[data-chart=\"energy\"] canvas').toDataURL()"
    drawn = browser.execute_script(pixels)
    set_range(browser, "energy", 150)
    wait(browser, f"document.getElementById('answer').textContent !== {json.dumps(before)}")
    wait(browser, f"(() => {{ {pixels} }})() !== {json.dumps(drawn)}")
    assert "energy=" in browser.current_url


def test_nothing_feasible_names_the_way_out(browser: Any, page: str) -> None:
    opened(browser, page)
    set_range(browser, "accuracy", 1000)
    set_range(browser, "energy", 0)
    assert (
        browser.execute_script("return document.getElementById('answer').textContent") == "No design meets the limits."
    )
    why = browser.execute_script("return document.getElementById('why').textContent")
    assert why.startswith("Nearest way out: lower accuracy to ")
    assert "of energy" in why


def test_buttons_switch_phase_and_scale(browser: Any, page: str) -> None:
    opened(browser, page)
    pixels = "return document.querySelector('[data-chart=\"layers\"] canvas').toDataURL()"
    for signal, value in (("phase", '"training"'), ("shares", "false"), ("only", '"memristive/isaac"')):
        drawn = browser.execute_script(pixels)
        browser.execute_script(
            f"[...document.querySelectorAll('[data-signal={signal}] button')]"
            f".find((button) => button.dataset.value === {json.dumps(value)}).click()"
        )
        if signal != "shares":
            wait(browser, f"(() => {{ {pixels} }})() !== {json.dumps(drawn)}")
    assert browser.get_log("browser") == []


def test_the_table_searches_sorts_and_stays_small(browser: Any, page: str) -> None:
    opened(browser, page)
    count = "return document.getElementById('table-count').textContent"
    assert browser.execute_script(count).endswith(f"of {synthetic().valid.height} designs")
    browser.execute_script(
        "const box = document.getElementById('table-search'); box.value = 'PHOTONIC';"
        "box.dispatchEvent(new Event('input'));"
    )
    names = browser.execute_script(
        "return [...document.querySelectorAll('#table-box tbody tr')].map((row) => row.children[1]?.textContent)"
    )
    assert set(names) - {None} == {"photonic/mzi_mesh"}
    assert len(names) < 60
    browser.execute_script("document.querySelector('#table-box th[data-name=accuracy_fraction] button').click()")
    assert (
        browser.execute_script("return document.querySelector('#table-box th[data-name=accuracy_fraction]').ariaSort")
        == "ascending"
    )


def test_dark_is_dark_and_draws_again(browser: Any, page: str) -> None:
    opened(browser, page)
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(background)
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(background) != light
    wait(browser, "document.querySelector('[data-chart=\"energy\"] canvas') !== null")
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.get_log("browser") == []


def test_a_phone_needs_no_sideways_scroll(browser: Any, page: str) -> None:
    opened(browser, page, 390, 844)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.get_log("browser") == []


def test_an_empty_report_opens_too(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(render(empty()), encoding="utf-8")
    opened(browser, path.as_uri())
    assert browser.get_log("browser") == []
    assert painted(browser, "history") > 5


def test_a_click_on_a_front_point_tells_what_it_is(browser: Any, page: str) -> None:
    opened(browser, page)
    columns = Facts.of(synthetic()).pareto
    step = next(step for step in columns.fronts["energy"] if step["label"] == "shg")
    across, up = browser.execute_script(
        """const place = document.querySelector('[data-chart="energy"]'), view = place.view;
        const box = place.querySelector('canvas').getBoundingClientRect();
        const [left, top] = view.origin(), gap = view.padding(), [x, y] = arguments;
        return [box.left + gap.left + left + view.scale('x')(x), box.top + gap.top + top + view.scale('y')(y)];""",
        step["x"],
        step["accuracy"],
    )
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        event = {"type": kind, "x": across, "y": up, "button": "left", "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    wait(browser, "document.getElementById('looked').textContent !== ''")
    told = browser.execute_script("return document.getElementById('looked').textContent")
    assert told.startswith("Clicked: shg_digits on physical/shg: ")
