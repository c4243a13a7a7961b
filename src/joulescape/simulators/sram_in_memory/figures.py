"""Figures of SRAM arrays that publications print: peak rates, efficiencies, densities."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.simulators.sram_in_memory.analog import full_read_pj
from joulescape.simulators.sram_in_memory.serial import product_cycles, sum_cycles
from joulescape.simulators.sram_in_memory.settings import Analog, Serial, SramInMemorySettings
from joulescape.units import OPS_PER_MAC

SIX_OF_FIFTEEN = 6 / 15
"""Activity at a mean output of 6 of 4 bits, at which a macro's efficiency is printed (sinangil2021)."""


def figures(settings: SramInMemorySettings, areas: Mapping[str, float]) -> dict[str, float]:
    """All figures that `published:` rows may name; `areas` by component, in mm2."""
    total = {"area_mm2": sum(areas.values())}
    if settings.analog is not None:
        return total | _analog(settings, settings.analog, areas)
    return total if settings.serial is None else total | _serial(settings, settings.serial)


def _analog(settings: SramInMemorySettings, analog: Analog, areas: Mapping[str, float]) -> dict[str, float]:
    """A one-bit operation is a cell read once (2 ops); at full widths a weight takes its columns and digits."""
    array, widths = settings.array, settings.widths
    cells = settings.macros * array.rows * array.columns
    digits = -(-widths.input // analog.dac_bits)
    one_bit_tops = OPS_PER_MAC * cells / analog.cycle_ns.value / 1e3
    full_tops = one_bit_tops / widths.weight / digits
    read_pj, ops = full_read_pj(settings, analog), OPS_PER_MAC * array.rows * array.columns
    mean_pj = full_read_pj(settings, analog, SIX_OF_FIFTEEN)
    core_mm2 = areas["macros"] + areas["adc"]
    per_weight = widths.weight if analog.is_joined else 1
    return {
        # Joined columns compute at no less than their width.
        "peak_tops": one_bit_tops / per_weight,
        "one_bit_tops": one_bit_tops,
        "one_bit_tops_per_w": ops / read_pj,
        "one_bit_tops_per_mm2": one_bit_tops / core_mm2,
        "full_width_tops": full_tops,
        "full_width_tops_per_w": ops / widths.weight / digits / read_pj,
        "output_6_of_15_tops_per_w": ops / widths.weight / digits / mean_pj,
        "full_width_tops_per_mm2": full_tops / core_mm2,
        "macro_read_pj": read_pj,
        "core_area_mm2": core_mm2,
        "adc_energy_fraction": full_read_pj(settings, analog, 0.0) / read_pj,
        "macs_per_cycle_count": cells / widths.weight,
    }


def _serial(settings: SramInMemorySettings, serial: Serial) -> dict[str, float]:
    lanes = settings.macros * settings.array.columns
    widths = settings.widths
    cycles = product_cycles(widths.weight, widths.input) + sum_cycles(serial.sum_bits)
    one_bit = product_cycles(1, 1) + sum_cycles(serial.sum_bits)
    cycle_pj = settings.macros * serial.cycle_pj.value
    return {
        "peak_tops": OPS_PER_MAC * lanes / (one_bit * serial.cycle_ns.value) / 1e3,
        "full_width_tops": OPS_PER_MAC * lanes / (cycles * serial.cycle_ns.value) / 1e3,
        "full_width_tops_per_w": OPS_PER_MAC * lanes / (cycles * cycle_pj),
        "lanes_count": float(lanes),
        "product_cycles": product_cycles(widths.weight, widths.input),
    }
