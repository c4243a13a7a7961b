"""Memory arrays with their read-out: laws, NeuRRAM's three points, what each mechanism is worth, what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from machine_cases import ROOT, Case, case, energy, number, part, product
from pydantic import ValidationError

from joulescape.errors import Infeasible, SpecError
from joulescape.network.histograms import BINS
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.pricing import cost as price
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.array.placing import Placed, additions, decisions, parts_of
from joulescape.simulators.array.settings import Drive
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_graph

NAMES = (
    "neurram", "pcm_500x661", "rram_128x8", "memristor_12x12", "rram_16mb", "nor_flash_mnist", "mram_64x64",
    "memristor_dct",
)  # fmt: skip
CASES: dict[str, Case] = {name: case(f"memristive/{name}") for name in NAMES}
NEURRAM = CASES["neurram"]
SWEEP: dict[str, tuple[Any, ...]] = {
    "arrays": (1, 16, 48), "copies": (1, 2, 3), "cell_energy": ("values", "fixed", "values"),
    "array.summing": ("current", "resistance", "current"), "readout.shared_by": (1, 2, 4),
}  # fmt: skip
names = pytest.mark.parametrize("name", NAMES)

G6 = {(3, 1): (2.122, 43.08), (5, 3): (1.165, 23.09), (8, 6): (0.4177, 8.257)}
"""NeuRRAM, two phases, bits out and in: TOPS, TOPS/W."""


@names
def test_every_array_obeys_the_laws_of_simulators(name: str) -> None:
    machine = CASES[name]
    check_simulator(machine.simulator, machine.settings, sweep=SWEEP)


def at_bits(out: int, into: int) -> dict[str, float]:
    machine = NEURRAM.at({"readout.bits": out, "widths.input": into})
    return dict(machine.simulator.published(machine.settings))


@pytest.mark.parametrize("bits", G6)
def test_g6_throughput_of_neurram(bits: tuple[int, int]) -> None:
    """None of it was set: step times and how often each step is made."""
    assert at_bits(*bits)["full_width_tops"] == pytest.approx(G6[bits][0], rel=0.10)


@pytest.mark.parametrize("bits", G6)
def test_g6_efficiency_of_neurram(bits: tuple[int, int]) -> None:
    """Set at (3, 1). At (8, 6) the printed efficiency is a tenth below what its own printed energies add up to."""
    wanted = {(8, 6): 1e3 / (37.22 + 52.48 + 19.24)}.get(bits, G6[bits][1])
    assert at_bits(*bits)["full_width_tops_per_w"] == pytest.approx(wanted, rel=0.10)
    assert at_bits(*bits)["full_width_tops_per_w"] == pytest.approx(G6[bits][1], rel=0.12)


def test_phases_of_inputs_and_what_they_take() -> None:
    """CiMLoop's counts: above 3 bits two phases; 2^n - 1 additions each; a later phase decides fewer bits."""
    drive = NEURRAM.settings.drive  # type: ignore[attr-defined]
    assert isinstance(drive, Drive)
    assert [parts_of(bits, drive) for bits in (1, 3, 4, 5, 7)] == [(1,), (3,), (2, 2), (3, 2), (4, 3)]
    assert [additions(parts_of(bits, drive)) for bits in (1, 2, 5)] == [1, 3, 10]
    assert decisions((3, 2), NEURRAM.settings) == 8 + 5  # type: ignore[arg-type]


def test_a_second_phase_saves_time_where_additions_double() -> None:
    """wan2022 by andrulis2024 at (8, 6): 0.418 TOPS in two phases, 0.261 in one, for a tenth more energy in two."""
    two, one = (
        NEURRAM.at({"drive.phases": phases}).simulator.published(NEURRAM.at({"drive.phases": phases}).settings)
        for phases in (2, 1)
    )
    assert two["full_width_tops"] / one["full_width_tops"] == pytest.approx(0.4177 / 0.2608, rel=0.1)
    narrow = at_bits(4, 3)
    assert narrow == at_bits(4, 3), "below 4 bits nothing is split"
    assert two["array_word_lines_pj"] > one["array_word_lines_pj"]


@names
def test_cells_take_what_values_make_them_take(name: str) -> None:
    """Sparse small inputs: less than nominal, in the cells alone; a chain of resistances does not see its inputs."""
    machine = CASES[name]
    dark = tuple(0.9 if step == 0 else 0.1 / (BINS - 1) for step in range(BINS))
    inputs = (
        Operand(8, 8, is_signed=False),
        Operand(8, 8, is_signed=False, histogram=dark, mean_fraction=0.05, mean_square_fraction=0.03),
    )
    works = [MatrixWork("layer", "forward", Loops(K=8, C=8), Operand(64, 4), seen, Operand(8, 8)) for seen in inputs]
    bright, dim = (machine.cost(work)[0] for work in works)
    sees = machine.settings.reading == "columns" and machine.settings.array.summing == "current"  # type: ignore[attr-defined]
    fixed = machine.at({"cell_energy": "fixed"})
    assert (number(part(dim, "cells")) < 0.4 * number(part(bright, "cells"))) == sees
    assert number(part(fixed.cost(works[1])[0], "cells")) == pytest.approx(
        number(part(fixed.cost(works[0])[0], "cells"))
    )
    assert number(part(dim, "readout")) == pytest.approx(number(part(bright, "readout")))


