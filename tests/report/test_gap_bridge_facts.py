"""Laws of the bridge on the study's page: its lines, its states, its best, what it lacks, and where parts interact."""

from __future__ import annotations

import itertools
import statistics

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_study import METRICS, made_study
from study_rows import BASELINE, EMPTY, Row, factor, study

from joulescape.report.gap import bridge, bridge_chart
from joulescape.report.gap.inputs import StudyTables, factor_words, interval
from joulescape.report.gap.interactions import ONE, said_of
from joulescape.report.gap.states import shown, state_words


def asked(*rows: Row, **tables: list[Row]) -> bridge.Question:
    """The only question of a study with these factors."""
    found = bridge.facts(study(factors=list(rows), **tables)).questions
    assert len(found) == 1
    return found[0]


def test_a_study_without_factors_has_no_bridge() -> None:
    found = bridge.facts(EMPTY)
    assert found.questions == () and found.metric is None and found.best == {} and found.any_state is None
    assert bridge_chart.figures(found) == ()


def test_factors_that_are_all_none_leave_their_reasons() -> None:
    nothing = factor(None, None, None, reason="infeasible at every corner", interaction=None)
    found = bridge.facts(study(factors=[nothing, {**nothing, "network": "m"}]))
    only = found.questions[0]
    assert only.metrics == () and only.rows == [] and only.table == [] and only.baseline == "–"
    assert only.missing == (("n, m on memristive/isaac", "infeasible at every corner"),)
    assert found.metric is None and found.best == {} and bridge_chart.figures(found) == ()


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.01, 100.0)), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_best_is_the_median_over_networks_of_each_ones_largest(drawn: list[tuple[int, float]]) -> None:
    rows = [factor(1.0, value, value, network=f"n{at}", back_end=f"a/m{n}") for n, (at, value) in enumerate(drawn)]
    best = bridge.facts(study(factors=rows)).best["both"]
    largest = [max(value for at, value in drawn if at == network) for network in {at for at, _ in drawn}]
    assert best.networks_count == len(largest)
    assert best.value == pytest.approx(statistics.median(largest))
    assert (best.low, best.high) == (min(largest), max(largest))
    assert best.low <= best.value <= best.high


def test_the_baseline_is_no_other_machine() -> None:
    own = factor(9.0, 1.0, 9.0, back_end=BASELINE, family="electronic")
    found = bridge.facts(study(factors=[own, factor(9.0, 0.5, 2.0)])).best
    assert found["compression_alone"].value == 9.0 and found["machine_alone"].value == 0.5
    assert found["both"].value == 2.0
    alone = bridge.facts(study(factors=[own])).best  # a study of the baseline alone: compression is all there is
    assert set(alone) == {"compression_alone"}


def test_costs_alone_stand_before_measured_networks_in_the_headline() -> None:
    about = {"questions": {"measured": {"name": "small"}, "bridge": {"name": "large"}}, "spec": {"metrics": METRICS}}
    rows = [factor(1.0, 7.0, 7.0, question="small"), factor(1.0, 2.0, 2.0, question="large")]
    found = bridge.facts(study(about, factors=rows))
    assert [one.is_measured for one in found.questions] == [True, False]
    assert found.best["both"].value == 2.0 and found.baseline == BASELINE
    only = bridge.facts(study(about, factors=rows[:1]))
    assert only.best["both"].value == 7.0


def test_metrics_stand_in_the_studys_order_and_unknown_ones_last() -> None:
    rows = [factor(1.0, 2.0, 2.0, metric=name) for name in ("zeta", *METRICS[::-1], "alpha")]
    found = bridge.facts(study({"spec": {"metrics": list(METRICS)}}, factors=rows))
    assert found.questions[0].metrics == (*METRICS, "alpha", "zeta") and found.metric == METRICS[0]


def test_as_published_opens_and_others_follow_by_what_they_close() -> None:
    rows = [factor(1.0, 2.0, both, compression=state)
            for state, both in (("4 bits", 3.0), ("8 bits", 5.0), ("2 bits", 3.0), ("reported", 0.1))]  # fmt: skip
    assert asked(*rows).states == ("reported", "8 bits", "2 bits", "4 bits")  # ties by name
    assert asked(*rows[::-1]).states == asked(*rows).states
    assert asked(*rows[:2]).states == ("8 bits", "4 bits")


def test_as_trained_is_shown_only_where_a_family_stands_in_no_other_state() -> None:
    compressed, trained = factor(2.0, 3.0, 6.0), factor(1.0, 3.0, 3.0, compression="none")
    assert asked(compressed, trained).states == ("reported",)
    own = factor(1.0, 1e-8, 1e-8, compression="none", family="physical", back_end="physical/shg", network="own")
    found = asked(compressed, trained, own)
    assert found.states == ("reported", "none")
    assert ("physical/shg", "as trained") in {(row["back_end"], row["compression"]) for row in found.table}
    alone = asked(trained)
    assert alone.states == ("none",) and len(bridge_chart.figures(bridge.facts(study(factors=[trained])))) == 1


