"""The components of the machine, under the names that every table uses."""

from __future__ import annotations

from joulescape.simulators._photonics import Amplifier, Cell, Comparator
from joulescape.simulators.base import Component
from joulescape.simulators.ring_bank.settings import RingBankSettings
from joulescape.spec.sourced import Sourced


def laser(settings: RingBankSettings) -> Component:
    """Laser wall plug: rests on every loss of the path."""
    losses, ring = settings.losses, settings.ring
    return Component.resting_on(
        "laser", "core", settings.laser.wall_plug_fraction, settings.laser.coupling_loss_db, settings.modulator.loss_db,
        losses.multiplexer_db, losses.splitter_db, losses.waveguide_db, ring.through_loss_db, ring.drop_loss_db,
    )  # fmt: skip


def ring_tuning(settings: RingBankSettings) -> Component:
    """Power that holds weights and resonances."""
    return Component.resting_on("ring_tuning", "core", settings.ring.tune_mw, settings.ring.lock_mw)


def modulator_lock(settings: RingBankSettings) -> Component:
    """What keeps modulators at their working point."""
    return Component.of("modulator_lock", "core", settings.modulator.static_mw)


def weight_dac(settings: RingBankSettings) -> Component:
    """Converters that set rings."""
    return Component.of("weight_dac", "core", _scaled(settings.weights.dac.power_mw), scales=True)


def weight_writing(settings: RingBankSettings) -> Component:
    """What the rings take to move."""
    return Component.of("weight_writing", "core", settings.ring.switch_pj)


def cell_read(cell: Cell) -> Component:
    """Reading memristors that set rings."""
    return Component.of("memristor_read", "core", cell.read_pj)


def cell_write(cell: Cell) -> Component:
    """Programming memristors."""
    return Component.of("memristor_write", "core", cell.write_pj)


def cell_hold(cell: Cell) -> Component:
    """Dividers of memristors that set rings."""
    return Component.of("memristor_hold", "core", cell.hold_mw)


def input_dac(settings: RingBankSettings) -> Component:
    """Converters of the inputs."""
    return Component.of("input_dac", "core", _scaled(settings.dac.power_mw), scales=True)


def modulator(settings: RingBankSettings) -> Component:
    """Modulators of the inputs."""
    return Component.of("modulator", "core", settings.modulator.energy_pj)


def photodetector(settings: RingBankSettings) -> Component:
    """Balanced photodiodes."""
    return Component.of("photodetector", "core", settings.detector.diode_mw)


def receiver(settings: RingBankSettings) -> Component:
    """Transimpedance amplifiers."""
    return Component.of("transimpedance", "core", settings.detector.amplifier_mw, scales=True)


def adc(settings: RingBankSettings) -> Component:
    """Converters of the outputs."""
    return Component.of("adc", "core", _scaled(settings.adc.power_mw), scales=True)


def sram_leakage(settings: RingBankSettings) -> Component:
    """What the buffer leaks."""
    return Component.of("sram_leakage", "chip", settings.buffer.leakage_mw_per_kib, scales=True)


def accumulator(settings: RingBankSettings) -> Component:
    """Gains of what was converted, and adders of partial sums."""
    digital = settings.digital
    return Component.resting_on("accumulator", "chip", digital.add_pj, digital.multiply_pj, scales=True)


def update_logic(settings: RingBankSettings) -> Component:
    """Logic that updates weights."""
    return Component.of("update_logic", "chip", settings.digital.flop_pj, scales=True)


def comparator(part: Comparator) -> Component:
    """Decisions on the derivative of rectifiers."""
    return Component.of("comparator", "core", part.energy_pj, scales=True)


def amplifier(part: Amplifier) -> Component:
    """Drive of the optical amplifiers."""
    return Component.of("optical_amplifier", "core", part.drive_mw)


def _scaled(constant: Sourced) -> Sourced:
    return constant.scaled(1.0, "bits and rate")
