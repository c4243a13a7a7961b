"""Questions that went badly, in a real browser: each page opens, is readable, and logs no error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from synthetic import empty, synthetic
from test_report_browser import FLAGS, pytestmark, wait  # noqa: F401  # the same conditions as for any browser test

from joulescape.report.comparison.facts import compare
from joulescape.report.comparison.page import render as render_comparison
from joulescape.report.index import Entry, render_index
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.soundness import sound

BASE = synthetic(40)
HOSTILE = "</script><img src=x onerror=alert(1)>"


def without(given: Tables, *names: str) -> Tables:
    return dataclasses.replace(given, **{name: getattr(given, name).clear() for name in names})


def not_numbers(given: Tables) -> Tables:
    odd = {name: pl.lit(float("nan")) for name in ("inference_energy_pj", "area_mm2")}
    half = {name: pl.when(pl.int_range(pl.len()) % 2 == 0).then(value).otherwise(name) for name, value in odd.items()}
    kept, unsound = sound({"trials": given.trials.with_columns(**half), "parts": given.parts})
    return dataclasses.replace(given, **kept, unsound=unsound)


def renamed(given: Tables, text: str) -> Tables:
    trials = given.trials.with_columns(network=pl.lit(text), reason=pl.lit(text))
    return dataclasses.replace(given, name=text, trials=trials)


def stranger(given: Tables) -> Tables:
    return dataclasses.replace(given, trials=given.trials.with_columns(family=pl.lit("neuromorphic")))


def wide(given: Tables) -> Tables:
    cost = pl.when(pl.int_range(pl.len()) % 2 == 0).then(1e-30).otherwise(1e30)
    return dataclasses.replace(given, trials=given.trials.with_columns(inference_energy_pj=cost, area_mm2=cost))


PAGES: dict[str, Callable[[], str]] = {
    "no_feasible_design": lambda: render(empty()),
    "one_design": lambda: render(dataclasses.replace(BASE, trials=BASE.valid.head(1))),
    "not_confirmed": lambda: render(without(BASE, "confirmed", "parts", "layers", "errors", "mappings")),
    "no_history_no_published": lambda: render(without(BASE, "history", "published", "audit")),
    "not_a_number": lambda: render(not_numbers(BASE)),
    "extreme_values": lambda: render(dataclasses.replace(wide(BASE), trials=pl.concat([wide(BASE).trials] * 2))),
    "hostile_name": lambda: render(renamed(BASE, HOSTILE)),
    "unknown_family": lambda: render(stranger(BASE)),
    "nothing_at_all": lambda: render(
        dataclasses.replace(without(BASE, *tables_of(BASE)), resolved={}, references={}, networks={})
    ),
    "two_studies": lambda: render_comparison(BASE, synthetic(30, seed=2), compare(BASE, synthetic(30, seed=2))),
}


def tables_of(given: Tables) -> list[str]:
    return [field.name for field in dataclasses.fields(given) if isinstance(getattr(given, field.name), pl.DataFrame)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import shutil

    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    yield driver
    driver.quit()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_bad_input_opens_without_an_error(name: str, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES[name](), encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(path.as_uri())
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "ERROR")] == []
    assert browser.execute_script("return document.getElementById('trouble').hidden")
    assert len(browser.execute_script("return document.querySelector('h1').innerText")) > 10
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0


def test_the_list_of_questions_opens_with_a_hostile_name(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(render_index((Entry(HOSTILE, HOSTILE, "A.", "B.", ("x",), "x/report.html"),)), encoding="utf-8")
    browser.get(path.as_uri())
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert HOSTILE in browser.execute_script("return document.body.innerText")


def test_any_design_of_the_table_opens_its_sheet(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(render(BASE), encoding="utf-8")
    browser.get(path.as_uri())
    wait(browser, "document.documentElement.dataset.ready === 'yes'")
    wait(browser, "document.querySelectorAll('#table-box td button').length > 2")
    told = browser.execute_script(
        "const found = []; for (const button of document.querySelectorAll('#table-box td button')) {"
        "button.click(); const text = (id) => document.getElementById(id).textContent;"
        "found.push([button.textContent, text('sheet-id'), document.getElementById('sheet-none').hidden,"
        "text('sheet-limits'), text('sheet-explain'), text('sheet-command')]); } return found;"
    )
    confirmed = set(BASE.confirmed["design_id"])
    known = set(BASE.trials["design_id"])
    assert len(told) > 5
    for short, shown, has_parts, limits, explain, command in told:
        design = shown.removeprefix("design ")
        assert design.startswith(short) and any(name.startswith(design) for name in known)
        assert has_parts == (design in confirmed)
        assert ("of its energy in inference" in limits) == has_parts
        assert "The nearest limit of the question: Area" in limits
        assert explain.endswith(design) and command.endswith("--explain")
    assert {design for _, design, has_parts, *_ in told if has_parts}, "some of them are confirmed"
