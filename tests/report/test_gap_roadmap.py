"""Laws of what would have to be true and of lifecycles on the study's page."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_rows import BASELINE, EMPTY, lever, life, study

from joulescape.report.gap import lifecycle, lifecycle_chart, overtake, overtake_chart
from joulescape.report.gap.inputs import factor_words
from joulescape.report.gap.overtake import VERDICTS, OvertakeFacts, Roadmap
from joulescape.report.gap.views import Views


def told(*rows: dict[str, Any]) -> OvertakeFacts:
    """What a study of these levers says."""
    return overtake.facts(study(overtake=list(rows)))


def roadmap(*rows: dict[str, Any]) -> Roadmap:
    """The only roadmap of these levers."""
    found = told(*rows).roadmaps
    assert len(found) == 1
    return found[0]


def test_without_levers_there_is_no_roadmap() -> None:
    found = overtake.facts(EMPTY)
    assert found.roadmaps == () and found.cases == () and found.sentence == "" and found.counts == ()
    assert overtake_chart.figures(found) == ()


@pytest.mark.parametrize("verdict", list(VERDICTS))
def test_every_verdict_has_its_mark_its_words_and_its_count(verdict: str) -> None:
    found = told(lever(verdict, needed=1.0, improvement_needed=2.0, reason="why"))
    mark, words = VERDICTS[verdict]
    assert found.counts == ((mark, words, 1),) and found.table[0]["verdict"] == words
    assert {row["verdict_text"] for row in found.rows} == (set() if verdict == "absent" else {f"{mark} {words}"})


@given(st.floats(0.01, 1e3), st.floats(1.001, 1e3), st.booleans())
@settings(max_examples=50, deadline=None)
def test_an_improvement_is_above_one_whichever_way_the_constant_gets_better(
    today: float, factor: float, is_lower: bool
) -> None:
    needed = today / factor if is_lower else today * factor
    row = lever("beyond_corner", today=today, low=today / 2, high=today * 3, needed=needed, improvement_needed=factor)
    line = told(row).rows[0]
    assert line["needed_at"] == pytest.approx(factor, rel=1e-3)
    assert (line["worst"], line["best"]) == (
        (pytest.approx(1 / 3, rel=1e-3), pytest.approx(2, rel=1e-3))
        if is_lower
        else (pytest.approx(0.5, rel=1e-3), pytest.approx(3, rel=1e-3))
    )
    assert f"({factor_words(factor)})" in line["text"] and told(row).table[0]["improvement"] == factor_words(factor)


def test_a_lever_without_a_range_or_a_needed_value_has_no_bar() -> None:
    line = told(lever("never_alone", low=None, high=None)).rows[0]
    assert line["needed_at"] is line["worst"] is line["best"] is line["near"] is None
    assert "even at its limit the machine reaches 600" in line["text"]
    half = told(lever("beyond_corner", needed=1.0, improvement_needed=2.0, high=None)).rows[0]
    assert half["needed_at"] == 2.0 and half["worst"] is None and half["near"] == half["far"] == 2.0
    zero = told(lever("beyond_corner", today=0.0, needed=1.0, improvement_needed=2.0)).rows[0]
    assert zero["worst"] is None and zero["needed_at"] == 2.0


def test_the_rivals_corners_span_the_needed_improvement() -> None:
    line = told(lever("beyond_corner", needed=1.0, improvement_needed=2.0, needed_low=0.5, needed_high=1.6)).rows[0]
    assert (line["near"], line["needed_at"], line["far"]) == (1.25, 2.0, 4.0)
    one_end = told(lever("beyond_corner", needed=1.0, improvement_needed=2.0, needed_low=0.5)).rows[0]
    assert one_end["far"] == 4.0


def test_what_cannot_be_judged_says_why() -> None:
    found = roadmap(lever("infeasible", reason="no corner is feasible"), lever("infeasible", parameters="b"))
    assert [step.sentence for step in found.never] == ["adc.energy_pj: no corner is feasible"]
    silent = told(lever("infeasible")).rows[0]
    assert silent["text"] == "no reason given"
    assert told(lever("infeasible")).sentence.endswith("By no single constant: photonic/albireo.")


def test_several_constants_together_are_told_in_parts_of_today() -> None:
    share = lever("beyond_corner", moved="all", parameters="9 values", unit="of today's", today=1.0, needed=0.1234,
                  improvement_needed=8.1)  # fmt: skip
    assert told(share).rows[0]["text"] == "0.123 of today's needed (×8.10 better)"
    ahead = {**share, "verdict": "already", "needed": 3.0, "improvement_needed": 0.33}
    assert told(ahead).rows[0]["text"] == "up to 3 of today's would do"
    assert told({**ahead, "needed": None}).rows[0]["text"] == "ahead whatever its value"


def test_machines_are_ahead_reached_or_out_of_reach_and_never_two_of_them() -> None:
    found = roadmap(
        lever("already", back_end="m/a", needed=9.0, improvement_needed=0.2),
        lever("beyond_corner", back_end="m/a", parameters="b", needed=1.0, improvement_needed=2.0),
        lever("beyond_corner", back_end="m/b", needed=0.5, improvement_needed=4.0),
        lever("within_corner", back_end="m/b", parameters="b", needed=1.0, improvement_needed=2.0),
        lever("never_alone", back_end="m/c"),
        lever("beyond_corner", back_end="m/c", moved="all", unit="of today's", needed=0.5, improvement_needed=2.0),
    )
    assert found.ahead == ("m/a",)
    assert [(step.back_end, step.verdict) for step in found.steps] == [
        ("m/b", "within today's range"), ("m/b", "beyond today's range"),
    ]  # fmt: skip
    assert [step.back_end for step in found.never] == ["m/c"] and "all costs by one factor" in found.never[0].sentence


def test_sentences_keep_the_letters_of_units_and_names() -> None:
    found = told(lever("within_corner", unit="mW", back_end="photonic/TeraLight", needed=1.0, improvement_needed=2.0))
    assert found.sentence.endswith(
        "Nearest otherwise: photonic/TeraLight, adc.energy_pj: 2 today, 1 mW needed (×2.00)."
    )
    assert found.sentence.startswith(f"n, energy per inference: against {BASELINE} at 500")


def test_why_accuracies_are_held_equal_is_said_once() -> None:
    told_of = (("a", "assumed: one network"), ("b", "assumed: one network"), ("c", None))
    rows = [lever("never_alone", parameters=name, equal_accuracy=why) for name, why in told_of]
    assert roadmap(*rows).equal_accuracy == ("assumed: one network",)
    assert roadmap(rows[2]).equal_accuracy == ()


def test_a_rival_without_a_value_is_not_named_with_one() -> None:
    assert roadmap(lever("never_alone", rival_value=None)).about == "n, energy per inference"
    assert roadmap(lever("never_alone", rival=None)).about == "n, energy per inference"
    assert told(lever("never_alone", best_reach=None)).rows[0]["text"] == "no value is enough"
    unrivalled = told(lever("never_alone", rival_value=None)).rows[0]["text"]
    assert "the rival" not in unrivalled and unrivalled.startswith("no value is enough; even at its limit")


@given(st.permutations(range(5)))
@settings(max_examples=12, deadline=None)
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    rows = [lever("beyond_corner", parameters=f"p{n}", needed=1.0 / (1 + n // 2), improvement_needed=2.0 * (1 + n // 2))
            for n in range(5)]  # fmt: skip
    assert told(*(rows[at] for at in order)) == told(*rows)
    steps = roadmap(*rows).steps
    assert [step.sentence.split(":")[0] for step in steps] == ["p0", "p1", "p2", "p3", "p4"]  # ties by name


def test_every_network_and_metric_has_its_roadmap_and_its_views() -> None:
    rows = [lever("never_alone", network=name, back_end=f"m/{machine}")
            for name, machine in itertools.product(("a", "b"), ("x", "y"))]  # fmt: skip
    found = told(*rows)
    assert [one.network for one in found.roadmaps] == ["a", "b"] and len(found.cases) == 6
    assert len({case.key for case in found.cases}) == 6
    assert found.cases[0].label == "a, energy per inference: every machine"
    assert told(*rows[:2]).cases[0].label == "every machine"
    for case in found.cases:
        places = [row["place"] for row in found.rows if row["case"] == case.key]
        assert places and places == list(range(len(places)))


def test_costs_come_before_accuracies_and_states_keep_their_lines_apart() -> None:
    spread = {"network": "a", "metric": "accuracy_fraction", "moved": "variation", "improvement_needed": 2.0}
    rows = [lever("within_corner", needed=1.0, compression=state, **spread) for state in ("none", "fixed_point 4/4")]
    found = told(*rows, lever("never_alone", network="z"))
    assert [one.metric for one in found.roadmaps] == ["inference_energy_pj", "accuracy_fraction"]
    assert {step.sentence.split(":")[0] for step in found.roadmaps[1].steps} == {
        "spread of its devices, as trained", "spread of its devices, fixed point 4/4",
    }  # fmt: skip
    whole = [row["key"] for row in found.rows if row["case"].startswith("a|accuracy_fraction|photonic")]
    assert len(whole) == len(set(whole)) == 2


def test_the_table_has_sources_units_and_dashes() -> None:
    cells = told(lever("never_alone", source=None, basis=None, today=None, low=None)).table[0]
    assert cells["source"] == cells["basis"] == cells["today"] == cells["needed"] == cells["improvement"] == "–"
    full = told(lever("beyond_corner", needed=1.2345, improvement_needed=1.62)).table[0]
    assert full["today"] == "2 (1 to 4) pJ" and full["needed"] == "1.23 pJ" and full["basis"] == "derived"


def lives(*rows: dict[str, Any]) -> lifecycle.LifecycleFacts:
    """What a study of these lifecycles says."""
    return lifecycle.facts(study(lifecycle=list(rows)))


SPLITS = (("100/0", 0.0), ("50/50", 0.5), ("10/90", 0.9))


def machine(name: str, *factors: float | None, **changed: Any) -> list[dict[str, Any]]:
    """One machine at the first splits."""
    return [life(*split, value, back_end=name, **changed) for split, value in zip(SPLITS, factors, strict=False)]


def test_without_lifecycles_nothing_is_drawn() -> None:
    found = lifecycle.facts(EMPTY)
    assert found.rows == [] and found.baseline == "–" and found.sentences == () and found.notes == {}
    assert lifecycle_chart.figures(found) == ()


def test_lifecycles_that_are_all_infeasible_leave_their_reasons() -> None:
    found = lives(*machine("m/a", None, None, reason="does not train"), *machine("m/b", None))
    assert found.rows == []
    assert found.missing == (("n on m/a", "does not train"), ("n on m/b", "infeasible, no reason given"))


def test_the_typical_corner_is_the_value_and_all_corners_its_range() -> None:
    rows = [
        life("50/50", 0.5, value, corner=corner) for corner, value in (("low", 4.0), ("typical", 2.0), ("high", 3.0))
    ]
    found = lives(*rows).rows
    assert len(found) == 1 and (found[0]["low"], found[0]["factor"], found[0]["high"]) == (2.0, 2.0, 4.0)
    assert found[0]["text"] == "×2.00 (2.00 to 4.00)"
    assert lives(rows[1]).rows[0]["text"] == "×2.00"
    assert lives(rows[0], rows[2]).rows == []  # no typical value: nothing to draw


def test_splits_stand_by_their_share_of_inference() -> None:
    rows = [
        row for pair in zip(machine("m/a", 1.0, 2.0, 3.0), machine("m/b", 3.0, 2.0, 1.0), strict=True) for row in pair
    ]
    assert lives(*rows[::-1]).splits == ("100/0", "50/50", "10/90")
    table = lives(*rows).table
    assert [cells["back_end"] for cells in table] == ["m/a", "m/b"]
    assert [list(cells["factors"].values()) for cells in table] == [
        ["×1.00", "×2.00", "×3.00"], ["×3.00", "×2.00", "×1.00"],
    ]  # fmt: skip


def test_one_that_stays_the_best_is_named_once_and_changes_are_told() -> None:
    stays = lives(*machine("m/a", 2.0, 3.0, 4.0), *machine("m/b", 1.5, 2.0, 3.0))
    assert stays.sentences == ("n: m/a saves most, ×2.00 at 100/0, ×3.00 at 50/50, ×4.00 at 10/90.",)
    turns = lives(*machine("m/a", 2.0, 3.0, 4.0), *machine("m/b", 1.5, 5.0, 6.0))
    assert turns.sentences == ("n: m/a saves most, ×2.00 at 100/0; m/b saves most, ×5.00 at 50/50, ×6.00 at 10/90.",)


def test_a_machine_that_spends_more_does_not_save() -> None:
    found = lives(*machine("m/a", 0.5, 0.25), *machine(BASELINE, 1.0, 1.0))
    assert found.sentences == ("n: none saves, nearest is m/a, ÷2.00 at 100/0.",)
    alone = lives(*machine(BASELINE, 1.0, 1.0))
    assert alone.sentences == ("n: no other machine learns as well.",)


def test_who_learns_worse_saves_nothing_and_is_noted() -> None:
    worse = machine("m/a", 9.0, 9.0, rank=None, trained_accuracy_fraction=0.8, reason="learns 0.800, not 0.949")
    found = lives(*worse, *machine("m/b", 2.0, 2.0))
    assert "m/a" not in found.sentences[0] and "m/b saves most" in found.sentences[0]
    assert found.notes == {"n": (("m/a", "learns 0.800, not 0.949"),)}
    assert {row["back_end"]: row["is_equal"] for row in found.rows} == {"m/a": False, "m/b": True}
    only = lives(*worse)
    assert only.sentences == ("n: no other machine learns as well.",)


def test_a_network_that_was_not_trained_is_said_to_have_no_accuracy() -> None:
    found = lives(*machine("m/a", 4.0, trained_accuracy_fraction=None, reason="priced and not trained"))
    assert found.sentences[0].startswith("n (accuracy not measured): m/a saves most")
    assert found.table[0]["accuracy"] == "–" and found.notes["n"] == (("m/a", "priced and not trained"),)
    assert lives(*machine("m/a", 4.0)).table[0]["accuracy"] == "95.0 %"


def test_the_baseline_compressed_is_another_design() -> None:
    rows = [*machine(BASELINE, 1.0), *machine(BASELINE, 1.9, compression="prune_density_0.5")]
    found = lives(*rows)
    assert found.networks == ("n", "n, prune density 0.5")
    assert found.sentences[1] == f"n, prune density 0.5: {BASELINE} saves most, ×1.90 at 100/0."


@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=14))
@settings(max_examples=25, deadline=None)
def test_names_and_ranges_stand_side_by_side(factors: list[float]) -> None:
    found = lives(*(row for n, value in enumerate(factors) for row in machine(f"m/{n}", value, value)))
    views = lifecycle_chart._views(found)
    rows = lifecycle_chart._spread(found, views)
    ends = sorted((row for row in rows if row["split"] == "50/50"), key=lambda row: -row["factor"])
    heights = [lifecycle_chart.HEIGHT * (1 - views.place("n", row["factor"])) + row["dy"] for row in ends]
    assert all(after - before >= lifecycle_chart.LINE - 0.11 for before, after in itertools.pairwise(heights))
    along = [row["along"] for row in rows if row["split"] == "100/0"]
    assert len(set(along)) == len(factors) and all(abs(at) <= lifecycle_chart.SPREAD / 2 for at in along)
    assert {row["edge"] for row in rows} == {1 + lifecycle_chart.SPREAD / 2}


@given(st.lists(st.one_of(st.none(), st.floats(-1.0, 0.0), st.floats(1e-300, 1e6)), max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_views_ends_hold_its_values_and_no_change(values: list[float | None]) -> None:
    views = Views.of("chosen", {"a": values, "b": []})
    for key, listed in (("a", values), ("b", [])):
        low, high = views.ends[key]
        assert low < 0.8 and high > 1.25
        for value in listed:
            if value is not None and value > 0:
                assert low <= value <= high and 0 <= views.place(key, value) <= 1
    assert views.place("a", 2.0) > views.place("a", 0.5)
    assert {param.name for param in views.params()} == {"lows", "highs", "ticks"}


def test_equal_accuracy_is_told_with_its_trainings_and_a_shortfall_once() -> None:
    about = {"equal_accuracy_fraction": 0.01, "questions": {"training": {"name": "t", "draws": 1}}}
    rows = [life("100/0", 0.0, 0.1, rank=1), life("50/50", 0.5, 0.2, rank=1)]
    found = lifecycle.facts(study(about, lifecycle=rows))
    assert "no more than 1 % of the samples, from 1 training of each design" in found.equal
    assert found.sentences[0].count("÷") == 1
    assert lifecycle.facts(study(lifecycle=rows)).equal == ""


def test_what_is_learnt_has_the_spread_of_its_trainings_and_its_area() -> None:
    more = {"trained_accuracy_fraction": 0.954, "trained_accuracy_sd_fraction": 0.004, "trainings_count": 3}
    found = lives(*machine("m/a", 2.0, area_mm2=12.345, **more), *machine("m/b", 2.0, trained_accuracy_fraction=None))
    told_of = {row["back_end"]: (row["accuracy"], row["area"]) for row in found.table}
    assert told_of == {"m/a": ("95.4 ± 0.4 %", "12.3"), "m/b": ("–", "–")}
    about = {"equal_accuracy_fraction": 0.01}
    said = lifecycle.facts(study(about, lifecycle=machine("m/a", 2.0, **more))).equal
    assert "from 3 trainings of each design" in said


def test_the_undecided_are_told_apart_from_the_equal_and_from_those_that_learn_less() -> None:
    open_ = {"rank": None, "accuracy_verdict": "undecided", "reason": "undecided: 0.93 ± 0.01 against 0.95 ± 0.00"}
    equal, less = {"accuracy_verdict": "equal"}, {"rank": None, "accuracy_verdict": "less"}
    found = lives(*machine("m/a", 9.0, **open_), *machine("m/b", 2.0, **equal), *machine("m/c", 99.0, **less))
    assert found.sentences == (
        "n: m/b saves most, ×2.00 at 100/0. Counting the undecided (m/a): m/a saves most, ×9.00 at 100/0.",
    )
    assert {row["back_end"]: row["verdict"] for row in found.table} == {
        "m/a": "undecided", "m/b": "equal", "m/c": "less",
    }  # fmt: skip
    fills = {row["back_end"]: row["filled"] for row in found.rows}
    assert fills["m/c"] == 0 < fills["m/a"] < fills["m/b"] == 1
    assert lives(*machine("m/a", 1.5, **open_), *machine("m/b", 2.0)).sentences[0].endswith(" Undecided: m/a.")
    alone = lives(*machine("m/a", 9.0, **open_)).sentences[0]
    assert alone == (
        "n: by its mean no machine learns as well. Counting the undecided (m/a): m/a saves most, ×9.00 at 100/0."
    )


def test_the_baseline_compressed_is_equal_by_its_verdict_alone() -> None:
    pressed = machine(BASELINE, 1.9, compression="pruned", rank=None, accuracy_verdict="undecided")
    found = lives(*machine(BASELINE, 1.0), *pressed)
    assert [(row["case"], row["is_equal"]) for row in found.rows] == [("n", True), ("n, pruned", False)]
    assert found.sentences[1].startswith("n, pruned: by its mean no machine learns as well. Counting the undecided")


def test_networks_that_were_trained_come_before_those_that_were_priced() -> None:
    priced = machine("m/a", 4.0, network="a", trained_accuracy_fraction=None)
    assert lives(*priced, *machine("m/a", 4.0, network="z")).networks == ("z", "a")
