"""Bills at nominal statistics: variants, corners that cannot be, where it all goes, and why compression helps."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from bridge_questions import BASELINE, METRICS, asked, billed, question
from gap_designs import ENERGY, ISAAC, LATENCY, MESH, STRIPES, mlp, pairs
from hypothesis import given
from hypothesis import strategies as st

from joulescape import gap_tables, tables
from joulescape.gap.bills import Bill, Where, added_up, bridge_rows, largest
from joulescape.gap.bridge import factor_rows
from joulescape.gap.factors import LARGER_IS_BETTER, Four, factors, ratio
from joulescape.gap.priced import bill, bills_of, corners_of, priced_bills
from joulescape.gap.states import State, states
from joulescape.gap.why import EXPLAINED, why
from joulescape.pricing import cost
from joulescape.resolve.candidate import Pair
from joulescape.spec.sourced import CORNERS
from joulescape.spec.space import ACCURACY_METRICS

PARTS = st.lists(st.tuples(st.sampled_from(["memory", "adc", "array"]), st.floats(0.01, 1e6)), min_size=1, max_size=8)


def found(back_end: str, state: str = "none", network: str = "digits_mlp") -> Bill:
    return next(one for one in billed() if one.state.pair == Pair(network, back_end) and one.state.name == state)


def made(corners: dict[str, float | None], state: str = "none", back_end: str = "electronic/b", **where: Any) -> Bill:
    """A bill whose energy at a corner is given; None where the design cannot be."""
    rows = {
        corner: {"state": "infeasible", "reason": f"too hot, {corner}"} if at is None else
        {"state": "valid", "reason": None, ENERGY: at, "tops_per_w": 1 / at}
        for corner, at in corners.items()
    }  # fmt: skip
    of = State(state, Pair("n", back_end), "none", "?", ())
    return Bill(of, "f", rows, **{"where": None, **where})  # type: ignore[arg-type]


def at(low: float | None, typical: float | None, high: float | None) -> dict[str, float | None]:
    return dict(zip(CORNERS, (low, typical, high), strict=True))


@given(PARTS)
def test_parts_are_added_up_by_name_and_none_is_lost(parts: list[tuple[str, float]]) -> None:
    summed = added_up(parts)
    assert sum(summed.values()) == pytest.approx(sum(value for _, value in parts))
    assert set(summed) == {name for name, _ in parts}
    name, share = largest(summed)
    assert summed[name] == max(summed.values()) and 0 < share <= 1


@pytest.mark.parametrize("back_end", [BASELINE, STRIPES, ISAAC, MESH])
def test_where_it_goes_adds_up_to_what_it_costs(back_end: str) -> None:
    one = found(back_end)
    assert one.where is not None
    assert sum(one.where.energy.values()) == pytest.approx(one.metric(ENERGY))
    assert sum(one.where.time.values()) == pytest.approx(one.metric(LATENCY))
    assert one.where.area_mm2 == pytest.approx(one.metric("area_mm2"))


def test_what_a_layer_waits_for_on_the_host_is_named_so() -> None:
    stripes, isaac = (found(back_end).where for back_end in (STRIPES, ISAAC))
    assert stripes is not None and isaac is not None
    assert "instructions of the host" in stripes.time
    assert not any(name.endswith(" of the host") for name in [*isaac.time, *stripes.energy])


@pytest.mark.parametrize("corner", CORNERS)
def test_corners_are_those_of_ordinary_pricing(corner: str) -> None:
    four_bits = {f"compression.fixed_point.{kind}_bits": 4 for kind in ("weight", "activation")}
    report = cost("digits_mlp", STRIPES, {"node": 28, **four_bits}, corner=corner)  # type: ignore[arg-type]
    row = found(STRIPES, "fixed_point 4/4").corners[corner]  # type: ignore[index]
    assert all(row[name] == pytest.approx(report.totals[name]) for name in METRICS)


def test_every_corner_of_a_sweep_is_of_the_variant_that_is_best_at_the_typical_one() -> None:
    one = found(ISAAC)
    candidate = one.state.candidates[0]
    rows = {variant: corners_of(mlp(), candidate, variant, CORNERS) for variant in range(3)}
    products = {variant: some["typical"][ENERGY] * some["typical"][LATENCY] for variant, some in rows.items()}
    best = min(products, key=products.__getitem__)
    for corner in CORNERS:
        assert one.metric(ENERGY, corner) == rows[best][corner][ENERGY]
    assert rows[2]["typical"]["area_mm2"] > rows[0]["typical"]["area_mm2"], "eight tiles are larger than one"


def test_some_networks_alone_may_be_priced() -> None:
    assert {one.state.network for one in priced_bills(mlp(), ["digits_mlp"])} == {"digits_mlp"}
    assert priced_bills(mlp(), ["digits_lenet"]) == []
    pair = pairs(mlp(), STRIPES)[0]
    assert [one.state.name for one in bills_of(mlp(), pair)] == [state.name for state in states(mlp(), pair)]


def test_a_link_that_does_not_close_at_one_corner_is_a_row_with_its_reason() -> None:
    rows = tables.make(bridge_rows(asked(), [found(MESH)]), gap_tables.BRIDGE)
    lost = rows.filter(pl.col("state") != "valid").to_dicts()
    assert [row["corner"] for row in lost] == ["pessimistic"]
    assert "the link asks for" in lost[0]["reason"] and lost[0][ENERGY] is None
    key = ("digits_mlp", MESH, "none")
    some = factor_rows(asked(), billed(), BASELINE, (ENERGY,))
    factor = next(row for row in some if (row["network"], row["back_end"], row["compression"]) == key)
    assert factor["both_low"] is None and factor["both_high"] is not None
    assert factor["reason"].startswith(f"pessimistic corner of {MESH}: a path of")


def test_a_corner_that_makes_every_design_infeasible_leaves_no_end_and_says_why() -> None:
    """All machines fail at the optimistic corner, the baseline too: no interval has an end there."""
    base, other = (made(at(None, 10.0, 20.0), back_end=name) for name in (BASELINE, STRIPES))
    known = factors(ENERGY, Four(base, base, other, other))
    assert known["both"] == 1.0 and known["both_low"] is None and known["both_high"] is None
    assert known["compression_alone_low"] is None and known["compression_alone_high"] is None


@pytest.mark.parametrize("missing", range(3))
def test_an_interval_of_one_machine_is_of_all_corners_or_none(missing: int) -> None:
    costs: list[float | None] = [5.0, 10.0, 20.0]
    whole = ratio(ENERGY, made(at(5.0, 10.0, 20.0)), made(at(4.0, 5.0, 5.0)), is_one_machine=True)
    assert (whole.low, whole.value, whole.high) == pytest.approx((5 / 4, 2.0, 4.0))
    costs[missing] = None
    torn = ratio(ENERGY, made(at(*costs)), made(at(4.0, 5.0, 5.0)), is_one_machine=True)
    assert torn.low is None and torn.high is None
    assert torn.value == (None if CORNERS[missing] == "typical" else 2.0)


def test_larger_is_better_for_efficiencies_and_accuracies_alone() -> None:
    assert ACCURACY_METRICS < LARGER_IS_BETTER
    assert {"inference_energy_pj", "area_mm2", "training_energy_pj"}.isdisjoint(LARGER_IS_BETTER)
    before, after = made(at(5.0, 10.0, 20.0)), made(at(1.0, 2.0, 4.0))
    assert ratio("tops_per_w", before, after).value == pytest.approx(ratio(ENERGY, before, after).value)


WHERE = {"where": Where({"off_chip_memory": 6.0, "adc": 4.0}, {"array": 1.0}, {"adc": 2.0})}


def test_an_efficiency_is_explained_by_what_it_saves_not_by_its_inverse() -> None:
    before, after = made(at(5.0, 10.0, 20.0), **WHERE), made(at(1.0, 5.0, 9.0), "c", **WHERE)
    for metric in (ENERGY, "tops_per_w"):
        assert why(metric, before, after, before, after).startswith("Compression divides energy by 2: off chip memory")


def test_metrics_without_parts_are_not_explained() -> None:
    assert set(EXPLAINED) >= set(METRICS)
    rows = factor_rows(asked(), billed(), BASELINE, ("area_mm2", "mean_power_mw", ENERGY))
    told = {(row["metric"], row["why"] is not None) for row in rows if row["both"] is not None}
    assert told == {("area_mm2", False), ("mean_power_mw", False), (ENERGY, True)}


def test_a_network_that_nothing_can_carry_is_one_bill_with_the_least_miss() -> None:
    tiny = {ISAAC: {"tiles": {"kind": "choice", "options": [1, 2]}, "imas_per_tile": 1, "crossbars_per_ima": 1}}
    space = question(networks=["digits_lenet"], back_ends=[BASELINE, ISAAC], hardware=tiny)
    one = bill(space, states(space, pairs(space, ISAAC)[0])[0])
    assert one.where is None and one.metric(ENERGY) is None
    assert one.refusal is not None and "crossbars" in one.refusal
    assert {row["state"] for row in one.corners.values()} == {"infeasible"}


def test_states_without_a_source_say_who_set_them() -> None:
    rows = tables.make(bridge_rows(asked(), billed()), gap_tables.BRIDGE)
    assert rows["compression_source"].null_count() == 0 and rows["compression_basis"].null_count() == 0
    told = dict(rows.select("compression", "compression_source").unique().iter_rows())
    assert told["none"] == "as trained"
    assert "nobody measured" in told["quantize 8/8"] and "nobody measured" in told["fixed_point 4/4"]
