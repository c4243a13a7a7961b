"""Ratios of bills and their reasons, on bills made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.gap.bills import Bill, Where
from joulescape.gap.factors import Four, best_of_family, factors, ratio, reason
from joulescape.gap.states import State
from joulescape.gap.why import why
from joulescape.resolve.candidate import Pair
from joulescape.spec.sourced import CORNERS

ENERGY, AREA = "inference_energy_pj", "gops_per_mm2"
COSTS = st.floats(1e-3, 1e6)


def bill(typical: float, spread: float = 2.0, state: str = "none", where: Where | None = None) -> Bill:
    """Costs `typical` over and times `spread` at the corners; the efficiency is the inverse."""
    values = zip(CORNERS, (typical / spread, typical, typical * spread), strict=True)
    corners = {corner: {"state": "valid", "reason": None, ENERGY: at, AREA: 1 / at} for corner, at in values}
    return Bill(State(state, Pair("n", "electronic/b"), "none", "?", ()), "electronic", corners, where)


def refused(reason: str) -> Bill:
    rows = {corner: {"state": "infeasible", "reason": reason} for corner in CORNERS}
    return Bill(State("none", Pair("n", "electronic/b"), "none", "?", ()), "electronic", rows, None)


@given(COSTS, COSTS, COSTS, COSTS)
def test_interaction_is_the_saving_here_over_the_saving_there(b0: float, b1: float, m0: float, m1: float) -> None:
    for metric in (ENERGY, AREA):
        known = factors(metric, Four(bill(b0), bill(b1, state="c"), bill(m0), bill(m1, state="c")))
        assert known["interaction"] == pytest.approx((m0 / m1) / (b0 / b1))
        assert known["both"] == pytest.approx(b0 / m1) and known["product"] == pytest.approx(b0 / b1 * b0 / m0)


def test_one_machines_constants_move_together_and_two_machines_meet_at_opposite_corners() -> None:
    base, other = bill(10.0, 2.0), bill(5.0, 3.0)
    alone, across = ratio(ENERGY, base, other, is_one_machine=True), ratio(ENERGY, base, other)
    assert (alone.low, alone.value, alone.high) == pytest.approx((20 / 15, 2.0, 5 / (5 / 3)))
    assert (across.low, across.value, across.high) == pytest.approx((5 / 15, 2.0, 20 / (5 / 3)))


def test_what_is_missing_is_missing_and_says_why() -> None:
    four = Four(bill(1.0), None, refused("too large"), refused("too large by far"))
    known = factors(ENERGY, four)
    assert known["compression_alone"] is known["machine_alone"] is known["both"] is known["interaction"] is None
    assert reason(four) == "the baseline, compressed: not priced; as trained: too large; compressed: too large by far"
    assert reason(Four(bill(1.0), bill(1.0), bill(1.0), bill(1.0))) is None


def test_the_best_of_a_family_keeps_the_accuracy_that_is_asked_for() -> None:
    same = {"question": "q", "network": "n", "metric": ENERGY, "compression": "c", "family": "f"}
    rows = [
        {**same, "both": both, "accuracy_loss_fraction": loss} for both, loss in ((5.0, 0.3), (2.0, 0.01), (9.0, None))
    ]
    assert [row["is_best_of_family"] for row in best_of_family(rows)] == [False, False, True]
    assert [row["is_best_of_family"] for row in best_of_family(rows, 0.02)] == [False, True, False]


def where(memory: float, converters: float) -> Where:
    return Where({"off_chip_memory": memory, "adc": converters}, {"array": memory + converters}, {"adc": 2.0})


def test_the_reason_names_what_shrinks_and_what_does_not() -> None:
    base, less = bill(100.0, where=where(90.0, 10.0)), bill(55.0, state="c", where=where(45.0, 10.0))
    machine, both = bill(50.0, where=where(10.0, 40.0)), bill(45.0, state="c", where=where(5.0, 40.0))
    said = why(ENERGY, base, less, machine, both)
    assert said.startswith("Compression divides energy by 1.11 here, on the baseline by 1.82.")
    assert "Here adc (80% of it) does not shrink, off chip memory (20% of it) keeps 50% of itself" in said
    assert "adc is 89% of what is left; there off chip memory (90% of it) keeps 50% of itself" in said
    assert why(ENERGY, base, base, base, base) == "As trained, energy goes to off chip memory 90%, adc 10%."
    assert why(ENERGY, base, less, base, less).startswith("Compression divides energy by 1.82: off chip memory (90%")
    assert why(AREA, base, less, machine, both).count("on 2 mm2") == 2
