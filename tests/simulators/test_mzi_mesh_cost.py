"""The mesh simulator: energy and time of works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mzi_mesh_cases import OFF_CHIP, context, dense, matrix, mesh, one, part, swept, total, update

from joulescape.errors import SimulatorError
from joulescape.network.operators import Loops
from joulescape.simulators.base import Checked
from joulescape.simulators.mzi_mesh import plugin
from joulescape.simulators.mzi_mesh.cost import tile_dac_pj
from joulescape.simulators.mzi_mesh.geometry import transit_ns
from joulescape.simulators.mzi_mesh.mapping import place, tile_bytes, write_ns

DEFAULT = mesh()
MANY = mesh({"mesh.count": 1000})
CHIP = context(includes_off_chip=False)

works = st.builds(dense, st.integers(1, 200), st.integers(1, 200), st.integers(1, 40))


def test_converter_energies_at_six_bits() -> None:
    """50 mW / 14 GS/s * (64/7)/(256/9) and 14.8 mW / 10 GS/s * 6/8."""
    assert DEFAULT.dac.dac_pj(6) == pytest.approx(50 / 14 * (64 / 7) / (256 / 9))
    assert DEFAULT.adc.adc_pj() == pytest.approx(1.11)


def test_writing_a_tile_by_hand() -> None:
    """136 phases through 8 converters at 5 GHz, then 10 us; 136 conversions at 8 b."""
    assert write_ns(DEFAULT) == pytest.approx(17 / 5.0 + 10_000)
    assert tile_dac_pj(DEFAULT) == pytest.approx(136 * 50 / 14)
    assert tile_bytes(DEFAULT) == 136
    assert write_ns(mesh({"shifter.kind": "mems"})) == pytest.approx(17 / 5.0 + 2_000)


def test_a_layer_that_fits_only_streams() -> None:
    cost = one(dense(64, 64, batch=10), MANY, CHIP)
    assert cost.latency_ns == pytest.approx(10 / 5.0 + transit_ns(MANY) + 2 / 5.0)
    assert part(cost, "phase_dac") == 0
    assert cost.bound_by == "stream"
    assert cost.active_units == 64


def test_a_layer_that_does_not_fit_reloads() -> None:
    """64 tiles on 8 meshes: 8 rounds."""
    cost = one(dense(64, 64, batch=10), DEFAULT, CHIP)
    assert cost.latency_ns == pytest.approx(8 * (write_ns(DEFAULT) + 10 / 5.0) + transit_ns(DEFAULT) + 0.4)
    assert part(cost, "phase_dac") == pytest.approx(64 * tile_dac_pj(DEFAULT))
    assert cost.bound_by == "reload"
    assert cost.active_units == 8


def test_energies_by_hand() -> None:
    """A 16 x 12 matrix on meshes of 8: 2 x 2 tiles; 3 vectors."""
    cost = one(dense(16, 12, batch=3), MANY, CHIP)
    sent, received = 16 * 2 * 3, 12 * 2 * 3
    assert part(cost, "input_dac") == pytest.approx(sent * float(DEFAULT.dac.dac_pj(6)))
    assert part(cost, "modulator") == pytest.approx(sent * 0.45)
    assert part(cost, "adc") == pytest.approx(received * 1.11)
    assert part(cost, "accumulator") == pytest.approx(received * 0.0223 + 12 * 3 * 0.0112)
    reads = 8 * sent + 16 * 12 * 3
    writes = 16 * 12 * 3 + 8 * 12 * 3
    assert part(cost, "sram") == pytest.approx(reads * 0.02349 + writes * 0.024)


def test_all_layers_together_decide_what_stays_written() -> None:
    """64 + 16 tiles stay on 80 meshes, not on 79; either alone would."""
    layers = [dense(64, 64, layer="fc1"), dense(64, 10, layer="fc2")]
    assert place(layers, mesh({"mesh.count": 80})).is_resident
    assert not place(layers, mesh({"mesh.count": 79})).is_resident
    assert place(layers[:1], mesh({"mesh.count": 79})).is_resident


def test_phases_come_from_outside_when_the_buffer_is_small() -> None:
    """64 tiles of 136 bytes: 8.5 KiB."""
    work = dense(64, 64)
    large, small = (one(work, mesh({"buffer.kib": kib})) for kib in (9, 8))
    assert part(large, "off_chip_memory") == 0
    assert part(small, "off_chip_memory") == pytest.approx(8 * 64 * 136 * 4.0)
    moved = {(traffic.memory, traffic.operand): traffic.read_bytes for traffic in small.traffic}
    assert moved["off_chip_memory", "weight"] == 64 * 136
    assert moved["off_chip_memory", "input"] == 0


def test_data_cross_the_edge_at_first_and_last_layer() -> None:
    inner, edge = (one(dense(64, 32), MANY, context(is_edge)) for is_edge in (False, True))
    assert part(inner, "off_chip_memory") == 0
    assert part(edge, "off_chip_memory") == pytest.approx(8 * (64 * 4.0 + 32 * 5.0))


def test_activations_that_overflow_the_buffer_spill() -> None:
    work = dense(512, 256, batch=4)
    assert part(one(work, mesh({"buffer.kib": 2, "mesh.count": 4096})), "off_chip_memory") == pytest.approx(
        8 * (4 * 512 * 4.0 + 4 * 256 * 5.0)
    )


def test_slow_memory_binds() -> None:
    cost = one(dense(64, 64), MANY, context(is_edge=True))
    assert cost.bound_by == "off_chip_memory"
    assert cost.latency_ns == pytest.approx(OFF_CHIP.time_ns(128))


def test_memory_outside_the_boundary_costs_nothing() -> None:
    cost = one(dense(64, 64), MANY, context(is_edge=True, includes_off_chip=False))
    assert all(energy.component.scope != "system" for energy in cost.energies)
    assert cost.bound_by == "stream"


def test_convolution_streams_its_positions() -> None:
    loops = Loops(B=2, K=16, C=6, OY=4, OX=4, FY=5, FX=5)
    cost = one(matrix(loops), MANY, CHIP)
    assert cost.latency_ns == pytest.approx(32 / 5.0 + transit_ns(MANY) + 0.4)
    assert cost.active_units == 19 * 2
    assert cost.macs == loops.macs


def test_groups_take_tiles_of_their_own() -> None:
    loops = Loops(G=6, K=1, C=1, OY=4, OX=4, FY=3, FX=3)
    assert one(matrix(loops), MANY, CHIP).active_units == 6 * 2


def test_input_gradient_uses_the_tiles_written_forward() -> None:
    pair = [dense(64, 10, batch=4), dense(10, 64, batch=4, role="input_gradient")]
    forward, back = plugin.cost(pair, mesh({"mesh.count": 16}), CHIP)
    assert part(back, "phase_dac") == 0
    assert back.active_units == forward.active_units
    assert part(back, "adc") == pytest.approx(4 * 64 * 2 * 1.11)


def test_update_decomposes_and_writes_what_stays() -> None:
    """27 N^3 operations a tile at 1 pJ, and the step's own two a parameter."""
    pair = [dense(64, 10), update(650)]
    resident, alone = mesh({"mesh.count": 16}), mesh({"mesh.count": 4})
    written = plugin.cost(pair, resident, CHIP)[1]
    stored = plugin.cost(pair, alone, CHIP)[1]
    flops = 2 * 650 + 16 * 27 * 8**3
    assert part(written, "decomposer") == pytest.approx(flops)
    assert part(written, "phase_dac") == pytest.approx(16 * tile_dac_pj(resident))
    assert written.latency_ns == pytest.approx(flops / 64.0 + write_ns(resident))
    assert part(stored, "phase_dac") == 0
    assert stored.latency_ns == pytest.approx(flops / 64.0)
    assert part(stored, "sram") == pytest.approx(8 * 16 * 136 * 0.024 + 32 * 650 * (2 * 0.02349 + 0.024))


