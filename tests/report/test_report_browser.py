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
from scenarios import cost_only
from synthetic import empty, synthetic

from joulescape.report.page import Facts, render

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


def wait(browser: Any, script: str, seconds: float = 180) -> None:
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
    assert set(charts) == set(Facts.of(synthetic()).figures())
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
    assert after.split("on validation;")[1] == before.split("on validation;")[1]
    assert " on test" in after


def test_a_slider_changes_the_answer_and_the_chart(browser: Any, page: str) -> None:
    opened(browser, page)
    before = browser.execute_script("return document.getElementById('answer').textContent")
    pixels = "return document.querySelector('[data-chart=\"energy\"] canvas').toDataURL()"
    drawn = browser.execute_script(pixels)
    set_range(browser, "energy", 150)
    wait(browser, f"document.getElementById('answer').textContent !== {json.dumps(before)}")
    wait(browser, f"(() => {{ {pixels} }})() !== {json.dumps(drawn)}")
    wait(browser, "location.hash.includes('energy=')")


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


def test_a_page_of_costs_alone_answers_and_draws(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "cost_only.html"
    path.write_text(render(cost_only(synthetic(160))), encoding="utf-8")
    opened(browser, path.as_uri(), 390, 844)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    answer = "return document.getElementById('answer').textContent"
    opening = browser.execute_script(answer)
    set_range(browser, "latency", 300)
    told = browser.execute_script(answer)
    assert told != opening and "accuracy" not in told and " latency, " in told
    assert painted(browser, "energy") > 20
    assert "(cost only)" in browser.title
    assert browser.get_log("browser") == []


def test_screened_designs_come_into_the_table_when_asked_for(browser: Any, page: str) -> None:
    opened(browser, page)
    count = "return document.getElementById('table-count').textContent"
    valid, screened = synthetic().valid.height, synthetic().screened.height
    assert browser.execute_script(count) == f"{valid} of {valid} designs"
    browser.execute_script("document.getElementById('table-screened').click()")
    assert browser.execute_script(count) == f"{valid + screened} of {valid + screened} designs"
    browser.execute_script("document.getElementById('table-within').click()")
    shown = int(browser.execute_script(count).split()[0])
    browser.execute_script("document.getElementById('table-screened').click()")
    assert int(browser.execute_script(count).split()[0]) == shown <= valid


def test_a_click_on_a_front_point_tells_what_it_is(browser: Any, page: str) -> None:
    opened(browser, page)
    columns = Facts.of(synthetic()).pareto
    step = next(step for step in columns.fronts["energy"] if step["label"] == "shg")
    for _ in range(20):  # a chart that is drawn meanwhile may move this one, so a click that told nothing is made again
        click(browser, *mark_at(browser, step["x"], step["accuracy"]))
        if told := browser.execute_script("return document.getElementById('looked').textContent"):
            break
        time.sleep(0.25)
    assert told.startswith("Clicked: shg_digits on physical/shg: ")
    sheet = browser.execute_script(
        "return ['sheet-name', 'sheet-question', 'sheet-command', 'sheet-onnx-line']"
        ".map((id) => document.getElementById(id)).map((found) => found.hidden ? 'hidden' : found.textContent)"
    )
    assert sheet[0] == "shg_digits on physical/shg" and "joulescape cost shg_digits physical/shg" in sheet[2]
    assert 'back_ends: ["physical/shg"]' in sheet[1]
    assert sheet[3] == "hidden"  # no ONNX file holds a machine's own network


def test_the_sheet_opens_with_the_choice_and_shows_both_phases(browser: Any, page: str) -> None:
    opened(browser, page)
    wanted = Facts.of(synthetic())
    chosen = wanted.pareto.columns["id"][wanted.decision.decision.index or 0]
    assert browser.execute_script("return document.getElementById('sheet-id').textContent") == f"design {chosen}"
    for phase in ("training", "inference"):
        browser.execute_script(f"document.querySelector('#sheet-phases button[value={phase}]').click()")
        rows = browser.execute_script(
            "return [...document.querySelectorAll('#sheet-energy tbody tr')].map((row) => row.cells[0].textContent)"
        )
        assert rows == [row["class"] for row in wanted.sheet.parts if (row["id"], row["phase"]) == (chosen, phase)]


def mark_at(browser: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the energy chart is on the screen, with the chart scrolled into it."""
    across, up = browser.execute_script(
        """const place = document.querySelector('[data-chart="energy"]'), view = place.view;
        document.documentElement.style.scrollBehavior = 'auto';
        place.scrollIntoView({block: 'center'});
        const box = place.querySelector('canvas').getBoundingClientRect();
        const [left, top] = view.origin(), gap = view.padding(), [x, y] = arguments;
        return [box.left + gap.left + left + view.scale('x')(x), box.top + gap.top + top + view.scale('y')(y)];""",
        x,
        y,
    )
    return across, up


def click(browser: Any, x: float, y: float) -> None:
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def test_the_panel_tells_range_and_command_of_each_choice(browser: Any, page: str) -> None:
    """The script's words are Python's for the opening choice, and follow the limits afterwards."""
    opened(browser, page)
    wanted = Facts.of(synthetic()).decision
    for name in ("range", "tie", "command", "answer", "why"):
        assert browser.execute_script(f"return document.getElementById('{name}').textContent") == getattr(wanted, name)
    browser.execute_script(
        "const prefer = document.getElementById('prefer'); prefer.value = 'accuracy';"
        "prefer.dispatchEvent(new Event('change'));"
    )
    command = browser.execute_script("return document.getElementById('command').textContent")
    assert command.startswith("joulescape cost ") and command != wanted.command
    browser.execute_script("document.getElementById('copy').click()")
    wait(browser, "document.getElementById('copy').textContent !== 'Copy'")


def test_the_best_of_table_stays_in_its_card(browser: Any, page: str) -> None:
    for width in (1440, 1100, 390):
        opened(browser, page, width)
        assert browser.execute_script(
            "const card = document.querySelector('.panel').getBoundingClientRect(), "
            "table = document.querySelector('.panel .scroll').getBoundingClientRect();"
            "return table.left >= card.left && table.right <= card.right"
        ), width


def test_every_control_has_a_name_and_a_size(browser: Any, page: str) -> None:
    opened(browser, page)
    nameless = browser.execute_script(
        """return [...document.querySelectorAll('button, input, select, summary, a[href]')].filter((control) => {
            const labels = [...(control.labels || [])].map((label) => label.textContent).join('');
            return !(control.getAttribute('aria-label') || labels || control.textContent || '').trim();
        }).map((control) => control.outerHTML)"""
    )
    assert nameless == []
    small = browser.execute_script(
        """return [...document.querySelectorAll('main button, main select, main input[type=number]')]
            .filter((control) => control.offsetParent && control.getBoundingClientRect().height < 24)
            .map((control) => control.outerHTML)"""
    )
    assert small == []


def test_printing_shows_the_answer_and_no_controls(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return [...document.querySelectorAll(arguments[0])].filter((found) => found.offsetParent).length"
    try:
        assert browser.execute_script(shown, ".controls, nav, details.menu") == 0
        assert browser.execute_script(shown, "#answer, #command, figure") > 10
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def touch(browser: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A finger that presses, moves in steps if it is to end elsewhere, and leaves."""
    steps = [tuple(a + step / 8 * (b - a) for a, b in zip(start, end, strict=True)) for step in range(1, 9)]
    for kind, points in (
        ("touchStart", [start]),
        *(("touchMove", [at]) for at in steps if start != end),
        ("touchEnd", []),
    ):
        given = [{"x": at[0], "y": at[1]} for at in points]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})


def test_a_finger_moves_the_page_over_a_chart_and_a_tap_explains_a_design(browser: Any, page: str) -> None:
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    try:
        opened(browser, page, 390, 844)
        step = next(step for step in Facts.of(synthetic()).pareto.fronts["energy"] if step["label"] == "shg")
        across, up = mark_at(browser, step["x"], step["accuracy"])
        before = browser.execute_script("return scrollY")
        touch(browser, (across, up), (across, up - 200))
        wait(browser, f"scrollY > {before + 100}")
        state = "return [document.querySelector('[data-chart=energy]').view.signal('brush'), looked.textContent]"
        assert browser.execute_script(state) == [{}, ""]
        for _ in range(
            20
        ):  # the page may still roll on, or a chart above be drawn: a tap that told nothing is made again
            across, up = mark_at(browser, step["x"], step["accuracy"])
            touch(browser, (across + 9, up), (across + 9, up))  # a finger is broader than a point
            time.sleep(0.25)
            if told := browser.execute_script("return looked.textContent"):
                break
        assert told.startswith("Clicked: shg_digits on physical/shg: ")
        assert browser.execute_script(state)[0] == {}
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
