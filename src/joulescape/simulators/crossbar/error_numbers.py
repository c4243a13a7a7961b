"""The numbers that accuracy may depend on, taken from the settings and each layer's formats."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Role
from joulescape.network.work import OperandFormat
from joulescape.simulators.crossbar.devices import device_numbers, pulse_numbers
from joulescape.simulators.crossbar.rules import input_width, is_counted, operand_width, spikes_of
from joulescape.simulators.crossbar.settings import CrossbarSettings, Spikes

ROLES_WITH_ERRORS: tuple[Role, ...] = ("forward", "input_gradient", "update")


ANALOG: Mapping[str, float] = {"has_analog_weights": 1.0}
"""Trained weights are pairs of cells as pulses left them."""


def crossbar_errors(graph: Graph, formats: Mapping[str, OperandFormat], settings: CrossbarSettings) -> Errors:
    """One spec of kind `crossbar` for each stored matrix and role; a gradient formed in place shows in `update`."""
    found: dict[tuple[str, Role], ErrorSpec] = {}
    is_averaged = settings.training.update_scheme == "batch_average"
    roles: tuple[Role, ...] = (*ROLES_WITH_ERRORS, "weight_gradient") if is_averaged else ROLES_WITH_ERRORS
    is_analog = settings.training.weights == "analog"
    back = {"has_own_transpose": float(is_averaged), **(ANALOG if is_analog else {})}
    own = {"update": _update_numbers(settings), "input_gradient": back}
    for operator in graph.matrix_operators:
        form = formats.get(operator.name, OperandFormat())
        if operator.weight_shape is None:
            if settings.dynamic_products == "program":
                both = _format_numbers(form.with_(weight_bits=form.activation_bits), settings)
                numbers = {**both, **_device_numbers(settings)}
                found[operator.name, "forward"] = ErrorSpec("crossbar", operator.name, "forward", numbers)
            continue
        read = {**_format_numbers(form, settings), **_device_numbers(settings)}
        for role in roles:
            found[operator.name, role] = ErrorSpec("crossbar", operator.name, role, {**read, **own.get(role, {})})
    return found


def _format_numbers(form: OperandFormat, settings: CrossbarSettings) -> dict[str, float]:
    return {
        "weight_bits": operand_width(form.weight_bits, settings),
        "input_bits": input_width(form.activation_bits, settings),
    }


def _device_numbers(settings: CrossbarSettings) -> dict[str, float]:
    cell, array = settings.cell, settings.array
    reader = spikes_of(settings) if is_counted(settings) else settings.adc
    return {
        "rows": array.rows,
        "columns": array.columns,
        "is_differential": float(array.encoding == "differential"),
        "is_counted": float(is_counted(settings)),
        "adc_bits": reader.counter_bits if isinstance(reader, Spikes) else reader.bits,
        "adc_clip_fraction": reader.clip_fraction,
        "dac_bits": settings.dac.bits,
        "cell_bits": cell.bits,
        "cell_copies": cell.copies,
        "g_on_msiemens": cell.g_on_msiemens.value,
        "on_off_ratio": cell.on_off_ratio.value,
        "wire_kohm": cell.wire_kohm.value,
        "programming_sigma_fraction": cell.programming_sigma_fraction.value,
        "read_sigma_fraction": cell.read_sigma_fraction.value,
        "stuck_off_fraction": cell.stuck_off_fraction.value,
        "stuck_on_fraction": cell.stuck_on_fraction.value,
        **device_numbers(cell),
        **_reader_numbers(settings),
        **_mechanism_numbers(settings),
    }


def _reader_numbers(settings: CrossbarSettings) -> dict[str, float]:
    """What differs from a reader that counts whole levels: a finer step, or no converter between layers."""
    analog, step = settings.chain, settings.adc.least_step_levels
    if analog is not None:
        return {"is_analog": 1.0, "activation_sigma_fraction": analog.sigma_fraction.value}
    return {"least_step_levels": step} if step != 1.0 and not is_counted(settings) else {}


def _mechanism_numbers(settings: CrossbarSettings) -> dict[str, float]:
    """What is read in a way of the machine's own; none where every part of every read is converted."""
    found: dict[str, float] = {}
    if settings.array.is_centred:
        found["is_centred"] = 1.0
    if settings.conversion == "leading_bits":
        found["is_leading"] = 1.0
    if settings.trial is not None:
        found["speculation_first_bits"] = settings.trial.first_bits
        found["speculation_next_bits"] = settings.trial.next_bits
    return found


def _update_numbers(settings: CrossbarSettings) -> dict[str, float]:
    training = settings.training
    found = {"is_outer_product": float(training.update_scheme == "outer_product"), **pulse_numbers(training)}
    if training.weights == "levels":
        return {**found, **({"is_pulsed": 1.0} if training.update_scheme == "pulses" else {})}
    found |= ANALOG
    if training.update_rule == "manhattan":
        found["is_sign"] = 1.0
    if training.is_hidden:
        found |= {
            "is_hidden": 1.0,
            "is_buffered": float(training.update_rule == "tiki_taka_buffered"),
            "fast_rate": training.fast_rate,
            "transfer_rate": training.transfer_rate,
            "transfer_columns": training.transfer_columns,
            "transfer_every": training.transfer_every,
        }
    return found
