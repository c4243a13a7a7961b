"""A network that is a machine: physical operators on a device or its twin, digital scales between them.

A chain of physical operators, each input clipped to what the system can be driven with, and `scale_offset` operators
that follow a calibration: the mean and spread of each recorded value over training data, tracked while the network
trains and folded into scale and offset once it is trained:

    y' = centre + gain ((y - mean) / spread * scale + offset).

Between layers centre 0.5 and gain 0.25 put recorded values in the middle of the drive; at the end centre is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor

from joulescape import registry
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.base import DeviceLayer, PhysicalLayer

Algorithm = Literal["pat", "in_silico", "ideal"]
"""Forward, backward: device, twin (pat); twin, twin (in_silico); device, device (ideal, which no hardware can)."""

ALGORITHMS: tuple[Algorithm, ...] = ("pat", "in_silico", "ideal")
GROUP = "joulescape.numerics"

MOMENTUM = 0.05
"""Share of a mini-batch in the running calibration."""

CENTRE, SWING = 0.5, 0.25
"""One standard deviation of a recorded value moves the drive of the next layer by a quarter of its range."""

TEMPERATURE = 0.5
"""Gain of the last calibrated values before training."""

SPREAD_FLOOR = 0.1
"""Added to every spread, relative to the mean spread: nearly dark bins at the band's edge are not amplified at will."""


