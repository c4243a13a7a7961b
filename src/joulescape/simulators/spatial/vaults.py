"""One array under each vault of a stacked memory: a layer divided among vaults, and what must come from another one.

A partition cuts batch, filters and output rows into as many parts as there are vaults. Every vault maps its part on its
own array and reads its own memory; what lies elsewhere crosses the mesh. Activations lie by images as far as the batch
goes and then by rows, so that a vault finds min(1, b / b_home) min(1, y / y_home) of its inputs at home and the same
share of its outputs. Weights are copied into every vault that needs them, or shared: then 1 / (b y) is at home.

The partition is searched: all are ranked by compulsory bytes and steps, and the first few are mapped and priced.
Vaults whose part is cut short wait for the others; energies follow the multiplies that are really done.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OFF_CHIP
from joulescape.simulators.base import Component, Energy, LayerCost, MappingGap, Traffic
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.matrix import matrix_cost
from joulescape.simulators.spatial.settings import VaultSettings
from joulescape.units import BITS_PER_BYTE

OPERANDS = ("weight", "input", "output")


@dataclass(frozen=True)
class Partition:
    """Parts along batch, filters (groups first) and output rows."""

    batch: int
    filters: int
    rows: int

    def __str__(self) -> str:
        return f"divided {self.batch} x {self.filters} x {self.rows} (batch, filters, rows)"

    @property
    def parts(self) -> int:
        """Vaults at work."""
        return self.batch * self.filters * self.rows

    def loops(self, whole: Loops) -> Loops:
        """The largest part of a layer."""
        groups = math.gcd(whole.G, self.filters)
        return replace(
            whole,
            B=-(-whole.B // self.batch),
            G=whole.G // groups,
            K=-(-whole.K // (self.filters // groups)),
            OY=-(-whole.OY // self.rows),
        )

    def at_home(self, whole: Loops, vaults: VaultSettings) -> dict[str, float]:
        """Share of each operand that lies in the vault that needs it."""
        images = max(part for part in _divisors(vaults.count) if part <= whole.B)
        activations = min(1.0, self.batch / images) * min(1.0, self.rows * images / vaults.count)
        weights = 1.0 if vaults.copies_weights else 1.0 / (self.batch * self.rows)
        return {"weight": weights, "input": activations, "output": activations}


def vault_cost(work: MatrixWork, machine: SpatialMachine, vaults: VaultSettings) -> LayerCost:
    """One work on the best partition of those priced."""
    return chosen(work, machine, vaults)[1]


def chosen(work: MatrixWork, machine: SpatialMachine, vaults: VaultSettings) -> tuple[Partition, LayerCost]:
    """The best partition of those priced, with its cost."""
    known = ranked(work, machine, vaults)
    tried = known[: vaults.most_partitions]
    costs = [(partition, _on(partition, work, machine, vaults)) for partition in tried]
    objective = machine.settings.search.objective
    partition, best = min(costs, key=lambda found: _value(found[1], objective))
    gaps = [cost.mapping_gap.fraction for _, cost in costs if cost.mapping_gap is not None]
    gap = 1.0 if len(tried) < len(known) else max(map(float, gaps))
    return partition, replace(best, mapping_gap=MappingGap(objective, gap))


def whole_memory(machine: SpatialMachine, vaults: VaultSettings) -> SpatialMachine:
    """The lanes of all vaults side by side, on all of the memory: for work that divides without anything shared."""
    settings, off_chip = machine.settings, machine.context.off_chip
    rate = off_chip.bandwidth_gbps
    fast = rate.model_copy(update={"value": rate.value * vaults.count})
    context = replace(machine.context, off_chip=replace(off_chip, bandwidth_gbps=fast))
    vector = settings.vector
    if vector is not None:
        vector = vector.model_copy(update={"lanes": vector.lanes * vaults.count})
    return replace(machine, settings=settings.model_copy(update={"vector": vector}), context=context)


def ranked(work: MatrixWork, machine: SpatialMachine, vaults: VaultSettings) -> list[Partition]:
    """Partitions that keep most vaults at work, by compulsory energy times time."""
    whole, rule = work.loops, vaults.partition
    limits = {"batch": whole.B, "filters": whole.G * whole.K, "rows": whole.OY}
    allowed = {name: limit if rule in (name, "searched") else 1 for name, limit in limits.items()}
    fitting = [
        found
        for found in itertools.starmap(Partition, itertools.product(_divisors(vaults.count), repeat=3))
        if found.parts <= vaults.count and all(getattr(found, name) <= limit for name, limit in allowed.items())
    ]
    most = max(found.parts for found in fitting)
    return sorted(
        (found for found in fitting if found.parts == most), key=lambda part: _least(part, work, machine, vaults)
    )


def _least(partition: Partition, work: MatrixWork, machine: SpatialMachine, vaults: VaultSettings) -> float:
    """Energy times time of compulsory transfers and multiplies; ranks, promises nothing."""
    settings, widths = machine.settings, machine.settings.widths
    needed = {
        "weight": work.weight.elements * widths.weight * partition.batch * partition.rows,
        "input": work.input.elements * widths.input * partition.filters,
        "output": work.output.elements * widths.output,
    }
    home, hop = partition.at_home(work.loops, vaults), vaults.noc.hop_pj_per_bit.value * vaults.mean_hops
    off_chip = machine.context.off_chip
    energy = sum(bits * (off_chip.read_pj_per_bit.value + hop * (1 - home[name])) for name, bits in needed.items())
    steps = partition.loops(work.loops).macs / math.prod(settings.array.dimensions.values()) / settings.clock_ghz
    moving = sum(needed.values()) / partition.parts / off_chip.bandwidth_gbps.value
    return float((energy + work.macs * settings.array.mac_pj.value) * max(steps, moving))


def _on(partition: Partition, work: MatrixWork, machine: SpatialMachine, vaults: VaultSettings) -> LayerCost:
    """Every vault's part, and the mesh between them."""
    part = part_of(work, partition)
    at = machine.at(part)
    one = matrix_cost(part, at, at.best(part))
    share = work.macs / part.macs
    traffic = tuple(_scaled(move, share, vaults.sums_in_memory) for move in one.traffic)
    energies = [replace(energy, energy_pj=energy.energy_pj * share) for energy in _updated(one, machine, vaults)]
    away = _away_bits(traffic, partition.at_home(work.loops, vaults))
    hops = vaults.noc.moved_pj(away, vaults.mean_hops)
    energies.append(Energy(Component.of("mesh", "chip", vaults.noc.hop_pj_per_bit, scales=True), hops))
    mesh_ns = away * vaults.mean_hops / (vaults.links * vaults.noc.link_bits * machine.settings.clock_ghz)
    latency = max(float(one.latency_ns), mesh_ns)
    units = vaults.count * math.prod(machine.settings.array.dimensions.values())
    return replace(
        one,
        macs=work.macs,
        latency_ns=latency,
        active_units=float(one.active_units) * partition.parts,
        utilisation_fraction=work.macs / (units * latency * machine.settings.clock_ghz),
        bound_by="mesh" if mesh_ns > float(one.latency_ns) else one.bound_by,
        energies=tuple(energies),
        traffic=traffic,
    )


