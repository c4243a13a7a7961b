"""Figures that published rows may name: roll-ups, peak rate, storage density, converter bits."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators.base import Quantity
from joulescape.simulators.crossbar.composing import shares_of
from joulescape.simulators.crossbar.converters import conversion_energy, conversion_ns
from joulescape.simulators.crossbar.events import analog_energies
from joulescape.simulators.crossbar.mapping import analog_ns, fill_ns, map_product
from joulescape.simulators.crossbar.roll_up import (
    chip_area_mm2,
    chip_power_mw,
    ima_area_mm2,
    ima_power_mw,
    parts,
    tile_area_mm2,
    tile_power_mw,
)
from joulescape.simulators.crossbar.rules import (
    column_attenuation,
    columns_per_weight,
    counter_ghz,
    crossbars,
    input_width,
    is_counted,
    lossless_adc_bits,
    slices,
    spikes_of,
    step_ns,
)
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.speculation import reads_of_input
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

BYTES_PER_MEBIBYTE = 2**20


def weight_programming_pj(settings: CrossbarSettings) -> Quantity:
    """Energy of writing every cell of one crossbar once, row by row: not part of any inference."""
    return settings.array.rows * settings.array.columns * settings.cell.writing.write_pj


def peak_gops(settings: CrossbarSettings) -> Quantity:
    """Every array busy with operands of `operand_bits`: crossbars * rows * weights a row * 2 / (cycles * step)."""
    weights = settings.array.columns / columns_per_weight(settings.operand_bits, settings)
    cycles = reads_of_input(input_width(settings.operand_bits, settings), False, settings)
    macs = crossbars(settings) * settings.array.rows * weights
    return np.asarray(OPS_PER_MAC * macs / (cycles * step_ns(settings)))


def conversions_per_mac(settings: CrossbarSettings) -> Quantity:
    """Of arrays whose rows are all in use, for operands of full width: reads * slices * converted share / rows."""
    weights, inputs = settings.operand_bits, input_width(settings.operand_bits, settings)
    halves = 2 if settings.array.encoding == "differential" else 1
    made = reads_of_input(inputs, False, settings) * shares_of(inputs, False, weights, settings).made
    return np.asarray(made * slices(weights, settings) / halves / settings.array.rows)


def square_product(settings: CrossbarSettings) -> tuple[Quantity, Quantity]:
    """Energy and time of one product of a square matrix as tall as an array, at full width: arrays, converters and
    registers, without buffers and what stands idle."""
    rows, bits = settings.array.rows, settings.operand_bits
    vector, weight = Operand(rows, bits, is_signed=False), Operand(rows * rows, bits)
    work = MatrixWork("square", "forward", Loops(K=rows, C=rows), weight, vector, Operand(rows, bits))
    mapping = map_product(work, settings)
    energies = analog_energies(work, mapping, parts(settings), settings)
    return sum(e.energy_pj for e in energies), analog_ns(mapping, settings) + fill_ns(settings)


def conv_tops_per_w(settings: CrossbarSettings) -> Quantity:
    """Efficiency of the layer by which song2017 explains its mapping, at full width: 256 kernels of 3 x 3 x 128, one of
    its 12,544 positions. Its vector is read in half of all spikes; its 256 results are written to memory subarrays."""
    spikes, bits = spikes_of(settings), settings.operand_bits
    loops = Loops(K=256, C=128, FY=3, FX=3)
    vector, weight = Operand(loops.reduction, bits, is_signed=False), Operand(loops.K * loops.reduction, bits)
    work = MatrixWork("conv", "forward", loops, weight, vector, Operand(loops.K, bits))
    read_pj = map_product(work, settings).drives / 2 * spikes.read_pj.value
    written = loops.K * math.ceil(bits / settings.cell.bits) * settings.cell.writing.write_pj
    return np.asarray(OPS_PER_MAC * work.macs / (read_pj + written))


def published_figures(settings: CrossbarSettings) -> Mapping[str, float]:
    """Every figure by name; `peak_tops` is at `operand_bits`, narrower operands run faster. A chain of arrays without
    converters between them has neither a rate of its own nor conversions."""
    gops, power, area = peak_gops(settings), chip_power_mw(settings), chip_area_mm2(settings)
    cell, array = settings.cell, settings.array
    stored = crossbars(settings) * array.rows * array.columns * cell.bits / BITS_PER_BYTE / BYTES_PER_MEBIBYTE
    figures: dict[str, Quantity] = {
        "identity_ima_power_mw": ima_power_mw(settings),
        "identity_ima_area_mm2": ima_area_mm2(settings),
        "identity_tile_power_mw": tile_power_mw(settings),
        "identity_tile_area_mm2": tile_area_mm2(settings),
        "identity_chip_power_mw": power,
        "identity_chip_area_mm2": area,
        "chip_power_mw": power,
        "chip_area_mm2": area,
        "storage_mebibytes_per_mm2": stored / area,
        "ir_drop_fraction": column_attenuation(cell.wire_kohm.value, cell.g_on_msiemens.value, array.rows),
        "weight_programming_pj_per_crossbar": weight_programming_pj(settings),
        "endurance_steps_count": settings.cell.writing.endurance_writes.value,
        **({} if settings.chain is not None else _reader_figures(settings)),
        **({} if settings.chain is not None else _rates(gops, power, area)),
    }
    return {name: float(value) for name, value in figures.items() if np.ndim(value) == 0}


def _rates(gops: Quantity, power: Quantity, area: Quantity) -> dict[str, Quantity]:
    return {"peak_tops": gops / 1e3, "gops_per_mm2": gops / area, "peak_tops_per_w": gops / power}


def _reader_figures(settings: CrossbarSettings) -> dict[str, Quantity]:
    """Figures of what reads a column: a converter, or a counter."""
    if is_counted(settings):
        return {"counter_ghz": counter_ghz(settings), "conv_tops_per_w": conv_tops_per_w(settings)}
    square_pj, square_ns = square_product(settings)
    array, is_flipped = settings.array, settings.array.encoding == "offset"
    return {
        "conversions_per_mac": conversions_per_mac(settings),
        "square_product_pj": square_pj,
        "square_product_ns": square_ns,
        "adc_energy_pj": conversion_energy(settings.adc).value,
        "adc_conversion_ns": conversion_ns(settings.adc),
        "adc_area_mm2": parts(settings)["adc"].unit_area_mm2.value,
        "adc_lossless_bits": lossless_adc_bits(array.rows, settings.dac.bits, settings.cell.bits, is_flipped),
    }
