"""The chosen tile is the best of all candidates, one by one; what is fetched is what is filled; figures by hand."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops, Role
from joulescape.network.work import MatrixWork, Operand, VectorWork
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.systolic import SystolicSettings, plugin
from joulescape.simulators.systolic.choice import Sources, choose, memory_energy_pj
from joulescape.simulators.systolic.machine import SystolicMachine
from joulescape.simulators.systolic.product import kept_bits, product_of
from joulescape.simulators.systolic.tiling import candidate_tiles, counts
from joulescape.testing import example_context
from joulescape.testing.simulators import at_paths

SPEC = load_back_end(Path(__file__).resolve().parents[2], "electronic/systolic_int8", {}).spec
RAW: dict[str, Any] = {"parameters": SPEC.parameters}
SETTINGS = SystolicSettings.model_validate(RAW["parameters"])


def work(
    positions: int, outputs: int, reduction: int, groups: int = 1, bits: float = 8.0, role: Role = "forward"
) -> MatrixWork:
    loops = Loops(B=positions, G=groups, K=outputs, C=reduction)
    sizes = (outputs * reduction, positions * reduction, positions * outputs)
    return MatrixWork("layer", role, loops, *(Operand(groups * size, bits) for size in sizes))


works = st.builds(
    work, st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), groups=st.integers(1, 3),
    bits=st.sampled_from([2.0, 5.0, 8.0]),
)  # fmt: skip
capacities = st.sampled_from([2048, 4096, 16384, 65536])


def traffic(found: LayerCost, memory: str, operand: str) -> tuple[float, float]:
    moves = [t for t in found.traffic if (t.memory, t.operand) == (memory, operand)]
    return sum(float(t.read_bytes) for t in moves), sum(float(t.write_bytes) for t in moves)


def energy(found: LayerCost, name: str) -> float:
    return float(next(part.energy_pj for part in found.energies if part.component.name == name))


@settings(max_examples=60, deadline=None)
@given(works, capacities, capacities, capacities, st.booleans(), st.booleans())
def test_no_candidate_is_better_than_the_chosen(
    given_work: MatrixWork, weight: int, activation: int, sums: int, stationary: bool, input_on_chip: bool
) -> None:
    at = at_paths(
        SETTINGS,
        {
            "array.rows": 8, "array.columns": 16, "buffers.weight_bytes": weight,
            "buffers.activation_bytes": activation, "buffers.accumulator_bytes": sums,
            "dataflow": "output_stationary" if stationary else "weight_stationary",
        },
    )  # fmt: skip
    machine = SystolicMachine.of([given_work], at, example_context())
    product = product_of(given_work, at)
    sources = Sources(*(np.array([value]) for value in (False, False, input_on_chip, False)))
    room, energies = machine.room(sources), machine.energies
    chosen = choose(product, room, sources, energies)
    tiles = candidate_tiles(product, room)
    counted = counts(product, room, tiles)
    every = memory_energy_pj(counted, sources, energies)
    shape = np.broadcast_shapes(every.shape, tiles.fits.shape, counted.cycles.shape)
    fits, every, cycles = (np.broadcast_to(a, shape).ravel() for a in (tiles.fits, every, counted.cycles))
    if not fits.any():
        return
    best = every[fits].min()
    lifted = type(counted)(**{f.name: getattr(chosen, f.name).reshape(1, 1, 1, 1) for f in fields(counted)})
    assert memory_energy_pj(lifted, sources, energies).item() == pytest.approx(best)
    ties = cycles[fits & (every <= best * (1 + 1e-12))]
    assert chosen.cycles.item() == ties.min()


@settings(max_examples=60, deadline=None)
@given(works, capacities, st.sampled_from(["weight_stationary", "output_stationary"]))
def test_bytes_are_conserved(given_work: MatrixWork, activation: int, dataflow: str) -> None:
    """What leaves off-chip memory fills a buffer; the array reads at least every byte once; sums go in and out."""
    at = at_paths(SETTINGS, {"buffers.activation_bytes": activation, "dataflow": dataflow})
    context = Context(1, example_context().off_chip, True, frozenset({"layer"}), frozenset({"layer"}))
    found = plugin.cost([given_work], at, context)[0]
    product = product_of(given_work, at)
    total = product.groups * np.array([product.weight_bytes, product.input_bytes, product.output_bytes])
    assert traffic(found, "off_chip_memory", "weight")[0] == traffic(found, "weight_sram", "weight")[1]
    assert traffic(found, "off_chip_memory", "input")[0] == traffic(found, "activation_sram", "input")[1]
    assert traffic(found, "off_chip_memory", "weight")[0] >= total[0] * (1 - 1e-12)
    assert traffic(found, "off_chip_memory", "input")[0] >= total[1] * (1 - 1e-12)
    spilled, sent = traffic(found, "off_chip_memory", "output")
    assert sent - spilled == pytest.approx(total[2])
    reads, writes = traffic(found, "accumulator_sram", "output")
    assert reads == writes
    assert traffic(found, "weight_sram", "weight")[0] >= total[0] * (1 - 1e-12)
    assert traffic(found, "activation_sram", "input")[0] >= total[1] * (1 - 1e-12)


def test_a_dense_layer_by_hand() -> None:
    """64 x 64 at batch 1 on 32 x 32 cells: four weight tiles, each a load of 32 cycles, then one vector's way out.

    32 (first load) + 3 * 32 (next loads, each longer than the one vector) + 1 + 32 + 32 - 2 = 191 cycles at 0.5 GHz.
    """
    found = plugin.cost([work(1, 64, 64)], SETTINGS, example_context())[0]
    assert traffic(found, "off_chip_memory", "weight") == (4096, 0)
    assert energy(found, "off_chip_memory") == pytest.approx(4096 * 8 * 8.0)
    assert found.latency_ns == pytest.approx(191 / 0.5)
    assert found.latency_ns > 4096 * 8 / 100.0, "the memory would have been ready"
    assert found.bound_by == "array"
    assert found.active_units == 1024
    assert energy(found, "mac_array") == pytest.approx(4096 * 0.3)
    shifted = 64 * 2 * sum(range(1, 33)) * 8
    assert energy(found, "pe_registers") == pytest.approx((4096 * 40 + shifted) * 0.009)
    assert traffic(found, "weight_sram", "weight") == (4096, 4096)
    assert energy(found, "weight_sram") == pytest.approx(4096 * (13.069 + 8.063) / 8)
    assert traffic(found, "activation_sram", "input") == (2 * 64, 0), "each vector passes both column tiles"
    assert traffic(found, "accumulator_sram", "output") == (2 * 64 * 4, 2 * 64 * 4), "once a reduction tile"
    assert energy(found, "control") == pytest.approx(0.1 * (energy(found, "mac_array") + energy(found, "pe_registers")))


def test_output_stationary_keeps_sums_in_the_cells() -> None:
    """64 positions, 32 outputs, 300 long: two tiles of 300 cycles, the last drained; sums leave once."""
    at = at_paths(SETTINGS, {"dataflow": "output_stationary"})
    found = plugin.cost([work(64, 32, 300)], at, example_context())[0]
    assert traffic(found, "accumulator_sram", "output")[1] == 64 * 32 * 4
    assert traffic(found, "weight_sram", "weight")[0] == 2 * 32 * 300, "weights stream once a position tile"
    cycles = 2 * 300 + 32 + 32 + 32 - 2
    assert found.latency_ns == pytest.approx(max(cycles / 0.5, 9600 * 8 / 100.0))


@pytest.mark.parametrize(
    ("role", "bits", "kept", "passes"),
    [
        ("forward", 32.0, 8.0, 1), ("forward", 4.0, 4.0, 1), ("input_gradient", 32.0, 16.0, 4),
        ("weight_gradient", 8.0, 8.0, 1), ("weight_gradient", 12.0, 12.0, 4),
    ],
)  # fmt: skip
def test_widths_kept_and_passes_taken(role: Role, bits: float, kept: float, passes: int) -> None:
    layer = work(4, 8, 16, bits=bits, role=role)
    product = product_of(layer, SETTINGS)
    assert kept_bits(layer, bits, SETTINGS) == kept
    assert product.passes == passes
    assert product.weight_bytes == 8 * 16 * kept / 8
    assert product.weight_slice_bytes * passes**0.5 == pytest.approx(kept / 8)
    assert product.macs == layer.macs


def test_updates_are_kept_at_their_own_width() -> None:
    update = VectorWork("layer", "update", "update", 100.0, 200, 100, 32.0)
    assert kept_bits(update, 32.0, SETTINGS) == 16
    assert kept_bits(update, 32.0, at_paths(SETTINGS, {"training.update_bits": 24})) == 24


def test_a_training_step_that_does_not_fit_sends_every_tensor_off_chip() -> None:
    forward, backward = work(100, 200, 50), work(100, 50, 200, role="input_gradient")
    small = plugin.cost([forward, backward], SETTINGS, example_context())
    assert traffic(small[0], "off_chip_memory", "output") == (0, 0)
    tight = at_paths(SETTINGS, {"buffers.activation_bytes": 32768})
    alone = plugin.cost([work(100, 163, 50)], tight, example_context())[0]
    assert traffic(alone, "off_chip_memory", "output")[1] == 0
    step = plugin.cost([work(100, 163, 50), work(100, 50, 163, role="input_gradient")], tight, example_context())
    assert traffic(step[0], "off_chip_memory", "output")[1] == 0, "16,300 of 16,384 bytes"
    over = plugin.cost([work(100, 164, 50), work(100, 50, 164, role="input_gradient")], tight, example_context())
    assert traffic(over[0], "off_chip_memory", "output")[1] == 16_400


def test_a_wider_accumulator_costs_energy_area_and_traffic() -> None:
    def at(bits: int) -> tuple[float, float, float]:
        changed = at_paths(SETTINGS, {"accumulator_bits": bits})
        found = plugin.cost([work(64, 64, 64)], changed, example_context())[0]
        area = next(float(a.area_mm2) for a in plugin.area(changed) if a.component.name == "mac_array")
        return energy(found, "mac_array"), traffic(found, "accumulator_sram", "output")[0], area

    narrow, wide = at(16), at(32)
    assert all(less < more for less, more in zip(narrow, wide, strict=True))
    assert wide[1] == 2 * narrow[1]
    assert wide[0] - narrow[0] == pytest.approx(64**3 * 0.05)
