"""Windows: pads that slide fetch what is new and are never worse; units without registers read their pads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import number, product
from test_spatial_totals import chip, energy, memory, moved, run

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy, Memory, Port, bind
from joulescape.simulators._mapping.layer import Layer, Widths
from joulescape.simulators._mapping.mapper import Effort, map_layer
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.own_cost import OwnCost
from joulescape.simulators._mapping.unrolling import Spatial
from joulescape.simulators._mapping.unrolling_search import map_freely, value_of
from joulescape.simulators._mapping.zigzag_energy import Moves
from joulescape.simulators.spatial.ports import own_port
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.sliding import BareNest, SlidCost, map_sliding

MANY = settings(max_examples=10, deadline=None)
SLIDES, NOTHING = frozenset({"pad"}), frozenset({"none"})
WORD = (Port("r", 8, 8), Port("w", 8, 8))
MACHINE = Hierarchy(
    "pads",
    Array((("D1", 2),), 0.1),
    (
        Memory("pad", 8 * 16, 0.1, 0.1, WORD, (("I", "to_low", 0), ("I", "from_high", 1))),
        Memory("buffer", 1 << 14, 4.0, 5.0, WORD, bind(("O", "W", "I"), 0), ("D1",), wire_pj_per_bit=0.01),
        Memory("dram", 1 << 40, 90.0, 90.0, WORD, bind(("O", "W", "I"), 0), ("D1",)),
    ),
)
windows = st.builds(
    Loops, B=st.integers(1, 2), K=st.sampled_from([1, 2, 4]), C=st.sampled_from([1, 2, 3]), OY=st.sampled_from([1, 4]),
    OX=st.sampled_from([1, 6, 8]), FY=st.sampled_from([1, 3]), FX=st.sampled_from([1, 2, 3]),
    stride_y=st.integers(1, 3), stride_x=st.integers(1, 3),
)  # fmt: skip
objectives = st.sampled_from(["energy", "latency", "edp"])


def worth(loops: Loops, objective: Objective, slides: frozenset[str], has_registers: bool = True) -> float:
    """Value of the best nest, in what the objective compares first."""
    asked = (Layer(loops), MACHINE, objective, "weight_stationary", 2, Effort(most_mappings=0), slides, has_registers)
    return value_of(map_sliding(*asked).mapped, objective)[0]  # type: ignore[arg-type]


def row(loops: Loops, nest: Nest, slides: frozenset[str]) -> SlidCost:
    """Cost of a nest on one unit."""
    spatial = Spatial.of(Layer(loops, Widths(8, 8, 8, 8)), MACHINE, (("D1", ()),))
    return SlidCost(Moves.of(Frame(spatial, "up"), nest), frozenset(), slides)


def words(cost: OwnCost, direction: str) -> float:
    """Words of inputs between pad and buffer, at one side."""
    return sum(m.words for m in cost.movements if (m.operand, m.link, m.direction) == ("I", 1, direction))


@given(loops=windows, objective=objectives)
@MANY
def test_a_pad_that_slides_is_never_worse(loops: Loops, objective: Objective) -> None:
    assert worth(loops, objective, SLIDES) <= worth(loops, objective, NOTHING) * (1 + 1e-9)


@given(loops=windows, stride=st.integers(1, 3))
@MANY
def test_windows_of_one_element_share_nothing(loops: Loops, stride: int) -> None:
    pointwise = replace(loops, FY=1, FX=1, stride_y=stride, stride_x=stride)
    plain = map_freely(Layer(pointwise), MACHINE, "energy", "weight_stationary", 2).mapped.energy_pj
    assert worth(pointwise, "energy", SLIDES) == pytest.approx(plain)


@given(loops=windows)
@MANY
def test_windows_that_jump_over_their_width_share_nothing(loops: Loops) -> None:
    apart = replace(loops, stride_y=loops.FY, stride_x=loops.FX)
    assert worth(apart, "energy", SLIDES) == pytest.approx(worth(apart, "energy", NOTHING))


@given(loops=windows, objective=objectives)
@MANY
def test_a_unit_with_a_register_is_never_worse(loops: Loops, objective: Objective) -> None:
    plain = map_freely(Layer(loops), MACHINE, "energy", "weight_stationary", 2).mapped.energy_pj
    assert plain <= worth(loops, "energy", NOTHING, has_registers=False) * (1 + 1e-9)
    assert worth(loops, objective, SLIDES, has_registers=False) > 0


@pytest.mark.parametrize(
    ("places", "taps", "stride", "fetched"), [(8, 3, 1, 10), (8, 3, 2, 17), (4, 2, 2, 8), (5, 1, 1, 5), (6, 5, 1, 10)]
)
def test_a_row_brings_each_of_its_columns_once(places: int, taps: int, stride: int, fetched: int) -> None:
    """Three filters walk the same row: three times the distinct columns, each written and read as a word."""
    loops = Loops(K=3, OX=places, FX=taps, stride_x=stride)
    walk = Nest(
        tuple(loop for loop in (("FX", taps), ("OX", places), ("K", 3)) if loop[1] > 1),
        {"O": (2 - (taps == 1),), "W": (3 - (taps == 1),), "I": (int(taps > 1), 2)},
    )
    slid, whole = row(loops, walk, SLIDES), row(loops, walk, NOTHING)
    assert words(slid, "to_low") == words(slid, "from_high") == pytest.approx(3 * fetched)
    assert words(whole, "to_low") == 3 * places * taps
    assert slid.share("I", 1) == pytest.approx(fetched / (places * taps))
    assert slid.share("W", 1) == slid.share("I", 0) == slid.share("I", 2) == 1
    saved = 3 * (places * taps - fetched)
    assert whole.wire_pj - slid.wire_pj == pytest.approx(saved * 8 * 0.01)
    assert whole.energy_pj - slid.energy_pj == pytest.approx(saved * (0.1 + 4.0 + 8 * 0.01))


def test_a_walk_over_channels_brings_whole_windows() -> None:
    loops = Loops(C=4, OX=8, FX=3)
    away = Nest((("FX", 3), ("C", 4), ("OX", 8)), {"O": (0,), "W": (3,), "I": (1, 3)})
    assert row(loops, away, SLIDES).share("I", 1) == 1
    assert row(loops, away, SLIDES).energy_pj == row(loops, away, NOTHING).energy_pj


def test_a_bare_unit_reads_its_pad_for_every_multiply() -> None:
    loops = Loops(K=4, OX=8)
    nest = Nest((("K", 4), ("OX", 8)), {"O": (2,), "W": (2,), "I": (2, 2)})
    spatial = Spatial.of(Layer(loops), MACHINE, (("D1", ()),))

    def reads(each: Nest) -> float:
        cost = OwnCost(Moves.of(Frame(spatial, "up"), each))
        return sum(m.words for m in cost.movements if (m.operand, m.link) == ("I", 0))

    assert reads(nest) == 8
    assert reads(BareNest(nest.loops, nest.cuts)) == 32


@given(loops=windows)
@MANY
def test_a_chip_without_registers_reads_its_weights_for_every_multiply(loops: Loops) -> None:
    asked = product(replace(loops, stride_y=1, stride_x=1))
    bare = run(chip(unit_registers=False), asked)
    reads = sum(m.read_bytes for m in bare.traffic if m.memory == "weights")
    assert reads >= asked.macs * (1 - 1e-9)
    divides = all(bound in (1, 2, 4) for bound in (loops.K, loops.C, loops.FY, loops.FX))
    assert reads == pytest.approx(asked.macs) or not divides
    kept = run(chip(), asked)
    assert sum(m.read_bytes for m in kept.traffic if m.memory == "weights") <= reads * (1 + 1e-9)


@given(loops=windows)
@MANY
def test_switching_sliding_off_is_a_chip_without_it(loops: Loops) -> None:
    raw = chip().model_dump()
    raw["memories"] = {"pad": memory(16, ["input"], 0.1, 8), **raw["memories"]}
    plain = SpatialSettings.model_validate(raw)
    off, on = (
        SpatialSettings.model_validate(raw | {"sliding": {"is_on": is_on, "memories": ["pad"]}})
        for is_on in (False, True)
    )
    asked = product(replace(loops, stride_y=1, stride_x=1))
    assert energy(run(off, asked)) == energy(run(plain, asked))
    assert number(run(off, asked).latency_ns) == number(run(plain, asked).latency_ns)
    slid = run(on, asked)
    chosen = energy(slid) - energy(slid, "control")
    assert chosen <= (energy(run(plain, asked)) - energy(run(plain, asked), "control")) * (1 + 1e-9)
    assert moved(slid, "off_chip_memory", "output") >= asked.output.elements


def test_a_layer_that_no_array_can_hold_is_refused_with_the_memory() -> None:
    tiny = replace(MACHINE, memories=(replace(MACHINE.memories[0], size_bits=4), *MACHINE.memories[1:]))
    with pytest.raises(Infeasible, match="memory pad of 4 bits is too small.* needs 8 bits"):
        map_sliding(Layer(Loops(K=2)), tiny, "energy", "weight_stationary", 2, Effort(), SLIDES)


@given(factor=st.floats(1.0, 9.0))
def test_a_port_of_its_own_takes_one_movement_and_no_other(factor: float) -> None:
    plain = MACHINE.memories[1]
    wide = own_port(plain, "I", "to_low", factor)
    assert wide.port("I", "to_low").bits >= 8 * factor > wide.port("I", "to_low").bits - 1
    assert wide.port("I", "to_low").least_bits == 8
    others = [(operand, way) for operand, way, _ in plain.bindings if (operand, way) != ("I", "to_low")]
    assert all(wide.port_index(*move) == plain.port_index(*move) for move in others)
    assert (wide.operands, wide.size_bits, len(wide.ports)) == (plain.operands, plain.size_bits, len(plain.ports) + 1)


@given(loops=windows)
@MANY
def test_a_port_of_its_own_never_slows_a_layer_down(loops: Loops) -> None:
    wide = replace(MACHINE, memories=(MACHINE.memories[0], own_port(MACHINE.memories[1], "O", "to_low"),
                                      MACHINE.memories[2]))  # fmt: skip
    slow, fast = (map_layer(Layer(loops), one, (("D1", (("K", 2),)),), "latency") for one in (MACHINE, wide))
    bound = slow.cycles if not fast.is_truncated else slow.cycles / (1 - fast.gap_fraction)
    assert fast.cycles <= bound * (1 + 1e-9)