def test_summed_resistances_save_the_square_of_a_column() -> None:
    """jung2022: junctions of kilohms side by side would draw much power; in series one current passes all of them."""
    machine, work = CASES["mram_64x64"], product(Loops(K=64, C=64), 2)
    chain, parallel = (machine.at({"array.summing": how}).cost(work)[0] for how in ("resistance", "current"))
    ratio = number(part(parallel, "cells")) / number(part(chain, "cells"))
    assert ratio == pytest.approx(128**2 / 2, rel=0.01), "inputs of one half on average"
    assert number(energy(parallel)) > 10 * number(energy(chain))


def test_reading_words_is_what_parallel_columns_save() -> None:
    """burr2015: a cell at a time; its crossbar, read in parallel as the paper foresees, is 10,000 times as fast."""
    serial = CASES["pcm_500x661"]
    parallel, work = serial.at({"reading": "columns"}), product(Loops(K=250, C=240), 8)
    slow, fast = (machine.cost(work)[0] for machine in (serial, parallel))
    assert number(slow.latency_ns) > 1e4 * number(fast.latency_ns)
    assert number(energy(slow)) > 100 * number(energy(fast))


def test_a_sensed_bit_has_no_analog_error() -> None:
    """yu2016: a memory's sense amplifier decides: only cells that fail are wrong; sums of a column meet converters."""
    machine, graph = CASES["rram_16mb"], example_graph()
    words, columns = (
        machine.at({"reading": how}).simulator.errors(graph, {}, machine.at({"reading": how}).settings)[
            "fc1", "forward"
        ]
        for how in ("words", "columns")
    )
    assert (words.numbers["adc_bits"], columns.numbers["adc_bits"]) == (24, 6)
    assert words.numbers["programming_sigma_fraction"] == 0
    assert words.numbers["wire_kohm"] == 0 < columns.numbers["wire_kohm"]


def cost(network: str, name: str, **sets: str) -> dict[str, float]:
    found = price(network, f"memristive/{name}", {k.replace("__", "."): v for k, v in sets.items()}, root=ROOT)
    return {key: value for key, value in found.totals.items() if value is not None}


def test_no_converter_between_layers_saves_time_and_energy() -> None:
    """guo2017: less than 1 us and about 20 nJ a pattern; with an 8-bit converter behind each neuron both grow."""
    found = price("mnist_perceptron", "memristive/nor_flash_mnist", {}, boundary="core", root=ROOT).totals
    assert found["inference_latency_ns"] is not None and found["inference_energy_pj"] is not None
    assert found["inference_latency_ns"] < 1000
    assert found["inference_energy_pj"] == pytest.approx(20_000, rel=0.3)
    machine, work = CASES["nor_flash_mnist"], product(Loops(K=64, C=784), 1)
    analog, digital = (machine.at({"readout.steps": how}).cost(work)[0] for how in ("analog", "binary_search"))
    assert number(digital.latency_ns) - number(analog.latency_ns) == pytest.approx(8 * 20)
    assert number(part(digital, "readout")) - number(part(analog, "readout")) == pytest.approx(64 * 8 * 2)


def test_a_network_that_does_not_fit_is_refused_with_what_would_do() -> None:
    with pytest.raises(Infeasible, match="122940 cells and the arrays have 144: 854 arrays would do"):
        cost("lenet5", "memristor_12x12")
    with pytest.raises(Infeasible, match="2 arrays would do"):
        cost("lenet5", "nor_flash_mnist")


def test_an_analog_sum_must_stand_in_one_array() -> None:
    """Voltages of two arrays cannot be added; converted sums can."""
    machine, work = CASES["nor_flash_mnist"], product(Loops(K=10, C=1000), 2)
    found = machine.simulator.limits([work], machine.settings, example_context())
    assert any("sums over 1000 rows in arrays of 848" in limit.reason for limit in found)
    digital = machine.at({"readout.steps": "binary_search"})
    assert not digital.simulator.limits([work], digital.settings, example_context())
    assert Placed.of(work, digital.settings).across == 2  # type: ignore[arg-type]


def test_junctions_are_rewritten_where_a_network_is_too_large() -> None:
    """digits_mlp has 4,736 weights, the array 4,096 pairs: written anew for every batch, which a larger one shares."""
    written = {
        network: sum(row["energy_pj"] for row in found.energy if row["component"] == "cell_writing")
        for network in ("digits_mlp", "digits_perceptron")
        for found in [price(network, "memristive/mram_64x64", {}, root=ROOT)]
    }
    assert written == {"digits_mlp": pytest.approx(2 * 4736 * 0.3), "digits_perceptron": 0}
    with pytest.raises(Infeasible, match="2 arrays would do"):
        cost("digits_mlp", "mram_64x64", hardware__can_rewrite="false")


