"""Sums of whole-number products as an accumulator of finite width forms them: one product after the other.

    a <- over_a( a + round_d( q_w[n, k] q_x[k] ) ),  k = 0 .. K - 1

round_d drops the lowest d bits of every product before it is added (a multiplier whose low half is not built); over_a
is what the adder does beyond +-2^(a-1): saturate after every addition, saturate once at the end (guard bits up to
there), or wrap around, as two's complement does by itself. The sum comes back in units of the untruncated product.

Numbers of an ErrorSpec: accumulator_bits, accumulator_overflow (index into OVERFLOWS), product_drop_bits,
product_rounding (index into ROUNDINGS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

OVERFLOWS = ("saturate_at_end", "saturate", "wrap")
"""What happens beyond the accumulator's ends, by index."""

ROUNDINGS = ("down", "half_up", "half_even", "to_zero")
"""How dropped bits are rounded, by index: `down` is what an arithmetic shift does, for nothing."""

ROUNDERS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "down": torch.floor, "half_even": torch.round, "to_zero": torch.trunc,
}  # fmt: skip


@dataclass(frozen=True)
class Adder:
    """An accumulator of `bits` (None: as wide as it must be) behind a multiplier that drops `dropped_bits`."""

    bits: int | None
    overflow: str
    dropped_bits: int
    rounding: str

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Adder:
        """From the numbers of a spec; IndexError where an index names no rule."""
        bits = numbers.get("accumulator_bits")
        return cls(
            None if bits is None else int(bits),
            OVERFLOWS[int(numbers.get("accumulator_overflow", 0.0))],
            int(numbers.get("product_drop_bits", 0.0)),
            ROUNDINGS[int(numbers.get("product_rounding", 0.0))],
        )

    @property
    def is_plain(self) -> bool:
        """Whether the order of additions does not matter and no product is rounded: a matrix product will do."""
        return self.dropped_bits == 0 and (self.bits is None or self.overflow != "saturate")

    def sums(self, left: Tensor, right: Tensor) -> Tensor:
        """(..., M, K) whole numbers times (..., K, N) -> (..., M, N), exact in the dtype given."""
        total: Tensor
        if self.is_plain:
            total = left @ right
            return self._kept(total)
        total = left.new_zeros((*left.shape[:-1], right.shape[-1]))
        for k in range(left.shape[-1]):
            total += self._rounded(left[..., k : k + 1] * right[..., k : k + 1, :])
            if self.overflow == "saturate":
                total = self._kept(total)
        return self._kept(total).mul_(2**self.dropped_bits)

    @property
    def unbounded(self) -> Adder:
        """The same behind an accumulator as wide as it must be."""
        return replace(self, bits=None)

    def kept(self, sums: Tensor) -> Tensor:
        """What `bits` hold at the end of sums from `unbounded`, in units of the untruncated product."""
        unit = 2**self.dropped_bits
        held: Tensor = self._kept(sums / unit) * unit
        return held

    def rounded(self, products: Tensor) -> Tensor:
        """Products as they are added, in units of the untruncated product."""
        found: Tensor = self._rounded(products) * 2**self.dropped_bits
        return found

    def _rounded(self, products: Tensor) -> Tensor:
        """Products in units of 2^dropped_bits."""
        if not self.dropped_bits:
            return products
        scaled: Tensor = products / 2**self.dropped_bits
        if self.rounding == "half_up":
            return (scaled + 0.5).floor_()
        rounded: Tensor = ROUNDERS[self.rounding](scaled)
        return rounded

    def _kept(self, sums: Tensor) -> Tensor:
        """What `bits` hold of a sum."""
        if self.bits is None:
            return sums
        top = 2 ** (self.bits - 1)
        if self.overflow == "wrap":
            # float32 would round the sum of a small number and a large `top`.
            wrapped: Tensor = torch.remainder(sums.double() + top, 2 * top) - top
            return wrapped.to(sums.dtype)
        return sums.clamp(-top, top - 1)
