"""Room on training processors: rated layers lie in the memories that there are; what finds none crosses the edge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, number, product

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators._mapping.declared import OFF_CHIP
from joulescape.simulators.base import LayerCost
from joulescape.simulators.training_core.figures import rated_work, units
from joulescape.simulators.training_core.kept import Kept
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.testing.examples import example_context

NAMES = ("lnpu", "ganpu", "hnpu", "t_pim", "df_lnpu")
INSIDE = replace(example_context(1), first=frozenset(), last=frozenset())
LNPU, DF_LNPU = case("electronic/lnpu"), case("electronic/df_lnpu")
FEW = settings(max_examples=15, deadline=None)


def edge(cost: LayerCost, operand: str | None = None) -> float:
    """Bytes across the chip's edge."""
    moves = [move for move in cost.traffic if move.memory == OFF_CHIP and operand in (None, move.operand)]
    return sum(number(move.read_bytes + move.write_bytes) for move in moves)


# --- the rated layer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_rated_layer_lies_on_the_chip_in_every_state_that_is_quoted(name: str) -> None:
    """Weights, inputs and outputs in the chip's own memories, and every unit at work at the width of the constants."""
    found = load_back_end(ROOT, f"electronic/{name}", {})
    states = [{}, *(row.overrides or {} for row in found.spec.published if row.role != "claim")]
    for state in states:
        chip: Any = case(f"electronic/{name}").at(state).settings
        work = rated_work(chip)
        machine = TrainingMachine.of([work], chip, INSIDE)
        assert machine.beyond(work) == frozenset()
        mapped = machine.mapped(work)
        more = chip.arithmetic.mac_bits // machine.bits("rated") if chip.arithmetic.narrow != "fixed" else 1
        assert mapped.spatial.used_units == pytest.approx(units(chip) * more)


def test_a_rated_layer_that_no_memory_holds_is_refused() -> None:
    tiny = LNPU.at({"memories.sum_register.bytes": 1})
    with pytest.raises(Exception, match="sum_register of 8 bits is too small"):
        tiny.simulator.published(tiny.settings)


@FEW
@given(kib=st.sampled_from([324, 400, 648, 2000]))
def test_efficiency_does_not_fall_with_more_room(kib: int) -> None:
    """The same words of the same energy, and more of them near the units."""
    more = LNPU.at({"memories.buffer.bytes": kib * 1024})
    published = [chip.simulator.published(chip.settings)["tops_per_w"] for chip in (LNPU, more)]
    assert published[1] >= published[0] * (1 - 1e-9)


# --- tensors between products ----------------------------------------------------------------------------------------


def padded(elements_side: int = 13, channels: int = 64) -> list[MatrixWork]:
    """A layer that writes a map, and one that reads it with a border of zeros."""
    first = product(Loops(K=channels, C=8, OY=elements_side, OX=elements_side), layer="writes")
    loops = Loops(K=8, C=channels, OY=elements_side, OX=elements_side, FY=3, FX=3)
    second = replace(product(loops, layer="reads"), input=first.output)
    return [first, second]


@FEW
@given(room=st.integers(8_000, 80_000))
def test_both_ends_of_a_hand_over_agree(room: int) -> None:
    """What the writer leaves on the chip the reader finds there; what it sends off the reader fetches."""
    works = padded()
    chip = DF_LNPU.at({"memories.buffer.bytes": room, "weights_stay": False})
    machine = TrainingMachine.of(works, chip.settings, INSIDE)  # type: ignore[arg-type]
    assert ("output" in machine.beyond(works[0])) == ("input" in machine.beyond(works[1]))
    written, read = chip.cost(*works, context=INSIDE)
    elements = works[0].output.elements
    assert (edge(written, "output") >= 2 * elements) == (edge(read, "input") >= 2 * elements)
    assert not machine.misfits(works)


def test_padding_counts_where_a_tensor_just_fits_without() -> None:
    """64 x 13 x 13 words of 16 bits, 64 x 15 x 15 with their border: half of the room holds one and not the other."""
    works = padded()
    passing = 2 * 16 * 16 * 2  # 256 units, this and the next weight, two bytes
    for places, stays in ((15, True), (13, False)):
        room = 2 * 64 * places**2 * 2 + passing
        chip = DF_LNPU.at({"memories.buffer.bytes": room, "weights_stay": False})
        machine = TrainingMachine.of(works, chip.settings, INSIDE)  # type: ignore[arg-type]
        assert machine.stays(works[0].output.elements, "writes") == stays


# --- gradients -------------------------------------------------------------------------------------------------------


def trained(channels: int) -> list[MatrixWork | VectorWork]:
    """Forward, weight gradient and update of a dense layer."""
    forward = product(Loops(B=4, K=channels, C=channels), layer="fc")
    gradient = product(Loops(B=channels, K=channels, C=4), role="weight_gradient", layer="fc")
    update = VectorWork("fc", "update", "update", 2.0 * channels**2, 2 * channels**2, channels**2, 16.0)
    return [forward, gradient, update]


def run(chip: Case, channels: int) -> tuple[TrainingMachine, list[LayerCost]]:
    works, context = trained(channels), replace(example_context(4), first=frozenset(), last=frozenset())
    return TrainingMachine.of(works, chip.settings, context), chip.cost(*works, context=context)  # type: ignore[arg-type]


def test_a_gradient_with_room_waits_on_the_chip() -> None:
    machine, (_, gradient, update) = run(DF_LNPU, 128)
    assert machine.kept.weights_stay and not machine.spilt
    assert edge(gradient, "output") == edge(update) == 0


def test_a_gradient_without_room_goes_off_the_chip_and_comes_back() -> None:
    """Weights take just half of the buffer, activations some: no room for a gradient as large as the weights."""
    tight = DF_LNPU.at({"memories.buffer.bytes": 4 * 128 * 128})
    machine, (_, gradient, update) = run(tight, 128)
    assert machine.kept.weights_stay and machine.spilt == {"fc"}
    assert edge(gradient, "output") >= 2 * 128**2
    assert edge(update) == 2 * 128**2
    assert not machine.misfits(trained(128))


def test_a_stash_lies_with_its_padding() -> None:
    """Coded, a border of zeros takes a bit each; plain, a word."""
    works = [*padded(), product(Loops(K=4, C=4), role="weight_gradient", layer="reads")]
    plain, coded = (
        Kept.of(works, chip.settings, INSIDE)  # type: ignore[arg-type]
        for chip in (DF_LNPU, DF_LNPU.at({"stash.is_coded": True}))
    )
    first = 8 * 13 * 13
    weights = sum(work.weight.elements for work in works[:2]) * 2
    assert plain.stays_bytes == weights + 2 * (first + 64 * 15**2)
    assert coded.stays_bytes == pytest.approx(weights + 2 * (first + 64 * 13**2) + 64 * 15**2 / 8)
