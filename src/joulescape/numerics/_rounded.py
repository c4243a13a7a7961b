"""Products of rounded operands with exact sums, for number formats that say how a tensor is rounded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.base import Chance, Detail, MatrixNumerics, Product, Programmed, Stored

Numbers = Mapping[str, float]


def to_multiples(values: Tensor, stream: torch.Generator | None) -> Tensor:
    """Whole numbers: the nearest ones (ties to even), or one of both neighbours at random with the right mean."""
    if stream is None:
        return values.round()
    below = values.floor()
    return below + (torch.rand(values.shape, generator=stream) < values - below).to(values.dtype)


def power_of_two_at_least(value: float) -> float:
    """The least power of two that is no smaller than a positive number."""
    mantissa, exponent = torch.frexp(torch.tensor(value, dtype=torch.float64))
    return float(2.0 ** (int(exponent) - (float(mantissa) == 0.5)))


@dataclass(frozen=True)
class RoundedProduct:
    """One stored matrix; inputs are rounded on the grid that calibration found, sums are exact."""

    kind: RoundedNumerics
    weight: Tensor
    peak: float
    numbers: Numbers

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """(rows, K) -> (rows, N)."""
        return self.kind.rounded(x, self.numbers, self.peak, None) @ self.weight.T


@dataclass(frozen=True)
class RoundedPair:
    """A product of two activations, both rounded."""

    kind: RoundedNumerics
    peaks: tuple[float, float]
    numbers: Numbers

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """(..., M, K) times (..., K, N) -> (..., M, N)."""
        pairs = zip((left, right), self.peaks, strict=True)
        first, second = (self.kind.rounded(values, self.numbers, peak, None) for values, peak in pairs)
        return first @ second


class RoundedNumerics(MatrixNumerics):
    """Deterministic forward; gradients and updates are rounded to nearest, or at random (`is_stochastic`)."""

    @abstractmethod
    def rounded(self, values: Tensor, numbers: Numbers, peak: float, stream: torch.Generator | None) -> Tensor:
        """Values on this format's grid; `peak` is the largest magnitude that a tensor's own scale is made for."""

    def program(
        self,
        weight: Tensor,
        errors: ErrorSpec,
        calibration: Tensor,
        generator: torch.Generator,  # noqa: ARG002
        detail: Detail,  # noqa: ARG002
    ) -> Programmed:
        """Round the weight; the inputs' scale comes from `calibration`. No device is drawn."""
        stored = self.rounded(weight, errors.numbers, peak_of(weight), None)
        return RoundedProduct(self, stored, peak_of(calibration), errors.numbers)

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """The same; errors go back through the rounded weights where this machine forms input gradients."""
        forward = self.program(weight, errors["forward"], calibration, chance.device, detail)
        back = errors.get("input_gradient")
        return Stored(forward, None if back is None else self.rounded(weight, back.numbers, peak_of(weight), None))

    def product(
        self,
        left: Tensor,
        right: Tensor,
        errors: ErrorSpec,
        generator: torch.Generator,  # noqa: ARG002
        detail: Detail,  # noqa: ARG002
    ) -> Product:
        """Both operands are rounded as inputs are."""
        return RoundedPair(self, (peak_of(left), peak_of(right)), errors.numbers)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Rounded on a scale of its own."""
        return self.rounded(gradient, errors.numbers, peak_of(gradient), _stream(errors, generator))

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """Weight plus step, rounded to what is stored."""
        moved = weight + step
        return self.rounded(moved, errors.numbers, peak_of(moved), _stream(errors, generator))


def peak_of(values: Tensor) -> float:
    """Largest magnitude; of a tensor of zeros the least normal number, so that a scale exists."""
    return max(float(values.abs().max()), torch.finfo(torch.float32).tiny)


def _stream(errors: ErrorSpec, generator: torch.Generator) -> torch.Generator | None:
    return generator if errors.numbers.get("is_stochastic", 0.0) else None
