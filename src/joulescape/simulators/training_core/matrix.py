"""Cost of one product in one role: mapping, zeros, transposed weights, what waits, what is made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OFF_CHIP, OPERAND, OperandName
from joulescape.simulators._mapping.hierarchy import READS, Memory
from joulescape.simulators._mapping.mapper import Mapped
from joulescape.simulators._mapping.own_cost import Movement
from joulescape.simulators.base import Component, Energy, LayerCost, MappingGap, Scope, Traffic
from joulescape.simulators.training_core.kept import coded, stash_bytes
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.simulators.training_core.settings import TrainingCoreSettings, instances
from joulescape.simulators.training_core.zeros import done, foretold, shares, slowest
from joulescape.units import BITS_PER_BYTE

NAMES: Mapping[str, OperandName] = {letter: name for name, letter in OPERAND.items()}

Moved = dict[tuple[str, OperandName], tuple[float, float]]
"""Bytes read and written, by memory and operand."""


@dataclass(frozen=True)
class Run:
    """One product on its mapping."""

    work: MatrixWork
    machine: TrainingMachine
    mapped: Mapped

    @cached_property
    def left(self) -> Mapping[OperandName, float]:
        """Shares of products that zeros of each looked-for operand leave; a random matrix product has other zeros."""
        return {} if self.machine.is_direct(self.work) else shares(self.work, self.machine.settings.zeros)

    @property
    def done(self) -> float:
        """Share of products that are carried out."""
        return done(self.left)

    @cached_property
    def moved(self) -> Moved:
        """Bytes by memory and operand."""
        found: Moved = {}
        for move in self.mapped.cost.movements:
            memory, operand = self.mapped.spatial.hierarchy.memories[move.memory], NAMES[move.operand]
            amount = move.words * memory.port(move.operand, move.direction).bits / BITS_PER_BYTE * self.share(move)
            _add(found, memory.name, operand, amount, move.direction in READS)
        for operand, read, written in self._beside():
            _add(found, OFF_CHIP, operand, read, True)
            _add(found, OFF_CHIP, operand, written, False)
        return found

    def share(self, move: Movement) -> float:
        """Words that really move over those of the dense mapping."""
        operand = NAMES[move.operand]
        memory = self.mapped.spatial.hierarchy.memories[move.memory].name
        if move.link == 0:
            return self.done
        if memory == OFF_CHIP and operand == "weight" and self._is_generated:
            return 0.0
        if self.work.role == "weight_gradient" and operand == "input" and memory == OFF_CHIP:
            factor = stash_bytes(self.work.input, self._bits, self.machine.settings)
            return factor * BITS_PER_BYTE / (self.work.input.elements * self._bits)
        is_coded = self.machine.settings.zeros.is_coded and operand in self.left
        return coded(self.left[operand], self._bits) if is_coded else 1.0

    @property
    def _bits(self) -> int:
        return self.machine.bits(self.work.layer)

    @property
    def _is_generated(self) -> bool:
        return self.machine.is_direct(self.work) and self.machine.settings.feedback.matrices == "generated"

    def _beside(self) -> Iterator[tuple[OperandName, float, float]]:
        """Off-chip bytes that no mapping knows: inputs sent to wait, weights laid out the other way."""
        machine, work = self.machine, self.work
        if work.role == "forward" and machine.kept.is_training and not machine.kept.stash_stays and self._waits:
            is_there = "input" in machine.beyond(work)
            yield "input", 0.0, 0.0 if is_there else stash_bytes(work.input, self._bits, machine.settings)
        if self.is_laid_out and not machine.kept.weights_stay:
            laid_out = work.weight.elements * self._bits / BITS_PER_BYTE
            yield "weight", laid_out, laid_out

    @property
    def _waits(self) -> bool:
        """Whether this layer's input waits for the way back; data that came from off the chip lie there already."""
        return self.work.layer not in self.machine.kept.again and self.work.layer not in self.machine.context.first

    @property
    def is_laid_out(self) -> bool:
        """Whether weights are read and written once more before this product."""
        is_back = self.work.role == "input_gradient" and self.work.is_weight_stored
        return is_back and not self.machine.settings.transpose.is_transposable and not self.machine.is_direct(self.work)

    @property
    def off_chip_bytes(self) -> float:
        """Everything across the chip's edge."""
        return sum(sum(both) for (memory, _), both in self.moved.items() if memory == OFF_CHIP)

    @property
    def cycles(self) -> float:
        """The longest of computing what is left and of every port; first fills run beside the work before."""
        settings, spatial = self.machine.settings, self.mapped.spatial
        passes = self._bits if settings.arithmetic.narrow == "serial" else 1
        busy = spatial.cycles * passes * slowest(self.done, settings.zeros)
        return max(busy + spatial.drain_cycles, self._port_cycles) + self._layout_cycles

    @property
    def _port_cycles(self) -> float:
        """Accesses of the busiest port of the memories that units share; one access a cycle."""
        found: dict[tuple[int, int], float] = {}
        memories = self.mapped.spatial.hierarchy.memories
        for move in self.mapped.cost.movements:
            memory = memories[move.memory]
            if memory.serves and memory.name != OFF_CHIP:
                key = move.memory, memory.port_index(move.operand, move.direction)
                copies = instances(self.machine.settings, memory.name)
                found[key] = found.get(key, 0.0) + move.words / copies * self.share(move)
        return max(found.values(), default=0.0)

    @property
    def _layout_cycles(self) -> float:
        """Weights that stay are laid out through the port of their memory."""
        settings = self.machine.settings
        if not (self.is_laid_out and self.machine.kept.weights_stay):
            return 0.0
        return self.work.weight.elements * self._bits / settings.memories[settings.store].word_bits

    @property
    def core_ns(self) -> float:
        """Time on the chip."""
        return self.cycles / self.machine.settings.clock_ghz

    @property
    def latency_ns(self) -> float:
        """Computing and crossing the chip's edge overlap."""
        return max(self.core_ns, self.machine.off_chip_ns(self.off_chip_bytes))

    def energies(self) -> list[Energy]:
        """Units, memories, wires, off-chip memory, control."""
        parts = [*self._unit_energies(), *self._memory_energies()]
        control = control_energy(self.machine.settings, parts)
        beyond = self.machine.context.off_chip.transfer(*self._beyond())
        return [*parts, control, *([beyond] if self.machine.context.includes_off_chip else [])]

    def _beyond(self) -> tuple[float, float]:
        both = [both for (memory, _), both in self.moved.items() if memory == OFF_CHIP]
        return sum(read for read, _ in both), sum(written for _, written in both)

    def _unit_energies(self) -> Iterator[Energy]:
        settings, mac = self.machine.settings, self.machine.settings.array.mac_pj
        one = mac_pj(settings, self._bits) * settings.supply_factor**2
        told = foretold(self.work, self.left, settings.zeros)
        macs = self.machine.loops(self.work).macs
        yield Energy(Component.of("mac_array", "core", mac, scales=True), macs * one * (self.done + told))
        drawn = self._drawn() * settings.arithmetic.rounding_pj.value * settings.supply_factor**2
        random = Component.of("random_numbers", "chip", settings.arithmetic.rounding_pj, scales=True)
        yield Energy(random, drawn)

    def _drawn(self) -> float:
        """Random numbers: one a rounded gradient, one an element of a feedback matrix that is made on the chip."""
        loops, is_rounded = self.machine.loops(self.work), self.machine.context.rounding == "stochastic"
        made = loops.K * loops.C if self._is_generated else 0
        return float(made + (self.work.output.elements if is_rounded and self.work.role != "forward" else 0))

    def _memory_energies(self) -> Iterator[Energy]:
        settings = self.machine.settings
        for memory in self.mapped.spatial.hierarchy.memories:
            if memory.name != OFF_CHIP:
                energy = self._accesses_pj(memory) * settings.supply_factor**2
                yield Energy(memory_component(settings, memory.name), energy)
        wires = [memory.wire_pj_per_bit for memory in settings.memories.values() if memory.wire_pj_per_bit is not None]
        if wires:
            energy = self.mapped.cost.wire_pj * self.done * settings.supply_factor**2
            yield Energy(Component.resting_on("wires", "chip", *wires, scales=True), energy)

    def _accesses_pj(self, memory: Memory) -> float:
        """Accesses of one memory of the chip; one that can be read both ways takes more for each weight."""
        settings, total = self.machine.settings, 0.0
        factor = settings.transpose.read_factor.value if settings.transpose.is_transposable else 1.0
        for (name, operand), (read, written) in self.moved.items():
            if name == memory.name:
                both_ways = factor if operand == "weight" and name == settings.store else 1.0
                total += read * memory.read_pj * both_ways + written * memory.write_pj
        if memory.name == settings.store and self.is_laid_out:
            total += self.work.weight.elements * self._bits / BITS_PER_BYTE * (memory.read_pj + memory.write_pj)
        return total * BITS_PER_BYTE / memory.ports[0].bits


