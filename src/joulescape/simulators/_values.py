"""What the values of a product's operands make cells and drivers take: from their histograms where these were measured,
else from their means, digits being taken to be uniform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from joulescape.network.histograms import mean_digit, mean_digit_square
from joulescape.network.work import Operand
from joulescape.simulators.base import Quantity


def uniform_digit_square(mean_fraction: float, digit_bits: Any) -> Quantity:
    """Mean square of a digit over its largest, of uniform digits times twice the operand's mean.

    Digits of b bits that are uniform have a mean of 1/2 and a mean square of (2M + 1) / (6M), M = 2^b - 1; both are
    taken in proportion to the operand's mean: exact for independent bits at b = 1.
    """
    top = 2 ** np.asarray(digit_bits) - 1
    return np.asarray(mean_fraction * (2 * top + 1) / (3 * top))


def drive_square(operand: Operand, bits: int, digit_bits: Any) -> Quantity:
    """Mean square of a row's voltage over its full scale, of inputs that are driven digit by digit.

    The sign of a signed input is driven apart: its magnitude has one bit less.
    """
    if not operand.histogram or np.ndim(digit_bits):
        return uniform_digit_square(operand.mean_fraction, digit_bits)
    magnitude = max(1, bits - 1 if operand.is_signed else bits)
    return mean_digit_square(operand.histogram, magnitude, int(digit_bits))


def pair_level(operand: Operand, bits: int, cell_bits: Any) -> Quantity:
    """Mean level, over the highest, of the cells of differential pairs: one of both holds a slice of the magnitude."""
    if not operand.histogram or np.ndim(cell_bits):
        return operand.mean_fraction / 2
    return mean_digit(operand.histogram, max(1, bits - 1), int(cell_bits)) / 2
