"""Whole-number products of an array whose supply is too low for its clock: some multiply-accumulates come too late.

    y[n] = s_w[n] s_x over_a( sum_k (1 - d[n, k]) round_d( q_w[n, k] q_x[k] ) + 2^b (f+ - f-) )

A late event is noticed and the product after it is left out (zhang2018, "TE-Drop": d is 1 with probability p, f is 0),
or it is not, and bit b of the running sum is wrong (d is 0; a bit is set as often as it is not, so that the sum is 2^b
too large or too small). over_a and round_d are those of `_accumulators`; the accumulator's end is met once, behind all
additions: a rule that clips after each of them is refused. Events are independent of each other and of the data; each
call draws them anew.

Numbers of an ErrorSpec: those of `fixed_point` forward, and fault_fraction (p), is_dropped (1 or 0), fault_bit (b).
Without late events the result is that of `fixed_point`, bit by bit. `full` draws every left-out product; `merged` draws
sums of many (`MANY` or more an output) from the normal law of their mean and variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from joulescape.compression.quantize.grids import levels
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._accumulators import Adder
from joulescape.numerics.base import Detail, Product, Programmed
from joulescape.numerics.fixed_point import FixedPoint, FixedPointProduct, IntegerProduct

MANY = 8.0
"""Events an output beyond which their sum is taken as normal."""

BLOCK = 1 << 24
"""Multiply-accumulates whose events are drawn at once."""

PLAIN = Adder.of({})
"""Every product as it is, and room for every sum."""


@dataclass(frozen=True)
class LateProduct:
    """One stored matrix on an array below its nominal supply."""

    exact: FixedPointProduct
    fault_fraction: float
    is_dropped: bool
    fault_bit: int
    is_normal: bool
    """Whether left-out products are drawn as their sum."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N)."""
        exact = self.exact
        if self.fault_fraction == 0.0:
            return exact(x, generator)
        found = levels(x, exact.input_scale, exact.input_bits, exact.is_signed)
        rows = max(BLOCK // exact.weight_levels.numel(), 1)
        sums = torch.cat([self._sums(block, generator) for block in found.split(rows)])
        return (sums * (exact.weight_scales[:, 0] * exact.input_scale)).to(x.dtype)

    def _sums(self, found: Tensor, generator: torch.Generator) -> Tensor:
        adder = self.exact.adder
        whole = replace(self.exact, adder=adder.unbounded).accumulate(found).to(torch.float64)
        return adder.kept(whole + self._wrong(self.exact.taken(found.to(torch.float64)), generator))

    def _wrong(self, found: Tensor, generator: torch.Generator) -> Tensor:
        """What late events add to the sums (rows, N)."""
        weight = self.exact.weight_levels.to(torch.float64)
        if not self.is_dropped:
            shape = torch.Size((len(found), len(weight)))
            return flipped(shape, weight.shape[1], self.fault_fraction, self.fault_bit, generator)
        if self.is_normal:
            return -dropped_normal(found, weight, self.fault_fraction, generator)
        return -dropped(found, weight, self.fault_fraction, generator, self.exact.adder)


@dataclass(frozen=True)
class LateActivations:
    """Two activations on an array below its nominal supply."""

    exact: IntegerProduct
    fault_fraction: float
    is_dropped: bool
    fault_bit: int

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        """(..., M, K) times (..., K, N) -> (..., M, N)."""
        exact = self.exact
        if self.fault_fraction == 0.0:
            return exact(left, right, generator)
        whole = exact.adder.unbounded.sums(exact.left(left), exact.right(right))
        sums = exact.adder.kept(whole + self._wrong(left, right, generator))
        return (sums * (exact.left.scale * exact.right.scale)).to(left.dtype)

    def _wrong(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        shape = torch.Size((*left.shape[:-1], right.shape[-1]))
        if not self.is_dropped:
            return flipped(shape, left.shape[-1], self.fault_fraction, self.fault_bit, generator)
        pairs = (self.exact.left(left).flatten(0, -3), self.exact.right(right).flatten(0, -3))
        return -dropped_pairs(*pairs, self.fault_fraction, generator, self.exact.adder).view(shape)


def flipped(shape: torch.Size, reduction: int, fraction: float, bit: int, generator: torch.Generator) -> Tensor:
    """What wrong bits add to sums of `reduction` products: 2^bit for each, up or down with equal chance."""
    events = torch.binomial(torch.full(shape, float(reduction), dtype=torch.float64), _all(shape, fraction), generator)
    up = torch.binomial(events, _all(shape, 0.5), generator)
    return (2 * up - events) * 2.0**bit


def dropped(x: Tensor, weight: Tensor, fraction: float, generator: torch.Generator, adder: Adder = PLAIN) -> Tensor:
    """Sum of the products that are left out: each of (rows, K) times (N, K) by itself with probability `fraction`."""
    return dropped_pairs(x[None], weight.T[None], fraction, generator, adder)[0]


def dropped_pairs(
    left: Tensor, right: Tensor, fraction: float, generator: torch.Generator, adder: Adder = PLAIN
) -> Tensor:
    """The same of pairs of matrices, (P, M, K) times (P, K, N) -> (P, M, N); products as `adder` rounds them."""
    (pairs, rows, reduction), outputs = left.shape, right.shape[-1]
    places = events(pairs * rows * outputs * reduction, fraction, generator)
    output, k = places // reduction, places % reduction
    row, n = output // outputs, output % outputs
    products = adder.rounded(left.reshape(-1, reduction)[row, k] * right[row // rows, k, n])
    lost = torch.zeros(pairs * rows * outputs, dtype=left.dtype)
    return lost.index_add_(0, output, products).view(pairs, rows, outputs)


def dropped_normal(x: Tensor, weight: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """The same from the normal law: mean p sum(wx), variance p (1 - p) sum((wx)^2); a whole number."""
    mean = fraction * (x @ weight.T)
    spread = (fraction * (1 - fraction) * (x.square() @ weight.square().T)).sqrt()
    return (mean + spread * torch.randn(mean.shape, generator=generator, dtype=x.dtype)).round()


def events(count: int, fraction: float, generator: torch.Generator) -> Tensor:
    """Places of late events among `count`: each is one with probability `fraction`, drawn by the gaps between them."""
    if fraction >= 1.0:
        return torch.arange(count)
    found: list[Tensor] = []
    last = -1.0
    while last < count:
        expected = (count - last) * fraction
        size = int(expected + 6 * math.sqrt(expected) + 8)
        gaps = torch.empty(size, dtype=torch.float64).geometric_(fraction, generator=generator)
        found.append(last + gaps.cumsum(0))
        last = float(found[-1][-1])
    places = torch.cat(found)
    return places[places < count].to(torch.int64)


class TimingFaults(FixedPoint):
    """A digital array with whole-number operands that sometimes comes too late."""

    kind = "timing_faults"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """The exact array, and how it errs; nothing of a device is drawn."""
        exact = super().program(weight, errors, calibration, generator, detail)
        assert isinstance(exact, FixedPointProduct)
        fraction = errors.numbers["fault_fraction"]
        _refuse_clipping_on_the_way(exact.adder)
        # The normal law is that of products as they are: rounded ones are drawn one by one.
        is_many = detail == "merged" and fraction * weight.shape[1] >= MANY and not exact.adder.dropped_bits
        is_dropped, bit = bool(errors.numbers["is_dropped"]), int(errors.numbers["fault_bit"])
        return LateProduct(exact, fraction, is_dropped, bit, is_many)

    def product(
        self, left: Tensor, right: Tensor, errors: ErrorSpec, generator: torch.Generator, detail: Detail
    ) -> Product:
        """The exact array's product of two activations, and how it errs; every product is drawn."""
        exact = super().product(left, right, errors, generator, detail)
        assert isinstance(exact, IntegerProduct)
        _refuse_clipping_on_the_way(exact.adder)
        numbers = errors.numbers
        return LateActivations(exact, numbers["fault_fraction"], bool(numbers["is_dropped"]), int(numbers["fault_bit"]))


def _refuse_clipping_on_the_way(adder: Adder) -> None:
    if adder.overflow == "saturate" and adder.bits is not None:
        raise SimulatorError(
            "timing_faults: accumulator_overflow saturate depends on the order of late events; take 0 or 2"
        )


def _all(shape: torch.Size, value: float) -> Tensor:
    return torch.full(shape, value, dtype=torch.float64)


plugin = TimingFaults()
