"""Room of tensors that stay: both ends of a hand-over find the same; units that cannot all be fed are fewer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from machine_cases import ROOT, case, product, small_loops

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.footprints import footprints, least_weights_bits
from joulescape.simulators._mapping.layer import Layer
from joulescape.testing.examples import example_context

MANY = settings(max_examples=40, deadline=None)


def test_padding_is_stored_where_a_tensor_is_read_and_where_it_is_written() -> None:
    """7 x 7 values of 512 channels lie as 9 x 9 for a window of 3 x 3, whoever asks."""
    writer = product(Loops(K=512, C=256, OY=7, OX=7))
    loops = Loops(K=512, C=512, OY=7, OX=7, FY=3, FX=3)
    reader = product(loops)
    reader = MatrixWork("reader", "forward", loops, reader.weight, writer.output, reader.output)
    places = footprints([(writer, writer.loops), (reader, reader.loops)])
    assert places[writer.output.elements] == places[reader.input.elements] == 81 * 512


@given(loops=small_loops())
@MANY
def test_a_tensor_takes_no_less_than_its_values_and_no_less_than_the_mapper_counts(loops: Loops) -> None:
    work = product(loops)
    places = footprints([(work, loops)])
    for operand, letter in (("weight", "W"), ("input", "I"), ("output", "O")):
        elements = getattr(work, operand).elements
        assert places[elements] >= max(elements, Layer(loops).elements(letter))  # type: ignore[arg-type]


@pytest.mark.parametrize(("buffering", "copies"), [("always", 2), ("free", 1), ("never", 1)])
def test_weights_that_pass_are_those_of_the_units_that_differ(buffering: str, copies: int) -> None:
    """Eight filters against three taps; four positions share them."""
    store = case("electronic/lnpu").settings.memories["buffer"]  # type: ignore[attr-defined]
    store = store.model_copy(update={"buffering": buffering})
    unrolling = (("rows", (("K", 8), ("FX", 3))), ("columns", (("OX", 4),)))
    assert least_weights_bits(unrolling, 16, store) == 8 * 3 * 16 * copies


# --- narrower unrollings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moons40", "envision"])
def test_a_queue_that_cannot_feed_all_units_feeds_fewer(name: str) -> None:
    """256 positions want 512 words of a queue of 256: half of the array works, with no more and no less."""
    chip = case(f"electronic/{name}")
    work = product(Loops(G=8, OY=16, OX=16, FY=3, FX=3), 16.0)
    assert all(limit.overshoot <= 0 for limit in chip.simulator.limits([work], chip.settings, example_context()))
    (found,) = chip.cost(work)
    assert 64 <= float(found.active_units) <= 128
    gap = found.mapping_gap
    assert gap is not None and gap.fraction == 1.0, "other widths were not tried"


# --- networks that were refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chip", "network", "phase"), [
    ("shidiannao", "resnet18", "inference"), ("t_pim", "resnet18", "inference"), ("ganpu", "mobilenet_v2", "inference"),
    ("df_lnpu", "alexnet_grouped", "inference"), ("ganpu", "lenet5", "training"),
])  # fmt: skip
def test_what_does_not_fit_goes_off_the_chip_and_is_not_refused(chip: str, network: str, phase: str) -> None:
    phases = ("inference",) if phase == "inference" else ("inference", "training")
    found = cost(network, f"electronic/{chip}", root=ROOT, phases=phases)  # type: ignore[arg-type]
    assert found.totals[f"{phase}_energy_pj"] > 0  # type: ignore[operator]
