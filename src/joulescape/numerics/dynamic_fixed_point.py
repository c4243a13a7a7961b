"""Dynamic fixed point: whole numbers with one power of two for each tensor, found anew; products and sums exact.

    q = clip(round(v / s)),  s the least power of two with max |v| <= s (2^(bits - 1) - 1)

Numbers of an ErrorSpec, every role: bits; of the backward roles is_stochastic. Without bits values stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from joulescape.numerics._rounded import Numbers, RoundedNumerics, power_of_two_at_least, to_multiples


class DynamicFixedPoint(RoundedNumerics):
    """Whole numbers whose point moves from tensor to tensor."""

    kind = "dynamic_fixed_point"

    def rounded(self, values: Tensor, numbers: Numbers, peak: float, stream: torch.Generator | None) -> Tensor:
        """On a grid of whole multiples of the tensor's power of two."""
        bits = numbers.get("bits")
        if bits is None:
            return values
        top = 2.0 ** (bits - 1) - 1.0
        scale = power_of_two_at_least(peak / top)
        return to_multiples(values / scale, stream).clamp_(-top, top) * scale


plugin = DynamicFixedPoint()
