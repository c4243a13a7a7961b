"""Time and energy of one layer under the roofline.

time = launch + max(cycles / (clock * efficiency), bytes / (bandwidth * efficiency)); energy = running power * time.

Source: williams2009. Bytes are compulsory: each operand crosses the memory's interface once, unless the cache holds it.
With tiles, cycles are those of ceil(tiles / multiprocessors) waves; a weight gradient sums over samples and positions,
which kernels divide among multiprocessors, so it fills them. Kernels on compressed rows move an index beside every
weight and reach shares of their own: zeros pay where memory binds (a batch of one), and hardly where multipliers do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.roofline.settings import Precision, RooflineSettings, SparseSettings
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

OPERAND_BYTES: dict[Precision, int] = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class Kernel:
    """One way of running a work: its products, cycles at the peak, bytes moved, and the shares that it reaches."""

    products: float
    cycles: float
    traffic: tuple[Traffic, ...]
    compute_efficiency: float
    bandwidth_efficiency: float

    def busy_ns(self, settings: RooflineSettings) -> float:
        """Time of the multipliers."""
        return self.cycles / (settings.clock_ghz * self.compute_efficiency)

    def moving_ns(self, settings: RooflineSettings) -> float:
        """Time of the memory."""
        moved = sum(float(move.read_bytes + move.write_bytes) for move in self.traffic)
        return BITS_PER_BYTE * moved / (settings.memory.bandwidth_gbps.value * self.bandwidth_efficiency)

    def latency_ns(self, settings: RooflineSettings) -> float:
        """The longer of both, behind the launch."""
        return settings.launch_ns.value + max(self.busy_ns(settings), self.moving_ns(settings))


def layer_cost(
    work: MatrixWork | VectorWork, settings: RooflineSettings, context: Context, are_weights_held: bool
) -> LayerCost:
    """One work as one kernel; `are_weights_held` where the cache holds those of all layers between batches."""
    kernel = _kernel(work, settings, context, are_weights_held)
    latency_ns, launch_ns = kernel.latency_ns(settings), settings.launch_ns.value
    used = kernel.products / (peak(settings) * settings.clock_ghz * latency_ns)
    times = {"launch": launch_ns, "multipliers": kernel.busy_ns(settings), "memory": kernel.moving_ns(settings)}
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency_ns,
        active_units=used * settings.multipliers,
        utilisation_fraction=used,
        bound_by=max(times, key=lambda name: times[name]),
        energies=_energies(settings, latency_ns),
        traffic=kernel.traffic,
    )


def _energies(settings: RooflineSettings, latency_ns: float) -> tuple[Energy, Energy]:
    """Of the processor, and of its memory and board, which only a system has within its boundary."""
    running, share = settings.power.running_mw, settings.power.device_fraction
    processor = Component.resting_on("processor", "core", running, share, scales=True)
    board = Component.resting_on("board", "system", running, share)
    energy_pj = running.value * latency_ns
    return Energy(processor, energy_pj * share.value), Energy(board, energy_pj * (1.0 - share.value))


def _kernel(
    work: MatrixWork | VectorWork, settings: RooflineSettings, context: Context, are_weights_held: bool
) -> Kernel:
    """The plain kernel, or the one on entries where that is the faster or the only one."""
    shares = settings.compute_efficiency.value, settings.memory.efficiency.value
    if not isinstance(work, MatrixWork):
        products = work.ops / OPS_PER_MAC
        return Kernel(products, products / peak(settings), _vector_traffic(work, settings, context), *shares)
    traffic = _matrix_traffic(work, settings, context, are_weights_held)
    plain = Kernel(float(work.macs), _matrix_cycles(work, settings), traffic, *shares)
    sparse = settings.sparse
    if sparse is None or sparse.use == "never" or not _has_entries(work):
        return plain
    entries = _on_entries(plain, work, settings, sparse)
    is_faster = entries.latency_ns(settings) < plain.latency_ns(settings)
    return entries if sparse.use == "always" or is_faster else plain


def _has_entries(work: MatrixWork) -> bool:
    """Zeros anywhere in the stored weights of a dense layer; convolutions have no such kernel here."""
    loops = work.loops
    is_dense = loops.OY * loops.OX * loops.FY * loops.FX == 1 and work.role != "weight_gradient"
    return is_dense and work.is_weight_stored and work.weight.structure == "unstructured"


def _on_entries(plain: Kernel, work: MatrixWork, settings: RooflineSettings, sparse: SparseSettings) -> Kernel:
    """Products with weights that are not zero alone, each of which is fetched with its column."""
    density, width = work.weight.density, OPERAND_BYTES[settings.precision]
    stored = density * (width + sparse.index_bytes) / width
    traffic = tuple(
        replace(move, read_bytes=move.read_bytes * stored) if move.operand == "weight" else move
        for move in plain.traffic
    )
    products, is_vector = density * work.macs, work.loops.positions == 1
    share = settings.compute_efficiency if is_vector else sparse.compute_efficiency
    return Kernel(products, products / peak(settings), traffic, share.value, sparse.bandwidth_efficiency.value)


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
