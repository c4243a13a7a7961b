"""Figures that published rows may name: rates, area, power, and efficiency in the state in which it is quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.simulators.base import Area, Context, OffChip, StaticPower
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.simulators.training_core.matrix import Run
from joulescape.simulators.training_core.settings import TrainingCoreSettings
from joulescape.spec.sourced import Sourced
from joulescape.units import OPS_PER_MAC

TAPS = 3


def units(settings: TrainingCoreSettings) -> int:
    """Multipliers at the width of the constants."""
    return prod(settings.array.dimensions.values())


def peak_gops(settings: TrainingCoreSettings) -> float:
    """Operations per second when every unit works and no value is zero."""
    arithmetic = settings.arithmetic
    more = {"fixed": 1.0, "packed": arithmetic.mac_bits // arithmetic.bits}.get(
        arithmetic.narrow, arithmetic.mac_bits // arithmetic.bits / arithmetic.bits
    )
    return OPS_PER_MAC * units(settings) * more * settings.clock_ghz


def figures(
    settings: TrainingCoreSettings, areas: Sequence[Area], powers: Sequence[StaticPower]
) -> Mapping[str, float]:
    """Rates, area, and power and efficiency in the rated state; operations of zeros are counted as done."""
    energy_pj, latency_ns, macs = _rated(settings)
    standing_mw = sum(float(power.power_mw) for power in powers)
    power_mw = energy_pj / latency_ns + standing_mw
    area, gops = sum(float(part.area_mm2) for part in areas), OPS_PER_MAC * macs / latency_ns
    return {
        "peak_gops": peak_gops(settings),
        "peak_tops": peak_gops(settings) / 1e3,
        "units_count": float(units(settings)),
        "area_mm2": area,
        "rated_gops": gops,
        "chip_power_mw": power_mw,
        "tops_per_w": gops / power_mw,
        "gops_per_mm2": gops / area,
    }


def rated_work(settings: TrainingCoreSettings) -> MatrixWork:
    """One 3 x 3 convolution inside a network, its zeros as the state says."""
    rated = settings.rated
    loops = Loops(K=rated.filters, C=rated.channels, OY=rated.side, OX=rated.side, FY=TAPS, FX=TAPS)
    bits, inputs = settings.arithmetic.bits, rated.channels * (rated.side + TAPS - 1) ** 2
    return MatrixWork(
        "rated", "forward", loops,
        Operand(rated.filters * rated.channels * TAPS * TAPS, bits, rated.weight_density, "unstructured"),
        Operand(inputs, bits, rated.input_density, "unstructured"),
        Operand(rated.filters * rated.side**2, bits, needed=rated.output_share),
    )  # fmt: skip


def _rated(settings: TrainingCoreSettings) -> tuple[float, float, int]:
    """pJ on the chip, ns, and products of the rated convolution in the memories that there are; off-chip memory is no
    part of a chip's figure.

    Raises Infeasible where the memories cannot hold it.
    """
    work = rated_work(settings)
    machine = TrainingMachine.of([work], settings, _context())
    run = Run(work, machine, machine.mapped(work))
    energy = sum(float(part.energy_pj) for part in run.energies())
    return energy, run.latency_ns, work.macs


def _context() -> Context:
    nothing = Sourced(value=0.0, low=0.0, high=0.0, basis="derived", source="joulescape")
    return Context(1, OffChip("none", nothing, nothing, nothing), False)
