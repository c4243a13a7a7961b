"""Memristive crossbars with bit-serial inputs, sliced weights, shared column converters and eDRAM tiles.

Energy = events (conversions, drives, cell reads, moved bits) + idle share of the component table * time.
Weights are resident: they are written once, before the first inference; that energy is not charged to an inference but
to the machine's life. In training each step writes, with what the chosen device takes for it; a run that it does not
outlive is refused. Activations kept for the backward pass go through the tile buffer, as in inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator, Phase, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators.base import (
    Area,
    Context,
    Energy,
    LayerCost,
    Limit,
    Quantity,
    Simulator,
    StaticPower,
    Traffic,
)
from joulescape.simulators.crossbar.analog_chain import Chain, chain_cost, chain_limits
from joulescape.simulators.crossbar.capacity import capacity_limits, life_cautions, machine_limits, service_limit
from joulescape.simulators.crossbar.devices import age_cautions
from joulescape.simulators.crossbar.duplication import paced
from joulescape.simulators.crossbar.error_numbers import crossbar_errors
from joulescape.simulators.crossbar.events import buffer_traffic, io_bytes, link_energy, matrix_energies
from joulescape.simulators.crossbar.figures import published_figures
from joulescape.simulators.crossbar.gradients import Cells, cells_by_layer, gradient_cost, rewrite_cost
from joulescape.simulators.crossbar.mapping import Mapping as Mapped
from joulescape.simulators.crossbar.mapping import analog_ns, fill_ns, map_product, utilisation
from joulescape.simulators.crossbar.mechanisms import AnalogActivations
from joulescape.simulators.crossbar.placed import placed
from joulescape.simulators.crossbar.products import samples_of
from joulescape.simulators.crossbar.roll_up import Parts, copies, parts
from joulescape.simulators.crossbar.rules import step_ns
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.training import (
    Crossbars,
    crossbars_by_layer,
    outer_product_cost,
    update_cost,
)
from joulescape.simulators.crossbar.wires import wire_cautions
from joulescape.simulators.crossbar.writes import programming_energies, wear_limit
from joulescape.spec.base import Shape
from joulescape.units import BITS_PER_BYTE

VECTOR_UNITS = {"relu": "sigmoid", "sigmoid": "sigmoid", "max_pool": "maxpool"}
"""Vector operators that the tile's own units run, and the unit; a rectifier goes through the activation unit."""


