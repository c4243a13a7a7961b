"""What is converted of a product: every part at all bits, only leading bits, or columns that a trial left over.

PRIME (chi2016) puts an input together from parts that its drivers give in turn, and a weight from parts in neighbouring
cells. A result keeps P bits: the product of the leading parts all of them, any other the P - s that stand above the
result's last bit, s the bits by which its parts weigh less than the leading ones; at P <= s it is not converted at all.
With P = 6, inputs of 3 + 3 and weights of 4 + 4 bits: 6, 3 and 2 bits, and nothing of the lowest part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork
from joulescape.simulators.base import Quantity
from joulescape.simulators.crossbar.converters import Adc, conversion_energy
from joulescape.simulators.crossbar.rules import input_width, operand_width, slices
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.speculation import converted_fraction, reads_of_input


@dataclass(frozen=True)
class Shares:
    """Of the columns of all reads: what share is converted, and what share of the energy of all at full bits."""

    made: Quantity
    energy: Quantity


def conversion_shares(work: MatrixWork, settings: CrossbarSettings) -> Shares:
    """Shares of one product."""
    return shares_of(
        input_width(work.input.bits, settings),
        work.input.is_signed,
        operand_width(work.weight.bits, settings),
        settings,
    )


def shares_of(inputs: int, is_signed: bool, weights: int, settings: CrossbarSettings) -> Shares:
    """Shares for inputs and weights of so many bits."""
    if settings.conversion == "every_part":
        made = converted_fraction(inputs, is_signed, settings)
        return Shares(made, made)
    bits = leading_bits(inputs, is_signed, weights, settings)
    return Shares(float(np.mean(bits > 0)), float(np.mean([_energy(settings.adc, int(b)) for b in bits.flat])))


def leading_bits(inputs: int, is_signed: bool, weights: int, settings: CrossbarSettings) -> np.ndarray[tuple[int, int]]:
    """Bits at which each part is converted, (reads of an input, slices of one half of a pair)."""
    reads, halves = int(reads_of_input(inputs, is_signed, settings)), int(slices(weights, settings)) // 2
    below = settings.dac.bits * np.arange(reads - 1, -1, -1)[:, None] + settings.cell.bits * np.arange(
        halves - 1, -1, -1
    )
    found: np.ndarray[tuple[int, int]] = np.clip(settings.adc.bits - below, 0, settings.adc.bits)
    return found


def _energy(adc: Adc, bits: int) -> Quantity:
    """Of a conversion at fewer bits, over that at all of them."""
    if bits == 0:
        return 0.0
    return conversion_energy(adc.model_copy(update={"bits": bits})).value / conversion_energy(adc).value
