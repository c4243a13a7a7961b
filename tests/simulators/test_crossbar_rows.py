"""Rows of arrays: the cost model counts the tiles that the arithmetic reads, and rows are shared evenly among them."""

from __future__ import annotations

import torch
from crossbar_cases import dense, isaac
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.numerics.crossbar.coding import into_tiles, tile_inputs
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.simulators.crossbar import plugin
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.testing.examples import example_formats, example_graph

torch.set_num_threads(1)


def numbers_of(rows: int) -> CrossbarNumbers:
    """ISAAC's with arrays of so many rows."""
    graph = example_graph()
    found = plugin.errors(graph, example_formats(graph, 8), isaac(array__rows=rows))
    return CrossbarNumbers.of(next(spec for (_, role), spec in found.items() if role == "forward"))


@given(st.integers(1, 600), st.sampled_from([16, 32, 100, 128]))
@settings(max_examples=40, deadline=None)
def test_both_have_as_many_tiles_and_none_is_a_row_fuller_than_needed(inputs: int, rows: int) -> None:
    tiled = into_tiles(torch.ones(inputs, 1), numbers_of(rows))
    tiles, height, _ = tiled.shape
    assert tiles == int(map_product(dense(inputs, 10), isaac(array__rows=rows)).row_tiles)
    assert height == -(-inputs // tiles) <= rows
    assert int(tiled.sum()) == inputs


@given(st.integers(1, 300), st.integers(8, 128))
@settings(max_examples=40, deadline=None)
def test_inputs_meet_their_rows(inputs: int, rows: int) -> None:
    values = torch.arange(1.0, inputs + 1)
    tiled = into_tiles(values[:, None], numbers_of(max(8, rows)))
    driven = tile_inputs(values[None], *tiled.shape[:2])
    assert float((driven[:, 0] * tiled[:, :, 0]).sum()) == float((values * values).sum())
