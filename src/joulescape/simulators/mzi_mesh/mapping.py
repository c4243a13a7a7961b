"""How a matrix product falls into mesh-sized tiles, and which tiles stay written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import FloatArray, Quantity, ceil_div
from joulescape.simulators.mzi_mesh.geometry import matrix_shifters
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Product:
    """One matrix product as the meshes see it: `groups` matrices of outputs x reduction, met by `positions` vectors."""

    groups: int
    reduction: int
    outputs: int
    positions: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates, as the meshes do them."""
        return self.groups * self.reduction * self.outputs * self.positions

    def across(self, size: int) -> int:
        """Tiles along the reduction: their partial sums are added digitally."""
        return int(ceil_div(self.reduction, size))

    def down(self, size: int) -> int:
        """Tiles along the outputs: each reads the same inputs."""
        return int(ceil_div(self.outputs, size))

    def tiles(self, size: int) -> int:
        """Meshes that hold the whole product at once: ceil(K / N) * ceil(outputs / N) a group."""
        return self.groups * self.across(size) * self.down(size)


def product(work: MatrixWork, forward: MatrixWork | None) -> Product:
    """The product of a work. An input gradient sends errors backwards through the layer's own tiles (reciprocity).

    So it has the transposed shape of `forward` at the forward positions, and overlapping patches are added digitally.
    Without the forward work at hand it is read from its own loop bounds.
    """
    if work.role == "input_gradient" and forward is not None:
        loops = forward.loops
        return Product(loops.G, loops.K, loops.reduction, loops.positions)
    return Product(work.loops.G, work.loops.reduction, work.loops.K, work.loops.positions)


@dataclass(frozen=True)
class Placement:
    """Where the works of one phase find their matrices."""

    forward: dict[str, MatrixWork]
    is_resident: np.bool_ | FloatArray
    """Whether every layer has meshes of its own, so that nothing is rewritten between batches."""
    is_stored: np.bool_ | FloatArray
    """Whether the phases of the whole network lie on the chip."""

    def writes(self, work: MatrixWork, size: int) -> Quantity:
        """Tiles written a batch: none where they stay, all of them for a product of two activations."""
        tiles = float(self.product(work).tiles(size))
        return select(self.is_resident, 0.0, tiles) if work.is_weight_stored else tiles

    def product(self, work: MatrixWork) -> Product:
        """The product of `work`."""
        return product(work, self.forward.get(work.layer))

    def tiles(self, work: Work, size: int) -> int:
        """Tiles that `work` uses or rewrites; an update alone, without its forward work, counts full tiles."""
        if isinstance(work, MatrixWork):
            return self.product(work).tiles(size)
        found = self.forward.get(work.layer)
        if found is not None:
            return product(found, None).tiles(size)
        elements = work.write_elements if isinstance(work, VectorWork) else 0
        return int(ceil_div(elements, size**2))


def place(works: Sequence[Work], settings: MeshSettings) -> Placement:
    """Decide for one phase what stays written and what lies on the chip."""
    forward = {work.layer: work for work in works if isinstance(work, MatrixWork) and work.role == "forward"}
    kept = (work for work in forward.values() if work.is_weight_stored)
    tiles = sum(product(work, None).tiles(settings.mesh.size) for work in kept)
    is_resident = np.less_equal(tiles, settings.mesh.count)
    fits = np.less_equal(tiles * tile_bytes(settings), np.multiply(settings.buffer.kib, 1024))
    return Placement(forward, is_resident, np.logical_or(is_resident, fits))


def tile_bytes(settings: MeshSettings) -> float:
    """Stored phases of one tile."""
    return float(matrix_shifters(settings.mesh.size) * settings.shifter.bits / BITS_PER_BYTE)


def write_ns(settings: MeshSettings) -> float:
    """Time to rewrite one mesh: its converters write every phase, then the shifters settle."""
    writes = ceil_div(matrix_shifters(settings.mesh.size), settings.shifter.dac_count)
    return float(writes / settings.clock_ghz + settings.shifter.device.response_ns.value)


def select(condition: Quantity | np.bool_, yes: Quantity, no: Quantity) -> Quantity:
    """`yes` where `condition` holds, else `no`; broadcasts over variants."""
    return np.where(condition, yes, no)
