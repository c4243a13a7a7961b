"""A machine: a back end resolved with its host, ready to be asked for errors and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.evolved import is_simulated
from joulescape.network.lower import has_work, reads_trained
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import PhaseWork, Work
from joulescape.resolve.hand_over import crossings
from joulescape.resolve.schedule import Stage, schedule
from joulescape.simulators.base import (
    SCOPES,
    Area,
    Checked,
    Component,
    Context,
    Energy,
    FloatArray,
    LayerCost,
    Limit,
    OffChip,
    Quantity,
    Scope,
    Simulator,
    StaticPower,
)
from joulescape.spec.base import Shape
from joulescape.spec.domain import Scalar


@dataclass(frozen=True)
class Station:
    """One simulator of a machine with its settings: at the corner, and with swept fields holding arrays."""

    name: str
    simulator: Simulator[Any]
    settings: Shape
    is_host: bool = False

    def takes(self, operator: Operator, role: Role) -> bool:
        """Whether this station runs the operator in this role itself."""
        return self.simulator.takes(operator, role, self.settings)


@dataclass(frozen=True)
class LayerRun:
    """One work on the machine's schedule; arrays have shape (variants,). `energies` hold the static ones too."""

    cost: LayerCost
    station: str
    start_ns: FloatArray
    end_ns: FloatArray
    energies: tuple[Energy, ...]


