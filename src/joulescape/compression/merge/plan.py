"""Which layers take up what follows them, and the graph that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from joulescape.compression.base import origin
from joulescape.network.build import replaced
from joulescape.network.operators import Attribute, Graph, Operator
from joulescape.network.request import Request
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape

MergeKind = Literal["norm", "pooling", "pointwise"]


class MergeSettings(Shape):
    """What one layer takes up."""

    norm: bool = True
    """The normalisation that follows a convolution or dense layer."""
    pooling: bool = False
    """The average pooling that follows a convolution; fewer multiplications for filters of 3 x 3 and more."""
    pointwise: bool = False
    """The 1 x 1 convolution that follows a convolution; it pays where that one has few filters."""


@dataclass(frozen=True)
class Merger:
    """`host` takes up `gone`."""

    host: str
    gone: str
    kind: MergeKind


def mergers(
    graph: Graph, formats: Mapping[str, OperandFormat], settings: Mapping[str, MergeSettings]
) -> Iterator[Merger]:
    """What can be merged next, in the graph's order."""
    readers: dict[str, list[Operator]] = {}
    for operator in graph.operators:
        for source in operator.inputs:
            readers.setdefault(source, []).append(operator)
    for host in graph.operators:
        following = readers.get(host.name, [])
        if host.name in settings and len(following) == 1 and _is_free(host, formats):
            kind = _kind(host, following[0])
            if kind is not None and getattr(settings[host.name], kind):
                yield Merger(host.name, following[0].name, kind)


def applied(graph: Graph, merger: Merger) -> Graph:
    """The graph in which the host does the work of both."""
    host, gone = graph.operator(merger.host), graph.operator(merger.gone)
    attributes = {**host.attributes, **_changed(host, gone, merger.kind)}
    request = Request(host.name, host.kind, host.inputs, (), attributes)
    return replaced(graph, {host.name: (request,), gone.name: ()})


def _is_free(host: Operator, formats: Mapping[str, OperandFormat]) -> bool:
    """Whether its weights may still be any numbers: no grid, no circulant blocks, no parts of a factorised layer."""
    form = formats.get(host.name, OperandFormat())
    return host.kind in ("conv", "dense") and host.name == origin(host.name) and form.values == "real" and (
        form.arithmetic == "multiply"
    )  # fmt: skip


def _kind(host: Operator, follows: Operator) -> MergeKind | None:
    if follows.kind == "norm":
        return "norm"
    if host.kind != "conv":
        return None
    if follows.kind == "avg_pool":
        is_plain = not follows.attributes.get("padding", 0) and not follows.attributes.get("ceil_mode", False)
        return "pooling" if is_plain else None
    is_point = follows.kind == "conv" and follows.window("kernel") == (1, 1) and follows.window("padding") == (0, 0)
    is_whole = is_point and host.attributes["groups"] == 1 == follows.attributes["groups"]
    return "pointwise" if is_whole else None


def _changed(host: Operator, gone: Operator, kind: MergeKind) -> dict[str, Attribute]:
    if kind == "norm":
        return {"bias": True}
    stride, inner = host.window("stride"), gone.attributes
    if kind == "pooling":
        window, steps = int(inner["kernel"]), (int(inner["stride"]), int(inner["stride"]))
        kernel = [size + (window - 1) * step for size, step in zip(host.window("kernel"), stride, strict=True)]
        return {"kernel": kernel[0], "kernel_x": kernel[1], **_strides(stride, steps)}
    has_bias = host.has_bias or gone.has_bias
    return {"out_channels": inner["out_channels"], "bias": has_bias, **_strides(stride, gone.window("stride"))}


def _strides(first: tuple[int, int], second: tuple[int, int]) -> dict[str, Attribute]:
    return {"stride": first[0] * second[0], "stride_x": first[1] * second[1]}
