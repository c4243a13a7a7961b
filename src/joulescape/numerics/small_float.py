"""Floating point of few bits: operands of a product rounded to nearest even, sums exact; subnormals kept, no infinity.

    x = sign (1 + f / 2^m) 2^e,   -e_min <= e,  |x| <= largest,   e_min = 2^(E - 1) - 2

Numbers of an ErrorSpec, every role: exponent_bits E, mantissa_bits m, largest (448 for E4M3, 57344 for E5M2, 65504 for
E5M10, micikevicius2022), is_scaled (1: a power of two for each tensor brings its largest value below `largest`), and of
the backward roles is_stochastic. Without exponent_bits values stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from joulescape.numerics._rounded import Numbers, RoundedNumerics, power_of_two_at_least, to_multiples


class SmallFloat(RoundedNumerics):
    """FP8, FP16 and their like."""

    kind = "small_float"

    def rounded(self, values: Tensor, numbers: Numbers, peak: float, stream: torch.Generator | None) -> Tensor:
        """On the format's grid, which the tensor's power of two moves."""
        exponent_bits = numbers.get("exponent_bits")
        if exponent_bits is None:
            return values
        largest = numbers["largest"]
        scale = power_of_two_at_least(peak / largest) if numbers.get("is_scaled", 0.0) else 1.0
        scaled = values / scale
        least = 2.0 - 2.0 ** (exponent_bits - 1)
        exponents = torch.frexp(scaled)[1].to(values.dtype).sub_(1.0).clamp_min_(least)
        quantum = torch.exp2(exponents - numbers["mantissa_bits"])
        return (to_multiples(scaled / quantum, stream) * quantum).clamp_(-largest, largest) * scale


plugin = SmallFloat()
