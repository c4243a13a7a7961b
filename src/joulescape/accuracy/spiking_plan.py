"""A trained network as a spiking machine holds it: which tensors are spikes, thresholds, synapses.

Threshold balancing (Diehl et al. 2015; a percentile: Rueckauer et al. 2017): a layer's neurons fire at the percentile
of its activations over training data, zeros left out, so that no weight needs to be scaled: a spike of value theta
through a weight w adds w theta to a potential. Rectifiers and averages are neurons. A sum that goes on to another
matrix without a rectifier is carried by pairs of neurons, one for each sign. The last layer does not fire: its
potentials are read. Operators behind it that are no spiking ones (a softmax, say) see its mean current.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.accuracy.module import Tensors, digital, weight_rows
from joulescape.errors import SimulatorError
from joulescape.network.build import DATA
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.spiking.arithmetic import FULL, percentile
from joulescape.numerics.spiking.device import held_weight, thresholds

KIND = "spiking"

AFFINE = frozenset({"norm", "add", "scale_offset"})
"""What makes currents of whatever it reads."""

KEPT = frozenset({"flatten", "concat", "channel_shuffle", "channel_slice"})
"""What leaves spikes spikes."""

AVERAGES = frozenset({"avg_pool", "global_avg_pool"})

POOLS = AVERAGES | {"max_pool"}
"""Neurons behind a layer's own: one more tick on the way."""

SPIKING = frozenset({"conv", "dense", "relu"}) | AFFINE | KEPT | POOLS
"""Operators that run in time."""


@dataclass(frozen=True)
class Layout:
    """Which operators run in time, and which tensors become spikes: by name, whether they have both signs."""

    body: tuple[Operator, ...]
    tail: tuple[Operator, ...]
    neurons: Mapping[str, bool]


@dataclass(frozen=True)
class SpikingMachine:
    """One device: the network's tensors as its synapses hold them, and where its neurons fire."""

    layout: Layout
    tensors: Tensors
    nominal: Mapping[str, float]
    """Threshold of each tensor that becomes spikes: the value that one of them stands for."""
    actual: Mapping[str, float | Tensor]
    """Where its neurons really fire."""
    numbers: Mapping[str, float]

    @property
    def timesteps(self) -> int:
        """Steps that each layer is looked at."""
        return int(self.numbers["timesteps"])

    @property
    def is_first_spike(self) -> bool:
        """Whether a neuron's one spike tells by its time."""
        return bool(self.numbers.get("is_first_spike", 0.0))


def is_spiking(errors: Errors) -> bool:
    """Whether these are the errors of a spiking machine."""
    return any(spec.kind == KIND for spec in errors.values())


def layout(graph: Graph) -> Layout:
    """Walk the graph; raises SimulatorError where a network cannot run in spikes."""
    last = max((i for i, o in enumerate(graph.operators) if o.is_matrix), default=-1)
    end = last + 1
    while end < len(graph.operators) and graph.operators[end].kind in AFFINE:
        end += 1
    body, tail = graph.operators[:end], graph.operators[end:]
    neurons: dict[str, bool] = {DATA: False}
    spikes = {DATA}
    for operator in body:
        _place(graph, operator, neurons, spikes)
    inside = {operator.name for operator in body[:-1]} | {DATA}
    late = [operator.name for operator in tail if inside.intersection(operator.inputs)]
    if late:
        raise SimulatorError(f"operator '{late[0]}' reads a hidden layer beside the last spiking one")
    return Layout(body, tail, neurons)


def _place(graph: Graph, operator: Operator, neurons: dict[str, bool], spikes: set[str]) -> None:
    """Decide for one operator which tensors must be spikes."""
    kind = operator.kind
    if kind not in SPIKING:
        raise SimulatorError(f"operator '{operator.name}' ({kind}) is none that spiking neurons compute")
    currents = [name for name in operator.inputs if name not in spikes]
    if operator.is_matrix or kind == "max_pool":
        for name in currents:
            neurons[name] = not (kind == "max_pool" and _is_rectified(graph, operator))
            spikes.add(name)
        if kind == "max_pool":
            if any(neurons.get(name, False) for name in operator.inputs):
                raise SimulatorError(f"operator '{operator.name}' takes the maximum of values of both signs")
            spikes.add(operator.name)
    elif kind == "relu":
        neurons[operator.name] = False
        spikes.add(operator.name)
    elif kind in AVERAGES and not currents:
        neurons[operator.name] = any(neurons.get(name, False) for name in operator.inputs)
        spikes.add(operator.name)
    elif kind in KEPT and not currents:
        spikes.add(operator.name)


def _is_rectified(graph: Graph, operator: Operator) -> bool:
    """Whether only rectifiers read it: the maximum of rectified values is the rectified maximum."""
    readers = graph.consumers(operator.name)
    return bool(readers) and all(reader.kind == "relu" for reader in readers)


def programmed(
    graph: Graph, tensors: Tensors, errors: Errors, samples: Tensor, device: torch.Generator
) -> SpikingMachine:
    """Write the network into a device drawn from `device`; thresholds come from `samples` of training data."""
    found, held = layout(graph), dict(tensors)
    specs = {name: spec.numbers for (name, role), spec in errors.items() if role == "forward" and spec.kind == KIND}
    if not specs:
        raise SimulatorError("no operator has the numbers of a spiking machine")
    for operator in found.body:
        if operator.is_matrix:
            numbers = specs.get(operator.name)
            if numbers is None:
                raise SimulatorError(f"'{operator.name}' runs elsewhere, in the middle of a spiking network")
            rows = [held_weight(group, numbers, device) for group in weight_rows(operator, tensors)]
            held[f"{operator.name}.weight"] = torch.cat(rows).reshape(tensors[f"{operator.name}.weight"].shape)
    shared = next(iter(specs.values()))
    nominal = balanced(found, held, samples, shared.get("threshold_percentile", FULL))
    sigma = shared.get("threshold_sigma_fraction", 0.0)
    shapes = {operator.name: operator.out_shape for operator in found.body}
    actual: dict[str, float | Tensor] = {
        name: top if name == DATA else thresholds(top, shapes[name], sigma, device) for name, top in nominal.items()
    }
    return SpikingMachine(found, held, nominal, actual, shared)


def balanced(found: Layout, tensors: Tensors, samples: Tensor, percent: float) -> dict[str, float]:
    """The threshold of every tensor that becomes spikes, and of the answer, which first spikes are read from; samples
    themselves lie in [0, 1]."""
    values = {DATA: samples}
    with torch.no_grad():
        for operator in found.body:
            inputs = tuple(values[name] for name in operator.inputs)
            values[operator.name] = digital(operator, inputs, tensors, is_training=False)
    signs = found.neurons
    tops = {
        name: percentile(values[name] if is_signed else values[name].clamp(min=0), percent)
        for name, is_signed in signs.items()
    }
    last = found.body[-1].name
    return {**tops, DATA: 1.0, last: percentile(values[last].clamp(min=0), percent)}
