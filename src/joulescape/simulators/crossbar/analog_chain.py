"""Layers that hand their sums on as voltages: amplifiers between layers, converters at both ends of the chain alone.

Demonstrators of memristive multi-layer perceptrons work so: a column's current meets a transimpedance amplifier whose
transfer is the activation function, and its voltage drives the rows of the next layer. Nothing holds a value on the
way. All layers therefore stay driven until the outputs are converted: a layer with l - 1 behind it draws its power for
l settling times and the conversion, samples follow one another without overlap, and every output position of a
convolution needs arrays of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators._values import drive_square, pair_level
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Limit, Quantity, ceil_div
from joulescape.simulators.crossbar.converters import conversion_energy, conversion_ns
from joulescape.simulators.crossbar.mapping import Mapping, map_product, utilisation
from joulescape.simulators.crossbar.mechanisms import AnalogActivations
from joulescape.simulators.crossbar.roll_up import Parts
from joulescape.simulators.crossbar.rules import input_width, operand_width, slices
from joulescape.simulators.crossbar.settings import CrossbarSettings


@dataclass(frozen=True)
class Chain:
    """The layers of one phase that follow each other as voltages."""

    layers: tuple[str, ...]
    converting_ns: Quantity
    """Time for which the last layer's outputs are converted, for one sample."""

    @classmethod
    def of(cls, works: Sequence[Work], settings: CrossbarSettings) -> Chain:
        """In the order of the works; an empty chain where every sum is converted."""
        matrices = [work for work in works if isinstance(work, MatrixWork)]
        analog = settings.chain
        if analog is None or not matrices:
            return cls((), 0.0)
        loops = matrices[-1].loops
        turns = ceil_div(loops.positions // loops.B * loops.G * loops.K, analog.outputs)
        return cls(tuple(work.layer for work in matrices), turns * conversion_ns(settings.adc))

    def held_ns(self, layer: str, settle_ns: float) -> Quantity:
        """How long one sample keeps a layer driven: it and all behind it settle, then the outputs are converted."""
        return (len(self.layers) - self.layers.index(layer)) * settle_ns + self.converting_ns


def chain_cost(
    work: MatrixWork, analog: AnalogActivations, chain: Chain, found: Parts, settings: CrossbarSettings
) -> LayerCost:
    """One layer between two others; the first is driven by converters, the last is converted. Per batch."""
    mapping = map_product(work, settings)
    samples, held = work.loops.B, chain.held_ns(work.layer, analog.settle_ns.value)
    is_first, is_last = work.layer == chain.layers[0], work.layer == chain.layers[-1]
    busy = samples * (analog.settle_ns.value + (chain.converting_ns if is_last else 0.0))
    energies = (
        _cells(work, mapping, held, settings),
        _amplifiers(work, held, found),
        *(_inputs(work, analog, found) if is_first else ()),
        *(_outputs(work, found, settings) if is_last else ()),
    )
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=np.asarray(busy),
        active_units=mapping.arrays * mapping.copies,
        utilisation_fraction=utilisation(mapping, settings),
        bound_by="adc" if is_last and float(np.max(chain.converting_ns)) > analog.settle_ns.value else "settling",
        energies=energies,
        occupancy_ns=samples * chain.held_ns(chain.layers[0], analog.settle_ns.value),
    )


