"""Model against published: classes, verdicts, the summary, slow rows, and the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from benchmark_scripts import benchmark
from joulescape import tables
from joulescape.cli import validate_command as command
from joulescape.errors import SpecError
from joulescape.resolve.shelves import back_end_names
from joulescape.spec.back_end import PublishedRow
from joulescape.units import SUFFIXES
from joulescape.validation import (
    STORE,
    ClassRecord,
    class_records,
    figure_class,
    published_row,
    summary,
    tolerance_fraction,
    validate,
)
from joulescape.validation.slow import slow_figure

ROOT = Path(__file__).resolve().parents[1]
SYSTOLIC = "electronic/systolic_int8"


CASES = benchmark("validation_cases")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Every published row of the shelf: priced once, by the process that needs it."""
    found: list[dict[str, Any]] = CASES.shelf_rows()
    return found


def row(what: str = "peak_tops", value: float = 1.024, **more: Any) -> PublishedRow:
    plain = {"role": "prediction", "source": "joulescape", "where": "made up", **more}
    return PublishedRow.model_validate({"what": what, "value": value, **plain})


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A project that holds one back end and its host."""
    for part in ("hwlib/components", "models"):
        shutil.copytree(ROOT / part, tmp_path / part)
    (tmp_path / "hwlib" / "electronic").mkdir()
    for name in (SYSTOLIC, "electronic/scalar_core"):
        shutil.copy(ROOT / "hwlib" / f"{name}.yaml", tmp_path / "hwlib" / "electronic")
    shutil.copy(ROOT / "hwlib" / "references.bib", tmp_path / "hwlib")
    return tmp_path


def publish(shelf: Path, *rows: dict[str, Any]) -> None:
    path = shelf / "hwlib" / f"{SYSTOLIC}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain = {"role": "prediction", "source": "joulescape", "where": "made up"}
    content["published"] = [{**plain, **item} for item in rows]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def run(*arguments: str) -> Any:
    import typer

    app = typer.Typer()
    app.command()(command.validate_command)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("peak_tops", 0.005), ("unitary_mzi_count", 0.005), ("adc_lossless_bits", 0.005), ("batch_cycles", 0.005),
        ("identity_area_mm2", 0.005), ("inference_latency_ns", 0.2), ("tops", 0.2), ("inference_energy_pj", 0.3),
        ("chip_power_mw", 0.3), ("tops_per_w", 0.3), ("peak_tops_per_w", 0.3), ("area_mm2", 0.2),
        ("gops_per_mm2", 0.2), ("off_chip_bytes", 0.2), ("accuracy_fraction", 0.2),
    ],
)  # fmt: skip
def test_the_name_decides_the_tolerance(what: str, limit: float) -> None:
    assert tolerance_fraction(what) == limit


def test_every_published_row_of_the_shelf_has_a_verdict(rows: list[dict[str, Any]]) -> None:
    assert tables.make(rows, tables.PUBLISHED).height == len(rows)
    quick = [r for r in rows if r["kind"] == "quick" and r["role"] != "claim"]
    assert quick and all(isinstance(r["pass"], bool) for r in quick)
    for r in quick:
        assert r["error_fraction"] == pytest.approx(r["model"] / r["published"] - 1)
        assert r["pass"] == (abs(r["error_fraction"]) <= r["tolerance_fraction"])


def test_the_whole_page_is_what_the_models_give(rows: list[dict[str, Any]]) -> None:
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert CASES.written(page, rows) == page, "write the page again: python benchmarks/validation_cases.py --write"


def test_no_row_of_the_shelf_misses_unexpectedly(rows: list[dict[str, Any]]) -> None:
    held = [r for r in rows if r["role"] != "claim"]
    missed = [(r["back_end"], r["what"], r["model"]) for r in held if r["pass"] is False and r["expected"] == "pass"]
    assert missed == []
    assert all(r["reason"] for r in rows if r["expected"] == "miss")


def test_the_first_tpus_peak_is_an_identity(rows: list[dict[str, Any]]) -> None:
    peak = next(r for r in rows if r["back_end"] == SYSTOLIC and r["what"] == "peak_tops")
    assert (peak["pass"], peak["role"]) == (True, "input")
    assert peak["model"] == pytest.approx(91.75, rel=0.001)


def test_a_miss_is_shown_and_counts() -> None:
    found = published_row(ROOT, SYSTOLIC, row(value=2.0, expected="miss", reason="twice too much"), slow=False)
    assert (found["pass"], found["reason"], found["model"]) == (False, "twice too much", pytest.approx(1.024))
    passed = published_row(ROOT, SYSTOLIC, row(), slow=False)
    whole = summary([found, passed])
    assert (whole.prediction_count, whole.prediction_pass_count, whole.unexpected_miss_count) == (2, 1, 0)
    assert whole.median_error_fraction == pytest.approx(0.244, abs=1e-3)
    assert summary([{**found, "expected": "pass"}]).unexpected_miss_count == 1


def test_inputs_and_unmeasured_rows_are_not_the_models_record() -> None:
    rows = [
        published_row(ROOT, SYSTOLIC, row(role="input"), slow=False),
        {**published_row(ROOT, SYSTOLIC, row(), slow=False), "model": None, "pass": None, "error_fraction": None},
    ]
    found = summary(rows)
    assert (found.prediction_count, found.median_error_fraction, found.unexpected_miss_count) == (0, None, 0)


def test_overrides_change_the_machine() -> None:
    wide = published_row(ROOT, SYSTOLIC, row(value=2.048, overrides={"array.rows": 64}), slow=False)
    assert wide["pass"] is True and wide["model"] == pytest.approx(2.048)


def test_a_workload_row_takes_the_cost_of_that_network() -> None:
    one = published_row(ROOT, SYSTOLIC, row("inference_interval_ns", 1.0, workload="digits_mlp"), slow=False)
    many = published_row(ROOT, SYSTOLIC, row("inference_interval_ns", 1.0, workload="digits_mlp", batch=64), slow=False)
    assert 0 < many["model"] < one["model"], "a batch shares the loading of weights"
    moved = published_row(
        ROOT, SYSTOLIC, row("off_chip_bytes", 1.0, workload="digits_mlp", boundary="system"), slow=False
    )
    assert moved["model"] > 1000


def test_a_figure_that_the_model_does_not_have_is_a_fault() -> None:
    with pytest.raises(SpecError, match="peak_topps"):
        published_row(ROOT, SYSTOLIC, row("peak_topps"), slow=False)
    with pytest.raises(SpecError, match="off_chip_bytes"):
        published_row(ROOT, SYSTOLIC, row("off_chip_bits", workload="digits_mlp"), slow=False)


def test_slow_rows_show_what_was_stored(shelf: Path) -> None:
    slow = row("accuracy_fraction", 0.97, workload="digits_mlp", kind="slow", reason="noise")
    asked: list[str] = []

    def measured(root: Path, name: str, given: PublishedRow) -> float:
        asked.append(given.what)
        return 0.96

    assert slow_figure(shelf, SYSTOLIC, slow, False, measured) == (None, "noise; not measured yet: run with --slow")
    model, reason = slow_figure(shelf, SYSTOLIC, slow, True, measured)
    assert model == 0.96 and reason is not None and reason.startswith("noise; measured 20")
    assert slow_figure(shelf, SYSTOLIC, slow, False, measured) == (model, reason)
    assert asked == ["accuracy_fraction"] and (shelf / STORE).exists()
    path = shelf / "hwlib" / f"{SYSTOLIC}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("clock_ghz: 0.5", "clock_ghz: 0.6"), encoding="utf-8")
    assert "has changed since" in str(slow_figure(shelf, SYSTOLIC, slow, False, measured)[1])


@pytest.mark.parametrize(
    "change",
    [
        {"sets": {"compression.0.quantize.weight_bits": 4}}, {"compression": ("reported",)}, {"boundary": "system"},
        {"layer": "fc1"}, {"layers": ("fc1", "fc2")}, {"batch": 4}, {"overrides": {"clock_ghz": 0.2}},
    ],
)  # fmt: skip
def test_slow_rows_that_ask_for_different_runs_are_stored_apart(shelf: Path, change: dict[str, Any]) -> None:
    one = row("accuracy_fraction", 0.97, workload="digits_mlp", kind="slow")
    other = row("accuracy_fraction", 0.97, workload="digits_mlp", kind="slow", **change)
    slow_figure(shelf, SYSTOLIC, one, True, lambda *_: 0.9)
    assert slow_figure(shelf, SYSTOLIC, other, False)[0] is None
    same = one.model_copy(update={"where": "Table V", "value": 0.5, "role": "calibration"})
    assert slow_figure(shelf, SYSTOLIC, same, False)[0] == 0.9, "what is said of a figure makes it no other one"


def test_the_command_exits_with_one_only_for_an_unexpected_miss(shelf: Path) -> None:
    publish(shelf, {"what": "peak_tops", "value": 1.024})
    assert run("--root", str(shelf)).exit_code == 0
    publish(shelf, {"what": "peak_tops", "value": 2.0, "expected": "miss", "reason": "made up"})
    shown = run("--root", str(shelf))
    assert shown.exit_code == 0 and "miss (expected)" in shown.output and "0 of 1" in shown.output
    publish(shelf, {"what": "peak_tops", "value": 2.0})
    missed = run("--root", str(shelf))
    assert missed.exit_code == 1 and "MISS" in missed.output


def test_the_command_prints_json_and_writes_parquet(shelf: Path) -> None:
    publish(shelf, {"what": "peak_tops", "value": 1.024})
    rows = json.loads(run("--root", str(shelf), "--format", "json").output)
    assert rows[0]["model"] == pytest.approx(1.024) and rows[0]["pass"] is True
    assert set(rows[0]) == set(tables.PUBLISHED)
    out = shelf / "published.parquet"
    assert run("--root", str(shelf), "--format", "parquet", "--out", str(out)).exit_code == 0
    import polars as pl

    assert pl.read_parquet(out).schema == pl.Schema(tables.PUBLISHED)
    assert run("--root", str(shelf), "--format", "parquet").exit_code == 2


# --- honesty of the shelf's rows ---------------------------------------------------------------------------------


NUMBER = frozenset({"value", "low", "high"})


def unit(name: str) -> str:
    """The unit that a key ends with; none of them for pure numbers without one."""
    return max((suffix for suffix in SUFFIXES if f"_{name}".endswith(f"_{suffix}")), key=len, default="")


def stated(node: Any, key: str = "") -> set[tuple[str, float]]:
    """Every number below `parameters` of an entry, with the unit of its key: 0.3 mW is no 0.3 TOPS/W."""
    if isinstance(node, dict):
        below = [stated(value, key if name in NUMBER else str(name)) for name, value in node.items()]
        return set[tuple[str, float]]().union(*below)
    if isinstance(node, list):
        return set[tuple[str, float]]().union(*(stated(value, key) for value in node))
    is_number = isinstance(node, (int, float)) and not isinstance(node, bool)
    return {(unit(key), float(node))} if is_number else set()


def test_numbers_of_an_entry_keep_their_units() -> None:
    given = {"power_mw": {"value": 0.3, "low": 0.1, "basis": "assumed"}, "sides": [4, 4], "is_on": True}
    assert stated(given) == {("mw", 0.3), ("mw", 0.1), ("", 4.0)}
    assert (unit("peak_tops_per_w"), unit("gops_per_mm2"), unit("tops")) == ("tops_per_w", "gops_per_mm2", "")


@pytest.mark.parametrize("name", back_end_names(ROOT))
def test_what_is_called_a_prediction_does_not_stand_in_the_entry(name: str) -> None:
    content = yaml.safe_load((ROOT / "hwlib" / f"{name}.yaml").read_text(encoding="utf-8"))
    numbers = stated(content["parameters"])
    for published in content.get("published", ()):
        if published["role"] == "prediction":
            assert (unit(published["what"]), float(published["value"])) not in numbers, published


def test_an_expected_miss_does_miss(rows: list[dict[str, Any]]) -> None:
    """Else its reason is stale and the row should be a pass."""
    stale = [(r["back_end"], r["what"], r["published"]) for r in rows if r["expected"] == "miss" and r["pass"]]
    assert stale == []


def test_no_figure_is_held_against_the_model_twice(rows: list[dict[str, Any]]) -> None:
    names = ("back_end", "what", "published", "workload", "source", "where", "against")
    keys = [tuple(r[name] for name in names) for r in rows]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("what", "published", "error"), [
    ("chip_power_mw", 62500, 0.107), ("chip_area_mm2", 90.64, -0.101), ("gops_per_mm2", 577, -0.038),
    ("peak_tops_per_w", 0.837, -0.219),
])  # fmt: skip
def test_puma_is_predicted_within_tolerance_from_isaacs_components(
    rows: list[dict[str, Any]], what: str, published: float, error: float
) -> None:
    found = next(r for r in rows if (r["what"], r["published"], r["source"]) == (what, published, "ankit2019"))
    assert (found["role"], found["pass"]) == ("prediction", True)
    assert found["error_fraction"] == pytest.approx(error, abs=0.001)


def test_the_record_counts_misses_and_passes(rows: list[dict[str, Any]]) -> None:
    found = summary(rows)
    predictions = [r for r in rows if r["role"] == "prediction" and r["model"] is not None]
    assert found.prediction_count == len(predictions) >= 16
    assert 0 < found.prediction_pass_count < found.prediction_count, "neither hopeless nor tuned"
    errors = sorted(abs(r["error_fraction"]) for r in predictions)
    assert errors[0] <= found.median_error_fraction <= errors[-1]


def test_a_claim_counts_in_no_record_and_fails_no_run(rows: list[dict[str, Any]]) -> None:
    """It passes where the model's ratio is as large, and has no tolerance."""
    claims = [row for row in rows if row["role"] == "claim"]
    assert claims
    without = [row for row in rows if row["role"] != "claim"]
    assert summary(rows) == summary(without)
    for found in claims:
        assert found["tolerance_fraction"] is None
        if found["against"] is None:
            assert found["model"] is None and found["pass"] is None and found["reason"]
        else:
            assert found["model_low"] <= found["model"] <= found["model_high"]
            assert found["pass"] is (found["model"] >= found["published"])


