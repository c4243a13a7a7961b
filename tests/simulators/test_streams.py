"""What passes a chip's edge where a layer does not fit: traffic of cut layers by hand, and laws of cuts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, case, number, part, product, small_loops

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._streams import Fetched, Rooms, fetched
from joulescape.simulators.base import LayerCost
from joulescape.testing.examples import example_context

MINERVA, STRIPES, FLASH, LADDER = (
    case(f"electronic/{name}") for name in ("minerva", "stripes", "sinangil2021", "sram_c2c")
)
MANY = settings(max_examples=40, deadline=None)
FC6 = Loops(K=4096, C=25088)
VGG_3_2 = Loops(K=256, C=256, OY=56, OX=56, FY=3, FX=3)


def rooms(weights: float, activities: float, outputs: int = 4, inputs: int = 1, positions: int = 1) -> Rooms:
    """Words of one bit, sums of four; outputs take no room."""
    return Rooms(outputs, inputs, positions, 1.0, 1.0, 4.0, weights, activities, 0.0)


def middle(loops: Loops, bits: float = 8) -> MatrixWork:
    found = replace(product(loops, bits), layer="middle")
    return replace(found, input=replace(found.input, is_signed=False))


def cost(machine: Case, work: MatrixWork) -> LayerCost:
    inner = replace(example_context(work.loops.B), first=frozenset(), last=frozenset())
    (found,) = machine.cost(work, context=inner)
    return found


def moved(found: LayerCost, memory: str, operand: str) -> tuple[float, float]:
    """Bytes read and written."""
    both = [(number(m.read_bytes), number(m.write_bytes)) for m in found.traffic]
    names = [(m.memory, m.operand) for m in found.traffic]
    return next(value for name, value in zip(names, both, strict=True) if name == (memory, operand))


def test_a_dense_layer_by_hand() -> None:
    """8 outputs of 6 inputs for one vector, four lanes: two rounds, each of 24 weights."""
    work = product(Loops(K=8, C=6))
    assert fetched(work, rooms(96, 12), False, None) == Fetched(48, 6), "all weights lie there, inputs pass once"
    assert fetched(work, rooms(48, 5), False, None) == Fetched(48, 12), "a vector does not lie there: two rounds"
    assert fetched(work, rooms(48, 5), True, None) == Fetched(0, 12), "weights that stay pass never"
    assert fetched(work, rooms(1, 1), False, None) == Fetched(48, 12), "one vector reads each weight once anyway"


def test_a_batch_of_dense_layers_by_hand() -> None:
    """Ten vectors of 6 inputs, 16 outputs in four rounds of 24 weights, of which two lie there."""
    work = product(Loops(B=10, K=16, C=6))
    assert fetched(work, rooms(48, 12), False, None) == Fetched(96, 240), "weights once, inputs for every round"
    assert fetched(work, rooms(48, 60), False, None) == Fetched(96, 60), "inputs lie there whole"
    assert fetched(work, rooms(96, 12), False, None) == Fetched(96, 60), "weights lie there whole"
    few = replace(work, loops=Loops(B=2, K=16, C=6), input=replace(work.input, elements=12))
    assert fetched(few, rooms(48, 12), False, None) == Fetched(96, 12), "whole inputs need no second copy"
    assert fetched(few, rooms(24, 11), False, None) == Fetched(192, 48), "one word after the other, of both"


def test_sums_that_leave_by_hand() -> None:
    """One output round, 100 inputs, 30 vectors; of its 400 weights 100 lie there twice: four slices of 25 channels."""
    work = product(Loops(B=30, K=4, C=100))
    found = fetched(work, rooms(200, 3000), False, None)
    assert found == Fetched(400, 3000, 3 * 120 * 4), "rather than 30 times the weights"
    tight = fetched(work, rooms(200, 100), False, None)
    assert tight == Fetched(400, 3000, 3 * 120 * 4), "three times 120 sums of four bits go out and come in"


def test_a_convolution_by_hand() -> None:
    """10 x 6 inputs, 3 x 3 windows at 8 x 4 places, 8 outputs: a band of three rows twice is 36 words, a window twice
    18."""
    work = product(Loops(K=8, C=1, OY=8, OX=4, FY=3, FX=3))
    assert fetched(work, rooms(72, 36), True, None) == Fetched(0, 60), "rows pass once"
    assert fetched(work, rooms(72, 35), True, None) == Fetched(0, 32 * 9), "every window by itself"
    assert fetched(work, rooms(72, 17), True, None) == Fetched(0, 2 * 32 * 9), "and for both rounds"
    assert fetched(work, rooms(72, 36), False, None) == Fetched(72, 60), "all weights lie there"
    assert fetched(work, rooms(71, 36, outputs=2), False, None) == Fetched(72, 240), "a quarter: rows pass four times"
    assert fetched(work, rooms(71, 60, outputs=2), False, None) == Fetched(72, 60), "the map lies there whole"


@MANY
@given(loops=small_loops(), weights=st.integers(1, 5000), activities=st.integers(1, 5000), more=st.integers(1, 5000))
def test_more_room_never_moves_more_and_never_less_than_each_word_once(
    loops: Loops, weights: int, activities: int, more: int
) -> None:
    work = product(loops)
    found = fetched(work, rooms(weights, activities), False, None)
    assert fetched(work, rooms(weights + more, activities), False, None).moved <= found.moved
    assert fetched(work, rooms(weights, activities + more), False, None).moved <= found.moved
    assert fetched(work, rooms(weights, activities), True, None).moved <= found.moved
    assert fetched(work, rooms(weights, activities), False, 1).moved <= found.moved
    assert found.weights >= work.weight.elements and found.inputs >= work.input.elements
    roomy = fetched(work, rooms(1e9, 1e9), False, None)
    assert roomy == Fetched(work.weight.elements, work.input.elements)


def test_inputs_that_do_not_fit_are_cut_and_pass_for_every_slice() -> None:
    """minerva, VGG's first dense layer: 18.8 kB of 6-bit inputs in 1.5 kB. Slices of 128 outputs by 784 inputs: these
    pass 32 times, and 31 times the 16-bit sums go out and in; 256 rounds of all inputs would move four times that."""
    found, inputs = cost(MINERVA, middle(FC6)), 25088 * 6 / 8
    assert moved(found, "off_chip_memory", "input")[0] == 32 * inputs
    assert moved(found, "off_chip_memory", "weight")[0] == 4096 * 25088
    sums = 31 * 4096 * 16 / 8
    assert moved(found, "off_chip_memory", "output") == (sums, sums + 4096 * 6 / 8)
    assert 32 * inputs + 2 * sums < 256 * inputs / 4
    bits = 256 * 25088 * 6 + 8 * (32 * inputs + 4 * sums) + 2 * 4096 * 6
    assert part(found, "activity_sram") == pytest.approx(0.2 * bits)


def test_a_batch_pays_for_weights_or_for_sums_that_pass_again() -> None:
    """Not even one round's weights lie there twice: cut along the inputs, sums go out and in."""
    found = cost(MINERVA, middle(replace(FC6, B=64)))
    weights, inputs = (moved(found, "off_chip_memory", name)[0] for name in ("weight", "input"))
    back, away = moved(found, "off_chip_memory", "output")
    assert weights == 4096 * 25088
    assert inputs >= 64 * 25088 * 6 / 8 and inputs % (64 * 25088 * 6 / 8) == 0
    assert back > 0 and away == pytest.approx(back + 64 * 4096 * 6 / 8), "what comes back had left"
    assert back % (64 * 4096 * 16 / 8) == 0


