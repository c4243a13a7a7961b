"""What made spatial chips known, switched off: DianNao's family and Park's four cores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from machine_cases import ROOT, Case, case, energy, number, part, product

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator

DIANNAO, SENSOR, CAMBRICON, PARK = (
    case(f"electronic/{name}") for name in ("diannao", "shidiannao", "cambricon", "park2015")
)
INNER = replace(example_context(), first=frozenset(), last=frozenset())
CONV = Loops(K=16, C=6, OY=16, OX=16, FY=5, FX=5)


def work(loops: Loops = CONV, bits: float = 16) -> MatrixWork:
    """A product in the middle of a network."""
    return replace(product(loops, bits), layer="middle")


def run(machine: Case, asked: MatrixWork, context: Context = INNER) -> LayerCost:
    (found,) = machine.cost(asked, context=context)
    return found


def changed(machine: Case, **fields: Any) -> Case:
    """With other plain settings."""
    raw = machine.settings.model_dump() | fields
    return replace(machine, settings=SpatialSettings.model_validate(raw))


def moved(found: LayerCost, memory: str, operand: str | None = None) -> float:
    """Bytes read and written in one memory, of one operand or of all."""
    return sum(
        number(move.read_bytes) + number(move.write_bytes)
        for move in found.traffic
        if move.memory == memory and operand in (None, move.operand)
    )


@pytest.mark.parametrize("machine", [DIANNAO, SENSOR, CAMBRICON, PARK])
def test_they_keep_the_contract_of_simulators(machine: Case) -> None:
    check_simulator(machine.simulator, machine.settings)


def test_neighbours_that_pass_inputs_spare_the_buffer_nine_reads_of_ten() -> None:
    """A 5 x 5 window read by 8 x 8 neurons: 12 x 12 inputs for 25 x 64 products, as the paper's 10 x 10 example."""
    passing, alone = run(SENSOR, work()), run(changed(SENSOR, bypass=["neighbours"]), work())
    ratio = moved(alone, "neurons", "input") / moved(passing, "neurons", "input")
    assert ratio == pytest.approx(25 * 64 / 144, rel=0.35)
    assert number(alone.latency_ns) > 2 * number(passing.latency_ns)
    assert energy(alone) > energy(passing)


def test_at_the_sensor_a_network_that_fits_needs_no_memory_off_chip() -> None:
    entering = replace(INNER, first=frozenset({"middle"}))
    near, far = run(SENSOR, work(), entering), run(SENSOR.at({"sensor.is_on": False}), work(), entering)
    assert moved(near, "off_chip_memory") == 0
    assert moved(far, "off_chip_memory") == work().input.elements * 2
    assert part(near, "sensor_link") == pytest.approx(work().input.elements * 16 * 1.0)
    assert energy(near) < energy(far)


def test_an_image_larger_than_the_neurons_comes_from_memory_all_the_same() -> None:
    large = work(Loops(K=8, C=3, OY=220, OX=220, FY=5, FX=5))
    found = run(SENSOR, large, replace(INNER, first=frozenset({"middle"})))
    assert moved(found, "off_chip_memory", "input") >= large.input.elements * 2
    assert part(found, "sensor_link") == 0


@pytest.mark.parametrize("machine", [SENSOR, CAMBRICON])
def test_weights_stay_where_the_network_fits_and_are_read_for_every_batch_where_not(machine: Case) -> None:
    small, large = work(Loops(K=128, C=128)), work(Loops(K=2048, C=1024))
    assert moved(run(machine, small), "off_chip_memory", "weight") == 0
    assert moved(run(machine, large), "off_chip_memory", "weight") >= 2048 * 1024 * 2
    coming = changed(machine, weights_in=None)
    assert moved(run(coming, small), "off_chip_memory", "weight") == 128 * 128 * 2
    assert energy(run(coming, small)) > 3 * energy(run(machine, small))


def test_a_dense_layer_of_shidiannao_waits_for_its_synapses() -> None:
    found = run(SENSOR, work(Loops(K=84, C=120)))
    assert found.bound_by == "synapses bandwidth"
    assert number(found.utilisation_fraction) < 8 / 64 * 1.01


@pytest.mark.parametrize("buffer", ["nbin", "synapses"])
def test_split_buffers_are_what_keeps_diannao_from_its_memory(buffer: str) -> None:
    conv = work(Loops(K=256, C=256, OY=13, OX=13, FY=3, FX=3))
    tiled, bare = run(DIANNAO, conv), run(changed(DIANNAO, bypass=[buffer]), conv)
    assert moved(bare, "off_chip_memory") > 2 * moved(tiled, "off_chip_memory")
    assert energy(bare) > 1.3 * energy(tiled)


def test_without_its_output_buffer_diannao_waits_for_memory() -> None:
    conv = work(Loops(K=256, C=256, OY=13, OX=13, FY=3, FX=3))
    tiled, bare = run(DIANNAO, conv), run(changed(DIANNAO, bypass=["nbout"]), conv)
    assert number(bare.latency_ns) > 1.1 * number(tiled.latency_ns)


def test_diannao_keeps_nothing_between_layers() -> None:
    found = run(DIANNAO, work(Loops(K=32, C=32)))
    assert moved(found, "off_chip_memory", "weight") == 32 * 32 * 2
    assert moved(found, "off_chip_memory", "input") == 32 * 2
    assert moved(found, "off_chip_memory", "output") == 32 * 2


def test_an_adder_tree_adds_inputs_of_one_tap_alone() -> None:
    """Three channels fill three lanes of sixteen, as in the paper's first layers."""
    found = run(DIANNAO, work(Loops(K=16, C=3, OY=8, OX=8, FY=3, FX=3)))
    assert number(found.active_units) == 16 * 3


def test_vision_at_the_sensor_costs_a_fraction_of_diannao() -> None:
    """Sixty times less energy is the paper's mean over ten small networks; LeNet-5 here: an order of magnitude."""
    near, far = (
        cost("lenet5", f"electronic/{name}", boundary="system", root=ROOT) for name in ("shidiannao", "diannao")
    )
    ratio = far.totals["inference_energy_pj"] / near.totals["inference_energy_pj"]
    assert 8 < ratio < 80


def test_two_ranges_double_the_rate_at_half_the_width() -> None:
    conv = Loops(K=64, C=32, OY=32, OX=32, FY=3, FX=3)
    wide, narrow = run(PARK, work(conv, 16)), run(PARK, work(conv, 8))
    assert number(wide.latency_ns) / number(narrow.latency_ns) == pytest.approx(2, rel=0.05)
    single = PARK.at({"precision.mode": "full"})
    assert number(run(single, work(conv, 8)).latency_ns) == pytest.approx(number(wide.latency_ns))
    assert energy(run(single, work(conv, 8))) > energy(narrow)


def test_four_cores_are_four_times_one() -> None:
    conv = work(Loops(K=64, C=32, OY=32, OX=32, FY=3, FX=3), 8)
    one = PARK.settings.model_dump()["array"]
    one["dimensions"] = {**one["dimensions"], "cores": 1}
    ratio = number(run(changed(PARK, array=one), conv).latency_ns) / number(run(PARK, conv).latency_ns)
    assert ratio == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bypass": ["cache"]}, "cache"),
        ({"weights_in": "neurons"}, "must hold weights"),
        ({"hand_over": None}, "a sensor needs a hand_over"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        changed(SENSOR, **fields)
