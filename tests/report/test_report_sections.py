"""Every section's facts as plain data, before anything is drawn."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from scenarios import asked, cost_only, ran
from synthetic import BACK_ENDS, empty, synthetic

from joulescape import tables
from joulescape.report import theme
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import DRAWN, chart_rows, design_columns, table_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import (
    assumed,
    breakdown,
    convergence,
    decision,
    headline,
    normalised,
    pareto,
    provenance,
    published,
    refused,
    tested,
    training,
)
from joulescape.report.tally import counted_words, left_out_words


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic()


@pytest.fixture(scope="module")
def nothing() -> Tables:
    return empty()


def test_the_headline_compares_the_least_energy_of_two_families(given: Tables) -> None:
    columns = design_columns(given)
    limit = default_limit(columns)
    assert limit is not None
    within = given.valid.filter(pl.col("accuracy_fraction").round(4) >= limit)
    least = within.group_by("back_end").agg(pl.col("inference_energy_pj").min()).sort("inference_energy_pj")
    (first, low), (second, high) = least.rows()[:2]
    assert headline.facts(given).sentence == (
        f"At {100 * limit:.1f}\u202f% accuracy or more (the best minus 5 points), "
        f"{first} needs {high / low:#.2g}× less energy per inference "
        f"than {second} ({theme.show(low, 'inference_energy_pj')} against {theme.show(high, 'inference_energy_pj')}, "
        "the least of each)."
    )


def test_it_is_said_once_what_is_counted(given: Tables) -> None:
    kept = f"{given.trials.height:,} designs of {given.trials['candidate_id'].n_unique():,} candidates."
    assert counted_words(given).startswith(f"Counted here: {kept} ") and "to 80 hardware variants" in counted_words(
        given
    )
    sixteen = given.trials.with_columns(variants_count=pl.lit(16, pl.Int64))
    said = counted_words(dataclasses.replace(given, trials=sixteen))
    assert "16 hardware variants of each candidate were costed; those that another variant" in said
    alone = dataclasses.replace(given, trials=given.trials.with_columns(variants_count=pl.lit(1, pl.Int64)))
    assert counted_words(alone) == f"Counted here: {kept}"
    assert left_out_words(given) in headline.facts(given).scope
    assert (
        left_out_words(given)
        == f"{given.trials.height} designs kept of 41,000 hardware variants costed, those that no other beats"
    )
    assert left_out_words(ran(given, designs_judged_count=given.trials.height)) == ""


def test_the_scope_says_whether_the_finding_may_still_move(given: Tables) -> None:
    def said(rows: list[tuple[int, float]], **run: Any) -> str:
        table = [
            {"batch": place, "trials_told": trials, "hypervolume": volume}
            for place, (trials, volume) in enumerate(rows)
        ]
        changed = dataclasses.replace(given, history=tables.make(table, tables.HISTORY))
        found = [words for words in headline.facts(ran(changed, **run)).scope if "may still move" in words]
        return found[0] if found else ""

    assert said([(24, 1.0)]) == said([(18, 0.9), (24, 1.0)]) == "24 trials: what the finding says may still move"
    assert said([(18, 0.995), (24, 1.0)]) == said([]) == ""
    assert said([(24, 1.0)], ended="the space is exhausted") == ""


def test_the_scope_states_what_the_numbers_hold_for(given: Tables) -> None:
    scope = headline.facts(given).scope
    assert scope[:4] == ("task digits", "boundary system", "batch 1", "every machine as published")
    assert f"{given.valid.height} of {given.trials.height} designs valid" in scope
    assert "accuracy on validation, all samples, mean of 3 draws (exact machines: one run)" in scope
    exact = given.trials.with_columns(equivalence=pl.lit("exact"))
    said = headline.facts(dataclasses.replace(given, trials=exact)).scope
    assert "accuracy on validation, all samples, one run each, as every machine is exact" in said
    assert len(headline.facts(given).tiles) == 4


def test_a_headline_with_one_back_end_names_no_rival(given: Tables) -> None:
    alone = dataclasses.replace(given, trials=given.trials.filter(pl.col("back_end") == "physical/shg"))
    said = headline.facts(alone).sentence
    assert said.startswith("Only physical/shg designs are valid and reach") and "were not tried" in said
    sole = asked(alone, back_ends=["physical/shg"])
    assert headline.facts(sole).sentence.startswith("physical/shg, the only machine of this question, reaches")
    costs = headline.facts(cost_only(sole)).sentence
    assert "the only machine of this question" in costs and "least" not in costs


def test_a_headline_without_confirmed_designs_says_that_nothing_is_known_of_the_constants(given: Tables) -> None:
    assert "is not known: not confirmed" not in headline.facts(given).numbers
    bare = dataclasses.replace(given, confirmed=given.confirmed.clear())
    assert headline.facts(bare).numbers.endswith("how far their constants reach is not known: not confirmed.")


def test_a_headline_of_one_family_compares_its_back_ends(given: Tables) -> None:
    """`Only` is said where nobody else reaches the level, not where others of the family do."""
    one = given.trials.with_columns(pl.lit("photonic").alias("family"))
    alike = headline.facts(dataclasses.replace(given, trials=one)).sentence
    assert not alike.startswith("Only")
    assert alike == headline.facts(given).sentence


def test_without_a_valid_design_the_headline_counts_states(nothing: Tables) -> None:
    assert headline.facts(nothing).sentence == "No design is valid: 52 infeasible, 8 failed of 60 tried."
    none = dataclasses.replace(nothing, trials=nothing.trials.clear())
    assert headline.facts(none).sentence == "No design was tried."


def test_the_panel_opens_with_a_design_near_the_best(given: Tables) -> None:
    found = decision.facts(given)
    columns = design_columns(given)
    assert found.decision.index is not None
    assert columns["accuracy"][found.decision.index] >= max(columns["accuracy"]) - 0.0501
    assert [offer.back_end for offer in found.offers] == [name for name, _ in given.back_ends]
    assert sum(offer.count for offer in found.offers) == sum(found.decision.counts.values())
    assert {slider.role for slider in found.sliders} == {"accuracy", "energy", "latency", "area"}


def test_sliders_read_in_units_of_their_size() -> None:
    assert decision.display_unit("inference_energy_pj", 70_800.0) == (1000.0, "nJ")
    assert decision.display_unit("inference_latency_ns", 0.5) == (0.001, "ps")
    assert decision.display_unit("area_mm2", 400.0) == (1.0, "mm²")


def test_nothing_to_choose_from_is_said(nothing: Tables) -> None:
    found = decision.facts(nothing)
    assert found.decision.index is None
    assert found.answer == "No design is valid."
    assert found.sliders == ()


def test_a_front_rises_in_accuracy_with_cost_for_each_back_end(given: Tables) -> None:
    found = pareto.facts(given)
    for steps in found.fronts.values():
        for name in BACK_ENDS:
            mine = [(step["x"], step["accuracy"]) for step in steps if step["back_end"] == name]
            assert mine == sorted(mine)
            assert len({accuracy for _, accuracy in mine}) == len(mine) > 0


def test_published_points_need_an_accuracy_of_a_network_of_the_space(given: Tables) -> None:
    found = pareto.facts(given).published
    assert [(row["back_end"], row["y"]) for row in found["energy"]] == [("electronic/systolic_int8", 0.981)]
    assert found["energy"][0]["x"] == pytest.approx(3.1e-7)
    assert found["latency"] == []


def test_confirmed_points_span_two_deviations(given: Tables) -> None:
    for row in pareto.facts(given).confirmed:
        assert row["high"] - row["low"] == pytest.approx(4 * 0.005)
        assert row["draws"] == 5


def test_many_designs_are_thinned_but_the_front_is_kept() -> None:
    many = synthetic(7000)
    columns = design_columns(many)
    assert sum(columns["drawn"]) == DRAWN < len(columns["id"])
    assert all(drawn for drawn, front in zip(columns["drawn"], columns["front"], strict=True) if front)
    assert len(chart_rows(columns, many)) == DRAWN


def test_the_table_holds_every_other_known_metric_and_parameter(given: Tables) -> None:
    columns = table_columns(given)
    assert "compression.0.prune.density" in columns
    assert "accuracy_fraction" not in columns
    assert "lifecycle_energy_pj" not in columns
    assert all(len(values) == given.valid.height for values in columns.values())


def test_training_marks_nominal_steps(given: Tables) -> None:
    found = training.facts(given)
    nominal = given.valid.filter(pl.col("steps_basis") == "nominal").height
    assert found.nominal_count == nominal
    assert sum(row["steps"] == training.NOMINAL for row in found.rows) == nominal
    assert [row["back_end"] for row in found.beside] == [name for name, _ in given.back_ends]
    assert {row["trained"] == "–" for row in found.beside if row["steps"] == "nominal"} == {True}


def test_the_breakdown_adds_up_to_the_design_s_energy(given: Tables) -> None:
    found = breakdown.facts(given)
    assert list(found.designs) == [name for name, _ in given.back_ends]
    confirmed = given.confirmed.filter(pl.col("corner") == "typical")
    for name, design in found.designs.items():
        shares = [row for row in found.components if row["back_end"] == name and row["phase"] == "inference"]
        total = confirmed.filter(pl.col("design_id") == design)["inference_energy_pj"].item()
        assert sum(row["energy"] for row in shares) == pytest.approx(total * 1e-12, rel=1e-3)
        assert sum(row["share"] for row in shares) == pytest.approx(1.0, abs=1e-3)


def test_the_breakdown_shows_the_panel_s_choice_where_it_was_confirmed(given: Tables) -> None:
    columns = design_columns(given)
    chosen = decide(columns, Limits(accuracy=default_limit(columns))).best
    known = set(given.parts["design_id"])
    shown = breakdown.shown_designs(given)
    wanted = {name: columns["id"][row] for name, row in chosen.items() if columns["id"][row] in known}
    assert wanted and wanted.items() <= shown.items()


def test_normalising_keeps_what_does_not_scale(given: Tables) -> None:
    found = normalised.facts(given)
    assert found.node == "28 nm"
    ratios = {row["back_end"]: row["scaled"] / row["published"] for row in found.rows}
    assert ratios["physical/shg"] == pytest.approx(1.0)
    assert ratios["memristive/isaac"] == pytest.approx(0.7)
    assert {row["other_rules"] for row in found.rows} == {""}
    only = dataclasses.replace(given, parts=given.parts.filter(pl.col("node") == "as_published"))
    assert normalised.facts(only).node is None
    assert normalised.figures(normalised.facts(only)) == ()


def test_what_another_rule_of_scaling_says_stands_beside(given: Tables) -> None:
    by_table = given.parts.filter(pl.col("node") == "28 nm").with_columns(
        node=pl.lit("28 nm, tpuv4i"), energy_pj=pl.col("energy_pj") * 1.2
    )
    found = normalised.facts(dataclasses.replace(given, parts=pl.concat([given.parts, by_table])))
    assert found.node == "28 nm"
    rows = {row["back_end"]: row for row in found.rows}
    assert rows["memristive/isaac"]["ratio"].startswith("0.70")
    assert rows["memristive/isaac"]["other_rules"] == "0.84× by tpuv4i"


def test_optimism_is_search_minus_test_over_the_front(given: Tables) -> None:
    found = tested.facts(given)
    front = given.confirmed.filter((pl.col("corner") == "typical") & (pl.col("pick") == "front"))
    gaps = front["search_accuracy_fraction"] - front["accuracy_fraction"]
    assert found.optimism_fraction == pytest.approx(gaps.mean(), abs=1e-4)
    assert found.count == front.height
    assert all(row["energy_low"] < row["energy"] < row["energy_high"] for row in found.rows)
    assert len({row["label"] for row in found.rows}) == len(found.rows)


def test_a_confirmation_without_a_design_is_told(given: Tables) -> None:
    reason = {"state": pl.lit("infeasible"), "reason": pl.lit("area is 120 mm2")}
    bad = given.confirmed.with_columns(**reason, accuracy_fraction=pl.lit(None, pl.Float64))
    found = tested.facts(dataclasses.replace(given, confirmed=bad))
    assert found.rows == []
    assert found.failed_count == given.confirmed.height
    assert {row.reason for row in found.failed} == {"area is … mm2"}
    assert sum(len(row.designs) for row in found.failed) == given.confirmed.height


def test_misses_are_counted_among_predictions_only(given: Tables) -> None:
    found = published.facts(given)
    predicted = given.published.filter(pl.col("role") == "prediction")
    assert found.prediction_count == predicted.height == 6
    assert found.prediction_pass_count == predicted.filter(pl.col("pass")).height == 4
    assert found.expected_miss_count == 2
    assert found.unmeasured_count == 0
    late = given.published.with_columns(model=pl.lit(None, pl.Float64), error_fraction=pl.lit(None, pl.Float64))
    assert published.facts(dataclasses.replace(given, published=late)).unmeasured_count == given.published.height


def test_other_back_ends_figures_stay_out(given: Tables) -> None:
    alone = dataclasses.replace(given, trials=given.trials.filter(pl.col("back_end") == "physical/shg"))
    assert {row["back_end"] for row in published.facts(alone).table} == {"physical/shg"}


def test_reasons_that_differ_in_numbers_count_together(nothing: Tables) -> None:
    found = refused.facts(nothing)
    assert {reason.reason for reason in found.reasons} == {
        "area … mm2 exceeds … mm2",
        "SimulatorError: latency is negative",
    }
    assert sum(reason.count for reason in found.reasons) == nothing.trials.height
    assert found.reasons[0].count == max(reason.count for reason in found.reasons)


def test_names_with_digits_are_not_numbers() -> None:
    assert refused._nearest("area_mm2 must be at most 0.5", 0.32) == "the nearest has 0.660\u202fmm²"
    assert refused._nearest("accuracy_fraction must be at least 0.8", 0.25) == "the nearest has 60.0\u202f%"
    assert refused._nearest("mesh too lossy", 0.25) == refused._nearest("area_mm2 must be at most 0.5", None) == ""
    assert refused.NUMBER.sub("…", "conv1 needs 12.5 mm2, at most 1e-3") == "conv1 needs … mm2, at most …"


def test_the_search_s_verdict_follows_its_last_quarter(given: Tables) -> None:
    rising = given.history.with_columns(hypervolume=pl.col("trials_told").cast(pl.Float64))
    assert "longer search" in convergence.facts(dataclasses.replace(given, history=rising)).verdict
    flat = given.history.with_columns(hypervolume=pl.lit(2.0))
    assert "levelled off" in convergence.facts(dataclasses.replace(given, history=flat)).verdict
    none = dataclasses.replace(given, history=given.history.clear())
    assert convergence.facts(none).verdict == "Too few batches to tell."


def test_shares_by_basis_add_to_one(given: Tables) -> None:
    for row in assumed.facts(given).rows:
        assert sum(row.shares.values()) == pytest.approx(1.0)
        assert row.low is not None and row.high is not None and 0 <= row.low <= row.high <= 1


def test_shares_are_absent_without_parts(nothing: Tables) -> None:
    assert all(row.shares == {} and row.low is None for row in assumed.facts(nothing).rows)


def test_citations_are_exactly_the_models_used(given: Tables) -> None:
    found = provenance.facts(given)
    assert [citation.key for citation in found.citations] == ["jouppi2017", "shafiee2016", "shen2017"]
    assert found.unlisted == ("stillmaker2017", "wright2022")
    assert found.citations[1].text == "Shafiee, Ali and others. ISAAC: in-situ analog. ISCA. 2016"
    assert found.citations[1].bibtex.startswith("@inproceedings{shafiee2016,\n")


def test_a_part_may_name_several_sources(given: Tables) -> None:
    both = given.parts.with_columns(source=pl.lit("shen2017, murmann2024; scaled by adc bits"))
    keys = provenance.source_keys(dataclasses.replace(given, parts=both, published=given.published.clear()))
    assert keys == ["murmann2024", "shen2017", "stillmaker2017"]


def test_provenance_lists_refused_pairs_notes_and_the_question(given: Tables) -> None:
    found = provenance.facts(given)
    assert found.refused == (("shg_digits on memristive/isaac", "'shg1' is not taken"),)
    assert "boundary: system" in found.spec_yaml
    items = dict(found.items)
    assert items["Seed"] == "0"
    assert items["Versions"] == "joulescape 0.1.0, python 3.11.2, numpy 2.4.6"
    assert "Commit" not in items


def test_a_training_question_is_judged_by_training_metrics(given: Tables) -> None:
    objectives = {"trained_accuracy_fraction": "maximize", "training_energy_pj": "minimize"}
    resolved = {**given.resolved, "spec": {**given.spec, "objectives": objectives}}
    asked = dataclasses.replace(given, resolved=resolved)
    assert asked.axes.accuracy == "trained_accuracy_fraction"
    assert (asked.axes.energy, asked.axes.latency) == ("training_energy_pj", "training_time_ns")
    assert {row["family"] for row in pareto.facts(asked).rows} == {"electronic", "memristive"}
    assert "training energy" in headline.facts(asked).sentence


def test_no_section_needs_a_row(nothing: Tables) -> None:
    gone = dataclasses.replace(nothing, trials=tables.make([], tables.TRIALS), history=nothing.history.clear())
    for section in (pareto, training, breakdown, normalised, tested, published, convergence):
        assert section.figures(section.facts(gone)) == ()


def referenced(given: Tables, **accuracies: float) -> str:
    """The label of the tile of best accuracy, with these references on file."""
    known = {name: {"validation_accuracy_mean_fraction": value} for name, value in accuracies.items()}
    return headline.facts(dataclasses.replace(given, networks=known)).tiles[0].label


def test_only_networks_of_the_question_are_its_uncompressed_reference(given: Tables) -> None:
    label = referenced(given, digits_lenet=0.986, digits_resnet=0.999)
    assert label == "best accuracy on validation; uncompressed reference 98.6\u202f% (digits_lenet)"
    assert referenced(given, digits_resnet=0.999) == "best accuracy on validation"


def test_a_machine_s_own_network_is_no_uncompressed_reference(given: Tables) -> None:
    assert "98.6\u202f% (digits_lenet)" in referenced(given, digits_lenet=0.986, shg_digits=0.999)
    assert referenced(given, shg_digits=0.999) == "best accuracy on validation"
