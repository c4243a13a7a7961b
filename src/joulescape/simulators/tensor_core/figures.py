"""Area, standing power and figures of the whole machine."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.simulators.base import Area, Component, StaticPower
from joulescape.simulators.tensor_core.geometry import Counts
from joulescape.simulators.tensor_core.link import budget, laser_mw, product_budget
from joulescape.simulators.tensor_core.settings import TensorCoreSettings
from joulescape.spec.sourced import at_corner
from joulescape.units import OPS_PER_MAC


def areas(settings: TensorCoreSettings) -> tuple[Area, ...]:
    """Area by component."""
    counts, buffer = Counts.of(settings.array), settings.buffer
    weights, inputs = settings.weight_modulator.area_mm2, settings.input_modulator.area_mm2
    dacs = counts.weight_modulators * settings.weight_dac.area_mm2.value
    return (
        Area(Component.of("weight_modulator", "core", weights), counts.weight_modulators * weights.value),
        Area(Component.of("input_modulator", "core", inputs), counts.input_modulators * inputs.value),
        Area(
            Component.of("routers", "core", settings.router.area_mm2), settings.routers * settings.router.area_mm2.value
        ),
        Area(
            Component.of("laser", "core", settings.laser.area_mm2),
            settings.light.lasers * settings.laser.area_mm2.value,
        ),
        Area(
            Component.of("receiver", "core", settings.detector.area_mm2),
            counts.detectors * settings.detector.area_mm2.value,
        ),
        Area(
            Component.of("dac", "core", settings.dac.area_mm2, scales=True),
            dacs + counts.input_modulators * settings.dac.area_mm2.value,
        ),
        Area(
            Component.of("adc", "core", settings.adc.area_mm2, scales=True), counts.adcs * settings.adc.area_mm2.value
        ),
        Area(Component.of("fixed_optics", "core", settings.fixed_area_mm2), settings.fixed_area_mm2.value),
        Area(
            Component.of("sram", "chip", buffer.area_mm2_per_kib, scales=True),
            buffer.kib * buffer.area_mm2_per_kib.value,
        ),
        Area(
            Component.of("update_logic", "chip", settings.digital.area_mm2, scales=True),
            settings.digital.area_mm2.value,
        ),
    )


def static_powers(settings: TensorCoreSettings) -> tuple[StaticPower, ...]:
    """Power by component that flows all the time."""
    counts, laser, buffer = Counts.of(settings.array), settings.laser, settings.buffer
    supplied = settings.light.rule.supplied_mw
    rests = (laser.wall_plug_fraction, settings.light.path_loss_db) if supplied is None else (supplied,)
    weight, inputs = settings.weight_modulator.static_mw, settings.input_modulator.static_mw
    bias = counts.weight_modulators * weight.value + counts.input_modulators * inputs.value
    leakage = buffer.kib * buffer.leakage_mw_per_kib.value
    return (
        StaticPower(Component.resting_on("laser", "core", *rests), laser_mw(settings)),
        StaticPower(Component.resting_on("modulator_bias", "core", weight, inputs), bias),
        StaticPower(
            Component.of("routers", "core", settings.router.static_mw),
            settings.routers * settings.router.static_mw.value,
        ),
        StaticPower(Component.of("sram_leakage", "chip", buffer.leakage_mw_per_kib, scales=True), leakage),
    )


def device_powers(settings: TensorCoreSettings) -> dict[str, float]:
    """Power by component while every device runs."""
    counts, clock, detector = Counts.of(settings.array), settings.clock_ghz, settings.detector
    reads = 1.0 / settings.array.integration_cycles
    weights, inputs = counts.weight_modulators, counts.input_modulators
    weight_pj, input_pj = settings.weight_modulator.energy_pj.value, settings.input_modulator.energy_pj.value
    standing = {part.component.name: float(part.power_mw) for part in static_powers(settings)}
    dac = weights * settings.weight_dac.dac_pj(settings.weight_dac.bits)
    return standing | {
        "dac": float(dac + inputs * settings.dac.dac_pj(settings.dac.bits)) * clock,
        "modulator": (weights * weight_pj + inputs * input_pj) * clock,
        "photodetector": counts.detectors * 2 * detector.diode_mw.value,
        "transimpedance": counts.amplifiers * detector.amplifier_mw.value * reads,
        "adc": float(counts.adcs * settings.adc.adc_pj()) * clock * reads,
    }


def published_figures(settings: TensorCoreSettings) -> Mapping[str, float]:
    """What published rows may name; conservative and aggressive ones stand at the corners."""
    counts, link = Counts.of(settings.array), budget(settings)
    gops = OPS_PER_MAC * counts.macs_per_cycle * settings.clock_ghz
    powers, area = device_powers(settings), sum(float(part.area_mm2) for part in areas(settings))
    per_read = counts.macs_per_cycle * settings.array.integration_cycles
    total = sum(powers.values())
    return {
        "weight_modulator_count": counts.weight_modulators,
        "input_modulator_count": counts.input_modulators,
        "modulator_count": counts.weight_modulators + counts.input_modulators,
        "receiver_count": counts.detectors,
        "amplifier_count": counts.amplifiers,
        "adc_count": counts.adcs,
        "identity_macs_per_cycle": counts.macs_per_cycle,
        "terms_per_readout": settings.array.terms_per_sample * settings.array.integration_cycles,
        "macs_per_readout": per_read / counts.adcs,
        "peak_gops": gops,
        "peak_tops": gops / 1e3,
        "device_power_mw": total,
        "conservative_power_mw": sum(device_powers(at_corner(settings, "pessimistic")).values()),
        "aggressive_power_mw": sum(device_powers(at_corner(settings, "optimistic")).values()),
        "peak_tops_per_watt": gops / total,
        "tops_per_mm2": gops / 1e3 / area,
        "chip_area_mm2": area,
        "identity_laser_mw": link.electrical_mw,
        "link_precision": product_budget(settings).bits,
        "optical_pj_per_mac": product_budget(settings).received_mw / settings.clock_ghz,
        "weight_dac_power_mw": float(settings.weight_dac.dac_pj(settings.weight_dac.bits)) * settings.clock_ghz,
        "adc_power_mw": float(settings.adc.adc_pj()) * settings.clock_ghz,
        **{f"{name}_power_mw": power for name, power in powers.items() if name != "adc"},
    }
