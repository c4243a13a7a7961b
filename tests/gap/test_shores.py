"""Published points become rows and fits: what meets in a fit, what is only shown, and why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from trend_project import TREND, point, study_of, written

from joulescape import gap_tables, tables
from joulescape.gap import fits, shores
from joulescape.resolve.study import Study
from joulescape.resolve.trends import load_trend
from joulescape.spec.study import StudySpec

ROOT = Path(__file__).resolve().parents[2]
GROWING = "".join(point(f"c{year}", year, rate=100 * 2.0 ** (year - 2010)) for year in (2010, 2012, 2014, 2016))


def made(study):
    """Both tables, through their contract."""
    rows = shores.rows(study)
    return tuple(tables.make(rows[name], gap_tables.TABLES[name]) for name in gap_tables.OF_PART["shores"])


def of(table, **wanted):
    return table.filter(*(pl.col(name) == value for name, value in wanted.items()))


def test_a_density_is_the_quotient_with_both_sources_and_the_lesser_confidence(tmp_path):
    points, _ = made(study_of(written(tmp_path, point("a", 2010, 500, 20, area_sure="medium", note="silicon"))))
    row = of(points, group="chips", series="density_by_year").row(0, named=True)
    assert (row["y"], row["y_unit"], row["x"], row["year"], row["node_nm"]) == (25.0, "GOPS/mm2", 2010.0, 2010, 28.0)
    assert (row["source"], row["where"]) == ("seen; told", "page rate_gops; page area_mm2")
    assert row["confidence"] == "medium"
    assert row["note"] == "silicon; Peak rate / Die area"


def test_the_first_fit_sees_the_first_span_and_later_points_are_tested(tmp_path):
    later = point("on", 2020, 102400) + point("high", 2021, 1e9) + point("low", 2022, 1.0)
    noisy = GROWING + point("odd", 2013, 900)
    points, found = made(study_of(written(tmp_path, noisy + later)))
    first = of(found, series="density_by_year", group="chips", span="first").row(0, named=True)
    assert first["points_count"] == 5
    assert (first["x_low"], first["x_high"]) == (2010, 2016)
    assert [first[f"later_{name}count"] for name in ("", "inside_", "above_", "below_")] == [3, 1, 1, 1]
    assert "Of 3 later points 1 lie inside" in first["sentence"]
    every = of(found, series="density_by_year", group="chips", span="all").row(0, named=True)
    assert every["points_count"] == 8
    assert every["later_count"] is None
    seen = of(points, series="density_by_year", group="chips", is_fitted=True)
    assert set(seen["name"]) == {"c2010", "c2012", "c2014", "c2016", "odd"}
    assert set(of(points, series="density_by_year", group="chips", is_later=True)["name"]) == {"on", "high", "low"}


def test_growth_and_doubling_of_an_exact_trend(tmp_path):
    _, found = made(study_of(written(tmp_path, GROWING)))
    row = of(found, series="density_by_year", group="chips", span="first").row(0, named=True)
    assert row["growth_factor"] == pytest.approx(2.0)
    assert row["doubling"] == pytest.approx(1.0)
    assert row["t_factor"] == pytest.approx(fits.t_factor(2))
    assert row["centre_x"] == 2013
    assert of(found, series="density_by_year", group="chips", span="all")["reason"].to_list() == ["no point after 2018"]


def test_the_study_says_where_the_first_span_ends(tmp_path):
    root = written(tmp_path, GROWING)
    points, found = made(study_of(root, last=2012))
    assert of(points, series="density_by_year", group="chips", is_later=True).height == 2
    first = of(found, series="density_by_year", group="chips", span="first").row(0, named=True)
    assert first["reason"] == "2 points: a fit with an interval needs 3"
    assert first["slope_log10"] is None
    assert of(found, series="density_by_year", group="chips", span="all")["points_count"].to_list() == [4]


def test_a_doubtful_point_is_shown_and_never_fitted(tmp_path):
    doubtful = point("rumour", 2011, 1e9, rate_sure="low") + point("rumour2", 2020, 1e9, area_sure="low")
    points, found = made(study_of(written(tmp_path, GROWING + doubtful)))
    shown = of(points, series="density_by_year", group="chips").filter(pl.col("name").str.starts_with("rumour"))
    assert shown["confidence"].to_list() == ["low", "low"]
    assert not shown["is_fitted"].any()
    first = of(found, series="density_by_year", group="chips", span="first").row(0, named=True)
    assert (first["points_count"], first["later_count"]) == (4, 0)


@pytest.mark.parametrize(("count", "reason"), [(1, "1 point: a fit"), (2, "2 points: a fit")])
def test_a_short_series_has_a_reason_and_no_numbers(tmp_path, count, reason):
    short = "".join(point(f"c{i}", 2010 + i, 10 + i) for i in range(count))
    points, found = made(study_of(written(tmp_path, short)))
    row = of(found, series="density_by_year", group="chips", span="first").row(0, named=True)
    assert row["reason"].startswith(reason)
    assert row["points_count"] == count
    assert all(row[name] is None for name in ("slope_log10", "growth_factor", "doubling", "sentence", "later_count"))
    assert not of(points, series="density_by_year", group="chips")["is_fitted"].any()


def test_what_is_not_published_is_named(tmp_path):
    boards = point("b1", 2012, 5, area=None, kind="board") + point("b2", 2013, 6, area=None, kind="board")
    points, found = made(study_of(written(tmp_path, GROWING + boards)))
    assert of(points, group="boards").is_empty()
    row = of(found, group="boards", span="first").row(0, named=True)
    assert row["reason"] == "not published: b1 (no die area), b2 (no die area)"


def test_a_group_of_later_points_alone_says_so(tmp_path):
    boards = point("b1", 2019, 5, kind="board")
    _, found = made(study_of(written(tmp_path, GROWING + boards)))
    assert of(found, group="boards", span="first")["reason"].to_list() == ["no point until 2018; 1 later"]


def test_doubtful_points_alone_say_so(tmp_path):
    _, found = made(study_of(written(tmp_path, GROWING + point("b1", 2011, 5, kind="board", rate_sure="low"))))
    assert of(found, group="boards", span="first")["reason"].to_list() == ["no point of sufficient confidence"]


def test_records_of_another_quantity_are_the_group(tmp_path):
    """The rate of the chips of least area so far: the doubtful one is none, the large one is not shown."""
    text = TREND.replace(
        "      boards: {about: boards, y: density, kinds: [board]}\n",
        "      least: {about: small, y: rate_gops, kinds: [chip], fit: lowest, records_of: area_mm2}\n"
        "      slow: {about: slow, y: rate_gops, kinds: [chip], at_most: {rate_gops: 20}}\n",
    )
    chips = (
        point("a", 2010, 10, 9) + point("b", 2011, 30, 12) + point("c", 2012, 40, 5) + point("e", 2014, 20, 4)
        + point("doubtful", 2013, 80, 1, area_sure="low") + point("f", 2014, 50, 4.5)
    )  # fmt: skip
    points, _ = made(study_of(written(tmp_path, chips, text)))
    assert set(of(points, group="least")["name"]) == {"a", "c", "e"}
    assert of(points, group="least", name="a")["where"].to_list() == ["page rate_gops; page area_mm2"]
    assert set(of(points, group="slow")["name"]) == {"a", "e"}


def test_records_are_those_that_beat_every_earlier_point(tmp_path):
    points = "".join(
        point(name, year, rate)
        for name, year, rate in [("a", 2010, 10), ("b", 2011, 8), ("c", 2012, 30), ("d", 2012, 20), ("e", 2014, 90),
                                 ("f", 2019, 80), ("g", 2020, 200)]
    )  # fmt: skip
    shown, found = made(study_of(written(tmp_path, points)))
    best = of(shown, series="density_by_year", group="best")
    assert set(best["name"]) == {"a", "b", "c", "d", "e", "f", "g"}
    assert set(best.filter("is_fitted")["name"]) == {"a", "c", "e"}
    assert of(found, series="density_by_year", group="best", span="first")["later_count"].to_list() == [1]


def test_a_power_law_runs_over_logarithms_and_has_no_doubling_time(tmp_path):
    nodes = "".join(point(f"n{node}", 2010 + i, 1e5 / node**2, node=node) for i, node in enumerate((90, 65, 45, 28)))
    _, found = made(study_of(written(tmp_path, nodes)))
    row = of(found, series="density_by_node", group="chips", span="first").row(0, named=True)
    assert row["slope_log10"] == pytest.approx(-2)
    assert (row["x_low"], row["x_high"]) == (28, 90)
    assert row["doubling"] is None
    assert "for ten times the technology node" in row["sentence"]


@pytest.fixture(scope="module")
def shipped():
    """Both tables of the shipped trends."""
    spec = StudySpec.model_validate(
        {
            "study": "gap", "question": "?", "questions": {}, "baselines": ["?"], "metrics": ["inference_energy_pj"],
            "shores": {"trends": ["networks", "performance_density", "memory_energy"]},
        }
    )  # fmt: skip
    trends = {name: load_trend(ROOT, name) for name in spec.shores.trends}
    return made(Study("gap", ROOT / "spaces" / "gap_study.yaml", ROOT, spec, {}, trends))


def test_every_shipped_point_has_a_source_and_a_confidence(shipped):
    points, found = shipped
    assert points.height > 300
    for name in ("source", "where", "confidence", "y", "x", "year"):
        assert points[name].null_count() == 0, name
    assert not (points["source"] == "").any()
    assert set(points["confidence"]) <= {"high", "medium", "low", "derived"}
    assert not points.filter(pl.col("confidence") == "low")["is_fitted"].any()
    assert (found["sentence"].is_not_null() ^ found["reason"].is_not_null()).all()


def test_variants_of_the_error_never_meet(shipped):
    """One point stands in one group of the error; but winners since deep networks are winners as well."""
    points, _ = shipped
    errors = of(points, series="error_by_year").filter(pl.col("group") != "deep_winners")
    pairs = errors.group_by("name", "y").len().filter(pl.col("len") > 1)
    assert pairs.is_empty(), pairs


def test_precisions_never_meet(shipped):
    """An accelerator in two precisions stands in two groups, each with its own rate."""
    points, _ = shipped
    both = of(points, series="performance_density_by_year", name="A100")
    assert dict(both.select("group", "y").iter_rows()) == pytest.approx(
        {"gpu_float32": 19490 / 826, "gpu_tensor_16_bits": 312000 / 826, "gpu_tensor_int8": 624000 / 826}
    )


@pytest.mark.parametrize(
    ("series", "group", "low", "high"),
    [
        ("error_by_year", "deep_winners", 0.60, 0.72),  # a third a year
        ("error_by_year", "single_crop_best", 0.64, 0.78),
        ("performance_density_by_year", "gpu_float32", 1.19, 1.41),
        ("parameters_by_year", "review", 1.33, 3.17),
        ("operations_by_year", "least_error_imagenet_alone", 1.09, 3.14),
        ("operations_by_year", "least_error_any_data", 1.35, 2.72),
        ("energy_per_operation_by_year", "gpu_float32", 0.67, 0.78),
        ("dram_device_energy_by_year", "ddr_reading", 0.79, 1.01),  # three standards, two devices each
    ],
)
def test_shipped_growth(shipped, series, group, low, high):
    row = of(shipped[1], series=series, group=group, span="first").row(0, named=True)
    assert row["growth_low"] == pytest.approx(low, abs=0.01)
    assert row["growth_high"] == pytest.approx(high, abs=0.01)


def test_dies_that_are_not_published_are_said(shipped):
    """Programmable logic: one core of sufficient confidence, one doubtful die, and no die at all in float32."""
    points, found = shipped
    of_fpga = of(found, series="performance_density_by_year", span="first").filter(pl.col("group").str.contains("fpga"))
    reasons = dict(of_fpga.select("group", "reason").iter_rows())
    assert reasons["fpga_float32"].startswith("not published:")
    assert reasons["fpga_fixed_16_bits"] == "1 point: a fit with an interval needs 3"
    shown = of(points, series="performance_density_by_year", group="fpga_fixed_16_bits")
    assert dict(shown.select("name", "confidence").iter_rows()) == {
        "Stratix III EP3SL340": "medium",
        "Virtex-7 2000T": "low",
    }


def test_the_frontier_of_operations_is_that_of_the_error(shipped):
    """Each network of it errs less than every one of an earlier year, and none errs as little as it in its year."""
    points, _ = shipped
    errors = {
        row["name"]: row["y"]
        for group in ("single_crop_best", "single_crop_more_data")
        for row in of(points, series="error_by_year", group=group).iter_rows(named=True)
    }
    for group, last in (("least_error_imagenet_alone", "ConvNeXt V2-H"), ("least_error_any_data", "EVA-02-L")):
        frontier = of(points, series="operations_by_year", group=group).sort("year")
        met = [errors[name] for name in frontier["name"]]
        assert met == sorted(met, reverse=True) and len(set(met)) == len(met)
        assert frontier["year"].n_unique() == frontier.height
        assert frontier["name"].to_list()[-1] == last
    small = of(points, series="operations_by_year", group="error_of_10_percent")
    assert all(errors[name] <= 0.1 for name in small["name"])
    assert small.sort("year")["y"].is_sorted(descending=True)