def matrix_cost(work: MatrixWork, machine: TrainingMachine) -> LayerCost:
    """One role of one layer; what makes a missing activation again is charged to the product that wants it."""
    cost = _cost(work, machine)
    source = machine.kept.again.get(work.layer) if work.role == "weight_gradient" else None
    return cost if source is None else _with(cost, _cost(source, machine))


def memory_component(settings: TrainingCoreSettings, name: str) -> Component:
    """A memory of the chip, as every table names it: inside the units it belongs to the core."""
    memory = settings.memories[name]
    scope: Scope = "chip" if memory.serves else "core"
    return Component.resting_on(name, scope, memory.read_pj, memory.write_pj, scales=True)


def control_energy(settings: TrainingCoreSettings, steered: list[Energy]) -> Energy:
    """Sequencer and networks' control, as a share of what they steer on the chip."""
    fraction = settings.logic.control_fraction
    energy = sum(part.energy_pj for part in steered if part.component.scope != "system")
    return Energy(Component.of("control", "chip", fraction, scales=True), fraction.value * energy)


def mac_pj(settings: TrainingCoreSettings, bits: int) -> float:
    """Energy of one product and sum at so many bits."""
    arithmetic = settings.arithmetic
    power = {"fixed": 0, "packed": 1, "serial": 2}[arithmetic.narrow]
    return settings.array.mac_pj.value * (bits / arithmetic.mac_bits) ** power