class Calibrated:
    """One `scale_offset` operator with its calibration; `scale` and `offset` are trained, per value or one for all."""

    def __init__(self, operator: Operator, is_last: bool) -> None:
        width = int(operator.attributes.get("out_features", 1))
        self._is_per_value = width > 1
        self._centre, self._gain = (0.0, TEMPERATURE) if is_last else (CENTRE, SWING)
        self.scale = torch.ones(width).requires_grad_()
        self.offset = torch.zeros(width).requires_grad_()
        self._mean: Tensor | None = None
        self._spread = torch.ones(width)

    def __call__(self, recorded: Tensor, is_training: bool) -> Tensor:
        """(B, values) -> (B, values); training takes the batch's own calibration, with gradient, and tracks it."""
        if is_training or self._mean is None:
            mean, spread = self._measured(recorded)
            self._track(mean.detach(), spread.detach())
        else:
            mean, spread = self._mean, self._spread
        return self._centre + self._gain * ((recorded - mean) / spread * self.scale + self.offset)

    def forget(self) -> None:
        """The next batch is calibrated on anew."""
        self._mean = None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Scale and offset that act on recorded values directly, calibration included."""
        mean = torch.zeros(()) if self._mean is None else self._mean
        scale = self._gain * self.scale.detach() / self._spread
        return scale, self._centre + self._gain * self.offset.detach() - scale * mean

    def _measured(self, recorded: Tensor) -> tuple[Tensor, Tensor]:
        spread, mean = torch.std_mean(recorded, 0)
        if not self._is_per_value:
            spread, mean = spread.mean(0, keepdim=True), mean.mean(0, keepdim=True)
        return mean, spread + SPREAD_FLOOR * spread.detach().mean()

    def _track(self, mean: Tensor, spread: Tensor) -> None:
        known = self._mean
        self._mean = mean if known is None else torch.lerp(known, mean, MOMENTUM)
        self._spread = spread if known is None else torch.lerp(self._spread, spread, MOMENTUM)


@dataclass(frozen=True)
class Bench:
    """The physical operators of a graph: their arithmetic, one drawn device, and the numbers that the twin knows."""

    layers: Mapping[str, PhysicalLayer]
    devices: Mapping[str, DeviceLayer]
    errors: Mapping[str, ErrorSpec]
    reading: torch.Generator

    @classmethod
    def draw(cls, graph: Graph, errors: Errors, device_state: Tensor, reading: torch.Generator) -> Bench:
        """One bench that every layer passes in turn: each is drawn from a generator in the same state."""
        specs = {o.name: _spec(o, errors) for o in graph.physical_operators}
        layers = {o.name: physical_layer(specs[o.name].kind) for o in graph.physical_operators}
        devices = {}
        for operator in graph.physical_operators:
            stream = torch.Generator()
            stream.set_state(device_state)
            devices[operator.name] = layers[operator.name].device(operator, specs[operator.name], stream)
        return cls(layers, devices, specs, reading)

    def run(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], algorithm: Algorithm) -> Tensor:
        """One physical operator, with the value and the gradient of the algorithm."""
        if algorithm == "in_silico":
            return self._twin(operator, x, parameters)
        device = self.devices[operator.name]
        if algorithm == "ideal":
            return device(x, parameters, self.reading)
        with torch.no_grad():
            measured = device(x, parameters, self.reading)
        if not torch.is_grad_enabled():
            return measured
        modelled = self._twin(operator, x, parameters)
        return modelled + (measured - modelled.detach())

    def _twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        return self.layers[operator.name].twin(operator, x, parameters, self.errors[operator.name])


class OwnNetwork:
    """Trained parameters of a chain of operators on one bench."""

    def __init__(self, graph: Graph, bench: Bench, stream: torch.Generator) -> None:
        _check_chain(graph)
        self._graph, self._bench = graph, bench
        self.physical = {o.name: self._fresh(o, stream) for o in graph.physical_operators}
        last = max(i for i, o in enumerate(graph.operators) if o.kind == "scale_offset")
        self.calibrated = {
            o.name: Calibrated(o, i == last) for i, o in enumerate(graph.operators) if o.kind == "scale_offset"
        }

    def _fresh(self, operator: Operator, stream: torch.Generator) -> dict[str, Tensor]:
        fresh = self._bench.layers[operator.name].initial(operator, stream)
        return {name: tensor.requires_grad_() for name, tensor in fresh.items()}

    def digital(self) -> list[Tensor]:
        """Trained numbers of the digital part."""
        return [t for part in self.calibrated.values() for t in (part.scale, part.offset)]

    def openings(self) -> list[Tensor]:
        """Trained numbers of the physical part."""
        return [tensor for parameters in self.physical.values() for tensor in parameters.values()]

    def scores(self, samples: Tensor, algorithm: Algorithm, is_training: bool = False) -> tuple[Tensor, Tensor]:
        """(class scores (B, classes), penalty on drives that had to be clipped)."""
        values, penalty = samples, torch.zeros(())
        for operator in self._graph.operators:
            if operator.is_physical:
                values, excess = self._bench.layers[operator.name].in_range(values)
                penalty = penalty + excess
                values = self._bench.run(operator, values, self.physical[operator.name], algorithm)
            elif operator.kind == "scale_offset":
                values = self.calibrated[operator.name](values, is_training)
            else:
                values = values @ grouping(values.shape[1], operator.out_elements)
        return values, penalty

    def confine(self) -> None:
        """Move physical parameters back into their range."""
        for name, parameters in self.physical.items():
            self._bench.layers[name].confine(parameters)

    def recalibrate(self, samples: Tensor) -> None:
        """Measure every calibration anew on the device."""
        for part in self.calibrated.values():
            part.forget()
        with torch.no_grad():
            self.scores(samples, "pat")

    def tensors(self) -> dict[str, Tensor]:
        """Every trained number by dotted name, calibrations folded into `.scale` and `.offset`."""
        found = {f"{o}.{name}": t.detach() for o, parameters in self.physical.items() for name, t in parameters.items()}
        for name, part in self.calibrated.items():
            found[f"{name}.scale"], found[f"{name}.offset"] = part.folded()
        return found


def physical_layer(kind: str) -> PhysicalLayer:
    """The arithmetic of physical systems called `kind`."""
    return cast(PhysicalLayer, registry.load(GROUP, kind))


def grouping(values: int, groups: int) -> Tensor:
    """The matrix (values, groups) of a `spectral_sum`: group j sums floor(j n / m) to floor((j + 1) n / m) - 1."""
    matrix = torch.zeros(values, groups)
    edges = [j * values // groups for j in range(groups + 1)]
    for group, (first, end) in enumerate(pairwise(edges)):
        matrix[first:end, group] = 1.0
    return matrix


def _spec(operator: Operator, errors: Errors) -> ErrorSpec:
    """The operator's errors; where no operator has any: a device like its twin."""
    if not errors:
        return ErrorSpec(operator.kind, operator.name, "forward", {})
    return errors[operator.name, "forward"]


def _check_chain(graph: Graph) -> None:
    """Raise SimulatorError where the graph is not a chain of shg-like operators, scales and sums."""
    for before, operator in pairwise((None, *graph.operators)):
        wanted = ("input",) if before is None else (before.name,)
        if operator is None or operator.inputs != wanted:
            raise SimulatorError(f"a machine that is its own network is a chain; '{operator}' reads elsewhere")
        if not (operator.is_physical or operator.kind in {"scale_offset", "spectral_sum"}):
            raise SimulatorError(f"a machine that is its own network cannot run '{operator.name}' ({operator.kind})")
