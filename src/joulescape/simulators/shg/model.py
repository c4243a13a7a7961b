"""Cost of a trained second-harmonic bench (wright2022): every layer is one frame and its exposures.

    t = settle + averages (flight + exposure),   E = (source + modulator + readout + apparatus) t + conversions + link

The powers flow all the time, so they are static power of the machine; a batch passes sample by sample. Scales, offsets
and sums between the layers, and the backward pass through the twin, are the host's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import OperandFormat, PhysicalWork, Work
from joulescape.simulators._optics import dac_factor
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    Energy,
    LayerCost,
    Limit,
    Quantity,
    Scope,
    Simulator,
    StaticPower,
)
from joulescape.simulators.shg.settings import Departure, ShgSettings, Way
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced
from joulescape.units import SPEED_OF_LIGHT_MM_PER_NS

KIND = "shg"
CONVERTER_BITS = 8
"""Width at which `converter_pj` is stated."""

TWIN_BINS = 100
"""Bins of the layer that `published` figures speak of: the demonstrated one."""

NOISES = ("read_noise_fraction", "floor_noise_fraction")


class Shg(Simulator[ShgSettings]):
    """A pulse, a modulator, a crystal and a spectrometer, used once a layer."""

    name: ClassVar[str] = KIND
    Settings: ClassVar[type[Shape]] = ShgSettings
    changes_numbers: ClassVar[frozenset[str]] = frozenset(
        {"modulator_bits", "averages"} | {f"departure.{name}" for name in Departure.model_fields}
    )
    searchable: ClassVar[frozenset[str]] = frozenset({"interface", "modulator_bits", "averages"})

    def takes(self, operator: Operator, role: Role, settings: ShgSettings) -> bool:  # noqa: ARG002
        """Its own evolution, forward; backward and update are arithmetic on the twin, for the host."""
        return operator.kind == KIND and role == "forward"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: ShgSettings) -> Errors:  # noqa: ARG002
        """The same departures for every layer: they pass one bench. Averaging k exposures divides noise by sqrt(k)."""
        found = {name: getattr(settings.departure, name).value for name in Departure.model_fields}
        for name in NOISES:
            found[name] = found[name] / math.sqrt(settings.averages)
        found["modulator_bits"] = float(settings.modulator_bits)
        taken = (o.name for o in graph.operators if self.takes(o, "forward", settings))
        return {(name, "forward"): ErrorSpec(KIND, name, "forward", found) for name in taken}

    def cost(self, works: Sequence[Work], settings: ShgSettings, context: Context) -> Sequence[LayerCost]:  # noqa: ARG002
        """One layer after the other, sample by sample."""
        return [_layer(_physical(work), settings) for work in works]

    def area(self, settings: ShgSettings) -> Sequence[Area]:
        """The footprint of the whole apparatus, laser included."""
        return (Area(_part(settings, "optical_bench", "core", "footprint_mm2"), _of(settings, "footprint_mm2")),)

    def static_power(self, settings: ShgSettings) -> Sequence[StaticPower]:
        """Laser, modulator and readout always run; controllers and cooling are the system's."""
        return (
            StaticPower(_part(settings, "pulsed_laser", "core", "source_mw"), _of(settings, "source_mw")),
            StaticPower(_part(settings, "modulator", "core", "modulator_mw"), _of(settings, "modulator_mw")),
            StaticPower(_part(settings, "spectrometer", "core", "readout_mw"), _of(settings, "readout_mw")),
            StaticPower(_part(settings, "apparatus", "system", "apparatus_mw"), _of(settings, "apparatus_mw")),
        )

    def limits(self, works: Sequence[Work], settings: ShgSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """The modulator needs a column a bin, the detector a pixel a recorded bin."""
        bins = max((_bins(_physical(work)) for work in works), default=0.0)
        outputs = max((_physical(work).outputs for work in works), default=0)
        return (
            Limit(f"{bins:g} bins do not fit {settings.columns} modulator columns", bins / settings.columns - 1),
            Limit(f"{outputs} recorded bins do not fit {settings.pixels} pixels", outputs / settings.pixels - 1),
        )

    def published(self, settings: ShgSettings) -> Mapping[str, float]:
        """Frame rate, one layer's time and energy, and what simulating a layer costs relative to running it.

        `self_simulation_energy_ratio` is 15 n log2 n digital operations (n the padded transform) over the bench's
        energy, for the demonstrated 100 bins: below 1 the physics saves nothing.
        """
        time_ns = float(layer_ns(settings))
        energy_pj = time_ns * sum(float(part.power_mw) for part in self.static_power(settings))
        length = 2 ** math.ceil(math.log2(2 * TWIN_BINS - 1))
        digital_pj = 15 * length * math.log2(length) * settings.twin_flop_pj.value
        return {
            "frame_rate_ghz": 1.0 / time_ns,
            "layer_latency_ns": time_ns,
            "layer_energy_pj": energy_pj,
            "self_simulation_energy_ratio": digital_pj / energy_pj,
        }


def layer_ns(settings: ShgSettings) -> Quantity:
    """Time of one sample in one layer: settle + averages (flight + exposure)."""
    flight = _of(settings, "path_mm") / SPEED_OF_LIGHT_MM_PER_NS
    return _of(settings, "settle_ns") + settings.averages * (flight + _of(settings, "exposure_ns"))


def _layer(work: PhysicalWork, settings: ShgSettings) -> LayerCost:
    reading = settings.averages * _of(settings, "exposure_ns")
    latency = work.passes * layer_ns(settings)
    names = np.where(reading > _of(settings, "settle_ns"), "readout", "modulator")
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency,
        active_units=1.0,
        utilisation_fraction=1.0,
        bound_by=str(names) if names.ndim == 0 else names,
        energies=_energies(work, settings),
    )


