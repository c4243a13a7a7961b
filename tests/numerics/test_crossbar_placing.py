"""Mapping around stuck cells: exact where faults allow it, never worse, and the arrays come back in their own order."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch
from crossbar_numbers import generator, matrices, spec
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import SimulatorError
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.device import CrossbarNumbers, draw_faults
from joulescape.numerics.crossbar.placing import (
    best_rows,
    better_negated,
    corrected_pair,
    fault_cost,
    moved_rows,
    row_costs,
)
from joulescape.numerics.crossbar.programmed import write

torch.set_num_threads(1)
SIGNIFICANCE = torch.tensor([1.0, 4.0])
NAN = float("nan")


def weight_error(seed: int = 0, **changes: float) -> float:
    weight, _ = matrices(120, 20)
    cells = write(weight, CrossbarNumbers.of(spec(**changes)), generator(seed))
    return float((cells.effective - cells.integers.T).square().mean().sqrt())


@pytest.mark.parametrize(("way", "fault", "most"), [
    ("sign", "stuck_off_fraction", 0.95), ("rows", "stuck_off_fraction", 0.8), ("rows", "stuck_on_fraction", 0.8),
    ("pairs", "stuck_on_fraction", 0.8),
])  # fmt: skip
def test_mapping_around_faults_helps(way: str, fault: str, most: float) -> None:
    """A negated output helps where its weights may be missing, a partner where the other cell conducts too much."""
    plain, mapped = (
        statistics.fmean(weight_error(seed, **{fault: 0.002, f"is_remapped_by_{way}": on}) for seed in range(4))
        for on in (0.0, 1.0)
    )
    assert mapped < most * plain


def test_rows_help_offset_columns_too_and_signs_are_refused_there() -> None:
    plain, moved = (weight_error(is_differential=0, stuck_on_fraction=0.01, is_remapped_by_rows=v) for v in (0.0, 1.0))
    assert moved < 0.9 * plain
    with pytest.raises(SimulatorError, match="differential"):
        weight_error(is_differential=0, stuck_on_fraction=0.01, is_remapped_by_sign=1.0)


@pytest.mark.parametrize("way", ["sign", "rows", "pairs"])
def test_without_faults_nothing_is_lost(way: str) -> None:
    weight, x = matrices(150, 10)
    exact, found = (
        plugin.program(weight, spec(**changes), x, generator(), "merged")(x, generator())
        for changes in ({}, {f"is_remapped_by_{way}": 1.0, "wire_kohm": 0.0})
    )
    assert torch.equal(exact, found)


@pytest.mark.parametrize("way", ["sign", "rows", "pairs"])
def test_both_details_hold_the_same_mapped_device(way: str) -> None:
    weight, x = matrices(100, 8)
    errors = spec(stuck_on_fraction=0.02, adc_bits=24, **{f"is_remapped_by_{way}": 1.0})
    found: list[Any] = [
        plugin.program(weight, errors, x, generator(5), detail)(x, generator())  # type: ignore[arg-type]
        for detail in ("merged", "full")
    ]
    assert float((found[0] - found[1]).abs().max() / found[1].abs().max()) < 1e-5


def test_the_partner_of_a_stuck_cell_makes_up_for_it() -> None:
    """+2 with the positive cell stuck at 3: the other goes to 1; -2 there is out of reach and stops at the top."""
    positive, negative = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[0.0, 2.0]]])
    stuck = torch.tensor([[[[3.0, 3.0]]]])
    first, second = corrected_pair([positive, negative], [stuck, torch.full_like(stuck, NAN)], 3.0)
    assert torch.equal(first, positive)
    assert second.flatten().tolist() == [1.0, 3.0]


@given(st.integers(1, 9), st.integers(0, 50), st.floats(0.0, 0.5))
@settings(max_examples=40, deadline=None)
def test_the_assignment_is_one_and_never_worse_than_none(rows: int, seed: int, share: float) -> None:
    numbers = CrossbarNumbers.of(spec(stuck_off_fraction=share / 2, stuck_on_fraction=share / 2))
    arrays = [torch.randint(0, 4, (2, rows, 6), generator=generator(seed + k)).float() for k in range(2)]
    stuck = [draw_faults(array, numbers, generator(seed + 7 + k)) for k, array in enumerate(arrays)]
    order = best_rows(arrays, stuck, SIGNIFICANCE, 2 * rows)
    assert torch.equal(order.sort(dim=1).values, torch.arange(rows).expand(2, -1))
    weighs = SIGNIFICANCE.square().repeat(3)
    before, after = (
        sum(float((fault_cost(a, s) * weighs).sum()) for a, s in zip(placed, stuck, strict=True))
        for placed in (arrays, [moved_rows(a, order) for a in arrays])
    )
    assert after <= before + 1e-3


def test_rows_that_nothing_drives_take_the_worst_places() -> None:
    """Three inputs in two tiles of two rows: the last place of the second tile is not driven. Its first row is stuck at
    the top, where a full cell would cost nothing and the only input there, which wants 0, costs 9."""
    levels = torch.tensor([[[3.0], [3.0]], [[0.0], [0.0]]])
    stuck = torch.full((1, 2, 2, 1), NAN)
    stuck[0, 1, 0] = 3.0
    one = torch.ones(1)
    assert best_rows([levels], [stuck], one, 3).tolist() == [[0, 1], [1, 0]]


def test_copies_err_by_their_mean_in_either_cost() -> None:
    """One of two copies stuck at the top over a zero: the pair holds 1.5 too much, 2.25, not the mean of 9 and 0."""
    levels, stuck = torch.zeros(1, 1, 1), torch.full((2, 1, 1, 1), NAN)
    stuck[0] = 3.0
    assert fault_cost(levels, stuck).item() == 2.25
    assert row_costs(levels, stuck, torch.ones(1)).item() == 2.25


@given(st.integers(1, 3), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_the_cost_of_leaving_rows_where_they_are_is_the_cost_of_the_faults(copies: int, seed: int) -> None:
    numbers = CrossbarNumbers.of(spec(cell_copies=copies, stuck_off_fraction=0.2, stuck_on_fraction=0.2))
    levels = torch.randint(0, 4, (2, 5, 4), generator=generator(seed)).float()
    stuck = draw_faults(levels, numbers, generator(seed + 1))
    weighs = SIGNIFICANCE.square().repeat(2)
    stays = row_costs(levels, stuck, weighs).diagonal(dim1=1, dim2=2)
    assert torch.allclose(stays, (fault_cost(levels, stuck) * weighs).sum(dim=2), atol=1e-3)


def test_rows_move_there_and_back() -> None:
    array = torch.randn(3, 10, 4, generator=generator())
    order = torch.stack([torch.randperm(10, generator=generator(s)) for s in range(3)])
    assert torch.equal(moved_rows(moved_rows(array, order), order.argsort(dim=1)), array)


def test_an_output_is_negated_where_its_faults_suit_the_other_array() -> None:
    """One row, two outputs of two slices; the positive array is stuck at the top where the negative one is full."""
    positive, negative = torch.tensor([[[0.0, 0.0, 3.0, 3.0]]]), torch.tensor([[[3.0, 3.0, 0.0, 0.0]]])
    stuck_positive = torch.tensor([[[[3.0, 3.0, NAN, NAN]]]])
    works = torch.full((1, 1, 1, 4), NAN)
    found = better_negated([positive, negative], [stuck_positive, works], SIGNIFICANCE)
    assert found.flatten().tolist() == [True, True, False, False]


def test_faults_are_as_many_as_said_in_every_copy() -> None:
    numbers = CrossbarNumbers.of(spec(cell_copies=3, stuck_off_fraction=0.1, stuck_on_fraction=0.2))
    stuck = draw_faults(torch.zeros(1, 200, 200), numbers, generator())
    assert stuck.shape == (3, 1, 200, 200)
    for level, share in ((0.0, 0.1), (3.0, 0.2)):
        assert torch.allclose((stuck == level).float().mean(dim=(1, 2, 3)), torch.full((3,), share), atol=0.01)
