"""How many devices a machine has, and how many cycles a product takes on it."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators.base import ceil_div
from joulescape.simulators.tensor_core.settings import Array


@dataclass(frozen=True)
class Counts:
    """Devices of the whole machine."""

    weight_modulators: int
    input_modulators: int
    detectors: int
    """Balanced pairs."""
    amplifiers: int
    """One a detector, or one an output where the photocurrents of a tile's cores are added first."""
    adcs: int
    macs_per_cycle: int

    @classmethod
    def of(cls, array: Array) -> Counts:
        """Weights reach one tile's core, inputs every tile."""
        if array.mapping == "matrix":
            nodes = array.tiles * array.cores * array.rows * array.columns
            outputs = array.tiles * array.rows * array.columns * array.adcs_per_output
            weights = array.tiles * array.cores * array.rows * array.wavelengths
            inputs = array.cores * array.columns * array.wavelengths
            amplifiers = nodes if array.core_axis == "positions" else nodes // array.cores
            return cls(weights, inputs, nodes, amplifiers, outputs, nodes * array.wavelengths)
        weights = array.tiles * array.cores * array.rows**2
        outputs = array.tiles * array.columns * array.adcs_per_output
        return cls(weights, array.cores * array.wavelengths, outputs, outputs, outputs, weights * array.columns)


@dataclass(frozen=True)
class Schedule:
    """A product on the machine: `blocks` of outputs and positions, each taking `steps` cycles of the reduction."""

    blocks: int
    steps: int
    integration_cycles: int
    weight_reads: int
    """Weights fetched: each as often as blocks of positions ask for it."""
    input_reads: int

    @property
    def cycles(self) -> int:
        """Cycles that light is modulated."""
        return self.blocks * self.steps

    @property
    def readouts(self) -> int:
        """Cycles in which the converters of the outputs run: once every `integration_cycles` of a block."""
        return self.blocks * int(ceil_div(self.steps, self.integration_cycles))


def schedule(work: MatrixWork, array: Array) -> Schedule:
    """The best schedule of a work; stride, small filters and dense layers leave parts of the machine idle."""
    loops = work.loops
    if array.mapping == "matrix":
        return _matrix(loops, array)
    return min((_window(loops, array), _vectors(loops, array)), key=lambda made: (made.cycles, made.input_reads))


def _matrix(loops: Loops, array: Array) -> Schedule:
    """ceil(N / (R H)) x ceil(M / (C W)) blocks of ceil(D / wavelengths) steps (yin2025), where cores take positions."""
    down = int(ceil_div(loops.K, array.tiles * array.rows))
    along = int(ceil_div(loops.positions, array.position_cores * array.columns))
    steps = int(ceil_div(loops.reduction, array.terms_per_sample))
    return Schedule(
        loops.G * down * along, steps, array.integration_cycles,
        weight_reads=loops.G * loops.K * loops.reduction * along,
        input_reads=loops.G * loops.reduction * loops.positions * down,
    )  # fmt: skip


def useful_columns(stride: int, array: Array) -> int:
    """Positions of one row that `rows + columns - 1` neighbouring inputs serve at a stride: 1 + floor((c - 1) / s)."""
    return 1 + (array.columns - 1) // stride


def _window(loops: Loops, array: Array) -> Schedule:
    """Filters on the grid of wavelengths: each core one input channel, columns shared by shifts of the input."""
    down = int(ceil_div(loops.K, array.tiles))
    along = int(ceil_div(loops.OX, useful_columns(loops.stride_x, array)))
    positions = loops.B * loops.OY * along
    taps = int(ceil_div(loops.FY, array.rows) * ceil_div(loops.FX, array.rows))
    steps = int(ceil_div(loops.C, array.cores)) * taps
    filters = loops.FY * loops.FX
    shared = loops.FY * (loops.FX + (min(useful_columns(loops.stride_x, array), loops.OX) - 1) * loops.stride_x)
    return Schedule(
        loops.G * down * positions, steps, array.integration_cycles,
        weight_reads=loops.G * loops.K * loops.C * filters * positions,
        input_reads=loops.G * down * positions * loops.C * shared,
    )  # fmt: skip


def _vectors(loops: Loops, array: Array) -> Schedule:
    """The reduction itself on wavelengths and cores, one column in use: what dense and 1x1 layers come to."""
    down = int(ceil_div(loops.K, array.tiles))
    steps = int(ceil_div(loops.reduction, array.terms_per_sample))
    return Schedule(
        loops.G * down * loops.positions, steps, array.integration_cycles,
        weight_reads=loops.G * loops.K * loops.reduction * loops.positions,
        input_reads=loops.G * loops.reduction * loops.positions * down,
    )  # fmt: skip
