"""The physical operators of a graph on one drawn device: what runs forward and backward under each algorithm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor

from joulescape import registry
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.base import DeviceLayer, PhysicalLayer, Twin

Algorithm = Literal["pat", "pat_fitted", "in_silico", "in_silico_noise", "in_silico_fitted", "ideal"]
"""Forward, backward: device, twin (pat); twin, twin (in_silico; with noise of the readings: in_silico_noise); device,
device (ideal, which no hardware can). `_fitted`: the twin is fitted to measurements of the device first."""

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
GROUP = "joulescape.numerics"


@dataclass(frozen=True)
class Draw:
    """Where chance comes from: the state that every device is drawn from, the readings, and how a twin is fitted.

    `measurements`: how many of the device the twin is fitted to; 0: the twin believes in the nominal physics.
    `is_replaced` puts the identity in the place of every physical layer: a control.
    """

    device_state: Tensor
    reading: torch.Generator
    measuring: torch.Generator
    measurements: int = 0
    is_replaced: bool = False

    def device_stream(self) -> torch.Generator:
        """A generator in the state that every layer's device is drawn from: they pass one bench in turn."""
        stream = torch.Generator()
        stream.set_state(self.device_state)
        return stream


@dataclass(frozen=True)
class Bench:
    """The physical operators of a graph: their arithmetic, one drawn device, its twin."""

    layers: Mapping[str, PhysicalLayer]
    devices: Mapping[str, DeviceLayer]
    twins: Mapping[str, Twin]
    errors: Mapping[str, ErrorSpec]
    reading: torch.Generator

    @classmethod
    def draw(cls, graph: Graph, errors: Errors, draw: Draw) -> Bench:
        """One bench that every layer passes in turn; layers alike have one device and one twin."""
        specs = {o.name: _spec(o, errors) for o in graph.physical_operators}
        layers: dict[str, PhysicalLayer] = {}
        devices: dict[str, DeviceLayer] = {}
        twins: dict[str, Twin] = {}
        alike: dict[Hashable, Twin] = {}
        for operator in graph.physical_operators:
            spec = specs[operator.name]
            layer = Identity() if draw.is_replaced else physical_layer(spec.kind)
            device = layer.device(operator, spec, draw.device_stream())
            key = _key(operator, spec)
            if key not in alike:
                alike[key] = _twin(layer, operator, spec, device, draw)
            layers[operator.name], devices[operator.name], twins[operator.name] = layer, device, alike[key]
        return cls(layers, devices, twins, specs, draw.reading)

    def run(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], algorithm: Algorithm) -> Tensor:
        """One physical operator, with the value and the gradient of the algorithm.

        Raises SimulatorError where twin or device give other than the operator's outputs.
        """
        if algorithm.startswith("in_silico"):
            modelled = self._modelled(operator, x, parameters)
            return self._noisy(operator, modelled) if algorithm == "in_silico_noise" else modelled
        if algorithm == "ideal":
            return self._measured(operator, x, parameters)
        with torch.no_grad():
            measured = self._measured(operator, x, parameters)
        if not torch.is_grad_enabled():
            return measured
        modelled = self._modelled(operator, x, parameters)
        return modelled + (measured - modelled.detach())

    def _measured(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        return _shaped(operator, "device", x, self.devices[operator.name](x, parameters, self.reading))

    def _modelled(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        return _shaped(operator, "twin", x, self.twins[operator.name](x, parameters))

    def _noisy(self, operator: Operator, modelled: Tensor) -> Tensor:
        return self.layers[operator.name].noisy(operator, modelled, self.errors[operator.name], self.reading)


@dataclass(frozen=True)
class _Nominal:
    layer: PhysicalLayer
    operator: Operator
    errors: ErrorSpec

    def __call__(self, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        return self.layer.twin(self.operator, x, parameters, self.errors)


def _twin(layer: PhysicalLayer, operator: Operator, spec: ErrorSpec, device: DeviceLayer, draw: Draw) -> Twin:
    if draw.measurements:
        return layer.fitted(operator, spec, device, draw.measuring, draw.measurements)
    return _Nominal(layer, operator, spec)


def _key(operator: Operator, spec: ErrorSpec) -> Hashable:
    """Equal for layers that are one bench, set up alike."""
    attributes = tuple(sorted(operator.attributes.items()))
    return spec.kind, attributes, operator.in_shapes, operator.out_shape, tuple(spec.numbers.items())


def physical_layer(kind: str) -> PhysicalLayer:
    """The arithmetic of physical systems called `kind`."""
    return cast(PhysicalLayer, registry.load(GROUP, kind))


def _shaped(operator: Operator, part: str, x: Tensor, found: Tensor) -> Tensor:
    """What was found; SimulatorError unless it is (batch, outputs): another shape would be broadcast in silence."""
    wanted = (x.shape[0], operator.out_elements)
    if tuple(found.shape) != wanted:
        raise SimulatorError(
            f"operator '{operator.name}': the {part} of {operator.kind} gives {tuple(found.shape)}, expected {wanted}"
        )
    return found


def _spec(operator: Operator, errors: Errors) -> ErrorSpec:
    """The operator's errors; where no operator has any: a device like its twin."""
    if not errors:
        return ErrorSpec(operator.kind, operator.name, "forward", {})
    return errors[operator.name, "forward"]


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
