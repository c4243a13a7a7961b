"""Weighted spikes, integrate-and-fire circuits and memory subarrays (PipeLayer, song2017): energy by spike.

A read spike goes down one row of one array and is charged with all that it sets off; a written one sets one cell.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from joulescape.network.work import MatrixWork
from joulescape.simulators._values import drive_square
from joulescape.simulators.base import Component, Energy, Quantity
from joulescape.simulators.crossbar.mapping import Mapping
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import operand_width, spikes_of
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.writes import write_energy
from joulescape.units import BITS_PER_BYTE


def spike_energies(work: MatrixWork, mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """Analog part of a product: a spike for every bit that is set; slices are added once a count."""
    read, adder = spikes_of(settings).read_pj, found["shift_add"]
    share = drive_square(work.input, operand_width(work.input.bits, settings), settings.dac.bits)
    added = adder.unit_power_mw.value * mapping.counts / settings.clock_ghz.value
    return (
        Energy(found["spike_read"].component(read), mapping.drives * share * read.value),
        Energy(adder.component(adder.unit_power_mw), added),
    )


def cells_of(elements: Quantity, bits: float, settings: CrossbarSettings) -> Quantity:
    """Memory cells of so many values: whole cells a value."""
    return elements * math.ceil(operand_width(bits, settings) / settings.cell.bits)


def subarray_write(cells: Quantity, settings: CrossbarSettings) -> Energy:
    """One spike a written cell."""
    written = write_energy("subarray_write", cells, settings)
    return replace(written, component=replace(written.component, scope="chip"))


def subarray_read(bits: Quantity, settings: CrossbarSettings) -> Energy:
    """One spike reads a row of cells."""
    read = spikes_of(settings).read_pj
    return Energy(Component.of("subarray_read", "chip", read), bits / _row_bits(settings) * read.value)


def subarray_bytes(settings: CrossbarSettings) -> Any:
    """Bytes that one subarray holds."""
    return settings.array.rows * _row_bits(settings) / BITS_PER_BYTE


def _row_bits(settings: CrossbarSettings) -> Any:
    return settings.array.columns * settings.cell.bits
