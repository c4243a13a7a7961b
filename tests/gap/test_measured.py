"""Bills read from the results of an answered question: confirmed designs, others, and results that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bridge_questions import BASELINE, COSTS, question, study

from joulescape import gap_tables, tables
from joulescape.errors import ResultsError
from joulescape.gap import bridge
from joulescape.gap.bridge import factor_rows
from joulescape.gap.bridge_findings import measured_bridge
from joulescape.gap.measured import MOVED, UNCONFIRMED, measured_bills
from joulescape.gap.priced import priced_bills
from joulescape.gap.states import states
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.sourced import CORNERS

STRIPES = "electronic/stripes"
ACCURACY = {"none": 0.98, "quantize 8/8": 0.97, "fixed_point 4/4": 0.9}
CONFIRMED = {"none", "fixed_point 4/4"}


@cache
def asked() -> DesignSpace:
    own = ["digits_mlp", "shg_digits"]
    costs = {**COSTS, "accuracy_fraction": "maximize"}
    return question(networks=own, back_ends=[BASELINE, STRIPES, "physical/shg"], hardware={}, objectives=costs)


def energy(pair: str, state: str) -> float:
    """Invented costs: the machine halves, four bits save a quarter on the baseline and a third there."""
    machine = {BASELINE: 1.0, STRIPES: 0.5, "physical/shg": 1e3}[pair.split("@")[1]]
    return 1e6 * machine * ({BASELINE: 0.75, STRIPES: 2 / 3}[pair.split("@")[1]] if state.startswith("fixed") else 1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trials, confirmed, parts = [], [], []
    for trial in _trials():
        state = trial.pop("name")
        trials.append(trial)
        if state not in CONFIRMED:
            continue
        shared = {name: trial[name] for name in ("design_id", "candidate_id", "network", "back_end", "family", "state")}
        for corner, factor in zip(CORNERS, (0.5, 1.0, 2.0), strict=True):
            costs = {name: trial[name] * factor for name in ("inference_energy_pj", "inference_latency_ns")}
            accuracies = {"accuracy_fraction": ACCURACY[state] - 0.01, "search_accuracy_fraction": ACCURACY[state]}
            confirmed.append({**shared, "corner": corner, "split": "test", **costs, **accuracies})
        for component, share in (("off_chip_memory", 0.75), ("mac_array", 0.25)):
            parts.append({"design_id": trial["design_id"], "node": "28 nm", "quantity": "energy", "phase": "inference",
                          "component": component, "energy_pj": share * trial["inference_energy_pj"]})  # fmt: skip
    layers = [{"design_id": row["design_id"], "phase": "inference", "bound_by": "array", "batch_latency_ns": 1.0}
              for row in trials]  # fmt: skip
    made = {"trials": (trials, tables.TRIALS), "confirmed": (confirmed, tables.CONFIRMED),
            "parts": (parts, tables.PARTS), "layers": (layers, tables.LAYERS)}  # fmt: skip
    for name, (rows, schema) in made.items():
        tables.write(tables.make(rows, schema), tmp_path / "results" / "q" / f"{name}.parquet")
    return tmp_path / "results" / "q"


def _trials() -> Iterator[dict[str, Any]]:
    for pair in asked().pairs:
        for state in states(asked(), pair):
            (candidate,) = state.candidates
            yield {
                "name": state.name, "design_id": f"d-{pair.name}-{state.name}", "candidate_id": candidate.candidate_id,
                "variant_id": 0, "network": pair.network, "back_end": pair.back_end, "macs": 4736,
                "family": pair.back_end.split("/")[0], "state": "valid", "accuracy_fraction": ACCURACY[state.name],
                "inference_energy_pj": energy(pair.name, state.name), "inference_latency_ns": 1e3,
            }  # fmt: skip


def test_confirmed_designs_have_the_test_split_and_others_say_that_they_have_not(folder: Path) -> None:
    bills = {(one.state.pair.name, one.state.name): one for one in measured_bills(asked(), folder)}
    assert len(bills) == 2 * 3 + 1
    confirmed, searched = (bills[f"digits_mlp@{STRIPES}", name] for name in ("none", "quantize 8/8"))
    assert confirmed.metric("accuracy_fraction") == pytest.approx(0.97) and confirmed.validation_fraction == 0.98
    assert confirmed.where is not None and confirmed.where.energy["off_chip_memory"] == pytest.approx(0.75 * 5e5)
    assert [confirmed.metric("inference_energy_pj", corner) for corner in CORNERS] == [2.5e5, 5e5, 1e6]
    assert searched.metric("accuracy_fraction") == 0.97 and searched.where is None
    assert searched.corners["typical"]["reason"] == UNCONFIRMED


def test_costs_of_unconfirmed_designs_move_as_their_corners_move_them_without_data(folder: Path) -> None:
    mine = {(one.state.pair.name, one.state.name): one for one in measured_bills(asked(), folder)}
    nominal = {(one.state.pair.name, one.state.name): one for one in priced_bills(asked(), ["digits_mlp"])}
    key = (f"digits_mlp@{STRIPES}", "quantize 8/8")
    for corner in ("optimistic", "pessimistic"):
        there, here = nominal[key].metric("inference_energy_pj", corner), nominal[key].metric("inference_energy_pj")
        assert there is not None and here is not None and there != here
        assert mine[key].metric("inference_energy_pj", corner) == pytest.approx(5e5 * there / here)
        assert mine[key].corners[corner]["reason"] == MOVED
        assert mine[key].metric("accuracy_fraction", corner) is None


def test_factors_know_their_accuracy_and_the_best_keeps_it(folder: Path) -> None:
    rows = tables.make(
        factor_rows(asked(), measured_bills(asked(), folder), BASELINE, ["inference_energy_pj"], 0.02),
        gap_tables.FACTORS,
    )
    four = rows.row(
        by_predicate=(pl.col("back_end") == STRIPES) & (pl.col("compression") == "fixed_point 4/4"), named=True
    )
    assert (four["compression_alone"], four["machine_alone"]) == (pytest.approx(4 / 3), 2.0)
    assert four["both"] == pytest.approx(3.0) and four["interaction"] == pytest.approx(9 / 8)
    assert four["accuracy_loss_fraction"] == pytest.approx(0.08) and not four["is_best_of_family"]
    assert "loses 8.0 points of accuracy, more than 2" in four["reason"]
    eight = rows.row(
        by_predicate=(pl.col("back_end") == STRIPES) & (pl.col("compression") == "quantize 8/8"), named=True
    )
    assert eight["is_best_of_family"] and eight["accuracy_loss_fraction"] == pytest.approx(0.01)
    own = rows.row(by_predicate=pl.col("family") == "physical", named=True)
    assert own["both"] == pytest.approx(1e-3) and "its own network, against digits_mlp on the baseline" in own["reason"]


def test_the_study_tells_what_is_kept(folder: Path) -> None:
    found = bridge.rows(study(asked(), "measured", folder.parents[1]))
    known = {name: tables.make(found[name], gap_tables.TABLES[name]) for name in ("bridge", "factors")}
    assert known["bridge"].height == 3 * (2 * 3 + 1)  # no row for networks that are silent: theirs is measured
    told = measured_bridge(known)
    assert told is not None and f"electronic ×2 (digits_mlp, none, {STRIPES}, +0.0 points lost)" in told.sentence
    assert "physical ÷1,000 (shg_digits" in told.sentence


def test_results_that_are_missing_or_of_another_question_are_refused(folder: Path) -> None:
    other = question(networks=["digits_lenet"], hardware={}, objectives={**COSTS, "accuracy_fraction": "maximize"})
    with pytest.raises(ResultsError, match="holds no design of q as it is now"):
        measured_bills(other, folder)
    (folder / "parts.parquet").unlink()
    with pytest.raises(ResultsError, match=r"has no parts.parquet: answer q first \(snakemake --cores 2 results/q/"):
        measured_bills(asked(), folder)
