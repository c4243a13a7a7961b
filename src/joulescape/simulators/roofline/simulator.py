"""A processor as a back end, by its roofline.

Assumptions: one kernel a layer, one after the other; zeros are skipped by kernels of their own alone; power is that
of the board or socket with its memory. A stated share of it is the processor's; nothing cuts that any further, so it is
the core's and the chip's alike. The rest, memory among it, is the system's, and no node changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    LayerCost,
    Limit,
    OffChip,
    Quantity,
    Simulator,
    StaticPower,
)
from joulescape.simulators.roofline.cost import OPERAND_BYTES, layer_cost, peak, weight_bytes
from joulescape.simulators.roofline.settings import RooflineSettings
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

INT8_BITS, SUM_BITS = 8.0, 32.0
HALF = {"exponent_bits": 5.0, "mantissa_bits": 10.0, "largest": 65504.0}
"""IEEE half precision; sums are exact."""


class Roofline(Simulator[RooflineSettings]):
    """Every operator and role but a physical system's own evolution; int8 and float16 run forward passes alone."""

    name = "roofline"
    Settings = RooflineSettings
    changes_numbers = frozenset({"precision"})
    searchable = changes_numbers

    def takes(self, operator: Operator, role: Role, settings: RooflineSettings) -> bool:
        """In float32 all but a physical system's forward pass and gradients nobody knows; else forward passes."""
        if role == "forward":
            return not operator.is_physical
        return operator.kind != "foreign" and settings.precision == "float32"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: RooflineSettings) -> Errors:
        """None in float32: what is absent computes as the network was trained."""
        if settings.precision == "float32":
            return {}
        is_half = settings.precision == "float16"
        return {
            (operator.name, "forward"): ErrorSpec(
                "small_float" if is_half else "fixed_point",
                operator.name,
                "forward",
                HALF if is_half else _numbers(formats.get(operator.name)),
            )
            for operator in graph.operators
            if operator.is_matrix
        }

    def cost(self, works: Sequence[Work], settings: RooflineSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other."""
        taken = [_taken(work) for work in works]
        are_held = _stored_bytes(taken, settings) <= settings.cache_bytes / 2
        return [layer_cost(work, settings, context, are_held) for work in taken]

    def area(self, settings: RooflineSettings) -> Sequence[Area]:
        """The processor's die."""
        return [Area(Component.of("die", "core", settings.die_mm2, scales=True), settings.die_mm2.value)]

    def static_power(self, settings: RooflineSettings) -> Sequence[StaticPower]:
        """What processor and board draw while nothing runs."""
        idle, share = settings.power.idle_mw, settings.power.device_fraction
        processor = Component.resting_on("processor_idle", "core", idle, share, scales=True)
        board = Component.resting_on("board_idle", "system", idle, share)
        return [
            StaticPower(processor, idle.value * share.value),
            StaticPower(board, idle.value * (1.0 - share.value)),
        ]

    def limits(self, works: Sequence[Work], settings: RooflineSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """Weights, and what a phase keeps, must fit the memory: all outputs while training, else one layer's data."""
        width, room = OPERAND_BYTES[settings.precision], settings.memory.bytes
        weights, forward = _stored_bytes(works, settings), [work for work in works if work.role == "forward"]
        data = [width * (w.input.elements + w.output.elements) for w in forward if isinstance(w, MatrixWork)]
        trains = any(work.role != "forward" for work in works)
        needed = weights + (weights + sum(data) if trains else max(data, default=0))
        reason = (
            f"{needed / 2**20:.0f} MiB of weights and data in a memory of {room / 2**20:.0f} MiB; "
            "a smaller batch would need less"
        )
        return [Limit(reason, needed / room - 1)]

    def off_chip_gbps(self, settings: RooflineSettings, off_chip: OffChip) -> Quantity:  # noqa: ARG002
        """Of the memory that the processor is sold with."""
        return settings.memory.bandwidth_gbps.value

    def published(self, settings: RooflineSettings) -> Mapping[str, float]:
        """Peak rates at this precision, and power."""
        peak_gops = OPS_PER_MAC * peak(settings) * settings.clock_ghz
        running = settings.power.idle_mw.value + settings.power.running_mw.value
        return {
            "peak_gops": peak_gops,
            "peak_tops": peak_gops / 1e3,
            "peak_gops_per_mm2": peak_gops / settings.die_mm2.value,
            "ridge_macs_per_byte": peak_gops / OPS_PER_MAC / (settings.memory.bandwidth_gbps.value / BITS_PER_BYTE),
            "running_power_mw": running,
        }


def _stored_bytes(works: Sequence[Work], settings: RooflineSettings) -> int:
    """Bytes of the network's weights."""
    matrix = [work for work in works if isinstance(work, MatrixWork) and work.role == "forward"]
    return sum(weight_bytes(work, settings) for work in matrix if work.is_weight_stored)


def _taken(work: Work) -> MatrixWork | VectorWork:
    if isinstance(work, MatrixWork | VectorWork):
        return work
    raise SimulatorError(f"a roofline was given {work.layer}, {work.role}: a physical system is not arithmetic")


def _numbers(form: OperandFormat | None) -> dict[str, float]:
    form = form or OperandFormat()
    return {
        "weight_bits": min(INT8_BITS, form.weight_bits),
        "input_bits": min(INT8_BITS, form.activation_bits),
        "accumulator_bits": SUM_BITS,
    }
