"""The page under a real mouse and a real keyboard: every choice can be made with either, and is announced and kept."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import (
    box,
    chromium,
    click,
    click_at,
    drag,
    needs_browser,
    opened,
    pixels,
    press,
    requests,
    told,
    wait,
    written,
)
from synthetic import synthetic

from joulescape.report.page import Facts, render
from joulescape.report.theme import SPACE

pytestmark = needs_browser
GIVEN = synthetic(240)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("by_hand") / "report.html"
    path.write_text(render(GIVEN), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, page: str, saved: Path) -> Iterator[Any]:
    """One browser and one page for the module: what a test changes, it puts back by `Reset`."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(saved)})
        opened(driver, page)
        yield driver
        assert driver.get_log("browser") == []
        assert requests(driver) == {page}


@pytest.fixture(autouse=True)
def fresh(browser: Any) -> Iterator[None]:
    yield
    browser.execute_script("document.getElementById('reset').click()")


def focus(browser: Any, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).focus()", selector)


def energies(browser: Any) -> list[str]:
    """Design names of the rows on screen, in their order."""
    script = "return [...document.querySelectorAll('#table-box tbody tr')].map((row) => row.cells[0].textContent)"
    return [name for name in browser.execute_script(script) if name]


def test_a_limit_moves_with_the_mouse_and_with_the_keys(browser: Any) -> None:
    before, drawn = told(browser, "answer"), pixels(browser, "energy")
    left, top, width, height = box(browser, "#range-energy")
    drag(browser, (left + width - 8, top + height / 2), (left + 0.2 * width, top + height / 2))
    assert told(browser, "answer") != before
    placed = float(browser.execute_script("return document.getElementById('range-energy').value"))
    assert 100 < placed < 300
    wait(browser, f"document.querySelector('[data-chart=\"energy\"] canvas').toDataURL() !== {drawn!r}")
    said = browser.execute_script("return document.getElementById('range-energy').ariaValueText || "
                                  "document.getElementById('range-energy').getAttribute('aria-valuetext')")  # fmt: skip
    assert said.endswith("J")
    focus(browser, "#range-energy")
    press(browser, "ArrowRight")
    assert float(browser.execute_script("return document.getElementById('range-energy').value")) > placed
    press(browser, "End")
    assert told(browser, "answer") == before
    assert browser.execute_script("return document.getElementById('number-energy').value") == ""


def test_a_limit_typed_into_its_field_is_the_limit(browser: Any) -> None:
    best = max(Facts.of(GIVEN).pareto.columns["accuracy"])
    focus(browser, "#number-accuracy")
    browser.execute_script("document.getElementById('number-accuracy').select()")
    written(browser, f"{100 * best:.2f}")
    press(browser, "Enter")
    assert f"accuracy {100 * best:.1f}{SPACE}%" in told(browser, "answer")
    wait(browser, "location.hash.includes('accuracy=')")


def test_the_address_keeps_the_choice_over_a_reload_and_a_link_to_a_section(browser: Any, page: str) -> None:
    focus(browser, "#prefer")
    browser.execute_script(
        "const prefer = document.getElementById('prefer'); prefer.value = 'latency';"
        "prefer.dispatchEvent(new Event('change', { bubbles: true }));"
    )
    click(browser, "input[data-back-end='physical/shg']")
    chosen, hidden = told(browser, "answer"), "document.querySelector(\"input[data-back-end='physical/shg']\").checked"
    assert browser.execute_script(f"return {hidden}") is False
    wait(browser, "location.hash.includes('prefer=latency')")
    click(browser, "nav a[href='#designs']")
    wait(browser, "location.hash.includes('prefer=latency')")
    assert browser.execute_script("return document.querySelector('#designs').getBoundingClientRect().top") < 900
    browser.refresh()
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    assert told(browser, "answer") == chosen
    assert browser.execute_script(f"return {hidden}") is False
    assert browser.execute_script("return document.getElementById('prefer').value") == "latency"
    wait(browser, "!document.querySelector('[data-chart]:not([data-drawn])')")


@pytest.mark.parametrize("address", ["#prefer=no&energy=-3&accuracy=x&back_end=none", "#prefer=balance&energy=1e999"])
def test_a_broken_address_breaks_nothing(browser: Any, page: str, address: str) -> None:
    browser.execute_script("location.hash = arguments[0]", address)
    wait(browser, "document.getElementById('answer').textContent.length > 0")
    assert browser.execute_script(
        "return [...document.querySelectorAll('.limit input')].every((one) => one.value !== 'NaN')"
    )
    browser.execute_script("document.getElementById('reset').click()")
    assert told(browser, "answer") == Facts.of(GIVEN).decision.answer


