"""The weights of a layer that has taken up what followed it: NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import array_api_compat as api

from joulescape.compression.base import Tensors
from joulescape.compression.merge.plan import Merger
from joulescape.network.operators import NORM_EPSILON, Graph, Operator


def merged(tensors: Tensors, graph: Graph, merger: Merger, after: Graph) -> Tensors:
    """The arrays with the host's weights in place of both; those that were merged before are left as they are."""
    host, gone = merger.host, merger.gone
    if f"{host}.weight" not in tensors:
        return tensors
    if merger.kind == "norm":
        return _with_norm(tensors, host, gone) if f"{gone}.mean" in tensors else tensors
    if merger.kind == "pointwise":
        return _with_point(tensors, host, gone) if f"{gone}.weight" in tensors else tensors
    weight = tensors[f"{host}.weight"]
    is_done = tuple(weight.shape[2:]) == after.operator(host).window("kernel")
    return tensors if is_done else {**tensors, f"{host}.weight": _averaged(weight, graph, host, graph.operator(gone))}


def _with_norm(tensors: Tensors, host: str, gone: str) -> Tensors:
    weight, variance, mean = tensors[f"{host}.weight"], tensors[f"{gone}.variance"], tensors[f"{gone}.mean"]
    scale = tensors[f"{gone}.weight"] / (variance + NORM_EPSILON) ** 0.5
    bias = tensors[f"{host}.bias"] - mean if f"{host}.bias" in tensors else -mean
    shape = (-1, *(1,) * (weight.ndim - 1))
    found = {name: array for name, array in tensors.items() if name.rpartition(".")[0] != gone}
    spread = api.array_namespace(weight).reshape(scale, shape)
    return {**found, f"{host}.weight": weight * spread, f"{host}.bias": bias * scale + tensors[f"{gone}.bias"]}


def _with_point(tensors: Tensors, host: str, gone: str) -> Tensors:
    """W2 W1 and W2 b1 + b2."""
    weight, point = tensors[f"{host}.weight"], tensors[f"{gone}.weight"]
    xp = api.array_namespace(weight)
    matrix = xp.reshape(point, point.shape[:2])
    rows = matrix @ xp.reshape(weight, (weight.shape[0], -1))
    found = {n: array for n, array in tensors.items() if n.rpartition(".")[0] not in (host, gone)}
    found[f"{host}.weight"] = xp.reshape(rows, (matrix.shape[0], *weight.shape[1:]))
    inner, outer = tensors.get(f"{host}.bias"), tensors.get(f"{gone}.bias")
    if inner is not None:
        outer = matrix @ inner if outer is None else matrix @ inner + outer
    return found if outer is None else {**found, f"{host}.bias": outer}


def _averaged(weight: Any, graph: Graph, host: str, pool: Operator) -> Any:
    """The filter summed at every place of the window, moved by the convolution's stride, over the window's size."""
    xp, window = api.array_namespace(weight), int(pool.attributes["kernel"])
    stride = graph.operator(host).window("stride")
    down, across = (_placed(xp, size, window, step) for size, step in zip(weight.shape[2:], stride, strict=True))
    spread = xp.astype(down, weight.dtype) @ weight @ xp.astype(across, weight.dtype).T
    return spread / window**2


def _placed(xp: Any, size: int, window: int, step: int) -> Any:
    """(size + (window - 1) step, size): 1 where a tap of the filter lands, for any place in the window."""
    places = xp.arange(size + (window - 1) * step)[:, None] - xp.arange(size)[None, :]
    return (places >= 0) & (places % step == 0) & (places <= (window - 1) * step)
