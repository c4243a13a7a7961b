"""The page on paper, where scripts do not run, and with charts that are let go far from the screen."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import box, chromium, drag, needs_browser, opened, press, sized, told, wait
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
def crowded(page: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same page, whose charts of designs are already too many marks to be kept."""
    text, many = Path(page.removeprefix("file://")).read_text(encoding="utf-8"), "const MANY_ROWS = 1500;"
    assert text.count(many) == 1
    path = tmp_path_factory.mktemp("crowded") / "report.html"
    path.write_text(text.replace(many, "const MANY_ROWS = 300;"), encoding="utf-8")
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


AREA, LATENCY = "document.querySelector('[data-chart=area]')", "document.querySelector('[data-chart=latency]')"
GONE = "!{0}.dataset.drawn && !{0}.querySelector('canvas')"
STATE = f"return ['max_energy', 'hidden', 'brush_x', 'pick'].map((name) => {AREA}.view.signal(name))"


def scrolled(browser: Any, to: str) -> None:
    """To a chart, until it is drawn; or to the page's end, until the chart of latency is let go."""
    if to == "end":
        browser.execute_script("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
        wait(browser, GONE.format(LATENCY))
    else:
        box(browser, f"[data-chart={to}]")
        wait(browser, f"document.querySelector('[data-chart={to}]').dataset.drawn === 'yes'")


def test_a_chart_of_many_marks_is_let_go_and_comes_back_as_it_was_left(browser: Any, crowded: str) -> None:
    sized(browser, 1440, 500)
    browser.get(crowded)
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    wait(browser, "!document.querySelector('[data-chart]:not([data-drawn], [data-later])')")
    assert browser.execute_script(f"return [{AREA}.dataset.drawn ?? '', {AREA}.childElementCount]") == ["", 0]
    scrolled(browser, "latency")
    scrolled(browser, "area")
    height = browser.execute_script(f"return {AREA}.offsetHeight")
    left, top, width, tall = box(browser, "[data-chart=area] canvas")
    drag(browser, (left + 0.3 * width, top + 0.2 * tall), (left + 0.7 * width, top + 0.6 * tall))
    wait(browser, "looked.textContent.startsWith('Marked: ')")
    marked, count = browser.execute_script(STATE), told(browser, "table-count")
    scrolled(browser, "end")
    browser.execute_script("theme.click()")
    wait(browser, f"{AREA}.dataset.drawn === 'yes' && {AREA}.view.signal('brush_x').length === 2")
    assert browser.execute_script(STATE) == marked and told(browser, "table-count") == count
    press(browser, "Escape")
    wait(browser, "!document.getElementById('table-count').textContent.includes('marked')")
    scrolled(browser, "area")
    scrolled(browser, "end")
    wait(browser, GONE.format(AREA))
    assert browser.execute_script(f"return {AREA}.offsetHeight") == height
    browser.execute_script(
        """const range = document.getElementById('range-energy');
        range.value = 700;
        range.dispatchEvent(new Event('input', { bubbles: true }));
        document.querySelector('input[data-back-end]').click();"""
    )
    scrolled(browser, "area")
    left_out = browser.execute_script("return document.querySelector('input[data-back-end]').dataset.backEnd")
    limit, *others = browser.execute_script(STATE)
    assert limit < marked[0] and others[:2] == [[left_out], []] and others[2] >= 0
    assert browser.get_log("browser") == []


def test_a_chart_that_was_let_go_is_saved_and_printed(browser: Any, crowded: str) -> None:
    """Goes on where the test before ends: at the chart of areas, with limits."""
    scrolled(browser, "end")
    wait(browser, GONE.format(AREA))
    browser.execute_script(
        f"""addEventListener('beforeprint', () => {{
          window.onPaper = {AREA}.nextElementSibling.className === 'paper' && {AREA}.dataset.drawn !== 'yes';
        }});
        addEventListener('afterprint', () => {{ window.isOver = true; }});
        const shrunk = new MutationObserver(() => {{
          const canvas = document.querySelector('[data-chart=area] + .paper canvas');
          if (canvas) window.pixels = canvas.width;
        }});
        shrunk.observe(document.body, {{ childList: true, subtree: true }});"""
    )
    browser.execute_cdp_cmd("Page.printToPDF", {"pageRanges": "1"})
    wait(browser, "window.isOver")
    assert browser.execute_script("return window.onPaper") is True
    browser.execute_script(
        f"""window.blobs = [];
        URL.createObjectURL = (blob) => {{ blobs.push(blob); return '#'; }};
        HTMLAnchorElement.prototype.click = () => {{}};
        const menu = {AREA}.closest('figure');
        for (const kind of ['svg', 'png', 'csv']) menu.querySelector(`[data-save=${{kind}}]`).click();"""
    )
    wait(browser, "window.blobs.length === 3")
    sizes = browser.execute_script("return Object.fromEntries(blobs.map((blob) => [blob.type.slice(0, 9), blob.size]))")
    assert sizes.keys() == {"image/svg", "image/png", "text/csv"} and min(sizes.values()) > 1000
    assert browser.get_log("browser") == []
