"""Sentences with numbers: what they say follows from the tables, and what cannot be said is left out."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from scipy import stats

from joulescape import gap_tables, tables
from joulescape.gap import findings, shore_findings, shores
from joulescape.gap.in_words import number, times
from joulescape.resolve.references import reference_keys, references_path
from joulescape.resolve.study import Study
from joulescape.resolve.trends import load_trend
from joulescape.spec.study import StudySpec

ROOT = Path(__file__).resolve().parents[2]
EMPTY = {name: tables.make([], schema) for name, schema in gap_tables.TABLES.items() if name != "findings"}


def fit(series, group, slope, se=0.01, count=12, **more):
    """A row of fits.parquet of the first span."""
    t = float(stats.t.ppf(0.975, count - 2))
    row = {
        "series": series, "group": group, "span": "first", "law": "exponential", "points_count": count,
        "x_low": 2010, "x_high": 2018, "centre_x": 2014.0, "centre_log10_y": 1.0, "centre_se": 0.02,
        "slope_log10": slope, "slope_se": se, "t_factor": t, "residual_sd_log10": 0.1, "growth_factor": 10**slope,
        "growth_low": 10 ** (slope - t * se), "growth_high": 10 ** (slope + t * se), "later_count": 3,
        "later_inside_count": 3, "later_above_count": 0, "later_below_count": 0,
    }  # fmt: skip
    return {**row, **more}


def given(*fits, shores=()):
    made = {"fits": tables.make(fits, gap_tables.FITS), "shores": tables.make(shores, gap_tables.SHORES)}
    return {**EMPTY, **made}


NEED = fit("parameters_by_year", "review", 0.3, se=0.03, count=7)
CHIP = fit("performance_density_by_year", "gpu_float32", 0.1, se=0.02)


@pytest.mark.parametrize("find", shore_findings.FINDINGS)
def test_nothing_is_said_without_its_fits(find):
    assert find(EMPTY) is None


def test_the_gap_widens_by_the_quotient_of_the_growths():
    found = shore_findings.widening_gap(given(NEED, CHIP))
    variances = (0.03**2, 5), (0.02**2, 10)
    total = sum(part for part, _ in variances)
    freedom = total**2 / sum(part**2 / degrees for part, degrees in variances)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(total)
    assert f"by {times(10**0.2)} a year" in found.sentence
    assert f"95 %: {times(10 ** (0.2 - half))} to {times(10 ** (0.2 + half))}" in found.sentence
    assert "7 and 12 points" in found.uncertainty
    assert found.contradicts is None


def test_density_that_goes_on_does_not_bear_the_stall_out_and_contradicts_nobody():
    going = shore_findings.density_goes_on(given(CHIP))
    assert "stalls (xu2018" in going.sentence and "not borne out" in going.sentence and going.contradicts is None
    behind = shore_findings.density_goes_on(given({**CHIP, "later_inside_count": 1, "later_below_count": 2}))
    assert "borne out" not in behind.sentence
    assert "1 lie inside the prediction, 2 below it" in behind.sentence
    flat = fit("performance_density_by_year", "gpu_float32", 0.01, se=0.02)
    assert "borne out" not in shore_findings.density_goes_on(given(flat)).sentence
    assert shore_findings.density_goes_on(given({**CHIP, "later_count": 0})) is None


def test_classifiers_that_grow_contradict_nobody():
    flat = fit("parameters_by_year", "classifiers", -0.05, se=0.05, count=20)
    found = shore_findings.classifiers_do_not_grow(given(NEED, flat))
    assert "did not grow in a way that can be told from none" in found.sentence
    assert "exponentially" in found.contradicts
    growing = fit("parameters_by_year", "classifiers", 0.2, se=0.02, count=20)
    found = shore_findings.classifiers_do_not_grow(given(NEED, growing))
    assert found.contradicts is None
    assert "grew" in found.sentence


def test_half_the_error_costs_a_power_of_two():
    costs = fit("operations_over_error", "classifiers", -2.0, se=0.1, law="power")
    found = shore_findings.accuracy_costs(given(costs))
    t = stats.t.ppf(0.975, 10)
    assert "cost 4 times the operations" in found.sentence
    assert f"95 %: {number(2 ** (2 - 0.1 * t))} to {number(2 ** (2 + 0.1 * t))}" in found.sentence


def node(group, size, energy):
    return {"series": "sram_energy_by_node", "group": group, "node_nm": size, "y": energy}


def scaling(published):
    """CACTI's energy falls as the node's square; the published table holds two nodes."""
    line = fit(
        "sram_energy_by_node", "fast_8_kib", 2.0, se=0.02, count=5, law="power", centre_x=math.log10(45),
        centre_log10_y=-1.0, centre_se=0.005, residual_sd_log10=0.01,
    )  # fmt: skip
    return given(line, shores=[node("published_8_kib", *point) for point in published])


def test_a_memory_that_scales_as_foretold_is_no_finding():
    assert shore_findings.tables_of_sram_stall(scaling([(45.0, 1.0), (7.0, (7 / 45) ** 2)])) is None
    assert shore_findings.tables_of_sram_stall(scaling([(45.0, 1.0)])) is None


def test_a_memory_that_hardly_falls_is_told_with_what_was_due():
    found = shore_findings.tables_of_sram_stall(scaling([(45.0, 1.0), (7.0, 0.5)]))
    assert "8 KiB fell by a factor of 2 where" in found.sentence
    assert number((45 / 7) ** 2) in found.sentence
    assert "From 45 to 7 nm" in found.sentence and "(stillmaker2017), has a factor of 1" in found.sentence
    assert found.contradicts is None


def test_the_level_of_the_published_table_does_not_matter():
    for level in (0.1, 1.0, 30.0):
        found = shore_findings.tables_of_sram_stall(scaling([(45.0, level), (7.0, level / 2)]))
        assert "8 KiB fell by a factor of 2 where" in found.sentence


def test_kinds_of_dram_are_counted():
    rows = [
        fit("dram_energy_by_year", "lpddr", -0.2, se=0.2, count=3),
        {"series": "dram_energy_by_year", "group": "gddr", "span": "first", "reason": "2 points"},
    ]
    found = shore_findings.dram_energy(given(*rows))
    assert found.sentence.startswith("1 of 2 kinds of DRAM have the three points")
    assert "For none of them" in found.sentence and "neither show a stall" in found.sentence
    sure = fit("dram_device_energy_by_year", "ddr_reading", -0.05, se=0.001)
    told = shore_findings.dram_energy(given(*rows, sure)).sentence
    assert told.startswith("2 of 3 kinds") and "For 1 of them" in told and "stall" not in told
    assert "(DDR reading ÷1.12 a year" in told and "it cannot (LPDDR ÷1.58 a year" in told


@pytest.fixture(scope="module")
def shipped():
    """All tables of the shipped trends."""
    spec = StudySpec.model_validate(
        {
            "study": "gap", "question": "?", "questions": {}, "baselines": ["?"], "metrics": ["inference_energy_pj"],
            "shores": {"trends": ["networks", "performance_density", "memory_energy"]},
        }
    )  # fmt: skip
    trends = {name: load_trend(ROOT, name) for name in spec.shores.trends}
    rows = shores.rows(Study("gap", ROOT / "spaces" / "gap_study.yaml", ROOT, spec, {}, trends))
    return {**EMPTY, **{name: tables.make(rows[name], gap_tables.TABLES[name]) for name in rows}}


def test_the_shipped_points_give_at_least_three_findings_and_one_contradiction(shipped):
    rows = findings.finding_rows(shipped, "spaces/gap_study.yaml")
    table = tables.make(rows, gap_tables.FINDINGS)
    assert table.height >= 3
    assert table["id"].n_unique() == table.height
    assert set(table["command"]) == {"joulescape gap spaces/gap_study.yaml --only shores"}
    assert table["contradicts"].null_count() < table.height
    assert table["sentence"].str.contains(r"\d").all()
    assert (table["uncertainty"].str.len_chars() > 20).all()
    keys = reference_keys(references_path(ROOT))
    for claim in table["contradicts"].drop_nulls():
        assert any(f"({key}" in claim for key in keys), claim


def test_a_part_that_was_not_worked_out_is_not_asked(shipped):
    only = findings.finding_rows({**EMPTY}, "spaces/x.yaml")
    assert only == []
    parts = {row["command"].rpartition(" ")[2] for row in findings.finding_rows(shipped, "spaces/x.yaml")}
    assert parts == {"shores"}


def test_findings_do_not_depend_on_the_order_of_rows(shipped):
    turned = {name: table.reverse() for name, table in shipped.items()}
    assert isinstance(turned["fits"], pl.DataFrame)
    said = [row["sentence"] for row in findings.finding_rows(shipped, "x") if "DRAM" not in row["sentence"]]
    again = [row["sentence"] for row in findings.finding_rows(turned, "x") if "DRAM" not in row["sentence"]]
    assert again == said
