"""Uniform grids: the scales that lose least, and values moved onto them. NumPy arrays and torch tensors alike."""

from __future__ import annotations

import math
from typing import Any, Literal

import array_api_compat as api

ScaleRule = Literal["mse", "percentile", "peak"]

RATIOS = tuple(1.0 - 0.04 * step for step in range(20))
"""Clip points that are tried, relative to the largest magnitude (1.0 first: weights on a grid keep it)."""

_FINER_STEPS = 4
"""Fixed-point steps that are tried: the coarsest clips nothing, each further one is half as wide."""

_GOLDEN = 0.6180339887498949

SCALE_SAMPLES = 4096
"""Values of a tensor that a scale is judged on."""


def largest_level(bits: int, is_signed: bool = True) -> int:
    """Largest whole number of a symmetric signed (2^(bits-1) - 1) or an unsigned (2^bits - 1) grid."""
    return (1 << (bits - 1)) - 1 if is_signed else (1 << bits) - 1


def channel_scales(weight: Any, bits: int, rule: ScaleRule = "mse", percentile: float = 100.0) -> Any:
    """Scale per output channel (leading dimension), of least mean square error unless `rule` says otherwise.

    Shape (channels, 1). Levels are -(2^(bits-1) - 1) .. 2^(bits-1) - 1; for one bit the two levels are +-1 and the best
    scale is the mean of |w| over the non-zero weights (binary weight networks, Rastegari et al. 2016). A channel of
    zeros gets scale 1.
    """
    xp = api.array_namespace(weight)
    rows = xp.reshape(weight, (weight.shape[0], -1))
    magnitude = xp.abs(rows)
    if bits == 1:
        count = xp.sum(xp.astype(magnitude > 0, rows.dtype), axis=1, keepdims=True)
        return _no_zero(xp, xp.sum(magnitude, axis=1, keepdims=True) / xp.where(count > 0, count, xp.ones_like(count)))
    top = largest_level(bits)
    if rule == "percentile":
        return _no_zero(xp, _percentile(xp, magnitude, percentile)) / top
    peak = _no_zero(xp, xp.max(magnitude, axis=1, keepdims=True)) / top
    return peak if rule == "peak" else _best(xp, rows, peak, top, is_signed=True)


def tensor_scale(sample: Any, bits: int, is_signed: bool, rule: ScaleRule = "mse", percentile: float = 100.0) -> float:
    """One scale for a whole tensor (activations), of least mean square error on `sample` unless `rule` says otherwise.

    The range is that of the whole sample; the error is judged on at most SCALE_SAMPLES values spread over it. One
    signed bit has the levels +-1 and the scale of `channel_scales`.
    """
    xp = api.array_namespace(sample)
    if bits == 1 and is_signed:
        return float(channel_scales(xp.reshape(sample, (1, -1)), bits)[0, 0])
    flat, top = xp.reshape(sample, (-1,)), largest_level(bits, is_signed)
    if rule == "percentile":
        return float(_no_zero(xp, _percentile(xp, xp.reshape(xp.abs(flat), (1, -1)), percentile))[0, 0]) / top
    peak = _no_zero(xp, xp.reshape(xp.max(xp.abs(flat)), (1, 1))) / top
    if rule == "peak":
        return float(peak[0, 0])
    rows = xp.reshape(xp.take(flat, _spread(xp, flat.shape[0])), (1, -1))
    return float(_best(xp, rows, peak, top, is_signed)[0, 0])


def power_of_two_scale(sample: Any, bits: int, is_signed: bool) -> float:
    """The power of two that is the step of least mean square error on `sample`: a fixed-point format."""
    xp = api.array_namespace(sample)
    flat = xp.reshape(sample, (-1,))
    peak = float(xp.max(xp.abs(flat)))
    if peak == 0.0:
        return 1.0
    top = largest_level(bits, is_signed)
    widest = math.ceil(math.log2(peak / top))
    part = xp.take(flat, _spread(xp, flat.shape[0]))
    tried = [2.0 ** (widest - finer) for finer in range(_FINER_STEPS)]
    errors = [float(xp.sum((levels(part, step, bits, is_signed) * step - part) ** 2)) for step in tried]
    return tried[errors.index(min(errors))]


def levels(values: Any, scale: Any, bits: int, is_signed: bool = True) -> Any:
    """Whole numbers nearest to values / scale, clipped to the grid; for one signed bit the sign (zero stays zero)."""
    xp = api.array_namespace(values)
    if bits == 1 and is_signed:
        return xp.sign(values)
    top = largest_level(bits, is_signed)
    return xp.clip(xp.round(values / scale), -top if is_signed else 0, top)


def quantised(
    weight: Any,
    bits: int,
    rule: ScaleRule = "mse",
    percentile: float = 100.0,
    scale_per: Literal["channel", "layer"] = "channel",
) -> Any:
    """The weight on its best grid per output channel or for the whole layer, same shape."""
    xp = api.array_namespace(weight)
    rows = xp.reshape(weight, (1 if scale_per == "layer" else weight.shape[0], -1))
    scales = channel_scales(rows, bits, rule, percentile)
    return xp.reshape(levels(rows, scales, bits) * scales, weight.shape)


def coprime_step(count: int) -> int:
    """A step, near the golden section, that visits every one of `count` places: no column of an image is preferred."""
    step = max(1, round(count * _GOLDEN))
    while math.gcd(step, count) != 1:
        step += 1
    return step


def _spread(xp: Any, count: int) -> Any:
    """At most SCALE_SAMPLES places among `count`; all of them, in order, where that is not too many."""
    if count <= SCALE_SAMPLES:
        return xp.arange(count)
    return (xp.arange(SCALE_SAMPLES) * coprime_step(count)) % count


def _best(xp: Any, rows: Any, peak: Any, top: int, is_signed: bool) -> Any:
    """Of peak * RATIOS the scale with the least square error, per row; the first (widest) wins ties."""
    ratios = xp.asarray(RATIOS, dtype=rows.dtype)
    scales = peak[None, :, :] * ratios[:, None, None]
    error = xp.clip(xp.round(rows[None, :, :] / scales), -top if is_signed else 0, top) * scales - rows[None, :, :]
    best = xp.argmin(xp.sum(error * error, axis=2), axis=0)
    return peak * xp.take(ratios, best)[:, None]


def _percentile(xp: Any, magnitude: Any, percentile: float) -> Any:
    """The smallest of the magnitudes that are clipped, by row: what a second look finds again."""
    count = magnitude.shape[1]
    clipped = min(count - 1, max(0, math.floor((1 - percentile / 100) * count)))
    return xp.sort(magnitude, axis=1)[:, count - 1 - clipped : count - clipped]


def _no_zero(xp: Any, values: Any) -> Any:
    """A channel that was pruned away has no range: its scale is 1, never 0 (0 / 0 would be NaN)."""
    return xp.where(values > 0, values, xp.ones_like(values))
