"""Cost of one layer in the analog domain."""

from __future__ import annotations

import math
from collections.abc import Iterator

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.analog_sensor.settings import AnalogSensorSettings
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.units import BITS_PER_BYTE


def noise_factor(settings: AnalogSensorSettings) -> float:
    """Capacitance over that of the constants: 10^((snr - at) / 10), from noise power kT/C at a fixed swing."""
    return float(10.0 ** ((settings.snr_db - settings.mac.at_db) / 10.0))


def conversion_pj(settings: AnalogSensorSettings, bits: int) -> float:
    """One value converted to so many bits and sent: the capacitor array halves with every bit less."""
    converter = settings.converter
    return converter.pj.value * 2.0 ** (bits - converter.raw_bits) + bits * converter.out_pj_per_bit.value


def convolution_cost(work: MatrixWork, settings: AnalogSensorSettings, context: Context, are_held: bool) -> LayerCost:
    """A convolution; `are_held`: all kernels of the network lie in their memory, else they come with every frame."""
    loops = work.loops
    steps = loops.B * loops.G * loops.K * loops.OY * math.ceil(loops.OX / settings.columns)
    cycles = steps * math.ceil(loops.reduction / settings.macs_per_column)
    fetched = (
        0.0 if are_held else _fetches(work, settings) * work.weight.elements * settings.weight_bits / BITS_PER_BYTE
    )
    read = loops.B * loops.OY * work.weight.elements * settings.weight_bits
    busy_ns, off_ns = cycles / settings.clock_ghz, float(context.off_chip_ns(fetched))
    energies = [*_analog(work, settings), _kernels(settings, read, fetched)]
    energies += _converted(work.layer, work.input.elements, work.output.elements, settings, context)
    if context.includes_off_chip:
        energies.append(context.off_chip.transfer(fetched, 0.0))
    units = settings.columns * settings.macs_per_column
    latency_ns = max(busy_ns, off_ns)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=units * work.macs / (units * cycles),
        utilisation_fraction=work.macs / (units * latency_ns * settings.clock_ghz),
        bound_by="off_chip_memory" if off_ns > busy_ns else "columns",
        energies=tuple(energies),
        traffic=(
            Traffic("kernels", "weight", read / BITS_PER_BYTE, fetched),
            Traffic("off_chip_memory", "weight", fetched, 0.0),
        ),
    )


def least_kernel_bytes(work: MatrixWork, settings: AnalogSensorSettings) -> float:
    """Weights of the sums that columns form at once, and the next ones."""
    words = min(2 * settings.macs_per_column, work.weight.elements)
    return words * settings.weight_bits / BITS_PER_BYTE


def held_values(work: Work, context: Context) -> float:
    """Values of one frame on capacitors: inputs that are not pixels, and outputs that are not converted as they come;
    a comparison takes its inputs' place."""
    if isinstance(work, VectorWork):
        return work.read_elements / context.batch
    if not isinstance(work, MatrixWork):
        return 0.0
    inputs = 0 if work.layer in context.first else work.input.elements
    outputs = 0 if work.layer in context.handed_on else work.output.elements
    return (inputs + outputs) / work.loops.B


def _fetches(work: MatrixWork, settings: AnalogSensorSettings) -> int:
    """How often kernels come: with every frame, one after the other; with every row where not even two lie there."""
    kernels = 2 * work.loops.reduction * settings.weight_bits / BITS_PER_BYTE
    rows = 1 if kernels <= settings.kernels.bytes else work.loops.OY
    return work.loops.B * rows


def comparison_cost(work: VectorWork, settings: AnalogSensorSettings, context: Context) -> LayerCost:
    """A rectifier or a maximum, a comparator a column."""
    compared = Component.of("comparators", "core", settings.compare_pj)
    cycles = max(work.ops / settings.columns, 1.0)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=cycles / settings.clock_ghz,
        active_units=min(float(settings.columns), work.ops),
        utilisation_fraction=min(1.0, work.ops / (cycles * settings.columns)),
        bound_by="columns",
        energies=(
            Energy(compared, work.ops * settings.compare_pj.value),
            *_converted(work.layer, work.read_elements, work.write_elements, settings, context),
        ),
    )


def _analog(work: MatrixWork, settings: AnalogSensorSettings) -> Iterator[Energy]:
    factor, mac = noise_factor(settings), settings.mac
    component = Component.resting_on("analog_macs", "core", mac.pj, mac.fixed_pj)
    yield Energy(component, work.macs * (mac.pj.value * factor + mac.fixed_pj.value))
    held = Component.resting_on("analog_memory", "core", settings.memory_pj, settings.held.read_pj)
    # A value that is driven reaches the windows side by side above it; the rest of its uses are reads of their own.
    reads = work.macs / work.loops.FX
    written = work.output.elements * settings.memory_pj.value
    yield Energy(held, factor * (written + reads * settings.held.read_pj.value))


def _kernels(settings: AnalogSensorSettings, read_bits: float, fetched_bytes: float) -> Energy:
    kernels = settings.kernels
    component = Component.resting_on("kernels", "chip", kernels.read_pj_per_bit, kernels.write_pj_per_bit, scales=True)
    written = fetched_bytes * BITS_PER_BYTE * kernels.write_pj_per_bit.value
    return Energy(component, read_bits * kernels.read_pj_per_bit.value + written)


def _converted(
    layer: str, inputs: float, outputs: float, settings: AnalogSensorSettings, context: Context
) -> Iterator[Energy]:
    """Features that leave; the raw image, where a plain sensor's readout is paid as well."""
    converter = settings.converter
    component = Component.resting_on("converters", "chip", converter.pj, converter.out_pj_per_bit)
    raw = inputs if settings.raw_readout and layer in context.first else 0.0
    sent = outputs if layer in context.handed_on else 0.0
    energy = raw * conversion_pj(settings, converter.raw_bits) + sent * conversion_pj(settings, converter.bits)
    yield Energy(component, energy)
