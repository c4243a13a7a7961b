"""Facts of the study's page as data: trends, the gap, the bridge, what would have to be true, what is absent."""

from __future__ import annotations

import dataclasses
import itertools
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_study import BASELINE, MACHINES, NETWORKS, SERIES, made_study, nothing, without

from joulescape.gap_tables import TABLES
from joulescape.report.gap.inputs import StudyTables, factor_words, interval, quantity
from joulescape.report.gap.page import Facts
from joulescape.report.gap.placing import placed
from joulescape.report.gap.trend import Fit, trend
from joulescape.report.gap.widening import START, Growth, Widening
from joulescape.tables import make


@pytest.fixture(scope="module")
def study() -> StudyTables:
    return made_study()


@pytest.fixture(scope="module")
def facts(study: StudyTables) -> Facts:
    return Facts.of(study)


def test_series_are_parted_by_what_they_are_of(facts: Facts) -> None:
    assert [one.series for one in facts.shores.needs] == [n for n, entry in SERIES.items() if entry[0] == "networks"]
    assert [one.series for one in facts.shores.delivers] == ["density_by_year", "memory_by_year"]
    assert facts.shores.last_year == 2018


def test_every_published_point_is_drawn_with_source_and_confidence(study: StudyTables, facts: Facts) -> None:
    drawn = [point for one in (*facts.shores.needs, *facts.shores.delivers) for point in one.points]
    assert len(drawn) == study.shores.height == len(facts.sources.points)
    assert all(point["source"] and point["confidence"] in ("high", "medium", "low", "derived") for point in drawn)
    assert {point["name"] for point in drawn} == set(study.shores["name"])


def test_variants_of_the_error_share_no_line(facts: Facts) -> None:
    error = next(one for one in facts.shores.needs if one.series == "error_by_year")
    assert error.groups == ("single crop", "ensemble", "multi crop")
    assert {line["group"] for line in error.lines} == {"single crop", "ensemble"}
    told = {said.group: said for said in error.sentences}
    assert not told["multi crop"].is_fitted and "1 point" in told["multi crop"].first
    assert told["ensemble"].is_fitted and told["ensemble"].every


def test_lines_pass_through_their_fit_and_the_band_opens_outwards(study: StudyTables, facts: Facts) -> None:
    density = next(one for one in facts.shores.delivers if one.series == "density_by_year")
    row = study.fits.filter((pl.col("series") == "density_by_year") & (pl.col("group") == "asic")).to_dicts()[0]
    mine = [line for line in density.lines if line["group"] == "ASIC"]
    assert {line["part"] for line in mine} == {"covered", "beyond"}
    for line in mine:
        wanted = 10 ** (row["centre_log10_y"] + row["slope_log10"] * (line["x"] - row["centre_x"]))
        assert line["y"] == pytest.approx(wanted, rel=2e-3)
        assert line["low"] < line["y"] < line["high"]
    assert max(line["x"] for line in mine if line["part"] == "covered") == row["x_high"]
    assert max(line["x"] for line in mine) == 2023
    widths = {line["x"]: line["high"] / line["low"] for line in mine if line["part"] == "beyond"}
    assert widths[max(widths)] == max(widths.values())


def test_a_power_law_runs_over_the_logarithm(facts: Facts) -> None:
    power = next(one for one in facts.shores.needs if one.series == "operations_by_error")
    covered = [line for line in power.lines if line["part"] == "covered"]
    logs = [(math.log10(line["x"]), math.log10(line["y"])) for line in covered]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(logs)]
    assert max(slopes) - min(slopes) < 0.05 * abs(slopes[0])
    assert any(line["part"] == "before" for line in power.lines)


VAGUE = Fit("g", "first", False, 2012, 2016, 2014.0, 1.0, 0.5, 0.1, 0.5, 4.0, 0.5)


