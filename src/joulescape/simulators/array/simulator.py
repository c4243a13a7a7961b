"""Memory arrays with their read-out, as a back end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.array.cost import matrix_cost
from joulescape.simulators.array.error_numbers import array_errors
from joulescape.simulators.array.figures import figures
from joulescape.simulators.array.placing import Placed
from joulescape.simulators.array.settings import ArraySettings
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    Energy,
    LayerCost,
    Limit,
    Quantity,
    Simulator,
    StaticPower,
)
from joulescape.simulators.crossbar.devices import age_cautions, level_limit
from joulescape.simulators.crossbar.rules import column_attenuation
from joulescape.simulators.crossbar.wires import CLOSED_FORM_SHARE
from joulescape.simulators.crossbar.writes import wear_caution
from joulescape.spec.base import Shape

COARSE_BITS = 2
"""Weights so narrow must be learned: a trained network that is rounded to them guesses."""


class Array(Simulator[ArraySettings]):
    """Products with weights in memory cells; inference only."""

    name: ClassVar[str] = "array"
    Settings: ClassVar[type[Shape]] = ArraySettings
    changes_numbers: ClassVar[frozenset[str]] = frozenset({
        "reading", "array.rows", "array.columns", "array.pairs", "widths.weight", "widths.input", "drive.coding",
        "drive.phases", "drive.split_above_bits", "readout.steps", "readout.bits", "readout.clip_fraction",
        "readout.sigma_fraction", "cell.g_on_msiemens", "cell.on_off_ratio", "cell.wire_kohm",
        "cell.programming_sigma_fraction", "cell.read_sigma_fraction", "cell.stuck_off_fraction",
        "cell.stuck_on_fraction", "cell.age_s", "cell.compensation", "cell.remapping", "cell.has_nodal_wires",
    })  # fmt: skip
    searchable: ClassVar[frozenset[str]] = frozenset({
        "arrays", "copies", "reading", "can_rewrite", "served_batches", "cell_energy", "array.summing", "widths.weight",
        "widths.input", "drive.phases", "readout.bits", "readout.shared_by", "readout.clip_fraction", "cell.remapping",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: ArraySettings) -> bool:
        """Forward products with stored weights, and what costs nothing: flatten; rectifiers of analog read-outs, whose
        voltages cannot fall below zero."""
        is_product = operator.is_matrix and operator.weight_shape is not None
        is_free = operator.kind == "flatten" or (operator.kind == "relu" and is_analog(settings))
        return role == "forward" and (is_product or is_free)

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: ArraySettings) -> Errors:
        """Numbers of the kind `crossbar` for the forward pass of every stored matrix."""
        return array_errors(graph, formats, settings)

    def cost(self, works: Sequence[Work], settings: ArraySettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other."""
        costs = [_costs(works, machine, context) for machine in variants(settings, self.searchable)]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: ArraySettings) -> Sequence[Area]:
        """Cells, drivers, read-outs, control."""
        machines = variants(settings, self.searchable)
        arrays = _each(machines, lambda machine: float(machine.arrays))
        cells, drivers, control = settings.array_mm2, settings.driver_mm2, settings.control_mm2
        readout = Component.of("readout", "core", settings.readout.area_mm2, scales=True)
        return [
            Area(Component.of("cells", "core", cells), arrays * cells.value),
            Area(Component.of("row_drivers", "core", drivers, scales=True), arrays * drivers.value),
            Area(readout, _each(machines, _readout_mm2)),
            Area(Component.of("control", "chip", control, scales=True), arrays * control.value),
        ]

    def static_power(self, settings: ArraySettings) -> Sequence[StaticPower]:
        """Leakage of all arrays with their circuits; cells hold without power."""
        machines = variants(settings, self.searchable)
        component = Component.of("array_leakage", "chip", settings.leakage_mw, scales=True)
        return [StaticPower(component, _each(machines, lambda machine: machine.arrays * machine.leakage_mw.value))]

    def programming(self, works: Sequence[Work], settings: ArraySettings) -> Sequence[Energy]:
        """Every cell of every copy tuned once; nothing where what a write takes is not known."""
        spent = [_programming_pj(works, machine) for machine in variants(settings, self.searchable)]
        writing = settings.cell.writing
        if writing is None:
            return ()
        component = Component.resting_on("programming", "core", writing.energy_pj, writing.pulses)
        return [Energy(component, spent[0] if len(spent) == 1 else np.asarray(spent))]

    def limits(self, works: Sequence[Work], settings: ArraySettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """Cells of all layers in the arrays, sums that no array holds whole, levels and pairs of cells."""
        found = [(*_limits(works, machine), *_cell_limits(machine)) for machine in variants(settings, self.searchable)]
        return stacked_limits(found)

    def cautions(self, settings: ArraySettings) -> Sequence[str]:
        """What its settings alone forbid, weights that hardly any network keeps its accuracy with, and wires that take
        so much that accuracy is computed with every node."""
        array, cell = settings.array, settings.cell
        said = [limit.reason for limit in _cell_limits(settings)]
        if settings.widths.weight <= COARSE_BITS:
            said.append(
                f"weights are rounded to {settings.widths.weight} bits (minus, none, plus) where they are wider; "
                "compression `binary` or `ternary` with fine-tuning learns such weights"
            )
        if settings.reading == "columns" and array.summing == "current":
            kept = column_attenuation(cell.wire_kohm.value, cell.g_on_msiemens.value, array.rows)
            if kept < CLOSED_FORM_SHARE:
                said.append(f"wires leave a full column of {array.rows} cells {kept:.2g} of its current")
        if settings.can_rewrite and settings.served_batches is None and cell.writing is not None:
            chosen = "can_rewrite writes cells anew for every batch of a network that does not fit"
            said.append(wear_caution(chosen, cell.writing, "served_batches"))
        return [*said, *age_cautions(cell)]

    def published(self, settings: ArraySettings) -> Mapping[str, float]:
        """Rates, efficiencies, energies of a read, capacities."""
        return figures(settings, {part.component.name: float(part.area_mm2) for part in self.area(settings)})


def is_analog(settings: ArraySettings) -> bool:
    """Whether sums go on as voltages."""
    return settings.reading == "columns" and settings.readout.steps == "analog"


def _costs(works: Sequence[Work], settings: ArraySettings, context: Context) -> list[LayerCost]:
    products = [work for work in works if isinstance(work, MatrixWork)]
    is_resident = _needed(products, settings) <= _cells(settings) or not settings.can_rewrite
    found = []
    for work in works:
        if isinstance(work, MatrixWork):
            found.append(matrix_cost(work, settings, context, is_resident))
        elif isinstance(work, VectorWork) and work.kind == "relu" and is_analog(settings):
            found.append(LayerCost(work.layer, work.role, 0, 0.0, 0.0, 0.0, "arrays", ()))
        else:
            raise SimulatorError(f"memory arrays were given {work.layer}, {work.role}: no matrix product")
    return found


def _needed(products: Sequence[MatrixWork], settings: ArraySettings) -> int:
    placed = [Placed.of(work, settings) for work in products]
    return sum(one.cells * one.copies for one in placed)


def _programming_pj(works: Sequence[Work], settings: ArraySettings) -> float:
    writing = settings.cell.writing
    if writing is None:
        return 0.0
    products = [work for work in works if isinstance(work, MatrixWork) and work.role == "forward"]
    return _needed(products, settings) * writing.write_pj


def _worn(products: Sequence[MatrixWork], settings: ArraySettings) -> tuple[Limit, ...]:
    """Layers that follow each other in the same cells write some of them once each, batch after batch."""
    writing, served = settings.cell.writing, settings.served_batches
    if writing is None or served is None:
        return ()
    needed, there = _needed(products, settings), _cells(settings)
    each, endurance = math.ceil(needed / there), float(writing.endurance_writes.value)
    reason = (
        f"{served} batches write cells {each * served:.3g} times, {each} a batch, and cells endure {endurance:.3g}: at "
        f"most served_batches {int(endurance // each)}, or cells that endure {each * served:.3g} writes"
    )
    return (Limit(reason, each * served / endurance - 1),)


def _cells(settings: ArraySettings) -> int:
    return settings.arrays * settings.array.rows * settings.array.columns


def _limits(works: Sequence[Work], settings: ArraySettings) -> tuple[Limit, ...]:
    products = [work for work in works if isinstance(work, MatrixWork)]
    needed, there = _needed(products, settings), _cells(settings)
    found = []
    if needed > there and not settings.can_rewrite:
        would = math.ceil(needed * settings.arrays / there)
        reason = f"the network's weights need {needed} cells and the arrays have {there}: {would} arrays would do"
        found.append(Limit(reason, needed / there - 1))
    elif needed > there:
        found += _worn(products, settings)
    if is_analog(settings):
        found += [limit for work in products for limit in _unsummed(work, settings)]
    return tuple(found)


def _unsummed(work: MatrixWork, settings: ArraySettings) -> tuple[Limit, ...]:
    """Voltages of several arrays cannot be added: an analog read-out needs every sum in one array."""
    lines = Placed.of(work, settings).lines * work.loops.reduction
    if lines <= settings.array.rows:
        return ()
    reason = (
        f"{work.layer}: sums over {lines} rows in arrays of {settings.array.rows}, and readout.steps analog cannot add "
        f"those of several: array.rows {lines}, or readout.steps binary_search"
    )
    return (Limit(reason, lines / settings.array.rows - 1),)


def _cell_limits(settings: ArraySettings) -> tuple[Limit, ...]:
    """Levels that the device lacks; ways around stuck cells that need a pair."""
    is_paired = settings.array.pairs != "none"
    levels = level_limit(settings.widths.weight - (1 if is_paired else 0), settings.cell)
    if is_paired or settings.cell.remapping not in ("sign", "pairs"):
        return levels
    reason = f"cell.remapping {settings.cell.remapping} needs pairs and array.pairs is none: cell.remapping rows"
    return (*levels, Limit(reason, 1.0))


def _each(machines: Sequence[ArraySettings], figure: Callable[[ArraySettings], float]) -> Quantity:
    """A figure of one machine, or of every variant."""
    found = [figure(machine) for machine in machines]
    return found[0] if len(found) == 1 else np.asarray(found)


def _readout_mm2(settings: ArraySettings) -> float:
    pairs = settings.array.columns // (2 if settings.array.pairs == "columns" else 1)
    return settings.arrays * math.ceil(pairs / settings.readout.shared_by) * settings.readout.area_mm2.value