def test_an_area_marked_in_the_chart_lists_its_designs_and_escape_clears_it(browser: Any) -> None:
    left, top, width, height = box(browser, "[data-chart='energy'] canvas")
    total = f"{GIVEN.valid.height} of {GIVEN.valid.height} designs"
    drag(browser, (left + 0.3 * width, top + 0.25 * height), (left + 0.7 * width, top + 0.6 * height))
    wait(browser, "document.getElementById('looked').textContent.startsWith('Marked: ')")
    found = browser.execute_script("return document.querySelector('[data-chart=\"energy\"]').view.signal('brush')")
    factor, columns = 1e-12, Facts.of(GIVEN).pareto.columns
    inside = [
        row for row, (energy, accuracy) in enumerate(zip(columns["energy"], columns["accuracy"], strict=True))
        if min(found["energy_si"]) <= energy * factor <= max(found["energy_si"])
        and min(found["accuracy"]) <= accuracy <= max(found["accuracy"])
    ]  # fmt: skip
    assert 0 < len(inside) < GIVEN.valid.height
    wait(browser, f"document.getElementById('table-count').textContent.startsWith('{len(inside)} of ')")
    press(browser, "Escape")
    wait(browser, f"document.getElementById('table-count').textContent === {total!r}")
    assert told(browser, "looked") == ""


def test_a_click_on_a_point_opens_its_sheet(browser: Any) -> None:
    step = next(step for step in Facts.of(GIVEN).pareto.fronts["energy"] if step["label"] == "shg")
    box(browser, "[data-chart='energy']")
    across, up = browser.execute_script(
        """const place = document.querySelector('[data-chart="energy"]'), view = place.view;
        const { left, top } = place.querySelector('canvas').getBoundingClientRect();
        const [right, down] = view.origin(), gap = view.padding(), [x, y] = arguments;
        return [left + gap.left + right + view.scale('x')(x), top + gap.top + down + view.scale('y')(y)];""",
        step["x"], step["y"],
    )  # fmt: skip
    click_at(browser, across, up)
    wait(browser, "document.getElementById('looked').textContent.startsWith('Clicked: shg_digits on physical/shg')")
    assert told(browser, "sheet-id") == f"design {step['id']}"


def test_a_row_opens_its_sheet_from_the_keyboard(browser: Any) -> None:
    design = energies(browser)[0]
    focus(browser, "#table-box tbody button")
    press(browser, "Enter")
    assert told(browser, "sheet-id") == f"design {design}"


def test_the_table_sorts_by_mouse_and_key_and_finds(browser: Any) -> None:
    columns = Facts.of(GIVEN).pareto.columns
    rising = sorted(range(len(columns["id"])), key=lambda row: (columns["area"][row], row))
    click(browser, "th[data-name='area_mm2'] button", across=0.9)
    assert energies(browser)[:5] == [columns["id"][row] for row in rising[:5]]
    press(browser, "Enter")  # the mouse left the focus on the column's name
    falling = sorted(rising, key=lambda row: (-columns["area"][row], row))
    assert energies(browser)[:5] == [columns["id"][row] for row in falling[:5]]
    sort = "document.querySelector(\"th[data-name='area_mm2']\").getAttribute('aria-sort')"
    assert browser.execute_script(f"return {sort}") == "descending"
    focus(browser, "#table-search")
    written(browser, "MZI")
    wanted = sum("mzi" in name for name in columns["back_end"])
    assert told(browser, "table-count").startswith(f"{wanted} of ")
    browser.execute_script(
        "const find = document.getElementById('table-search'); find.value = ''; find.dispatchEvent(new Event('input'));"
    )


def test_a_menu_opens_by_key_and_escape_gives_the_focus_back(browser: Any) -> None:
    menu = "document.querySelector('details.menu')"
    focus(browser, "details.menu summary")
    press(browser, "Enter")
    assert browser.execute_script(f"return {menu}.open") is True
    press(browser, "Tab")
    assert browser.execute_script(f"return {menu}.contains(document.activeElement)")
    press(browser, "Escape")
    assert browser.execute_script(f"return [{menu}.open, document.activeElement.tagName]") == [False, "SUMMARY"]
    click(browser, "details.menu summary")
    assert browser.execute_script(f"return {menu}.open") is True
    click(browser, "h1")
    assert browser.execute_script(f"return {menu}.open") is False


