"""Neurosynaptic chips as a back end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._variants import stacked, stacked_limits, variants
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Simulator, StaticPower
from joulescape.simulators.spiking.cost import activity, mean_hops, product_cost, vector_cost, window_ticks
from joulescape.simulators.spiking.figures import break_even_spikes, figures
from joulescape.simulators.spiking.mapping import POOLS, cores_of, placed, pooled
from joulescape.simulators.spiking.pace import busiest, load_of, tick_ns
from joulescape.simulators.spiking.settings import SpikingSettings

IN_NEURONS = frozenset({"relu", "add", "norm", "concat", "channel_shuffle", "channel_slice", "scale_offset"})
"""Part of the neurons and axons of the layers around them."""

WOULD_DO = {1: "`binary`", 2: "`ternary`"}
"""Compression that leaves weights as narrow; wider synapses take whole numbers."""

NOMINAL = (
    "without accuracy_fraction spikes are nominal (half of the timesteps an input, one with first_spike); a question "
    "with it counts them on real samples, often several times fewer"
)
"""What a cost alone rests on."""

NAMED = 3
"""Layers that a refusal names."""


class Spiking(Simulator[SpikingSettings]):
    """Layers on cores of their own, all at once; inference only."""

    name = "spiking"
    Settings = SpikingSettings
    changes_numbers = frozenset(
        {
            "timesteps", "code", "input_code", "threshold_percentile", "weight_bits", "weight_sigma_fraction",
            "threshold_sigma_fraction",
        }
    )  # fmt: skip
    searchable = frozenset(
        {
            "timesteps", "code", "input_code", "threshold_percentile", "weight_bits", "chips", "tick_ns",
            "event_driven", "neuron.sparse_update", "core.shares_kernels",
        }
    )  # fmt: skip
    is_pipelined = True

    def takes(self, operator: Operator, role: Role, settings: SpikingSettings) -> bool:  # noqa: ARG002
        """Forward products with stored weights, rectifiers, pools, and what neurons add up."""
        is_product = operator.is_matrix and operator.kind != "matmul"
        return role == "forward" and (is_product or operator.kind in POOLS | IN_NEURONS)

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SpikingSettings) -> Errors:
        """Steps, code and thresholds, the same for all; synapses by the width that a layer's weights have."""
        return {
            (operator.name, "forward"): ErrorSpec(
                "spiking",
                operator.name,
                "forward",
                _numbers(formats.get(operator.name, OperandFormat()), settings),
            )
            for operator in graph.matrix_operators
            if self.takes(operator, "forward", settings)
        }

    def cost(self, works: Sequence[Work], settings: SpikingSettings, context: Context) -> Sequence[LayerCost]:
        """All layers at once, each on its own cores."""
        costs = [_costs(works, machine, context) for machine in variants(settings, self.searchable)]
        return [stacked(found) for found in zip(*costs, strict=True)]

    def area(self, settings: SpikingSettings) -> Sequence[Area]:
        """Whole chips."""
        chips = np.asarray(settings.chips)
        return [Area(Component.of("chips", "core", settings.chip_mm2, scales=True), chips * settings.chip_mm2.value)]

    def static_power(self, settings: SpikingSettings) -> Sequence[StaticPower]:
        """Leakage and bias of all chips."""
        component = Component.of("static", "core", settings.static_mw, scales=True)
        return [StaticPower(component, np.asarray(settings.chips) * settings.static_mw.value)]

    def limits(self, works: Sequence[Work], settings: SpikingSettings, context: Context) -> Sequence[Limit]:
        """Cores enough; weights, samples and ticks that the chip can take; nothing back from the host."""
        machines = variants(settings, self.searchable)
        return stacked_limits([list(_limits(works, machine, context)) for machine in machines])

    def cautions(self, settings: SpikingSettings) -> Sequence[str]:  # noqa: ARG002
        """Where spikes come from: nominal ones are several times those of a trained network."""
        return (NOMINAL,)

    def explain(self, work: Work, settings: SpikingSettings, context: Context) -> str | None:
        """Cores and events of a product, beside what a digital machine would do."""
        if not isinstance(work, MatrixWork):
            return None
        found = placed(work, settings)
        done = activity(work, found, settings, work.layer in context.first)
        lines = [
            f"{found.cores} cores, {found.neurons} neurons, inputs over {found.parts} cores a neuron",
            f"{done.spikes:.4g} spikes an input in {window_ticks(settings)} ticks: {done.events:.4g} synaptic events "
            f"for {work.macs // work.loops.B} multiply-accumulates",
            f"break-even with a digital multiply-accumulate: {break_even_spikes(settings):.2f} spikes by additions "
            f"({figures(settings)['event_break_even_spikes']:.2f} by this chip's events)",
        ]
        if settings.pace is not None:
            load = load_of(work, settings, context)
            lines.append(
                f"busiest core: {load.events:.4g} events and {load.neurons:.4g} neurons a tick take "
                f"{load.needed_ns:.4g} ns"
            )
        return "\n".join(lines)

    def published(self, settings: SpikingSettings) -> Mapping[str, float]:
        """Figures of a whole chip."""
        return figures(settings)


