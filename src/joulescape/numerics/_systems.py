"""What physical systems share: a nominal one is the twin, a drawn one with noise is the device.

A system says how it evolves under given physics, what its nominal physics is, and how a device departs from it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.numerics.base import DeviceLayer, PhysicalLayer

Physics = TypeVar("Physics")


@dataclass(frozen=True)
class Departures:
    """Statistics of the difference between devices and their twin; all zero: they are the same.

    `control_bits`: levels of whatever sets data and parameters, 0 for a continuous one; the twin knows them.
    `read_noise_fraction`: sd of a read value relative to the root mean square of what is read.
    """

    control_bits: float = 0.0
    read_noise_fraction: float = 0.0

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Self:
        """From an ErrorSpec's numbers; raises ValueError on a name that is not a departure."""
        unknown = set(numbers) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(
                f"{cls.__module__.rpartition('.')[2]} knows no departure named {', '.join(sorted(unknown))}"
            )
        return cls(**numbers)


class System(PhysicalLayer, Generic[Physics]):
    """One system: drive limits, nominal and drawn physics, and the evolution that both share."""

    departures: ClassVar[type[Departures]]
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0
    """Between these lie the values that data and trained samples may take."""

    @abstractmethod
    def nominal(self, operator: Operator) -> Physics:
        """The physics that the twin believes in."""

    @abstractmethod
    def drawn(self, operator: Operator, departures: Any, generator: torch.Generator) -> Physics:
        """The physics of one device."""

    @abstractmethod
    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Physics) -> Tensor:
        """(batch, inputs) -> (batch, outputs), differentiable in x and parameters, without noise."""

    def twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], errors: ErrorSpec | None) -> Tensor:
        """Nominal physics without noise; it knows the levels of the controls."""
        bits = 0.0 if errors is None else errors.numbers.get("control_bits", 0.0)
        return self.controlled(operator, x, parameters, self.nominal(operator), bits)

    def device(self, operator: Operator, errors: ErrorSpec, generator: torch.Generator) -> DeviceLayer:
        """Draw one device of this system."""
        departures = self.departures.of(errors.numbers)
        return _Device(self, operator, self.drawn(operator, departures, generator), departures)

    def in_range(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs clipped to what can be driven, and the mean square of what was cut off."""
        inside = x.clamp(self.lowest, self.highest)
        return inside, (x - inside).square().mean()

    def controlled(
        self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Physics, bits: float
    ) -> Tensor:
        """The evolution with data and trained samples at the levels of their controls."""
        drive = quantised(x, bits, self.lowest, self.highest)
        return self.evolve(operator, drive, self.set_points(parameters, bits), physics)

    def set_points(self, parameters: Mapping[str, Tensor], bits: float) -> Mapping[str, Tensor]:
        """Parameters at the levels that the controls have; by default within the same range as data."""
        return {name: quantised(value, bits, self.lowest, self.highest) for name, value in parameters.items()}


@dataclass(frozen=True)
class _Device(Generic[Physics]):
    system: System[Physics]
    operator: Operator
    physics: Physics
    departures: Departures

    def __call__(self, x: Tensor, parameters: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        bits = self.departures.control_bits
        read = self.system.controlled(self.operator, x, parameters, self.physics, bits)
        spread = self.departures.read_noise_fraction
        if spread == 0:
            return read
        sd = spread * read.detach().square().mean().sqrt()
        return read + sd * torch.randn(read.shape, generator=generator)


def quantised(values: Tensor, bits: float, lowest: float = 0.0, highest: float = 1.0) -> Tensor:
    """Rounded to the 2^bits levels of [lowest, highest]; 0 bits: continuous. The gradient passes straight through."""
    if bits == 0:
        return values
    step = (highest - lowest) / (2**bits - 1)
    plain = values.detach()
    return values + (((plain - lowest) / step).round() * step + lowest - plain)
