"""Cost of machines that compute by evolving (wright2022): every layer is so many drives and records of one system.

    t = averages (settle + samples + evolution + exposure),   E = (source + control + readout + apparatus) t
        + controls (setting + conversion + coding) + records (conversion + coding) + bits moved

The powers flow all the time, so they are static power of the machine; a batch passes sample by sample, and one
apparatus serves all layers in turn. Scales, offsets and sums between the layers, the twin's simulation and the backward
pass through it are the host's; training on the device adds the passes that fit the twin, where it is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

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
    Simulator,
    StaticPower,
)
from joulescape.simulators.evolution.quantities import (
    Pass,
    evolution_ns,
    fitted_passes,
    frame_ns,
    of,
    part,
    pass_ns,
    physical,
)
from joulescape.simulators.evolution.reference import figures
from joulescape.simulators.evolution.settings import EvolutionSettings
from joulescape.spec.base import Shape

CONVERTER_BITS = 8
"""Width at which `converter_pj` is stated."""


class Evolution(Simulator[EvolutionSettings]):
    """Source, controls, a physical system and a readout, used once a layer."""

    name: ClassVar[str] = "evolution"
    Settings: ClassVar[type[Shape]] = EvolutionSettings
    changes_numbers: ClassVar[frozenset[str]] = frozenset(
        {"control_bits", "averages", "mismatch", "noise", "evolves", "departure"}
    )
    searchable: ClassVar[frozenset[str]] = frozenset(
        {"interface", "control_bits", "averages", "mismatch", "noise", "evolves", "twin.measurements",
         "twin.refresh_samples", "twin.refresh_steps", "twin.fit_passes"}
    )  # fmt: skip

    def takes(self, operator: Operator, role: Role, settings: EvolutionSettings) -> bool:
        """Its own evolution, forward; backward and update are arithmetic on the twin, for the host."""
        return operator.kind == settings.system and role == "forward"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: EvolutionSettings) -> Errors:  # noqa: ARG002
        """The same departures for every layer: they pass one machine. Averaging k exposures divides noise by sqrt k."""
        found = departures(settings) if settings.evolves else {}
        taken = (o.name for o in graph.operators if self.takes(o, "forward", settings))
        return {(name, "forward"): ErrorSpec(settings.system, name, "forward", found) for name in taken}

    def cost(self, works: Sequence[Work], settings: EvolutionSettings, context: Context) -> Sequence[LayerCost]:
        """One layer after the other, sample by sample."""
        found = (physical(work, settings) for work in works)
        return [_evolved(w, settings, context) if settings.evolves else _simulated(w, settings) for w in found]

    def area(self, settings: EvolutionSettings) -> Sequence[Area]:
        """The footprint of the whole apparatus, source included; of the digital engine where nothing evolves."""
        if not settings.evolves:
            return (Area(Component.of("simulation", "core", settings.twin_mm2, scales=True), settings.twin_mm2.value),)
        body = part(settings, settings.instruments.body, "core", "footprint_mm2")
        return (Area(body, of(settings, "footprint_mm2")),)

    def static_power(self, settings: EvolutionSettings) -> Sequence[StaticPower]:
        """Source, controls and readout always run; controllers and cooling are the system's."""
        if not settings.evolves:
            return ()
        names = settings.instruments
        return (
            StaticPower(part(settings, names.feed, "core", "source_mw"), of(settings, "source_mw")),
            StaticPower(part(settings, names.control, "core", "control_mw"), of(settings, "control_mw")),
            StaticPower(part(settings, names.readout, "core", "readout_mw"), of(settings, "readout_mw")),
            StaticPower(part(settings, names.apparatus, "system", "apparatus_mw"), of(settings, "apparatus_mw")),
        )

    def limits(self, works: Sequence[Work], settings: EvolutionSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """As many controls and recorded values as the instruments have; a simulation has no such limit."""
        passes = [Pass.of(physical(work, settings), settings) for work in works]
        if not passes or not settings.evolves:
            return ()
        wanted = (
            ("controls", max(one.controls for one in passes), settings.controls),
            ("trained controls", max(one.held for one in passes), settings.held_controls),
            ("recorded values", max(one.record for one in passes), settings.records),
        )
        return [
            Limit(f"{asked:g} {what} do not fit this machine's {most}: at most {most} a layer", asked / most - 1)
            for what, asked, most in wanted
            if most is not None
        ]

    def published(self, settings: EvolutionSettings) -> Mapping[str, float]:
        """Frame rate, and one `sample` layer's time and energy beside what simulating it takes; see `reference`."""

        def priced(work: PhysicalWork) -> tuple[float, float]:
            time_ns = float(pass_ns(work, settings))
            standing = sum(float(power.power_mw) for power in self.static_power(settings))
            once, twice = (sum(float(e.energy_pj) for e in _energies(work, settings, n)) for n in (1.0, 2.0))
            return time_ns, time_ns * standing + twice - once

        return figures(settings, priced)


def departures(settings: EvolutionSettings) -> dict[str, float]:
    """What the ErrorSpec of every layer says."""
    noise = settings.noise / math.sqrt(settings.averages)
    found = {
        name: number.value * (noise if "noise" in name else settings.mismatch)
        for name, number in settings.departure.items()
    }
    return {**found, "control_bits": float(settings.control_bits)}


def _evolved(work: PhysicalWork, settings: EvolutionSettings, context: Context) -> LayerCost:
    one, fitted = Pass.of(work, settings), fitted_passes(work, settings, context)
    passes = work.passes + fitted
    once = of(settings, "settle_ns") if one.held else 0.0
    fit_ops = fitted * settings.twin.fit_passes * work.twin_ops
    latency = passes * pass_ns(work, settings) + once + fit_ops * settings.twin_op_ns.value
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency,
        active_units=1.0,
        utilisation_fraction=1.0,
        bound_by=_bound(work, one, settings),
        energies=(*_energies(work, settings, passes), _fit(fit_ops, settings)),
    )


