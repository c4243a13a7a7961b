"""Laws of growth on the study's page: fits drawn, shores joined, the headline, and numbers as they are written."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_study import made_study, without
from study_rows import EMPTY, delivered, factor, fit, point, study, unfitted

from joulescape.report.gap import bridge, headline, shores, trend_chart, widening, widening_chart
from joulescape.report.gap.inputs import (
    StudyTables,
    factor_words,
    interval,
    is_share,
    metric_words,
    plain_factor,
    quantity,
    short,
    words,
)
from joulescape.report.gap.trend import VAGUE, Fit, first_fits, trend
from joulescape.report.gap.widening import START, Widening

WORDS = {"million": 1e6, "billion": 1e9, "trillion": 1e12}


def read(text: str) -> float:
    """The factor that a text says."""
    found = re.fullmatch(r"([×÷]?)([\d.,]+)(?:\u202f(\w+))?", text)
    assert found is not None, text
    value = float(found[2].replace(",", "")) * WORDS.get(found[3] or "", 1.0)
    return 1 / value if found[1] == "÷" else value


@given(st.floats(1e-14, 1e14))
@settings(max_examples=80, deadline=None)
def test_a_factor_is_read_back_to_three_figures(value: float) -> None:
    for text in (factor_words(value), plain_factor(value)):
        assert read(text) == pytest.approx(value, rel=5.1e-3)
    assert factor_words(value)[0] == ("×" if value >= 1 else "÷")
    assert "e" not in factor_words(value)


@given(st.floats(1e-6, 1e6), st.floats(1.001, 50.0), st.floats(1.001, 50.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_interval_has_its_ends_in_order_of_size(value: float, down: float, up: float, is_turned: bool) -> None:
    ends = (value / down, value * up)
    text = interval(value, *(ends[::-1] if is_turned else ends))
    middle, rest = text.split(" (")
    low, high = rest.removesuffix(")").split(" to ")
    assert read(low) == pytest.approx(ends[0], rel=5.1e-3) and read(high) == pytest.approx(ends[1], rel=5.1e-3)
    assert read(middle) == pytest.approx(value, rel=5.1e-3)


def test_an_interval_that_nothing_moves_is_one_number() -> None:
    assert interval(1.0, 1.0, 1.0) == "×1.00"
    assert interval(2.0, None, 3.0) == interval(2.0, 1.0, None) == "×2.00"
    assert interval(None, None, None) == "–"
    assert interval(1.0, 1.0, 1.001) == "×1.00 (1.00 to 1.00)"  # something moves it, if by little


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9999, "÷1.00"), (999.6, "×1000"), (1234.0, "×1,230"), (999_600.0, "×1.00\u202fmillion"), (1.03, "×1.03"),
     (2.5e13, "×25.0\u202ftrillion"), (1 / 3.9e7, "÷39.0\u202fmillion")],
)  # fmt: skip
def test_factors_at_the_edges_of_their_words(value: float, text: str) -> None:
    assert factor_words(value).replace("1,000", "1000") == text


def test_keys_are_written_as_their_field_writes_them() -> None:
    assert words("asic_fixed_16_bits") == "ASIC fixed 16 bits"
    assert words("fast_1024_kib") == "fast 1024 KiB" and words("lpddr") == "LPDDR"
    assert words("") == "" and words("gpus") == "gpus"
    assert short("memristive/isaac") == "isaac" and short("isaac") == "isaac"
    assert metric_words("inference_energy_pj") == "energy per inference"
    assert metric_words("unheard_of") == "unheard of"


def test_quantities_have_three_figures_and_their_unit() -> None:
    assert quantity(None, "Parameters", "") == "–"
    assert quantity(9_999.0, "Operations", "") == "1e+04" or quantity(9_999.0, "Operations", "").startswith("1")
    assert quantity(1.234e9, "Operations", "OP").replace("\u202f", " ") == "1.23 G OP"
    assert quantity(0.0512, "Top-5 error", None) == "5.12\u202f%"
    assert is_share("Top-5 error", "") and not is_share("Top-5 error", "%") and not is_share(None, None)


def test_a_series_without_a_point_is_no_trend() -> None:
    assert trend(EMPTY, "parameters_by_year") is None
    only = study(fits=[fit(2.0)])
    assert shores.facts(only).needs == () and shores.figures(shores.facts(only)) == ()


def test_one_point_has_a_domain_a_name_and_a_reason() -> None:
    one = trend(study(shores=[point(6e7)], fits=[unfitted("1 point: a fit needs 3")]), "parameters_by_year")
    assert one is not None and one.lines == [] and len(one.points) == 1
    assert one.x_domain[0] < 2014 < one.x_domain[1] and one.y_domain[0] < 6e7 < one.y_domain[1]
    assert one.points[0]["wide_dx"] is not None
    assert not one.sentences[0].is_fitted and one.sentences[0].first == "1 point: a fit needs 3"
    drawn = trend_chart.chart(one)
    assert drawn.caption == "1 points, 2014 to 2014." and list(drawn.data) == ["parameters_by_year_points"]


def test_a_group_without_any_fit_says_so() -> None:
    one = trend(study(shores=[point(6e7)]), "parameters_by_year")
    assert one is not None and one.sentences[0].first == "not fitted" and not one.sentences[0].every
    silent = trend(study(shores=[point(6e7)], fits=[unfitted(None)]), "parameters_by_year")
    assert silent is not None and silent.sentences[0].first == "no reason given"


def test_axes_say_which_way_is_better() -> None:
    def titles(**changed: Any) -> tuple[str, str]:
        found = trend(study(shores=[point(1.0, **changed)]), "parameters_by_year")
        assert found is not None
        return found.x_title, found.y_title

    assert titles()[1] == "Parameters"
    assert titles(y_name="Energy per bit read", y_unit="pJ/bit")[1] == "Energy per bit read (pJ/bit, better ↓)"
    assert titles(y_name="Performance density", y_unit="GOPS/mm2")[1] == "Performance density (GOPS/mm², better ↑)"
    assert titles(x_name="Top-5 error", x=0.1)[0] == "Top-5 error (better ←)"


def test_a_power_law_whose_interval_holds_no_change_says_so() -> None:
    told = {"law": "power", "x_low": 0.05, "x_high": 0.2, "centre_x": -1.0, "sentence": "a factor of 70; 3 points."}
    shown = [point(1e9, year=2014 + n, x=0.05 * (n + 1), x_name="Top-5 error") for n in range(3)]
    for ends, is_open in (((1e-18, 1e21), True), ((60.0, 80.0), False), ((None, None), False)):
        row = {**fit(70.0, 60.0, 80.0), **told, "growth_low": ends[0], "growth_high": ends[1]}
        found = trend(study(shores=shown, fits=[row]), "parameters_by_year")
        assert found is not None and found.law == "power"
        assert found.sentences[0].first.endswith("cannot be told from no change.") is is_open
    over_years = trend(study(shores=[point(1.0)], fits=[fit(1.0, 0.5, 2.0, sentence="flat.")]), "parameters_by_year")
    assert over_years is not None and over_years.sentences[0].first == "flat."  # the study's own words say it there


def test_a_fit_without_words_is_told_by_its_numbers() -> None:
    found = trend(study(shores=[point(1.0)], fits=[fit(1.5, 1.2, 1.9)]), "parameters_by_year")
    assert found is not None
    assert found.sentences[0].first == "×1.50 (1.20 to 1.90) a year, 2010 to 2018, 9 points."


@given(st.floats(0.3, 3.0), st.floats(0.001, 0.2), st.integers(2005, 2026))
@settings(max_examples=40, deadline=None)
def test_the_band_of_a_new_point_holds_that_of_the_line(growth: float, spread: float, year: int) -> None:
    row = {**fit(growth), "slope_se": spread}
    line = Fit.of(row)
    middle, low, high = line.at(year, is_new=False)
    same, lower, higher = line.at(year, is_new=True)
    assert middle == same and lower < low < middle < high < higher
    assert low * high == pytest.approx(middle**2, rel=1e-9)
    if line.is_vague:
        assert abs(line.slope) <= line.t * line.slope_se
        ends = [line.at(x, False) for x in (line.low, line.high)]
        assert max(high / low for _, low, high in ends) > VAGUE


def test_only_first_fits_with_numbers_are_drawn() -> None:
    rows = [fit(2.0), fit(1.9, span="all"), unfitted("1 point", group="ensembles")]
    assert [one.group for one in first_fits(study(fits=rows).fits)] == ["classifiers"]
    assert first_fits(EMPTY.fits) == []


def shores_of(*fits: dict[str, object]) -> StudyTables:
    """Both shores with a point of each group that is fitted."""
    shown = []
    for row in fits:
        is_need = row["series"] == "parameters_by_year"
        about = {} if is_need else {"y_name": "Performance density", "y_unit": "GOPS/mm2"}
        shown += [point(1e7, year, series=row["series"], group=row["group"], **about) for year in (2012, 2016)]
    return study(shores=shown, fits=list(fits))


def test_without_both_shores_nothing_is_said_to_widen() -> None:
    for given_study in (EMPTY, shores_of(fit(2.0)), shores_of(delivered(1.3))):
        found = widening.facts(given_study)
        assert found.chosen is None and found.pairs == ()
        assert widening.sentence(found).endswith("is not known.") and widening.ground(found) == ""
    assert widening_chart.figures(widening.facts(EMPTY)) == ()
    assert len(widening_chart.figures(widening.facts(shores_of(fit(2.0))))) == 1  # one shore alone is still drawn


def test_a_growth_that_may_be_none_is_never_chosen() -> None:
    found = widening.facts(shores_of(fit(2.0, 0.9, 4.4, points_count=40), delivered(1.3)))
    assert found.chosen is None and len(found.pairs) == 1 and found.pairs[0].decade == "–"
    surer = fit(1.6, 1.4, 1.83, group="largest", points_count=4)
    chosen = widening.facts(shores_of(fit(2.0, 0.9, 4.4, points_count=40), surer, delivered(1.3))).chosen
    assert chosen is not None and chosen.need.group == "largest"


def test_of_growths_that_are_told_the_one_of_most_points_is_chosen_and_ties_are_settled_by_name() -> None:
    fits = [fit(2.0, group=name, points_count=count) for name, count in (("b", 9), ("a", 9), ("c", 8))]
    for order in (fits, fits[::-1]):
        chosen = widening.facts(shores_of(*order, delivered(1.3))).chosen
        assert chosen is not None and chosen.need.group == "a"


def test_needs_that_stand_still_are_named_beside_the_headline() -> None:
    found = widening.facts(shores_of(fit(2.0), fit(0.9, 0.6, 1.35, group="compact"), delivered(1.3)))
    said = widening.ground(found)
    assert (
        "Not told from standing still: parameters, compact, ÷1.11 (÷1.67 to 1.35) a year (2010 to 2018); a bridge"
        in said
    )
    assert "Parameters (memory) are held against operations (computing)" in said
    assert "9 points of 2010 to 2018" in said and "Needed: parameters of classifiers, ×2.00" in said
    sure = widening.facts(shores_of(fit(2.0), delivered(1.3)))
    assert "standing still" not in widening.ground(sure)


def test_a_gap_whose_interval_holds_one_is_not_said_to_widen() -> None:
    near = widening.facts(shores_of(fit(1.32, 1.1, 1.6), delivered(1.3, low=1.1, high=1.55)))
    assert near.chosen is not None and near.chosen.low < 1 < near.chosen.high
    assert widening.sentence(near).endswith("whether the gap widens cannot be told.")
    closing = widening.facts(shores_of(fit(1.2), delivered(1.9)))
    assert "the gap closes ÷1.58 a year" in widening.sentence(closing)
    assert closing.chosen is not None and closing.chosen.years(10.0) is None


def test_the_headline_has_the_tables_numbers_to_three_figures() -> None:
    found = widening.facts(shores_of(fit(2.05, 1.33, 3.17), delivered(1.29, low=1.19, high=1.41)))
    assert found.chosen is not None
    said = widening.sentence(found)
    assert re.search(r"grows ×2\.05 a year, what chips deliver \(.+\) ×1\.29: the gap widens ×1\.59 a year", said)
    ends = re.search(r"\(95 %: ([\d.÷]+) to ([\d.]+)\)", said)
    assert ends is not None
    assert (read(ends[1]), read(ends[2])) == (
        pytest.approx(found.chosen.low, rel=5e-3), pytest.approx(found.chosen.high, rel=5e-3),
    )  # fmt: skip
    assert len(said) < 150  # read in ten seconds


@given(st.floats(1.01, 5.0), st.floats(0.9, 4.0), st.integers(3, 40), st.integers(3, 40))
@settings(max_examples=40, deadline=None)
def test_a_drift_and_its_years_are_inverse(need: float, other: float, first: int, second: int) -> None:
    found = widening.facts(shores_of(fit(need, points_count=first), delivered(other, points_count=second)))
    pair = found.pairs[0]
    assert pair.value == pytest.approx(need / other) and pair.low < pair.value < pair.high
    turned = Widening.of(pair.delivery, pair.need)
    assert turned.value == pytest.approx(1 / pair.value) and turned.low == pytest.approx(1 / pair.high)
    years = pair.years(7.0)
    assert years is None or pair.value**years == pytest.approx(7.0)


def test_what_falls_is_turned_so_that_more_is_better() -> None:
    about = {"series": "dram_energy_by_year", "group": "lpddr"}
    shown = [point(10.0, year, y_name="Energy per bit read", y_unit="pJ/bit", **about) for year in (2012, 2016)]
    rows = study(shores=shown, fits=[fit(0.8, 0.7, 0.9, centre_log10_y=1.0, **about)])
    growth = widening.facts(rows).growths[0]
    assert growth.label == "inverse of energy per bit read, LPDDR" and growth.is_delivered
    assert (growth.value, growth.low, growth.high) == pytest.approx((1.25, 1 / 0.9, 1 / 0.7))
    assert 10**growth.slope == pytest.approx(1.25)


def test_errors_and_power_laws_are_no_growth() -> None:
    rows = [fit(0.7, series="error_by_year"), fit(0.1, law="power"), fit(2.0, span="all"), unfitted("too few")]
    found = widening.facts(study(fits=rows, shores=[point(0.1, series="error_by_year", y_name="Top-5 error")]))
    assert found.growths == () and found.left_out == ("parameters by year, classifiers: too few",)
    open_ended = {**fit(2.0), "growth_low": None}
    assert widening.facts(study(fits=[open_ended])).growths == ()


def test_points_of_the_joined_chart_leave_out_the_doubtful_and_the_old() -> None:
    rows = [point(1e7, 2012), point(1e7, 2003), point(1e7, 2015, confidence="low"), point(0.0, 2016), point(4e7, 2020)]
    found = widening.facts(study(shores=rows, fits=[fit(2.0), delivered(1.3)]))
    assert [(row["year"], row["is_later"]) for row in found.points] == [(2012, False), (2020, True)]
    lines = [row for row in found.rows if row["kind"] == "needed"]
    assert max(row["year"] for row in lines if row["part"] == "beyond") == 2020
    assert [row["year"] for row in lines if row["is_last"]] == [2018]


def test_of_a_series_two_groups_are_drawn_and_all_are_listed() -> None:
    fits = [fit(2.0 + n / 10, group=f"g{n}", points_count=9 - n) for n in range(4)]
    found = widening.facts(shores_of(*fits, delivered(1.3)))
    lines = {row["label"] for row in found.rows if row["kind"] != "gap"}
    assert lines == {"parameters, g0", "parameters, g1", "performance density, GPU"}
    assert len(found.growths) == 5


def test_the_legend_names_needs_before_deliveries() -> None:
    figure = widening_chart.figures(widening.facts(shores_of(delivered(1.3), fit(2.0))))[0]
    layers = figure.spec()["layer"]
    scale = next(layer["encoding"]["stroke"]["scale"] for layer in layers if "stroke" in layer.get("encoding", {}))
    gap = "the gap: classifiers over GPU"
    assert scale["domain"] == ["parameters, classifiers", "performance density, GPU", gap]
    legend = next(layer["encoding"]["stroke"]["legend"] for layer in layers if "stroke" in layer.get("encoding", {}))
    assert "needed: " in legend["labelExpr"] and '["parameters, classifiers"]' in legend["labelExpr"]


COMPUTED = {"series": "operations_by_year", "group": "least_error", "y_name": "Operations", "y_unit": "GOP"}
DENSE = {"series": "density_by_year", "group": "gpu", "y_name": "Performance density", "y_unit": "GOPS/mm2"}
READ = {"series": "dram_energy_by_year", "group": "ddr", "y_name": "Energy per bit read", "y_unit": "pJ/bit"}


def both_kinds(**operations: Any) -> StudyTables:
    """Computing and memory, each needed and delivered, and operations with all points as well."""
    keys = [{key: about[key] for key in ("series", "group")} for about in (COMPUTED, DENSE, READ)]
    shown = [point(1e7, year, **about) for about in ({}, COMPUTED, DENSE, READ) for year in (2012, 2016)]
    fits = [
        fit(2.0, points_count=40), fit(1.9, **{**keys[0], **operations}), delivered(1.3, **keys[1]),
        fit(0.9, **keys[2]), fit(1.6, span="all", x_high=2023.0, **keys[0]),
    ]  # fmt: skip
    return study(shores=shown, fits=fits)


def test_computing_is_held_against_computing_and_memory_against_memory() -> None:
    found = widening.facts(both_kinds())
    assert [view.key for view in found.views] == ["computing", "memory"]
    for view in found.views:
        for drift in view.drifts:
            assert drift.first.need.is_computing == drift.first.delivery.is_computing == (view.key == "computing")
    assert found.chosen is not None and found.chosen.value == pytest.approx(1.9 / 1.3)  # not the need of most points
    assert widening.sentence(found).startswith("In operations, what networks need grows ×1.90 a year")
    assert "held against operations" not in widening.ground(found)
    assert [figure.id for figure in widening_chart.figures(found)] == ["gap", "gap_memory"]


def test_all_points_are_told_beside_the_first_span() -> None:
    found = widening.facts(both_kinds())
    assert found.chosen_every is not None and found.chosen_every.value == pytest.approx(1.6 / 1.3)
    assert "With all points, until 2023 and 2018: ×1.23 (" in widening.ground(found)
    memory = next(view for view in found.views if view.key == "memory")
    assert [drift.every for drift in memory.drifts] == [None]
    open_ended = widening.facts(both_kinds(growth_low=0.9))
    assert open_ended.chosen is None and open_ended.chosen_every is None
    assert widening.sentence(open_ended).endswith("is not known.")


def test_the_distance_is_the_quotient_of_its_lines() -> None:
    found = widening.facts(both_kinds())
    lines = [row for row in found.rows if row["view"] == "computing" and row["part"] == "seen"]
    of = {kind: [row for row in lines if row["kind"] == kind] for kind in ("needed", "delivered", "gap")}
    for row in of["gap"]:
        need, delivery = (
            next(one["factor"] for one in of[side] if one["year"] == row["year"]) for side in ("needed", "delivered")
        )
        assert row["factor"] == pytest.approx(need / delivery, rel=2e-3)
        assert row["low"] <= row["factor"] <= row["high"]
    assert max(row["year"] for row in found.rows if row["kind"] == "gap" and row["part"] == "beyond") == 2018


def said_of(given_study: StudyTables) -> headline.HeadlineFacts:
    """The headline of a study."""
    shore, gap = shores.facts(given_study), widening.facts(given_study)
    return headline.facts(given_study, shore, gap, bridge.facts(given_study))


def test_a_bridge_that_costs_more_is_said_to() -> None:
    dear = said_of(study(factors=[factor(1.0, 0.5, 0.5), factor(1.0, 0.8, 0.8, network="m")]))
    assert "than the baseline ÷1.54 (÷2.00 to ÷1.25)" in dear.answer and "÷: more" in dear.answer
    assert "against electronic/systolic_int8" in dear.answer and "their range, at typical constants" in dear.answer
    assert "years" not in dear.answer and dear.ground == ""
    kind = said_of(study(factors=[factor(2.0, 3.0, 5.0)]))
    assert "both, on another machine than the baseline ×5.00" in kind.answer


def test_a_state_that_closes_more_is_told_with_its_price_on_the_baseline_too() -> None:
    rows = [factor(1.0, 0.5, 0.6), factor(2.0, 0.5, 0.8, compression="4 bits")]
    said = said_of(study(factors=rows)).answer
    assert "compression alone, on the baseline ×1.00; another machine alone ÷2.00; both, on another machine" in said
    assert "costs (nobody measured it): compression alone, on the baseline ×2.00, both, on another" in said
    assert said.endswith("than the baseline ÷1.25.")
    assert "whatever accuracy" not in said_of(study(factors=rows[:1])).answer
    years = said_of(study(factors=rows, shores=shores_of(fit(2.0)).shores.to_dicts(), fits=[fit(2.0)])).answer
    assert "years" not in years  # no delivery: no drift to count in


def test_a_study_without_factors_or_growths_says_only_that() -> None:
    found = said_of(EMPTY)
    assert found.answer == "Nothing of the bridge was worked out." and found.tiles == () and found.scope == ()
    alone = said_of(study(factors=[factor(2.0, None, None)]))
    assert alone.answer == "Nothing of the bridge was worked out."


def test_tiles_carry_the_interval_with_what_they_count() -> None:
    given_study = made_study()
    found = said_of(given_study)
    gap = widening.facts(given_study).chosen
    assert gap is not None
    for tile, growth in zip(found.tiles, (gap.need, gap.delivery), strict=False):
        assert read(tile.value) == pytest.approx(growth.value, rel=5e-3)
        assert f"(95 %: {plain_factor(growth.low)} to {plain_factor(growth.high)})" in tile.label
    # A decade's factor is never told without its ends.
    value, low, high = gap.over(10)
    assert found.tiles[2].value == f"×{plain_factor(low)} to {plain_factor(high)}"
    assert factor_words(value) in found.tiles[2].label
    assert len(said_of(without(given_study, "factors")).tiles) == 3
    assert len(said_of(without(given_study, "fits")).tiles) == 3


def joules(growth: float, **changed: Any) -> dict[str, Any]:
    """A fit of the energy of an operation, which falls."""
    return fit(1 / growth, **{"series": "energy_per_operation_by_year", "group": "gpu", **changed})


def drifting(*joule: dict[str, Any]) -> StudyTables:
    """A bridge that halves energy twice, between needs in operations and what an area, and a joule, does."""
    need = fit(2.0, series="operations_by_year")
    shown = [
        point(1.0, series=row["series"], group=row["group"]) for row in (need, delivered(1.3, points_count=12), *joule)
    ]
    told = {row["series"]: {"file": "hwlib/trends/chips.yaml"} for row in joule}
    return study(
        {"series": told},
        shores=shown,
        fits=[need, delivered(1.3, points_count=12), *joule],
        factors=[factor(1.0, 4.0, 4.0)],
    )


def test_years_of_drift_are_those_of_the_gap_in_energy_alone() -> None:
    assert "years" not in said_of(drifting()).answer
    found = said_of(drifting(joules(1.25)))
    assert found.answer.endswith("The gap in energy widens by ×4.00 in 2.9 years.")  # log 4 over log 1.6
    assert "Against what a joule does" in found.ground and "×1.60 (95 %: " in found.ground
    open_ = said_of(drifting(joules(1.25, low=0.4, high=1.6)))
    assert "years" not in open_.answer and "a year, not told from none" in open_.ground


def test_the_scope_names_at_most_eight_networks() -> None:
    rows = [{"question": "q", "network": f"n{n}", "back_end": "a/b", "state": "valid"} for n in range(11)]
    scope = said_of(study(bridge=rows)).scope
    assert scope == ("11 networks: n0, n1, n2, n3, n4, n5, n6, n7 …",)


@pytest.mark.parametrize("year", [None, 2018])
def test_the_last_year_of_the_first_fits_is_in_the_scope_where_it_is_known(year: int | None) -> None:
    about = {"spec": {"shores": {"first_span_until": year}}} if year else {}
    scope = said_of(study(about, shores=[point(1e7, 1998), point(1e8, 2021)])).scope
    assert "2 published points of 1998 to 2021" in scope
    assert ("fits see points until 2018" in scope) is (year is not None)


def test_lines_of_the_joined_chart_grow_by_their_fit() -> None:
    found = widening.facts(made_study())
    for row in (row for row in found.rows if row["kind"] != "gap"):
        growth = next(one for one in found.growths if one.label == row["label"])
        assert math.log(row["factor"]) == pytest.approx(math.log(growth.value) * (row["year"] - START), abs=2e-3)
        assert row["low"] <= row["factor"] <= row["high"]


def test_years_alone_do_not_make_a_series_of_chips() -> None:
    assert shores.is_delivered({"file": "hwlib/trends/memory_energy.yaml"}, "energy_by_year")
    assert shores.is_delivered({}, "dram_energy_by_year")
    assert not shores.is_delivered({"file": "hwlib/trends/networks.yaml"}, "parameters_by_year")
    told = dataclasses.replace(study(shores=[point(1.0, series="x")]), about={"series": {"x": {"file": "chips.yaml"}}})
    assert [one.series for one in shores.facts(told).delivers] == ["x"]


def test_a_point_tells_its_node_its_note_and_whether_a_fit_saw_it() -> None:
    found = trend(study(shores=[point(1.0, 2020, node_nm=7.0, note="peak")]), "parameters_by_year")
    assert found is not None
    row = found.points[0]
    assert row["node"] == "7\u202fnm" and row["note"] == "peak" and row["is_later"] and not row["is_fitted"]
    assert pl.DataFrame(found.points).height == 1
