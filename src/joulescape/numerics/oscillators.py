"""Coupled pendula: data set where they start, couplings and drives are trained, positions are read after a while.

    q_i'' = -w_i^2 sin((1 + eta) q_i) + sum_j J_ij (sin q_j - sin q_i) + e_i,   J symmetric

by velocity Verlet steps (one force a step) or Runge-Kutta's. Positions are angles in radians, time is in units of a
pendulum's 1 / w.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.operators import Operator
from joulescape.numerics import _systems
from joulescape.numerics._systems import System, bounded, quantised

FARTHEST = math.pi
"""Angle at which a pendulum points up: a start beyond it is another start."""

STRONGEST = 1.0
"""Largest coupling and drive that the controls can set."""


@dataclass(frozen=True)
class Departures(_systems.Departures):
    """`frequency_fraction`: relative sd of each w; `coupling_fraction`: sd of each coupling, relative to a fresh one's;
    `nonlinearity`: eta, the same for all."""

    frequency_fraction: float = 0.0
    coupling_fraction: float = 0.0
    nonlinearity: float = 0.0


@dataclass(frozen=True)
class Pendula:
    """Squares of the frequencies (N,), an error of the couplings (N, N) and eta."""

    square: Tensor
    stray: Tensor | None
    eta: float


class Oscillators(System[Pendula]):
    """Pendula coupled all to all."""

    kind: ClassVar[str] = "oscillators"
    departures: ClassVar[type[_systems.Departures]] = Departures
    lowest: ClassVar[float] = -FARTHEST
    highest: ClassVar[float] = FARTHEST

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Couplings (N, N), of which the symmetric part acts, and drives (N,): uniform in +-1 / sqrt(N)."""
        units = _units(operator)
        bound = 1 / math.sqrt(units)
        return {
            "weight": bound * (2 * torch.rand(units, units, generator=generator) - 1),
            "drive": bound * (2 * torch.rand(units, generator=generator) - 1),
        }

    def nominal(self, operator: Operator) -> Pendula:
        """Equal pendula."""
        return Pendula(torch.ones(_units(operator)), None, 0.0)

    def drawn(self, operator: Operator, departures: Departures, generator: torch.Generator) -> Pendula:
        """Other lengths, other springs, another force law."""
        units = _units(operator)
        square = (1 + departures.frequency_fraction * torch.randn(units, generator=generator)).square()
        errors = torch.randn(units, units, generator=generator) * departures.coupling_fraction / math.sqrt(3 * units)
        return Pendula(square, symmetric(errors), departures.nonlinearity)

    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Pendula) -> Tensor:
        """Positions of the last `out_features` pendula at the end."""
        couplings = symmetric(parameters["weight"])
        if physics.stray is not None:
            couplings = couplings + physics.stray
        force = pull(couplings, physics.square)
        steps = int(operator.attributes["steps"])
        step = float(operator.attributes["duration"]) / steps
        start = torch.nn.functional.pad(x, (0, _units(operator) - x.shape[1]))
        law = swing_smoothly if int(operator.attributes["order"]) == 4 else swing
        end = law(start, force, parameters["drive"], 1 + physics.eta, step, steps)[:, -operator.out_elements :]
        return bounded(end, "the oscillators run away: a shorter duration, more steps or weaker couplings are needed")

    def set_points(self, parameters: Mapping[str, Tensor], bits: float) -> Mapping[str, Tensor]:
        """Couplings and drives have a range of their own."""
        return {name: quantised(value, bits, -STRONGEST, STRONGEST) for name, value in parameters.items()}

    def confine(self, parameters: Mapping[str, Tensor]) -> None:
        """Move couplings and drives back into their range, in place."""
        for value in parameters.values():
            value.clamp_(-STRONGEST, STRONGEST)


def symmetric(weight: Tensor) -> Tensor:
    """(W + W^T) / 2: action and reaction."""
    return (weight + weight.T) / 2


def pull(couplings: Tensor, square: Tensor) -> Tensor:
    """The matrix Q of the accelerations q'' = Q sin q + e: J off the diagonal, -w^2 - sum_j J_ij on it.

    The sum holds the self-coupling J_ii, as the published example has it.
    """
    return couplings - torch.diag(couplings.diagonal()) - torch.diag(couplings.sum(1) + square)


def swing(start: Tensor, force: Tensor, drive: Tensor, stiffness: float, step: float, steps: int) -> Tensor:
    """Positions (B, N) after `steps` Verlet steps from rest at `start`."""
    position, speed = start, torch.zeros_like(start)
    for index in range(steps):
        if index == 0:
            speed = step / 2 * torch.addmm(drive, torch.sin(stiffness * position), force.T)
        position = position + step * speed
        if index < steps - 1:
            speed = speed + step * torch.addmm(drive, torch.sin(stiffness * position), force.T)
    return position


def swing_smoothly(start: Tensor, force: Tensor, drive: Tensor, stiffness: float, step: float, steps: int) -> Tensor:
    """The same by the classical Runge-Kutta method of fourth order, four forces a step."""

    def pulled(position: Tensor) -> Tensor:
        return torch.addmm(drive, torch.sin(stiffness * position), force.T)

    position, speed = start, torch.zeros_like(start)
    for _ in range(steps):
        first = pulled(position)
        second = pulled(position + step / 2 * speed)
        third = pulled(position + step / 2 * (speed + step / 2 * first))
        fourth = pulled(position + step * (speed + step / 2 * second))
        position = position + step * speed + step * step / 6 * (first + second + third)
        speed = speed + step / 6 * (first + 2 * second + 2 * third + fourth)
    return position


def _units(operator: Operator) -> int:
    return int(operator.attributes["units"])


plugin = Oscillators()
