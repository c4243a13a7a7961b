"""Grids of converters and cuts of matrices, as all tiled optics use them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.numerics import _tiles
from joulescape.numerics._receivers import Noise, received
from joulescape.numerics._tiles import Grid, Quantiser

torch.set_num_threads(1)
FEW = settings(max_examples=40, deadline=None)
grids = st.builds(
    Grid, outputs=st.integers(1, 20), inputs=st.integers(1, 20), rows=st.integers(1, 9), columns=st.integers(1, 9)
)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@FEW
@given(grids)
def test_tiles_multiply_as_the_matrix_does(grid: Grid) -> None:
    """What each slice of the input meets, summed over slices, is the product."""
    weight, x = drawn(grid.outputs, grid.inputs), drawn(5, grid.inputs, seed=1)
    sums = torch.bmm(grid.sliced(x), grid.stacked(grid.tiles(weight)).transpose(1, 2))
    assert sums.shape == (grid.across, 5, grid.outputs)
    assert torch.allclose(sums.sum(0), x @ weight.T, atol=1e-4)


@FEW
@given(grids)
def test_values_of_tiles_and_rows_reach_their_outputs(grid: Grid) -> None:
    """The largest magnitude of a row, and of a tile, is that of the outputs it feeds."""
    weight = drawn(grid.outputs, grid.inputs)
    tiles = grid.tiles(weight)
    by_row, by_tile = grid.per_row(tiles.abs().amax(2)), grid.per_output(tiles.abs().amax((1, 2)))
    assert by_row.shape == by_tile.shape == (grid.across, 1, grid.outputs)
    assert torch.allclose(by_row.amax(0)[0], weight.abs().amax(1))
    assert bool((by_tile >= by_row).all())
    assert float(by_tile.max()) == pytest.approx(float(weight.abs().max()))


@FEW
@given(grids)
def test_the_largest_sum_of_a_tile_is_among_its_outputs(grid: Grid) -> None:
    sums = drawn(grid.across, 4, grid.outputs)
    largest = grid.per_output(grid.largest(sums))
    assert bool((largest >= sums.abs().amax(1, keepdim=True)).all())
    assert float(largest.max()) == pytest.approx(float(sums.abs().max()))


@FEW
@given(bits=st.integers(2, 10), is_signed=st.booleans(), top=st.floats(1e-3, 1e3))
def test_a_grid_rounds_once_and_stays_in_range(bits: int, is_signed: bool, top: float) -> None:
    grid = Quantiser(torch.tensor(top), bits, is_signed)
    values = drawn(200) * top
    found = grid(values)
    assert torch.allclose(grid(found), found, atol=1e-5 * top)
    assert float(found.max()) <= top * (1 + 1e-5)
    assert float(found.min()) >= (-top if is_signed else 0.0) * (1 + 1e-5)
    inside = values[(values.abs() < top) & (values > 0)]
    assert bool(((grid(inside) - inside).abs() <= grid.step / 2 * (1 + 1e-3)).all())


@pytest.mark.parametrize(("bits", "is_signed", "levels"), [(1, False, 2), (3, False, 8), (3, True, 7), (8, True, 255)])
def test_a_grid_has_its_levels(bits: int, is_signed: bool, levels: int) -> None:
    values = torch.linspace(-2, 2, 100001)
    assert len(Quantiser(torch.tensor(1.0), bits, is_signed)(values).unique()) == levels


def test_without_bits_nothing_is_rounded() -> None:
    values = drawn(10) * 100
    exact = Quantiser(torch.tensor(1.0), None, is_signed=True)
    assert torch.equal(exact(values), values)
    assert float(exact.step) == 0


def test_samples_may_go_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without noise a machine's answers do not depend on how many samples are held at once."""
    grid = Grid(5, 7, 4, 4)
    weight, x = torch.randn(5, 7, generator=torch.Generator().manual_seed(1)), torch.rand(50, 7)
    tiles = grid.tiles(weight)
    silent = Noise(0.0, 0.0, 0.0)
    made = received(grid, tiles, torch.ones(tiles.shape[:2]), silent, {"output_bits": 6.0}, x, "full", is_unsigned=True)
    whole = made(x, torch.Generator())
    monkeypatch.setattr(_tiles, "BLOCK", 1)
    monkeypatch.setattr(_tiles, "LEAST_BLOCK", 7)
    assert grid.block == 7
    assert torch.equal(made(x, torch.Generator()), whole)
