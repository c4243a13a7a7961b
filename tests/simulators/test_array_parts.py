"""Parts of memory arrays: how products are placed, energies and times by hand, numbers that accuracy depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, case, energy, number, part, product, small_loops, vector

from joulescape.errors import SimulatorError
from joulescape.network.operators import Loops
from joulescape.network.work import OperandFormat
from joulescape.simulators.array.placing import Placed, parts_of, read_ns
from joulescape.simulators.array.settings import ArraySettings, Drive
from joulescape.testing.examples import example_context, example_graph

FEW = settings(max_examples=25, deadline=None)
NAMES = ("neurram", "rram_128x8", "nor_flash_mnist", "mram_64x64", "memristor_dct")
CASES: dict[str, Case] = {name: case(f"memristive/{name}") for name in NAMES}
names = pytest.mark.parametrize("name", NAMES)


def settings_of(machine: Case) -> ArraySettings:
    found = machine.settings
    assert isinstance(found, ArraySettings)
    return found


@names
@FEW
@given(loops=small_loops())
def test_blocks_hold_all_weights_and_no_block_less_would(name: str, loops: Loops) -> None:
    machine = settings_of(CASES[name])
    placed = Placed.of(product(loops, 4), machine)
    room = machine.array.rows * machine.array.columns
    assert placed.weights == loops.G * loops.K * loops.reduction
    assert placed.cells <= placed.blocks * room
    lines = loops.reduction * placed.lines
    assert (placed.across - 1) * machine.array.rows < lines <= placed.across * machine.array.rows
    assert placed.turns * max(1, placed.arrays // placed.copies) >= placed.blocks


@names
@FEW
@given(loops=small_loops(), batch=st.integers(2, 5))
def test_a_batch_takes_its_samples_one_after_the_other(name: str, loops: Loops, batch: int) -> None:
    """Nothing is shared by samples: energy is exactly proportional, where nothing is written."""
    machine = CASES[name].at({"can_rewrite": False})
    one, many = (machine.cost(product(Loops(**{**loops.__dict__, "B": count}), 4))[0] for count in (1, batch))
    for component in ("cells", "readout", "row_drivers", "word_lines"):
        assert number(part(many, component)) == pytest.approx(batch * number(part(one, component)))


@pytest.mark.parametrize("magnitude", range(1, 17))
@pytest.mark.parametrize("phases", [1, 2, 3])
def test_phases_share_all_bits_evenly_and_the_first_has_most(magnitude: int, phases: int) -> None:
    drive = settings_of(CASES["neurram"]).drive.model_copy(update={"phases": phases})
    found = parts_of(magnitude, Drive.model_validate(drive.model_dump()))
    assert sum(found) == magnitude and len(found) <= phases
    assert max(found) - min(found) <= 1 and list(found) == sorted(found, reverse=True)
    assert len(found) == 1 or magnitude > drive.split_above_bits


def test_time_of_one_neurram_read_by_hand() -> None:
    """5 bits of magnitude: 10 additions of 270 ns, 8 + 5 decisions and two phases of 300 ns."""
    assert read_ns((3, 2), settings_of(CASES["neurram"])) == pytest.approx(10 * 270 + 13 * 300 + 2 * 300)


def test_shared_read_outs_decide_one_column_after_the_other() -> None:
    machine = CASES["neurram"].at({"readout.shared_by": 4})
    assert read_ns((3, 2), settings_of(machine)) == pytest.approx(10 * 270 + 4 * 13 * 300 + 2 * 300)
    areas = [
        {one.component.name: number(one.area_mm2) for one in found.simulator.area(found.settings)}["readout"]
        for found in (CASES["neurram"], machine)
    ]
    assert areas[0] == pytest.approx(4 * areas[1]) and areas[0] == pytest.approx(48 * 256 * 0.00127)


def test_energy_of_one_transform_by_hand() -> None:
    """64 x 64 in pairs of rows: 128 drivers, 64 read-outs of 8 decisions, 8,192 cells at V^2 / 3 and a quarter of their
    range."""
    found = CASES["memristor_dct"].cost(product(Loops(K=64, C=64), 8))[0]
    assert number(part(found, "row_drivers")) == pytest.approx(128 * 3.0)
    assert number(part(found, "readout")) == pytest.approx(64 * (1.0 + 8 * 0.81))
    assert number(part(found, "cells")) == pytest.approx(8192 * 0.2**2 / 3 * (0.1 + 0.25 * 0.8) * 10)
    assert number(part(found, "cell_writing")) == 0


def test_copies_share_positions_and_take_cells() -> None:
    """LeNet's first layer on one core of 48 waits 784 times; sixteen copies take 49 turns each."""
    conv = product(Loops(K=6, C=1, OY=28, OX=28, FY=5, FX=5), 8)
    one, many = (CASES["neurram"].at({"copies": copies}) for copies in (1, 16))
    slow, fast = (machine.cost(conv)[0] for machine in (one, many))
    assert number(slow.latency_ns) == pytest.approx(16 * number(fast.latency_ns))
    assert number(energy(slow)) == pytest.approx(number(energy(fast)))
    wide = product(Loops(K=128, C=128, OY=28, OX=28, FY=5, FX=5), 8)
    limits = [one.simulator.limits([wide], one.settings, example_context()) for one in (one, many)]
    assert not limits[0] and "need 13107200 cells" in limits[1][0].reason


