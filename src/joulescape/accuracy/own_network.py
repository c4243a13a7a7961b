"""A network that is a machine: physical operators on a device or its twin, digital operators between them.

Each input of a physical operator is clipped to what the system can be driven with. `scale_offset` operators follow a
calibration: the mean and spread of each recorded value over training data, tracked while the network
trains and folded into scale and offset once it is trained:

    y' = centre + gain ((y - mean) / spread * scale + offset).

Where a physical operator follows, centre 0.5 and gain 0.25 put the values in the middle of its drive; else centre is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor

from joulescape import registry
from joulescape.accuracy.module import digital, initial
from joulescape.accuracy.training import as_leaves
from joulescape.errors import SimulatorError
from joulescape.network.build import DATA
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
    def draw(
        cls, graph: Graph, errors: Errors, device_state: Tensor, reading: torch.Generator, is_replaced: bool = False
    ) -> Bench:
        """One bench that every layer passes in turn: each is drawn from a generator in the same state.

        `is_replaced` puts the identity in the place of every physical layer: a control.
        """
        specs = {o.name: _spec(o, errors) for o in graph.physical_operators}
        layers: dict[str, PhysicalLayer] = {
            o.name: Identity() if is_replaced else physical_layer(specs[o.name].kind) for o in graph.physical_operators
        }
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
    """Trained parameters of physical layers on one bench, and of the digital operators around them."""

    def __init__(self, graph: Graph, bench: Bench, stream: torch.Generator) -> None:
        _check_inputs(graph)
        self._graph, self._bench = graph, bench
        self.physical = {o.name: self._fresh(o, stream) for o in graph.physical_operators}
        driving = _driving(graph)
        self.calibrated = {
            o.name: Calibrated(o, o.name not in driving) for o in graph.operators if o.kind == "scale_offset"
        }
        others = tuple(o for o in graph.operators if o.kind != "scale_offset")
        self.weights = as_leaves(initial(replace(graph, operators=others), stream))

    def _fresh(self, operator: Operator, stream: torch.Generator) -> dict[str, Tensor]:
        fresh = self._bench.layers[operator.name].initial(operator, stream)
        return {name: tensor.requires_grad_() for name, tensor in fresh.items()}

    def digital(self) -> list[Tensor]:
        """Trained numbers of the digital part."""
        scales = [t for part in self.calibrated.values() for t in (part.scale, part.offset)]
        return [*scales, *(tensor for tensor in self.weights.values() if tensor.requires_grad)]

    def openings(self) -> list[Tensor]:
        """Trained numbers of the physical part."""
        return [tensor for parameters in self.physical.values() for tensor in parameters.values()]

    def scores(self, samples: Tensor, algorithm: Algorithm, is_training: bool = False) -> tuple[Tensor, Tensor]:
        """(class scores (B, classes), penalty on drives that had to be clipped)."""
        values, penalty = {DATA: samples}, torch.zeros(())
        for operator in self._graph.operators:
            inputs = tuple(values[name] for name in operator.inputs)
            if operator.is_physical:
                driven, excess = self._bench.layers[operator.name].in_range(inputs[0])
                penalty = penalty + excess
                found = self._bench.run(operator, driven, self.physical[operator.name], algorithm)
            elif operator.kind == "scale_offset":
                found = self.calibrated[operator.name](inputs[0], is_training)
            elif operator.kind == "spectral_sum":
                found = inputs[0] @ grouping(inputs[0].shape[1], operator.out_elements)
            else:
                found = digital(operator, inputs, self.weights, is_training)
            values[operator.name] = found
        return values[self._graph.output.name], penalty

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
        found.update({name: tensor.detach() for name, tensor in self.weights.items()})
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


def _driving(graph: Graph) -> frozenset[str]:
    """Operators whose output reaches a physical one: their values are what drives it."""
    found: set[str] = set()
    for operator in reversed(graph.operators):
        if operator.is_physical or operator.name in found:
            found.update(operator.inputs)
    return frozenset(found)


def _check_inputs(graph: Graph) -> None:
    """Raise SimulatorError where a physical operator reads more than one tensor."""
    for operator in graph.physical_operators:
        if len(operator.inputs) != 1:
            raise SimulatorError(
                f"a physical system is driven by one tensor; '{operator.name}' reads {', '.join(operator.inputs)}"
            )


class Identity(PhysicalLayer):
    """A control in the place of a physical layer: its inputs, averaged or repeated to as many outputs."""

    kind: ClassVar[str] = "identity"

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Nothing is trained."""
        return {}

    def twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], errors: ErrorSpec | None) -> Tensor:  # noqa: ARG002
        """The inputs themselves."""
        if x.shape[1] == operator.out_elements:
            return x
        return torch.nn.functional.adaptive_avg_pool1d(x.unsqueeze(1), operator.out_elements).squeeze(1)

    def device(self, operator: Operator, errors: ErrorSpec, generator: torch.Generator) -> DeviceLayer:  # noqa: ARG002
        """The same on every device."""
        return lambda x, parameters, _: self.twin(operator, x, parameters, errors)

    def in_range(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Anything."""
        return x, torch.zeros(())

    def confine(self, parameters: Mapping[str, Tensor]) -> None:
        """Nothing to confine."""
