"""Measures a network on a spiking machine: every sample for T steps, spikes counted on training samples.

On the rungs before `full` a sample is let go once its decision has stood for PATIENCE steps; `full` and whatever is
confirmed look at every sample for all T.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from joulescape.accuracy.datasets import Data
from joulescape.accuracy.module import Tensors
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.spiking_plan import POOLS, SpikingMachine, programmed
from joulescape.accuracy.spiking_run import Answer, answered, smooth_logits
from joulescape.accuracy.training import correct
from joulescape.compression.base import Described
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity
from joulescape.network.work import LayerStatistics, Statistics

BALANCING_SAMPLES = 256
"""Training samples whose activations set thresholds."""

COUNTED_SAMPLES = 64
"""Training samples whose spikes are counted, for all T."""

PATIENCE = 16
"""Steps that a decision stands before a search takes it for the last one."""


@dataclass(frozen=True)
class SpikingDraw:
    """One device: what it got right, and what it did; steps include the delay of a layer."""

    right: bytes
    spikes: Mapping[str, float]
    events: Mapping[str, float]
    first_decision_steps: float
    seen_steps: float


def spiking_draw(
    network: Described, tensors: Tensors, errors: Errors, data: Data, fidelity: Fidelity, seed: int, draw: int
) -> SpikingDraw:
    """Run the fidelity's samples on one device, and count spikes on training samples.

    Raises SimulatorError where the network cannot run in spikes.
    """
    device, reading = (generator(seed, purpose, draw) for purpose in ("device", "read"))
    part = data.part(fidelity.split).first(fidelity.samples)
    is_search = fidelity.detail == "merged" and fidelity.split != "test"
    with torch.no_grad():
        machine = programmed(network.graph, tensors, errors, data.train.images[:BALANCING_SAMPLES], device)
        found = answered(machine, part.images, reading, PATIENCE if is_search else None)
        counted = answered(machine, data.train.images[:COUNTED_SAMPLES], generator(seed, "counted", draw))
    right = correct(found.logits, part.labels)
    decision, seen = first_decision(machine, found), float(found.steps.mean())
    return SpikingDraw(right, counted.spikes, counted.events, decision, seen)


def first_decision(machine: SpikingMachine, found: Answer) -> float:
    """Mean step after which the answer stayed: with the rate code one more for every layer behind the first."""
    layers = sum(operator.is_matrix or operator.kind in POOLS for operator in machine.layout.body)
    delay = 0 if machine.is_first_spike else layers - 1
    return float(found.decided.mean()) + delay


def with_spikes(statistics: Statistics, draws: Sequence[SpikingDraw]) -> dict[str, LayerStatistics]:
    """The statistics with each layer's input spikes and events, mean over devices; as they are where nothing spiked."""
    if not draws:
        return dict(statistics)
    return {
        name: replace(
            seen,
            input_spikes=fmean(one.spikes[name] for one in draws),
            synaptic_events=fmean(one.events[name] for one in draws),
        )
        if name in draws[0].spikes
        else seen
        for name, seen in statistics.items()
    }


def spiking_extras(draws: Sequence[SpikingDraw]) -> dict[str, float]:
    """Plain numbers beside an accuracy: spikes a neuron (mean over layers' inputs), steps to the first decision."""
    if not draws:
        return {}
    return {
        "spikes_per_neuron": fmean(fmean(one.spikes.values()) for one in draws),
        "first_decision_steps": fmean(one.first_decision_steps for one in draws),
        "seen_steps": fmean(one.seen_steps for one in draws),
    }


class SurrogateTraining:
    """A spiking network while it is trained through time: thresholds follow its weights every few mini-batches."""

    EVERY = 10
    """Mini-batches between two balancings."""

    def __init__(self, network: Described, errors: Errors, samples: Tensor, seed: int) -> None:
        self._network, self._errors, self._seed = network, errors, seed
        self._samples = samples[:BALANCING_SAMPLES]
        self._batch = 0
        self._machine: SpikingMachine | None = None

    def logits(self, tensors: Tensors, samples: Tensor) -> Tensor:
        """Mean currents into the last layer; gradients reach `tensors` through every step and every layer."""
        if self._machine is None or self._batch % self.EVERY == 0:
            still = {name: tensor.detach() for name, tensor in tensors.items()}
            device = generator(self._seed, "tuning device", self._batch)
            with torch.no_grad():
                self._machine = programmed(self._network.graph, still, self._errors, self._samples, device)
            self._departure = {name: self._machine.tensors[name] - still[name] for name in still}
        self._batch += 1
        held = {name: tensor + self._departure[name] for name, tensor in tensors.items()}
        stream = generator(self._seed, "tuning read", self._batch)
        return smooth_logits(replace(self._machine, tensors=held), samples, stream)
