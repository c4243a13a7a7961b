"""SRAM by capacity: the table's points, between them, beyond them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape.resolve.back_end import load_back_end
from joulescape.simulators._sram import SramTable
from joulescape.spec.sourced import at_corner

SPEC = load_back_end(Path(__file__).resolve().parents[2], "electronic/systolic_int8", {}).spec
TABLE = SramTable.model_validate(SPEC.parameters["sram"])
capacities = st.floats(256, 64 << 20)


@pytest.mark.parametrize(
    ("kib", "read_pj", "write_pj", "leak_mw", "area"),
    [(1, 0.787, 1.441, 0.0167, 0.0036), (32, 7.233, 5.619, 0.5147, 0.1119), (1024, 41.761, 29.739, 14.1395, 3.2633)],
)
def test_macros_of_the_table(kib: int, read_pj: float, write_pj: float, leak_mw: float, area: float) -> None:
    size = kib * 1024
    assert TABLE.read_pj_per_byte(size) * 8 == pytest.approx(read_pj)
    assert TABLE.write_pj_per_byte(size) * 8 == pytest.approx(write_pj)
    assert TABLE.leakage(size) == pytest.approx(leak_mw)
    assert TABLE.area(size) == pytest.approx(area)


@given(capacities, capacities)
def test_larger_never_costs_less(a: float, b: float) -> None:
    small, large = min(a, b), max(a, b)
    for quantity in (TABLE.read_pj_per_byte, TABLE.write_pj_per_byte, TABLE.leakage, TABLE.area):
        assert quantity(large) >= quantity(small) * (1 - 1e-12)


@given(capacities)
def test_arrays_equal_scalars(capacity: float) -> None:
    both = np.array([capacity, 4096.0])
    for quantity in (TABLE.read_pj_per_byte, TABLE.leakage, TABLE.area):
        np.testing.assert_allclose(quantity(both), [quantity(capacity), quantity(4096.0)])


def test_between_two_capacities_is_their_geometric_mean() -> None:
    middle = 1024 * np.sqrt(2 * 4)
    assert TABLE.read_pj_per_byte(middle) * 8 == pytest.approx(np.sqrt(1.315 * 2.342))


def test_many_macros_side_by_side_leak_and_cover_in_proportion() -> None:
    assert TABLE.area(24 << 20) == pytest.approx(24 * 3.2633)
    assert TABLE.leakage(4 << 20) == pytest.approx(4 * 14.1395)
    assert TABLE.read_pj_per_byte(1 << 20) < TABLE.read_pj_per_byte(4 << 20) < 4 * TABLE.read_pj_per_byte(1 << 20)


def test_corners_move_every_row_of_the_table() -> None:
    low, high = at_corner(TABLE, "optimistic"), at_corner(TABLE, "pessimistic")
    assert low.read_pj_per_byte(8192) == pytest.approx(TABLE.read_pj_per_byte(8192) / 2, rel=1e-4)
    assert high.area(8192) == pytest.approx(2 * TABLE.area(8192), rel=1e-4)


def test_its_component_names_the_source_and_scales_with_the_node() -> None:
    component = TABLE.component("weight_sram")
    assert (component.scope, component.basis, component.source) == ("chip", "derived", "balasubramonian2017")
    assert component.scales


@pytest.mark.parametrize("capacity", [0, -1024])
def test_capacities_must_be_positive(capacity: int) -> None:
    raw = TABLE.model_dump()
    bad = {**raw, "read_pj": {**raw["read_pj"], capacity: raw["read_pj"][1024]}}
    with pytest.raises(ValidationError, match="must be positive"):
        SramTable.model_validate(bad)
