"""One work as the array sees it: a batch of equal matrix products and the widths that it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.operators import Loops
from joulescape.network.transforms import WINOGRAD_KERNEL, winograd
from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.units import BITS_PER_BYTE

NATIVE_BITS = 8
"""Operand width of one multiplier."""


@dataclass(frozen=True)
class Product:
    """`groups` products of (positions x reduction) by (reduction x outputs); bytes are of one group.

    A convolution is read without im2col copies: `input_bytes` counts each input once, while the array reads
    positions * reduction of them. `passes` is how often 8-bit cells repeat the product for wider operands.
    """

    groups: int
    positions: int
    outputs: int
    reduction: int
    weight_bytes: float
    input_bytes: float
    output_bytes: float
    sum_bytes: float
    """Bytes of one partial sum."""
    passes: int
    weight_slice_bytes: float
    """Bytes of one weight in one pass."""
    input_slice_bytes: float
    transform_ops: float = 0.0
    """Additions, shifts and scales around the products, of all groups; 0 where the layer is computed as it stands."""
    transformed_bytes: float = 0.0
    """Transformed inputs of all groups, kept beside the inputs."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all groups, one pass."""
        return self.groups * self.positions * self.outputs * self.reduction


def kept_bits(work: MatrixWork | VectorWork, bits: float, settings: SystolicSettings) -> float:
    """The width at which this machine holds a value of `bits` bits in this role."""
    if work.role == "forward":
        return min(bits, NATIVE_BITS)
    return min(bits, settings.training.update_bits if work.role == "update" else settings.training.gradient_bits)


def product_of(work: MatrixWork, settings: SystolicSettings) -> Product:
    """The products of one work. Weights are stored packed at their width; zeros are stored like any value."""
    loops = work.loops
    weight, inputs, output = (kept_bits(work, o.bits, settings) for o in (work.weight, work.input, work.output))
    slices = tuple(math.ceil(bits / NATIVE_BITS) for bits in (weight, inputs))
    tile = winograd_tile(work, settings)
    taps = (tile + WINOGRAD_KERNEL - 1) ** 2 if tile else 1
    tiles = loops.B * math.ceil(loops.OY / tile) * math.ceil(loops.OX / tile) if tile else loops.positions
    reduction = loops.C if tile else loops.reduction
    return Product(
        groups=loops.G * taps,
        positions=tiles,
        outputs=loops.K,
        reduction=reduction,
        weight_bytes=loops.K * reduction * weight / BITS_PER_BYTE,
        input_bytes=work.input.elements / (loops.G * taps) * inputs / BITS_PER_BYTE,
        output_bytes=loops.positions * loops.K / taps * output / BITS_PER_BYTE,
        sum_bytes=settings.accumulator_bits / BITS_PER_BYTE,
        passes=slices[0] * slices[1],
        weight_slice_bytes=weight / slices[0] / BITS_PER_BYTE,
        input_slice_bytes=inputs / slices[1] / BITS_PER_BYTE,
        transform_ops=_transform_ops(loops, tile, taps * tiles) if tile else 0.0,
        transformed_bytes=taps * tiles * loops.G * loops.C * inputs / BITS_PER_BYTE if tile else 0.0,
    )


def winograd_tile(work: MatrixWork, settings: SystolicSettings) -> int:
    """Outputs of a tile along each axis where this machine computes the work by Winograd's algorithm, else 0."""
    is_so = settings.winograd and work.role == "forward" and work.format.transform == "winograd"
    return work.format.tile if is_so else 0


def _transform_ops(loops: Loops, tile: int, taps: int) -> float:
    """Sums and shifts of both transforms, and the scale of each tap of every output channel."""
    counted = winograd(loops, tile)
    return counted.additions - counted.multiplications + counted.shifts + loops.G * loops.K * taps
