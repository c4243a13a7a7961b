"""Units that skip zeros: operands stay compressed up to the unit; products with a zero take neither time nor energy.

With both operands compressed by columns (each value with a count of the zeros before it), a unit steps through the
non-zero inputs and, for each, through the non-zero weights of its column: d_i d_w of the products, and of every window
the cycles that the slowest of the units needs which wait for each other, zeros standing anywhere. What a memory moves
shrinks to d (bits + count) / bits of an operand, never above its plain form. Sums are dense.
"""

from __future__ import annotations

from dataclasses import replace

from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OFF_CHIP, OPERAND, OperandName
from joulescape.simulators._mapping.mapper import Mapped
from joulescape.simulators._mapping.own_cost import Movement
from joulescape.simulators.base import LayerCost
from joulescape.simulators.spatial.settings import SkippingSettings, SpatialSettings

NAMES: dict[str, OperandName] = {letter: name for name, letter in OPERAND.items()}


def is_skipping(settings: SpatialSettings) -> bool:
    """Whether zeros save anything."""
    return settings.skipping is not None and settings.skipping.is_on


def multiplied(work: MatrixWork, settings: SpatialSettings) -> float:
    """Share of the products that are done."""
    rule = settings.skipping
    if rule is None or not rule.is_on:
        return 1.0
    return (work.input.density if rule.inputs else 1.0) * (work.weight.density if rule.weights else 1.0)


def moved_share(work: MatrixWork, settings: SpatialSettings, move: Movement, memory: str) -> float:
    """Bits of a movement over those of dense operands; at the units, over one fetch for every product."""
    rule = settings.skipping
    if rule is None or not rule.is_on:
        return 1.0
    operand = NAMES[move.operand]
    if move.link == 0:
        return multiplied(work, settings)
    if operand == "output":
        return _coded(work.output.density, settings.widths.output, rule.count_bits) if memory == OFF_CHIP else 1.0
    is_coded = rule.weights if operand == "weight" else rule.inputs
    density = work.weight.density if operand == "weight" else work.input.density
    bits = settings.widths.weight if operand == "weight" else settings.widths.input
    return _coded(density, bits, rule.count_bits) if is_coded else 1.0


def slowest(share: float, rule: SkippingSettings) -> float:
    """Cycles over those of dense operands: of the fullest of the units that wait together, at least one a window."""
    # Imported where it is needed: its statistics take longer to load than a machine without zeros to price.
    from joulescape.simulators.nfu.cycles import lane_cycles

    return lane_cycles(rule.window, rule.lanes, share) / rule.window if share < 1.0 else 1.0


def skipped(cost: LayerCost, work: MatrixWork, settings: SpatialSettings, mapped: Mapped) -> LayerCost:
    """Time of a work whose zeros are skipped: units, or a port with what it still has to carry."""
    rule = settings.skipping
    if rule is None or not rule.is_on:
        return cost
    share = multiplied(work, settings)
    ideal = float(mapped.spatial.cycles)
    ports: dict[tuple[int, int], float] = {}
    memories = mapped.spatial.hierarchy.memories
    for move in mapped.cost.movements:
        memory = memories[move.memory]
        port = (move.memory, memory.port_index(move.operand, move.direction))
        carried = move.cycles * move.count * moved_share(work, settings, move, memory.name)
        ports[port] = ports.get(port, 0.0) + carried
    waits = max(float(lane) for name, lane in mapped.cost.lanes.items() if isinstance(name, str)) - ideal
    units = ideal * slowest(share, rule) + waits
    busiest = max(ports, key=lambda port: ports[port])
    cycles = max(units, ports[busiest])
    every = mapped.spatial.hierarchy.array.units
    return replace(
        cost,
        latency_ns=cycles / settings.clock_ghz,
        utilisation_fraction=work.macs * share / (every * cycles),
        bound_by=f"{memories[busiest[0]].name} bandwidth" if ports[busiest] > units else "compute",
    )


def _coded(density: float, bits: int, count_bits: int) -> float:
    return min(1.0, density * (bits + count_bits) / bits)
