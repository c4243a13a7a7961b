"""Runs a spiking machine in time, a few steps of all layers at once: layers only look back, so that each may be taken
through its steps before the next one begins. Delays between layers are added to decisions and are no computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.module import Tensors, digital, with_bias
from joulescape.accuracy.spiking_plan import SpikingMachine
from joulescape.network.build import DATA
from joulescape.network.operators import Operator
from joulescape.numerics.spiking.codes import first_spike_steps, poisson_spikes, signed_rate_code
from joulescape.numerics.spiking.neurons import integrate, integrate_smooth, start

CHUNK = 8
"""Steps of one layer before the next one takes them up."""

BATCH = 100
"""Samples at once: what one layer's chunk holds stays near the processor."""


@dataclass(frozen=True)
class Answer:
    """What a machine made of some samples; `steps` is how long each was looked at."""

    logits: Tensor
    decided: Tensor
    """The step after which the largest potential stayed the largest."""
    steps: Tensor
    sent: Mapping[str, Tensor] = field(default_factory=dict)
    """By matrix operator: spikes that each element of its input sent, mean over samples."""
    events: Mapping[str, float] = field(default_factory=dict)
    """By matrix operator: spikes that met a weight other than zero, over its multiply-accumulates."""

    @property
    def spikes(self) -> dict[str, float]:
        """By matrix operator: spikes that one element of its input sent, mean over elements and samples."""
        return {name: float(each.mean()) for name, each in self.sent.items()}


@dataclass(frozen=True)
class _Signal:
    """(steps, batch, ...), or (1, batch, ...) where every step is the same; what it stands for is `scale` times it."""

    data: Tensor
    scale: float = 1.0
    is_constant: bool = False

    @property
    def value(self) -> Tensor:
        return self.data if self.scale == 1.0 else self.data * self.scale


class Simulation:
    """One batch of samples on one machine: potentials of all neurons, and what was counted."""

    def __init__(self, machine: SpikingMachine, samples: Tensor, stream: torch.Generator, is_smooth: bool = False):
        self._machine, self._samples, self._stream, self._is_smooth = machine, samples, stream, is_smooth
        self._is_current, self._is_poisson = (bool(machine.numbers.get(f"is_{n}")) for n in ("current", "poisson"))
        self._state: dict[str, Tensor] = {}
        self._constant: dict[str, Tensor] = {}
        self.sent: dict[str, Tensor] = {}

    def advance(self, steps: int) -> Tensor:
        """Currents into the last layer at each of the next steps, (steps, batch, outputs)."""
        body = self._machine.layout.body
        values = {DATA: self._sensed(steps)}
        for operator in body:
            values[operator.name] = self._computed(operator, [values[name] for name in operator.inputs], steps)
        currents = values[body[-1].name].value
        return currents.expand(steps, *currents.shape[1:])

    def keep(self, chosen: Tensor) -> None:
        """Go on with these samples alone."""
        self._samples = self._samples[chosen]
        self._state = {name: held[chosen] for name, held in self._state.items()}
        self._constant = {name: held[:, chosen] for name, held in self._constant.items()}

    def _sensed(self, steps: int) -> _Signal:
        if self._is_poisson:
            return _Signal(poisson_spikes(self._samples, steps, self._stream))
        whole = self._samples.unsqueeze(0)
        constant = _Signal(whole, is_constant=True)
        return constant if self._is_current else self._fired(DATA, constant, steps)

    def _computed(self, operator: Operator, inputs: list[_Signal], steps: int) -> _Signal:
        neurons = self._machine.layout.neurons
        if operator.is_matrix:
            self._count(operator.name, inputs[0], steps)
            found = self._multiplied(operator, inputs[0])
        elif operator.kind == "max_pool":
            found = self._largest(operator, inputs[0])
        elif operator.kind == "relu":
            found = inputs[0]
        else:
            found = _folded(operator, inputs, self._machine.tensors)
        return self._fired(operator.name, found, steps) if operator.name in neurons else found

    def _multiplied(self, operator: Operator, signal: _Signal) -> _Signal:
        """Weights take the scale; what never changes is multiplied once."""
        if signal.is_constant and operator.name in self._constant:
            return _Signal(self._constant[operator.name], is_constant=True)
        tensors, name = self._machine.tensors, f"{operator.name}.weight"
        weight = tensors[name] * signal.scale
        found = _over_steps(lambda x: _product(operator, x, weight, tensors), signal.data)
        if signal.is_constant:
            self._constant[operator.name] = found
        return _Signal(found, is_constant=signal.is_constant)

    def _fired(self, name: str, signal: _Signal, steps: int) -> _Signal:
        machine, currents = self._machine, signal.value
        is_signed, top = machine.layout.neurons[name], machine.actual[name]
        held = self._state.get(name)
        if held is None:
            held = start(tuple(currents.shape[1:]), top, is_signed)
            self._state[name] = held
        fire = integrate_smooth if self._is_smooth else integrate
        return _Signal(fire(currents, steps, held, top, is_signed), machine.nominal[name])

    def _largest(self, operator: Operator, signal: _Signal) -> _Signal:
        """A pool's spike whenever its busiest neuron has sent more than the pool: as many as that one, never two at a
        time. A constant current's maximum is a constant current."""
        if signal.is_constant:
            return replace(signal, data=_over_steps(lambda x: _pool(operator, x), signal.data))
        before = self._state.get(operator.name)
        sent = signal.data.cumsum(0) if before is None else signal.data.cumsum(0) + before
        self._state[operator.name] = sent[-1]
        busiest = _over_steps(lambda x: _pool(operator, x), sent)
        first = torch.zeros_like(busiest[:1]) if before is None else _pool(operator, before).unsqueeze(0)
        return replace(signal, data=torch.diff(busiest, dim=0, prepend=first))

    def _count(self, name: str, signal: _Signal, steps: int) -> None:
        """A constant current is an event at each step where it is not zero."""
        if self._is_smooth:
            return
        each = torch.count_nonzero(signal.data, dim=(0, 1)) * (steps if signal.is_constant else 1)
        self.sent[name] = each + self.sent.get(name, 0)


