"""Time and energy of one layer under the roofline.

time = launch + max(cycles / (clock * efficiency), bytes / (bandwidth * efficiency)); energy = running power * time.

Source: williams2009. Bytes are compulsory: each operand crosses the memory's interface once, unless the cache holds it.
With tiles, cycles are those of ceil(tiles / multiprocessors) waves; a weight gradient sums over samples and positions,
which kernels divide among multiprocessors, so it fills them.
"""

from __future__ import annotations

import math

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.roofline.settings import Precision, RooflineSettings
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

OPERAND_BYTES: dict[Precision, int] = {"float32": 4, "float16": 2, "int8": 1}


def layer_cost(
    work: MatrixWork | VectorWork, settings: RooflineSettings, context: Context, are_weights_held: bool
) -> LayerCost:
    """One work as one kernel; `are_weights_held` where the cache holds those of all layers between batches."""
    traffic = _matrix_traffic(work, settings, context, are_weights_held) if isinstance(work, MatrixWork) else (
        _vector_traffic(work, settings, context)
    )  # fmt: skip
    cycles = _matrix_cycles(work, settings) if isinstance(work, MatrixWork) else work.ops / OPS_PER_MAC / peak(settings)
    memory = settings.memory
    busy_ns = cycles / (settings.clock_ghz * settings.compute_efficiency.value)
    moved = sum(float(move.read_bytes + move.write_bytes) for move in traffic)
    moving_ns = BITS_PER_BYTE * moved / (memory.bandwidth_gbps.value * memory.efficiency.value)
    latency_ns = settings.launch_ns.value + max(busy_ns, moving_ns)
    products = work.macs if isinstance(work, MatrixWork) else work.ops / OPS_PER_MAC
    used = products / (peak(settings) * settings.clock_ghz * latency_ns)
    bound = max((settings.launch_ns.value, "launch"), (busy_ns, "multipliers"), (moving_ns, "memory"))[1]
    running = Component.of("board", "core", settings.power.running_mw, scales=True)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=used * settings.multipliers,
        utilisation_fraction=used,
        bound_by=bound,
        energies=(Energy(running, settings.power.running_mw.value * latency_ns),),
        traffic=traffic,
    )


def peak(settings: RooflineSettings) -> int:
    """Products of a cycle."""
    return settings.multipliers * settings.products_per_cycle[settings.precision]


def weight_bytes(work: MatrixWork, settings: RooflineSettings) -> int:
    """A dense kernel's: every weight at full width, zeros among them."""
    return work.weight.elements * OPERAND_BYTES[settings.precision]


def _matrix_cycles(work: MatrixWork, settings: RooflineSettings) -> float:
    tile, loops = settings.tile, work.loops
    if tile is None or work.role == "weight_gradient":
        return work.macs / peak(settings)
    rows, vectors = min(loops.K, tile.outputs), min(loops.positions, tile.vectors)
    tiles = loops.G * math.ceil(loops.K / rows) * math.ceil(loops.positions / vectors)
    waves = math.ceil(tiles / tile.multiprocessors)
    return max(waves * rows * vectors * loops.reduction * tile.multiprocessors, work.macs) / peak(settings)


def _matrix_traffic(
    work: MatrixWork, settings: RooflineSettings, context: Context, are_weights_held: bool
) -> tuple[Traffic, ...]:
    """Stored weights from memory once a batch; data where they exceed their half of the cache, or cross the edge."""
    width = OPERAND_BYTES[settings.precision]
    inputs, outputs = width * work.input.elements, width * work.output.elements
    half = settings.cache_bytes / 2
    stays = inputs + outputs <= half
    enters = work.layer in context.first and work.role != "input_gradient"
    leaves = work.layer in context.last or work.role == "weight_gradient"
    held = are_weights_held if work.is_weight_stored else weight_bytes(work, settings) <= half
    return (
        Traffic("off_chip_memory", "weight", 0.0 if held else float(weight_bytes(work, settings)), 0.0),
        Traffic("off_chip_memory", "input", 0.0 if stays and not enters else float(inputs), 0.0),
        Traffic("off_chip_memory", "output", 0.0, 0.0 if stays and not leaves else float(outputs)),
    )


def _vector_traffic(work: VectorWork, settings: RooflineSettings, context: Context) -> tuple[Traffic, ...]:
    width = OPERAND_BYTES["float32" if work.role == "update" else settings.precision]
    read, written = float(width * work.read_elements), float(width * work.write_elements)
    stays = read + written <= settings.cache_bytes / 2 and work.role != "update"
    enters, leaves = work.layer in context.first, work.layer in context.last
    return (
        Traffic("off_chip_memory", "input", 0.0 if stays and not enters else read, 0.0),
        Traffic("off_chip_memory", "output", 0.0, 0.0 if stays and not leaves else written),
    )
