"""The page on paper, and where scripts do not run."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import chromium, needs_browser, opened, sized
from synthetic import synthetic

from joulescape.report.page import Facts, render

pytestmark = needs_browser
GIVEN = synthetic(400)
PAGES = 40
PRINTED = 40
VISIBLE = """
const found = [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility());
return found.map((one) => one.outerHTML.slice(0, 99));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("paper") / "report.html"
    path.write_text(render(GIVEN), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def test_paper_holds_the_answer_forty_rows_and_no_control(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.execute_script(
        """const count = (selector) => document.querySelectorAll(`#table-box ${selector}`).length;
        addEventListener('beforeprint', () => {
          window.rows = count('tbody tr');
          window.drawn = document.querySelectorAll('figure > .paper svg text').length;
          window.bare = document.querySelectorAll('[data-chart]:not(:has(+ .paper svg))').length;
        });
        addEventListener('afterprint', () => { window.after = count('.gap'); });"""
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script(VISIBLE, "button:not(#table-box *), main input, main select, nav, details.menu") == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    paper = base64.b64decode(printed["data"])
    assert paper[:5] == b"%PDF-"
    assert 3 < len(re.findall(rb"/Type\s*/Page\b", paper)) <= PAGES
    assert browser.execute_script("return window.rows") == PRINTED
    assert browser.execute_script("return window.after") == 1
    assert browser.execute_script("return window.bare") == 0 and browser.execute_script("return window.drawn") > 100
    assert browser.execute_script("return document.querySelectorAll('.paper').length") == 0
    assert browser.get_log("browser") == []


def test_a_dark_page_is_printed_light_and_is_dark_afterwards(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.execute_script(
        "if (document.documentElement.dataset.theme === 'light') document.getElementById('theme').click()"
    )
    browser.execute_script(
        "addEventListener('beforeprint', () => { window.worn = document.documentElement.dataset.theme; })"
    )
    browser.execute_cdp_cmd("Page.printToPDF", {"pageRanges": "1"})
    worn = browser.execute_script("return [window.worn, document.documentElement.dataset.theme]")
    browser.execute_script("document.getElementById('theme').click()")
    assert worn == ["light", "dark"]


def test_without_scripts_the_answer_a_table_and_a_picture_are_seen(browser: Any, page: str) -> None:
    sized(browser, 1440)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page)
        document = browser.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]

        def seen(selector: str) -> list[float]:
            """Width and height of the first element that the selector finds, as laid out."""
            asked = {"nodeId": document, "selector": selector}
            node = browser.execute_cdp_cmd("DOM.querySelector", asked)["nodeId"]
            model = browser.execute_cdp_cmd("DOM.getBoxModel", {"nodeId": node})["model"]
            return [model["width"], model["height"]]

        for selector in ("#answer", "tr[data-back-end]", "noscript svg", "h1"):
            width, height = seen(selector)
            assert width > 100 and height > 10, selector
        node = browser.execute_cdp_cmd("DOM.querySelector", {"nodeId": document, "selector": "#answer"})["nodeId"]
        text = browser.execute_cdp_cmd("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
        assert Facts.of(GIVEN).decision.answer.split(":")[0] in text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