def test_a_brick_of_synapses_is_no_bargain() -> None:
    small = STRIPES.at({"synapses.bytes": 1024, "neurons.bytes": 16384})
    full, cut = cost(STRIPES, middle(VGG_3_2, 16)), cost(small, middle(VGG_3_2, 16))
    assert moved(full, "off_chip_memory", "weight")[0] == 0
    assert moved(cut, "off_chip_memory", "weight")[0] == math.ceil(56 * 56 / 16) * 256 * 256 * 9 * 2
    assert number(cut.latency_ns) > 10 * number(full.latency_ns)


def test_partial_sums_between_rows_of_tiles_by_hand() -> None:
    """sinangil, VGG conv3_2: 36 tiles of 64 rows follow one another; a sum of 4 bits and 36 terms has 10."""
    roomy = FLASH.at({"buffer.kib": 1 << 14})
    found, outputs = cost(roomy, middle(VGG_3_2, 4)), 256 * 56 * 56
    read, written = moved(found, "sram", "output")
    assert read == 35 * outputs * 10 / 8
    assert written == read + outputs * 4 / 8
    assert moved(found, "off_chip_memory", "output") == (0, 0)


def test_partial_sums_that_do_not_fit_go_off_chip() -> None:
    """16 outputs of a column of macros at 3136 positions live at once: 61 KiB, beside tensors of 820 kB none."""
    found, outputs = cost(FLASH.at({"buffer.kib": 60}), middle(VGG_3_2, 4)), 256 * 56 * 56
    back, away = moved(found, "off_chip_memory", "output")
    assert back == 35 * outputs * 10 / 8
    assert away == back + outputs * 4 / 8
    assert moved(found, "sram", "output") == (2 * back + outputs * 4 / 8, 2 * back + outputs * 4 / 8), "on their way"
    assert moved(found, "sram", "input")[1] == moved(found, "off_chip_memory", "input")[0] > 0
    beside = cost(FLASH.at({"buffer.kib": 64}), middle(VGG_3_2, 4))
    assert moved(beside, "off_chip_memory", "output") == (0, outputs * 4 / 8), "they fit, and go first"


@pytest.mark.parametrize(
    ("macros", "sets", "rests"), [(1, 1, 7), (2, 1, 3), (8, 1, 0), (1, 8, 0), (1, 4, 1), (3, 1, 2)]
)
def test_macros_and_sets_add_up_without_the_buffer(macros: int, sets: int, rests: int) -> None:
    """Eight rows of tiles; 640 outputs keep the weights from staying."""
    work = middle(Loops(K=640, C=1024))
    found = cost(LADDER.at({"macros": macros, "array.weight_sets": sets}), work)
    bits = 8 + 3  # a conversion of 8 bits, eight terms
    assert moved(found, "sram", "output")[0] == rests * 640 * bits / 8


def test_weights_that_stay_need_no_rest() -> None:
    work = middle(Loops(K=16, C=1024))
    found = cost(LADDER.at({"array.weight_sets": 8}), work)
    assert part(found, "weight_writing") == 0
    assert moved(found, "sram", "output")[0] == 0
