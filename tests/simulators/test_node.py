"""CMOS scaling against the factors computed from the paper's coefficients at nominal supplies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._node import NODES_NM, area_factor, energy_factor

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


@given(nodes, nodes, nodes)
def test_energy_steps_compose(a: float, b: float, c: float) -> None:
    assert energy_factor(a, b) * energy_factor(b, c) == pytest.approx(energy_factor(a, c), rel=1e-9)


@given(nodes, nodes)
def test_smaller_nodes_never_cost_more(a: float, b: float) -> None:
    small, large = min(a, b), max(a, b)
    assert energy_factor(large, small) <= 1 + 1e-12
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
    with pytest.raises(ValueError, match="outside 7 to 180 nm"):
        energy_factor(45, node_nm)
    with pytest.raises(ValueError, match="outside 7 to 180 nm"):
        area_factor(node_nm, 45)
