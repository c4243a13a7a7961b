"""How long a tick must last: a core takes its events and updates one after the other, cores work side by side.

    tick >= max over cores of (events a tick t_event + neurons updated t_update)

Where a barrier ends a tick, it lasts as long as the busiest core; where ticks have a fixed length, a network whose
busiest core would be late is infeasible. Without a `pace` all synapses work at once (analog ones).

Assumptions: events are spread evenly over the ticks in which a layer listens, and over the neurons of a layer; small
layers that share a core add up; a pool's neurons are updated as active ones, and their events are left out, as they
are in its energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import Context
from joulescape.simulators.spiking.cost import activity, window_ticks
from joulescape.simulators.spiking.mapping import POOLS, Placed, placed, pooled, shared_cores
from joulescape.simulators.spiking.settings import SpikingSettings


@dataclass(frozen=True)
class Load:
    """What the busiest core of a layer does in one tick."""

    layer: str
    events: float
    neurons: float
    needed_ns: float


def load_of(work: MatrixWork | VectorWork, settings: SpikingSettings, context: Context) -> Load:
    """Of the busiest core of one layer; no time where all synapses work at once."""
    found, pace = _placed(work, settings, context), settings.pace
    neurons, events, active = found.neurons * found.busiest_fraction, 0.0, 1.0
    if isinstance(work, MatrixWork):
        done = activity(work, found, settings, work.layer in context.first)
        ticks = settings.timesteps if settings.event_driven else window_ticks(settings)
        events, active = done.events * found.busiest_fraction / ticks, done.active_fraction
    if pace is None:
        return Load(work.layer, events, neurons, 0.0)
    update_ns = active * pace.active_ns.value + (1 - active) * pace.idle_ns.value
    return Load(work.layer, events, neurons, events * pace.event_ns.value + neurons * update_ns)


def busiest(works: Sequence[Work], settings: SpikingSettings, context: Context) -> Load:
    """The core that a tick waits for; layers that share it are named together."""
    on_cores = [
        work for work in works if isinstance(work, MatrixWork) or (isinstance(work, VectorWork) and work.kind in POOLS)
    ]
    loads = [load_of(work, settings, context) for work in on_cores]
    small = shared_cores([_placed(work, settings, context) for work in on_cores], settings)
    together = [_sum([loads[index] for index in indices]) for indices in small]
    return max([*loads, *together], key=lambda load: load.needed_ns, default=Load("", 0.0, 0.0, 0.0))


def tick_ns(works: Sequence[Work], settings: SpikingSettings, context: Context) -> float:
    """As set, or as long as the busiest core needs where a barrier waits for it."""
    if settings.pace is None or not settings.pace.stretches:
        return settings.tick_ns
    return max(settings.tick_ns, busiest(works, settings, context).needed_ns)


def _placed(work: MatrixWork | VectorWork, settings: SpikingSettings, context: Context) -> Placed:
    return placed(work, settings) if isinstance(work, MatrixWork) else pooled(work, settings, context.batch)


def _sum(loads: Sequence[Load]) -> Load:
    return Load(
        layer=", ".join(load.layer for load in loads),
        events=sum(load.events for load in loads),
        neurons=sum(load.neurons for load in loads),
        needed_ns=sum(load.needed_ns for load in loads),
    )
