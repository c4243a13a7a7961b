"""Area, standing power and figures of the whole machine."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.simulators.base import Area, Component, StaticPower
from joulescape.simulators.ring_bank import parts
from joulescape.simulators.ring_bank.link import budget, most_channels, spacing_fwhm
from joulescape.simulators.ring_bank.settings import RingBankSettings
from joulescape.units import OPS_PER_MAC

STEEPEST = 3.0 * math.sqrt(3.0) / 2.0
"""Largest slope of a ring's weight 2 / (1 + 4 d^2) - 1 over its detuning d in linewidths, at d = 1 / (2 sqrt 3)."""


def areas(settings: RingBankSettings) -> tuple[Area, ...]:
    """Area by component."""
    bank, weights = settings.bank, settings.weights
    rings, inputs, outputs = bank.count * bank.rows * bank.channels, bank.count * bank.channels, bank.count * bank.rows
    dacs = inputs * settings.dac.area_mm2.value + bank.count * weights.dac_count * weights.dac.area_mm2.value
    sram = Component.of("sram", "chip", settings.buffer.area_mm2_per_kib, scales=True)
    logic = Component.of("update_logic", "chip", settings.digital.area_mm2, scales=True)
    found = [
        Area(Component.of("rings", "core", settings.ring.area_mm2), rings * settings.ring.area_mm2.value),
        Area(Component.of("laser", "core", settings.laser.area_mm2), inputs * settings.laser.area_mm2.value),
        Area(
            Component.of("modulator", "core", settings.modulator.area_mm2), inputs * settings.modulator.area_mm2.value
        ),
        Area(Component.of("dac", "core", settings.dac.area_mm2, scales=True), dacs),
        Area(
            Component.of("adc", "core", settings.adc.area_mm2, scales=True),
            bank.teams * bank.rows * settings.adc.area_mm2.value,
        ),
        Area(Component.of("receiver", "core", settings.detector.area_mm2), outputs * settings.detector.area_mm2.value),
        Area(sram, settings.buffer.kib * settings.buffer.area_mm2_per_kib.value),
        Area(logic, settings.digital.area_mm2.value),
    ]
    if weights.held_in is not None:
        cells = weights.capacity * weights.cells_per_weight
        component = Component.of("memristors", "core", weights.held_in.area_mm2)
        found.append(Area(component, cells * weights.held_in.area_mm2.value))
    if settings.amplifier is not None:
        component = Component.of("optical_amplifier", "core", settings.amplifier.area_mm2)
        found.append(Area(component, bank.count * settings.amplifier.area_mm2.value))
    if settings.training.comparator is not None:
        component = Component.of("comparator", "core", settings.training.comparator.area_mm2, scales=True)
        found.append(Area(component, outputs * settings.training.comparator.area_mm2.value))
    return tuple(found)


def static_powers(settings: RingBankSettings) -> tuple[StaticPower, ...]:
    """Power by component that flows all the time."""
    bank, ring = settings.bank, settings.ring
    rings, inputs = bank.count * bank.rows * bank.channels, bank.count * bank.channels
    buffer, detector, outputs = settings.buffer, settings.detector, bank.count * bank.rows
    found = [
        StaticPower(parts.laser(settings), inputs * budget(settings).electrical_mw),
        StaticPower(parts.ring_tuning(settings), rings * (ring.tune_mw.value + ring.lock_mw.value)),
        StaticPower(parts.modulator_lock(settings), inputs * settings.modulator.static_mw.value),
        StaticPower(parts.photodetector(settings), outputs * 2 * detector.diode_mw.value),
        StaticPower(parts.receiver(settings), outputs * detector.amplifier_mw.value),
        StaticPower(parts.sram_leakage(settings), buffer.kib * buffer.leakage_mw_per_kib.value),
    ]
    if settings.weights.held_in is not None:
        cell, cells = settings.weights.held_in, settings.weights.cells_per_weight
        found.append(StaticPower(parts.cell_hold(cell), rings * cells * cell.hold_mw.value))
    if settings.amplifier is not None:
        found.append(StaticPower(parts.amplifier(settings.amplifier), bank.count * settings.amplifier.drive_mw.value))
    return tuple(found)


def published_figures(settings: RingBankSettings) -> Mapping[str, float]:
    """What published rows may name."""
    bank, link = settings.bank, budget(settings)
    gops = OPS_PER_MAC * bank.rows * bank.channels * bank.count * settings.clock_ghz
    area = sum(float(part.area_mm2) for part in areas(settings))
    figures = {
        "ring_count": float(bank.rows * bank.channels * bank.count),
        "most_channels_count": float(most_channels(settings)),
        "spacing_linewidths": spacing_fwhm(settings),
        "weight_precision": math.log2(2.0 / (STEEPEST * settings.ring.sigma_fwhm.value)),
        "link_precision": link.bits,
        "path_loss_db": link.loss_db,
        "laser_line_mw": link.line_mw,
        "standing_power_mw": sum(float(part.power_mw) for part in static_powers(settings)),
        "peak_gops": float(gops),
        "peak_tops": float(gops) / 1e3,
        "gops_per_mm2": float(gops) / area,
    }
    cell = settings.weights.held_in
    if cell is not None:
        figures["endurance_steps_count"] = cell.endurance_writes.value
        figures["store_precision"] = math.log2(1.0 / cell.programming_sigma_fraction.value)
    return figures
