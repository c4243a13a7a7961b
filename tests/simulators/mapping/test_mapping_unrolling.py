"""Unrolling: what runs side by side, dataflows, and the search over them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.layer import AXIS, DIMS, IRRELEVANT, Layer
from joulescape.simulators._mapping.mapper import Effort, map_layer
from joulescape.simulators._mapping.unrolling import Spatial
from joulescape.simulators._mapping.unrolling_search import Dataflow, map_freely, unrollings, value_of

DATAFLOWS: tuple[Dataflow, ...] = (
    "weight_stationary",
    "output_stationary",
    "input_stationary",
    "row_stationary",
    "free",
)


@given(st.integers(1, 2000), st.integers(1, 64))
def test_steps_cover_a_loop_and_no_step_is_empty(size: int, units: int) -> None:
    layer = Layer(Loops(K=size, C=2))
    spatial = Spatial.of(layer, TPU_LIKE, (("D1", (("K", units),)),))
    steps = spatial.temporal[AXIS["K"]]
    granted = min(units, 32, size)
    assert steps == math.ceil(size / granted)
    assert spatial.used_units * steps == pytest.approx(size)


def test_one_loop_along_two_dimensions() -> None:
    spatial = Spatial.of(Layer(Loops(K=1000, C=2)), TPU_LIKE, (("D1", (("K", 32),)), ("D2", (("K", 8),))))
    assert spatial.temporal[AXIS["K"]] == 4
    assert math.prod(f[AXIS["K"]] for f in spatial.average.values()) == pytest.approx(250)


def test_fan_out_and_copies_on_a_square_array() -> None:
    frame = Frame(Spatial.of(ALEXNET["conv5"], TPU_LIKE, K_BY_C), "average")
    assert frame.instances["W"] == (1024, 1)
    assert frame.instances["O"] == (1024, 1, 1)
    assert frame.boosts["O"][1] == 32
    assert frame.boosts["W"][1] == 1024
    assert frame.boosts["I"][0] == 32
    assert frame.reduces_above == (True, False, False, False)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_unrollings_stay_on_the_array_and_in_the_layer(dataflow: Dataflow) -> None:
    layer = ALEXNET["conv3"]
    found = unrollings(layer, EYERISS_LIKE, dataflow)
    assert found == tuple(sorted(found, key=lambda u: (Spatial.of(layer, EYERISS_LIKE, u).cycles, u)))
    for unrolling in found:
        for array, loops in unrolling:
            assert math.prod(units for _, units in loops) <= EYERISS_LIKE.array.size[array]
            assert all(units <= layer.size(dim) for dim, units in loops)


def test_free_search_is_at_least_as_good_as_any_dataflow() -> None:
    layer, everything = Layer(Loops(K=8, C=8, OX=8, FX=3)), 10_000
    free = map_freely(layer, small((32, 48, 900)), "energy", "free", everything)
    assert not free.is_truncated
    for dataflow in DATAFLOWS:
        bound = map_freely(layer, small((32, 48, 900)), "energy", dataflow, everything)
        assert value_of(free.mapped, "energy") <= value_of(bound.mapped, "energy")


def test_few_unrollings_are_marked() -> None:
    found = map_freely(ALEXNET["conv5"], TPU_LIKE, most_unrollings=2)
    assert (found.is_truncated, found.unrollings_count) == (True, 2)


@pytest.mark.parametrize(("keeps", "kept"), [(("W",), "W"), (("I",), "I"), ((), None)])
def test_a_dataflow_decides_what_units_keep(keeps: tuple[str, ...], kept: str | None) -> None:
    mapped = map_layer(ALEXNET["conv5"], TPU_LIKE, K_BY_C, "energy", Effort(), keeps)  # type: ignore[arg-type]
    first = next((dim for dim, _ in mapped.nest.loops), None)
    free = map_layer(ALEXNET["conv5"], TPU_LIKE, K_BY_C)
    assert mapped.energy_pj >= free.energy_pj * (1 - 1e-12)
    if kept is None:
        assert mapped.nest.stationary("W") == mapped.nest.stationary("I") == 1
    elif mapped.nest.stationary(kept) > 1:  # type: ignore[arg-type]
        assert first in IRRELEVANT[kept]  # type: ignore[index]


def test_dims_are_named_once() -> None:
    assert len(set(DIMS)) == len(AXIS) == 8


def test_a_dataflow_that_an_array_cannot_do_is_refused() -> None:
    with pytest.raises(Infeasible, match="too small"):
        map_freely(Layer(Loops(K=4, C=4)), small((4, 24, 160)), "energy", "weight_stationary")
