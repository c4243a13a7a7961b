"""The engine as a back end: which layers it takes, what it rounds, its area and standing power.

Assumptions: where the entries of all layers lie in the elements they were loaded once, at power-up, which is charged to
no machine; else each layer is loaded for every batch, behind the work of the one before. Each alone must fit (`limits`
says how many elements it would take). Samples follow each other; a layer begins when the one before it has ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    LayerCost,
    Limit,
    Simulator,
    StaticPower,
)
from joulescape.simulators.sparse_columns.cost import POINTER_BYTES, Columns, matrix_cost
from joulescape.simulators.sparse_columns.settings import SparseColumnsSettings
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

PRUNED_DENSITY = 0.1
"""At which han2016 says how large a network fits, counted before it is pruned and without filling entries."""


class SparseColumns(Simulator[SparseColumnsSettings]):
    """Dense layers with weights from a short list; inference only."""

    name = "sparse_columns"
    Settings = SparseColumnsSettings
    changes_numbers = frozenset({"code.value_bits", "element.activation_bits"})
    searchable = changes_numbers | {
        "elements", "clock_ghz", "code.index_bits", "code.has_filling", "element.queue", "element.skips_zero_inputs",
        "element.matrix_bytes", "element.pointer_bytes",
    }  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: SparseColumnsSettings) -> bool:  # noqa: ARG002
        """Forward products of dense layers."""
        return role == "forward" and operator.kind == "dense"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SparseColumnsSettings) -> Errors:
        """Weights that are no longer list than the table are kept; others are rounded to its width."""
        return {
            (operator.name, "forward"): ErrorSpec(
                "fixed_point", operator.name, "forward", _numbers(formats.get(operator.name), settings)
            )
            for operator in graph.operators
            if self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: SparseColumnsSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other."""
        matrix = [_matrix(work) for work in works]
        machines = variants(settings, self.searchable)
        costs = [_costs(matrix, machine, context) for machine in machines]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: SparseColumnsSettings) -> Sequence[Area]:
        """Memories and logic of all elements."""
        sram, element = settings.sram, settings.element
        logic = Component.of("element_logic", "core", element.logic_mm2, scales=True)
        return [
            *(
                Area(sram.component(name, "core"), settings.elements * sram.area(size))
                for name, size in _memories(settings).items()
            ),
            Area(logic, settings.elements * element.logic_mm2.value),
        ]

    def static_power(self, settings: SparseColumnsSettings) -> Sequence[StaticPower]:
        """Leakage, and the clock network."""
        sram, element = settings.sram, settings.element
        leaking = element.logic_mm2.value * element.leakage_mw_per_mm2.value
        return [
            *(
                StaticPower(sram.component(f"{name}_leakage", "core"), settings.elements * sram.leakage(size))
                for name, size in _memories(settings).items()
            ),
            StaticPower(
                Component.resting_on(
                    "logic_leakage", "core", element.logic_mm2, element.leakage_mw_per_mm2, scales=True
                ),
                settings.elements * leaking,
            ),
            StaticPower(
                Component.of("clock_network", "core", element.clock_mw, scales=True),
                settings.elements * element.clock_mw.value,
            ),
        ]

    def limits(self, works: Sequence[Work], settings: SparseColumnsSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """A clock above its ceiling; each layer alone must lie in the elements, with its pointers."""
        matrix = [work for work in works if isinstance(work, MatrixWork)]
        layers = stacked_limits([_limits(matrix, machine) for machine in variants(settings, self.searchable)])
        return [*layers, clock_limit(settings.clock_ghz, settings.max_clock_ghz)]

    def published(self, settings: SparseColumnsSettings) -> Mapping[str, float]:
        """Peak rate on entries, standing power, area of an element, its memories and all, and what these hold."""
        area = sum(float(part.area_mm2) for part in self.area(settings))
        standing = sum(float(part.power_mw) for part in self.static_power(settings))
        peak_gops = OPS_PER_MAC * settings.elements * settings.clock_ghz
        entry_bits = settings.code.value_bits + settings.code.index_bits
        entries = BITS_PER_BYTE * settings.elements * settings.element.matrix_bytes / entry_bits
        return {
            "peak_gops": peak_gops,
            "area_mm2": area,
            "element_area_mm2": area / settings.elements,
            **{f"{name}_area_mm2": float(settings.sram.area(size)) for name, size in _memories(settings).items()},
            "standing_power_mw": standing,
            "most_entries_count": entries,
            "most_dense_weights_count": entries / PRUNED_DENSITY,
        }  # fmt: skip


def _costs(works: Sequence[MatrixWork], settings: SparseColumnsSettings, context: Context) -> list[LayerCost]:
    is_resident = _fit([Columns.of(work, settings) for work in works], settings)
    return [matrix_cost(work, settings, context, is_resident) for work in works]


def _limits(works: Sequence[MatrixWork], settings: SparseColumnsSettings) -> list[Limit]:
    return [limit for work in works for limit in _layer_limits(work.layer, Columns.of(work, settings), settings)]


def _fit(layers: Sequence[Columns], settings: SparseColumnsSettings) -> bool:
    """Whether all of them lie in the elements together."""
    entries = sum(layer.matrix_bytes(settings) for layer in layers) / settings.elements
    pointers = sum(layer.pointer_bytes for layer in layers)
    return entries <= settings.element.matrix_bytes and pointers <= settings.element.pointer_bytes


def _layer_limits(layer: str, columns: Columns, settings: SparseColumnsSettings) -> tuple[Limit, Limit]:
    element = settings.element
    entries, room = columns.matrix_bytes(settings), element.matrix_bytes
    most = element.pointer_bytes // POINTER_BYTES - 1
    return (
        Limit(
            f"{layer}: {entries / 1024:.0f} KiB of entries in {settings.elements} elements of {room / 1024:.0f} KiB; "
            f"{math.ceil(entries / room)} elements would hold them",
            entries / room / settings.elements - 1,
        ),
        Limit(
            f"{layer}: pointers of {columns.stored} columns where an element holds {most}; "
            f"{columns.pointer_bytes:.0f} bytes of pointers would do",
            columns.pointer_bytes / element.pointer_bytes - 1,
        ),
    )


def _memories(settings: SparseColumnsSettings) -> dict[str, int]:
    element = settings.element
    return {
        "matrix_sram": element.matrix_bytes,
        "pointer_sram": element.pointer_bytes,
        "activation_sram": element.activation_bytes,
    }


def _matrix(work: Work) -> MatrixWork:
    if not isinstance(work, MatrixWork):
        raise SimulatorError(f"compressed columns were given {work.layer}, {work.role}: no matrix product")
    return work


def _numbers(form: OperandFormat | None, settings: SparseColumnsSettings) -> dict[str, float]:
    """A list short enough for the table is held exactly; any other weight becomes a level of that many bits."""
    form = form or OperandFormat()
    is_listed = form.values == "codebook" and form.stored_bits <= settings.code.value_bits
    bits = form.weight_bits if is_listed else min(form.weight_bits, float(settings.code.value_bits))
    return {"weight_bits": bits, "input_bits": min(form.activation_bits, float(settings.element.activation_bits))}
