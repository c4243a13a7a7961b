"""Tiles of functional units as a back end.

Assumptions: weights lie in the tiles where all of them fit (then they were loaded once, at power-up, which is charged
to no machine), else all are read at least once a batch; tiles have different filters and read the same inputs; a tensor
between two layers stays in the central memory where input and output fit, else it is cut (`_streams`); element-wise
work is the host's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._streams import Unit, least_limits
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Quantity, Simulator, StaticPower
from joulescape.simulators.nfu.cost import Placement, edram, input_density, matrix_cost, rooms
from joulescape.simulators.nfu.cycles import copies
from joulescape.simulators.nfu.settings import RETENTION_NS, EmbeddedDram, NfuSettings
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

MIB = 1 << 20


class Nfu(Simulator[NfuSettings]):
    """Matrix products with weights in embedded DRAM; inference only."""

    name = "nfu"
    Settings = NfuSettings
    changes_numbers = frozenset({"unit.width", "unit.sum_bits"})
    searchable = changes_numbers | {
        "chips", "tiles", "clock_ghz", "inputs", "unit.filters", "unit.lanes", "unit.windows", "synapses.bytes",
        "neurons.bytes", "synapses.is_refreshed", "neurons.is_refreshed", "synapses.retention_ns",
        "neurons.retention_ns",
    }  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: NfuSettings) -> bool:  # noqa: ARG002
        """Forward products with stored weights."""
        return role == "forward" and operator.is_matrix and operator.kind != "matmul"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: NfuSettings) -> Errors:
        """Fixed point at the units' width."""
        return {
            (operator.name, "forward"): ErrorSpec(
                "fixed_point", operator.name, "forward", _numbers(formats.get(operator.name), settings)
            )
            for operator in graph.operators
            if self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: NfuSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other on all tiles."""
        matrix = [_matrix(work) for work in works]
        costs = [_costs(matrix, machine, context) for machine in variants(settings, self.searchable)]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: NfuSettings) -> Sequence[Area]:
        """Units, memories, links, wires."""
        parts = [
            Area(Component.of("functional_units", "core", settings.unit.area_mm2, scales=True), _units_mm2(settings)),
            _edram_area(settings.synapses, "synapse_edram", np.asarray(settings.chips) * settings.tiles),
            _edram_area(settings.neurons, "neuron_edram", settings.chips),
        ]
        if settings.links is not None:
            links_mm2 = np.asarray(settings.chips) * settings.links.area_mm2.value
            parts.append(Area(Component.of("links", "chip", settings.links.area_mm2), links_mm2))
        wires = settings.wiring_area_fraction
        total = sum((part.area_mm2 for part in parts), start=np.float64(0.0))
        return [*parts, Area(Component.of("wires", "chip", wires, scales=True), wires.value * total)]

    def static_power(self, settings: NfuSettings) -> Sequence[StaticPower]:
        """Leakage of the units, refresh, links."""
        unit = settings.unit
        leakage = Component.resting_on("unit_leakage", "core", unit.area_mm2, unit.leakage_mw_per_mm2, scales=True)
        found = [StaticPower(leakage, _units_mm2(settings) * unit.leakage_mw_per_mm2.value)]
        chips = np.asarray(settings.chips)
        for name, part, count in (
            ("synapse", settings.synapses, chips * settings.tiles),
            ("neuron", settings.neurons, chips),
        ):
            mib = count * np.asarray(part.bytes) / MIB
            often = RETENTION_NS / np.asarray(part.retention_ns)
            power = np.where(part.is_refreshed, part.refresh_mw_per_mib.value * mib * often, 0.0)
            found.append(StaticPower(Component.of(f"{name}_refresh", "chip", part.refresh_mw_per_mib, True), power))
        if settings.links is not None:
            power = chips * settings.links.power_mw.value
            found.append(StaticPower(Component.of("links", "chip", settings.links.power_mw), power))
        return found

    def limits(self, works: Sequence[Work], settings: NfuSettings, context: Context) -> Sequence[Limit]:
        """A clock above its ceiling, and memories too small for what the tiles take at once."""
        matrix = [_matrix(work) for work in works]
        rooms_ = stacked_limits([_limits(matrix, machine, context) for machine in variants(settings, self.searchable)])
        return [*rooms_, clock_limit(settings.clock_ghz, settings.max_clock_ghz)]

    def published(self, settings: NfuSettings) -> Mapping[str, float]:
        """Peak rates, area, standing power, and what a matrix-vector product of 4,096 by 4,096 reaches."""
        unit = settings.unit
        areas = {part.component.name: float(part.area_mm2) for part in self.area(settings)}
        area = sum(areas.values())
        sustained = settings.chips * settings.tiles * unit.filters * unit.lanes * settings.clock_ghz
        peak_gops = OPS_PER_MAC * settings.chips * settings.tiles * unit.multipliers * settings.clock_ghz
        return {
            "peak_gops": peak_gops,
            "area_mm2": area,
            "peak_gops_per_mm2": peak_gops / area,
            "sustained_gops": OPS_PER_MAC * sustained,
            "matrix_vector_per_s_count": 1e9 * sustained / 4096**2,
            "standing_power_mw": sum(float(part.power_mw) for part in self.static_power(settings)),
            "area_overhead": area / _plain_mm2(self, settings) - 1.0,
            "tiles_area_fraction": (areas["functional_units"] + areas["synapse_edram"]) / area,
            "central_area_fraction": areas["neuron_edram"] / area,
            "most_weights_count": settings.chips * settings.tiles * settings.synapses.bytes * 8.0 / unit.width,
        }


def _limits(works: Sequence[MatrixWork], settings: NfuSettings, context: Context) -> list[Limit]:
    found = [(work, rooms(work, settings, input_density(work, settings, context))) for work in works]
    tile = settings.chips * settings.tiles * BITS_PER_BYTE
    return least_limits(found, Unit("synapses.bytes", tile), Unit("neurons.bytes", settings.chips * BITS_PER_BYTE))


def _costs(works: Sequence[MatrixWork], settings: NfuSettings, context: Context) -> list[LayerCost]:
    placement = _placement(works, settings)
    return [matrix_cost(work, settings, context, placement) for work in works]


def _placement(works: Sequence[MatrixWork], settings: NfuSettings) -> Placement:
    """As many copies of layers whose positions chips share as the tiles hold; one where not even that fits."""
    room = settings.chips * settings.tiles * settings.synapses.bytes * BITS_PER_BYTE / settings.unit.width
    for most in range(settings.chips, 0, -1):
        stored = sum(work.weight.elements * min(copies(work.loops, settings), most) for work in works)
        if stored <= room:
            return Placement(True, most)
    return Placement(False, 1)


def _plain_mm2(simulator: Nfu, settings: NfuSettings) -> float:
    """Area of the same chip with parallel inputs."""
    plain = settings.model_copy(update={"inputs": "parallel"})
    return sum(float(part.area_mm2) for part in simulator.area(plain))


def _units_mm2(settings: NfuSettings) -> Quantity:
    unit, inputs = settings.unit, np.asarray(settings.inputs)
    factor = np.where(inputs == "serial", unit.serial_area_factor.value, 1.0)
    factor = np.where(inputs == "non_zero", unit.skipping_area_factor.value, factor)
    area: Quantity = np.asarray(settings.chips) * np.asarray(settings.tiles) * unit.area_mm2.value * factor
    return area


def _edram_area(part: EmbeddedDram, name: str, copies: Quantity) -> Area:
    component = Component.of(name, edram(part, name).scope, part.area_mm2_per_mib, scales=True)
    return Area(component, copies * np.asarray(part.bytes) / MIB * part.area_mm2_per_mib.value)


def _matrix(work: Work) -> MatrixWork:
    if not isinstance(work, MatrixWork):
        raise SimulatorError(f"functional units were given {work.layer}, {work.role}: no matrix product")
    return work


def _numbers(form: OperandFormat | None, settings: NfuSettings) -> dict[str, float]:
    form, width = form or OperandFormat(), float(settings.unit.width)
    return {
        "weight_bits": min(width, form.weight_bits),
        "input_bits": min(width, form.activation_bits),
        "accumulator_bits": float(settings.unit.sum_bits),
    }
