"""Numbers of the chosen way to drive and read, and what one layer asks of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.work import PhysicalWork, Work
from joulescape.simulators.base import Component, Context, Quantity, Scope
from joulescape.simulators.evolution.settings import EvolutionSettings, Way
from joulescape.spec.sourced import Sourced


@dataclass(frozen=True)
class Pass:
    """What a layer sets and records: controls of each pass, controls of each batch, values of one record."""

    controls: float
    held: float
    record: float

    @classmethod
    def of(cls, work: PhysicalWork, settings: EvolutionSettings) -> Pass:
        """`bins` and `units` are the places that a system has, driven or dark; others have one an input."""
        places = max(work.numbers.get("bins", 0.0), work.numbers.get("units", 0.0), float(work.inputs))
        if settings.trained == "once":
            return cls(places, float(work.parameters), _record(work, places, settings))
        controls = max(places, float(work.inputs + work.parameters))
        return cls(controls, 0.0, _record(work, controls, settings))


def _record(work: PhysicalWork, controls: float, settings: EvolutionSettings) -> float:
    return controls if settings.drive == "series" else float(work.outputs)


def frame_ns(one: Pass, settings: EvolutionSettings) -> Quantity:
    """Time to drive the system once: settling, and in a series each sample."""
    series = one.controls * of(settings, "sample_ns") if settings.drive == "series" else 0.0
    return of(settings, "settle_ns") + series


def pass_ns(work: PhysicalWork, settings: EvolutionSettings) -> Quantity:
    """Time of one sample in one layer: averages (drive + evolution + exposure), the drive once where a frame stays."""
    frame = frame_ns(Pass.of(work, settings), settings)
    exposure = evolution_ns(work, settings) + of(settings, "exposure_ns")
    if settings.keeps_frame:
        return frame + settings.averages * exposure
    return settings.averages * (frame + exposure)


def evolution_ns(work: PhysicalWork, settings: EvolutionSettings) -> Quantity:
    """From the drive to what is read: the apparatus' own time, and the network's `duration` in its units."""
    return of(settings, "evolution_ns") + work.numbers.get("duration", 0.0) * of(settings, "unit_ns")


def fitted_passes(work: PhysicalWork, settings: EvolutionSettings, context: Context) -> Quantity:
    """Passes of one layer and training step that fit the twin: as many as the entry says, or else the algorithm; 0
    outside a training whose steps are known."""
    if context.steps is None:
        return 0.0
    twin = settings.twin
    refreshed = np.divide(twin.refresh_samples, twin.refresh_steps)
    passes: Quantity = np.maximum(twin.measurements, work.measurements) / context.steps + refreshed
    return passes


def of(settings: EvolutionSettings, name: str) -> Quantity:
    """A number of the chosen way, 0 where it has no use for it; one a variant where the interface is swept."""
    bench, chip = (_value(way, name) for way in (settings.bench, settings.integrated))
    if isinstance(settings.interface, str):
        return chip if settings.interface == "integrated" else bench
    return np.where(np.asarray(settings.interface) == "integrated", chip, bench)


def part(settings: EvolutionSettings, name: str, scope: Scope, constant: str) -> Component:
    """The component behind a number of the chosen way; as weak as the weaker one where the interface is swept."""
    chosen = sorted(set(np.atleast_1d(settings.interface).tolist()))
    found = (getattr(getattr(settings, way), constant) for way in chosen)
    return Component.resting_on(name, scope, *(number for number in found if number is not None))


def physical(work: Work, settings: EvolutionSettings) -> PhysicalWork:
    """The work, which is an evolution; SimulatorError for any other."""
    if not isinstance(work, PhysicalWork):
        raise SimulatorError(f"{settings.system} has no way to compute {work.layer} in role {work.role}")
    return work


def _value(way: Way, name: str) -> float:
    number: Sourced | None = getattr(way, name)
    return 0.0 if number is None else number.value
