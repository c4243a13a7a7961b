"""IR drop: every node against a sparse solver of Kirchhoff's law, the closed form where it is said to hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl
import torch
from crossbar_numbers import generator, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.numerics.crossbar.device import CrossbarNumbers, attenuate
from joulescape.numerics.crossbar.wires import LEAST_ATTENUATION, nodal_loss, through_wires, wire_loss

torch.set_num_threads(1)
G_MAX = 0.025  # mS: phase change


def sparse_transfer(conductance: Any, wire: float) -> Any:
    """All 2 * rows * columns nodes: word lines driven at the left, bit lines grounded below; by reciprocity one solve
    a column."""
    rows, columns = conductance.shape
    word = np.arange(rows * columns).reshape(rows, columns)
    bit, link = word + rows * columns, 1 / wire
    joints = [(word, bit, conductance), (word[:, :-1], word[:, 1:], link), (bit[:-1], bit[1:], link)]
    a, b = (np.concatenate([joint[k].ravel() for joint in joints]) for k in range(2))
    g = np.concatenate([np.broadcast_to(value, one.shape).ravel() for one, _, value in joints])
    ends = np.zeros(2 * rows * columns)
    ends[word[:, 0]] += link
    ends[bit[-1]] += link
    entries = (np.r_[g, g, -g, -g], (np.r_[a, b, a, b], np.r_[a, b, b, a]))
    matrix = sp.coo_matrix(entries, shape=(2 * rows * columns,) * 2).tocsc() + sp.diags(ends, format="csc")
    drive = np.zeros((2 * rows * columns, columns))
    drive[bit[-1], np.arange(columns)] = link
    return spl.splu(matrix).solve(drive)[word[:, 0]] * link


def trained_tile(rows: int = 128, columns: int = 120) -> Tensor:
    """Conductances like those of one array of a pair: half of the weights are on the other one, few are large."""
    weights = torch.randn(rows, columns, generator=generator(4), dtype=torch.float64)
    return (weights.clamp(min=0) / weights.abs().max()) * G_MAX


@given(st.integers(1, 12), st.integers(1, 12), st.floats(1e-4, 1.0), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_every_node_agrees_with_the_sparse_solver(rows: int, columns: int, wire: float, seed: int) -> None:
    conductance = torch.rand(rows, columns, generator=generator(seed), dtype=torch.float64) * 0.1
    assert np.allclose(nodal_loss(conductance, wire).numpy(), sparse_transfer(conductance.numpy(), wire), rtol=1e-8)


@pytest.mark.parametrize("wire_ohm", [0.5, 10.0])
def test_the_closed_form_misses_at_most_a_twentieth_of_the_loss_of_a_trained_tile(wire_ohm: float) -> None:
    """128 x 120, up to r G_max = 2.5e-4."""
    tile = trained_tile()
    exact, closed = nodal_loss(tile, wire_ohm / 1e3), wire_loss(tile, wire_ohm / 1e3)
    loss = (tile - exact).norm()
    assert loss > 0.01 * tile.norm()
    assert (closed - exact).norm() < 0.05 * loss


def test_every_node_of_a_whole_tile_agrees_with_the_sparse_solver() -> None:
    tile = trained_tile()
    exact = sparse_transfer(tile.numpy(), 0.005)
    assert np.abs(nodal_loss(tile, 0.005).numpy() - exact).max() < 1e-9 * exact.max()


@pytest.mark.parametrize("fill", [0.06, 0.5, 1.0])
def test_where_the_closed_form_is_kept_it_misses_at_most_a_twentieth(fill: float) -> None:
    """Sparse, half full and full arrays at the attenuation beyond which every node is solved."""
    tile = (torch.rand(128, 120, generator=generator(1), dtype=torch.float64) < fill).double() * G_MAX
    wire = 1e-4
    while float(wire_loss(tile, wire * 1.1).sum() / tile.sum()) > LEAST_ATTENUATION:
        wire *= 1.1
    exact = nodal_loss(tile, wire)
    assert (wire_loss(tile, wire) - exact).norm() < 0.05 * (tile - exact).norm()


def test_a_ladder_of_128_cells_keeps_948_thousandths() -> None:
    """tanh(x) / x with x = 128 sqrt(1 ohm * 10 uS)."""
    column = torch.full((128, 1), 0.01, dtype=torch.float64)
    assert float(nodal_loss(column, 0.001).sum() / column.sum()) == pytest.approx(0.948, rel=0.005)
    assert float(wire_loss(column, 0.001).sum() / column.sum()) == pytest.approx(0.948, rel=0.005)


def test_arrays_out_of_range_are_solved_and_others_are_not() -> None:
    arrays = torch.stack([trained_tile(40, 30) / 10, torch.full((40, 30), 0.2, dtype=torch.float64)])
    found = through_wires(arrays, 0.01)
    assert torch.equal(found[0], wire_loss(arrays[0], 0.01))
    assert torch.allclose(found[1], nodal_loss(arrays[1], 0.01))
    assert not torch.allclose(found[1], wire_loss(arrays[1], 0.01), rtol=1e-2)
    assert torch.allclose(through_wires(arrays, 0.01, is_nodal=True), nodal_loss(arrays, 0.01))


def test_a_machine_may_ask_for_every_node() -> None:
    levels = torch.randint(0, 4, (1, 60, 40), generator=generator()).float()
    closed, exact = (
        attenuate(levels, CrossbarNumbers.of(spec(wire_kohm=0.002, has_nodal_wires=nodal))) for nodal in (0.0, 1.0)
    )
    assert not torch.equal(closed, exact)
    assert torch.allclose(closed, exact, atol=0.01)


def test_an_empty_array_loses_nothing() -> None:
    assert torch.equal(through_wires(torch.zeros(2, 5, 4), 0.1), torch.zeros(2, 5, 4))
