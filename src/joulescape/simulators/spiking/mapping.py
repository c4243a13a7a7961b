"""How layers lie on cores.

A dense layer's inputs are cut where a core has too few axons, its neurons where it has too few of them. A convolution
is unrolled: every position has neurons of its own; a core takes a square of positions whose patch of inputs its axons
can hold (the side that needs fewest cores), or several such squares side by side. Where the inputs of one neuron do
not fit, parts of it lie on several cores, each part fires for itself, and neurons of another core add the parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.spiking.settings import SpikingSettings

POOLS = frozenset({"max_pool", "avg_pool", "global_avg_pool"})
"""Vector operators with neurons of their own."""


@dataclass(frozen=True)
class Placed:
    """One layer on its cores, for one sample."""

    cores: int
    neurons: int
    """Those that add parts included."""
    delivered: int
    """Inputs of all cores together: where a value is wanted by several cores, its spikes go to each."""
    parts: int = 1
    """Cores that the inputs of one neuron are spread over."""
    outputs: int = 0
    busiest_fraction: float = 1.0
    """Share of the layer's neurons that lie on its fullest core."""


def cores_of(layers: Sequence[Placed], settings: SpikingSettings) -> int:
    """Cores of a whole network: layers that leave room on their one core share it."""
    return sum(found.cores for found in layers if found.cores > 1) + len(shared_cores(layers, settings))


def shared_cores(layers: Sequence[Placed], settings: SpikingSettings) -> list[list[int]]:
    """For each core of layers that need one only, their places in `layers`: first fit, the largest first."""
    core = settings.core
    small = [place for place, found in enumerate(layers) if found.cores == 1]
    left: list[tuple[int, int]] = []
    shared: list[list[int]] = []
    for index in sorted(small, key=lambda at: (layers[at].neurons, layers[at].delivered), reverse=True):
        neurons, lines = layers[index].neurons, layers[index].delivered * core.axons_per_input
        place = next((i for i, room in enumerate(left) if neurons <= room[0] and lines <= room[1]), len(left))
        if place == len(left):
            left.append((core.neurons, core.axons))
            shared.append([])
        left[place] = (left[place][0] - neurons, left[place][1] - lines)
        shared[place].append(index)
    return shared


@dataclass(frozen=True)
class _Block:
    """A square of positions on one core."""

    cores: int
    delivered: int
    neurons: int
    """Of the fullest core."""


def placed(work: MatrixWork, settings: SpikingSettings) -> Placed:
    """A product on its cores."""
    loops, core = work.loops, settings.core
    inputs = core.axons // core.axons_per_input
    outputs = loops.G * loops.K * loops.OY * loops.OX
    if loops.reduction > inputs:
        return _spread(loops, work, settings, inputs, outputs)
    sides = range(1, max(loops.OY, loops.OX) + 1)
    blocks = [found for side in sides if (found := _block(loops, work, settings, inputs, side)) is not None]
    best = min(blocks, key=lambda block: (block.cores, block.delivered))
    share = min(1.0, best.neurons / outputs)
    return Placed(best.cores, outputs, best.delivered, outputs=outputs, busiest_fraction=share)


def pooled(work: VectorWork, settings: SpikingSettings, batch: int) -> Placed:
    """A pool's neurons: as many as outputs, and inputs enough for all of them."""
    inputs = settings.core.axons // settings.core.axons_per_input
    outputs, read = work.write_elements // batch, work.read_elements // batch
    cores = max(math.ceil(outputs / settings.core.neurons), math.ceil(read / inputs))
    return Placed(cores, outputs, read, outputs=outputs, busiest_fraction=math.ceil(outputs / cores) / outputs)


def neurons_of(work: MatrixWork, settings: SpikingSettings, kernels: int) -> int:
    """Neurons that one core holds: its own number, or fewer where its memory of weights is full before."""
    core = settings.core
    if core.synapse_bits is None:
        return core.neurons
    each = work.loops.reduction * min(float(settings.weight_bits), work.format.stored_bits)
    stored = int(core.synapse_bits // each) * (kernels if core.shares_kernels else 1)
    return max(1, min(core.neurons, stored))


def _block(loops: Loops, work: MatrixWork, settings: SpikingSettings, inputs: int, side: int) -> _Block | None:
    """Squares of `side` positions; None where the patch of one does not fit."""
    down, across = min(side, loops.OY), min(side, loops.OX)
    patch = loops.C * ((down - 1) * loops.stride_y + loops.FY) * ((across - 1) * loops.stride_x + loops.FX)
    room = neurons_of(work, settings, down * across)
    if patch > inputs or down * across > room:
        return None
    squares = loops.G * math.ceil(loops.OY / down) * math.ceil(loops.OX / across)
    needed = down * across * loops.K
    cuts = math.ceil(loops.K / (room // (down * across)))
    beside = min(inputs // patch, room // needed) if cuts == 1 else 1
    return _Block(
        cores=math.ceil(squares / beside) if cuts == 1 else squares * cuts,
        delivered=squares * cuts * patch,
        neurons=down * across * math.ceil(loops.K / cuts) * beside,
    )


def _spread(loops: Loops, work: MatrixWork, settings: SpikingSettings, inputs: int, outputs: int) -> Placed:
    """Parts of every neuron on several cores; each position by itself."""
    parts, core = math.ceil(loops.reduction / inputs), settings.core
    positions = loops.G * loops.OY * loops.OX
    cuts = math.ceil(loops.K / neurons_of(work, settings, 1))
    adding = max(math.ceil(outputs / core.neurons), math.ceil(outputs * parts / inputs))
    return Placed(
        cores=positions * parts * cuts + adding,
        neurons=outputs * (parts + 1),
        delivered=positions * cuts * loops.reduction + outputs * parts,
        parts=parts,
        outputs=outputs,
        busiest_fraction=math.ceil(loops.K / cuts) * math.ceil(loops.reduction / parts) / (outputs * loops.reduction),
    )