def answered(machine: SpikingMachine, samples: Tensor, stream: torch.Generator, patience: int | None = None) -> Answer:
    """Every sample for the machine's timesteps; with `patience` one whose decision has stood for so many steps is
    left where it is."""
    parts = [_one_batch(machine, part, stream, patience) for part in torch.split(samples, BATCH)]
    total = {name: torch.stack([part.sent[name] for part in parts]).sum(0) / len(samples) for name in parts[0].sent}
    logits, decided, steps = (torch.cat([getattr(p, key) for p in parts]) for key in ("logits", "decided", "steps"))
    return Answer(_behind(machine, logits), decided, steps, total, _events(machine, total))


def smooth_logits(machine: SpikingMachine, samples: Tensor, stream: torch.Generator) -> Tensor:
    """Mean currents into the last layer with surrogate gradients through all steps."""
    if machine.is_first_spike:
        return _behind(machine, _first_spikes(machine, samples).logits)
    return _behind(machine, Simulation(machine, samples, stream, is_smooth=True).advance(machine.timesteps).mean(0))


def _one_batch(machine: SpikingMachine, samples: Tensor, stream: torch.Generator, patience: int | None) -> Answer:
    if machine.is_first_spike:
        return _first_spikes(machine, samples)
    simulation, count, done = Simulation(machine, samples, stream), len(samples), 0
    width = machine.layout.body[-1].out_elements
    potentials, steps = torch.zeros(count, width), torch.zeros(count)
    decided, choice = torch.ones(count), torch.full((count,), width)
    alive = torch.arange(count)
    while done < machine.timesteps and len(alive):
        chunk = min(CHUNK, machine.timesteps - done)
        after = simulation.advance(chunk).cumsum(0) + potentials[alive]
        _watch(after.argmax(-1), alive, choice, decided, done)
        potentials[alive], done = after[-1], done + chunk
        steps[alive] = float(done)
        if patience is not None:
            waits = done - decided[alive] < patience
            if not bool(waits.all()):
                simulation.keep(waits)
                alive = alive[waits]
    return Answer(potentials / steps[:, None], decided, steps, simulation.sent)


def _watch(choices: Tensor, alive: Tensor, choice: Tensor, decided: Tensor, done: int) -> None:
    """Note the last step at which the choice of each sample changed; `choice` and `decided` move in place."""
    for step, chosen in enumerate(choices):
        moved = alive[chosen != choice[alive]]
        decided[moved] = float(done + step + 1)
        choice[alive] = chosen


