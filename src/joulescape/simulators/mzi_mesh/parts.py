"""The components of the machine, under the names that every table uses."""

from __future__ import annotations

from joulescape.simulators.base import Component
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.spec.sourced import Sourced


def laser(settings: MeshSettings) -> Component:
    """Laser wall plug: rests on every loss of the path."""
    device = settings.shifter.device
    return Component.resting_on(
        "laser", "core", settings.laser.wall_plug_fraction, settings.laser.coupling_loss_db, settings.modulator.loss_db,
        settings.coupler.loss_db, device.loss_db, settings.waveguide.loss_db_per_cm,
    )  # fmt: skip


def phase_shifters(settings: MeshSettings) -> Component:
    """Power that holds the phases."""
    return Component.resting_on(
        "phase_shifters", "core", settings.shifter.device.pi_power_mw, settings.shifter.mean_fraction
    )


def phase_dac(settings: MeshSettings) -> Component:
    """Converters that write phases."""
    return Component.of("phase_dac", "core", _scaled(settings.dac.power_mw), scales=True)


def phase_writing(settings: MeshSettings) -> Component:
    """What the shifters take to move."""
    return Component.of("phase_writing", "core", settings.shifter.device.switch_pj)


def input_dac(settings: MeshSettings) -> Component:
    """Converters of the inputs."""
    return Component.resting_on("input_dac", "core", _scaled(settings.dac.power_mw), scales=True)


def modulator(settings: MeshSettings) -> Component:
    """Modulators of the inputs."""
    return Component.resting_on("modulator", "core", settings.modulator.energy_pj)


def modulator_bias(settings: MeshSettings) -> Component:
    """What keeps modulators at their working point."""
    return Component.resting_on("modulator_bias", "core", settings.modulator.static_mw)


def photodetector(settings: MeshSettings) -> Component:
    """Balanced photodiodes."""
    return Component.resting_on("photodetector", "core", settings.detector.diode_mw)


def amplifier(settings: MeshSettings) -> Component:
    """Transimpedance amplifiers."""
    return Component.resting_on("amplifier", "core", settings.detector.amplifier_mw, scales=True)


def adc(settings: MeshSettings) -> Component:
    """Converters of the outputs."""
    return Component.resting_on("adc", "core", _scaled(settings.adc.power_mw), scales=True)


def sram(settings: MeshSettings) -> Component:
    """Buffer of activations, partial sums and phases."""
    return Component.resting_on(
        "sram", "chip", settings.buffer.read_pj_per_bit, settings.buffer.write_pj_per_bit, scales=True
    )


def sram_leakage(settings: MeshSettings) -> Component:
    """What the buffer leaks."""
    return Component.resting_on("sram_leakage", "chip", settings.buffer.leakage_mw_per_kib, scales=True)


def accumulator(settings: MeshSettings) -> Component:
    """Gains of what was converted, and adders of partial sums."""
    digital = settings.digital
    return Component.resting_on("accumulator", "chip", digital.add_pj, digital.multiply_pj, scales=True)


def decomposer(settings: MeshSettings) -> Component:
    """Logic that updates weights and decomposes them into phases."""
    return Component.resting_on("decomposer", "chip", settings.digital.flop_pj, scales=True)


def _scaled(constant: Sourced) -> Sourced:
    return constant.scaled(1.0, "bits and rate")
