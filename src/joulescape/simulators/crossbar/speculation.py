"""Reads of one input vector: bit by bit (or as many bits as a driver gives), or several bits at once on trial.

RAELLA (andrulis2023raella) reads an input of 8 bits in 4 + 2 + 2 and then bit by bit; of the second kind only columns
that saturated in the first are converted: 3 + 8 reads, 3 + 8 f conversions a column.
"""

from __future__ import annotations

from joulescape.simulators.base import Quantity, ceil_div
from joulescape.simulators.crossbar.mechanisms import Speculation
from joulescape.simulators.crossbar.rules import input_cycles
from joulescape.simulators.crossbar.settings import CrossbarSettings


def reads_of_input(width: int, is_signed: bool, settings: CrossbarSettings) -> Quantity:
    """Analog reads of one input vector of `width` bits; those on trial come on top of those bit by bit."""
    serial: Quantity = input_cycles(width, is_signed, settings.dac.bits)
    if settings.trial is None:
        return serial
    return serial + tried_reads(width - is_signed, settings.trial)


def converted_fraction(width: int, is_signed: bool, settings: CrossbarSettings) -> Quantity:
    """Share of the columns of all reads that are converted; the sign bit has one read, which nothing goes before."""
    if settings.trial is None:
        return 1.0
    magnitude = width - is_signed
    tried = tried_reads(magnitude, settings.trial)
    made = tried + settings.trial.failed_fraction.value * magnitude + is_signed
    return made / (tried + magnitude + is_signed)


def pulse_fraction(width: int, is_signed: bool, settings: CrossbarSettings) -> Quantity:
    """Energy of cells in a mean read, over that of one bit."""
    if settings.trial is None:
        return 1.0
    serial = float(input_cycles(width, is_signed, settings.dac.bits))
    return settings.trial.cell_factor.value * serial / reads_of_input(width, is_signed, settings)


def tried_reads(bits: int, speculation: Speculation) -> int:
    """Reads of several bits each: the first of `first_bits`, then of `next_bits`."""
    return 1 + int(ceil_div(max(0, bits - speculation.first_bits), speculation.next_bits))
