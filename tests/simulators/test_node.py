"""CMOS scaling against the factors computed from the paper's coefficients at nominal supplies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._node import MEASURED_PJ, NODES_NM, SCALING_RULES, ScalingRule, area_factor, energy_factor

FROM_65 = {
    180: (15.6906, 12), 130: (3.7491, 4.3), 90: (1.9111, 1.9), 65: (1.0, 1), 45: (0.5124, 0.66), 32: (0.272, 0.31),
    20: (0.1195, 0.14), 16: (0.0824, 0.13), 14: (0.0572, 0.12), 10: (0.0418, 0.068), 7: (0.0284, 0.039),
}  # fmt: skip
nodes = st.floats(7, 180)


@pytest.mark.parametrize("node_nm", NODES_NM)
def test_derived_factors(node_nm: int) -> None:
    energy, area = FROM_65[node_nm]
    assert energy_factor(65, node_nm) == pytest.approx(energy, rel=1e-3, abs=6e-5)
    assert area_factor(65, node_nm) == pytest.approx(area, rel=1e-9)


rules = st.sampled_from(SCALING_RULES)


@given(nodes, nodes, nodes, rules)
def test_energy_steps_compose(a: float, b: float, c: float, rule: ScalingRule) -> None:
    steps = energy_factor(a, b, rule) * energy_factor(b, c, rule)
    assert steps == pytest.approx(energy_factor(a, c, rule), rel=1e-9)


def test_the_makers_table_shrinks_far_less_than_the_polynomials() -> None:
    """Arithmetic 2.1 to 4.3 times, SRAM 1.3 to 7.1 times from 45 to 7 nm; by the first rule all of it 18 times."""
    shrinks = [old / new for old, new in MEASURED_PJ]
    assert (min(shrinks[:8]), max(shrinks[:8])) == pytest.approx((2.09, 4.29), rel=5e-3)
    assert (min(shrinks[8:]), max(shrinks[8:])) == pytest.approx((1.33, 7.14), rel=5e-3)
    by_table, by_polynomial = (1 / energy_factor(45, 7, rule) for rule in ("tpuv4i", "stillmaker"))
    assert by_table == pytest.approx(math.prod(shrinks) ** (1 / 11))
    assert 3.4 < by_polynomial / by_table < 7


@given(nodes, nodes)
def test_above_the_makers_table_the_rules_agree(a: float, b: float) -> None:
    large, larger = 45 + (a - 7) / 173 * 135, 45 + (b - 7) / 173 * 135
    assert energy_factor(large, larger, "tpuv4i") == pytest.approx(energy_factor(large, larger))


@given(nodes, nodes, rules)
def test_smaller_nodes_never_cost_more(a: float, b: float, rule: ScalingRule) -> None:
    small, large = min(a, b), max(a, b)
    assert energy_factor(large, small, rule) <= 1 + 1e-12
    assert area_factor(large, small) <= 1.02, "the table is rounded to two digits"


@given(nodes, nodes)
def test_area_there_and_back_is_one_up_to_the_tables_rounding(a: float, b: float) -> None:
    assert area_factor(a, b) * area_factor(b, a) == pytest.approx(1, rel=0.08)


def test_twenty_eight_nm_lies_between_its_neighbours() -> None:
    assert energy_factor(45, 20) < energy_factor(45, 28) < energy_factor(45, 32)
    assert area_factor(45, 20) < area_factor(45, 28) < area_factor(45, 32)
    share = (math.log(28) - math.log(20)) / (math.log(32) - math.log(20))
    between = math.exp((1 - share) * math.log(0.21) + share * math.log(0.46))
    assert area_factor(45, 28) == pytest.approx(between)


@pytest.mark.parametrize("node_nm", [3, 6.9, 181])
def test_nodes_outside_the_papers_range_are_refused(node_nm: float) -> None:
    for rule in SCALING_RULES:
        with pytest.raises(ValueError, match="outside 7 to 180 nm"):
            energy_factor(45, node_nm, rule)
    with pytest.raises(ValueError, match="outside 7 to 180 nm"):
        area_factor(node_nm, 45)