@pytest.mark.parametrize(("network", "name"), [
    ("letters", "memristor_12x12"), ("digits_perceptron", "rram_128x8"), ("mnist_pcm", "pcm_500x661"),
    ("mnist_perceptron", "rram_16mb"), ("lenet5", "neurram"), ("dct_blocks", "memristor_dct"),
])  # fmt: skip
def test_every_demonstration_has_a_network_that_fits(network: str, name: str) -> None:
    assert cost(network, name)["inference_energy_pj"] > 0


def test_the_pcm_network_fills_its_array() -> None:
    """528-250-125-10 with biases has 164,885 weights; ours are added digitally: 164,500 of 165,250 pairs."""
    machine = CASES["pcm_500x661"]
    layers = [product(Loops(K=k, C=c), 8, layer=f"fc{k}") for c, k in ((528, 250), (250, 125), (125, 10))]
    assert sum(Placed.of(work, machine.settings).weights for work in layers) + 385 == 164_885  # type: ignore[arg-type,misc]
    assert not machine.simulator.limits(layers, machine.settings, example_context())
    larger = [*layers, product(Loops(K=40, C=40), 8, layer="more")]
    assert machine.simulator.limits(larger, machine.settings, example_context())


@pytest.mark.parametrize(("name", "changes", "said"), [
    ("memristor_12x12", {"array.rows": 11, "array.pairs": "rows"}, "even count"),
    ("rram_128x8", {"reading": "words"}, "needs words"),
    ("memristor_dct", {"can_rewrite": True}, "needs cell.writing"),
    ("memristor_dct", {"drive.phases": 2}, "phases must be 1"),
    ("neurram", {"readout.bits": 1}, "expected a value >= 2"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises((SpecError, ValidationError), match=said):
        load_back_end(ROOT, f"memristive/{name}", changes)


def test_more_levels_than_the_device_has_are_refused() -> None:
    machine = CASES["mram_64x64"].at({"widths.weight": 4})
    found = machine.simulator.limits([], machine.settings, example_context())
    assert any("at most 1 bits a cell" in limit.reason for limit in found)
    single = CASES["rram_128x8"]
    remapped = single.at({"cell.remapping": "pairs"})
    assert "needs pairs" in remapped.simulator.limits([], remapped.settings, example_context())[0].reason


def test_one_cell_a_weight_holds_twice_as_many() -> None:
    """yao2017: 320 pixels and three people in 1,024 cells; in pairs they would not fit."""
    machine, faces = CASES["rram_128x8"], product(Loops(K=3, C=320), 8)
    paired = machine.at({"array.pairs": "columns"})
    limits = [one.simulator.limits([faces], one.settings, example_context()) for one in (machine, paired)]
    assert not limits[0] and "need 1920 cells and the arrays have 1024" in limits[1][0].reason


def test_voltages_transform_in_one_step() -> None:
    """li2018: amplitudes drive all bits at once; bit by bit the read-out adds 2^8 - 1 times."""
    machine, work = CASES["memristor_dct"], product(Loops(K=64, C=64), 9)
    at_once, by_bits = (machine.at({"drive.coding": how}).cost(work)[0] for how in ("amplitude", "pulses"))
    assert number(at_once.latency_ns) == pytest.approx(10 + 8 * 1.25)
    assert number(by_bits.latency_ns) == pytest.approx(127 * 10 + 8 * 1.25), "seven bits and the sign of a voltage"
    assert number(part(by_bits, "row_drivers")) == pytest.approx(7 * number(part(at_once, "row_drivers")))


def test_wires_that_take_much_are_told_of() -> None:
    """0.3 ohm between cells of 0.9 mS leave less than half; a memory that is read word by word does not care."""
    crossbar, memory = CASES["memristor_dct"], CASES["rram_16mb"]
    assert crossbar.simulator.cautions(crossbar.settings) == [
        "wires leave a full column of 128 cells 0.46 of its current"
    ]
    assert not any("wires" in said for said in memory.simulator.cautions(memory.settings))
    crowded = CASES["mram_64x64"].at({"widths.weight": 4})
    assert any("at most 1 bits a cell" in said for said in crowded.simulator.cautions(crowded.settings))


@pytest.mark.parametrize("name", ["mram_64x64", "rram_16mb"])
def test_cells_of_one_bit_say_that_they_round(name: str) -> None:
    """As a neurosynaptic chip says which compression would do, so does a memory of bits, which takes wider weights."""
    told = [said for said in CASES[name].simulator.cautions(CASES[name].settings) if "rounded to 2 bits" in said]
    assert len(told) == 1 and "`binary` or `ternary` with fine-tuning" in told[0]
    wider = CASES[name].at({"widths.weight": 3})
    assert not any("rounded" in said for said in wider.simulator.cautions(wider.settings))
    assert told[0] in price("digits_mlp", f"memristive/{name}", {}, root=ROOT).notes
