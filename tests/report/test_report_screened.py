"""Screened designs: counted and explained, in the table when asked for, never on a front, in a chart or an answer."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from random_tables import random_given
from synthetic import synthetic

from joulescape.report.blob import Columns, unpacked
from joulescape.report.designs import design_columns, screened_columns, table_columns
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render
from joulescape.report.sections import headline, refused
from joulescape.report.shell import asset

NODE = shutil.which("node")


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(300)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_nothing_but_the_counts_depends_on_screened_designs(tables: Tables) -> None:
    without = dataclasses.replace(tables, trials=tables.trials.filter(pl.col("state") != "screened"))
    if without.back_ends != tables.back_ends:
        return
    one, two = Facts.of(tables), Facts.of(without)
    for section in ("training", "breakdown", "tested", "published"):
        assert getattr(one, section) == getattr(two, section), section
    bare = [tuple(dataclasses.replace(offer, why="") for offer in found.decision.offers) for found in (one, two)]
    assert bare[0] == bare[1]
    assert dataclasses.replace(one.decision, offers=()) == dataclasses.replace(two.decision, offers=())
    is_told_why = any(offer.why for offer in one.decision.offers)  # why a machine has no design may be its screening
    assert one.headline.sentence == two.headline.sentence or is_told_why
    assert one.headline.tiles[:2] == two.headline.tiles[:2]
    for name in ("columns", "rows", "fronts"):
        assert getattr(one.pareto, name) == getattr(two.pareto, name)


@given(random_given())
@settings(max_examples=30, deadline=None)
def test_a_design_is_valid_or_screened_never_both(tables: Tables) -> None:
    valid, screened = design_columns(tables)["id"], screened_columns(tables)["id"]
    assert not set(valid) & set(screened)
    assert len(screened) == Counter(tables.trials["state"])["screened"]
    more, rest = table_columns(tables), table_columns(tables, tables.screened)
    assert list(more) == list(rest), "the page joins them by name"
    assert all(len(values) == len(valid) for values in more.values())
    assert all(len(values) == len(screened) for values in rest.values())


def test_screened_designs_are_counted_explained_and_grouped(whole: Tables) -> None:
    found = refused.facts(whole)
    count = whole.screened.height
    assert count > 10
    assert next(entry for entry in found.meanings if entry[1] == "screened")[0] == count
    groups = [reason for reason in found.reasons if reason.state == "screened"]
    assert sum(reason.count for reason in groups) == count
    assert {reason.reason for reason in groups} == {
        "measured on the merged rung only",
        "measured on the closed_form rung only",
    }
    page = render(whole)
    assert f"<b>{count} screened</b>: a cheaper measurement (rung) promised too little" in page


def test_the_search_s_own_reason_comes_before_the_rung(whole: Tables) -> None:
    reason = pl.format("not promising enough on rung merged: rank {} of 24", pl.col("trial"))
    said = whole.trials.with_columns(reason=pl.when(pl.col("state") == "screened").then(reason).otherwise("reason"))
    groups = [r for r in refused.facts(dataclasses.replace(whole, trials=said)).reasons if r.state == "screened"]
    assert {group.reason for group in groups} == {"too low in its batch on the merged rung"}


def test_the_charts_say_that_they_leave_them_out(whole: Tables) -> None:
    count = whole.screened.height
    caption = Facts.of(whole).figures()["energy"].caption
    assert f"{count} screened designs have no final measurement and are not drawn." in caption
    none = dataclasses.replace(whole, trials=whole.trials.filter(pl.col("state") != "screened"))
    assert "screened" not in Facts.of(none).figures()["energy"].caption
    assert "screened" not in render(none).split("</header>")[1].split('<section id="search"')[0]


def test_a_search_that_screened_everything_says_so(whole: Tables) -> None:
    kept = whole.trials.filter(pl.col("state") == "screened")
    alone = dataclasses.replace(whole, trials=kept, front=whole.front.clear(), confirmed=whole.confirmed.clear())
    assert headline.facts(alone).sentence == f"No design is valid: {kept.height} screened of {kept.height} tried."
    assert Facts.of(alone).pareto.rows == []
    assert f"<b>{kept.height} screened</b>" in render(alone)


def test_the_page_carries_them_with_their_rung(whole: Tables) -> None:
    blob = render(whole).split('id="blob">')[1].split("<")[0]
    found = unpacked(blob)
    assert found["screened"]["id"] == whole.screened["design_id"].to_list()
    assert found["more_screened"]["fidelity"] == whole.screened["fidelity"].to_list()
    assert set(found["designs"]["id"]) == set(whole.valid["design_id"])


STUB = """
const made = () => ({ dataset: {}, children: [], style: {}, append(...more) { this.children.push(...more); },
  setAttribute() {}, contains() { return false; },
  addEventListener(name, act) { if (name !== 'focusin') this.act = act; },
  replaceChildren(...rows) { this.children = rows; },
  querySelector(name) { return (this.parts = this.parts || {})[name] || (this.parts[name] = made()); },
  scrollTop: 0, clientHeight: 100000 });
const known = {};
globalThis.document = { activeElement: null, createElement: made,
  getElementById: (id) => known[id] || (known[id] = made()) };
const [page, datasets, limits] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const table = makeTable(page, datasets), shown = () => known['table-box'].querySelector('tbody').children
  .map((row) => row.children.map((cell) => cell.textContent));
const names = known['table-box'].querySelector('thead tr').children.map((cell) => cell.dataset.name);
const found = { names, first: shown() };
const set = (id, on) => known[id].act({ target: { checked: on, value: '' } });
set('table-screened', true); found.both = shown();
table.limit(limits); set('table-within', true); found.within = shown();
set('table-within', false); set('table-front', true); found.front = shown();
console.log(JSON.stringify(found));
"""


def plain(columns: Columns) -> dict[str, Any]:
    """Columns as lists: what JSON takes."""
    return {name: values.to_list() if isinstance(values, pl.Series) else values for name, values in columns.items()}


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_table_shows_them_only_when_asked_and_never_within_limits_or_on_the_front(whole: Tables) -> None:
    page = {
        "metrics": dict(whole.axes.items()),
        "labels": {},
        "units": {},
        "plain_units": {},
        "name": "x",
        "follows": {},
        "whole_ids": True,
    }
    datasets = {
        "designs": design_columns(whole),
        "screened": screened_columns(whole),
        "more": plain(table_columns(whole)),
        "more_screened": plain(table_columns(whole, whole.screened)),
    }
    limits = {"accuracy": 0.0, "energy": None, "latency": None, "area": None, "back_ends": None}
    source = "\n".join(asset(name) for name in ("columns.js", "decide.js", "numbers.js", "table.js"))
    sent = json.dumps([page, datasets, limits])
    ran = subprocess.run([str(NODE), "-e", source + STUB], input=sent, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["names"][:5] == ["id", "back_end", "network", "front", "state"]
    state = {name: Counter(row[4] for row in found[name]) for name in ("first", "both", "within", "front")}
    assert state["first"] == {"valid": whole.valid.height}
    assert state["both"] == {"valid": whole.valid.height, "screened": whole.screened.height}
    assert state["within"] == {"valid": whole.valid.height}
    assert state["front"] == {"valid": whole.front.height}
    rung = found["names"].index("fidelity")
    assert {row[rung].split("/")[0] for row in found["both"] if row[4] == "screened"} == {"merged", "closed_form"}
