"""The operators that a layer becomes: their kinds, sizes and names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from joulescape.compression.base import PART
from joulescape.network.operators import Attribute, Operator
from joulescape.network.request import Request

Form = Literal["dense", "svd", "tucker", "spatial"]

Parts = tuple[Sequence[Request], int]
"""Requests of the parts, and how many weights they hold."""


def parts_of(operator: Operator, form: Form, fraction: float) -> Sequence[Request]:
    """Requests of the parts, in order; none where they would hold no fewer weights than the whole."""
    parts, weights = _FORMS[form](operator, fraction)
    return parts if weights < math.prod(operator.weight_shape or (0,)) else ()


def largest_rank(operator: Operator, form: Form) -> int:
    """The rank at which the parts lose nothing; of tucker that of the output channels."""
    out, into, *window = operator.weight_shape or (0, 0)
    if form == "spatial":
        return min(into * window[0], out * window[1])
    return out if form == "tucker" and math.prod(window) > 1 else min(out, into * math.prod(window))


def reached_rank(operator: Operator, form: Form, rank: int) -> int:
    """The largest rank that the parts can have where `rank` is asked for: of tucker the core's outputs are no more than
    its inputs and taps tell apart, and its inputs follow `rank` in proportion."""
    largest = largest_rank(operator, form)
    out, into, *window = operator.weight_shape or (0, 0)
    taps = math.prod(window)
    if form != "tucker" or taps == 1:
        return largest
    return min(largest, min(into, _rank(rank / out, into)) * taps)


def _rank(fraction: float, largest: int) -> int:
    return max(1, round(fraction * largest))


def _dense(operator: Operator, fraction: float) -> Parts:
    out, into = operator.weight_shape or (0, 0)
    rank = _rank(fraction, min(out, into))
    return [
        _request(operator, "in", {"out_features": rank, "bias": False}),
        _request(operator, "out", {"out_features": out, "bias": operator.has_bias}),
    ], rank * (into + out)


def _svd(operator: Operator, fraction: float) -> Parts:
    out, into, height, width = operator.weight_shape or (0, 0, 0, 0)
    rank = _rank(fraction, min(out, into * height * width))
    return [
        _request(operator, "in", {**_window(operator), "out_channels": rank, "bias": False}),
        _request(operator, "out", {"out_channels": out, "kernel": 1, "bias": operator.has_bias}),
    ], rank * (into * height * width + out)


def _tucker(operator: Operator, fraction: float) -> Parts:
    out, into, height, width = operator.weight_shape or (0, 0, 0, 0)
    taps = height * width
    if taps == 1:
        return _svd(operator, fraction)
    # The core has no more output channels than its inputs and taps can tell apart, nor more inputs than its outputs.
    first, second = _rank(fraction, into), _rank(fraction, out)
    first, second = min(first, second * taps), min(second, first * taps)
    return [
        _request(operator, "in", {"out_channels": first, "kernel": 1, "bias": False}),
        _request(operator, "core", {**_window(operator), "out_channels": second, "bias": False}),
        _request(operator, "out", {"out_channels": out, "kernel": 1, "bias": operator.has_bias}),
    ], into * first + first * second * taps + second * out


def _spatial(operator: Operator, fraction: float) -> Parts:
    out, into, height, width = operator.weight_shape or (0, 0, 0, 0)
    rank = _rank(fraction, min(into * height, out * width))
    window = {key: operator.window(key) for key in ("kernel", "stride", "padding")}
    down = {key: value[0] for key, value in window.items()}
    across = {f"{key}_x": value[1] for key, value in window.items()}
    still = {"kernel": 1, "stride": 1, "padding": 0}
    return [
        _request(
            operator, "down", {**down, **{f"{k}_x": v for k, v in still.items()}, "out_channels": rank, "bias": False}
        ),
        _request(operator, "across", {**still, **across, "out_channels": out, "bias": operator.has_bias}),
    ], rank * (into * height + out * width)


def _window(operator: Operator) -> dict[str, Attribute]:
    """Kernel, stride and padding as they were."""
    names = ("kernel", "stride", "padding", "kernel_x", "stride_x", "padding_x")
    return {name: operator.attributes[name] for name in names if name in operator.attributes}


def _request(operator: Operator, part: str, attributes: dict[str, Attribute]) -> Request:
    return Request(f"{operator.name}{PART}{part}", operator.kind, (), (), attributes)


_FORMS: Mapping[Form, Callable[[Operator, float], Parts]] = {
    "dense": _dense,
    "svd": _svd,
    "tucker": _tucker,
    "spatial": _spatial,
}