class Crossbar(Simulator[CrossbarSettings]):
    """The ISAAC kind of machine (shafiee2016), with training in place after PUMA and PANTHER (ankit2019, ankit2020)."""

    name: ClassVar[str] = "crossbar"
    Settings: ClassVar[type[Shape]] = CrossbarSettings
    is_pipelined: ClassVar[bool] = True
    changes_numbers: ClassVar[frozenset[str]] = frozenset({
        "operand_bits", "array.rows", "array.columns", "array.encoding", "converter", "adc.bits", "adc.clip_fraction",
        "spikes.counter_bits", "spikes.clip_fraction", "dac.bits",
        "cell.bits", "cell.copies", "cell.g_on_msiemens", "cell.on_off_ratio", "cell.wire_kohm",
        "cell.programming_sigma_fraction",
        "cell.read_sigma_fraction", "cell.stuck_off_fraction", "cell.stuck_on_fraction", "training.update_scheme",
        "cell.age_s", "cell.compensation", "cell.remapping", "cell.has_nodal_wires", "adc.least_step_levels",
        "dynamic_products", "layout.overflow", "layout.placement", "layout.partial_sums", "layout.served_batches",
        "conversion", "input_bits", "array.is_centred", "speculation.first_bits", "speculation.next_bits",
        "speculation.is_on", "analog_activations.is_on", "analog_activations.sigma_fraction",
        "training.states", "training.asymmetry", "training.cycle_noise", "training.weight_bound",
        "training.asymmetry_down", "training.high", "training.low", "training.imbalance", "training.imbalance_spread",
        "training.step_spread", "training.bound_spread", "training.write_noise_fraction", "training.corrupt_fraction",
        "training.refresh_every", "training.weights", "training.update_rule", "training.fast_rate",
        "training.transfer_rate", "training.transfer_columns", "training.transfer_every",
    })  # fmt: skip
    searchable: ClassVar[frozenset[str]] = frozenset({
        "tiles", "imas_per_tile", "crossbars_per_ima", "replication", "hypertransport.links", "adc.per_crossbar",
        "conversion", "array.is_centred", "speculation.first_bits", "speculation.next_bits", "speculation.is_on",
        "analog_activations.is_on", "converter", "spikes.counter_bits", "positions_per_copy", "layout.duplication",
        "layout.chips", "dynamic_products",
        "layout.overflow", "layout.placement", "layout.partial_sums", "layout.served_batches",
        "array.rows", "array.columns", "array.encoding", "adc.bits", "adc.clip_fraction", "dac.bits", "cell.bits",
        "cell.copies", "cell.remapping", "training.update_scheme", "training.update_rule", "training.fast_rate",
        "training.transfer_rate", "training.transfer_columns", "training.transfer_every",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: CrossbarSettings) -> bool:
        """Products with stored weights: forward, transposed, update; the weight gradient unless a host forms it.

        Forward also what the tile's units do (rectifier, sigmoid, maximum pooling) and what costs nothing (flatten).
        """
        if operator.is_matrix:
            is_own = settings.training.update_scheme in ("outer_product", "batch_average")
            if operator.weight_shape is None:
                return role == "forward" and settings.dynamic_products == "program"
            return role != "weight_gradient" or is_own
        return role == "forward" and (operator.kind in VECTOR_UNITS or operator.kind == "flatten")

    def overlaps(self, phase: Phase, settings: CrossbarSettings) -> bool:
        """In a training step only where the backward pass has arrays of its own and is told to follow; never where
        nothing holds a value between layers."""
        has_own = settings.training.update_scheme == "batch_average" and settings.training.is_pipelined
        if settings.chain is not None:
            return False
        return (phase == "inference" and settings.layout.overflow == "refuse") or has_own

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: CrossbarSettings) -> Errors:
        """Numbers of the kind `crossbar` for forward, input_gradient and update of every stored matrix."""
        return crossbar_errors(graph, formats, settings)

    def cost(self, works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Sequence[LayerCost]:
        """Cost of each work; SimulatorError for a work that it does not take."""
        settings = paced(works, settings, context.batch)
        found = _Found.of(works, settings)
        return placed([_work_cost(work, found, settings, context) for work in works], works, settings, context)

    def area(self, settings: CrossbarSettings) -> Sequence[Area]:
        """Area of every component of the chip."""
        return [
            Area(part.component(part.unit_area_mm2), copies(part, settings) * part.area_mm2)
            for part in parts(settings).values()
        ]

    def static_power(self, settings: CrossbarSettings) -> Sequence[StaticPower]:
        """`idle_fraction` of every component's table power on the whole chip; cells hold without power."""
        idle = settings.idle_fraction
        return [
            StaticPower(part.idle(idle), idle.value * copies(part, settings) * part.power_mw)
            for part in parts(settings).values()
            if part.name != "crossbar"
        ]

    def programming(self, works: Sequence[Work], settings: CrossbarSettings) -> Sequence[Energy]:
        """Writing every weight with its device's pulses, copies that its pace asks for included."""
        return programming_energies(works, paced(works, settings, samples_of(works)))

    def limits(self, works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Sequence[Limit]:
        """What no network can do on it (levels, wires, voltages that wait), then arrays, samples in buffers, writes."""
        laid_out = paced(works, settings, context.batch)
        capacity = capacity_limits(works, laid_out, context)
        chain = chain_limits(works, settings, context)
        wear = (*wear_limit(works, settings, context), *service_limit(works, laid_out, context))
        return (*machine_limits(settings), *chain, *capacity, *wear)

    def cautions(self, settings: CrossbarSettings) -> Sequence[str]:
        """What its settings alone forbid, wires that take much, ages that change nothing, cells that wear."""
        forbidden = (limit.reason for limit in machine_limits(settings))
        return (*forbidden, *wire_cautions(settings), *age_cautions(settings.cell), *life_cautions(settings))

    def published(self, settings: CrossbarSettings) -> Mapping[str, float]:
        """Roll-ups and peak figures at the datapath's full width."""
        return published_figures(settings)


@dataclass(frozen=True)
class _Found:
    """What one work must know of the machine and of the other works of its phase."""

    chain: Chain
    parts: Parts
    crossbars: Crossbars
    cells: Cells
    forward: Mapping[str, MatrixWork]
    has_input_gradient: frozenset[str]
    first_update: str | None

    @classmethod
    def of(cls, works: Sequence[Work], settings: CrossbarSettings) -> _Found:
        products = [work for work in works if isinstance(work, MatrixWork)]
        return cls(
            Chain.of(works, settings),
            parts(settings),
            crossbars_by_layer(works, settings),
            cells_by_layer(works, settings) if settings.training.update_scheme == "batch_average" else {},
            {work.layer: work for work in products if work.role == "forward"},
            frozenset(work.layer for work in products if work.role == "input_gradient"),
            next((work.layer for work in works if work.role == "update"), None),
        )


def _work_cost(work: Work, found: _Found, settings: CrossbarSettings, context: Context) -> LayerCost:
    if settings.chain is not None:
        return _chain_cost(work, settings.chain, found, settings, context)
    if isinstance(work, MatrixWork) and work.role == "weight_gradient":
        return _gradient_cost(work, found, settings)
    if isinstance(work, MatrixWork):
        mapping = map_product(work, settings, found.forward.get(work.layer))
        return _matrix_cost(work, mapping, found.parts, settings, context)
    if isinstance(work, VectorWork) and work.role == "update":
        if settings.training.update_scheme == "batch_average":
            return rewrite_cost(work, found.cells, found.parts, settings, is_beside=work.layer != found.first_update)
        return update_cost(work, found.crossbars, found.parts, found.forward.get(work.layer), settings)
    if isinstance(work, VectorWork) and work.kind in VECTOR_UNITS:
        return _vector_cost(work, found.parts, settings, context)
    raise SimulatorError(f"crossbar does not take {work.layer} in role {work.role}")


def _gradient_cost(work: MatrixWork, found: _Found, settings: CrossbarSettings) -> LayerCost:
    if settings.training.update_scheme == "batch_average":
        return gradient_cost(work, found.parts, settings, work.layer in found.has_input_gradient)
    return outer_product_cost(work, found.parts, found.crossbars, settings)


def _chain_cost(
    work: Work, analog: AnalogActivations, found: _Found, settings: CrossbarSettings, context: Context
) -> LayerCost:
    """A layer that hands on voltages; its activation is the amplifier's own."""
    if work.role != "forward" or not isinstance(work, MatrixWork | VectorWork):
        raise SimulatorError(f"a chain of voltages does not take {work.layer} in role {work.role}")
    crossing, transfers, io_ns = _edge(work, found.parts, settings, context)
    if isinstance(work, VectorWork):
        own = LayerCost(work.layer, work.role, 0, 0.0, work.ops, 1.0, "settling", ())
    else:
        own = chain_cost(work, analog, found.chain, found.parts, settings)
    latency = np.maximum(own.latency_ns, io_ns)
    return replace(own, energies=(*own.energies, *crossing), traffic=transfers, latency_ns=latency)


def _matrix_cost(
    work: MatrixWork, mapping: Mapped, found: Parts, settings: CrossbarSettings, context: Context
) -> LayerCost:
    busy, fill = analog_ns(mapping, settings), fill_ns(settings)
    crossing, transfers, io_ns = _edge(work, found, settings, context)
    is_slow_io = io_ns > busy + fill
    limit = np.where(step_ns(settings) > settings.array.step_ns.value, "adc", "array")
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=np.maximum(busy + fill, io_ns),
        active_units=mapping.arrays * mapping.copies,
        utilisation_fraction=utilisation(mapping, settings),
        bound_by=np.where(is_slow_io, "off_chip_memory", limit),
        energies=(*matrix_energies(work, mapping, found, settings), *crossing),
        traffic=(*buffer_traffic(work, mapping, settings), *transfers),
        occupancy_ns=np.maximum(busy, io_ns),
    )


def _edge(
    work: MatrixWork | VectorWork, found: Parts, settings: CrossbarSettings, context: Context
) -> tuple[tuple[Energy, ...], tuple[Traffic, ...], Quantity]:
    """What crosses the chip's edge: only the network's input and its output; weights are resident."""
    in_bytes, out_bytes = _tensor_bytes(work, settings)
    read = in_bytes if work.role == "forward" and work.layer in context.first else 0.0
    written = out_bytes if work.role == "forward" and work.layer in context.last else 0.0
    energies = (link_energy(found, settings, read + written),)
    if not context.includes_off_chip:
        return energies, (), 0.0
    moves = (Traffic("off_chip_memory", "input", read, 0.0), Traffic("off_chip_memory", "output", 0.0, written))
    return (*energies, context.off_chip.transfer(read, written)), moves, context.off_chip_ns(read + written)


def _tensor_bytes(work: MatrixWork | VectorWork, settings: CrossbarSettings) -> tuple[float, float]:
    if isinstance(work, MatrixWork):
        return io_bytes(work, settings)
    width = min(work.bits, settings.operand_bits) / BITS_PER_BYTE
    return work.read_elements * width, work.write_elements * width


def _vector_cost(work: VectorWork, found: Parts, settings: CrossbarSettings, context: Context) -> LayerCost:
    """One operation a clock and unit, on the units of every tile; energy = unit power / clock per operation."""
    lanes = settings.program is not None and work.kind != "sigmoid"
    unit = found["vector" if lanes else VECTOR_UNITS[work.kind]]
    units = unit.units * copies(unit, settings)
    crossing, transfers, io_ns = _edge(work, found, settings, context)
    clocks = np.maximum(1.0, np.ceil(work.ops / units))
    busy = clocks / settings.clock_ghz.value
    used = Energy(unit.component(unit.unit_power_mw), unit.unit_power_mw.value * work.ops / settings.clock_ghz.value)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=np.maximum(busy, io_ns),
        active_units=np.minimum(units, work.ops),
        utilisation_fraction=work.ops / (units * clocks),
        bound_by=np.where(io_ns > busy, "off_chip_memory", "vector units"),
        energies=(used, *crossing),
        traffic=transfers,
    )


plugin = Crossbar()
