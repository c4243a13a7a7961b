"""A resistor, a coil and a capacitor in a loop, a transistor across the capacitor, driven by a voltage in time.

    i' = u(t) - i / Q - v,   v' = i - k softplus((v - t) / s)^2

in units of the loop's 1 / w and of its impedance (L = C = 1), Q its quality. The transistor conducts above its
threshold t, quadratically (a MOSFET in saturation) and smoothly below it (s). By steps of semi-implicit Euler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from joulescape.network.operators import Operator
from joulescape.network.systems.circuit import SUBSTEPS
from joulescape.numerics import _series, _systems
from joulescape.numerics._systems import System, bounded

THRESHOLD, SLOPE, GAIN = 0.4, 0.15, 0.1
"""t, s and k of the nominal transistor."""


@dataclass(frozen=True)
class Departures(_systems.Departures):
    """Relative sds: `frequency_fraction` of the loop, `resistance_fraction` of its loss, `gain_fraction` of the
    transistor; `threshold`: sd of its threshold, in units of the drive."""

    frequency_fraction: float = 0.0
    resistance_fraction: float = 0.0
    gain_fraction: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True)
class Parts:
    """Angle that the loop turns in one sample, 1 / Q, the transistor's gain and threshold, the voltage of a 1."""

    angle: float
    loss: float
    gain: float
    threshold: float
    drive: float


class Circuit(System[Parts]):
    """A loop whose capacitor voltage is recorded."""

    kind: ClassVar[str] = "circuit"
    departures: ClassVar[type[_systems.Departures]] = Departures
    lowest: ClassVar[float] = -1.0

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Trained samples of the voltage."""
        return _series.initial(operator, generator, self.lowest, self.highest)

    def nominal(self, operator: Operator) -> Parts:
        """The parts as they are labelled."""
        a = operator.attributes
        return Parts(float(a["spacing"]), 1 / float(a["quality"]), GAIN, THRESHOLD, float(a["drive"]))

    def drawn(self, operator: Operator, departures: Any, generator: torch.Generator) -> Parts:
        """Parts of a tolerance."""
        ideal = self.nominal(operator)
        off = torch.randn(4, generator=generator).tolist()
        return Parts(
            angle=ideal.angle * (1 + departures.frequency_fraction * off[0]),
            loss=ideal.loss * abs(1 + departures.resistance_fraction * off[1]),
            gain=ideal.gain * abs(1 + departures.gain_fraction * off[2]),
            threshold=ideal.threshold + departures.threshold * off[3],
            drive=ideal.drive,
        )

    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Parts) -> Tensor:
        """The capacitor's voltage, averaged into the outputs."""
        voltage = _series.series(x, parameters["weight"])
        return _series.averaged(recorded(voltage, physics), operator.out_elements)


def recorded(voltage: Tensor, parts: Parts) -> Tensor:
    """(time, batch) of the capacitor's voltage at the end of each sample; Infeasible where it runs away."""
    return bounded(_record(voltage, parts), "the circuit runs away: a smaller drive or closer samples are needed")


class _Record(torch.autograd.Function):
    """The loop stepped forward, and its adjoint stepped backward; plain NumPy, for every step is small."""

    @staticmethod
    def forward(ctx: Any, voltage: Tensor, parts: Parts) -> Tensor:
        drive = np.ascontiguousarray(voltage.detach().numpy())
        step = np.float32(parts.angle / SUBSTEPS)
        held = np.empty((len(drive) * SUBSTEPS + 1, drive.shape[1]), np.float32)
        held[0], current = 0.0, np.zeros(drive.shape[1], np.float32)
        keep, push = np.float32(1 - step * parts.loss), np.float32(step * parts.drive)
        with np.errstate(over="ignore", invalid="ignore"):  # what runs away is found, and said, once it has
            for index in range(len(held) - 1):
                before = held[index]
                current = keep * current + push * drive[index // SUBSTEPS] - step * before
                open_by = np.logaddexp(np.float32(0), (before - np.float32(parts.threshold)) / np.float32(SLOPE))
                held[index + 1] = before + step * (current - np.float32(parts.gain) * open_by * open_by)
        ctx.held, ctx.parts = held, parts
        return torch.from_numpy(held[SUBSTEPS::SUBSTEPS].copy())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        held, parts = ctx.held, ctx.parts
        back = gradients[0].numpy()
        step = np.float32(parts.angle / SUBSTEPS)
        keep, push = np.float32(1 - step * parts.loss), np.float32(step * parts.drive)
        bent = (held - np.float32(parts.threshold)) / np.float32(SLOPE)
        slope = 2 * np.logaddexp(np.float32(0), bent) / (1 + np.exp(-bent)) / np.float32(SLOPE)
        stay = 1 - step * np.float32(parts.gain) * slope
        to_drive = np.zeros_like(back)
        to_held, to_current = np.zeros(back.shape[1], np.float32), np.zeros(back.shape[1], np.float32)
        for index in reversed(range(len(held) - 1)):
            if index % SUBSTEPS == SUBSTEPS - 1:
                to_held = to_held + back[index // SUBSTEPS]
            to_current = to_current + step * to_held
            to_held = to_held * stay[index] - step * to_current
            to_drive[index // SUBSTEPS] += push * to_current
            to_current = keep * to_current
        return torch.from_numpy(to_drive), None


_record = cast(Callable[[Tensor, Parts], Tensor], _Record.apply)

plugin = Circuit()
