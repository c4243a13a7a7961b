"""The study's page in a real browser: it draws in both themes, asks nothing, switches, saves, prints, fits a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_study import made_study, nothing
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from test_report_browser import browser, opened, painted, pytestmark, requests, wait

from joulescape.report.gap.page import Facts, render

__all__ = ["browser", "pytestmark"]  # the fixture, one Chromium a module, and the marks are used by name


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("study") / "report.html"
    path.write_text(render(made_study()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def printing(browser: Any) -> Iterator[None]:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_every_chart_draws_without_an_error_or_a_request(browser: Any, page: str) -> None:
    opened(browser, page)
    assert browser.get_log("browser") == []
    assert requests(browser) == {page}
    charts = browser.execute_script("return [...document.querySelectorAll('[data-chart]')].map((c) => c.dataset.chart)")
    assert charts == list(Facts.of(made_study()).figures())
    assert min(painted(browser, chart) for chart in charts) > 10


def test_the_first_screen_holds_the_answer_and_its_tiles(browser: Any, page: str) -> None:
    opened(browser, page)
    for selector in ("h1", ".study", ".tiles"):
        box = browser.execute_script(
            f'const box = document.querySelector("{selector}").getBoundingClientRect(); return [box.top, box.bottom]'
        )
        assert 0 <= box[0] < box[1] <= 500, selector


def test_switches_draw_another_metric_and_case_and_outlive_the_theme(browser: Any, page: str) -> None:
    opened(browser, page)
    pixels = "return document.querySelector('[data-chart=\"bridge_0\"] canvas').toDataURL()"
    before = browser.execute_script(pixels)
    last = "[data-signal=metric][data-charts=bridge_0] button:last-child"
    browser.execute_script(f"document.querySelector('{last}').click()")
    metric = browser.execute_script(f"return document.querySelector('{last}').dataset.value")
    wait(browser, f"document.querySelector('[data-chart=\"bridge_0\"]').view.signal('metric') === {metric}")
    wait(browser, f"(() => {{ {pixels} }})() !== {json.dumps(before)}")
    machines = Select(browser.find_element(By.CSS_SELECTOR, "select[data-charts=overtake]"))
    machines.select_by_index(len(machines.options) - 1)
    chosen = machines.options[-1].get_attribute("value")
    value = "document.querySelector('[data-chart=\"overtake\"]').view.signal('chosen')"
    wait(browser, f"{value} === {chosen}")
    browser.execute_script("document.getElementById('theme').click()")
    wait(browser, f"{value} === {chosen}")
    charts = "document.querySelectorAll('[data-chart]').length"
    wait(browser, f"document.querySelectorAll('[data-drawn]').length === {charts}")
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.get_log("browser") == []


def test_a_table_is_saved_whole(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.execute_script(
        "window.saved = []; URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push(text)); "
        "return 'data:,'; }; document.querySelector('[data-table=fits]').click()"
    )
    wait(browser, "window.saved.length === 1")
    lines = browser.execute_script("return window.saved[0].split('\\n')")
    given = made_study().fits
    assert lines[0].split(",") == given.columns and len(lines) == given.height + 1


def test_a_phone_needs_no_sideways_scroll(browser: Any, page: str, tmp_path: Path) -> None:
    bare = tmp_path / "nothing.html"
    bare.write_text(render(nothing()), encoding="utf-8")
    for address in (page, bare.as_uri()):
        opened(browser, address, 390, 844)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.get_log("browser") == []


def test_printing_keeps_answer_charts_and_tables_and_no_controls(browser: Any, page: str, printing: None) -> None:
    opened(browser, page)
    shown = "return [...document.querySelectorAll(arguments[0])].filter((found) => found.offsetParent).length"
    assert browser.execute_script(shown, ".controls, nav, details.menu") == 0
    assert browser.execute_script(shown, "h1, .tiles, figure, .findings") > 12
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_every_control_is_large_enough(browser: Any, page: str) -> None:
    opened(browser, page)
    small = browser.execute_script(
        """return [...document.querySelectorAll('main button, main summary')]
            .filter((control) => control.offsetParent && control.getBoundingClientRect().height < 24)
            .map((control) => control.outerHTML)"""
    )
    assert small == []