def test_copies_beyond_the_positions_or_the_arrays_are_not_made() -> None:
    """One array reads one vector at a time, however often a small layer would fit into it."""
    dense, conv = product(Loops(K=6, C=25), 8), product(Loops(K=3, C=1, OY=8, OX=8, FY=2, FX=2), 8)
    assert Placed.of(dense, settings_of(CASES["neurram"].at({"copies": 16}))).copies == 1
    single, crowded = CASES["rram_128x8"], CASES["rram_128x8"].at({"copies": 16})
    assert Placed.of(conv, settings_of(crowded)).copies == 1
    assert number(crowded.cost(conv)[0].latency_ns) == number(single.cost(conv)[0].latency_ns)


@pytest.mark.parametrize("arrays", [1, 2, 3, 7])
def test_more_copies_never_take_longer_than_arrays_can_share(arrays: int) -> None:
    """Time falls with copies at most in proportion, and never below what all arrays together could do."""
    conv = product(Loops(K=6, C=1, OY=12, OX=12, FY=5, FX=5), 8)
    times = [
        number(CASES["neurram"].at({"arrays": arrays, "copies": copies}).cost(conv)[0].latency_ns)
        for copies in (1, arrays, 4 * arrays)
    ]
    assert times[0] >= times[1] == times[2] >= times[0] / arrays


