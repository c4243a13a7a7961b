"""The numbers that accuracy may depend on: those of a crossbar of one pair of cells (or one cell) a weight."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.network.work import OperandFormat
from joulescape.simulators.array.placing import parts_of
from joulescape.simulators.array.settings import ArraySettings
from joulescape.simulators.crossbar.devices import device_numbers

FINE_BITS = 24
"""Of sums that no converter rounds: cells are read one by one and added by a computer."""


def array_errors(graph: Graph, formats: Mapping[str, OperandFormat], settings: ArraySettings) -> Errors:
    """One spec of kind `crossbar` for the forward pass of each stored matrix."""
    return {
        (operator.name, "forward"): ErrorSpec(
            "crossbar", operator.name, "forward", _numbers(formats.get(operator.name) or OperandFormat(), settings)
        )
        for operator in graph.matrix_operators
        if operator.weight_shape is not None
    }


def _numbers(form: OperandFormat, settings: ArraySettings) -> dict[str, float]:
    cell, array, readout = settings.cell, settings.array, settings.readout
    weight_bits = max(2.0, min(float(settings.widths.weight), form.weight_bits))
    input_bits = min(float(settings.widths.input), form.activation_bits)
    found = {
        "rows": float(array.rows // (2 if array.pairs == "rows" else 1)),
        "columns": float(array.columns),
        "weight_bits": weight_bits,
        "input_bits": input_bits,
        "is_differential": float(array.pairs != "none"),
        "is_counted": 0.0,
        "cell_bits": weight_bits if array.pairs == "none" else weight_bits - 1,
        "cell_copies": 1.0,
        "dac_bits": _driven_bits(int(input_bits), settings),
        "adc_bits": float(FINE_BITS if settings.reading == "words" else readout.bits),
        "adc_clip_fraction": readout.clip_fraction,
        "least_step_levels": 0.0,
        "g_on_msiemens": cell.g_on_msiemens.value,
        "on_off_ratio": cell.on_off_ratio.value,
        "wire_kohm": 0.0 if settings.reading == "words" else cell.wire_kohm.value,
        "programming_sigma_fraction": cell.programming_sigma_fraction.value,
        "read_sigma_fraction": cell.read_sigma_fraction.value,
        "stuck_off_fraction": cell.stuck_off_fraction.value,
        "stuck_on_fraction": cell.stuck_on_fraction.value,
        **device_numbers(cell),
    }
    if settings.reading == "columns" and readout.steps == "analog":
        found |= {"is_analog": 1.0, "activation_sigma_fraction": readout.sigma_fraction.value}
    return found


def _driven_bits(input_bits: int, settings: ArraySettings) -> float:
    """Bits of an input that one read-out sums over."""
    if settings.drive.coding == "amplitude" or settings.reading == "words":
        return float(input_bits)
    return float(max(parts_of(input_bits, settings.drive)))