def cores_needed(works: Sequence[Work], settings: SpikingSettings, batch: int) -> int:
    """Of a whole network."""
    products = [placed(work, settings) for work in works if isinstance(work, MatrixWork)]
    pools = [pooled(work, settings, batch) for work in works if isinstance(work, VectorWork) and work.kind in POOLS]
    return cores_of([*products, *pools], settings)


def _costs(works: Sequence[Work], settings: SpikingSettings, context: Context) -> list[LayerCost]:
    hops, tick = mean_hops(cores_needed(works, settings, context.batch), settings), tick_ns(works, settings, context)
    paced, bound = settings.model_copy(update={"tick_ns": tick}), "events" if tick > settings.tick_ns else "ticks"
    return [replace(_cost(work, paced, context, hops), bound_by=bound) for work in works]


def _cost(work: Work, settings: SpikingSettings, context: Context, hops: float) -> LayerCost:
    if isinstance(work, MatrixWork):
        return product_cost(work, settings, context, hops)
    if isinstance(work, VectorWork):
        return vector_cost(work, settings, context)
    raise SimulatorError(f"a spiking machine was given {work.layer}, {work.role}: a physical system has no neurons")


def _width(bits: int) -> str:
    """Of a synapse: 1 bit is two values, 2 bits are used as three."""
    return {1: "1 bit (minus, plus)", 2: "2 bits (minus, none, plus)"}.get(bits, f"{bits} bits")


def _numbers(form: OperandFormat, settings: SpikingSettings) -> dict[str, float]:
    found = {
        "timesteps": float(settings.timesteps),
        "is_first_spike": float(settings.code == "first_spike"),
        "is_current": float(settings.input_code == "current"),
        "is_poisson": float(settings.input_code == "poisson"),
        "threshold_percentile": settings.threshold_percentile,
    }
    if form.stored_bits > settings.weight_bits:
        found["weight_bits"] = float(settings.weight_bits)
    for name in ("weight_sigma_fraction", "threshold_sigma_fraction"):
        sigma = getattr(settings, name)
        if sigma is not None:
            found[name] = sigma.value
    return found


def _limits(works: Sequence[Work], settings: SpikingSettings, context: Context) -> Iterator[Limit]:
    yield from _sizes(works, settings, context)
    if settings.input_code == "current" and not settings.takes_currents:
        yield Limit("input_code current: these cores take spikes alone; regular or poisson would do", 1.0)
    least = settings.least_tick_ns.value
    if settings.tick_ns < least:
        yield Limit(
            f"tick_ns of {settings.tick_ns:g} is shorter than {least:g}, which would do", least / settings.tick_ns - 1
        )
    yield from _late(works, settings, context)
    back = [work.layer for work in works if work.layer in context.received]
    if back:
        named = ", ".join(back[:NAMED]) + (f" and {len(back) - NAMED} more" if len(back) > NAMED else "")
        yield Limit(
            f"{named}: input from the host, which hands values on and no spikes; a network without it would do", 1.0
        )


def _late(works: Sequence[Work], settings: SpikingSettings, context: Context) -> Iterator[Limit]:
    """A fixed tick that ends before the busiest core is done."""
    if settings.pace is None or settings.pace.stretches:
        return
    load = busiest(works, settings, context)
    if load.needed_ns > settings.tick_ns:
        yield Limit(
            f"{load.layer}: {load.events:.4g} events and {load.neurons:.4g} neurons of the busiest core take longer "
            f"than tick_ns of {settings.tick_ns:g}; {math.ceil(load.needed_ns)} would do",
            load.needed_ns / settings.tick_ns - 1,
        )


def _sizes(works: Sequence[Work], settings: SpikingSettings, context: Context) -> Iterator[Limit]:
    """Weights no wider than a synapse where nothing may be rounded, and cores for all layers."""
    wide = [w for w in works if isinstance(w, MatrixWork) and w.format.stored_bits > settings.weight_bits]
    if wide and not settings.converts_weights:
        widest = max(wide, key=lambda work: work.format.stored_bits)
        bits = widest.format.stored_bits
        said = f"{widest.layer}: weights of {bits:g} bits on synapses of {_width(settings.weight_bits)}"
        advice = WOULD_DO.get(settings.weight_bits, f"`quantize` to {settings.weight_bits} bits")
        yield Limit(f"{said}; compression {advice} with fine-tuning would do", bits / settings.weight_bits - 1)
    needed, there = cores_needed(works, settings, context.batch), settings.cores * settings.chips
    if needed > there:
        chips = math.ceil(needed / settings.cores)
        yield Limit(f"{needed} cores needed, {there} there; chips: {chips} would do", needed / there - 1)