def rewritten(cells: int, **changes: Any) -> Case:
    """The junction array with so many cells, in columns of 128."""
    return CASES["mram_64x64"].at({"array.columns": cells // 128, **changes})


def test_weights_that_are_written_anew_are_fetched() -> None:
    """Of two layers of 64 x 32 one fits 2 x 64 x 32 cells: both weights of a pair come as two bits from memory, once a
    batch, and bound the layer where memory is slow."""
    layers = [product(Loops(B=4, K=32, C=64), 2, layer=f"fc{n}") for n in (1, 2)]
    fits, small = (rewritten(cells).cost(*layers) for cells in (2 * 4096, 4096))
    fetched = [sum(m.read_bytes for m in found.traffic if m.operand == "weight") for found in (*fits, *small)]
    assert fetched == [0, 0, 64 * 32 * 2 / 8, 64 * 32 * 2 / 8]
    assert number(part(small[1], "off_chip_memory")) - number(part(fits[1], "off_chip_memory")) == pytest.approx(
        64 * 32 * 2 * 8.0
    )
    assert number(part(small[0], "cell_writing")) == pytest.approx(4096 * 0.3)
    assert number(part(fits[0], "cell_writing")) == 0
    assert all(number(a.latency_ns) > number(b.latency_ns) for a, b in zip(small, fits, strict=True))


def test_what_stands_in_cells_is_programmed_once_in_a_life() -> None:
    """Every copy of every weight, of both cells of a pair; demonstrations whose writes nobody printed say nothing."""
    conv, dense = product(Loops(K=6, C=1, OY=4, OX=4, FY=3, FX=3), 2), product(Loops(K=10, C=54), 2, layer="fc")
    machine = CASES["mram_64x64"].at({"arrays": 2, "copies": 2})
    (spent,) = machine.simulator.programming([conv, dense], machine.settings)
    assert number(spent.energy_pj) == pytest.approx((2 * 2 * 54 + 2 * 540) * 0.3)
    both = machine.at({"copies": np.array([1, 2])})
    (swept,) = both.simulator.programming([conv, dense], both.settings)
    assert np.allclose(swept.energy_pj, [(2 * 54 + 2 * 540) * 0.3, number(spent.energy_pj)])
    silent = CASES["memristor_dct"]
    assert not list(silent.simulator.programming([dense], silent.settings))


def test_cells_that_are_rewritten_wear_out() -> None:
    """Two layers in the room of one: two writes a batch of the same junctions."""
    layers = [product(Loops(K=32, C=64), 2, layer=f"fc{n}") for n in (1, 2)]
    worn, fitting = rewritten(4096, served_batches=10**15), rewritten(8192, served_batches=10**15)
    (limit,) = worn.simulator.limits(layers, worn.settings, example_context())
    endurance = settings_of(worn).cell.writing.endurance_writes.value  # type: ignore[union-attr]
    assert limit.overshoot == pytest.approx(2e15 / endurance - 1) and "2 a batch" in limit.reason
    assert not fitting.simulator.limits(layers, fitting.settings, example_context())
    free, said = rewritten(4096), f"cells endure {endurance:.3g} writes"
    assert any(said in caution for caution in free.simulator.cautions(free.settings))
    assert not any(said in caution for caution in worn.simulator.cautions(worn.settings))
    allowed = rewritten(4096, served_batches=int(endurance // 2))
    assert all(limit.overshoot <= 0 for limit in allowed.simulator.limits(layers, allowed.settings, example_context()))


@pytest.mark.parametrize(("name", "wanted"), [
    ("neurram", {"rows": 128, "weight_bits": 4, "cell_bits": 3, "dac_bits": 3, "adc_bits": 8, "is_differential": 1}),
    ("rram_128x8", {"rows": 128, "weight_bits": 4, "cell_bits": 4, "dac_bits": 8, "is_differential": 0}),
    ("nor_flash_mnist", {"rows": 848, "is_analog": 1, "activation_sigma_fraction": 0.02, "input_bits": 1}),
    ("mram_64x64", {"rows": 64, "weight_bits": 2, "cell_bits": 1, "input_bits": 1, "on_off_ratio": 2.5}),
    ("memristor_dct", {"rows": 64, "weight_bits": 7, "cell_bits": 6, "dac_bits": 8, "stuck_on_fraction": 0.001}),
])  # fmt: skip
def test_numbers_of_the_forward_pass(name: str, wanted: dict[str, Any]) -> None:
    """One pair (one cell) a weight; what one read-out sums over; no converter where sums go on as voltages."""
    machine, graph = CASES[name], example_graph()
    errors = machine.simulator.errors(graph, {}, machine.settings)
    assert {operator for operator, _ in errors} == {"conv1", "fc1", "fc2"}
    found = errors["fc1", "forward"].numbers
    assert {key: found[key] for key in wanted} == pytest.approx(wanted)
    assert errors["fc1", "forward"].kind == "crossbar"


def test_narrower_formats_make_narrower_numbers() -> None:
    machine, graph = CASES["neurram"], example_graph()
    narrow = {"fc1": OperandFormat(weight_bits=3, activation_bits=2)}
    found = machine.simulator.errors(graph, narrow, machine.settings)["fc1", "forward"].numbers
    assert (found["weight_bits"], found["cell_bits"], found["input_bits"], found["dac_bits"]) == (3, 2, 2, 2)


def test_a_rectifier_is_part_of_an_analog_neuron_and_of_no_other() -> None:
    relu = example_graph().operator("relu1")
    analog, digital = CASES["nor_flash_mnist"], CASES["neurram"]
    assert analog.simulator.takes(relu, "forward", analog.settings)
    assert not digital.simulator.takes(relu, "forward", digital.settings)
    assert number(analog.cost(vector(64))[0].latency_ns) == 0
    with pytest.raises(SimulatorError, match="no matrix product"):
        digital.cost(vector(64))


@names
def test_training_is_left_to_the_host(name: str) -> None:
    machine, dense = CASES[name], example_graph().operator("fc1")
    assert machine.simulator.takes(dense, "forward", machine.settings)
    for role in ("input_gradient", "weight_gradient", "update"):
        assert not machine.simulator.takes(dense, role, machine.settings)
