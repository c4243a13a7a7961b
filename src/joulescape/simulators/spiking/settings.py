"""What the `parameters` of a spiking machine say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Positive = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=1, le=4096)]
Percent = Annotated[float, Field(ge=50, le=100)]
Bits = Annotated[int, Field(ge=1, le=32)]
Share = Annotated[float, Field(ge=0, le=1)]

Code = Literal["rate", "first_spike"]
"""How a layer tells its values: by the number of spikes in T steps; by when the only one comes within a window of T."""

InputCode = Literal["current", "regular", "poisson"]
"""How samples come in: as a constant current into the first neurons; as evenly spaced spikes; as random ones."""


class CoreSettings(Shape):
    """One core: every axon may meet every neuron."""

    axons: Positive
    neurons: Positive
    axons_per_input: Positive = 1
    """Axons that one input takes: 2 where an axon has one sign for all its neurons, and weights have both."""
    synapse_bits: Positive | None = None
    """Memory of a core's weights; None: a crossbar that holds all of them."""
    shares_kernels: bool = False
    """Whether a convolution's kernel is stored once a core, or once a position of it."""


class NeuronSettings(Shape):
    """An update of one neuron in one tick."""

    active_pj: LowerIsBetter
    """Of one that was sent something."""
    idle_pj: LowerIsBetter
    """Of one that was sent nothing."""
    sparse_update: bool = True
    """False: every neuron is updated as if it was sent something."""


class PaceSettings(Shape):
    """What a core does one after the other."""

    event_ns: LowerIsBetter
    active_ns: LowerIsBetter
    """An update of a neuron that was sent something."""
    idle_ns: LowerIsBetter
    stretches: bool
    """Whether a tick waits for the busiest core (a barrier ends it); False: its length is fixed."""


class RoutingSettings(Shape):
    """A spike on its way to the cores that listen to it."""

    spike_pj: LowerIsBetter
    """Into and out of a core."""
    hop_pj: LowerIsBetter
    """From one router to the next."""


class DigitalSettings(Shape):
    """What an artificial network would pay on a digital machine, for the break-even."""

    mac_pj: LowerIsBetter
    add_pj: LowerIsBetter


class PointSettings(Shape):
    """Where published figures of a whole chip were taken."""

    spikes_per_tick: Share
    """Mean rate of a neuron."""
    synapses: Positive
    """Of a neuron that are there."""


class SpikingSettings(Shape):
    """A chip of neurosynaptic cores."""

    timesteps: Steps
    """T: how long a sample is looked at (rate), or a window (first_spike). 0 would look at nothing."""
    code: Code = "rate"
    input_code: InputCode = "regular"
    threshold_percentile: Percent = 99.9
    """Neurons fire at this percentile of their layer's activations over training data."""
    weight_bits: Bits
    """Widest weight of a synapse; 2: minus, none, plus."""
    converts_weights: bool = True
    """Whether wider weights may be rounded; False: a network must be trained with such weights."""
    takes_currents: bool = False
    """Whether neurons can be driven by a constant current."""
    event_driven: bool = True
    """False: every synapse is read at every tick, spike or none."""
    chips: Positive = 1
    cores: Positive
    core: CoreSettings
    tick_ns: Annotated[float, Field(gt=0)]
    """A barrier may end a tick later: see `pace.stretches`."""
    least_tick_ns: LowerIsBetter
    pace: PaceSettings | None = None
    """None: all synapses of a core work at once (analog ones)."""
    event_pj: LowerIsBetter
    """A spike through one synapse: its weight is read and added."""
    neuron: NeuronSettings
    routing: RoutingSettings
    static_mw: LowerIsBetter
    """Of a chip, whatever happens."""
    chip_mm2: LowerIsBetter
    weight_sigma_fraction: LowerIsBetter | None = None
    """Mismatch of analog synapses; None: digital ones."""
    threshold_sigma_fraction: LowerIsBetter | None = None
    """Mismatch of analog neurons."""
    digital: DigitalSettings
    point: PointSettings
