"""Energies by hand, one component at a time; counts of mapped products; what may never fall."""

from __future__ import annotations

import math

import numpy as np
import pytest
from crossbar_cases import ISAAC, SIMULATOR, SPEC, cost, dense, energy, isaac, part, product
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.crossbar.events import io_bytes
from joulescape.simulators.crossbar.figures import weight_programming_pj
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.roll_up import copies, parts
from joulescape.simulators.crossbar.rules import crossbars
from joulescape.spec.sourced import CORNERS, at_corner, sourced_values
from joulescape.testing.examples import example_context

CONV = Loops(B=2, K=16, C=8, OY=4, OX=4, FY=3, FX=3)
"""Reduction 72, 16 outputs, 32 positions: at 8 bits one crossbar, 64 of 128 columns, 256 reads."""

READS = 32 * 8
CONVERSIONS = READS * (64 + 1)
DRIVES = READS * 72
IN_BITS, OUT_BITS = 32 * 72 * 8, 32 * 16 * 8
PARTIAL_SUMS = 32 * 16

BY_HAND = {
    "adc": CONVERSIONS * 1.667,
    "dac": DRIVES * 4.0 / 1024 * 100,
    "sample_hold": CONVERSIONS * 0.01 / 1024 * 100,
    "shift_add": CONVERSIONS * 0.2 / 8 / 1.28,
    "input_register": DRIVES * 1.24 / 1024 * 100,
    "output_register": CONVERSIONS * 0.23 / 1024 * 100,
    "edram": (IN_BITS + OUT_BITS) * 0.0799,
    "bus": (IN_BITS + OUT_BITS + PARTIAL_SUMS * 16) * 0.054,
    "router": OUT_BITS * 0.081,
    "tile_shift_add": PARTIAL_SUMS * 0.05 / 1.2,
    "tile_output_register": (PARTIAL_SUMS * 16 + OUT_BITS) / 256 * 1.68 / 1.2,
    "crossbar": READS * 72 * 64 * 0.3**2 * 0.5 * (0.01 / 17 + 0.5 * (0.01 - 0.01 / 17)) * 10,
    "hypertransport": 0.0,
    "off_chip_memory": 0.0,
}


@pytest.mark.parametrize("component", sorted(BY_HAND))
def test_energy_of_a_convolution_by_hand(component: str) -> None:
    assert part(cost(product(CONV)), component) == pytest.approx(BY_HAND[component])


def test_there_is_no_other_component() -> None:
    found = cost(product(CONV))
    assert {e.component.name for e in found.energies} == set(BY_HAND)
    assert energy(found) == pytest.approx(sum(BY_HAND.values()))


def test_every_energy_names_its_proof() -> None:
    for found in cost(product(CONV)).energies:
        assert found.component.source.split(";")[0] in {"shafiee2016", "accelergy2019", "neurosim2021", "joulescape"}
        assert found.component.scope in {"core", "chip", "system"}


def test_traffic_of_the_tile_buffer_is_what_it_is_charged_for() -> None:
    moves = [t for t in cost(product(CONV)).traffic if t.memory == "edram"]
    read, written = (sum(float(getattr(t, side)) for t in moves) for side in ("read_bytes", "write_bytes"))
    assert read == pytest.approx(IN_BITS / 8)
    assert written == pytest.approx(OUT_BITS / 8)


def test_a_vector_operator_runs_on_the_units_of_every_tile() -> None:
    pool = VectorWork("pool", "forward", "max_pool", 4000, 4000, 1000, 8)
    one, many = (cost(pool, isaac(tiles=n)) for n in (1, 10))
    assert float(one.latency_ns) == pytest.approx(4000 / 1.2)
    assert float(many.latency_ns) == pytest.approx(float(one.latency_ns) / 10)
    assert part(one, "maxpool") == part(many, "maxpool") == pytest.approx(4000 * 0.4 / 1.2)


def test_a_rectifier_uses_the_two_activation_units() -> None:
    relu = VectorWork("relu", "forward", "relu", 1200, 1200, 1200, 8)
    found = cost(relu, isaac(tiles=1))
    assert float(found.latency_ns) == pytest.approx(500)
    assert part(found, "sigmoid") == pytest.approx(1200 * 0.26 / 1.2)


def test_the_input_tensor_crosses_the_edge_once_and_not_its_im2col_matrix() -> None:
    into, out = io_bytes(product(CONV), ISAAC)
    assert (into, out) == (2 * 8 * 6 * 6, 2 * 16 * 4 * 4)


def test_a_slow_memory_bounds_the_first_layer() -> None:
    work = dense(4000, 4)
    context = example_context()
    first = context.__class__(**{**context.__dict__, "first": frozenset({"fc"})})
    slow = SIMULATOR.cost([work], isaac(tiles=1, array__step_ns={**ISAAC.array.step_ns.model_dump(), "value": 1.0},
                                         array__fill_cycles=0, adc__per_crossbar=128), first)[0]  # fmt: skip
    assert str(slow.bound_by) == "off_chip_memory"
    assert float(slow.latency_ns) == pytest.approx(4000 * 8 / context.off_chip.bandwidth_gbps.value)


