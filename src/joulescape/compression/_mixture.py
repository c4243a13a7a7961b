"""A mixture of Gaussians on a line, one component of which stays at zero: fitted to weights, and its likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat as api
import numpy as np
from numpy.typing import NDArray

LEAST_SPREAD = 1e-3
"""No component is narrower: its likelihood would grow without bound on weights that are equal."""

LEAST_SHARE = 1e-4
"""No component is emptier when the mixture is fitted: training can still fill it."""

ITERATIONS = 40
SAMPLES = 2048
"""Expectation maximisation: rounds, and weights that are looked at, spread over their order."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """NumPy arrays or torch tensors: `means` and `log_shares` (up to a constant) of the components away from zero,
    `log_spreads` of all, the one at zero first; `zero_share` is that component's share.
    """

    means: Any
    log_spreads: Any
    log_shares: Any
    zero_share: float

    def of(self, made: Callable[[Any], Any]) -> Mixture:
        """The same mixture with every array made anew."""
        return Mixture(made(self.means), made(self.log_spreads), made(self.log_shares), self.zero_share)


def fitted(weight: Any, components: int, zero_share: float) -> Mixture:
    """The mixture of largest likelihood that expectation maximisation reaches from means evenly over the weights."""
    values = _sample(weight)
    spread = _largest_spread(values, components)
    start = Mixture(
        np.linspace(values[0], values[-1], components - 1),
        np.full(components, np.log(spread)),
        np.full(components - 1, -np.log(components - 1)),
        zero_share,
    )
    return followed(weight, start, ITERATIONS)


def followed(weight: Any, mixture: Mixture, rounds: int = 1) -> Mixture:
    """The mixture after so many rounds of expectation maximisation more."""
    xp, values = api.array_namespace(weight), _sample(weight)
    for _ in range(rounds):
        mixture = _round(values, mixture)
    return mixture.of(lambda array: xp.asarray(np.asarray(array, dtype=np.float32)))


def _sample(weight: Any) -> Floats:
    ordered = np.sort(np.asarray(weight, dtype=np.float64).ravel())
    places = np.linspace(0, ordered.size - 1, min(SAMPLES, ordered.size)).astype(np.int64)
    return ordered[places]


def _largest_spread(values: Floats, components: int) -> float:
    """Half the distance of evenly standing components: were one wider, the one at zero would take in most others."""
    return max(LEAST_SPREAD, float(values[-1] - values[0]) / (2 * components))


def _round(values: Floats, mixture: Mixture) -> Mixture:
    plain = mixture.of(_doubled)
    held = _responsibilities(values, plain)
    mass = held.sum(axis=1)
    safe = np.where(mass > 0, mass, 1.0)
    means = np.where(mass[1:] > 0, (held[1:] @ values) / safe[1:], plain.means)
    square = (held * (values[None, :] - _with_zero(np, means)[:, None]) ** 2).sum(axis=1)
    spreads = np.where(mass > 0, np.sqrt(square / safe), np.exp(plain.log_spreads))
    shares = np.maximum(mass[1:] / max(mass[1:].sum(), LEAST_SHARE), LEAST_SHARE)
    return Mixture(
        means,
        np.log(np.clip(spreads, LEAST_SPREAD, _largest_spread(values, spreads.size))),
        np.log(shares),
        mixture.zero_share,
    )


def log_likelihood(weight: Any, mixture: Mixture) -> Any:
    """Sum over the weights of the logarithm of the mixture's density."""
    xp = api.array_namespace(weight)
    rows = _log_densities(xp.reshape(weight, (-1,)), mixture)
    peak = xp.max(rows, axis=0)
    return xp.sum(peak + xp.log(xp.sum(xp.exp(rows - peak[None, :]), axis=0)))


def assigned(weight: Any, mixture: Mixture) -> tuple[Any, Any]:
    """Number of each weight's most responsible component (0: the one at zero) and the means that they stand for.

    A weight that is zero keeps number 0; where all would be zero the largest weight takes the nearest mean.
    """
    xp = api.array_namespace(weight)
    values = np.asarray(weight, dtype=np.float64)
    plain = mixture.of(_doubled)
    codes = np.where(values == 0, 0, _log_densities(values.ravel(), plain).argmax(axis=0).reshape(values.shape))
    merged = np.concatenate([[0.0], np.where(np.abs(plain.means) > np.exp(plain.log_spreads[1:]), plain.means, 0.0)])
    codes = np.where(merged[codes] == 0, 0, codes)
    if not codes.any():
        largest = np.unravel_index(np.abs(values).argmax(), values.shape)
        codes[largest] = 1 + np.abs(plain.means - values[largest]).argmin()
    return xp.asarray(codes.astype(np.int64)), mixture.means


def _doubled(array: Any) -> Floats:
    return np.asarray(array, dtype=np.float64)


def _responsibilities(values: Floats, mixture: Mixture) -> Floats:
    rows = _log_densities(values, mixture)
    dense = np.exp(rows - rows.max(axis=0))
    return np.asarray(dense / dense.sum(axis=0))


def _log_densities(values: Any, mixture: Mixture) -> Any:
    """(components, values), up to a constant: log share - log spread - (w - mean)^2 / (2 spread^2)."""
    xp = api.array_namespace(values)
    spreads = xp.exp(mixture.log_spreads)
    peak = xp.max(mixture.log_shares)
    rest = mixture.log_shares - peak - xp.log(xp.sum(xp.exp(mixture.log_shares - peak)))
    zero = xp.full((1,), float(np.log(mixture.zero_share)), dtype=rest.dtype)
    shares = xp.concat([zero, rest + float(np.log1p(-mixture.zero_share))])
    distance = (values[None, :] - _with_zero(xp, mixture.means)[:, None]) / spreads[:, None]
    return (shares - xp.log(spreads))[:, None] - distance * distance / 2


def _with_zero(xp: Any, means: Any) -> Any:
    return xp.concat([xp.zeros((1,), dtype=means.dtype), means])
