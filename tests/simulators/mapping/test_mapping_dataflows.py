"""Dataflows of DianNao's family: adder trees, neurons of one map side by side, and dimensions that stay idle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.unrolling_search import KEEPS, Dataflow, unrollings

ARRAY = Hierarchy("a square of 64", Array((("columns", 8), ("rows", 8)), 1.0), ())
MANY = settings(max_examples=25, deadline=None)


def along(loops: Loops, dataflow: Dataflow) -> list[dict[str, dict[str, int]]]:
    """Loops and units along each dimension, of every unrolling."""
    return [{name: dict(found) for name, found in one} for one in unrollings(Layer(loops), ARRAY, dataflow)]


def test_an_adder_tree_adds_channels_and_nothing_else() -> None:
    for found in along(Loops(K=32, C=48, OY=9, OX=9, FY=3, FX=3), "adder_tree"):
        assert set(found["columns"]) == {"K"}
        assert set(found["rows"]) == {"C"}


def test_neurons_of_one_map_lie_side_by_side_where_there_is_a_map() -> None:
    for found in along(Loops(K=32, C=48, OY=9, OX=9, FY=3, FX=3), "output_map"):
        assert "OX" in found["columns"]
        assert "OY" in found["rows"]


def test_a_dense_layer_fills_the_map_with_neurons_of_its_own() -> None:
    (best, *_) = along(Loops(K=64, C=48), "output_map")
    assert best["columns"].keys() | best["rows"].keys() == {"K"}


@pytest.mark.parametrize("dataflow", ["adder_tree", "output_map"])
def test_units_keep_no_input(dataflow: Dataflow) -> None:
    assert KEEPS[dataflow] == ()


def test_a_dimension_stays_idle_where_another_has_the_only_loop() -> None:
    found = along(Loops(OX=5), "output_stationary")
    assert sorted(map(len, found[0].values())) == [0, 1]
    assert {"OX": 5} in found[0].values()


@given(
    k=st.integers(1, 20), c=st.integers(1, 20), oy=st.integers(1, 9), ox=st.integers(1, 9),
    dataflow=st.sampled_from(["adder_tree", "output_map", "output_stationary", "weight_stationary"]),
)  # fmt: skip
@MANY
def test_every_layer_has_an_unrolling_within_its_loops_and_the_array(
    k: int, c: int, oy: int, ox: int, dataflow: Dataflow
) -> None:
    loops = Loops(K=k, C=c, OY=oy, OX=ox)
    found = along(loops, dataflow)
    assert found
    for one in found:
        for name, units in one.items():
            product = 1
            for dim, factor in units.items():
                assert factor < 2 * getattr(loops, dim)
                product *= factor
            assert product <= dict(ARRAY.array.sizes)[name]