# --- mapping -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    loops=st.builds(
        Loops, B=st.integers(1, 3), G=st.integers(1, 4), K=st.integers(1, 70), C=st.integers(1, 40),
        OY=st.integers(1, 5), OX=st.integers(1, 5), FY=st.integers(1, 3), FX=st.integers(1, 3),
    ),
    bits=st.integers(1, 20),
    rows=st.sampled_from([32, 64, 128]),
    cell_bits=st.integers(1, 4),
    cell_copies=st.integers(1, 3),
    replication=st.integers(1, 9),
    encoding=st.sampled_from(["offset", "differential"]),
)  # fmt: skip
def test_every_weight_has_its_cells_and_no_layer_is_more_than_full(
    loops: Loops, bits: int, rows: int, cell_bits: int, cell_copies: int, replication: int, encoding: str
) -> None:
    machine = isaac(
        array__rows=rows, cell__bits=cell_bits, cell__copies=cell_copies, replication=replication,
        array__encoding=encoding,
    )  # fmt: skip
    work = product(loops, bits)
    mapping = map_product(work, machine)
    held = int(mapping.arrays) * rows * machine.array.columns
    assert held >= loops.G * loops.K * loops.reduction * int(mapping.cells_per_weight)
    found = cost(work, machine)
    assert 0 < float(found.utilisation_fraction) <= 1
    assert float(found.active_units) == int(mapping.arrays) * min(replication, loops.OY * loops.OX)
    assert float(mapping.conversions) >= float(mapping.reads)
    assert math.isfinite(energy(found))
    assert energy(found) > 0


@pytest.mark.parametrize("path", ["K", "C", "OY", "FX", "B", "G"])
def test_a_larger_loop_never_costs_less(path: str) -> None:
    base = {"B": 2, "G": 2, "K": 20, "C": 12, "OY": 5, "OX": 5, "FY": 3, "FX": 3}
    costs = [cost(product(Loops(**{**base, path: base[path] + more}))) for more in range(0, 12, 3)]
    assert [energy(c) for c in costs] == sorted(energy(c) for c in costs)
    assert [float(c.latency_ns) for c in costs] == sorted(float(c.latency_ns) for c in costs)


def test_larger_arrays_convert_less_often() -> None:
    """The reason for large arrays: one conversion serves more rows."""
    spent = [part(cost(dense(512, 32), isaac(array__rows=rows)), "adc") for rows in (32, 64, 128, 256)]
    assert spent == pytest.approx([4 * spent[2], 2 * spent[2], spent[2], spent[2] / 2], rel=0.02)


def test_finer_cells_take_fewer_columns_and_conversions() -> None:
    spent = [part(cost(dense(128, 32), isaac(cell__bits=bits)), "adc") for bits in (1, 2, 4)]
    assert spent == sorted(spent, reverse=True)


def test_wider_drivers_take_fewer_cycles() -> None:
    latencies = [float(np.asarray(cost(dense(128, 16), isaac(dac__bits=bits)).occupancy_ns)) for bits in (1, 2, 4)]
    assert latencies == [800, 400, 200]


def test_a_sweep_over_the_chip_leaves_the_layer_as_it_is() -> None:
    swept = ISAAC.model_copy(update={"tiles": np.array([1, 4, 16]), "replication": np.array([1, 1, 1])})
    area = sum(np.asarray(a.area_mm2) for a in SIMULATOR.area(swept))
    assert np.asarray(area).shape == (3,)
    assert np.all(np.diff(area) > 0)
    spent = np.asarray(sum(np.asarray(e.energy_pj) for e in cost(product(CONV), swept).energies))
    assert np.allclose(spent, energy(cost(product(CONV))))


def test_limits_hold_for_every_variant_of_a_sweep() -> None:
    swept = ISAAC.model_copy(update={"tiles": np.array([1, 2, 4])})
    work = dense(128 * 96, 64)  # 96 row tiles * 2 column tiles = 192 crossbars; a tile has 96
    overshoot = np.asarray(SIMULATOR.limits([work], swept, example_context())[0].overshoot)
    assert overshoot == pytest.approx([1.0, 0.0, -0.5])


# --- proofs and corners ------------------------------------------------------------------------------------------


def test_assumed_constants_state_their_range() -> None:
    found = sourced_values(ISAAC)
    assumed = {path for path, value in found.items() if value.basis == "assumed"}
    assert {"idle_fraction", "cell.g_on_msiemens", "cell.read_v"} <= assumed
    assert all(found[path].low is not None and found[path].high is not None for path in assumed)


def test_every_source_is_in_the_bibliography() -> None:
    from crossbar_cases import ROOT

    keys = (ROOT / "hwlib" / "references.bib").read_text()
    sources = {value.source for value in sourced_values(ISAAC).values()} | {row.source for row in SPEC.published}
    assert all(f"{{{source}," in keys for source in sources | {ISAAC.adc.scaling.source})


def test_corners_move_errors_with_costs() -> None:
    sigmas = [at_corner(ISAAC, corner).cell.programming_sigma_fraction.value for corner in CORNERS]
    states = [at_corner(ISAAC, corner).training.states.value for corner in CORNERS]
    assert sigmas == [0.019, 0.038, 0.075]
    assert states == [1480, 1200, 200]