def test_claims_are_told_in_words_of_their_own() -> None:
    said = {command._verdict({"role": "claim", "pass": passed, "expected": "pass"}) for passed in (None, True, False)}
    assert said == {"not compared", "follows", "does not follow"}


ABSENT: list[tuple[dict[str, Any], str]] = [
    ({"what": "inference_energy_pj", "role": "prediction", "workload": "not_here"}, "no network 'not_here'"),
    (
        {
            "what": "inference_speed_ratio",
            "role": "claim",
            "workload": "lenet5",
            "node": 32,
            "against": "memristive/not",
        },
        "no back end 'memristive/not'",
    ),
]


@pytest.mark.parametrize(("given", "said"), ABSENT)
def test_a_row_about_what_the_project_lacks_has_no_figure_and_says_so(given: dict[str, Any], said: str) -> None:
    row = PublishedRow(value=1.0, source="x", where="y", **given)
    found = published_row(ROOT, "electronic/systolic_int8", row, slow=False)
    assert found["model"] is found["pass"] is None
    assert said in found["reason"]


def test_several_layers_together_are_the_sum_of_each() -> None:
    """Energy and time add up; power is energy over time."""
    shared: dict[str, Any] = {
        "value": 1.0, "role": "prediction", "source": "joulescape", "where": "nowhere",
        "workload": "lenet5", "batch": 2,
    }  # fmt: skip

    def figure(what: str, **which: Any) -> float:
        row = published_row(ROOT, "electronic/eyeriss", PublishedRow(what=what, **shared, **which), slow=False)
        return float(row["model"])

    layers = ("conv1", "conv2")
    times = [figure("batch_latency_ns", layer=layer) for layer in layers]
    powers = [figure("power_mw", layer=layer) for layer in layers]
    joint = sum(power * time for power, time in zip(powers, times, strict=True))
    assert figure("batch_latency_ns", layers=layers) == pytest.approx(sum(times))
    assert figure("energy_pj", layers=layers) == pytest.approx(joint / 2)
    assert figure("power_mw", layers=layers) == pytest.approx(joint / sum(times))


