"""Figures of arrays that publications print: rates, efficiencies, energies of one full read, capacities."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators.array.cost import column_energies, word_energies, words_of
from joulescape.simulators.array.placing import Placed, read_ns
from joulescape.simulators.array.settings import ArraySettings
from joulescape.simulators.crossbar.rules import column_attenuation
from joulescape.units import OPS_PER_MAC


def full_array(settings: ArraySettings) -> MatrixWork:
    """One signed input vector through one array that is full of weights, all operands at their widest."""
    array, widths = settings.array, settings.widths
    rows = array.rows // (2 if array.pairs == "rows" else 1)
    columns = array.columns // (2 if array.pairs == "columns" else 1)
    loops = Loops(K=columns, C=rows)
    return MatrixWork(
        "array", "forward", loops,
        weight=Operand(rows * columns, widths.weight),
        input=Operand(rows, widths.input),
        output=Operand(columns, settings.readout.bits),
    )  # fmt: skip


def figures(settings: ArraySettings, areas: Mapping[str, float]) -> dict[str, float]:
    """All figures that `published:` rows may name; `areas` by component, in mm2."""
    array, work = settings.array, full_array(settings)
    ops, words = OPS_PER_MAC * work.macs, words_of(settings)
    placed = Placed.of(work, settings)
    if words is None:
        energies, time_ns = column_energies(work, placed, settings), read_ns(placed.parts, settings)
        tops = settings.arrays * ops / time_ns / 1e3
    else:
        energies, time_ns = word_energies(placed, settings, words), placed.cells / words.cells * words.access_ns.value
        tops = ops / time_ns / 1e3
    spent = {part.component.name: float(part.energy_pj) for part in energies}
    cells = settings.arrays * array.rows * array.columns
    attenuation = column_attenuation(settings.cell.wire_kohm.value, settings.cell.g_on_msiemens.value, array.rows)
    return {
        "full_width_tops": tops,
        "full_width_tops_per_w": ops / sum(spent.values()),
        "array_read_ns": time_ns,
        "array_read_pj": sum(spent.values()),
        "array_word_lines_pj": spent.get("word_lines", 0.0),
        "array_inputs_pj": spent.get("row_drivers", 0.0) + spent["cells"],
        "array_cells_pj": spent["cells"],
        "array_readout_pj": spent["readout"],
        # As demonstrations print it: the cells alone, each of them a product.
        "cells_tops_per_w": OPS_PER_MAC * array.rows * array.columns / spent["cells"],
        "cells_count": float(cells),
        "weights_count": float(settings.arrays * work.macs),
        "ir_drop_fraction": attenuation,
        "area_mm2": sum(areas.values()),
        "readout_area_fraction": areas["readout"] / sum(areas.values()),
    }
