"""Light of a tensor core: the budget of one product's endpoint."""

from __future__ import annotations

from dataclasses import replace

from joulescape.simulators._link import Budget, Link, Path
from joulescape.simulators.tensor_core.geometry import Counts
from joulescape.simulators.tensor_core.settings import TensorCoreSettings


def endpoints(settings: TensorCoreSettings) -> int:
    """Endpoints that lasers feed."""
    counts = Counts.of(settings.array)
    found = {"product": counts.macs_per_cycle, "detector": counts.detectors, "laser": settings.light.lasers}
    return found[settings.light.endpoint]


def channel(settings: TensorCoreSettings) -> Link:
    """One endpoint; where it is a product, the other products on its detector add their shot noise."""
    laser, modulator = settings.laser, settings.weight_modulator
    return Link(
        Path((("path", settings.light.path_loss_db.value),)),
        laser.source(modulator.extinction_db.value),
        settings.detector.receiver(laser.rin_db_per_hz.value, settings.clock_ghz),
        "balanced",
        channels=settings.array.terms_per_sample if settings.light.endpoint == "product" else 1,
    )


def budget(settings: TensorCoreSettings) -> Budget:
    """The link of one endpoint under the machine's rule."""
    bits = settings.adc.bits, settings.weight_dac.bits
    return settings.light.rule.budget(channel(settings), *bits, settings.clock_ghz)


def product_budget(settings: TensorCoreSettings) -> Budget:
    """The link of one product: a detector's light is shared by all that meet there."""
    found, terms = budget(settings), settings.array.terms_per_sample
    if settings.light.endpoint == "product":
        return found
    return replace(found.link, channels=terms).given(found.received_mw / terms)


def laser_mw(settings: TensorCoreSettings) -> float:
    """Wall-plug power of all lasers."""
    return endpoints(settings) * budget(settings).electrical_mw
