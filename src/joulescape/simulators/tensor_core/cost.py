"""Energy and time of one work on tensor cores.

Both operands are modulated anew at every clock, so nothing is reloaded, and every device of the array runs in every
cycle, used or not: what a layer leaves idle it still pays for. Converters of the outputs run once an integration.
"""

from __future__ import annotations

import numpy as np

from joulescape.network.work import MatrixWork
from joulescape.simulators._moved import MovedBytes
from joulescape.simulators._photonics import BYTES_PER_KIB
from joulescape.simulators.base import Component, Context, Energy, LayerCost
from joulescape.simulators.tensor_core.geometry import Counts, Schedule, schedule
from joulescape.simulators.tensor_core.settings import TensorCoreSettings
from joulescape.spec.sourced import Sourced
from joulescape.units import BITS_PER_BYTE

CONVERTER_CLOCKS = 2
"""A sample spends one clock in the input's and one in the output's converter."""


def matrix_cost(work: MatrixWork, settings: TensorCoreSettings, context: Context) -> LayerCost:
    """Cost of one matrix work for the whole batch."""
    plan, counts = schedule(work, settings.array), Counts.of(settings.array)
    moved = _bytes(work, plan, settings, context)
    stream_ns = (plan.cycles + CONVERTER_CLOCKS) / settings.clock_ghz
    off_ns = context.off_chip_ns(moved.off_chip)
    latency_ns = np.maximum(stream_ns, off_ns)
    bound = np.where(off_ns > stream_ns, "off_chip_memory", "stream")
    used = work.macs / (counts.macs_per_cycle * settings.clock_ghz * latency_ns)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=work.macs / plan.cycles,
        utilisation_fraction=used,
        bound_by=str(bound) if bound.ndim == 0 else bound,
        energies=(
            *device_energies(plan, settings),
            *moved.energies(settings.buffer, context),
            _sums(work, plan, settings),
        ),
        traffic=moved.traffic(),
    )


def device_energies(plan: Schedule, settings: TensorCoreSettings) -> tuple[Energy, ...]:
    """Count x energy of a clock x cycles for both operands; receivers x readouts.

    Receivers are charged for the clocks in which they are used, as the logs of the authors' own model do (yin2025).
    """
    counts, detector, clock = Counts.of(settings.array), settings.detector, settings.clock_ghz
    weights, inputs = counts.weight_modulators * plan.cycles, counts.input_modulators * plan.cycles
    return (
        Energy(
            _scaled("weight_dac", settings.weight_dac.power_mw),
            weights * settings.weight_dac.dac_pj(settings.weight_dac.bits),
        ),
        Energy(_scaled("input_dac", settings.dac.power_mw), inputs * settings.dac.dac_pj(settings.dac.bits)),
        Energy(
            _part("weight_modulator", settings.weight_modulator.energy_pj),
            weights * settings.weight_modulator.energy_pj.value,
        ),
        Energy(
            _part("input_modulator", settings.input_modulator.energy_pj),
            inputs * settings.input_modulator.energy_pj.value,
        ),
        Energy(
            _part("photodetector", detector.diode_mw),
            counts.detectors * plan.cycles * 2 * detector.diode_mw.value / clock,
        ),
        Energy(
            _part("transimpedance", detector.amplifier_mw, scales=True),
            counts.amplifiers * plan.readouts * detector.amplifier_mw.value / clock,
        ),
        Energy(_scaled("adc", settings.adc.power_mw), counts.adcs * plan.readouts * settings.adc.adc_pj()),
    )


def _bytes(work: MatrixWork, plan: Schedule, settings: TensorCoreSettings, context: Context) -> MovedBytes:
    widths = [settings.digital.stored_bytes(operand.bits) for operand in (work.input, work.weight, work.output)]
    inputs, weights, outputs = (
        operand.elements * width for operand, width in zip((work.input, work.weight, work.output), widths, strict=True)
    )
    capacity = np.multiply(settings.buffer.kib, BYTES_PER_KIB)
    spills = np.greater(inputs + outputs, capacity)
    is_kept = np.less_equal(context.resident_bytes, capacity)
    is_forward = work.role == "forward"
    partial = _partial_sums(work, plan) * settings.digital.partial_sum_bits / BITS_PER_BYTE
    return MovedBytes(
        input_read=plan.input_reads * widths[0],
        weight_read=plan.weight_reads * widths[1],
        output_read=partial,
        output_write=partial + outputs,
        off_input=np.where(np.logical_or(spills, is_forward and work.layer in context.first), inputs, 0.0),
        off_weight=np.where(np.logical_or(is_kept, not work.is_weight_stored), 0.0, weights),
        off_output=np.where(np.logical_or(spills, is_forward and work.layer in context.last), outputs, 0.0),
    )


def _partial_sums(work: MatrixWork, plan: Schedule) -> int:
    """Digital additions: readouts of one output less the first."""
    readouts = plan.readouts // plan.blocks
    return work.loops.G * work.loops.K * work.loops.positions * (readouts - 1)


def _sums(work: MatrixWork, plan: Schedule, settings: TensorCoreSettings) -> Energy:
    digital, added = settings.digital, _partial_sums(work, plan)
    component = Component.resting_on("accumulator", "chip", digital.add_pj, digital.multiply_pj, scales=True)
    return Energy(component, digital.summing_pj(added + work.loops.G * work.loops.K * work.loops.positions, added))


def _part(name: str, constant: Sourced, scales: bool = False) -> Component:
    return Component.of(name, "core", constant, scales)


def _scaled(name: str, constant: Sourced) -> Component:
    """A converter, whose tested power is scaled in bits and rate by the named rules."""
    return _part(name, constant.scaled(1.0, "bits and rate"), scales=True)
