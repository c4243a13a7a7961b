"""Pads that slide: what is fetched is what is new; counted here window by window."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import case, product, small_loops

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.layer import INPUTS, Layer, Widths
from joulescape.simulators._mapping.mapper import Effort
from joulescape.simulators.base import LayerCost
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.sliding import SlidMapped, map_sliding
from joulescape.testing.examples import example_context

EYERISS = case("electronic/eyeriss")
CONV1 = Loops(B=4, K=96, C=3, OY=55, OX=55, FY=11, FX=11, stride_y=4, stride_x=4)
SLIDES = frozenset({"input_spad"})


def moved(found: LayerCost, memory: str, operand: str) -> float:
    return sum(float(m.read_bytes) for m in found.traffic if (m.memory, m.operand) == (memory, operand))


def mapped(loops: Loops, slides: frozenset[str] = SLIDES) -> SlidMapped:
    hierarchy = EYERISS.settings.hierarchy("chip", example_context().off_chip, 0.2)  # type: ignore[attr-defined]
    layer = Layer(loops, Widths(16, 16, 16, 16))
    found = map_sliding(layer, hierarchy, "edp", "row_stationary", 4, Effort(most_mappings=0), slides).mapped
    assert isinstance(found, SlidMapped)
    return found


def columns_fetched(positions: list[int], taps: int, stride: int) -> int:
    """Columns that a pad of one window fetches as it visits these positions: those it does not already hold."""
    held: set[int] = set()
    fetched = 0
    for position in positions:
        wanted = {position * stride + tap for tap in range(taps)}
        fetched += len(wanted - held)
        held = wanted
    return fetched


def test_the_first_layer_of_alexnet_fetches_new_columns_only() -> None:
    """The chip reads its buffer for 18.5 MB in 16.5 ms; with whole windows the port is waited for (22 ms)."""
    (on,), (off,) = EYERISS.cost(product(CONV1)), EYERISS.at({"sliding.is_on": False}).cost(product(CONV1))
    assert moved(on, "buffer", "input") < 0.6 * moved(off, "buffer", "input")
    assert float(on.latency_ns) < 0.75 * float(off.latency_ns)
    assert float(on.latency_ns) == pytest.approx(16.5e6, rel=0.2)
    assert moved(on, "off_chip_memory", "weight") <= moved(off, "off_chip_memory", "weight")


@given(loops=small_loops())
@settings(max_examples=10, deadline=None)
def test_sliding_never_makes_the_product_of_energy_and_time_worse(loops: Loops) -> None:
    assert mapped(loops).energy_pj * mapped(loops).cycles <= (
        mapped(loops, frozenset({"nowhere"})).energy_pj * mapped(loops, frozenset({"nowhere"})).cycles * (1 + 1e-9)
    )


@given(
    positions=st.integers(1, 12), taps=st.integers(1, 5), stride=st.integers(1, 4), channels=st.integers(1, 3)
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_the_share_is_that_of_walking_a_window(positions: int, taps: int, stride: int, channels: int) -> None:
    found = mapped(Loops(K=4, C=channels, OY=4, OX=positions, FY=2, FX=taps, stride_x=stride))
    cut = found.nest.merged("I")[0]
    walk = list(itertools.takewhile(lambda loop: loop[0] == "OX", found.nest.loops[cut:]))
    steps = 1
    for _, size in walk:
        steps *= size
    inside = 1
    held_taps = 1
    for dim, size in found.nest.loops[:cut]:
        inside *= size if dim == "OX" else 1
        held_taps *= size if dim == "FX" else 1
    share = found.cost.share("I", 1)  # type: ignore[attr-defined]
    if inside == 1 and walk:
        visited = columns_fetched(list(range(steps)), held_taps, stride)
        assert share == pytest.approx(visited / (steps * held_taps))
    assert 0 < share <= 1
    assert all(found.cost.share(operand, 2) == 1 for operand in (*INPUTS, "O"))  # type: ignore[attr-defined]


def test_a_window_must_fit_its_pad() -> None:
    raw = EYERISS.settings.model_dump()
    raw["memories"]["input_spad"]["bytes"] = 16
    narrow = replace(EYERISS, settings=SpatialSettings.model_validate(raw))
    (held,), (cut,) = EYERISS.cost(product(CONV1)), narrow.cost(product(CONV1))
    assert moved(cut, "buffer", "input") > moved(held, "buffer", "input")


def test_layers_without_windows_are_as_without_sliding() -> None:
    dense = Loops(B=2, K=64, C=96)
    (on,), (off,) = EYERISS.cost(product(dense)), EYERISS.at({"sliding.is_on": False}).cost(product(dense))
    assert on.latency_ns == off.latency_ns
    assert sum(float(e.energy_pj) for e in on.energies) == pytest.approx(sum(float(e.energy_pj) for e in off.energies))


def test_wires_carry_what_is_fetched() -> None:
    found = mapped(CONV1)
    plain = replace(found, slides=frozenset())
    fewer = sum(m.words for m in plain.cost.movements if (m.operand, m.link) == ("I", 1)) - sum(
        m.words for m in found.cost.movements if (m.operand, m.link) == ("I", 1)
    )
    assert fewer > 0
    assert found.cost.wire_pj < plain.cost.wire_pj
    assert found.cost.energy_pj < plain.cost.energy_pj