def part_of(work: MatrixWork, partition: Partition) -> MatrixWork:
    """The largest share of `work` that one vault does under `partition`: its loops, and its share of each operand."""

    def cut(name: str, ways: int) -> object:
        operand = getattr(work, name)
        return replace(operand, elements=-(-operand.elements // ways))

    changes = {
        "weight": cut("weight", partition.filters),
        "input": cut("input", partition.batch * partition.rows),
        "output": cut("output", partition.parts),
    }
    return replace(work, loops=partition.loops(work.loops), **changes)  # type: ignore[arg-type]


def _updated(cost: LayerCost, machine: SpatialMachine, vaults: VaultSettings) -> Iterator[Energy]:
    """Energies of a part; sums that are added where they lie are not read over the vault's channel."""
    back = sum(float(m.read_bytes) for m in cost.traffic if (m.memory, m.operand) == (OFF_CHIP, "output"))
    saving = 1.0 - vaults.update_share.value if vaults.sums_in_memory else 0.0
    saved = BITS_PER_BYTE * back * machine.context.off_chip.read_pj_per_bit.value * saving
    for energy in cost.energies:
        is_memory = energy.component.name == OFF_CHIP
        yield replace(energy, energy_pj=energy.energy_pj - saved) if is_memory else energy


def _scaled(move: Traffic, share: float, sums_in_memory: bool) -> Traffic:
    stays = sums_in_memory and (move.memory, move.operand) == (OFF_CHIP, "output")
    read = 0.0 if stays else move.read_bytes * share
    return Traffic(move.memory, move.operand, read, move.write_bytes * share)


def _away_bits(traffic: tuple[Traffic, ...], at_home: dict[str, float]) -> float:
    moved = (m for m in traffic if m.memory == OFF_CHIP)
    return sum(BITS_PER_BYTE * (float(m.read_bytes) + float(m.write_bytes)) * (1 - at_home[m.operand]) for m in moved)


def _value(cost: LayerCost, objective: str) -> float:
    energy = sum(float(part.energy_pj) for part in cost.energies)
    time = float(cost.latency_ns)
    return {"energy": energy, "latency": time}.get(objective, energy * time)


def _divisors(number: int) -> list[int]:
    return [part for part in range(1, number + 1) if number % part == 0]
