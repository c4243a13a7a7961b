"""What the answer says of accuracy, and when a saving is worth a sentence."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from typing import Any

import polars as pl
import pytest
from synthetic import synthetic

from joulescape.report import certainty
from joulescape.report.decide import Limits, default_limit
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import decision, headline
from joulescape.report.shell import asset

NODE = shutil.which("node")
PARTS = re.compile(r"accuracy ([\d.]+)\u202f%.* on validation; (.*); [^;]*energy, [^;]*latency, [^;]*area\.$")


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic(240)


def answered(given: Tables) -> tuple[str, str]:
    """(design, answer) of the panel as it opens."""
    found = decision.facts(given)
    assert found.decision.index is not None
    return given.valid.row(found.decision.index, named=True)["design_id"], found.answer


def confirmed_as(given: Tables, design: str, **values: Any) -> Tables:
    """The same with one confirmed design, at the typical corner, of these values."""
    rows = given.confirmed.filter(pl.col("corner") == "typical").head(1)
    made = rows.with_columns(pl.lit(design).alias("design_id"), *(pl.lit(v).alias(k) for k, v in values.items()))
    return dataclasses.replace(given, confirmed=made.cast(dict(given.confirmed.schema)))


def test_a_confirmed_answer_states_both_splits(given: Tables) -> None:
    design, _ = answered(given)
    measured = {"accuracy_fraction": 0.967, "accuracy_sd_fraction": 0.0015, "accuracy_draws_count": 5}
    _, said = answered(confirmed_as(given, design, **measured))
    match = PARTS.search(said)
    assert match is not None
    assert match[2] == "96.7\u202f% ± 0.3 (2 sd) on test (n = 5)"
    row = given.valid.filter(pl.col("design_id") == design).row(0, named=True)
    assert float(match[1]) == pytest.approx(100 * row["accuracy_fraction"], abs=0.06)


@pytest.mark.parametrize("values", [{}, {"accuracy_fraction": None, "state": "failed"}])
def test_an_answer_without_a_test_accuracy_says_so(given: Tables, values: dict[str, Any]) -> None:
    design, _ = answered(given)
    _, said = answered(confirmed_as(given, design if values else "another", **values))
    match = PARTS.search(said)
    assert match is not None
    assert match[2] == "not confirmed on test"


def test_unknown_spreads_and_counts_are_left_out() -> None:
    assert certainty.accuracy_text(0.5, None, "test") == "50.0\u202f% on test"
    assert certainty.accuracy_text(0.5, 0.01, "test", 3) == "50.0\u202f% ± 2.0 (2 sd) on test (n = 3)"


def test_the_limit_on_opening_is_stated_beside_the_slider(given: Tables) -> None:
    said = decision.facts(given).opening
    assert said == "Opens at the best accuracy on validation minus 5 points."
    columns = {"accuracy": [0.9, 0.8]}
    assert default_limit(columns) == pytest.approx(0.85)
    page = render(given)
    assert page.index('id="number-accuracy"') < page.index(said) < page.index('id="number-energy"')


def near_top(given: Tables, ratio: float) -> Tables:
    """Two designs: the most accurate, and the answer, of `ratio` times less energy."""
    pair = given.valid.filter(pl.col("back_end") == "memristive/isaac").head(2)
    values = {"accuracy_fraction": [0.98, 0.97], "inference_energy_pj": [1e6 * ratio, 1e6]}
    trials = pair.with_columns(pl.Series(name, column) for name, column in values.items())
    return dataclasses.replace(given, trials=trials, confirmed=given.confirmed.clear())


@pytest.mark.parametrize(
    ("ratio", "said"), [(2.0, "cuts energy 2.0×."), (1.06, "cuts energy 1.1×."), (1.04, ""), (1.004, "")]
)
def test_a_saving_that_would_read_as_none_is_left_out(given: Tables, ratio: float, said: str) -> None:
    from joulescape.report.decide import Decision

    columns = decision.design_columns(near_top(given, ratio))
    why = decision._why(columns, Decision(index=1, counts={}, best={}, relaxations={}))
    assert why.endswith(said)
    assert bool(why) == bool(said)


def test_a_saving_is_told_against_the_machines_that_are_let_in_alone() -> None:
    from joulescape.report.decide import Decision

    columns = {"accuracy": [0.99, 0.9, 0.8], "energy": [9.0, 2.0, 1.0], "back_end": ["e/x", "m/y", "m/z"]}
    made = Decision(index=2, counts={}, best={}, relaxations={})
    assert decision._why(columns, made, Limits()) == (
        "Giving up 19.0 points against the most accurate design (e/x) cuts energy 9.0×."
    )
    assert decision._why(columns, made, Limits(back_ends=("m/y", "m/z"))) == (
        "Giving up 10.0 points against the most accurate design let in (m/y) cuts energy 2.0×."
    )
    assert decision._why(columns, made, Limits(back_ends=("m/z",))) == "It is also the most accurate design let in."


def test_the_headline_names_no_winner_by_less_than_five_percent(given: Tables) -> None:
    made = near_top(given, 1.02)
    other = pl.when(pl.col("accuracy_fraction") == 0.98).then(pl.lit("photonic/mzi_mesh")).otherwise(pl.col("back_end"))
    family = other.str.split("/").list.first()
    two = dataclasses.replace(made, trials=made.trials.with_columns(back_end=other, family=family))
    said = headline.facts(two).sentence
    assert headline.facts(two).short.startswith("No clear winner") == said.startswith("No clear winner")
    assert "about the same energy per inference" in said
    assert "×" not in said


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_writes_the_same_answer(given: Tables) -> None:
    design, _ = answered(given)
    for made in (confirmed_as(given, design), confirmed_as(given, "another")):
        _, wanted = answered(made)
        assert sentence_of_script(made) == wanted


def sentence_of_script(given: Tables) -> str:
    """What panel.js says of the answer, with as much of a document as it needs."""
    from joulescape.report import theme

    found = decision.facts(given)
    page = {
        "panel": {**decision.panel(found), "sliders": []},
        "metrics": dict(given.axes.items()),
        "units": theme.UNITS,
        "plain_units": theme.PLAIN_UNITS,
    }
    stub = """
    const element = { addEventListener() {}, options: [], value: "" };
    globalThis.document = { getElementById: () => element, querySelectorAll: () => [] };
    globalThis.location = { hash: "" };
    globalThis.addEventListener = () => {};
    const [page, columns, row] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    console.log(JSON.stringify(makePanel(page, columns, () => {}).sentence(row)));"""
    source = "\n".join(asset(name) for name in ("decide.js", "numbers.js", "certainty.js", "panel.js")) + stub
    sent = json.dumps([page, decision.design_columns(given), found.decision.index])
    ran = subprocess.run([str(NODE), "-e", source], input=sent, capture_output=True, text=True, check=True)
    said: str = json.loads(ran.stdout)
    return said
