"""How much of a metric's spread each knob explains: main effects, shared explanations split evenly (Shapley, LMG).

    share_k = mean over orders of the knobs of (SS(up to k) - SS(before k)) / SS_total,
              less what its levels would explain by chance

SS: sum of squares that an additive model explains, one coefficient a level. Shares add up to what the model explains.
A search moves good knobs together; whatever two of them could each explain is split between them. Intervals by
resampling candidates: the designs that one measurement was swept over are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits

LEVELS = 6
"""A number of more values is cut at its quantiles into so many levels, less one."""
RESAMPLED = 60
ORDERS, RESAMPLED_ORDERS = 200, 12
"""Random orders of the knobs, for a share and for each of its resamples."""
SDS = 2.0
"""Half an interval, in standard deviations of the resampled shares."""
RIDGE = 1e-9
"""Of the mean diagonal: levels that always appear together are told apart by nothing."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """What one knob alone explains of one metric's variance, in 0..1, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """Shares by (knob, metric), and what all knobs together explain of each metric."""

    shares: Mapping[tuple[str, str], Share]
    explained: Mapping[str, float]


@dataclass(frozen=True)
class _Model:
    """One-hot levels of all knobs but the first of each; `spans` are the columns of each knob."""

    levels: Floats
    spans: Mapping[str, slice]

    @classmethod
    def of(cls, knobs: pl.DataFrame) -> _Model:
        parts, spans, start = [], {}, 0
        for name in knobs.columns:
            codes = level_codes(knobs[name])
            part = np.eye(codes.max() + 1)[codes][:, 1:]
            parts.append(part)
            spans[name] = slice(start, start := start + part.shape[1])
        return cls(np.hstack(parts), spans)


def level_codes(values: pl.Series) -> npt.NDArray[np.int64]:
    """A level for each value, from 0: distinct values, or between quantiles; null is a level of its own."""
    if values.dtype.is_numeric() and values.n_unique() > LEVELS:
        cuts = np.unique(np.quantile(values.drop_nulls().to_numpy(), np.linspace(0, 1, LEVELS)[1:-1]))
        binned = np.searchsorted(cuts, values.fill_null(0).to_numpy(), side="right")
        codes = np.where(values.is_null().to_numpy(), len(cuts) + 1, binned)
    else:
        codes = values.cast(pl.String).fill_null("\0").to_numpy()
    found: npt.NDArray[np.int64] = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    return found


def moving(knobs: pl.DataFrame) -> pl.DataFrame:
    """The knobs that take more than one value."""
    return knobs.select(name for name in knobs.columns if knobs[name].n_unique() > 1)


def importance(knobs: pl.DataFrame, metrics: pl.DataFrame, candidates: Sequence[str], seed: int) -> Importance | None:
    """Shares of every knob in every metric; None where there are fewer than three designs a coefficient.

    `metrics`: costs in logarithms, none null; `candidates`: what each design was measured with.
    """
    knobs = moving(knobs)
    model = _Model.of(knobs) if knobs.width else None
    if model is None or knobs.height < 3 * model.levels.shape[1]:
        return None
    with threadpool_limits(1):  # many small products: threads would wait for each other more than they compute
        return _intervals(model, knobs.columns, metrics, candidates, np.random.default_rng(seed))


def _intervals(
    model: _Model,
    knobs: Sequence[str],
    metrics: pl.DataFrame,
    candidates: Sequence[str],
    generator: np.random.Generator,
) -> Importance:
    values = metrics.to_numpy().astype(np.float64)
    shares, explained = _shares(model, values, np.ones(len(values)), _orders(len(knobs), ORDERS, generator))
    some = _orders(len(knobs), RESAMPLED_ORDERS, generator)
    drawn = np.stack([_shares(model, values, weights, some)[0] for weights in _resampled(candidates, generator)])
    half = SDS * drawn.std(axis=0, ddof=1)
    ends = np.stack((shares, np.maximum(shares - half, 0.0), np.minimum(shares + half, 1.0)), axis=-1)
    names = [(knob, metric) for knob in knobs for metric in metrics.columns]
    return Importance(
        {name: Share(*map(float, of)) for name, of in zip(names, ends.reshape(-1, 3), strict=True)},
        dict(zip(metrics.columns, explained.tolist(), strict=True)),
    )


def _orders(knobs: int, count: int, generator: np.random.Generator) -> list[list[int]]:
    """Random orders, each with its reverse: the two cancel much of each other's chance."""
    drawn = [generator.permutation(knobs).tolist() for _ in range(count // 2)]
    return [order for one in drawn for order in (one, one[::-1])]


def _resampled(candidates: Sequence[str], generator: np.random.Generator) -> list[Floats]:
    """How often each design is in each resample: candidates are drawn with replacement."""
    _, owner = np.unique(np.asarray(candidates), return_inverse=True)
    count = int(owner.max()) + 1
    return [generator.multinomial(count, np.full(count, 1 / count)).astype(float)[owner] for _ in range(RESAMPLED)]


def _shares(model: _Model, values: Floats, weights: Floats, orders: list[list[int]]) -> tuple[Floats, Floats]:
    """(knobs, metrics) shares, and what the whole model explains of each metric; designs weighted.

    A Cholesky factor L of the Gram matrix in one order gives every nested model at once: column i adds (L^-1 m)_i^2.
    """
    gram, moment, total = _centred(model.levels, values, weights)
    free = max(1.0, float(np.count_nonzero(weights)) - 1 - np.linalg.matrix_rank(gram, hermitian=True))
    steadied = gram + RIDGE * (np.trace(gram) / len(gram) + 1e-300) * np.eye(len(gram))
    spans = list(model.spans.values())
    each = [np.arange(span.start, span.stop) for span in spans]
    columns = np.stack([np.concatenate([each[knob] for knob in order]) for order in orders])
    lower = np.linalg.cholesky(steadied[columns[:, :, None], columns[:, None, :]])
    added, placed = np.linalg.solve(lower, moment[columns]) ** 2, np.empty((*columns.shape, values.shape[1]))
    np.put_along_axis(placed, columns[:, :, None], added, axis=1)  # from each order's columns to the model's
    found = np.add.reduceat(placed.mean(axis=0), [span.start for span in spans], axis=0)
    left = np.maximum(total - found.sum(axis=0), 0.0)
    chance = np.array([span.stop - span.start for span in spans])[:, None] * left / free
    spread = np.where(total > 0, total, np.inf)
    return np.clip((found - chance) / spread, 0.0, 1.0), np.clip(1 - left / spread, 0.0, 1.0) * (total > 0)


def _centred(levels: Floats, values: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Gram matrix of the levels, their products with the values, and the values' squares, about weighted means."""
    whole = weights.sum()
    off = values - (weights / whole) @ values
    off = np.where(np.abs(off) > 1e-12 * np.abs(values).max(axis=0), off, 0.0)
    weighted, sums = levels * weights[:, None], weights @ levels  # levels are 0 or 1: their sums are exact counts
    return weighted.T @ levels - np.outer(sums, sums / whole), weighted.T @ off, weights @ off**2
