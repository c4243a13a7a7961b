"""What is said against published claims and of equal ground, on tables made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_bridge_findings import BASE, CELLS, asked, cost, factor

from joulescape.gap.bridge_findings import (
    CLAIMS,
    KEPT,
    best_of_a_family,
    claim_of_a_family,
    do_they_multiply,
    measured_bridge,
)
from joulescape.gap.shore_findings import classifiers_do_not_grow, dram_energy
from joulescape.gap_tables import FITS
from joulescape.tables import make

LIGHT = "photonic/light"


def test_every_claim_names_its_source() -> None:
    keys = (Path(__file__).parents[2] / "hwlib" / "references.bib").read_text(encoding="utf-8")
    for claim in CLAIMS.values():
        key = claim.words.rpartition("(")[2].partition(",")[0]
        assert f"{{{key}," in keys and claim.factor > 1


@pytest.mark.parametrize(("family", "back_end"), [("memristive", CELLS), ("photonic", LIGHT)])
def test_a_claim_made_on_other_ground_is_never_contradicted(family: str, back_end: str) -> None:
    claimed = CLAIMS[family].factor
    for high, is_met in ((claimed * 0.99, False), (claimed, True), (claimed * 2, True)):
        found = claim_of_a_family(family, asked([], [factor("a", back_end, 2.0, 2.0, machine_alone_high=high)]))
        assert found is not None and found.contradicts is None
        assert ("not borne out here" in found.sentence) is not is_met
        assert f"against {CLAIMS[family].ground}: on other ground" in found.sentence


def test_the_ground_of_ours_is_named() -> None:
    bridge = [cost("a", CELLS, 2.0, boundary="system", node="28 nm", batch=1)]
    found = claim_of_a_family("memristive", asked(bridge, [factor("a", CELLS, 4.0, 4.0)]))
    assert found is not None and found.uncertainty.endswith(f"boundary system, node 28 nm, batch 1, baseline {BASE}")


def test_a_corner_without_a_design_leaves_the_claim_to_the_others() -> None:
    rows = [factor("a", CELLS, 4.0, 4.0, machine_alone_high=None), factor("b", CELLS, 2.0, 2.0, machine_alone_high=6.0)]
    found = claim_of_a_family("memristive", asked([], rows))
    assert found is not None and "constants is ×6." in found.sentence


def test_a_state_that_costs_unknown_accuracy_is_never_the_best() -> None:
    assert KEPT == ("none", "reported")
    rows = [factor("a", CELLS, 4.0, 4.0), factor("a", CELLS, 4.0, 400.0, "fixed_point 4/4")]
    found = best_of_a_family("memristive", asked([], rows))
    assert found is not None
    assert f"at best by ×4 (a, none, on {CELLS}), counted" in found.sentence
    assert f"In any state, whatever accuracy it costs, ×400 (a, fixed_point 4/4, on {CELLS}) at best." in found.sentence
    alone = best_of_a_family("memristive", asked([], rows[1:]))
    assert alone is None, "a family of which no state keeps the accuracy has no best"
    plain = best_of_a_family("memristive", asked([], rows[:1]))
    assert plain is not None and "In any state" not in plain.sentence


def test_of_equal_factors_the_first_is_told_in_whichever_order_others_come() -> None:
    same = [factor(name, CELLS, 4.0, 4.0) for name in "abc"]
    for order in (same, same[::-1]):
        found = best_of_a_family("memristive", asked([], order))
        assert found is not None and f"by ×4 ({order[0]['network']}, none," in found.sentence


def test_a_loss_beyond_the_tolerance_is_not_counted_as_kept() -> None:
    bridge = [cost("a", CELLS, 1.0, accuracy_fraction=0.9)]
    rows = [factor("a", CELLS, 4.0, 8.0, accuracy_loss_fraction=0.3, is_best_of_family=False)]
    assert measured_bridge(asked(bridge, rows)) is None
    gained = {**rows[0], "accuracy_loss_fraction": -0.01, "is_best_of_family": True, "equal_within_fraction": 0.02}
    kept = measured_bridge(asked(bridge, [gained]))
    assert kept is not None and "-1.0 points lost" in kept.sentence and "no more than 2 points" in kept.sentence


def test_compression_that_costs_energy_counts_as_felt() -> None:
    dearer = factor("a", CELLS, 4.0, 3.0, "reported")
    saved = factor("b", CELLS, 4.0, 8.0, "reported", compression_alone=2.0)
    found = do_they_multiply(asked([], [dearer, saved]))
    assert found is not None and found.sentence.startswith("Of 2 pairs") and "changes the energy" in found.sentence


def fit(series: str, group: str, growth: tuple[float, float, float], slope: float, error: float) -> dict[str, Any]:
    low, value, high = growth
    return {"series": series, "group": group, "span": "first", "law": "exponential", "points_count": 8, "x_low": 2010.0,
            "x_high": 2018.0, "slope_log10": slope, "slope_se": error, "growth_factor": value, "growth_low": low,
            "growth_high": high, "later_count": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("growth", "slope", "error", "is_against"),
    [
        ((0.7, 0.9, 1.2), -0.05, 0.03, True),
        ((0.3, 0.9, 2.9), -0.05, 0.2, False),  # flat, and so vague that the claimed rate is not excluded either
        ((1.1, 1.5, 1.9), 0.17, 0.03, False),
    ],
)
def test_what_is_only_vague_contradicts_no_growth(
    growth: tuple[float, float, float], slope: float, error: float, is_against: bool
) -> None:
    rows = [fit("parameters_by_year", "review", (1.5, 2.0, 2.6), 0.3, 0.04),
            fit("parameters_by_year", "classifiers", growth, slope, error)]  # fmt: skip
    found = classifiers_do_not_grow({"fits": make(rows, FITS)})
    assert found is not None and (found.contradicts is not None) is is_against
    assert ("can be told from none" in found.sentence) is (growth[0] <= 1)


@pytest.mark.parametrize(("growth", "is_silent"), [((0.5, 0.8, 1.3), True), ((0.5, 0.6, 0.7), False)])
def test_kinds_of_memory_that_can_be_judged_are_not_said_to_be_silent(
    growth: tuple[float, float, float], is_silent: bool
) -> None:
    found = dram_energy({"fits": make([fit("dram_energy_by_year", "ddr", growth, -0.1, 0.05)], FITS)})
    assert found is not None
    assert ("neither show a stall" in found.sentence) is is_silent
    assert f"For {'none' if is_silent else 1} of them" in found.sentence
