"""Figures of a whole chip: what it holds, what it draws where its publication measured it, where it breaks even."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.simulators.spiking.settings import SpikingSettings


def figures(settings: SpikingSettings) -> Mapping[str, float]:
    """Counts, power at the point (all cores at work), events a joule, and the break-even with a digital MAC."""
    neurons, point = settings.cores * settings.core.neurons, settings.point
    sops = neurons * point.spikes_per_tick * point.synapses / settings.tick_ns
    events_mw = sops * settings.event_pj.value
    updates_mw = neurons / settings.tick_ns * _update_pj(settings)
    spikes_mw = neurons * point.spikes_per_tick / settings.tick_ns * settings.routing.spike_pj.value
    power_mw = settings.static_mw.value + events_mw + updates_mw + spikes_mw
    return {
        "cores_count": float(settings.cores),
        "neurons_count": float(neurons),
        "axons_count": float(settings.cores * settings.core.axons),
        "crossbar_synapses_count": float(neurons * settings.core.axons),
        "chip_power_mw": power_mw,
        "chip_area_mm2": settings.chip_mm2.value,
        "static_mw": settings.static_mw.value,
        "synaptic_gsops": sops,
        "point_event_pj": power_mw / sops,
        "point_gsops_per_w": 1e3 * sops / power_mw,
        "best_gsops_per_w": 1e3 / settings.event_pj.value,
        "event_pj": settings.event_pj.value,
        "active_update_pj": settings.neuron.active_pj.value,
        "idle_update_pj": settings.neuron.idle_pj.value,
        "spike_pj": settings.routing.spike_pj.value,
        "hop_pj": settings.routing.hop_pj.value,
        "break_even_spikes": break_even_spikes(settings),
        "event_break_even_spikes": settings.digital.mac_pj.value / settings.event_pj.value,
    }


def break_even_spikes(settings: SpikingSettings) -> float:
    """Spikes that a neuron may send in one sample before their additions cost more than one digital MAC a synapse."""
    return settings.digital.mac_pj.value / settings.digital.add_pj.value


def _update_pj(settings: SpikingSettings) -> float:
    point, neuron = settings.point, settings.neuron
    if not neuron.sparse_update:
        return neuron.active_pj.value
    active = 1 - (1 - point.spikes_per_tick) ** point.synapses
    return active * neuron.active_pj.value + (1 - active) * neuron.idle_pj.value