def _first_spikes(machine: SpikingMachine, samples: Tensor) -> Answer:
    """Windows one after the other, each neuron's one spike by its time: what a potential meets on a falling threshold.

    The last layer is read by its first spike: the largest potential is the first, in the window behind the last one.
    """
    neurons, total = machine.layout.neurons, machine.timesteps
    sent: dict[str, Tensor] = {}
    values, windows = {DATA: samples}, {DATA: 0}
    for name, operator in [(DATA, None), *((o.name, o) for o in machine.layout.body)]:
        if operator is not None:
            inputs = tuple(values[source] for source in operator.inputs)
            if operator.is_matrix:
                sent[name] = torch.count_nonzero(inputs[0], dim=0)
            values[name] = digital(operator, inputs, machine.tensors, is_training=False)
            windows[name] = max(windows[source] for source in operator.inputs)
        if name in neurons:
            relative = values[name] / machine.actual[name]
            values[name] = machine.nominal[name] * _coded(relative, total, neurons[name])
            windows[name] += 1
    last = machine.layout.body[-1].name
    logits = values[last]
    waited = first_spike_steps(logits.amax(1) / machine.nominal[last], total)
    when = windows[last] * total + waited.clamp(max=total - 1) + 1
    return Answer(logits, when, torch.full((len(samples),), float((windows[last] + 1) * total)), sent)


def _coded(relative: Tensor, timesteps: int, is_signed: bool) -> Tensor:
    """What the time of a spike stands for; its gradient passes straight through where a neuron can follow."""
    inside = relative.clamp(-1.0 if is_signed else 0.0, 1.0)
    return inside + (signed_rate_code(inside.detach(), timesteps) - inside.detach())


def _behind(machine: SpikingMachine, logits: Tensor) -> Tensor:
    """What operators behind the last spiking one make of it."""
    values = {machine.layout.body[-1].name: logits}
    for operator in machine.layout.tail:
        inputs = tuple(values[name] for name in operator.inputs)
        values[operator.name] = digital(operator, inputs, machine.tensors, is_training=False)
    return values[machine.layout.tail[-1].name] if machine.layout.tail else logits


def _events(machine: SpikingMachine, sent: Mapping[str, Tensor]) -> dict[str, float]:
    """Each spike counts as often as its element has synapses: at the border of a convolution it has fewer, and what
    pads a border sends nothing."""
    found = {}
    for operator in machine.layout.body:
        if operator.loops is not None and operator.name in sent:
            there = machine.tensors[f"{operator.name}.weight"].ne(0).to(torch.float32)
            met = _product(operator, sent[operator.name].unsqueeze(0), there, {})
            found[operator.name] = float(met.sum()) / operator.loops.macs
    return found


def _product(operator: Operator, x: Tensor, weight: Tensor, tensors: Tensors) -> Tensor:
    if operator.kind == "dense":
        return with_bias(operator, nnf.linear(x, weight), tensors)
    stride, padding = operator.window("stride"), operator.window("padding")
    bias = tensors.get(f"{operator.name}.bias")
    return nnf.conv2d(x, weight, bias, stride, padding, 1, int(operator.attributes["groups"]))


def _pool(operator: Operator, x: Tensor) -> Tensor:
    return digital(operator, (x,), {}, is_training=False)


def _folded(operator: Operator, inputs: list[_Signal], tensors: Tensors) -> _Signal:
    """An element-wise or renaming operator over steps: one input keeps its scale, several are brought to values."""
    if len(inputs) == 1 and operator.kind not in ("norm", "scale_offset"):
        kept = inputs[0]
        return replace(kept, data=_over_steps(lambda x: digital(operator, (x,), tensors, False), kept.data))
    longest = max(len(signal.data) for signal in inputs)
    values = [signal.value.expand(longest, *signal.data.shape[1:]) for signal in inputs]
    folded = digital(operator, tuple(value.flatten(0, 1) for value in values), tensors, False)
    is_constant = all(signal.is_constant for signal in inputs)
    return _Signal(folded.reshape(longest, -1, *folded.shape[1:]), is_constant=is_constant)


def _over_steps(act: Callable[[Tensor], Tensor], data: Tensor) -> Tensor:
    """Steps and samples as one batch."""
    found = act(data.flatten(0, 1))
    return found.reshape(len(data), -1, *found.shape[1:])
