"""Training and use together, as laws on made-up lives and on an epoch that is priced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape import gap_tables, tables
from joulescape.gap.lifecycle import _split, inferences_for, split_name
from joulescape.gap.lifecycle_findings import FINDINGS
from joulescape.gap.lives import Life, epoch
from joulescape.gap.wear_findings import WEAR, worn_out
from joulescape.resolve.design_space import load_space
from joulescape.spec.sourced import CORNERS
from joulescape.spec.study import PricedTrainingSpec

ROOT = Path(__file__).resolve().parents[2]
BASE = Life("digits_mlp", "none", "electronic/base", "typical", 100.0, 2.0, 0.95, 10, "measured")
ENERGY = st.floats(1e-3, 1e12)


@given(training=ENERGY, inference=ENERGY, share=st.floats(0.01, 0.999))
def test_the_baseline_spends_the_share_on_inferences(training: float, inference: float, share: float) -> None:
    spent = inferences_for(training, inference, share) * inference
    assert spent / (spent + training) == pytest.approx(share)


@given(training=ENERGY, inference=ENERGY)
def test_a_factor_lies_between_that_of_training_and_that_of_use(training: float, inference: float) -> None:
    other = replace(BASE, back_end="memristive/other", training_pj=training, inference_pj=inference)
    rows = [
        row
        for row in _split([BASE, other], BASE.back_end, (0.5, 0.9, 0.999), 0.01)
        if row["back_end"] != "electronic/base"
    ]
    ends = sorted((BASE.training_pj / training, BASE.inference_pj / inference))
    for row in rows:
        assert ends[0] * (1 - 1e-9) <= row["factor"] <= ends[1] * (1 + 1e-9)
    assert rows[0]["factor"] == pytest.approx(BASE.training_pj / training)


def test_the_baseline_is_its_own_unit_at_every_corner() -> None:
    lives = [replace(BASE, corner=corner) for corner in CORNERS]
    rows = _split(lives, BASE.back_end, (0.9,), within=0.01)
    assert len(rows) == 2 * len(CORNERS)
    assert {row["factor"] for row in rows} == {1.0}
    assert {row["rank"] for row in rows} == {1}


def test_what_learns_less_has_no_rank_and_says_so() -> None:
    worse = replace(BASE, back_end="memristive/worse", trained_accuracy=0.8, training_pj=1.0)
    rows = {row["back_end"]: row for row in _split([BASE, worse], BASE.back_end, (), within=0.01)}
    assert rows["memristive/worse"]["rank"] is None
    assert rows["memristive/worse"]["factor"] == 100.0
    assert rows["memristive/worse"]["reason"] == "learns 0.800, not the baseline's 0.950"


def test_a_machine_that_changes_sides_is_told() -> None:
    frugal = replace(BASE, back_end="memristive/frugal", training_pj=10.0, inference_pj=8.0)
    made = tables.make(_split([BASE, frugal], BASE.back_end, (0.9, 0.999), within=0.01), gap_tables.LIFECYCLE)
    empty = {name: tables.make([], schema) for name, schema in gap_tables.TABLES.items()}
    said = [found.sentence for find in FINDINGS if (found := find({**empty, "lifecycle": made})) is not None]
    assert len(said) == 1
    assert "memristive/frugal spends least on digits_mlp in training, electronic/base at 99.9 % inference" in said[0]
    assert "memristive/frugal turns from ×10 less to ÷4 more" in said[0]
    assert made.filter(pl.col("inferences") == 0)["split"].unique().to_list() == [split_name(0.0)] == ["100/0"]


def test_an_epoch_is_priced_or_refused_with_its_reason() -> None:
    space = load_space(ROOT / "spaces" / "gap_training.yaml")
    design = epoch(space, PricedTrainingSpec(network="alexnet"), "electronic/systolic_int8")
    assert not isinstance(design, str)
    assert design.plan.steps == -(-1_281_167 // 64)
    assert design.space.spec.node == space.spec.node
    refused = epoch(space, PricedTrainingSpec(network="alexnet"), "physical/shg")
    assert isinstance(refused, str) and "physical/shg" in refused


@pytest.mark.parametrize("learnt", [None, 0.95])
def test_an_accuracy_that_nobody_measured_equals_none_and_is_said(learnt: float | None) -> None:
    base, other = (
        replace(BASE, trained_accuracy=None),
        replace(BASE, back_end="memristive/other", trained_accuracy=learnt),
    )
    rows = {row["back_end"]: row for row in _split([base, other], base.back_end, (0.9,), 0.01)}
    told = rows["memristive/other"]
    assert told["rank"] is None
    own = "nothing that was measured" if learnt is None else "0.950"
    assert told["reason"] == f"learns {own}, not the baseline's nothing that was measured"
    assert all(row["rank"] is not None for row in _split([base, other], base.back_end, (0.9,), None))


def test_a_chip_that_the_study_gives_is_said_with_its_area_and_one_that_wears_out_too() -> None:
    space = load_space(ROOT / "spaces" / "gap_training.yaml")
    asked = PricedTrainingSpec(network="vgg16", hardware={"memristive/isaac": {"tiles": 1408}})
    small = epoch(space, PricedTrainingSpec(network="vgg16"), "memristive/isaac")
    large = epoch(space, asked, "memristive/isaac")
    assert not isinstance(small, str) and not isinstance(large, str)
    assert large.area_mm2 > 5 * small.area_mm2
    reasons = [one.misfit(one.typical) or "" for one in (small, large)]
    assert "more crossbars than the chip has" in reasons[0] and WEAR in reasons[1]
    made = {"network": "vgg16", "back_end": "memristive/isaac", "state": "infeasible", "reason": reasons[1]}
    known = tables.make([{**made, "area_mm2": large.area_mm2}, made], gap_tables.LIFECYCLE)
    machines = tables.make([], gap_tables.MACHINES)
    found = worn_out({"lifecycle": known, "machines": machines})
    assert found is not None and found.sentence.count("memristive/isaac (survives from") == 1
    assert worn_out({"lifecycle": known[:0], "machines": machines}) is None