def test_a_row_may_set_what_cost_may_set() -> None:
    """Time of serial units follows the bits that the row asks for."""
    shared: dict[str, Any] = {
        "what": "batch_latency_ns", "value": 1.0, "role": "prediction", "source": "joulescape", "where": "nowhere",
        "workload": "lenet5", "layer": "conv2", "compression": ("quantize",),
    }  # fmt: skip
    four = PublishedRow(**shared, sets={"compression.0.quantize.activation_bits": 4})
    times = [
        published_row(ROOT, "electronic/stripes", row, slow=False)["model"] for row in (PublishedRow(**shared), four)
    ]
    assert times[0] == pytest.approx(2 * times[1])


# --- a part of the shelf, and the record by class --------------------------------------------------------------------


def test_one_back_end_or_one_family_can_be_asked_for(rows: list[dict[str, Any]]) -> None:
    one = validate(ROOT, back_end=SYSTOLIC)
    assert one == [r for r in rows if r["back_end"] == SYSTOLIC] and one
    family = validate(ROOT, family="physical")
    assert family == [r for r in rows if r["family"] == "physical"] and family
    assert validate(ROOT, back_end=SYSTOLIC, family="photonic") == []
    shown = run(SYSTOLIC, "--root", str(ROOT))
    assert shown.exit_code == 0 and "electronic/eie" not in shown.output and "confidence" in shown.output


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"back_end": "systolic_int8"}, "electronic/systolic_int8"), ({"family": "electronics"}, "one of electronic")],
)
def test_who_asks_for_what_is_not_there_is_told(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        validate(ROOT, **asked)


def test_a_family_that_is_not_there_is_refused_by_the_command() -> None:
    assert isinstance(run("--family", "electronics", "--root", str(ROOT)).exception, SpecError)


def judged(what: str, error: float, **more: Any) -> dict[str, Any]:
    plain = {
        "role": "prediction",
        "model": 1.0,
        "pass": abs(error) < 0.2,
        "confidence": "high",
        "simulator": "systolic",
        "expected": "pass",
        "class": figure_class(what).name,
        "error_fraction": error,
    }
    return {**plain, **more}


def test_the_record_by_class_counts_sure_predictions_alone() -> None:
    rows = [
        judged("batch_latency_ns", 0.06),
        judged("inference_interval_ns", -0.3),
        judged("batch_latency_ns", 0.1),
        judged("batch_latency_ns", 9.0, confidence="medium"),
        judged("batch_latency_ns", 9.0, role="calibration"),
        judged("batch_latency_ns", 9.0, model=None, error_fraction=None),
        judged("power_mw", 0.02),
        judged("batch_latency_ns", 0.5, simulator="roofline"),
    ]
    assert class_records(rows) == (
        ClassRecord("energy", False, 1, 1, 0.02),
        ClassRecord("latency", False, 3, 2, 0.1),
        ClassRecord("latency", True, 1, 0, 0.5),
    )
    said = list(command._record(rows))
    assert "  latency: 3 rows, 2 within tolerance, median 10.0 %" in said
    assert "  latency of rooflines of processors: 1 row, 0 within tolerance, median 50.0 %" in said


def test_every_sure_prediction_of_the_shelf_is_in_one_class(rows: list[dict[str, Any]]) -> None:
    sure = [r for r in rows if (r["role"], r["confidence"]) == ("prediction", "high") and r["model"] is not None]
    records = class_records(rows)
    assert sum(record.count for record in records) == len(sure)
    assert {record.figure_class for record in records} <= {r["class"] for r in rows}
    assert any(record.is_roofline for record in records) and not all(record.is_roofline for record in records)


def test_rows_of_plain_products_say_their_sizes(rows: list[dict[str, Any]]) -> None:
    card = next(
        r for r in rows if r["back_end"] == "electronic/gpu_titan_x" and "Alex-6, dense, batch 64" in r["where"]
    )
    assert card["workload"] == "4096 x 9216 x 64"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"layers": ("conv1",)}, "needs its workload"),
        ({"sets": {"batch": 4}}, "needs its workload"),
        ({"workload": "lenet5", "layer": "conv1", "layers": ("conv2",)}, "either one layer or several"),
    ],
)
def test_rows_that_name_layers_of_nothing_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        row("power_mw", **fields)