def test_a_fit_that_says_nothing_is_drawn_without_a_band(study: StudyTables) -> None:
    assert VAGUE.is_vague and not dataclasses.replace(VAGUE, slope_se=0.001, centre_se=0.01).is_vague
    assert not dataclasses.replace(VAGUE, slope=9.0).is_vague  # a growth that is told is drawn however wide its band
    wide = dataclasses.replace(study, fits=study.fits.with_columns(slope_log10=pl.lit(0.01), slope_se=pl.lit(2.0)))
    lines = trend(wide, "parameters_by_year").lines  # type: ignore[union-attr]
    assert [line["part"] for line in lines] == ["vague", "vague"] and lines[0]["low"] is None


@given(st.integers(0, 30), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_names_cover_neither_marks_nor_names_and_stay_inside(seed: int, most: int) -> None:
    spots = [((seed * 37 + 91 * place) % 500, (seed * 53 + 67 * place) % 300) for place in range(20)]
    names = [f"Name-{place * 7 % 13}" for place in range(20)]
    found = placed([(float(x), float(y)) for x, y in spots], names, (545.0, 320.0), most, [5.0] * 20)
    boxes = []
    for (x, y), name, place in zip(spots, names, found, strict=True):
        if place is None:
            continue
        half = 5.6 * len(name) / 2  # never wider than what the page reckons with
        box = (x + place.dx - half, y + place.dy - 6, x + place.dx + half, y + place.dy + 6)
        assert box[0] >= 0 and box[2] <= 545 and box[1] >= 0 and box[3] <= 320
        boxes.append(box)
    assert len(boxes) <= most
    for place, first in enumerate(boxes):
        assert not any(overlap(first, other) for other in boxes[:place])
        assert not any(overlap(first, (x - 5, y - 5, x + 5, y + 5)) for x, y in spots)


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def grown(slope: float, se: float, points: int) -> Growth:
    value = 10**slope
    return Growth("g", "s", "g", False, value, value, value, slope, se, 2010, 2018, points, 0.0, "g", True)


def test_the_gap_is_the_quotient_with_welchs_interval() -> None:
    pair = Widening.of(grown(math.log10(2), 0.05, 4), grown(math.log10(1.25), 0.02, 12))
    assert pair.value == pytest.approx(1.6)
    assert pair.low < 1.6 < pair.high and pair.low * pair.high == pytest.approx(1.6**2)
    assert pair.over(10)[0] == pytest.approx(1.6**10)
    assert pair.years(1.6**3) == pytest.approx(3)
    surer = Widening.of(grown(math.log10(2), 0.05, 40), grown(math.log10(1.25), 0.02, 40))
    assert surer.low > pair.low and surer.high < pair.high
    exact = Widening.of(grown(0.3, 0.0, 4), grown(0.1, 0.0, 4))
    assert exact.low == exact.high == exact.value
    assert Widening.of(grown(0.1, 0.01, 9), grown(0.3, 0.01, 9)).years(2.0) is None


def test_both_shores_stand_at_one_at_the_start(facts: Facts) -> None:
    at_start = [row for row in facts.gap.rows if row["year"] == START and row["part"] == "seen"]
    assert at_start and all(row["factor"] == row["low"] == row["high"] == 1.0 for row in at_start)
    assert {row["kind"] for row in facts.gap.rows} == {"needed", "delivered", "gap"}
    falling = [one for one in facts.gap.growths if one.series == "memory_by_year"]
    assert falling and all(one.label.startswith("inverse of") for one in falling)
    dram = next(one for one in falling if one.group == "dram")
    assert dram.value > 1 and dram.low < dram.value < dram.high  # energy falls: bits for an energy grow
    assert all(one.series != "error_by_year" for one in facts.gap.growths)


def test_points_of_the_gap_lie_about_their_line(facts: Facts) -> None:
    for point in facts.gap.points:
        growth = next(one for one in facts.gap.growths if one.label == point["label"])
        assert 0.2 < point["factor"] / growth.value ** (point["year"] - START) < 5


def test_the_headline_says_what_the_sections_show(facts: Facts) -> None:
    chosen = facts.gap.chosen
    assert chosen is not None
    for text in (factor_words(chosen.need.value), factor_words(chosen.delivery.value), factor_words(chosen.value)):
        assert text in facts.headline.sentence
    assert len(facts.headline.tiles) == 6
    assert facts.headline.tiles[0].value == factor_words(chosen.need.value)
    assert chosen.need.text in facts.headline.ground and chosen.delivery.text in facts.headline.ground
    for best in facts.bridge.best.values():
        assert best.text in facts.headline.answer
    assert facts.bridge.state == "as published" and "networks compressed as published" in facts.headline.answer
    most = facts.bridge.any_state
    assert most is not None and most.value >= facts.bridge.best["both"].value
    assert "years" not in facts.headline.answer  # no gap in energy is fitted: an energy is divided by no other growth
    assert {"boundary system", "batch 1"} <= set(facts.headline.scope)


def test_the_best_is_the_median_over_networks_of_each_ones_largest(study: StudyTables, facts: Facts) -> None:
    asked = (pl.col("question") == "gap_made_imagenet") & (pl.col("metric") == "inference_energy_pj")
    mine = study.factors.filter(asked & (pl.col("compression") == "reported"))
    largest = [mine.filter(pl.col("network") == name)["both"].max() for name in NETWORKS if name != "ShuffleNet"]
    best = facts.bridge.best["both"]
    assert best.networks_count == 5
    assert (best.value, best.low, best.high) == (sorted(largest)[2], min(largest), max(largest))


def test_every_family_has_a_line_below_its_network(facts: Facts) -> None:
    costs, measured = facts.bridge.questions
    assert not costs.is_measured and measured.is_measured and measured.has_losses and not costs.has_losses
    assert costs.states == ("reported", "4 bits")  # the published state opens; as trained is no compression
    shown = [row for row in costs.rows if (row["metric"], row["state"]) == ("inference_energy_pj", "reported")]
    assert len(costs.rows) == 6 * len(shown) and [row["place"] for row in shown] == list(range(len(shown)))
    heads = [row for row in shown if not row["family"]]
    assert [row["network"] for row in heads] == sorted(set(NETWORKS) - {"ShuffleNet"})
    assert all(row["compression_at"] is not None and row["machine_at"] is None for row in heads)
    lines = [row for row in shown if row["network"] == "AlexNet" and row["family"]]
    assert [row["family"] for row in lines] == ["electronic", "photonic", "memristive", "physical"]
    assert all(row["machine_low"] < row["machine_at"] < row["machine_high"] for row in lines)
    assert all(row["both_low"] < row["both_at"] < row["both_high"] for row in lines)
    assert len({row["key"] for row in shown}) == len(shown)
    assert all(cells["loss"].endswith("points") for cells in measured.table)
    assert {cells["compression"] for cells in costs.table} == {"as published", "4 bits"}


def test_where_both_are_less_than_their_parts_is_said_once_a_machine_with_why(facts: Facts) -> None:
    costs = facts.bridge.questions[0]
    energy = costs.weaker["inference_energy_pj"]
    assert len(energy) == 2 and all(said.startswith("photonic/albireo") for said in energy)  # one a state
    assert all("lasers stay on however few weights are left" in said for said in energy)
    assert all(name in energy[0] for name in ("AlexNet", "VGG-16", "MobileNetV2"))
    assert list(costs.weaker) == list(costs.metrics) and len(costs.stronger) == 12
    assert {row["state"] for row in costs.sources} == {"8 bits"}
    assert all("pessimistic" in why for _, why in costs.open_ends) and len(costs.open_ends) == 1


def test_what_could_not_be_counted_is_said(facts: Facts) -> None:
    costs = facts.bridge.questions[0]
    told = dict(costs.missing)
    assert "64 modes" in told["VGG-16 on physical/shg"]
    assert told[f"ShuffleNet on {BASELINE}"] == "no density of ShuffleNet was published"
    assert not any("pessimistic" in why for why in told.values())
    kinds = {kind.heading: dict(kind.lines) for kind in facts.missing.kinds}
    assert "1 point" in kinds["Series that were not fitted"]["error by year: multi crop"]
    assert list(kinds["Networks without a published compression"]) == ["ShuffleNet"]
    assert "VGG-16 on physical/shg" in kinds["Machines that run a network at no corner"]
    assert any("training" in what for what in kinds["Parts of the study that are not there"])


def test_a_network_that_nobody_compressed_is_said_with_why(study: StudyTables) -> None:
    row = {"question": "gap_made_imagenet", "network": "AlexNet", "compression": "reported", "is_compressed": True}
    silent = make([{**row, "state": "infeasible", "reason": "no publication was found"}], TABLES["bridge"])
    found = Facts.of(dataclasses.replace(study, bridge=pl.concat([study.bridge, silent])))
    kinds = {kind.heading: kind.lines for kind in found.missing.kinds}
    assert ("AlexNet", "no publication was found") in kinds["Networks without a published compression"]
    assert not any("None" in what for kind in kinds.values() for what, _ in kind)
    assert ("AlexNet on every machine", "no publication was found") in found.bridge.questions[0].missing


def test_the_roadmap_is_ordered_by_the_improvement_needed(facts: Facts) -> None:
    found = next(one for one in facts.overtake.roadmaps if one.network == "ResNet-50")
    assert found.ahead == ("memristive/isaac",)
    assert [step.verdict for step in found.steps] == [
        "beyond today's range", "within today's range", "beyond today's range",
    ]  # fmt: skip
    assert found.steps[0].sentence == "all of its converters: 0.9 of today's needed (×1.11 better)"
    assert "1.2 today, 1 pJ needed (×1.20)" in found.steps[1].sentence
    assert [step.back_end for step in found.never] == ["physical/shg"]
    assert found.never[0].sentence.endswith("its made system cannot hold the network")
    assert {words: count for _, words, count in facts.overtake.counts}["ahead already"] == 2
    assert "ahead already: memristive/isaac" in facts.overtake.sentence.lower()


def test_what_is_ahead_or_out_of_reach_is_not_called_needed(facts: Facts) -> None:
    told = {row["key"].split("|")[2]: row["text"] for row in facts.overtake.rows}
    assert told["isaac: cell.write_energy_pj"] == "10 today, up to 25 pJ would do"
    assert "even at its limit the machine reaches 900" in told["shg: pump.power_mw"]


def test_the_chart_opens_with_the_nearest_of_every_machine(facts: Facts) -> None:
    labels = [case.label for case in facts.overtake.cases]
    assert labels[0].startswith("AlexNet, energy per inference: every machine") and len(labels) == 8
    opening = [row for row in facts.overtake.rows if row["case"] == facts.overtake.cases[0].key]
    albireo = [row["key"].split("|")[0] for row in opening if row["back_end"] == "photonic/albireo"]
    assert albireo == ["one", "kind", "all"]
    assert {row["back_end"] for row in opening} == {row["back_end"] for row in facts.overtake.rows}
    whole = [row for row in facts.overtake.rows if row["case"] == facts.overtake.cases[1].key]
    assert len(whole) == 4 and [row["place"] for row in whole] == [0, 1, 2, 3]


def test_improvements_run_the_way_the_constant_gets_better(facts: Facts) -> None:
    rows = {row["key"].split("|")[2]: row for row in facts.overtake.rows}
    adc, laser = rows["albireo: adc.energy_pj"], rows["albireo: laser.efficiency_fraction"]
    assert (adc["worst"], adc["best"]) == (pytest.approx(0.6), pytest.approx(1.5))
    assert (laser["worst"], laser["best"]) == (pytest.approx(0.5), pytest.approx(2.0))
    assert laser["needed_at"] == pytest.approx(6.0) and adc["worst"] <= adc["needed_at"] <= adc["best"]
    assert rows["shg: pump.power_mw"]["needed_at"] is None
    assert "shg: nothing moved" in rows


def test_the_lifecycle_has_a_line_a_machine_with_its_corners(facts: Facts) -> None:
    rows = facts.lifecycle.rows
    assert {row["back_end"] for row in rows} == set(MACHINES) - {"physical/shg"}
    assert facts.lifecycle.splits == ("100/0", "50/50", "10/90")
    assert all(row["low"] <= row["factor"] <= row["high"] for row in rows)
    assert all(row["factor"] == row["low"] == row["high"] == 1.0 for row in rows if row["back_end"] == BASELINE)
    assert facts.lifecycle.missing == (("digits_lenet on physical/shg", "it does not train on the machine"),)
    assert "at 10/90" in facts.lifecycle.sentences[0]


def test_a_machine_that_learns_worse_is_hollow_and_never_the_best(study: StudyTables) -> None:
    worse = study.lifecycle.with_columns(
        rank=pl.when(pl.col("back_end") == "memristive/isaac").then(None).otherwise(pl.col("rank")),
        trained_accuracy_fraction=pl.lit(0.9),
    )
    found = Facts.of(dataclasses.replace(study, lifecycle=worse)).lifecycle
    assert {row["back_end"] for row in found.rows if not row["is_equal"]} == {"memristive/isaac"}
    assert "memristive/isaac" not in found.sentences[0]
    assert all(row["accuracy"] == "90.0 %" for row in found.table)


def test_findings_say_whether_one_contradicts_a_claim(study: StudyTables, facts: Facts) -> None:
    assert facts.findings.claim == "1 finding contradicts a common claim."
    none = dataclasses.replace(study, findings=study.findings.with_columns(contradicts=pl.lit(None, pl.String)))
    assert Facts.of(none).findings.claim.startswith("No finding contradicts")
    assert Facts.of(nothing()).findings.claim == ""


def test_sources_in_the_references_are_cited_and_others_named(facts: Facts) -> None:
    assert [one.key for one in facts.sources.citations] == ["jouppi2017", "shafiee2016"]
    assert facts.sources.unlisted == ("made in words",)
    assert [name for name, _, _ in facts.sources.files] == list(TABLES)
    items = dict(facts.sources.items)
    assert items["Digest"] == "abc123" and "joulescape gap spaces/gap_made.yaml" in items["Command"]


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_without_rows_is_said_and_its_section_draws_nothing(study: StudyTables, name: str) -> None:
    found = Facts.of(without(study, name))
    absent = {kind.heading: kind.lines for kind in found.missing.kinds}["Parts of the study that are not there"]
    assert (name, "the table has no rows") in absent
    charts = {"factors": "bridge_0", "overtake": "overtake", "lifecycle": "lifecycle", "fits": "gap"}
    if name in charts:
        assert charts[name] not in found.figures()


def test_nothing_at_all_is_said_plainly() -> None:
    found = Facts.of(nothing())
    assert not found.figures() and not found.headline.tiles
    assert "is not known" in found.headline.sentence and found.headline.question == "gap_nothing"
    assert {what for what, _ in found.missing.kinds[0].lines} >= set(TABLES)


def test_numbers_read_as_the_page_writes_them() -> None:
    assert interval(3.14, 2.0, 4.0) == "×3.14 (2.00 to 4.00)" and interval(0.5, 2.0, 0.25) == "÷2.00 (÷4.00 to 2.00)"
    assert interval(None, 1.0, 2.0) == "–" and interval(133.0, None, None) == "×133"
    assert quantity(0.164, "Top-5 error", "") == "16.4\u202f%"
    assert quantity(25.6e6, "Parameters", "") == "25.6\u202fM"
    assert quantity(0.05, "Energy per bit read", "pJ/bit") == "0.05\u202fpJ/bit"
    assert quantity(12.0, "Performance density", "GOPS/mm2") == "12\u202fGOPS/mm²"