def test_states_without_a_best_are_kept_and_null_ones_are_none() -> None:
    never = factor(2.0, 3.0, 6.0, is_best_of_family=False, compression="3 bits")
    assert shown([never], ["inference_energy_pj"]) == ("3 bits",)
    assert shown([{**never, "compression": None}], ["inference_energy_pj"]) == ()
    assert state_words("reported") == "as published" and state_words("none") == "as trained"
    assert state_words("fixed_point 4/4") == "fixed point 4/4" and state_words("") == ""


def test_a_family_without_a_line_in_a_state_is_named() -> None:
    memristive = factor(2.0, 3.0, 6.0)
    lost = factor(2.0, 3.0, 6.0, back_end="photonic/albireo", family="photonic", is_best_of_family=False,
                  reason="loses 3.3 points of accuracy, more than 2")  # fmt: skip
    priced = {"question": "q", "network": "n", "back_end": "physical/shg", "family": "physical", "state": "infeasible"}
    found = asked(memristive, lost, bridge=[{**priced, "reason": "64 modes are too few"}])
    assert found.absent == (("as published", ("photonic", "physical")),)
    assert ("n (as published) on photonic/albireo", "loses 3.3 points of accuracy, more than 2") in found.open_ends
    assert ("n on physical/shg", "64 modes are too few") in found.missing
    assert asked(memristive).absent == ()


def test_compression_alone_is_the_networks_line_and_machines_stand_below() -> None:
    rows = [factor(alone, 3.0, 6.0, family=family, back_end=f"{family}/m")
            for family, alone in (("physical", 1.5), ("electronic", 2.0), ("photonic", None))]  # fmt: skip
    lines = asked(*rows).rows
    assert [row["label"].strip() for row in lines] == ["n", "electronic: m", "photonic: m", "physical: m"]
    assert lines[0]["compression_at"] == 2.0 and lines[0]["both_at"] is None
    assert all(row["compression_at"] is None and row["both_at"] == 6.0 for row in lines[1:])
    bare = asked(factor(None, 3.0, 6.0, interaction=None)).rows
    assert bare[0]["compression_at"] is None and bare[0]["compression_text"] == "–"


def test_factors_without_an_interval_are_drawn_without_one() -> None:
    lines = asked(factor(2.0, 3.0, 6.0, wide=None)).rows
    assert lines[1]["both_low"] is None and lines[1]["both_text"] == "×6.00"
    ends = bridge_chart.figures(bridge.facts(study(factors=[factor(2.0, 3.0, 6.0, wide=None)])))[0]
    assert ends.data["bridge_0"] == lines


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0), st.floats(0.01, 100.0))
@settings(max_examples=40, deadline=None)
def test_printed_factors_are_the_tables(alone: float, machine: float, both: float) -> None:
    row = factor(alone, machine, both)
    cells = asked(row).table[0]
    for kind, value in (("compression_alone", alone), ("machine_alone", machine), ("both", both)):
        assert cells[kind] == interval(value, row[f"{kind}_low"], row[f"{kind}_high"])
    assert cells["product"] == factor_words(alone * machine)
    assert cells["interaction"] == factor_words(both / (alone * machine))


def test_losses_are_points_with_their_sign_and_a_dash_where_unknown() -> None:
    rows = [factor(2.0, 3.0, 6.0, network=str(n), accuracy_loss_fraction=loss)
            for n, loss in enumerate((0.0123, -0.003, 0.0, None))]  # fmt: skip
    found = asked(*rows)
    assert [cells["loss"] for cells in found.table] == ["+1.2 points", "-0.3 points", "+0.0 points", "–"]
    assert found.has_losses and not asked(rows[3]).has_losses


def test_one_side_of_a_factor_may_be_unknown() -> None:
    only = asked(factor(None, 3.0, None, interaction=None))
    assert only.table[0]["both"] == only.table[0]["product"] == "–" and only.table[0]["machine_alone"].startswith("×3")
    assert only.weaker == {"inference_energy_pj": ()} and only.stronger == ()


@given(st.floats(0.05, 20.0))
@settings(max_examples=40, deadline=None)
def test_every_interaction_is_weaker_stronger_or_none(change: float) -> None:
    found = asked(factor(2.0, 3.0, 6.0 * change))
    weak, strong = found.weaker["inference_energy_pj"], found.stronger
    assert len(weak) + len(strong) <= 1
    if change < 0.999 / ONE:
        assert weak and f"{factor_words(change)} against the product" in weak[0]
    if change > 1.001 * ONE:
        assert strong
    if 1.001 / ONE < change < 0.999 * ONE:
        assert not weak and not strong


