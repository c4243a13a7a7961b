"""A plate that a coil drives and a microphone hears: modes that stretching couples (Berger's plate).

    q_m'' + 2 z w_m q_m' + w_m^2 (1 + a sum_n q_n^2) q_m = b_m u(t),   y = sum_m c_m q_m

Time is counted in samples of the force; w_m = 2 pi f_m. A simply supported square plate's ladder of frequencies,
f_m ~ i^2 + j^2, is scaled so that the highest kept mode is `highest` cycles a sample; b_m and c_m are its mode shapes
at the coil and at the microphone. By semi-implicit Euler steps, which keep a free plate's energy bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joulescape.network.operators import Operator
from joulescape.network.systems.plate import SUBSTEPS
from joulescape.numerics import _series, _systems
from joulescape.numerics._systems import System, bounded

Floats = npt.NDArray[np.float32]

COIL, MICROPHONE = (0.37, 0.29), (0.71, 0.58)
"""Where they stand on the unit square: off every nodal line of the lowest modes."""


@dataclass(frozen=True)
class Departures(_systems.Departures):
    """Relative sds: `frequency_fraction` of each mode, `damping_fraction` of the damping, `shape_fraction` of each
    mode's amplitude at coil and microphone; `stretch_fraction`: relative error of the coupling by stretching."""

    frequency_fraction: float = 0.0
    damping_fraction: float = 0.0
    shape_fraction: float = 0.0
    stretch_fraction: float = 0.0


@dataclass(frozen=True)
class Modes:
    """Per mode: angle a sample w, damping rate 2 z w, amplitude at the coil and at the microphone; the stretching a."""

    angle: Tensor
    damping: Tensor
    coil: Tensor
    microphone: Tensor
    stretch: float


class Plate(System[Modes]):
    """A plate heard while it is driven."""

    kind: ClassVar[str] = "plate"
    departures: ClassVar[type[_systems.Departures]] = Departures
    lowest: ClassVar[float] = -1.0

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Trained samples of the force."""
        return _series.initial(operator, generator, self.lowest, self.highest)

    def nominal(self, operator: Operator) -> Modes:
        """The ladder of a square plate."""
        a = operator.attributes
        return ladder(int(a["modes"]), float(a["highest"]), float(a["quality"]), float(a["stretch"]))

    def drawn(self, operator: Operator, departures: Any, generator: torch.Generator) -> Modes:
        """Another plate: thickness, clamping and where coil and microphone touch it."""
        ideal = self.nominal(operator)

        def off(spread: float) -> Tensor:
            return 1 + spread * torch.randn(ideal.angle.shape, generator=generator)

        return Modes(
            angle=ideal.angle * off(departures.frequency_fraction),
            damping=ideal.damping * off(departures.damping_fraction).abs(),
            coil=ideal.coil * off(departures.shape_fraction),
            microphone=ideal.microphone * off(departures.shape_fraction),
            stretch=ideal.stretch * (1 + departures.stretch_fraction),
        )

    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Modes) -> Tensor:
        """What the microphone hears, averaged into the outputs."""
        force = _series.series(x, parameters["weight"])
        return _series.averaged(heard(force, physics), operator.out_elements)


@lru_cache(maxsize=32)
def ladder(modes: int, highest: float, quality: float, stretch: float) -> Modes:
    """The lowest `modes` modes of a square plate; every amplitude relative to the mean over modes."""
    wide = math.isqrt(modes) + modes
    pairs = sorted((i * i + j * j, i, j) for i in range(1, wide) for j in range(1, wide))[:modes]
    squares = torch.tensor([float(total) for total, _, _ in pairs])
    angle = 2 * math.pi * highest * squares / squares[-1]
    coil, microphone = (_shape(pairs, place) for place in (COIL, MICROPHONE))
    return Modes(angle, angle / quality, coil * angle, microphone, stretch)


def _shape(pairs: list[tuple[int, int, int]], place: tuple[float, float]) -> Tensor:
    values = [math.sin(i * math.pi * place[0]) * math.sin(j * math.pi * place[1]) for _, i, j in pairs]
    return 2 * torch.tensor(values)


def heard(force: Tensor, modes: Modes) -> Tensor:
    """(time, batch) of what the microphone hears at the end of each sample; Infeasible where it runs away.

    A mode's speed p is counted in amplitudes (q' = w p), so that both have one scale. The coil pushes mode m by
    coil_m w_1 w_m: a constant force of 1 bends the lowest mode by its amplitude at the coil.
    """
    return bounded(
        _hear(force, modes) @ modes.microphone,
        "the plate runs away: less stretching, a lower highest mode or a weaker drive is needed",
    )


@dataclass(frozen=True)
class _Steps:
    """Constants of one step, per mode."""

    turn: Floats
    keep: Floats
    push: Floats
    stretch: np.float32

    @classmethod
    def of(cls, modes: Modes) -> _Steps:
        """From the physics, `SUBSTEPS` steps a sample."""
        step = 1.0 / SUBSTEPS
        push = step * modes.coil * modes.angle[0]
        turn, keep = step * modes.angle, 1 - step * modes.damping
        return cls(turn.numpy(), keep.numpy(), push.numpy(), np.float32(modes.stretch))


class _Hear(torch.autograd.Function):
    """Amplitudes (time, batch, modes) stepped forward, and their adjoint stepped backward; plain NumPy."""

    @staticmethod
    def forward(ctx: Any, force: Tensor, modes: Modes) -> Tensor:
        drive, by = np.ascontiguousarray(force.detach().numpy()), _Steps.of(modes)
        shape = (drive.shape[1], len(by.turn))
        place = np.zeros((len(drive) * SUBSTEPS + 1, *shape), np.float32)
        speed = np.zeros(shape, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what runs away is found, and said, once it has
            for index in range(len(place) - 1):
                before = place[index]
                stiff = 1 + by.stretch * np.einsum("bm,bm->b", before, before)
                speed *= by.keep
                speed -= by.turn * stiff[:, None] * before
                speed += drive[index // SUBSTEPS][:, None] * by.push
                np.add(before, by.turn * speed, out=place[index + 1])
        ctx.place, ctx.by = place, by
        return torch.from_numpy(place[SUBSTEPS::SUBSTEPS])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        place, by = ctx.place, ctx.by
        back = gradients[0].numpy()
        to_force = np.zeros(back.shape[:2], np.float32)
        to_place, to_speed = np.zeros(back.shape[1:], np.float32), np.zeros(back.shape[1:], np.float32)
        stiff = 1 + by.stretch * np.einsum("tbm,tbm->tb", place, place)
        for index in reversed(range(len(place) - 1)):
            if index % SUBSTEPS == SUBSTEPS - 1:
                to_place += back[index // SUBSTEPS]
            to_speed += by.turn * to_place
            to_force[index // SUBSTEPS] += to_speed @ by.push
            turned = by.turn * to_speed
            bend = 2 * by.stretch * np.einsum("bm,bm->b", place[index], turned)
            to_place -= stiff[index][:, None] * turned + bend[:, None] * place[index]
            to_speed *= by.keep
        return torch.from_numpy(to_force), None


_hear = cast(Callable[[Tensor, Modes], Tensor], _Hear.apply)

plugin = Plate()