def _energies(work: PhysicalWork, settings: ShgSettings) -> tuple[Energy, ...]:
    frames, exposures = work.passes * _bins(work), work.passes * work.outputs * settings.averages
    converter = _of(settings, "converter_pj") * dac_factor(settings.modulator_bits, CONVERTER_BITS)
    moved_bits = frames * settings.modulator_bits + exposures * settings.spectrum_bits
    return (
        Energy(_part(settings, "encoding", "core", "symbol_pj"), frames * _of(settings, "symbol_pj")),
        Energy(_part(settings, "input_dac", "core", "converter_pj"), frames * converter),
        Energy(_part(settings, "adc", "core", "conversion_pj"), exposures * _of(settings, "conversion_pj")),
        Energy(Component.of("link", "system", settings.link_pj_per_bit), moved_bits * settings.link_pj_per_bit.value),
    )


def _of(settings: ShgSettings, name: str) -> Quantity:
    """A number of the chosen way to drive and read; one value a variant where the interface is swept."""
    bench, comb = (_constant(way, name).value for way in (settings.bench, settings.comb))
    if isinstance(settings.interface, str):
        return comb if settings.interface == "comb" else bench
    return np.where(np.asarray(settings.interface) == "comb", comb, bench)


def _part(settings: ShgSettings, name: str, scope: Scope, constant: str) -> Component:
    """The component behind a number of the chosen way; as weak as the weaker one where the interface is swept."""
    ways = {"bench": settings.bench, "comb": settings.comb}
    chosen = (_constant(ways[way], constant) for way in sorted(set(np.atleast_1d(settings.interface).tolist())))
    return Component.resting_on(name, scope, *chosen)


def _constant(way: Way, name: str) -> Sourced:
    number: Sourced = getattr(way, name)
    return number


def _physical(work: Work) -> PhysicalWork:
    if not isinstance(work, PhysicalWork):
        raise SimulatorError(f"the bench has no way to compute {work.layer} in role {work.role}")
    return work


def _bins(work: PhysicalWork) -> float:
    return work.numbers["bins"]