def _bound(work: PhysicalWork, one: Pass, settings: EvolutionSettings) -> str | np.typing.NDArray[np.str_]:
    """The longest of driving, evolving and reading."""
    drives = 1 if settings.keeps_frame else settings.averages
    reading = settings.averages * of(settings, "exposure_ns")
    evolving = settings.averages * evolution_ns(work, settings)
    times = np.stack(np.broadcast_arrays(drives * frame_ns(one, settings), evolving, reading))
    names = np.array([settings.instruments.control, "evolution", settings.instruments.readout])[times.argmax(axis=0)]
    return str(names) if names.ndim == 0 else names


def _energies(work: PhysicalWork, settings: EvolutionSettings, passes: Quantity) -> tuple[Energy, ...]:
    """Everything but static power: controls set and recorded values, for so many passes and one batch."""
    one = Pass.of(work, settings)
    drives = 1 if settings.keeps_frame else settings.averages
    controls = passes * one.controls * drives + one.held
    records = passes * one.record * settings.averages
    converter = of(settings, "converter_pj") * dac_factor(settings.control_bits, CONVERTER_BITS)
    moved_bits = controls * settings.control_bits + records * settings.record_bits
    coding = settings.code_op_pj
    return (
        Energy(part(settings, "setting", "core", "control_pj"), controls * of(settings, "control_pj")),
        Energy(part(settings, "input_dac", "core", "converter_pj"), controls * converter),
        Energy(part(settings, "adc", "core", "conversion_pj"), records * of(settings, "conversion_pj")),
        Energy(Component.of("digital_encoding", "system", coding), controls * coding.value),
        Energy(Component.of("digital_decoding", "system", coding), records * coding.value),
        Energy(part(settings, "link", "system", "link_pj_per_bit"), moved_bits * of(settings, "link_pj_per_bit")),
    )


def _fit(ops: Quantity, settings: EvolutionSettings) -> Energy:
    return Energy(Component.of("digital_twin_fit", "system", settings.twin_op_pj), ops * settings.twin_op_pj.value)


def _simulated(work: PhysicalWork, settings: EvolutionSettings) -> LayerCost:
    """The twin on a digital engine whose arithmetic alone is paid."""
    ops = work.passes * work.twin_ops
    component = Component.of("simulation", "core", settings.twin_op_pj, scales=True)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=ops * settings.twin_op_ns.value,
        active_units=1.0,
        utilisation_fraction=1.0,
        bound_by="simulation",
        energies=(Energy(component, ops * settings.twin_op_pj.value),),
    )