def test_an_update_alone_counts_full_tiles() -> None:
    assert part(one(update(650), DEFAULT), "decomposer") == pytest.approx(1300 + 11 * 27 * 512)


def test_a_step_rewrites_while_inference_does_not() -> None:
    resident = mesh({"mesh.count": 16})
    inference = plugin.cost([dense(64, 10)], resident, CHIP)
    step = plugin.cost([dense(64, 10), update(650)], resident, CHIP)
    assert sum(float(cost.latency_ns) for cost in step) > 1000 * float(inference[0].latency_ns)


def test_foreign_roles_are_refused() -> None:
    with pytest.raises(SimulatorError, match="cannot run fc in role weight_gradient"):
        one(dense(8, 8, role="weight_gradient"), DEFAULT)


@settings(max_examples=40, deadline=None)
@given(works, st.integers(1, 300))
def test_costs_can_be(work: Any, count: int) -> None:
    cost = one(work, swept(DEFAULT, "mesh", count=count))
    Checked("fc", {energy.component.name: energy.energy_pj for energy in cost.energies})
    assert 0 < cost.utilisation_fraction <= 1
    assert cost.latency_ns > 0
    peak = 64 * count * 5.0
    assert cost.latency_ns >= work.macs / peak


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100), st.integers(1, 100), st.integers(1, 20))
def test_more_work_never_costs_less(inputs: int, outputs: int, batch: int) -> None:
    base = one(dense(inputs, outputs, batch), DEFAULT)
    for larger in (
        dense(inputs + 8, outputs, batch),
        dense(inputs, outputs + 8, batch),
        dense(inputs, outputs, batch + 1),
    ):
        cost = one(larger, DEFAULT)
        assert cost.latency_ns >= base.latency_ns
        assert total(cost) >= total(base)