def chain_limits(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[Limit, ...]:
    """What voltages cannot do, what no size would mend first; empty where every sum is converted."""
    analog = settings.chain
    matrices = [work for work in works if isinstance(work, MatrixWork)]
    if analog is None or not matrices:
        return ()
    return (
        *(_function_limit(work, analog) for work in works if isinstance(work, VectorWork)),
        _path_limit(works, context),
        _first_limit(matrices[0], analog, settings),
        *(limit for work in matrices for limit in _layer_limits(work, settings)),
    )


def _cells(work: MatrixWork, mapping: Mapping, held_ns: Quantity, settings: CrossbarSettings) -> Energy:
    """V^2 * mean square of the drive * mean conductance * time, for every cell: current flows while its layer holds.

    Both means are of this network's measured values, where there are any (`_values`). Else a value that is as likely
    anywhere between 0 and full scale has a mean of 1/2 and a mean square of 1/3, taken in proportion to the mean.
    """
    cell, width = settings.cell, operand_width(work.weight.bits, settings)
    g_off = cell.g_on_msiemens.value / cell.on_off_ratio.value
    conductance = g_off + pair_level(work.weight, width, width - 1) * (cell.g_on_msiemens.value - g_off)
    power = cell.read_v.value**2 * _mean_square(work, settings) * conductance
    cells = mapping.loops.positions * mapping.loops.G * mapping.loops.reduction * mapping.loops.K
    part = Component("crossbar", "core", cell.g_on_msiemens.basis, cell.g_on_msiemens.source)
    return Energy(part, cells * mapping.cells_per_weight * power * held_ns)


def _mean_square(work: MatrixWork, settings: CrossbarSettings) -> Quantity:
    """Of a row's voltage over its full scale: one voltage stands for the whole magnitude."""
    width = input_width(work.input.bits, settings)
    if not work.input.histogram:
        return work.input.mean_fraction * 2 / 3
    return drive_square(work.input, width, max(1, width - work.input.is_signed))


def _amplifiers(work: MatrixWork, held_ns: Quantity, found: Parts) -> Energy:
    part, outputs = found["amplifier"], work.loops.positions * work.loops.G * work.loops.K
    return Energy(part.component(part.unit_power_mw), outputs * part.unit_power_mw.value * held_ns)


def _inputs(work: MatrixWork, analog: AnalogActivations, found: Parts) -> tuple[Energy, ...]:
    return (
        Energy(
            found["input_dac"].component(analog.inputs.energy_pj), work.input.elements * analog.inputs.energy_pj.value
        ),
    )


def _outputs(work: MatrixWork, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    each = conversion_energy(settings.adc)
    outputs = work.loops.positions * work.loops.G * work.loops.K
    return (Energy(found["adc"].component(each), outputs * each.value),)


def _first_limit(work: MatrixWork, analog: AnalogActivations, settings: CrossbarSettings) -> Limit:
    """Every value of an input stands at once, in one piece."""
    width, drivers = input_width(work.input.bits, settings), analog.inputs
    if width > drivers.bits:
        reason = (
            f"{work.layer} would be driven in parts whose sums are added as numbers, and nothing is converted before "
            f"the end: inputs of {width} bits need analog_activations.inputs.bits {width}, not {drivers.bits}"
        )
        return Limit(reason, width / drivers.bits - 1)
    values = work.input.elements / work.loops.B
    reason = (
        f"{work.layer} has {values:g} inputs that must stand at once: analog_activations.inputs.count {values:g}, not "
        f"{drivers.count}"
    )
    return Limit(reason, values / drivers.count - 1)


def _layer_limits(work: MatrixWork, settings: CrossbarSettings) -> tuple[Limit, ...]:
    if work.role != "forward":
        return (Limit(f"{work.layer} hands on voltages, so that its errors cannot come back as numbers", 1.0),)
    if settings.array.encoding == "offset":
        reason = f"{work.layer} takes the sum of its inputs off as a number: array.encoding differential needs none"
        return (Limit(reason, 1.0),)
    return (_slice_limit(work, settings), _position_limit(work, settings))


def _slice_limit(work: MatrixWork, settings: CrossbarSettings) -> Limit:
    width = operand_width(work.weight.bits, settings)
    halves = int(slices(width, settings)) // 2
    reason = (
        f"{work.layer} has weights of {width} bits in {halves} cells whose sums are added as numbers, and nothing is "
        f"converted before the end: cell.bits {width - 1}, or weights of {settings.cell.bits + 1} bits"
    )
    return Limit(reason, halves - 1.0)


def _position_limit(work: MatrixWork, settings: CrossbarSettings) -> Limit:
    positions, copies = work.loops.OY * work.loops.OX, map_product(work, settings).copies
    reason = (
        f"{work.layer} has {positions} output positions, and voltages wait nowhere: each needs arrays of its own "
        "(positions_per_copy 1)"
    )
    return Limit(reason, positions / copies - 1)


def _function_limit(work: VectorWork, analog: AnalogActivations) -> Limit:
    has = work.kind in analog.functions
    reason = f"{work.layer}: the hand-over circuit has {' and '.join(analog.functions)}, no {work.kind}"
    return Limit(reason, 0.0 if has else 1.0)


def _path_limit(works: Sequence[Work], context: Context) -> Limit:
    """Nothing may leave the chain before its end: another station computes with numbers."""
    back = [work.layer for work in works if work.layer in context.received]
    reason = f"{', '.join(back)}: inputs come from the host as numbers, and there are no converters between layers"
    return Limit(reason, float(len(back)))
