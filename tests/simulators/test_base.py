"""The shapes that simulators answer in: components and their proof, off-chip memory, what a cost may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import SimulatorError
from joulescape.simulators.base import WEAKNESS, Checked, Component, OffChip, ceil_div
from joulescape.spec.sourced import Basis, Sourced
from joulescape.testing import example_context


def constant(basis: Basis = "derived", value: float = 1.0, source: str = "joulescape") -> Sourced:
    return Sourced(value=value, low=value / 2, high=value * 2, basis=basis, source=source)


# --- components --------------------------------------------------------------------------------------------------


def test_a_component_has_the_proof_of_its_constant() -> None:
    found = Component.of("adc", "core", constant("measured", source="shen2017"), scales=True)
    assert (found.name, found.scope, found.basis, found.source, found.scales) == (
        "adc", "core", "measured", "shen2017", True,
    )  # fmt: skip


@given(st.lists(st.sampled_from(WEAKNESS), min_size=1, max_size=6))
def test_a_component_is_as_well_known_as_the_weakest_of_its_constants(bases: list[Basis]) -> None:
    constants = [constant(basis, source=str(index)) for index, basis in enumerate(bases)]
    found = Component.resting_on("laser", "core", *constants)
    assert WEAKNESS.index(found.basis) == max(WEAKNESS.index(basis) for basis in bases)
    assert found.source == str(bases.index(found.basis)), "the first such one is named"


# --- off-chip memory ---------------------------------------------------------------------------------------------


def memory(read: Basis = "derived", write: Basis = "assumed") -> OffChip:
    return OffChip("memory", constant(read, 4.0), constant(write, 5.0), constant(value=100.0))


def test_a_memory_whose_writes_are_assumed_is_assumed() -> None:
    """DDR3 and HBM2 of the shelf: a published read energy, a write taken equal to it."""
    assert memory().component().basis == "assumed"
    assert memory("derived", "derived").component().basis == "derived"
    assert memory().component().scope == "system"


@given(read=st.floats(0, 1e9), written=st.floats(0, 1e9))
def test_a_transfer_costs_its_bits(read: float, written: float) -> None:
    assert memory().transfer(read, written).energy_pj == pytest.approx(8 * (4 * read + 5 * written))
    assert memory().time_ns(read + written) == pytest.approx(8 * (read + written) / 100)


def test_transfers_broadcast_over_variants() -> None:
    moved = memory().transfer(np.array([0.0, 10.0]), np.array([1.0, 0.0])).energy_pj
    assert np.asarray(moved) == pytest.approx([40.0, 320.0])


@given(st.floats(0, 1e9))
def test_memory_outside_the_boundary_takes_no_time(moved: float) -> None:
    inside = example_context()
    outside = replace(inside, includes_off_chip=False)
    assert inside.off_chip_ns(moved) == inside.off_chip.time_ns(moved)
    assert outside.off_chip_ns(moved) == 0
    assert np.array_equal(np.asarray(outside.off_chip_ns(np.array([moved, 1.0]))), [0.0, 0.0])


# --- costs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), np.array([1.0, -1e-9]), np.array([np.inf, 0.0])])
def test_a_cost_that_cannot_be_is_refused_by_name(value: Any) -> None:
    with pytest.raises(SimulatorError, match="mesh, fc: laser"):
        Checked("mesh, fc", {"adc": 1.0, "laser": value})


@given(st.lists(st.floats(0, 1e30), max_size=5))
def test_finite_costs_pass(values: list[float]) -> None:
    assert Checked("here", {str(index): value for index, value in enumerate(values)}).where == "here"


# --- whole tiles -------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_ceil_div_is_the_smallest_whole_number_that_covers(numerator: int, denominator: int) -> None:
    found = int(ceil_div(numerator, denominator))
    assert found * denominator >= numerator > (found - 1) * denominator


def test_ceil_div_broadcasts() -> None:
    assert list(ceil_div(np.array([1, 8, 9]), 8)) == [1, 1, 2]
    assert list(ceil_div(9, np.array([2.0, 3.0, 4.5]))) == [5, 3, 2]


@pytest.mark.parametrize(("outputs", "depth", "columns", "cycles"), [(8, 27, 1800, 225), (8, 72, 1568, 396)])
def test_tiles_of_the_lightning_transformer(outputs: int, depth: int, columns: int, cycles: int) -> None:
    """4 tiles of 12 rows, 12 wavelengths, 2 cores of 12 columns: ceil on every mapped dimension (G9)."""
    assert int(ceil_div(outputs, 4 * 12) * ceil_div(depth, 12) * ceil_div(columns, 2 * 12)) == cycles
