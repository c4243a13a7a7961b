"""A question about costs alone: the page says so, finds in costs, and speaks of no accuracy that nobody measured."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from typing import Any

import polars as pl
import pytest
from drawn_pages import ordinary_page
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import assert_sound, body
from random_tables import random_given
from scenarios import ACCURACIES, asked, cost_only
from synthetic import synthetic

from joulescape.report import certainty, theme
from joulescape.report.decide import COSTS, Limits, decide, default_limit, energy_front, gains
from joulescape.report.designs import DRAWN, design_columns
from joulescape.report.inputs import ACCURACIES as JUDGED
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render, summary
from joulescape.report.sections import breakdown, decision, finding, headline, tested
from joulescape.report.shell import VEGA_LITE, asset

NODE = shutil.which("node")
EXAMPLES = settings(max_examples=30, deadline=None)
PREFERENCES = ("balance", "energy", "latency", "area")


@pytest.fixture(scope="module")
def priced() -> Tables:
    return cost_only(synthetic(240))


@pytest.fixture(scope="module")
def page(priced: Tables) -> str:
    return render(priced)


def test_only_a_question_without_any_accuracy_is_of_costs_alone(priced: Tables) -> None:
    assert priced.is_cost_only
    assert priced.rungs == ("closed_form",)
    assert not synthetic(12).is_cost_only
    assert not asked(priced, objectives={}).is_cost_only
    for name in JUDGED:
        assert not asked(priced, objectives={**priced.spec["objectives"], name: "maximize"}).is_cost_only
        assert not asked(priced, constraints={name: {"at_least": 0.9}}).is_cost_only
        known = dataclasses.replace(priced, trials=priced.trials.with_columns(pl.lit(0.5).alias(name)))
        assert not known.is_cost_only


def test_the_page_is_titled_cost_only(priced: Tables, page: str) -> None:
    assert re.search(r"<title>[^<]*\(cost only\)</title>", page)
    assert re.search(r'<b class="badge">cost only</b>', page)
    assert headline.facts(priced).sentence.startswith("Cost only")
    assert summary(priced)["cost_only"] is True
    assert_sound(page)


def test_no_sentence_speaks_of_an_accuracy_but_to_say_that_none_was_measured(page: str) -> None:
    seen = re.sub(r"<details>.*?</details>", "", page.split("</head>")[1], flags=re.S)  # published figures keep names
    words = [line.strip() for line in body(seen).splitlines() if "ccura" in line]
    assert words == [line for line in words if "was not measured" in line or "no accuracy was measured" in line]
    assert words
    for spec in json.loads(page.split('id="page">')[1].split("</script>", maxsplit=1)[0])["figures"].values():
        assert "ccuracy (" not in json.dumps(spec)


def test_an_ordinary_page_says_nothing_of_costs_alone() -> None:
    page = ordinary_page(80)
    assert "ost only" not in page
    assert "Down and to the left" not in page


def test_the_finding_is_the_least_of_the_first_cost_asked_for(priced: Tables) -> None:
    for asked_for, role in (
        ("inference_energy_pj", "energy"),
        ("inference_latency_ns", "latency"),
        ("area_mm2", "area"),
    ):
        one = asked(priced, objectives={asked_for: "minimize"})
        said = headline.facts(one)
        least = one.valid.sort(asked_for).row(0, named=True)
        assert finding.lead(one) == role
        assert least["back_end"] in said.sentence
        assert theme.LABELS[asked_for].lower() in said.sentence.lower()
        assert said.tiles[0].value == theme.show(design_least(one, role), asked_for)
    assert finding.lead(priced) == "energy"
    assert len(headline.facts(priced).tiles) == 4


def design_least(given_tables: Tables, role: str) -> float:
    found: float = min(value for value in design_columns(given_tables)[role] if value)
    return found


def test_one_back_end_alone_is_not_compared(priced: Tables) -> None:
    alone = dataclasses.replace(priced, trials=priced.trials.filter(pl.col("back_end") == "physical/shg"))
    said = headline.facts(alone).sentence
    assert said.startswith("Cost only: only physical/shg states its energy per inference: ")
    assert "were not tried; it needs " in said
    silent = pl.when(pl.col("back_end") == "physical/shg").then(pl.col("inference_energy_pj"))
    bare = dataclasses.replace(priced, trials=priced.trials.with_columns(inference_energy_pj=silent))
    said = headline.facts(bare).sentence
    assert said.startswith("Cost only: physical/shg needs the least energy per inference, ")
    assert said.endswith("; no other back end states it.")


def test_without_the_cost_nothing_is_claimed(priced: Tables) -> None:
    absent = priced.trials.with_columns(pl.lit(None, pl.Float64).alias("inference_energy_pj"))
    given_tables = dataclasses.replace(priced, trials=absent)
    assert headline.facts(given_tables).sentence == "Cost only: no design states its energy per inference."
    assert_sound(render(given_tables))


def test_charts_set_latency_against_energy_and_area(priced: Tables) -> None:
    figures = Facts.of(priced).figures()
    assert list(figures)[:2] == ["energy", "area"]
    assert not {"latency", "tested", "training"} & set(figures)
    assert figures["energy"].title == "Latency per inference against energy per inference"
    assert "Latency per inference (better ↓)" in json.dumps(figures["energy"].spec(), ensure_ascii=False)
    assert "family_physical" in figures and "corners" in figures


def test_every_chart_renders(priced: Tables) -> None:
    import vl_convert

    facts = Facts.of(priced)
    for name, drawn in facts.figures().items():
        spec = drawn.with_rows({"designs": facts.pareto.rows, "one": [{"one": 1}]})
        spec = {**spec, "width": 400, "config": theme.vega_config("light")}
        svg = vl_convert.vegalite_to_svg(json.dumps(spec, allow_nan=False), vl_version=VEGA_LITE)
        assert "NaN" not in svg and "undefined" not in svg and svg.count("<path") > 5, name


@given(random_given(), st.sampled_from(["energy", "area"]))
@EXAMPLES
def test_a_front_is_what_nobody_of_its_back_end_beats_in_both_costs(tables: Tables, cost: str) -> None:
    columns = design_columns(cost_only(tables))
    rows = range(len(columns["id"]))
    front = energy_front(columns, list(rows), cost)
    points = {row: (columns[cost][row], columns["latency"][row]) for row in rows if columns[cost][row]}
    known = {row: point for row, point in points.items() if point[1]}
    for row, point in known.items():
        beaten = any(a <= point[0] and b <= point[1] and (a, b) != point for a, b in known.values())
        twin = any(known[other] == point for other in front)
        assert (row in front) <= (not beaten)
        assert beaten or twin
    assert [points[row] for row in front] == sorted(points[row] for row in front)


@given(random_given(), st.sampled_from(PREFERENCES))
@EXAMPLES
def test_the_choice_is_of_the_least_cost_or_on_the_front(tables: Tables, prefer: Any) -> None:
    columns = design_columns(cost_only(tables))
    assert default_limit(columns) is None
    index = decide(columns, Limits(prefer=prefer)).index
    assert (index is None) == (not columns["id"])
    if index is None:
        return
    if prefer in COSTS:
        assert columns[prefer][index] == min((v for v in columns[prefer] if v is not None), default=None)
    elif any(columns["energy"][row] and columns["latency"][row] for row in range(len(columns["id"]))):
        assert index in energy_front(columns, list(range(len(columns["id"]))))


@given(random_given())
@settings(max_examples=8, deadline=None)
def test_random_pages_are_sound(tables: Tables) -> None:
    priced = cost_only(tables)
    facts = Facts.of(priced)
    facts.figures()
    assert facts.headline.sentence.startswith(("Cost only", "No design"))
    assert facts.decision.tested == {}
    assert facts.tested.optimism_fraction is None and facts.tested.loss_fractions is None
    assert all(row["test"] is None and row["spread"] for row in facts.tested.rows)
    assert not any("accuracy" in name for name in facts.pareto.columns)


def test_speed_is_the_gain_where_no_accuracy_is(priced: Tables) -> None:
    columns = design_columns(priced)
    order = sorted(range(len(columns["id"])), key=lambda row: columns["latency"][row])
    gained = gains(columns)
    assert [gained[row] for row in order] == sorted((g for g in gained if g is not None), reverse=True)
    assert gains({"accuracy": [0.5], "latency": [1.0]}) == [0.5]
    assert gains({"latency": [None, 0.1]}) == [None, 1.0]
    assert certainty.judged_by(columns, "balance") == ("latency", "energy")


def test_the_panel_offers_costs_only(priced: Tables, page: str) -> None:
    found = decision.facts(priced)
    assert [slider.role for slider in found.sliders] == list(COSTS)
    assert [value for value, _ in found.preferences] == list(PREFERENCES)
    assert 'id="range-accuracy"' not in page and 'value="accuracy"' not in page
    assert re.fullmatch(r"\S+ on \S+: \S+ energy, \S+ latency, \S+ area\.", found.answer.replace("\u202f", ""))
    assert found.opening == ""


def two(priced: Tables, latencies: list[float]) -> str:
    """Why the first of two designs is chosen over the fastest."""
    pair = priced.valid.head(2)
    values = {"inference_latency_ns": latencies, "inference_energy_pj": [1e5, 3e5]}
    trials = pair.with_columns(pl.Series(name, column) for name, column in values.items())
    columns = design_columns(dataclasses.replace(priced, trials=trials))
    return decision._why(columns, dataclasses.replace(decide(columns, Limits()), index=0))


def test_why_is_told_in_time_and_energy(priced: Tables) -> None:
    assert two(priced, [20.0, 10.0]).startswith("Taking 2.0× as long as the fastest design (")
    assert two(priced, [20.0, 10.0]).endswith("cuts energy 3.0×.")
    assert two(priced, [10.2, 10.0]).startswith("Staying within 5 % of the fastest design (")
    assert two(priced, [9.0, 10.0]) == "It is also the fastest design."


def test_many_designs_are_thinned_here_too() -> None:
    columns = design_columns(cost_only(synthetic(7000)))
    assert sum(columns["drawn"]) == DRAWN
    assert all(drawn for drawn, front in zip(columns["drawn"], columns["front"], strict=True) if front)


def test_confirmed_costs_are_shown_over_the_corners(priced: Tables) -> None:
    found = tested.facts(priced)
    assert [row["energy"] for row in found.rows if row["back_end"] == "memristive/isaac"] == sorted(
        row["energy"] for row in found.rows if row["back_end"] == "memristive/isaac"
    )
    assert [figure.id for figure in tested.figures(found)] == ["corners"]
    assert len(breakdown.shown_designs(priced)) == 4
    early = dataclasses.replace(priced, confirmed=priced.confirmed.clear(), parts=priced.parts.clear())
    assert "how far its costs reach over the corners" in render(early)


def test_a_training_question_of_costs_alone_finds_in_training_energy() -> None:
    objectives = {"training_energy_pj": "minimize", "training_time_ns": "minimize"}
    made = cost_only(synthetic(80), **objectives)
    assert (made.axes.accuracy, made.axes.energy, made.axes.latency) == (None, "training_energy_pj", "training_time_ns")
    assert "training energy" in headline.facts(made).sentence
    assert_sound(render(made))


def test_accuracies_are_null_in_this_scenario(priced: Tables) -> None:
    assert all(priced.trials[name].null_count() == priced.trials.height for name in ACCURACIES)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_chooses_and_says_as_python_does(priced: Tables) -> None:
    columns, found = design_columns(priced), decision.facts(priced)
    cases = [
        dataclasses.asdict(Limits(prefer=prefer, energy=energy, latency=latency))  # type: ignore[arg-type]
        for prefer in PREFERENCES
        for energy in (None, 3e5, 1.0)
        for latency in (None, 2e4)
    ]
    stub = """
    const element = { addEventListener() {}, options: [], value: "" };
    globalThis.document = { getElementById: () => element, querySelectorAll: () => [] };
    globalThis.location = { hash: "" };
    globalThis.addEventListener = () => {};
    const [page, columns, cases] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const panel = makePanel(page, columns, () => {}), bands = page.panel.bands;
    console.log(JSON.stringify(cases.map((limits) => {
      const made = decide(columns, limits);
      const close = tieText(columns, rivals(columns, made, bands, limits.prefer));
      return [made, made.index === null ? "" : panel.sentence(made.index), close];
    })));"""
    page = {
        "panel": {**decision.panel(found), "sliders": []},
        "metrics": dict(priced.axes.items()),
        "units": theme.UNITS,
        "plain_units": theme.PLAIN_UNITS,
    }
    source = "\n".join(asset(name) for name in ("decide.js", "numbers.js", "certainty.js", "panel.js")) + stub
    sent = json.dumps([page, columns, cases])
    ran = subprocess.run([str(NODE), "-e", source], input=sent, capture_output=True, text=True, check=True)
    for case, (made, sentence, tie) in zip(cases, json.loads(ran.stdout), strict=True):
        wanted = decide(columns, Limits(**case))
        assert made == json.loads(json.dumps(dataclasses.asdict(wanted)))
        assert sentence == ("" if wanted.index is None else decision._answer(priced, columns, wanted, {}))
        close = certainty.rivals(columns, wanted, found.bands, case["prefer"])
        assert tie == certainty.tie_text(columns, close)
