"""A sensor with analog convolutions as a back end.

Assumptions: layers run one after the other on the same columns and frame after frame, intermediate values on
capacitors, which hold the whole of one layer's maps and are read without loss; kernels that do not all fit come with
every frame; pixels and exposure
are those of any sensor and are not counted; the image enters in the analog domain, so that nothing that has left it can
come back; the host does the rest of the network from the converted features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.analog_sensor.cost import (
    comparison_cost,
    conversion_pj,
    convolution_cost,
    held_values,
    least_kernel_bytes,
    noise_factor,
)
from joulescape.simulators.analog_sensor.settings import AnalogSensorSettings
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Quantity, Simulator, StaticPower
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

COMPARED = frozenset({"relu", "max_pool"})
"""What comparators do beside the convolutions of a chain."""

KIB = 1024

NAMED = 3
"""Layers that a refusal names."""

MAP = 3
"""Axes of what columns of pixels hold: channels, rows, columns."""


class AnalogSensor(Simulator[AnalogSensorSettings]):
    """Convolutions at the head of a network; inference only."""

    name = "analog_sensor"
    Settings = AnalogSensorSettings
    changes_numbers = frozenset({"depth", "snr_db", "weight_bits", "converter.bits"})
    searchable = changes_numbers | {"raw_readout", "kernels.bytes", "held.values"}

    def takes(self, operator: Operator, role: Role, settings: AnalogSensorSettings) -> bool:
        """The convolution of the image; in a chain every convolution, rectifier and maximum."""
        if role != "forward":
            return False
        if settings.depth == "first":
            return operator.kind == "conv" and operator.inputs == ("input",)
        return operator.kind == "conv" or (operator.kind in COMPARED and len(operator.out_shape) == MAP)

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: AnalogSensorSettings) -> Errors:
        """Noise of every convolution; the converter's step where the values that follow leave the analog domain."""
        return {
            (operator.name, "forward"): ErrorSpec(
                "analog_columns",
                operator.name,
                "forward",
                self._numbers(graph, operator, formats.get(operator.name, OperandFormat()), settings),
            )
            for operator in graph.operators
            if operator.kind == "conv" and self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: AnalogSensorSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other."""
        machines = variants(settings, self.searchable)
        held = [_stored_bytes(works, machine) <= machine.kernels.bytes for machine in machines]
        found = [
            [_cost(work, machine, context, fits) for work in works]
            for machine, fits in zip(machines, held, strict=True)
        ]
        return [stacked(costs) for costs in zip(*found, strict=True)]

    def area(self, settings: AnalogSensorSettings) -> Sequence[Area]:
        """Modules below the columns, capacitors between layers, kernels; pixels are any sensor's."""
        kernels, held = settings.kernels, settings.held
        return [
            Area(Component.of("columns", "core", settings.column_mm2), settings.columns * settings.column_mm2.value),
            Area(Component.of("analog_memory", "core", held.area_mm2), np.asarray(held.values) * held.area_mm2.value),
            Area(
                Component.of("kernels", "chip", kernels.area_mm2_per_kib, scales=True),
                _kernel_kib(settings) * kernels.area_mm2_per_kib.value,
            ),
        ]

    def static_power(self, settings: AnalogSensorSettings) -> Sequence[StaticPower]:
        """Controller and bias, leakage of the kernels' memory."""
        leakage = settings.kernels.leakage_mw_per_kib
        return [
            StaticPower(Component.of("control", "chip", settings.control_mw), settings.control_mw.value),
            StaticPower(
                Component.of("kernel_leakage", "chip", leakage, scales=True), _kernel_kib(settings) * leakage.value
            ),
        ]

    def limits(self, works: Sequence[Work], settings: AnalogSensorSettings, context: Context) -> Sequence[Limit]:
        """The image must enter here, nothing may come back from the host, and what is worked on must lie here."""
        fixed = list(_entries(works, context))
        machines = variants(settings, self.searchable)
        return stacked_limits([[*fixed, *_rooms(works, machine, context)] for machine in machines])

    def published(self, settings: AnalogSensorSettings) -> Mapping[str, float]:
        """Peak rate, energy of a multiply-accumulate at the admitted noise, of a feature's and of a pixel's readout."""
        mac, converter = settings.mac, settings.converter
        units = settings.columns * settings.macs_per_column
        return {
            "peak_gops": OPS_PER_MAC * units * settings.clock_ghz,
            "peak_tops": OPS_PER_MAC * units * settings.clock_ghz / 1e3,
            "mac_pj": mac.pj.value * noise_factor(settings) + mac.fixed_pj.value,
            "feature_readout_pj": conversion_pj(settings, converter.bits),
            "pixel_readout_pj": conversion_pj(settings, converter.raw_bits),
            "snr_db": settings.snr_db,
            "converter_bits": float(converter.bits),
        }

    def _numbers(
        self, graph: Graph, operator: Operator, form: OperandFormat, settings: AnalogSensorSettings
    ) -> dict[str, float]:
        found = {"snr_db": settings.snr_db, "weight_bits": min(float(settings.weight_bits), form.weight_bits)}
        return found | (
            {"output_bits": float(settings.converter.bits)} if self._leaves(graph, operator, settings) else {}
        )

    def _leaves(self, graph: Graph, operator: Operator, settings: AnalogSensorSettings) -> bool:
        """Whether a value is converted before the next convolution: rounding passes through comparisons unchanged."""
        readers = [other for other in graph.operators if operator.name in other.inputs]
        if not readers:
            return True
        return any(
            not self.takes(reader, "forward", settings)
            or (reader.kind in COMPARED and self._leaves(graph, reader, settings))
            for reader in readers
        )


def _kernel_kib(settings: AnalogSensorSettings) -> Quantity:
    kib: Quantity = np.asarray(settings.kernels.bytes) / KIB
    return kib


def _entries(works: Sequence[Work], context: Context) -> Iterator[Limit]:
    back = [work.layer for work in works if work.layer in context.received]
    if back:
        named = ", ".join(back[:NAMED]) + (f" and {len(back) - NAMED} more" if len(back) > NAMED else "")
        yield Limit(
            f"{named}: input from the host, where it is digital; depth 'first' takes the first layer alone", 1.0
        )
    if not any(work.layer in context.first for work in works):
        entry = "the image enters the network at an operator that is not analog, so it would be converted whole"
        yield Limit(f"{entry}; a network that begins with a convolution would do", 1.0)


def _rooms(works: Sequence[Work], settings: AnalogSensorSettings, context: Context) -> Iterator[Limit]:
    """Capacitors for one frame's values, memory for the weights of sums that are formed at once."""
    needed, layer = max(((held_values(work, context), work.layer) for work in works), default=(0.0, ""))
    if needed > settings.held.values:
        said = f"{layer}: {needed:.0f} values of a frame on {settings.held.values} capacitors (held.values)"
        remedy = f"{needed:.0f} would do; depth 'first' converts the first layer's as they come"
        yield Limit(f"{said}; {remedy}", needed / settings.held.values - 1)
    products = [work for work in works if isinstance(work, MatrixWork)]
    least, layer = max(((least_kernel_bytes(work, settings), work.layer) for work in products), default=(0.0, ""))
    if least > settings.kernels.bytes:
        said = f"{layer}: kernels.bytes of {settings.kernels.bytes} is too small for the weights that are used at once"
        yield Limit(f"{said} and the next ones; {math.ceil(least)} would do", least / settings.kernels.bytes - 1)


def _stored_bytes(works: Sequence[Work], settings: AnalogSensorSettings) -> float:
    kernels = sum(work.weight.elements for work in works if isinstance(work, MatrixWork))
    return kernels * settings.weight_bits / BITS_PER_BYTE


def _cost(work: Work, settings: AnalogSensorSettings, context: Context, are_held: bool) -> LayerCost:
    if isinstance(work, MatrixWork):
        return convolution_cost(work, settings, context, are_held)
    if isinstance(work, VectorWork):
        return comparison_cost(work, settings, context)
    raise SimulatorError(f"an analog sensor was given {work.layer}, {work.role}: a physical system is not arithmetic")