CONTROLS = """
const isShut = (one) => one.closest('details:not([open]) > :not(summary)') !== null;
const isTabled = (one) => one.closest('#table-box') !== null;
return [...document.querySelectorAll('button, input, select, summary, a[href], [tabindex="0"]')]
  .filter((one) => !isTabled(one) && !isShut(one) && (one.offsetParent !== null || one.className === 'skip'))
  .map((one, place) => { one.dataset.stop = place; return place; });
"""


def test_tab_reaches_every_control_in_order_and_shows_where_it_is(browser: Any) -> None:
    wanted = browser.execute_script(CONTROLS)
    focus(browser, "a.skip")
    reached, at = [0], [None, "solid", "A"]
    for _ in range(3 * len(wanted) + 200):
        press(browser, "Tab")
        at = browser.execute_script(
            "const one = document.activeElement, style = getComputedStyle(one);"
            "return [one.dataset.stop, style.outlineStyle, one.tagName, one.outerHTML.slice(0, 120)]"
        )
        if at[2] == "BODY" or at[0] == "0":
            break
        assert at[1] != "none", at
        if at[0] is not None:
            reached.append(int(at[0]))
    assert sorted(set(reached)) == wanted
    assert reached == sorted(reached)


def test_what_changes_is_announced_politely(browser: Any) -> None:
    """The live region itself stays: only what is in it changes."""
    browser.execute_script(
        """window.heard = [];
        const live = document.getElementById('answer').closest('[aria-live]');
        const all = { childList: true, subtree: true, characterData: true };
        new MutationObserver(() => heard.push(live.textContent)).observe(live, all);"""
    )
    focus(browser, "#range-latency")
    for _ in range(3):
        press(browser, "ArrowLeft")
    press(browser, "Home")
    assert wait(browser, "heard.length")
    assert told(browser, "answer") in browser.execute_script("return heard[heard.length - 1]")


def arrived(saved: Path, name: str) -> bytes:
    """A whole downloaded file."""
    path, end = saved / name, time.monotonic() + 180
    while not path.exists() or not path.stat().st_size:
        assert time.monotonic() < end, f"{name} did not arrive; there are {[one.name for one in saved.iterdir()]}"
        time.sleep(0.05)
    return path.read_bytes()


def test_pictures_drawings_and_data_arrive_and_are_what_they_say(browser: Any, saved: Path) -> None:
    name = GIVEN.name
    for kind in ("png", "svg", "csv"):
        click(browser, "details.menu summary")
        click(browser, f"details.menu button[data-save='{kind}']")
    picture = arrived(saved, f"{name}_energy.png")
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(picture[16:20], "big") > 1000
    drawing = arrived(saved, f"{name}_energy.svg").decode()
    assert drawing.startswith("<svg") and drawing.rstrip().endswith("</svg>") and "systolic_int8" in drawing
    rows = list(csv.DictReader(io.StringIO(arrived(saved, f"{name}_energy.csv").decode())))
    steps = Facts.of(GIVEN).pareto.fronts["energy"]
    assert [row["id"] for row in rows] == [step["id"] for step in steps]
    click(browser, "#table-csv")
    rows = list(csv.DictReader(io.StringIO(arrived(saved, f"{name}_designs.csv").decode())))
    assert len(rows) == GIVEN.valid.height
    assert {row["id"] for row in rows} == set(GIVEN.valid["design_id"])
    assert [row["id"] for row in rows[:8]] == energies(browser)[:8]


def test_the_theme_changes_by_key_and_is_kept(browser: Any) -> None:
    paper, drawn = "getComputedStyle(document.body).backgroundColor", pixels(browser, "energy")
    light = browser.execute_script(f"return {paper}")
    focus(browser, "#theme")
    press(browser, " ")
    assert browser.execute_script(f"return {paper}") != light
    wait(browser, f"document.querySelector('[data-chart=\"energy\"][data-drawn] canvas')?.toDataURL() !== {drawn!r}")
    browser.refresh()
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    assert browser.execute_script(f"return {paper}") != light
    click(browser, "#theme")
    wait(browser, "!document.querySelector('[data-chart]:not([data-drawn])')")
    assert browser.execute_script(f"return {paper}") == light
