"""A study of very many designs: what is drawn, what is kept, how much room it takes, and that both languages agree."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from dataclasses import asdict
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark_scripts import benchmark
from joulescape.report.blob import packed, unpacked
from joulescape.report.decide import COSTS, Limits, decide
from joulescape.report.designs import (
    DRAWN,
    FOLLOWS,
    LARGE,
    SHORTEST,
    design_columns,
    following,
    id_length,
    is_large,
    table_columns,
    whole_ids,
)
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import pareto
from joulescape.report.shell import asset

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
MANY = LARGE + 1000
NOT_CHARTED = {"designs", "screened", "more", "more_screened"}
BLOB = re.compile(r'id="blob">([^<]*)<')


@pytest.fixture(scope="module")
def many() -> Tables:
    found: Tables = benchmark("report_tables").study(MANY)
    return found


@pytest.fixture(scope="module")
def page(many: Tables) -> str:
    return render(many)


@pytest.fixture(scope="module")
def kept(page: str) -> dict[str, dict[str, list[Any]]]:
    """What the page holds of the designs."""
    found = BLOB.search(page)
    assert found is not None
    return unpacked(found[1])


def in_node(sources: tuple[str, ...], body: str, sent: Any) -> Any:
    text = "\n".join(asset(name) for name in sources)
    text += "\nconst given = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n" + body
    ran = subprocess.run([str(NODE), "-e", text], input=json.dumps(sent), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_the_table_of_a_study_is_like_a_search_s(many: Tables) -> None:
    assert many.valid.height == MANY
    assert {"screened", "infeasible"} < set(many.trials["state"])
    assert len(many.asked_networks) > 2 and len(many.back_ends) > 5
    assert many.front.height > 50 and many.trials["design_id"].n_unique() == many.trials.height


def test_no_chart_draws_more_than_its_share_and_the_page_says_so(many: Tables, page: str, kept: dict[str, Any]) -> None:
    columns = design_columns(many)
    assert sum(columns["drawn"]) == DRAWN == len(pareto.facts(many).rows)
    assert all(drawn for drawn, on_front in zip(columns["drawn"], columns["front"], strict=True) if on_front)
    assert {row["back_end"] for row in pareto.facts(many).rows} == {name for name, _ in many.back_ends}
    assert f"{DRAWN:,} of {MANY:,} designs drawn; filters and table use all." in page
    charted = {name: columns for name, columns in kept.items() if name not in NOT_CHARTED and "sheet" not in name}
    assert max(len(next(iter(columns.values()), ())) for columns in charted.values()) <= DRAWN


def test_the_page_keeps_every_design_and_little_else(many: Tables, page: str, kept: dict[str, Any]) -> None:
    assert len(page) < 2_000_000
    assert len(kept["designs"]["id"]) == MANY and len(kept["screened"]["id"]) == many.screened.height
    columns = design_columns(many)
    for name in ("accuracy", *COSTS, "back_end", "network", "front", "drawn"):
        assert kept["designs"][name] == columns[name]
    assert kept["more"].keys() == kept["more_screened"].keys() == table_columns(many).keys()


def test_a_small_page_keeps_names_and_figures_whole() -> None:
    few: Tables = benchmark("report_tables").study(300)
    assert not is_large(few) and id_length(few) is None and not following(few) and not whole_ids(few)
    found = BLOB.search(render(few))
    assert found is not None
    kept = unpacked(found[1])
    assert kept["designs"]["id"] == few.valid["design_id"].to_list()
    assert set(FOLLOWS) <= set(kept["more"])


def test_shortened_names_tell_every_design_apart(many: Tables, kept: dict[str, Any]) -> None:
    length = id_length(many)
    assert length is not None and length >= SHORTEST
    names = [*kept["designs"]["id"], *kept["screened"]["id"]]
    assert len(set(names)) == len(names) and {len(name) for name in names} == {length}
    whole = [*many.valid["design_id"], *many.screened["design_id"]]
    assert all(name.startswith(short) for name, short in zip(whole, names, strict=True))
    assert {*many.front["design_id"], *many.confirmed["design_id"]} == set(whole_ids(many))


def test_what_follows_from_other_columns_is_left_to_the_page_only_where_it_does(many: Tables) -> None:
    assert set(following(many)) == set(FOLLOWS) and not set(FOLLOWS) & set(table_columns(many))
    other = pl.when(pl.col("trial") == 7).then(1.5 * pl.col("tops_per_w")).otherwise(pl.col("tops_per_w"))
    odd = dataclasses.replace(many, trials=many.trials.with_columns(tops_per_w=other))
    assert "tops_per_w" not in following(odd) and "tops_per_w" in table_columns(odd)


@needs_node
def test_the_page_computes_what_follows(many: Tables, kept: dict[str, Any]) -> None:
    roles = {metric: kept["designs"][role][:400] for role, metric in many.axes.items()}
    more = {name: values[:400] for name, values in kept["more"].items()}
    body = """
    const found = withFollowing(given[0], given[1], given[2]), names = Object.keys(given[2]);
    console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, listOf(found[name])]))));"""
    rules = {name: [factor, above, list(below)] for name, (factor, above, below) in following(many).items()}
    said = in_node(("columns.js",), body, [more, roles, rules])
    for name, values in said.items():
        assert values == pytest.approx(many.valid[name].head(400).to_list(), rel=0.0055)


@needs_node
def test_both_languages_unpack_and_decide_alike_at_scale(many: Tables, kept: dict[str, Any]) -> None:
    """Over the page's own bytes: absent costs as well."""
    columns = {name: kept["designs"][name] for name in ("accuracy", *COSTS, "back_end")}
    holed = {**columns, "energy": [None if row % 11 == 3 else value for row, value in enumerate(columns["energy"])]}
    middle = {name: sorted(columns[name])[MANY // 3] for name in COSTS}
    cases = [
        Limits(accuracy=accuracy, energy=energy, area=area, back_ends=names, prefer=prefer)
        for accuracy in (None, 0.93)
        for energy, area in ((None, None), (middle["energy"], middle["area"]), (1e-9, None))
        for names in (None, ("memristive/isaac", "photonic/mzi_mesh"))
        for prefer in ("balance", "energy", "latency", "area", "accuracy")
    ]
    body = """
    globalThis.document = { getElementById: () => ({ textContent: given[0] }) };
    unpack('blob').then(({ designs }) => {
      const columns = Object.fromEntries(Object.entries(designs).map(([name, column]) => [name, listOf(column)]));
      console.log(JSON.stringify(given[1].map((limits) => decide(columns, limits))));
    });"""
    said = in_node(("decide.js", "columns.js"), body, [packed({"designs": holed}), [asdict(case) for case in cases]])
    assert said == [asdict(decide(holed, case)) for case in cases]


long = st.lists(
    st.one_of(st.none(), st.floats(-1e12, 1e12).map(lambda value: float(f"{value:.4g}"))), min_size=65, max_size=400
)
words = st.lists(st.one_of(st.none(), st.sampled_from(["a/x", "b/y", "</script>"])), min_size=65, max_size=400)


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.one_of(long, words, st.lists(st.booleans(), min_size=70)), min_size=1)
)
def test_long_columns_come_back_as_they_were(columns: dict[str, list[Any]]) -> None:
    runs = {f"{name}_runs": [value for value in values for _ in range(3)] for name, values in columns.items()}
    text = packed({"t": {**columns, **runs}}, {"later": columns})
    assert unpacked(text) == {"t": {**columns, **runs}, "later": columns}
    assert not set(text) & set("<>&'\"\\") and text.count("\n") == 1


def test_names_that_are_no_digests_come_back_too() -> None:
    names = [f"design number {row} </script>" for row in range(400)]
    mixed = [f"{row:016x}" for row in range(399)] + ["0f"]
    digests = [f"{row * 7919:016x}" for row in range(400)]
    columns = {"names": names, "mixed": mixed, "digests": digests, "none": [None] * 400}
    assert unpacked(packed({"t": columns})) == {"t": columns}


def test_not_a_number_in_a_table_is_an_absent_value() -> None:
    few: Tables = benchmark("report_tables").study(400)
    is_hit = pl.col("trial") % 5 == 2
    holed = few.trials.with_columns(
        pl.when(is_hit).then(float("nan")).otherwise(pl.col(name)).alias(name) for name in ("area_mm2", "tops_per_w")
    )
    given_tables = dataclasses.replace(few, trials=holed)
    missing = [trial % 5 == 2 for trial in few.valid["trial"]]
    kept = unpacked(packed({"d": design_columns(given_tables), "m": table_columns(given_tables)}))
    assert [value is None for value in kept["d"]["area"]] == missing
    assert [value is None for value in kept["m"]["tops_per_w"]] == missing
