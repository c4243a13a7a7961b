"""An array as it runs one work: lanes, what is bypassed, and afterwards the clock and supplies that the work needs."""

from __future__ import annotations

from dataclasses import replace

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Energy, LayerCost
from joulescape.simulators.spatial.precision import lane_bits, lane_memory, rescaled
from joulescape.simulators.spatial.settings import SpatialSettings


def divided(settings: SpatialSettings, work: MatrixWork) -> tuple[SpatialSettings, int]:
    """Settings at the width of a work's lanes, less the memories that are bypassed, and lanes a unit.

    A multiplier that can split costs `lane_overhead` at full width and the square of the width below it.
    """
    settings = without_bypassed(settings)
    precision, full = settings.precision, settings.widths.input
    if precision is None or precision.mode != "subword":
        return settings, 1
    bits = lane_bits(precision, full, needed_bits(work))
    lanes = full // bits
    widths = settings.widths.model_copy(update={
        "weight": bits, "input": bits, "sum": sum_bits(settings, lanes),
        "output": min(settings.widths.output, lane_bits(precision, full, work.output.bits)),
    })  # fmt: skip
    sizes = {**settings.array.dimensions, precision.along: settings.array.dimensions[precision.along] * lanes}
    mac = settings.array.mac_pj
    energy = mac.value * precision.lane_overhead.value / lanes**2
    array = settings.array.model_copy(update={"dimensions": sizes, "mac_pj": mac.model_copy(update={"value": energy})})
    memories = {name: lane_memory(memory, lanes) for name, memory in settings.memories.items()}
    return settings.model_copy(update={"widths": widths, "array": array, "memories": memories}), lanes


def without_bypassed(settings: SpatialSettings) -> SpatialSettings:
    """Settings without the memories that data go past."""
    if not settings.bypass:
        return settings
    kept = {name: memory for name, memory in settings.memories.items() if name not in settings.bypass}
    hand_over = None if settings.hand_over in settings.bypass else settings.hand_over
    return settings.model_copy(update={"memories": kept, "hand_over": hand_over, "bypass": ()})


def sum_bits(settings: SpatialSettings, lanes: int) -> int:
    """Width of a lane's partial sum: its share of the unit's."""
    return max(8, settings.widths.sum // lanes)


def needed_bits(work: MatrixWork) -> float:
    """Width of the wider operand."""
    return max(work.weight.bits, work.input.bits)


def supplied(cost: LayerCost, work: MatrixWork, settings: SpatialSettings, full_ns: float, lanes: int) -> LayerCost:
    """The cost at the clock and supplies that this work needs; `full_ns` is its time at full width.

    `settings` are those of the whole units. Off-chip transfers are as fast as before: a clock that slows for
    `pace: throughput` never makes a layer last longer than at full width.
    """
    precision = settings.precision
    if precision is None or precision.mode == "full":
        return cost
    slowed = precision.pace == "throughput" and full_ns > float(cost.latency_ns)
    latency = full_ns if slowed else float(cost.latency_ns)
    energies = _quieted(cost.energies, work, settings) if precision.mode == "gated" else cost.energies
    used = float(cost.utilisation_fraction) * float(cost.latency_ns) / latency
    if precision.supply is not None:
        clock = settings.clock_ghz * float(cost.latency_ns) / latency
        full, supply = settings.widths.input, precision.supply
        share = min(1.0, needed_bits(work) / full) if precision.mode == "gated" else 1.0 / lanes
        units, rest = supply.volts(clock, share), supply.volts(clock)
        rest = max(rest, supply.memory_least_v.value)
        energies = rescaled(energies, (units / supply.nominal_v) ** 2, (rest / supply.nominal_v) ** 2)
    return replace(cost, latency_ns=latency, energies=energies, utilisation_fraction=used)


def _quieted(energies: tuple[Energy, ...], work: MatrixWork, settings: SpatialSettings) -> tuple[Energy, ...]:
    """Bits held at zero: (b_w / w)(b_x / w) of the multipliers, the width's share of the memories that are quiet."""
    full = settings.widths.input
    weight, inputs = (min(1.0, operand.bits / full) for operand in (work.weight, work.input))
    quiet = settings.precision.quiet if settings.precision else ()
    shares = {"mac_array": weight * inputs} | dict.fromkeys(quiet, max(weight, inputs))
    return tuple(replace(part, energy_pj=part.energy_pj * shares.get(part.component.name, 1.0)) for part in energies)