@dataclass(frozen=True)
class PhaseCost:
    """One phase for its whole batch (for training: one step); arrays have shape (variants,)."""

    phase: str
    batch: int
    layers: tuple[LayerRun, ...]
    makespan_ns: FloatArray
    interval_ns: FloatArray

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole batch."""
        return sum(run.cost.macs for run in self.layers)

    def energy_pj(self) -> Quantity:
        """Energy of the whole batch: the sum of all parts."""
        return sum((energy.energy_pj for run in self.layers for energy in run.energies), start=np.float64(0.0))


@dataclass(frozen=True)
class Machine:
    """An ordered list of stations; the first that takes an (operator, role) runs it."""

    name: str
    family: str
    equivalence: str
    node_nm: int
    stations: tuple[Station, ...]
    off_chip: OffChip
    boundary: Scope
    variants: tuple[Mapping[str, Scalar], ...] = ({},)
    """Swept hardware values of each variant, by dotted path below the back end."""

    def with_variants(self, variants: tuple[Mapping[str, Scalar], ...]) -> Machine:
        """This machine, whose swept settings hold one value for each of `variants`."""
        return replace(self, variants=variants)

    @property
    def own(self) -> Station:
        """The machine's own simulator."""
        return self.stations[0]

    def station(self, operator: Operator, role: Role) -> Station | None:
        """Who runs the operator in this role; None when nobody does."""
        return next((station for station in self.stations if station.takes(operator, role)), None)

    def meets(self, graph: Graph, roles: Iterable[Role]) -> str | None:
        """Why this machine cannot run the graph, or None when it can."""
        trained = reads_trained(graph)
        for role in roles:
            for operator in graph.operators:
                if has_work(operator, role, trained) and self.station(operator, role) is None:
                    return f"nothing in {self.name} takes operator '{operator.name}' ({operator.kind}) in role {role}"
        if not any(self.own.takes(operator, "forward") for operator in graph.operators):
            return f"{self.name} itself takes none of the operators, only its host would work"
        return None

    def errors(self, network: Described) -> Mapping[tuple[str, Role], ErrorSpec]:
        """Errors of every (operator, role), from the station that runs it."""
        merged: dict[tuple[str, Role], ErrorSpec] = {}
        for station in reversed(self.stations):
            found = station.simulator.errors(network.graph, network.formats, station.settings)
            merged.update({key: spec for key, spec in found.items() if self._runs(station, network.graph, key)})
        return merged

    def _runs(self, station: Station, graph: Graph, key: tuple[str, Role]) -> bool:
        return self.station(graph.operator(key[0]), key[1]) is station

    def limits(self, network: Described, work: PhaseWork) -> tuple[Limit, ...]:
        """Every limit of every station for this phase."""
        context = self._context(network, work)
        return tuple(
            limit
            for station, works in self._assigned(network.graph, work.works)
            for limit in station.simulator.limits(works, station.settings, context)
        )

    def programming_pj(self, network: Described, work: PhaseWork) -> FloatArray:
        """Energy, inside the boundary, of writing the weights once: no part of any inference."""
        energies = (
            energy.energy_pj
            for station, works in self._assigned(network.graph, work.works)
            for energy in station.simulator.programming(works, station.settings)
            if self._inside(energy.component, station)
        )
        return np.asarray(sum(map(self._array, energies), start=np.zeros(len(self.variants))))

    def cautions(self) -> tuple[str, ...]:
        """What a person should know of the settings of its stations, each said once."""
        return tuple({one: None for by in self.stations for one in by.simulator.cautions(by.settings)})

    def area(self) -> tuple[Area, ...]:
        """Area by component inside the boundary; the host's names are prefixed."""
        return tuple(
            Area(_prefixed(area.component, station), area.area_mm2)
            for station in self.stations
            for area in station.simulator.area(station.settings)
            if self._inside(area.component, station)
        )

    def cost(self, network: Described, work: PhaseWork) -> PhaseCost:
        """Cost of one phase: stations cost their works, the schedule runs them in order, static power fills it."""
        context = self._context(network, work)
        costs = self._ordered_costs(network.graph, work.works, context)
        starts, ends = schedule(self._stages(costs), work.batch if self._overlaps(work) else 1)
        shares = self._shares(costs, ends[-1])
        static = self._static({station.name for station, _ in costs})
        runs = tuple(
            LayerRun(cost, station.name, start, end, self._energies(station, cost, static, share))
            for (station, cost), start, end, share in zip(costs, starts, ends, shares, strict=True)
        )
        return PhaseCost(work.phase, work.batch, runs, ends[-1], self._interval(costs))

    def explain(self, network: Described, work: PhaseWork) -> dict[tuple[str, str], str]:
        """How stations that choose a mapping run each (layer, role)."""
        context = self._context(network, work)
        return {
            (one.layer, one.role): said
            for station, works in self._assigned(network.graph, work.works)
            for one in works
            if (said := station.simulator.explain(one, station.settings, context)) is not None
        }

    def _overlaps(self, work: PhaseWork) -> bool:
        """Whether samples of a batch follow each other, as the machine's own simulator says."""
        return self.own.simulator.overlaps(work.phase, self.own.settings)

    def _stages(self, costs: Sequence[tuple[Station, LayerCost]]) -> list[Stage]:
        return [
            Stage(
                self._array(cost.latency_ns),
                self._array(cost.latency_ns if cost.occupancy_ns is None else cost.occupancy_ns),
                None if station.simulator.is_pipelined else station.name,
                cost.is_beside,
            )
            for station, cost in costs
        ]

    def _shares(self, costs: Sequence[tuple[Station, LayerCost]], makespan: FloatArray) -> list[FloatArray]:
        """The makespan divided among layers by their latencies: what static power is charged for."""
        latencies = [self._array(cost.latency_ns) for _, cost in costs]
        return [latency * (makespan / np.sum(latencies, axis=0)) for latency in latencies]

    def _energies(
        self, station: Station, cost: LayerCost, static: Sequence[StaticPower], share_ns: FloatArray
    ) -> tuple[Energy, ...]:
        dynamic = [
            Energy(_prefixed(energy.component, station), self._array(energy.energy_pj))
            for energy in cost.energies
            if self._inside(energy.component, station)
        ]
        standing = [Energy(power.component, power.power_mw * share_ns) for power in static]
        Checked(f"{station.name}, {cost.layer}", {e.component.name: e.energy_pj for e in (*dynamic, *standing)})
        return (*dynamic, *standing)

    def _static(self, working: AbstractSet[str]) -> tuple[StaticPower, ...]:
        """Of every host, and of stations that do something in the phase: what only simulates its device unplugs it."""
        standing = self.off_chip.standing() if self.boundary == "system" else ()
        return (
            *(
                StaticPower(_prefixed(power.component, station), self._array(power.power_mw))
                for station in self.stations
                if station.is_host or station.name in working
                for power in station.simulator.static_power(station.settings)
                if self._inside(power.component, station)
            ),
            *standing,
        )

    def _inside(self, component: Component, station: Station) -> bool:
        scope = "system" if station.is_host else component.scope
        return SCOPES.index(scope) <= SCOPES.index(self.boundary)

    def _interval(self, costs: Sequence[tuple[Station, LayerCost]]) -> FloatArray:
        """Pipelined stations: the longest occupancy; others: the sum. Stations overlap if the own one is pipelined."""
        by_station: dict[str, list[FloatArray]] = {}
        for station, cost in costs:
            busy = cost.latency_ns if cost.occupancy_ns is None else cost.occupancy_ns
            by_station.setdefault(station.name, []).append(self._array(busy))
        pipelined = {station.name for station in self.stations if station.simulator.is_pipelined}
        totals = [np.max(t, axis=0) if name in pipelined else np.sum(t, axis=0) for name, t in by_station.items()]
        return np.asarray(np.max(totals, axis=0) if self.own.name in pipelined else np.sum(totals, axis=0))

    def _ordered_costs(self, graph: Graph, works: Sequence[Work], context: Context) -> list[tuple[Station, LayerCost]]:
        found: dict[tuple[str, str], tuple[Station, LayerCost]] = {}
        for station, assigned in self._assigned(graph, works):
            costs = station.simulator.cost(assigned, station.settings, context)
            if [(c.layer, c.role) for c in costs] != [(w.layer, w.role) for w in assigned]:
                raise SimulatorError(f"{station.name} did not answer one cost a work, in order")
            found.update({(cost.layer, cost.role): (station, cost) for cost in costs})
        return [found[work.layer, work.role] for work in works]

    def _assigned(self, graph: Graph, works: Sequence[Work]) -> list[tuple[Station, list[Work]]]:
        lists: dict[str, list[Work]] = {station.name: [] for station in self.stations}
        for work in works:
            operator = graph.operator(work.layer)
            station = self.station(operator, "weight_gradient" if is_simulated(operator, work) else work.role)
            if station is None:
                raise SimulatorError(f"nothing in {self.name} takes {work.layer} in role {work.role}")
            lists[station.name].append(work)
        return [(station, lists[station.name]) for station in self.stations if lists[station.name]]

    def _context(self, network: Described, work: PhaseWork) -> Context:
        graph = network.graph
        stored = (network.formats[o.name].weight_bytes or 0.0 for o in graph.operators if o.name in network.formats)
        received, handed_on = crossings(graph, self.station)
        return Context(
            batch=work.batch,
            off_chip=self.off_chip,
            includes_off_chip=self.boundary == "system",
            first=frozenset(o.name for o in graph.operators if "input" in o.inputs),
            last=frozenset({graph.output.name}),
            resident_bytes=float(sum(stored)),
            steps=work.steps,
            feedback=work.feedback,
            rounding=work.rounding,
            received=received,
            handed_on=handed_on,
        )

    def _array(self, quantity: Quantity) -> FloatArray:
        """One float a variant; whole arrays and plain numbers go the short way: this is called for every part."""
        shape = (len(self.variants),)
        if isinstance(quantity, float):
            return np.full(shape, quantity)
        if isinstance(quantity, np.ndarray) and quantity.shape == shape and quantity.dtype == float:
            return quantity
        return np.broadcast_to(np.asarray(quantity, dtype=float), shape)


def _prefixed(component: Component, station: Station) -> Component:
    if not station.is_host or component.name == "off_chip_memory":
        return component
    return Component(f"host_{component.name}", "system", component.basis, component.source, component.scales)
