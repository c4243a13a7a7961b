"""The search is exact: it equals brute force on small layers, and the known optima on large ones."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, deep, every_nest, fits, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer, Widths
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves, energy_pj
from joulescape.simulators._mapping.zigzag_search import zigzag_best

PLAIN: Unrolling = (("D1", (("K", 2),)), ("D2", (("C", 2),)))
UNROLLINGS: tuple[Unrolling, ...] = (
    PLAIN,
    (("D1", (("OX", 2),)), ("D2", (("FX", 2),))),
    (("D1", (("FY", 2),)), ("D2", (("OY", 2),))),
    (("D1", (("OX", 2),)), ("D2", (("K", 2),))),
    (("D1", (("K", 2),)), ("D2", (("K", 2),))),
)

layers = st.builds(
    lambda bounds, stride, widths: Layer(
        Loops(**{dim: (bounds.count(dim) and 2 ** bounds.count(dim)) or 1 for dim in ("B", "G", "K", "C", "OX", "FX")},
              OY=3 if "OY" in bounds else 1, FY=3 if "FY" in bounds else 1, stride_x=stride, stride_y=stride),
        widths,
    ),
    st.lists(st.sampled_from(["B", "G", "K", "C", "OX", "FX", "OY", "FY"]), min_size=2, max_size=5),
    st.integers(1, 2),
    st.sampled_from([Widths(), Widths(8, 8, 24, 8), Widths(4, 8, 16, 16)]),
)  # fmt: skip
machines = st.builds(
    small,
    st.tuples(st.sampled_from([8, 16, 32]), st.sampled_from([24, 48]), st.sampled_from([160, 256, 400, 900])),
)


def least(spatial: Spatial, is_zigzag: bool) -> float | None:
    """Least energy over all orders and cuts that fit."""
    frame = Frame(spatial, "average" if is_zigzag else "up")
    found = [
        energy_pj(Moves.of(frame, nest)) if is_zigzag else OwnCost(Moves.of(frame, nest)).energy_pj
        for nest in every_nest(spatial.temporal, spatial.hierarchy)
        if fits(frame, nest)
    ]
    return min(found, default=None)


@settings(max_examples=6, deadline=None)
@given(layers, st.sampled_from([(8, 24, 64), (16, 24, 96), (16, 48, 160)]))
def test_three_output_levels_equal_brute_force(layer: Layer, sizes: tuple[int, int, int]) -> None:
    hierarchy = deep(sizes)
    spatial = Spatial.of(layer, hierarchy, PLAIN)
    assume(sum(size > 1 for size in spatial.temporal) <= 3 and 1 < spatial.cycles <= 8)
    expected = least(spatial, False)
    assume(expected is not None)
    assert map_layer(layer, hierarchy, PLAIN).energy_pj == pytest.approx(expected, rel=1e-12)


@settings(max_examples=12, deadline=None)
@given(layers, machines, st.sampled_from(UNROLLINGS), st.booleans())
def test_least_energy_equals_brute_force(
    layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, is_zigzag: bool
) -> None:
    spatial = Spatial.of(layer, hierarchy, unrolling)
    assume(sum(size > 1 for size in spatial.temporal) <= 3 and spatial.cycles <= 16)
    expected = least(spatial, is_zigzag)
    if expected is None:
        with pytest.raises(Infeasible):
            map_layer(layer, hierarchy, unrolling)
        return
    if is_zigzag:
        nest = zigzag_best(layer, hierarchy, unrolling).nest
        found = energy_pj(Moves.of(Frame(spatial, "average"), nest))
    else:
        found = map_layer(layer, hierarchy, unrolling).energy_pj
    assert found == pytest.approx(expected, rel=1e-12)


OPTIMA_PJ = {
    "conv1": 7.520904e7,
    "conv2": 9.683841e7,
    "conv3": 1.151936e8,
    "conv4": 9.020346e7,
    "conv5": 6.177568e7,
    "fc6": 3.316419e9,
    "fc7": 1.474186e9,
    "fc8": 3.601888e8,
}
"""Published optima of zigzag-dse's tpu_like in its own accounting."""


@pytest.mark.parametrize("name", OPTIMA_PJ)
def test_known_optima_in_zigzags_accounting(name: str) -> None:
    layer = ALEXNET[name]
    nest = zigzag_best(layer, TPU_LIKE, K_BY_C).nest
    found = energy_pj(Moves.of(Frame(Spatial.of(layer, TPU_LIKE, K_BY_C), "average"), nest))
    assert found == pytest.approx(OPTIMA_PJ[name], rel=1e-6)


@pytest.mark.parametrize(
    ("loops", "extent", "most_pj"),
    [
        (Loops(K=64, C=64, OY=224, OX=224, FY=3, FX=3), 224, 1.0286051e9),
        (Loops(K=512, C=512, OY=28, OX=28, FY=3, FX=3), 28, 7.080865e8),
    ],
)
def test_vgg_layers_that_coarse_factors_miss(loops: Loops, extent: int, most_pj: float) -> None:
    layer = Layer(loops, Widths(), extent, extent)
    nest = zigzag_best(layer, TPU_LIKE, K_BY_C).nest
    frame = Frame(Spatial.of(layer, TPU_LIKE, K_BY_C), "average")
    assert energy_pj(Moves.of(frame, nest)) <= most_pj
    assert fits(frame, nest)


def test_deep_hierarchy_beats_the_published_best() -> None:
    unrolling: Unrolling = (("D2", (("OY", 12),)), ("D1", (("C", 12),)))
    nest = zigzag_best(ALEXNET["conv3"], EYERISS_LIKE, unrolling).nest
    frame = Frame(Spatial.of(ALEXNET["conv3"], EYERISS_LIKE, unrolling), "average")
    assert energy_pj(Moves.of(frame, nest)) <= 8.44082e8
    assert fits(frame, nest)


def test_every_boundary_trivial_is_a_mapping() -> None:
    hierarchy = small((8, 24, 160))
    mapped = map_layer(Layer(Loops(K=4, C=4)), hierarchy, PLAIN)
    assert mapped.gap_fraction == 0.0


def test_a_memory_too_small_is_named_with_what_it_needs() -> None:
    with pytest.raises(Infeasible, match="weights of 4 bits.*needs 8 bits") as caught:
        map_layer(Layer(Loops(K=4, C=4)), small((4, 24, 160)), PLAIN)
    assert caught.value.violation == pytest.approx(1.0)


def test_a_layer_that_outgrows_the_last_memory_is_refused() -> None:
    with pytest.raises(Infeasible, match="dram"):
        map_layer(Layer(Loops(K=2**16, C=2**16)), small((8, 24, 160)), PLAIN)
