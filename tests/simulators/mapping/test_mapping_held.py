"""Whether a layer fits at all, told without a search: the same as asking for its mapping."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, TPU_LIKE, deep, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.unrolling_search import KEEPS, Dataflow, is_held, unrollings

DATAFLOWS: tuple[Dataflow, ...] = ("free", "weight_stationary", "output_stationary", "row_stationary", "adder_tree")

layers = st.builds(
    lambda k, c, oy, fy, b: Layer(Loops(B=b, K=k, C=c, OY=oy, FY=fy)),
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
machines = st.one_of(
    st.builds(
        small,
        st.tuples(st.integers(8, 24), st.integers(16, 80), st.integers(16, 400)),
        st.sampled_from(("never", "always", "free")),
    ),
    st.builds(deep, st.tuples(st.integers(8, 24), st.integers(16, 80), st.integers(8, 80))),
)


def is_mapped(layer: Layer, machine: Hierarchy, dataflow: Dataflow, most: int, objective: Objective) -> bool:
    for unrolling in unrollings(layer, machine, dataflow)[:most]:
        try:
            map_layer(layer, machine, unrolling, objective, keeps=KEEPS[dataflow])
        except Infeasible:
            continue
        return True
    return False


@settings(max_examples=120, deadline=None)
@given(
    layer=layers,
    machine=machines,
    dataflow=st.sampled_from(DATAFLOWS),
    most=st.integers(1, 4),
    objective=st.sampled_from(("energy", "edp")),
)
def test_a_layer_is_held_where_it_can_be_mapped(
    layer: Layer, machine: Hierarchy, dataflow: Dataflow, most: int, objective: Objective
) -> None:
    found = is_held(layer, machine, dataflow, most)
    assert found == is_mapped(layer, machine, dataflow, most, objective)


def test_both_answers_are_met() -> None:
    layer = Layer(Loops(K=4, C=4))
    assert is_held(layer, small((8, 24, 400)), "free", 4)
    assert not is_held(layer, small((8, 24, 8)), "free", 4)


@pytest.mark.parametrize("machine", [TPU_LIKE, EYERISS_LIKE], ids=lambda machine: machine.name)
@pytest.mark.parametrize("name", ["conv1", "fc6"])
def test_layers_of_alexnet_are_held_by_machines_that_map_them(machine: Hierarchy, name: str) -> None:
    assert is_held(ALEXNET[name], machine, "free", 24)
