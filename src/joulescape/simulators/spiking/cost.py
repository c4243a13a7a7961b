"""Cost of one layer: events in synapses, updates of neurons, spikes on their way.

    E = events E_sop + updates E_neuron + deliveries (E_spike + hops E_hop),  events = spikes an input sends * MACs

for every synapse that is there (weights of zero are none). Spikes and events are those that a measurement counted: an
input at the border of a convolution has fewer synapses than others, and padding sends nothing. Without a measurement an
input sends T times its nominal mean (rate), or one spike where it is not zero (first_spike), padding too. A constant
current is an event at every tick. With the rate code all layers run at once, each a tick behind the one before: T ticks
and one more a layer. First spikes take a window of T ticks a layer, and one more for the answer. A neuron is active in
a tick with the chance that any of its inputs sent a spike, as if these were independent.

Assumptions: maxima are taken as a neuron's update; the two sides of a mesh of n cores are sqrt(n), so a spike makes
2/3 sqrt(n) hops on average; parts of a neuron that is spread over cores send as many spikes as its inputs; a sample
comes from and its answer goes to the off-chip memory; the cores were configured before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulescape.network.work import MatrixWork, Operand, VectorWork
from joulescape.simulators.base import Component, Context, Energy, LayerCost, Traffic
from joulescape.simulators.spiking.mapping import POOLS, Placed, placed, pooled
from joulescape.simulators.spiking.settings import SpikingSettings
from joulescape.units import BITS_PER_BYTE

INPUT_BITS, OUTPUT_BITS = 8, 32
"""Of one value of a sample, and of an answer's potential, outside the chip."""


@dataclass(frozen=True)
class Activity:
    """What one layer does in one sample."""

    spikes: float
    """That one input sends."""
    events: float
    updates: float
    active_fraction: float
    deliveries: float


def activity(work: MatrixWork, found: Placed, settings: SpikingSettings, is_first: bool) -> Activity:
    """A product's spikes and what follows from them."""
    batch, spikes = work.loops.B, spikes_of(work.input, settings, is_first)
    products, met = work.macs / batch, work.input.events
    ticks = window_ticks(settings)
    adding = (found.parts > 1) * found.outputs * found.parts
    synaptic = products * (work.weight.density * spikes if met is None else met)
    each = 1 - (1 - min(1.0, spikes / ticks)) ** (work.loops.reduction * work.weight.density)
    inputs = work.input.elements / batch
    return Activity(
        spikes=spikes,
        events=synaptic + adding * spikes if settings.event_driven else (products + adding) * ticks,
        updates=found.neurons * ticks,
        active_fraction=each if settings.neuron.sparse_update else 1.0,
        deliveries=spikes * max(inputs, found.delivered),
    )


def spikes_of(operand: Operand, settings: SpikingSettings, is_first: bool) -> float:
    """Spikes that one input sends in one sample: as counted, or nominal."""
    if operand.spikes is not None:
        return operand.spikes
    if settings.code == "first_spike":
        return operand.density
    is_current = is_first and settings.input_code == "current"
    return settings.timesteps * (operand.density if is_current else operand.mean_fraction)


def window_ticks(settings: SpikingSettings) -> int:
    """Ticks in which a neuron is updated: T; with first spikes T while it listens and T while its threshold falls."""
    return settings.timesteps * (2 if settings.code == "first_spike" else 1)


def product_cost(work: MatrixWork, settings: SpikingSettings, context: Context, hops: float) -> LayerCost:
    """One product."""
    found, batch = placed(work, settings), work.loops.B
    done = activity(work, found, settings, work.layer in context.first)
    synapses = Component.of("synapses", "core", settings.event_pj, scales=True)
    read = work.input.elements * INPUT_BITS / BITS_PER_BYTE if work.layer in context.first else 0.0
    written = work.output.elements * OUTPUT_BITS / BITS_PER_BYTE if work.layer in context.last else 0.0
    moved = (context.off_chip.transfer(read, written),) if context.includes_off_chip else ()
    latency, busy = _times(work.layer, settings, context, batch)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=work.macs,
        latency_ns=latency,
        active_units=float(found.neurons),
        utilisation_fraction=_used(found, settings),
        bound_by="ticks",
        energies=(
            Energy(synapses, batch * done.events * settings.event_pj.value),
            _updated(batch * done.updates, done.active_fraction, settings),
            _routed(batch * done.deliveries, settings, hops),
            *moved,
        ),
        traffic=(
            Traffic("off_chip_memory", "input", read, 0.0),
            Traffic("off_chip_memory", "output", 0.0, written),
        ),
        occupancy_ns=busy,
    )


def vector_cost(work: VectorWork, settings: SpikingSettings, context: Context) -> LayerCost:
    """Pools have neurons; rectifiers, sums and normalisations are part of the neurons that read them."""
    if work.kind not in POOLS:
        return LayerCost(work.layer, work.role, 0, 0.0, 0.0, 0.0, "ticks", (), occupancy_ns=0.0)
    found = pooled(work, settings, context.batch)
    latency, busy = _times(work.layer, settings, context, context.batch, passes_on=work.kind == "max_pool")
    updates = context.batch * found.neurons * window_ticks(settings)
    return LayerCost(
        layer=work.layer,
        role=work.role,
        macs=0,
        latency_ns=latency,
        active_units=float(found.neurons),
        utilisation_fraction=_used(found, settings),
        bound_by="ticks",
        energies=(_updated(updates, 1.0, settings),),
        occupancy_ns=busy,
    )


def mean_hops(cores: int, settings: SpikingSettings) -> float:
    """Between two cores of a square mesh that a network takes, a chip's mesh at most."""
    return 2 / 3 * math.sqrt(min(cores, settings.cores * settings.chips))


def _times(
    layer: str, settings: SpikingSettings, context: Context, batch: int, passes_on: bool = False
) -> tuple[float, float]:
    """Latency and occupancy of a layer for the whole batch; the first of some first spikes is passed on as it comes."""
    window = settings.timesteps * settings.tick_ns
    if settings.code == "first_spike" and passes_on:
        alone, busy = settings.tick_ns, 2 * window
    elif settings.code == "first_spike":
        alone, busy = window * (2 if layer in context.last else 1), 2 * window
    else:
        alone, busy = (window if layer in context.first else settings.tick_ns), window
    return alone + (batch - 1) * busy, batch * busy


def _used(found: Placed, settings: SpikingSettings) -> float:
    return float(np.minimum(1.0, found.neurons / (settings.cores * settings.chips * settings.core.neurons)))


def _updated(updates: float, active: float, settings: SpikingSettings) -> Energy:
    neuron = settings.neuron
    component = Component.resting_on("neurons", "core", neuron.active_pj, neuron.idle_pj, scales=True)
    each = active * neuron.active_pj.value + (1 - active) * neuron.idle_pj.value
    return Energy(component, updates * each)


def _routed(deliveries: float, settings: SpikingSettings, hops: float) -> Energy:
    routing = settings.routing
    component = Component.resting_on("spike_routing", "chip", routing.spike_pj, routing.hop_pj, scales=True)
    return Energy(component, deliveries * (routing.spike_pj.value + hops * routing.hop_pj.value))