def test_interactions_are_gathered_by_machine_state_and_reason_the_farthest_first() -> None:
    rows = [
        factor(2.0, 3.0, 6.0 * change, network=network, back_end=back_end, why=why)
        for network, back_end, change, why in (
            ("a", "x/one", 0.8, "lasers stay on."), ("b", "x/one", 0.4, "lasers stay on."),
            ("a", "x/two", 0.3, "hosts stay on"), ("b", "x/two", 0.7, None),
        )
    ]  # fmt: skip
    said = said_of(rows)
    assert (
        len(said) == 3
        and said[0].startswith("x/two")
        and said[0].endswith("(a: both ×1.80, product ×6.00): hosts stay on.")
    )
    assert said[1].startswith("x/one, as published, energy per inference: ÷2.50 to ÷1.25 against the product (a, b;")
    assert said[1].count("lasers stay on") == 1 and said[1].endswith("on.") and not said[1].endswith("..")
    assert said[2].endswith("product ×6.00).")
    assert said_of([]) == ()


def test_reasons_are_told_once_with_all_their_networks() -> None:
    rows = [factor(None, None, None, network=name, reason="too large", interaction=None) for name in ("b", "a", "b")]
    found = asked(*rows)
    assert found.missing == (("b, a on memristive/isaac", "too large"),)
    silent = asked(factor(2.0, 3.0, 6.0), bridge=[{"question": "q", "network": "n", "state": "failed"}])
    assert silent.missing == (("n on every machine", "failed, no reason given"),)


def test_states_are_listed_with_basis_and_source() -> None:
    row = {"question": "q", "network": "n", "back_end": "x/y", "state": "valid", "compression": "reported"}
    told = {**row, "is_compressed": True, "compression_basis": "published", "compression_source": "han2016"}
    found = asked(factor(2.0, 3.0, 6.0), bridge=[told, told, {**row, "is_compressed": True, "network": "m"}, row])
    assert found.sources == [
        {"network": "m", "state": "as published", "basis": "–", "source": "–"},
        {"network": "n", "state": "as published", "basis": "published", "source": "han2016"},
    ]


def test_every_view_has_its_own_axis_that_holds_all_it_draws() -> None:
    found = bridge.facts(made_study())
    for question, figure in zip(found.questions, bridge_chart.figures(found), strict=True):
        params = {param["name"]: param["value"] for param in figure.spec()["params"] if "value" in param}
        views = list(itertools.product(question.metrics, question.states))
        assert set(params["lows"]) == {f"{metric}|{state}" for metric, state in views}
        assert (params["metric"], params["state"]) == views[0]
        for row in question.rows:
            key = f"{row['metric']}|{row['state']}"
            drawn = [row[f"{kind}_{end}"] for kind in ("machine", "both", "compression") for end in ("low", "high")]
            assert all(params["lows"][key] <= value <= params["highs"][key] for value in drawn if value is not None)
            assert params["lows"][key] < 1 < params["highs"][key]


def test_places_run_from_the_top_without_a_hole_in_every_view() -> None:
    for question in bridge.facts(made_study()).questions:
        frame = pl.DataFrame([{key: row[key] for key in ("metric", "state", "place", "key")} for row in question.rows])
        for _, view in frame.group_by("metric", "state"):
            assert sorted(view["place"]) == list(range(view.height)) and view["key"].n_unique() == view.height


@pytest.mark.parametrize("name", ["<b>x</b>", "a|b|c", "", "\u202e", "n" * 300])
def test_names_of_any_kind_keep_their_lines_apart(name: str) -> None:
    found: StudyTables = study(factors=[factor(2.0, 3.0, 6.0, network=name), factor(2.0, 3.0, 4.0, network="other")])
    question = bridge.facts(found).questions[0]
    assert len(question.rows) == 4 and len({row["key"] for row in question.rows}) == 4
    assert {cells["network"] for cells in question.table} == {name, "other"}


def test_machines_moved_to_another_node_are_named_with_the_rule_and_its_caveat() -> None:
    told = {"name": "q", "node": 28, "scaling_rule": "stillmaker", "scaled": {"memristive/isaac": 32}}
    rows = [factor(1.0, 2.0, 2.0, question="q")]
    (asked,) = bridge.facts(study({"questions": {"bridge": told}}, factors=rows)).questions
    assert "to 28 nm by the rule of stillmaker" in asked.scaled and "isaac (32 nm)" in asked.scaled
    assert "Memories follow such a rule badly" in asked.scaled
    (still,) = bridge.facts(study({"questions": {"bridge": {**told, "scaled": {}}}}, factors=rows)).questions
    assert still.scaled == ""


def test_areas_stand_beside_factors_as_nothing_holds_them_equal() -> None:
    bill = {"question": "q", "network": "n", "corner": "typical", "state": "valid"}
    areas = [
        {**bill, "back_end": "memristive/isaac", "compression": "reported", "area_mm2": 450.0},
        {**bill, "back_end": "electronic/systolic_int8", "compression": "none", "area_mm2": 0.9},
    ]
    assert asked(factor(1.0, 2.0, 2.0), bridge=areas).table[0]["area"] == "450 mm² (×500)"
    assert asked(factor(1.0, 2.0, 2.0), bridge=areas[:1]).table[0]["area"] == "–"
