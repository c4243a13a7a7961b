"""An unrolled array as a back end: which layers it takes, what it rounds, its device and its board.

Assumptions: layers run one after the other; every tensor goes through off-chip memory between two layers, and weights
are read for every batch; idle units draw what the board draws; lanes, where there are any, take results on their way
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._beside import exposed
from joulescape.simulators._clock import clock_limit
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Simulator, StaticPower
from joulescape.simulators.unrolled.cost import matrix_cost, vector_cost
from joulescape.simulators.unrolled.settings import UnrolledSettings
from joulescape.simulators.unrolled.tiles import candidates
from joulescape.simulators.unrolled.unrolling import Unrolling, best
from joulescape.units import OPS_PER_MAC


class Unrolled(Simulator[UnrolledSettings]):
    """Fixed unrollings of a convolution; inference only."""

    name = "unrolled"
    Settings = UnrolledSettings
    changes_numbers = frozenset({"widths.weight", "widths.input", "widths.sum", "widths.is_float"})
    searchable = frozenset({
        "clock_ghz", "mapping", "streams_inputs", "buffer.bytes", "buffer.is_double", "broadcast.is_on",
        "packs_weights", "array.rows", "array.columns", "array.lanes",
    })  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: UnrolledSettings) -> bool:
        """Forward matrix products, and with lanes everything else that is arithmetic."""
        if role != "forward" or operator.is_physical:
            return False
        return operator.is_matrix or (settings.vector is not None and operator.kind != "foreign")

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: UnrolledSettings) -> Errors:
        """Fixed point at this design's widths, without noise; none in floating point."""
        if settings.widths.is_float:
            return {}
        return {
            (operator.name, "forward"): ErrorSpec(
                "fixed_point", operator.name, "forward", _numbers(formats.get(operator.name), settings)
            )
            for operator in graph.matrix_operators
        }

    def cost(self, works: Sequence[Work], settings: UnrolledSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other."""
        machines = variants(settings, self.searchable)
        costs = [_costs(works, machine, context) for machine in machines]
        return list(exposed([stacked(found) for found in zip(*costs, strict=True)]))

    def area(self, settings: UnrolledSettings) -> Sequence[Area]:
        """The device's die."""
        die = settings.board.device_mm2
        return [Area(Component.of("device", "core", die, scales=True), die.value)]

    def static_power(self, settings: UnrolledSettings) -> Sequence[StaticPower]:
        """The device, which a chip has within its boundary, and the rest of the board; both for the whole time."""
        idle, share = settings.board.idle_mw, settings.board.device_fraction
        device = Component.resting_on("device_idle", "chip", idle, share, scales=True)
        rest = Component.resting_on("board_idle", "system", idle, share)
        return [
            StaticPower(device, idle.value * share.value),
            StaticPower(rest, idle.value * (1.0 - share.value)),
        ]

    def limits(self, works: Sequence[Work], settings: UnrolledSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """A clock above its ceiling, blocks that the device lacks, block memory too small for one tile of a layer."""
        built = stacked_limits([_limits(works, machine) for machine in variants(settings, self.searchable)])
        return [*built, clock_limit(settings.clock_ghz, settings.max_clock_ghz)]

    def explain(self, work: Work, settings: UnrolledSettings, context: Context) -> str | None:  # noqa: ARG002
        """Which loops are unrolled, were this layer alone."""
        if not isinstance(work, MatrixWork):
            return None
        (unrolled,) = best([work.loops], settings)
        return ", ".join(f"{units} {loop} side by side" for loop, units in unrolled.items())

    def published(self, settings: UnrolledSettings) -> Mapping[str, float]:
        """Peak rate, multiplier blocks, cycle."""
        peak_gops = OPS_PER_MAC * settings.units / settings.cycle_ns
        return {
            "peak_gops": peak_gops,
            "peak_tops": peak_gops / 1e3,
            "units_count": float(settings.units),
            "multiplier_blocks_count": float(settings.blocks),
            "clock_ghz": 1.0 / settings.cycle_ns,
        }


def _costs(works: Sequence[Work], settings: UnrolledSettings, context: Context) -> list[LayerCost]:
    chosen = _chosen(works, settings)
    return [_layer_cost(work, chosen.get(index), settings, context) for index, work in enumerate(works)]


def _layer_cost(work: Work, unrolled: Unrolling | None, settings: UnrolledSettings, context: Context) -> LayerCost:
    if isinstance(work, MatrixWork) and unrolled is not None:
        return matrix_cost(work, unrolled, settings, context)
    if isinstance(work, VectorWork) and settings.vector is not None:
        return vector_cost(work, settings)
    raise SimulatorError(f"unrolled was given {work.layer}, {work.role}, which it does not take")


def _chosen(works: Sequence[Work], settings: UnrolledSettings) -> Mapping[int, Unrolling]:
    """The unrolling of each matrix work, by its place."""
    matrix = {index: work.loops for index, work in enumerate(works) if isinstance(work, MatrixWork)}
    return dict(zip(matrix, best(list(matrix.values()), settings), strict=True))


def _limits(works: Sequence[Work], settings: UnrolledSettings) -> list[Limit]:
    have, wanted = settings.resources.blocks, settings.blocks
    most = int(have / settings.resources.blocks_per_unit)
    memories = settings.resources.memory_blocks
    room = memories * settings.resources.memory_block_bytes
    found = [
        Limit(f"{wanted} multiplier blocks of {have}; {most} units would fit", wanted / have - 1),
        Limit(
            f"{settings.memory_blocks} memory blocks of {memories}; buffer.bytes of {room} would fit",
            settings.memory_blocks / memories - 1,
        ),
    ]
    for index, unrolled in _chosen(works, settings).items():
        work = works[index]
        assert isinstance(work, MatrixWork)
        least = min(tile.held_bytes for tile in candidates(work, unrolled, settings))
        over = least / settings.buffer.bytes - 1
        found.append(Limit(f"{work.layer}: its smallest tile needs {least:.0f} bytes of block memory", over))
    return found


def _numbers(form: OperandFormat | None, settings: UnrolledSettings) -> dict[str, float]:
    form, widths = form or OperandFormat(), settings.widths
    return {
        "weight_bits": min(float(widths.weight), form.weight_bits),
        "input_bits": min(float(widths.input), form.activation_bits),
        "accumulator_bits": float(widths.sum),
    }
