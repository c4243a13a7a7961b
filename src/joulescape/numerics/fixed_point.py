"""Integer arithmetic of a digital machine: whole-number operands, an accumulator of finite width.

    y[n] = s_w[n] s_x sat_a( sum_k q_w[n, k] q_x[k] ),  q = clip(round(v / s))

with one weight scale per output channel and one input scale per tensor, both of least mean square error on their grid.

Numbers of an ErrorSpec (widths in bits; an absent accumulator cannot overflow, an absent width leaves values alone):

- forward: weight_bits, input_bits, accumulator_bits; accumulator_overflow, product_drop_bits, product_rounding
  (`_accumulators`); input_threshold_fraction (inputs below that share of the largest level count as zero);
  weight_fault_fraction, weight_fault_masking (`_memory_faults`); absent or 0, none of these changes anything;
- input_gradient, weight_gradient: gradient_bits, is_stochastic (1 rounds at random with the right mean, 0 to nearest);
- update: update_bits (grid of the stored weights over -UPDATE_RANGE .. UPDATE_RANGE), is_stochastic.

A machine that leaves out zeros forms the same sums: skipping is no number of a spec. Only failed memory cells are
drawn; without them every result is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.compression.quantize.grids import channel_scales, largest_level, levels, tensor_scale
from joulescape.compression.quantize.lattice import lattice_scales
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._accumulators import Adder
from joulescape.numerics._memory_faults import read_with_faults
from joulescape.numerics.base import Detail, MatrixNumerics, Product, Programmed

UPDATE_RANGE = 2.0
"""Range of weights that are trained in place: format Q1.(bits - 2)."""

_EXACT_IN_FLOAT32 = 1 << 24
"""Whole numbers up to here, and their sums, are exact in float32."""


@dataclass(frozen=True)
class FixedPointProduct:
    """One stored matrix on the array; products and sums are exact whole numbers."""

    weight_levels: Tensor
    weight_scales: Tensor
    input_scale: float
    input_bits: int
    is_signed: bool
    adder: Adder
    is_wide: bool
    """Whether sums can exceed what float32 holds exactly (then float64 is used)."""
    least_level: float = 0.0
    """Inputs of a smaller magnitude, in levels, count as zero."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """(rows, K) -> (rows, N)."""
        sums = self.accumulate(levels(x, self.input_scale, self.input_bits, self.is_signed))
        return (sums * (self.weight_scales[:, 0] * self.input_scale)).to(x.dtype)

    def accumulate(self, input_levels: Tensor) -> Tensor:
        """Whole-number sums of (rows, K) input levels, as the accumulator holds them."""
        dtype = torch.float64 if self.is_wide else torch.float32
        return self.adder.sums(self.taken(input_levels.to(dtype)), self.weight_levels.to(dtype).T)

    def taken(self, input_levels: Tensor) -> Tensor:
        """Input levels without those that count as zero."""
        if self.least_level <= 0:
            return input_levels
        return torch.where(input_levels.abs() >= self.least_level, input_levels, torch.zeros_like(input_levels))


@dataclass(frozen=True)
class IntegerOperand:
    """One operand of a product of two activations: its grid, of least mean square error on training data."""

    scale: float
    bits: int
    is_signed: bool

    @classmethod
    def of(cls, values: Tensor, bits: int) -> IntegerOperand:
        """The grid for such values; unsigned where none is negative."""
        is_signed = bool((values < 0).any())
        return cls(tensor_scale(values, bits, is_signed), bits, is_signed)

    def __call__(self, values: Tensor) -> Tensor:
        """Whole-number levels."""
        found: Tensor = levels(values, self.scale, self.bits, self.is_signed)
        return found.to(torch.float64)


@dataclass(frozen=True)
class IntegerProduct:
    """Two activations on the array, both at `input_bits`; float64 holds every sum exactly."""

    left: IntegerOperand
    right: IntegerOperand
    adder: Adder

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """(..., M, K) times (..., K, N) -> (..., M, N)."""
        sums = self.adder.sums(self.left(left), self.right(right))
        return (sums * (self.left.scale * self.right.scale)).to(left.dtype)


class FixedPoint(MatrixNumerics):
    """A digital array with whole-number operands."""

    kind = "fixed_point"

    def program(
        self,
        weight: Tensor,
        errors: ErrorSpec,
        calibration: Tensor,
        generator: torch.Generator,
        detail: Detail,  # noqa: ARG002
    ) -> Programmed:
        """Round the weight to its grid; the input scale comes from `calibration`. Only failing cells are drawn."""
        numbers = errors.numbers
        weight_bits, input_bits = int(numbers["weight_bits"]), int(numbers["input_bits"])
        is_signed = bool((calibration < 0).any())
        scales = stored_scales(weight, weight_bits)
        stored = levels(weight, scales, weight_bits)
        if numbers.get("weight_fault_fraction", 0.0) > 0:
            stored, _ = read_with_faults(stored, max(weight_bits, 2), numbers, generator)
        # A failed sign bit reads one level beyond the symmetric grid.
        top = max(largest_level(max(weight_bits, 2)), int(stored.abs().max()))
        largest = top * max(largest_level(input_bits, is_signed), 1) * weight.shape[1]
        return FixedPointProduct(
            weight_levels=stored,
            weight_scales=scales,
            input_scale=tensor_scale(calibration, input_bits, is_signed),
            input_bits=input_bits,
            is_signed=is_signed,
            adder=Adder.of(numbers),
            is_wide=largest >= _EXACT_IN_FLOAT32,
            least_level=numbers.get("input_threshold_fraction", 0.0) * largest_level(input_bits, is_signed),
        )

    def product(
        self,
        left: Tensor,
        right: Tensor,
        errors: ErrorSpec,
        generator: torch.Generator,  # noqa: ARG002
        detail: Detail,  # noqa: ARG002
    ) -> Product:
        """Both operands are rounded as inputs are: neither is a weight."""
        bits = int(errors.numbers["input_bits"])
        return IntegerProduct(IntegerOperand.of(left, bits), IntegerOperand.of(right, bits), Adder.of(errors.numbers))

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Rounded to `gradient_bits` over the tensor's largest magnitude."""
        bits = errors.numbers.get("gradient_bits")
        if bits is None:
            return gradient
        top = largest_level(int(bits))
        scale = gradient.abs().max().clamp_min(torch.finfo(gradient.dtype).tiny * top) / top
        return _rounded(gradient / scale, errors, generator).clamp(-top, top) * scale

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Weight plus step, rounded to the grid of `update_bits` and clipped to its range."""
        bits = errors.numbers.get("update_bits")
        if bits is None:
            return weight + step
        top = largest_level(int(bits))
        scale = UPDATE_RANGE / (top + 1)
        return _rounded((weight + step) / scale, errors, generator).clamp(-top, top) * scale


def stored_scales(weight: Tensor, bits: int) -> Tensor:
    """Scale per output channel: that of the grid on which the channel already stands, else of least square error.

    A compression with one scale a layer leaves channels whose largest weight is not at the top level.
    """
    best: Tensor = channel_scales(weight, bits)
    if bits == 1:
        return best
    found, is_grid = lattice_scales(weight.detach().reshape(weight.shape[0], -1).numpy(), largest_level(bits))
    scales: Tensor = torch.where(torch.from_numpy(is_grid)[:, None], torch.from_numpy(found)[:, None], best)
    return scales


def _rounded(values: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
    if not errors.numbers.get("is_stochastic", 0.0):
        return values.round()
    # floor(v + u) would be wrong in float32: v + u rounds up, so that large whole numbers drift by one level.
    below = values.floor()
    return below + (torch.rand(values.shape, generator=generator) < values - below).to(values.dtype)


plugin = FixedPoint()