@settings(max_examples=30, deadline=None)
@given(works, st.integers(1, 100))
def test_more_meshes_are_never_slower(work: Any, count: int) -> None:
    few, more = (one(work, swept(DEFAULT, "mesh", count=n)) for n in (count, count + 1))
    assert more.latency_ns <= few.latency_ns


@pytest.mark.parametrize("path", ["dac.bits", "adc.bits", "shifter.bits"])
def test_more_bits_never_cost_less(path: str) -> None:
    energies = [float(total(one(dense(64, 64, 4), mesh({path: bits})))) for bits in (4, 6, 8)]
    assert energies == sorted(energies)
    assert energies[0] < energies[-1]


def test_a_slower_clock_spends_receiver_energy() -> None:
    fast, slow = (one(dense(64, 64), mesh({"clock_ghz": clock, "mesh.count": 64}), CHIP) for clock in (5.0, 1.0))
    assert part(slow, "amplifier") == pytest.approx(5 * part(fast, "amplifier"))
    assert part(slow, "adc") == pytest.approx(part(fast, "adc"))
    assert slow.latency_ns > fast.latency_ns


def test_variants_are_costed_together() -> None:
    counts, sizes = np.array([1, 8, 80, 200]), np.array([1, 4, 64, 256])
    together = swept(swept(DEFAULT, "mesh", count=counts), "buffer", kib=sizes)
    layers = [dense(64, 64, 3, "fc1"), dense(64, 10, 3, "fc2"), update(4160, "fc1")]
    for many, position in zip(plugin.cost(layers, together, context()), range(3), strict=True):
        for variant, (count, kib) in enumerate(zip(counts, sizes, strict=True)):
            alone = mesh({"mesh.count": int(count), "buffer.kib": int(kib)})
            single = plugin.cost(layers, alone, context())[position]
            assert np.broadcast_to(many.latency_ns, 4)[variant] == pytest.approx(float(single.latency_ns))
            assert np.broadcast_to(total(many), 4)[variant] == pytest.approx(float(total(single)))
            assert str(np.broadcast_to(many.bound_by, 4)[variant]) == single.bound_by


def test_layers_answer_in_order() -> None:
    layers = [dense(8, 8, layer="a"), dense(8, 8, layer="b"), dense(8, 8, layer="a", role="input_gradient")]
    assert [(cost.layer, cost.role) for cost in plugin.cost(layers, DEFAULT, context())] == [
        ("a", "forward"),
        ("b", "forward"),
        ("a", "input_gradient"),
    ]


def test_scaled_converters_are_derived_and_assumptions_show() -> None:
    found = {energy.component.name: energy.component for energy in one(dense(8, 8), DEFAULT).energies}
    assert found["adc"].basis == "derived"
    assert "scaled by" in found["adc"].source
    assert found["modulator"].basis == "derived"
    assert found["adc"].scales
    assert not found["modulator"].scales


@pytest.mark.parametrize(("bits", "stored"), [(4, 4), (8, 8), (16, 16), (32, 16)])
def test_values_are_stored_no_wider_than_partial_sums(bits: int, stored: int) -> None:
    plain = dense(64, 32)
    work = replace(plain, input=replace(plain.input, bits=bits), output=replace(plain.output, bits=bits))
    moved = {(t.memory, t.operand): t for t in one(work, MANY, context(is_edge=True)).traffic}
    assert moved["off_chip_memory", "input"].read_bytes == 64 * stored / 8
    assert moved["off_chip_memory", "output"].write_bytes == 32 * stored / 8


def test_only_the_forward_pass_meets_the_chips_edge() -> None:
    """Errors come from the host's loss and leave for the host's weight gradient, not for off-chip memory."""
    back = one(dense(64, 32, role="input_gradient"), MANY, context(is_edge=True))
    assert part(back, "off_chip_memory") == 0
