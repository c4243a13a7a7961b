"""The record over any rows: counts that add up, order that does not matter, classes that part what a name can say."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import SpecError
from joulescape.spec.back_end import PublishedRow
from joulescape.validation import (
    CLASSES,
    ClassRecord,
    Summary,
    class_records,
    figure_class,
    published_row,
    summary,
    tolerance_fraction,
)
from joulescape.validation.classes import OTHER, FigureClass
from joulescape.validation.figures import Reports, model_figure
from joulescape.validation.rows import claim_row
from joulescape.validation.slow import joined

ROOT = Path(__file__).resolve().parents[1]
SYSTOLIC = "electronic/systolic_int8"
SOME = settings(max_examples=25, deadline=None)
FIGURES = ("power_mw", "batch_latency_ns", "area_mm2", "mac_count", "buffer_bytes", "off_chip_bytes", "speed_ratio")


@st.composite
def judged(draw: st.DrawFn) -> dict[str, Any]:
    """One row as `validate` makes it."""
    what, has_model = draw(st.sampled_from(FIGURES)), draw(st.booleans())
    error = draw(st.floats(-0.99, 5.0)) if has_model else None
    return {
        "what": what, "class": figure_class(what).name, "model": 1.0 if has_model else None, "error_fraction": error,
        "pass": None if error is None else abs(error) <= tolerance_fraction(what),
        "role": draw(st.sampled_from(["input", "calibration", "prediction", "prediction", "claim"])),
        "expected": draw(st.sampled_from(["pass", "miss"])), "confidence": draw(st.sampled_from(["high", "medium"])),
        "simulator": draw(st.sampled_from(["systolic", "roofline", "crossbar"])),
    }  # fmt: skip


ROWS = st.lists(judged(), max_size=25)


def counts(found: Summary) -> tuple[int, int, int]:
    return found.prediction_count, found.prediction_pass_count, found.unexpected_miss_count


@SOME
@given(rows=ROWS, more=ROWS)
def test_counts_of_two_shelves_add_up_and_their_median_lies_between(
    rows: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    one, other, both = (summary(part) for part in (rows, more, [*rows, *more]))
    assert counts(both) == tuple(a + b for a, b in zip(counts(one), counts(other), strict=True))
    medians = [part.median_error_fraction for part in (one, other) if part.median_error_fraction is not None]
    assert (both.median_error_fraction is None) == (not medians)
    if both.median_error_fraction is not None:
        assert min(medians) <= both.median_error_fraction <= max(medians)


@SOME
@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: list[dict[str, Any]], seed: Any) -> None:
    mixed = list(rows)
    seed.shuffle(mixed)
    assert summary(mixed) == summary(rows)
    assert class_records(mixed) == class_records(rows)


@SOME
@given(rows=ROWS)
def test_only_predictions_with_a_figure_are_the_record(rows: list[dict[str, Any]]) -> None:
    known = [row for row in rows if row["role"] == "prediction" and row["model"] is not None]
    found = summary(rows)
    assert 0 <= found.prediction_pass_count <= found.prediction_count == len(known)
    assert summary([row for row in rows if row["role"] != "prediction"]).prediction_count == 0
    assert found.unexpected_miss_count <= sum(row["pass"] is False for row in rows)
    forgiven = [{**row, "expected": "miss"} for row in rows]
    assert summary(forgiven).unexpected_miss_count == 0
    assert counts(summary(forgiven))[:2] == counts(found)[:2], "an expected miss is shown and still counts"


@SOME
@given(rows=ROWS)
def test_classes_part_the_sure_predictions(rows: list[dict[str, Any]]) -> None:
    records = class_records(rows)
    sure = [r for r in rows if (r["role"], r["confidence"]) == ("prediction", "high") and r["model"] is not None]
    assert sum(record.count for record in records) == len(sure)
    assert sum(record.pass_count for record in records) == sum(bool(row["pass"]) for row in sure)
    assert len({(record.figure_class, record.is_roofline) for record in records}) == len(records)
    assert [record.is_roofline for record in records] == sorted(record.is_roofline for record in records)
    for record in records:
        own = [row for row in sure if belongs(row, record)]
        errors = [abs(row["error_fraction"]) for row in own]
        assert record.median_error_fraction == statistics.median(errors)
        limit = next(one.tolerance_fraction for one in (*CLASSES, OTHER) if one.name == record.figure_class)
        assert record.pass_count == sum(error <= limit for error in errors)


def belongs(row: dict[str, Any], record: ClassRecord) -> bool:
    return (row["class"], row["simulator"] == "roofline") == (record.figure_class, record.is_roofline)


@pytest.mark.parametrize("known", CLASSES, ids=lambda known: known.name)
def test_each_ending_leads_to_its_own_class_unless_an_earlier_one_has_it(known: FigureClass) -> None:
    for ending in known.endings:
        found = figure_class(f"some{ending}")
        assert found is known or (CLASSES.index(found) < CLASSES.index(known) and ending.endswith(found.endings))
    assert 0 < known.tolerance_fraction < 1


@given(name=st.text(st.characters(categories=["Ll"]), max_size=12))
def test_what_must_be_reproduced_is_judged_most_strictly_whatever_its_unit(name: str) -> None:
    assert figure_class(f"identity_{name}") is CLASSES[0]
    assert tolerance_fraction(f"identity_{name}") == min(one.tolerance_fraction for one in (*CLASSES, OTHER))
    assert figure_class(f"{name}_elsewhere") is OTHER


@given(texts=st.lists(st.one_of(st.none(), st.text("abc ", max_size=4)), max_size=5))
def test_reasons_that_are_none_leave_no_mark(texts: list[str | None]) -> None:
    said = [text for text in texts if text]
    assert joined(*texts) == "; ".join(said)
    assert joined() == joined(None, "") == ""


def published(**changes: Any) -> PublishedRow:
    plain = {"what": "peak_tops", "value": 1.0, "role": "prediction", "source": "joulescape", "where": "made up"}
    return PublishedRow.model_validate({**plain, **changes})


@pytest.mark.parametrize("factor", [0.5, 0.994, 0.996, 1.0, 1.004, 1.006, 2.0])
def test_a_verdict_is_the_error_against_the_tolerance_of_the_name(factor: float) -> None:
    model = model_figure(ROOT, SYSTOLIC, published())
    found = published_row(ROOT, SYSTOLIC, published(value=model * factor), slow=False)
    assert found["error_fraction"] == pytest.approx(1 / factor - 1)
    assert found["pass"] == (abs(found["error_fraction"]) <= tolerance_fraction("peak_tops"))
    assert found["model"] == model


def test_rows_about_one_network_share_one_cost() -> None:
    """The same workload, settings and boundary are asked for once, whatever the figure."""
    reports = Reports(ROOT)
    asked = {"workload": "digits_mlp", "boundary": "chip"}
    rows = [published(what=what, **asked) for what in ("inference_energy_pj", "tops", "batch_latency_ns")]
    first, *others = (reports.of(SYSTOLIC, row) for row in rows)
    assert all(other is first for other in others) and len(reports.known) == 1
    assert reports.of(SYSTOLIC, published(workload="digits_mlp", boundary="core")) is not first
    figures = [model_figure(ROOT, SYSTOLIC, row, reports) for row in rows]
    assert figures == [model_figure(ROOT, SYSTOLIC, row) for row in rows], "kept or asked for again: the same"


def test_a_batch_of_rows_is_made_of_its_parts() -> None:
    """Operations over time, and energy per inference, hold together over the figures of one workload."""
    reports, asked = Reports(ROOT), {"workload": "digits_mlp", "boundary": "chip", "batch": 4}
    tops, time_ns, moved = (
        model_figure(ROOT, SYSTOLIC, published(what=what, **asked), reports)
        for what in ("tops", "batch_latency_ns", "off_chip_bytes")
    )
    report = reports.of(SYSTOLIC, published(**asked))
    macs = sum(int(layer["macs"]) for layer in report.layers)
    assert tops * time_ns == pytest.approx(2 * macs / 1e3)
    assert moved == pytest.approx(sum(row["read_bytes"] + row["write_bytes"] for row in report.traffic
                                      if row["memory"] == "off_chip_memory"))  # fmt: skip
    layers = tuple(str(layer["layer"]) for layer in report.layers if layer["macs"])
    energies = [model_figure(ROOT, SYSTOLIC, published(what="energy_pj", layers=layers[:n], **asked), reports)
                for n in (1, 2, len(layers))]  # fmt: skip
    assert energies == sorted(energies)
    with pytest.raises(SpecError, match="'nowhere'"):
        model_figure(ROOT, SYSTOLIC, published(what="power_mw", layer="nowhere", **asked), reports)


def test_a_claim_against_nobody_has_no_verdict() -> None:
    row = published(what="inference_speed_ratio", role="claim", workload="lenet5", reason="the rival is not printed")
    found = claim_row(ROOT, SYSTOLIC, row, Reports(ROOT))
    assert [found[key] for key in ("model", "model_low", "model_high", "error_fraction", "pass")] == [None] * 5
    assert found["reason"] == "the rival is not printed"
