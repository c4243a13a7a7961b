"""The page: every chart renders, hostile names stay text, the same tables give the same bytes, and it is small."""

from __future__ import annotations

import dataclasses
import json
import re

import polars as pl
import pytest
from synthetic import empty, synthetic

from joulescape.report import theme
from joulescape.report.blob import unpacked
from joulescape.report.designs import chart_rows, design_columns
from joulescape.report.figure import Figure
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render, summary
from joulescape.report.shell import VEGA_LITE, library

HOSTILE = "<img src=x onerror=alert(1)>'\"</script><!--{{7*7}}"
BLOB = re.compile(r'<script type="text/plain" id="blob">([^<]*)</script>')


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic()


@pytest.fixture(scope="module")
def page(given: Tables) -> str:
    return render(given)


@pytest.fixture(scope="module")
def figures(given: Tables) -> dict[str, Figure]:
    return Facts.of(given).figures()


CHARTS = [
    "energy",
    "latency",
    "area",
    "family_electronic",
    "family_photonic",
    "family_memristive",
    "family_physical",
    "parallel",
    "beside",
    "lifecycle",
    "training",
    "components",
    "layers",
    "schedule",
    "bounds",
    "roofline",
    "normalised",
    "tested",
    "corners",
    "parity",
    "history",
    "knob_accuracy",
    "knob_energy",
    "knob_latency",
    "knob_area",
]


def test_every_section_draws_its_charts(figures: dict[str, Figure]) -> None:
    assert list(figures) == CHARTS


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_renders(given: Tables, figures: dict[str, Figure], name: str) -> None:
    import vl_convert

    spec = figures[name].with_rows({"designs": chart_rows(design_columns(given), given), "one": [{"one": 1}]})
    spec = {**spec, "width": 500, "config": theme.vega_config("light")}
    svg = vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE)
    assert "NaN" not in svg and "undefined" not in svg
    assert svg.count("<path") > 5


def test_specs_hold_no_rows(figures: dict[str, Figure]) -> None:
    assert all("datasets" not in figure.spec() for figure in figures.values())
    assert len(json.dumps([figure.spec() for figure in figures.values()])) < 170_000


def test_every_dataset_of_a_chart_is_in_the_blob(page: str, figures: dict[str, Figure]) -> None:
    found = BLOB.search(page)
    assert found is not None
    named = set(re.findall(r'"data": ?\{"name": ?"([^"]+)"\}', json.dumps([f.spec() for f in figures.values()])))
    assert named <= set(unpacked(found[1]))


def test_the_same_tables_give_the_same_bytes(given: Tables, page: str) -> None:
    assert render(given) == page


def test_nothing_is_fetched(page: str) -> None:
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?!#|data:,)[^"'\s>]+""", page.split("<script", 1)[0]) == []
    assert "default-src 'none'" in page
    assert "@import" not in page and "url(http" not in page


def test_the_library_leaves_no_globals() -> None:
    assert library().startswith("(function () {")
    assert library().rstrip().endswith("})();")


def test_hostile_names_stay_text(given: Tables) -> None:
    def named(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
        known = [column for column in columns if column in table.columns]
        return table.with_columns(*(pl.lit(HOSTILE).alias(column) for column in known))

    names = ("network", "back_end", "what", "reason", "component", "layer", "design_id", "where")
    hostile = dataclasses.replace(
        given,
        name=HOSTILE,
        trials=named(given.trials, "network", "back_end", "reason", "design_id"),
        confirmed=named(given.confirmed, "back_end", "design_id").unique("corner"),
        parts=named(given.parts, *names),
        published=named(given.published, *names),
        resolved={**given.resolved, "notes": [HOSTILE], "spec": {**given.spec, "question": HOSTILE}},
    )
    page = render(hostile)
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert page.count("</script>") == page.count("<script") == 4


def test_a_page_without_a_valid_design_says_so_and_why() -> None:
    page = render(empty())
    assert "<h1>No design is valid.</h1>" in page and "52 infeasible, 8 failed of 60 tried." in page
    assert re.search(r"area \d+ mm2 exceeds 0.1 mm2", page)
    assert 'id="range-accuracy"' not in page


def test_a_page_before_confirm_says_so(given: Tables) -> None:
    early = dataclasses.replace(
        given,
        confirmed=given.confirmed.clear(),
        parts=given.parts.clear(),
        published=given.published.clear(),
    )
    page = render(early)
    assert "No design has been confirmed on the test split" in page
    assert "No published figure of these back ends was compared." in page
    assert 'data-chart="energy"' in page


def test_a_reader_without_scripts_sees_the_answer_and_the_fronts(given: Tables, page: str) -> None:
    assert "<noscript><svg" in page
    assert Facts.of(given).decision.answer in page
    assert 'id="decide"' in page


@pytest.mark.parametrize(("designs", "megabytes"), [(600, 0.8), (10_000, 1.5)])
def test_the_page_is_small(designs: int, megabytes: float) -> None:
    assert len(render(synthetic(designs)).encode()) < megabytes * 1e6


def test_the_library_s_licences_are_in_the_page(page: str) -> None:
    assert "University of Washington Interactive Data Lab" in page
    assert "Redistributions in binary form must reproduce" in page


def test_the_summary_says_what_the_page_says(given: Tables, page: str) -> None:
    found = summary(given)
    assert found["headline_short"] in page and found["headline_numbers"] in page
    assert found["trust"].replace("'", "&#39;") in page
    assert found["answer"] in page
    assert found["pick"] in set(given.valid["design_id"])
    assert json.loads(json.dumps(found, allow_nan=False)) == {**found, "limits": found["limits"]}