def test_units_of_every_level_multiply_to_the_chip() -> None:
    found = parts(ISAAC)
    assert int(copies(found["adc"], ISAAC)) * int(np.asarray(found["adc"].units)) == 168 * 12 * 8
    assert int(crossbars(ISAAC)) == 168 * 12 * 8
    assert int(copies(found["hypertransport"], ISAAC)) == 1
    assert {part.level for part in found.values()} == {"ima", "tile", "chip"}


def test_writing_a_crossbar_once_follows_its_cells() -> None:
    assert float(weight_programming_pj(ISAAC)) == pytest.approx(21125, rel=1e-3)
    assert float(weight_programming_pj(isaac(array__rows=64))) == pytest.approx(21125 / 2, rel=1e-3)


# --- vector units, transposed reads, pulses ------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(ops=st.integers(1, 5000), tiles=st.integers(1, 40), kind=st.sampled_from(["relu", "max_pool"]))
def test_a_unit_needs_a_whole_clock_and_is_never_more_than_used(ops: int, tiles: int, kind: str) -> None:
    found = cost(VectorWork("v", "forward", kind, ops, ops, ops, 8), isaac(tiles=tiles))
    clocks = float(found.latency_ns) * 1.2
    assert clocks == pytest.approx(round(clocks)) and clocks >= 1 - 1e-9
    assert 0 < float(found.utilisation_fraction) <= 1
    assert float(found.active_units) <= ops


def transposed(forward: Loops) -> MatrixWork:
    """The input gradient that lowering makes of a convolution with stride 1 and full padding."""
    loops = Loops(B=forward.B, G=forward.G, K=forward.C, C=forward.K, OY=forward.OY, OX=forward.OX,
                  FY=forward.FY, FX=forward.FX)  # fmt: skip
    return product(loops, role="input_gradient", is_signed=True)


def test_an_input_gradient_is_read_from_the_arrays_that_the_forward_pass_wrote() -> None:
    """72 rows and 16 outputs of 4 slices: each of 32 error vectors is driven in 4 turns of 1 + 7 reads; every turn
    converts the 72 rows and the unit row of its slice. Taps stand in rows of their own, so their sum is digital."""
    forward, back = product(CONV), transposed(CONV)
    mapping = map_product(back, ISAAC, forward)
    assert (int(mapping.arrays), int(mapping.turns), int(mapping.cycles)) == (1, 4, 8)
    assert (mapping.loops.K, mapping.loops.reduction, mapping.loops.positions) == (72, 16, 32)
    assert float(mapping.conversions) == 32 * 8 * (72 * 4 + 1)
    assert float(mapping.drives) == 32 * 8 * 4 * 16
    found = SIMULATOR.cost([forward, back], ISAAC, example_context())[1]
    assert float(np.asarray(found.occupancy_ns)) == pytest.approx(32 * 8 * 4 * 100)
    assert part(found, "adc") == pytest.approx(32 * 8 * (72 * 4 + 1) * 1.667)
    assert part(found, "dac") == pytest.approx(32 * 8 * 4 * 16 * 4.0 / 1024 * 100)


@settings(max_examples=40, deadline=None)
@given(
    k=st.integers(1, 90), c=st.integers(1, 30), side=st.integers(1, 4), taps=st.integers(1, 3),
    cell_bits=st.integers(1, 4), encoding=st.sampled_from(["offset", "differential"]),
)  # fmt: skip
def test_forward_and_transposed_reads_meet_the_same_arrays(
    k: int, c: int, side: int, taps: int, cell_bits: int, encoding: str
) -> None:
    machine = isaac(cell__bits=cell_bits, array__encoding=encoding)
    loops = Loops(K=k, C=c, OY=side, OX=side, FY=taps, FX=taps)
    forward, back = product(loops), transposed(loops)
    there, again = map_product(forward, machine), map_product(back, machine, forward)
    assert int(there.arrays) == int(again.arrays)
    assert (int(there.row_tiles), int(there.column_tiles)) == (int(again.column_tiles), int(again.row_tiles))
    assert there.loops.macs == again.loops.macs
    costs = SIMULATOR.cost([forward, back], machine, example_context())
    assert 0 < float(costs[1].utilisation_fraction) <= 1
    assert energy(costs[1]) > 0


def test_an_outer_product_fetches_both_of_its_vectors() -> None:
    """The gradient of a 72 x 16 matrix from 32 positions: 32 vectors of 72 activations and of 16 errors, 8 bits."""
    loops = Loops(B=8, K=16, C=2, OY=3, OX=3, FY=4, FX=4)
    work = product(loops, role="weight_gradient", is_signed=True)
    found, bits = cost(work), 32 * (72 + 16) * 8
    assert part(found, "edram") == pytest.approx(bits * 0.0799)
    assert part(found, "bus") == pytest.approx(bits * 0.054)
    assert part(found, "crossbar_pulse") == pytest.approx(32 * 1.134 * 256, rel=1e-3)
