"""The crossbar machine: laws, published figures, counts by hand, what its settings do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crossbar_cases import ISAAC, SIMULATOR, SPEC, cost, dense, isaac, part

from joulescape.errors import SimulatorError
from joulescape.network.lower import lower
from joulescape.network.operators import Loops, Operator
from joulescape.network.work import MatrixWork, Operand, VectorWork
from joulescape.simulators.base import LayerCost
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.roll_up import chip_area_mm2, chip_power_mw, parts
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context, example_formats, example_graph

SWEEP = {
    "tiles": [1, 4, 168],
    "imas_per_tile": [1, 4, 12],
    "crossbars_per_ima": [2, 8, 16],
    "replication": [1, 3, 8],
    "adc.per_crossbar": [1, 2, 4],
    "hypertransport.links": [0, 1, 4],
    "layout.duplication": ["fixed", "balanced", "balanced"],
}


@pytest.mark.parametrize("scheme", ["serial", "outer_product"])
@pytest.mark.parametrize("encoding", ["offset", "differential"])
def test_it_obeys_the_laws_of_a_simulator(scheme: str, encoding: str) -> None:
    settings = isaac(training__update_scheme=scheme, array__encoding=encoding)
    check_simulator(SIMULATOR, settings, sweep=SWEEP)


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("dac_bits", [1, 2])
def test_wide_drivers_and_parallel_cells_obey_them_too(dac_bits: int, copies: int) -> None:
    check_simulator(SIMULATOR, isaac(dac__bits=dac_bits, cell__copies=copies, array__rows=64))


# --- the component table (G1, G2) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "expected", "tolerance"),
    [
        ("identity_ima_power_mw", 24.08, 0.005),
        ("identity_ima_area_mm2", 0.01312, 0.005),
        ("identity_tile_power_mw", 329.8, 0.005),
        ("identity_tile_area_mm2", 0.3723, 0.005),
        ("identity_chip_power_mw", 65800, 0.005),
        ("identity_chip_area_mm2", 85.4, 0.005),
        ("peak_tops", 41.29, 0.001),
        ("gops_per_mm2", 483.5, 0.001),
        ("gops_per_mm2", 478.95, 0.02),
        ("storage_mebibytes_per_mm2", 0.74, 0.005),
        ("peak_tops_per_w", 0.6275, 0.001),
    ],
)
def test_the_table_sums_up_as_printed(figure: str, expected: float, tolerance: float) -> None:
    assert SIMULATOR.published(ISAAC)[figure] == pytest.approx(expected, rel=tolerance)


def test_every_published_row_names_a_figure_and_only_the_efficiency_is_a_known_miss() -> None:
    figures = SIMULATOR.published(ISAAC)
    assert {row.what for row in SPEC.published} <= set(figures)
    own = [row for row in SPEC.published if not row.overrides and row.source != "andrulis2023"]
    assert [row.what for row in own if row.expected == "miss"] == ["peak_tops_per_w"]
    assert all(row.role == "input" for row in own)


def test_area_and_idle_power_are_the_table_times_its_units() -> None:
    area = sum(float(a.area_mm2) for a in SIMULATOR.area(ISAAC))
    assert area == pytest.approx(float(chip_area_mm2(ISAAC)))
    cells = 2.4 * 12 * 168
    power = sum(float(p.power_mw) for p in SIMULATOR.static_power(ISAAC))
    assert power == pytest.approx(0.1 * (float(chip_power_mw(ISAAC)) - cells))


def test_one_tile_without_links_is_one_tile_large() -> None:
    area = sum(float(a.area_mm2) for a in SIMULATOR.area(isaac(tiles=1, hypertransport__links=0)))
    assert area == pytest.approx(0.37229)


def test_a_full_ima_draws_its_table_power_from_events() -> None:
    """8 arrays of 128 rows by 16 outputs of 16 bits, read back to back: events within 10 % of the table (converter
    energy is quoted at 1.2 GS/s and used at 1.28: 4 %; cell energy follows from conductance: 3 %)."""
    work = dense(1024, 16, bits=16, batch=1000)
    names = {"adc", "dac", "crossbar", "sample_hold", "shift_add", "input_register", "output_register"}
    found = cost(work)
    power = sum(part(found, name) for name in names) / float(np.asarray(found.occupancy_ns))
    assert power == pytest.approx(24.08, rel=0.1)


# --- counts by hand ----------------------------------------------------------------------------------------------


def test_a_128_by_16_layer_of_16_bits_fills_one_crossbar_for_22_cycles() -> None:
    found = cost(dense(128, 16, bits=16))
    assert float(found.active_units) == 1
    assert float(found.utilisation_fraction) == 1
    assert float(found.latency_ns) == pytest.approx(2200)
    assert float(np.asarray(found.occupancy_ns)) == pytest.approx(1600)


def test_conversions_are_one_a_mac_at_16_bits() -> None:
    """16 cycles * 8 slices / 128 rows = 1, plus the unit column."""
    found = cost(dense(128, 16, bits=16))
    assert part(found, "adc") == pytest.approx(16 * 129 * 1.667)
    assert part(found, "dac") == pytest.approx(16 * 128 * 4.0 / 1024 * 100)


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs", "bits", "arrays"),
    [(128, 64, 64, 8, 2), (128, 129, 32, 8, 2), (64, 128, 16, 16, 2), (128, 128, 17, 16, 2), (128, 300, 100, 4, 6)],
)
def test_crossbars_are_row_tiles_times_column_tiles(
    rows: int, inputs: int, outputs: int, bits: int, arrays: int
) -> None:
    assert float(cost(dense(inputs, outputs, bits), isaac(array__rows=rows)).active_units) == arrays


def test_a_differential_pair_takes_magnitude_slices_twice_and_converts_once() -> None:
    pair = map_product(dense(128, 16), isaac(array__encoding="differential"))
    offset = map_product(dense(128, 16), ISAAC)
    assert (int(pair.cells_per_weight), int(offset.cells_per_weight)) == (8, 4)
    assert float(pair.conversions) == 8 * 16 * 4
    assert float(offset.conversions) == 8 * (16 * 4 + 1)


def test_parallel_copies_take_cells_but_no_conversions() -> None:
    one, three = (map_product(dense(128, 64), isaac(cell__copies=n)) for n in (1, 3))
    assert float(three.arrays) == 3 * float(one.arrays)
    assert float(three.cell_reads) == 3 * float(one.cell_reads)
    used = [float(m.conversions - m.reads * m.row_tiles * m.column_tiles) for m in (one, three)]
    assert used[0] == used[1]


def test_operands_wider_than_the_datapath_are_computed_at_its_width() -> None:
    assert float(cost(dense(64, 8, bits=32)).latency_ns) == float(cost(dense(64, 8, bits=16)).latency_ns)


def test_replication_shares_positions_and_never_exceeds_them() -> None:
    loops = Loops(K=8, C=4, OY=6, OX=6, FY=3, FX=3)
    work = MatrixWork("conv", "forward", loops, Operand(288, 8), Operand(256, 8, is_signed=False), Operand(288, 8))
    costs = [cost(work, isaac(replication=n)) for n in (1, 4, 36, 1000)]
    busy = [float(np.asarray(c.occupancy_ns)) for c in costs]
    assert busy == pytest.approx([28800, 7200, 800, 800])
    assert [float(c.active_units) for c in costs] == [1, 4, 36, 36]
    assert len({round(part(c, "adc"), 6) for c in costs}) == 1
    assert float(cost(dense(64, 8), isaac(replication=9)).active_units) == 1


def test_fewer_converters_than_columns_need_make_the_read_longer() -> None:
    wide = isaac(array__columns=256)
    assert str(cost(dense(64, 64), wide).bound_by) == "adc"
    assert float(cost(dense(64, 64), wide).latency_ns) == pytest.approx(2 * float(cost(dense(64, 64)).latency_ns))
    assert str(cost(dense(64, 64), isaac(array__columns=256, adc__per_crossbar=2)).bound_by) == "array"


def test_cell_energy_follows_the_data_and_nothing_else_does() -> None:
    quiet, loud = (cost(dense(128, 16, mean_fraction=m)) for m in (0.1, 0.4))
    assert part(loud, "crossbar") == pytest.approx(4 * part(quiet, "crossbar"))
    assert part(loud, "adc") == part(quiet, "adc")


def test_cell_energy_is_v_squared_g_t() -> None:
    mean_g = 0.01 / 17 + 0.5 * (0.01 - 0.01 / 17)
    expected = 8 * 128 * 16 * 4 * 0.3**2 * 0.5 * mean_g * 10
    assert part(cost(dense(128, 16)), "crossbar") == pytest.approx(expected)


# --- the chip's edge ---------------------------------------------------------------------------------------------


def test_only_the_first_input_and_the_last_output_cross_the_edge() -> None:
    graph = example_graph()
    works = [w for w in lower(graph, example_formats(graph, 8), "inference", 1, {}).works
             if SIMULATOR.takes(graph.operator(w.layer), w.role, ISAAC)]  # fmt: skip
    costs = SIMULATOR.cost(works, ISAAC, example_context())
    crossing = {c.layer: part(c, "off_chip_memory") for c in costs}
    assert crossing.pop("conv1") == pytest.approx(3 * 12 * 12 * 8 * 8.0)
    assert set(crossing.values()) == {0.0}
    links = {c.layer: part(c, "hypertransport") for c in costs}
    assert links["conv1"] == pytest.approx(3 * 12 * 12 * 8 * 2600 / 51.2)


def test_without_links_nothing_is_charged_to_them() -> None:
    settings = isaac(hypertransport__links=0)
    first = MatrixWork(**{**dense(64, 8).__dict__, "layer": "conv1"})
    assert part(cost(first, settings), "hypertransport") == 0
    assert part(cost(first, settings), "off_chip_memory") > 0


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_network_that_needs_more_crossbars_than_there_are_overshoots() -> None:
    small = isaac(tiles=1, imas_per_tile=1, crossbars_per_ima=2)
    fits, spills = dense(128, 64), dense(256, 64)
    overshoot = [float(SIMULATOR.limits([w], small, example_context())[0].overshoot) for w in (fits, spills)]
    assert overshoot[0] == 0
    assert overshoot[1] == pytest.approx(1.0)


def test_a_sample_larger_than_the_tile_buffers_overshoots() -> None:
    big = dense(70_000, 8)
    reason = SIMULATOR.limits([big], isaac(tiles=1), example_context())[1]
    assert "buffer" in reason.reason
    assert float(reason.overshoot) > 0
    assert float(SIMULATOR.limits([big], ISAAC, example_context())[1].overshoot) < 0


# --- what it takes, what it refuses -------------------------------------------------------------------------------


def test_the_weight_gradient_is_taken_only_where_it_is_the_update() -> None:
    operator = example_graph().operator("fc1")
    assert SIMULATOR.takes(operator, "weight_gradient", isaac(training__update_scheme="outer_product"))
    assert not SIMULATOR.takes(operator, "weight_gradient", isaac(training__update_scheme="serial"))
    assert SIMULATOR.takes(operator, "update", isaac(training__update_scheme="serial"))


def test_a_product_of_two_activations_goes_to_the_host() -> None:
    attention = Operator("scores", "matmul", ("q", "k"), ((4, 8), (8, 4)), (4, 4), loops=Loops(K=4, C=8, OY=4))
    assert not SIMULATOR.takes(attention, "forward", ISAAC)


def test_a_work_that_it_does_not_take_is_an_error_with_its_name() -> None:
    softmax = VectorWork("out", "forward", "softmax", 10, 10, 10, 8)
    with pytest.raises(SimulatorError, match="out"):
        cost(softmax)


def test_a_resolution_outside_the_converter_table_is_refused() -> None:
    with pytest.raises(ValueError, match="scaling table"):
        isaac(adc__bits=12)


def test_converter_tables_must_rise_and_match() -> None:
    with pytest.raises(ValueError, match="rise"):
        isaac(adc__scaling__bits=[4, 5, 6, 8, 7, 9, 10])
    with pytest.raises(ValueError, match="one length"):
        isaac(adc__scaling__bits=[4, 5, 6])


# --- errors ------------------------------------------------------------------------------------------------------


def test_errors_carry_formats_and_device_numbers() -> None:
    graph = example_graph()
    errors = SIMULATOR.errors(graph, example_formats(graph, 4), isaac(adc__bits=6, cell__bits=1))
    numbers = errors["fc1", "forward"].numbers
    assert (numbers["weight_bits"], numbers["adc_bits"], numbers["cell_bits"]) == (4, 6, 1)
    assert numbers["programming_sigma_fraction"] == 0.038
    assert errors["fc1", "update"].numbers["states"] == 1200
    assert "states" not in numbers
    assert errors["fc1", "input_gradient"].numbers["has_own_transpose"] == 0
    assert ("relu1", "forward") not in errors


# --- training ----------------------------------------------------------------------------------------------------


def training_costs(settings: CrossbarSettings, batch: int) -> dict[tuple[str, str], LayerCost]:
    graph = example_graph()
    works = [w for w in lower(graph, example_formats(graph, 8), "training", batch, {}).works
             if SIMULATOR.takes(graph.operator(w.layer), w.role, settings)]  # fmt: skip
    return {(c.layer, c.role): c for c in SIMULATOR.cost(works, settings, example_context(batch))}


def test_a_serial_update_rewrites_every_crossbar_once_whatever_the_batch() -> None:
    settings = isaac(training__update_scheme="serial")
    one, many = (training_costs(settings, batch)["fc1", "update"] for batch in (1, 32))
    arrays = 2 * 2  # 250 rows, 40 outputs of 4 slices
    assert part(one, "crossbar_write") == pytest.approx(arrays * 128 * 128 * 1.289)
    assert part(one, "crossbar_read_back") == pytest.approx(arrays * 6500)
    assert float(one.latency_ns) == pytest.approx(10250 + 128 * 85.7)
    assert part(many, "crossbar_write") == part(one, "crossbar_write")


def test_outer_products_pulse_every_crossbar_once_an_input_vector_and_update_for_free() -> None:
    costs = training_costs(isaac(training__update_scheme="outer_product"), 8)
    assert part(costs["fc1", "weight_gradient"], "crossbar_pulse") == pytest.approx(8 * 4 * 256 * 1.134, rel=1e-3)
    assert float(costs["fc1", "weight_gradient"].latency_ns) == 8 * 256
    assert costs["fc1", "update"].energies == ()
    conv = costs["conv1", "weight_gradient"]
    assert float(conv.latency_ns) == 8 * 100 * 256


def test_serial_writing_pays_off_from_about_a_hundred_reads() -> None:
    """A rewrite takes as long as about 110 reads of one cycle (physics of serial programming): batches amortise it."""
    assert 128 * ISAAC.cell.writing.write_ns / ISAAC.array.step_ns.value == pytest.approx(110, rel=0.01)


def test_a_transposed_read_drives_every_slice_alone() -> None:
    costs = training_costs(ISAAC, 1)
    transposed = costs["fc1", "input_gradient"]
    turns = 8 * 4 * 100  # signed 8-bit errors, 4 slices, 100 ns
    assert float(np.asarray(transposed.occupancy_ns)) == pytest.approx(turns)


# --- named scaling rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name", "factor"),
    [
        ({"array__rows": 256}, "dac", 2.0),
        ({"array__rows": 256}, "crossbar", 2.0),
        ({"array__columns": 64}, "sample_hold", 0.5),
        ({"adc__per_crossbar": 4}, "adc", 4.0),
        ({"adc__bits": 5}, "adc", 0.99 / 1.67),
        ({"dac__bits": 2}, "dac", 3.0),
        ({"crossbars_per_ima": 16}, "input_register", 2.0),
    ],
)
def test_power_follows_the_named_rule(change: dict[str, Any], name: str, factor: float) -> None:
    before, after = (float(np.asarray(parts(s)[name].power_mw)) for s in (ISAAC, isaac(**change)))
    assert after == pytest.approx(factor * before)


def test_more_converter_bits_never_cost_less() -> None:
    energies = [part(cost(dense(128, 16), isaac(adc__bits=b)), "adc") for b in range(4, 11)]
    areas = [sum(float(a.area_mm2) for a in SIMULATOR.area(isaac(adc__bits=b))) for b in range(4, 11)]
    assert energies == sorted(energies)
    assert areas == sorted(areas)