def _cost(work: MatrixWork, machine: TrainingMachine) -> LayerCost:
    run = Run(work, machine, machine.unlimited(work) if machine.misfits([work]) else machine.mapped(work))
    settings, units = machine.settings, run.mapped.spatial.hierarchy.array.units
    passes = machine.bits(work.layer) if settings.arithmetic.narrow == "serial" else 1
    slots = units * run.latency_ns * settings.clock_ghz
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=run.latency_ns,
        active_units=run.mapped.spatial.used_units,
        utilisation_fraction=min(machine.loops(work).macs * run.done * passes / slots, 1.0),
        bound_by=OFF_CHIP if run.latency_ns > run.core_ns else run.mapped.bound_by,
        energies=tuple(run.energies()),
        traffic=tuple(Traffic(memory, operand, *both) for (memory, operand), both in run.moved.items()),
        is_beside=machine.is_direct(work) and settings.feedback.is_beside,
        mapping_gap=MappingGap(run.mapped.objective, run.mapped.gap_fraction if run.mapped.is_truncated else 0.0),
    )


def _with(cost: LayerCost, again: LayerCost) -> LayerCost:
    latency = cost.latency_ns + again.latency_ns
    share = cost.latency_ns / latency
    use = cost.utilisation_fraction * share + again.utilisation_fraction * (1 - share)
    more = {part.component.name: part.energy_pj for part in again.energies}
    energies = tuple(replace(part, energy_pj=part.energy_pj + more[part.component.name]) for part in cost.energies)
    moved: Moved = {}
    for one in (*cost.traffic, *again.traffic):
        _add(moved, one.memory, one.operand, one.read_bytes, True)  # type: ignore[arg-type]
        _add(moved, one.memory, one.operand, one.write_bytes, False)  # type: ignore[arg-type]
    traffic = tuple(Traffic(memory, operand, *both) for (memory, operand), both in moved.items())
    gap = max((cost.mapping_gap, again.mapping_gap), key=lambda one: one.fraction if one else 0.0)
    return replace(
        cost, latency_ns=latency, utilisation_fraction=use, energies=energies, traffic=traffic, mapping_gap=gap
    )


def _add(found: Moved, memory: str, operand: OperandName, amount: float, is_read: bool) -> None:
    read, written = found.get((memory, operand), (0.0, 0.0))
    found[memory, operand] = (read + amount * is_read, written + amount * (not is_read))
