"""What physical systems share: a nominal one is the twin, a drawn one with noise is the device.

A system says how it evolves under given physics, what its nominal physics is, and how a device departs from it. From
that follow its twin, its devices, and a twin fitted to measurements of one of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor

from joulescape.errors import Infeasible
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.numerics._fitting import fit
from joulescape.numerics.base import DeviceLayer, PhysicalLayer, Twin

Physics = TypeVar("Physics")

SETTINGS = 4
"""Draws of the trained parameters among which the measurements of a fitted twin are divided."""

RUNAWAY = 1.0
"""Violation of dynamics that are not bounded: how far they overshoot is not known."""


@dataclass(frozen=True)
class Departures:
    """Statistics of the difference between devices and their twin; all zero: they are the same.

    `control_bits`: levels of whatever sets data and parameters, 0 for a continuous one; the twin knows them.
    `read_noise_fraction`: sd of a read value relative to the root mean square of what is read.
    """

    control_bits: float = 0.0
    read_noise_fraction: float = 0.0

    @property
    def levels_bits(self) -> float:
        """Levels of the controls, under whatever name; 0 for continuous ones."""
        return self.control_bits

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> Self:
        """From an ErrorSpec's numbers; raises ValueError on a name that is not a departure."""
        unknown = ", ".join(sorted(set(numbers) - {field.name for field in fields(cls)}))
        if unknown:
            known = ", ".join(sorted(field.name for field in fields(cls)))
            name = cls.__module__.removeprefix("joulescape.numerics.").split(".")[0]
            raise ValueError(f"{name} knows no departure named {unknown}; known: {known}")
        return cls(**numbers)


class System(PhysicalLayer, Generic[Physics]):
    """One system: drive limits, nominal and drawn physics, and the evolution that both share."""

    departures: ClassVar[type[Departures]]

    @abstractmethod
    def nominal(self, operator: Operator) -> Physics:
        """The physics that the twin believes in."""

    @abstractmethod
    def drawn(self, operator: Operator, departures: Any, generator: torch.Generator) -> Physics:
        """The physics of one device."""

    @abstractmethod
    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Physics) -> Tensor:
        """(batch, inputs) -> (batch, outputs), differentiable in x and parameters, without noise.

        Raises Infeasible where the system runs away.
        """

    def guess(self, operator: Operator) -> Physics:
        """The physics from which a fit to measurements starts; by default the nominal one."""
        return self.nominal(operator)

    def read(self, operator: Operator, clean: Tensor, departures: Any, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """One reading of `clean`, with noise."""
        spread = departures.read_noise_fraction
        if spread == 0:
            return clean
        sd: Tensor = spread * clean.detach().square().mean().sqrt()
        return clean + sd * torch.randn(clean.shape, generator=generator)

    def twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], errors: ErrorSpec | None) -> Tensor:
        """Nominal physics without noise; it knows the levels of the controls."""
        bits = 0.0 if errors is None else self.departures.of(errors.numbers).levels_bits
        return self.controlled(operator, x, parameters, self.nominal(operator), bits)

    def device(self, operator: Operator, errors: ErrorSpec, generator: torch.Generator) -> DeviceLayer:
        """Draw one device of this system."""
        departures = self.departures.of(errors.numbers)
        return _Device(self, operator, self.drawn(operator, departures, generator), departures)

    def fitted(
        self, operator: Operator, errors: ErrorSpec, device: DeviceLayer, generator: torch.Generator, count: int
    ) -> Twin:
        """The twin whose physics explains `count` readings of the device best, by least squares.

        Inputs are uniform in the range that drives the system; parameters are fresh ones, drawn SETTINGS times.
        """
        bits = self.departures.of(errors.numbers).levels_bits
        asked = []
        for _ in range(SETTINGS):
            uniform = torch.rand(-(-count // SETTINGS), operator.in_elements, generator=generator)
            asked.append((self.lowest + (self.highest - self.lowest) * uniform, self.initial(operator, generator)))
        found = torch.cat([device(x, parameters, generator) for x, parameters in asked])

        def explained(physics: Physics) -> Tensor:
            return torch.cat([self.controlled(operator, x, values, physics, bits) for x, values in asked])

        with torch.no_grad():
            physics = fit(self.guess(operator), explained, found)
        return lambda x, parameters: self.controlled(operator, x, parameters, physics, bits)

    def noisy(self, operator: Operator, read: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """What is read with the noise of one reading."""
        return self.read(operator, read, self.departures.of(errors.numbers), generator)

    def in_range(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs clipped to what can be driven, and the mean square of what was cut off."""
        inside = x.clamp(self.lowest, self.highest)
        return inside, (x - inside).square().mean()

    def confine(self, parameters: Mapping[str, Tensor]) -> None:
        """Move trained parameters back into the range of what can be driven, in place."""
        for value in parameters.values():
            value.clamp_(self.lowest, self.highest)

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
        clean = self.system.controlled(self.operator, x, parameters, self.physics, self.departures.levels_bits)
        return self.system.read(self.operator, clean, self.departures, generator)


def bounded(values: Tensor, reason: str) -> Tensor:
    """The same values; Infeasible with the reason where one of them is no number."""
    if not bool(torch.isfinite(values.detach()).all()):
        raise Infeasible(reason, RUNAWAY)
    return values


def quantised(values: Tensor, bits: float, lowest: float = 0.0, highest: float = 1.0) -> Tensor:
    """Rounded to the 2^bits levels of [lowest, highest]; 0 bits: continuous. The gradient passes straight through."""
    if bits == 0:
        return values
    step = (highest - lowest) / (2**bits - 1)
    plain = values.detach()
    return values + (((plain - lowest) / step).round() * step + lowest - plain)
