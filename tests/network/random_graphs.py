"""Random small networks, and torch's own modules for the same operators: an oracle that shares no code with ours."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

Written = dict[str, Any]


def graph_of(shape: list[int], operators: list[Written]) -> Graph:
    """The graph of a list of operators as a file writes them."""
    content = {"about": "a", "task": "digits", "input": shape, "operators": operators, "training": {"epochs": 1}}
    return build_graph("random", NetworkSpec.model_validate(content))


@st.composite
def networks(draw: st.DrawFn, longest: int = 7) -> tuple[list[int], list[Written]]:
    """(input shape, operators): images through legal image operators, then features through legal feature operators."""
    shape = [draw(st.integers(1, 4)), draw(st.integers(4, 9)), draw(st.integers(4, 9))]
    start, operators = list(shape), []
    for place in range(draw(st.integers(1, longest))):
        made = draw(_image(f"o{place}", shape, operators) if len(shape) == 3 else _features(f"o{place}", shape))
        operators += made
        shape = list(graph_of(start, operators).output.out_shape)
    return start, operators


@st.composite
def _image(draw: st.DrawFn, name: str, shape: list[int], before: list[Written]) -> list[Written]:
    kind = draw(st.sampled_from(["conv", "conv", "grouped", "residual", "pool", "norm", "sigmoid", "flatten", "mean"]))
    smallest = min(shape[1:])
    if kind == "conv":
        padding = draw(st.integers(0, 2))
        kernel = draw(st.integers(1, min(4, smallest + 2 * padding)))
        conv = {"name": name, "kind": "conv", "out_channels": draw(st.integers(1, 5)), "kernel": kernel}
        stride, bias = draw(st.integers(1, 3)), draw(st.booleans())
        across = draw(
            st.sampled_from(
                [
                    {},
                    {"kernel_x": 1},
                    {"stride_x": 2},
                    {"padding_x": 2},
                    {"kernel_x": kernel + 2, "padding_x": padding + 1},
                ]
            )
        )
        return [{**conv, "stride": stride, "padding": padding, "bias": bias, **across}]
    if kind == "grouped":
        out = shape[0] * draw(st.integers(1, 2))
        return [{"name": name, "kind": "conv", "out_channels": out, "kernel": 1, "groups": shape[0]}]
    if kind == "residual" and before:
        conv = {"name": f"{name}c", "kind": "conv", "out_channels": shape[0], "kernel": 3, "padding": 1}
        return [conv, {"name": name, "kind": "add", "inputs": [f"{name}c", before[-1]["name"]]}]
    if kind == "pool":
        pool = {"name": name, "kind": draw(st.sampled_from(["max_pool", "avg_pool"]))}
        kernel = draw(st.integers(1, min(3, smallest)))
        return [{**pool, "kernel": kernel, "stride": draw(st.integers(1, 3))}]
    plain = {"norm": "norm", "sigmoid": "sigmoid", "flatten": "flatten", "mean": "global_avg_pool"}
    return [{"name": name, "kind": plain.get(kind, "relu")}]


@st.composite
def _features(draw: st.DrawFn, name: str, shape: list[int]) -> list[Written]:
    kind = draw(st.sampled_from(["dense", "dense", "relu", "softmax", "norm", "scale", "scales", "spectral_sum"]))
    if kind == "dense":
        width, bias = draw(st.integers(1, 12)), draw(st.booleans())
        return [{"name": name, "kind": "dense", "out_features": width, "bias": bias}]
    if kind == "spectral_sum":
        return [{"name": name, "kind": kind, "out_features": draw(st.integers(1, shape[0]))}]
    if kind in ("scale", "scales"):
        per_feature = {"out_features": shape[0]} if kind == "scales" else {}
        return [{"name": name, "kind": "scale_offset", "bias": draw(st.booleans()), **per_feature}]
    return [{"name": name, "kind": kind}]


class Oracle(nn.Module):
    """The same operators as torch's own modules, with torch's own shape rules."""

    def __init__(self, shape: list[int], operators: list[Written]) -> None:
        super().__init__()
        self._operators = operators
        self.modules_by_name = nn.ModuleDict()
        self.shapes = {"input": tuple(shape)}
        with torch.no_grad():
            self.eval()(torch.zeros(2, *shape))

    def forward(self, x: Tensor) -> Tensor:
        """The network's output; `shapes` remembers every operator's, per sample."""
        values, last = {"input": x}, "input"
        for written in self._operators:
            inputs = [values[name] for name in written.get("inputs", [last])]
            last = written["name"]
            if last not in self.modules_by_name:
                self.modules_by_name[last] = _module(written, inputs[0].shape[1:]).eval()
            values[last] = (
                sum(inputs[1:], inputs[0]) if written["kind"] == "add" else self.modules_by_name[last](*inputs)
            )
            self.shapes[last] = tuple(values[last].shape[1:])
        return values[last]


class Scale(nn.Module):
    """y = a x + b."""

    def __init__(self, width: int, has_offset: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.offset = nn.Parameter(torch.zeros(width)) if has_offset else None

    def forward(self, x: Tensor) -> Tensor:
        """The scaled values."""
        return x * self.scale if self.offset is None else x * self.scale + self.offset


class Sums(nn.Module):
    """Sums of contiguous groups."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self._groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(batch, features) -> (batch, groups)."""
        n = x.shape[1]
        ends = [j * n // self._groups for j in range(self._groups + 1)]
        return torch.stack([x[:, a:b].sum(1) for a, b in pairwise(ends)], 1)


def _module(written: Written, shape: torch.Size) -> nn.Module:
    kind = written["kind"]
    if kind == "conv":
        keys = ("kernel", "stride", "padding", "groups", "bias")
        kernel, stride, padding, groups, bias = (
            written.get(k, d) for k, d in zip(keys, (None, 1, 0, 1, True), strict=True)
        )
        kernel, stride, padding = (
            (down, written.get(f"{key}_x", down))
            for key, down in (("kernel", kernel), ("stride", stride), ("padding", padding))
        )
        return nn.Conv2d(shape[0], written["out_channels"], kernel, stride, padding, groups=groups, bias=bias)
    makers: dict[str, Callable[[], nn.Module]] = {
        "dense": lambda: nn.Linear(shape[0], written["out_features"], bias=written.get("bias", True)),
        "norm": lambda: (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0]),
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "softmax": lambda: nn.Softmax(-1),
        "max_pool": lambda: nn.MaxPool2d(written["kernel"], written["stride"]),
        "avg_pool": lambda: nn.AvgPool2d(written["kernel"], written["stride"]),
        "global_avg_pool": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "flatten": nn.Flatten,
        "add": nn.Identity,
        "scale_offset": lambda: Scale(written.get("out_features", 1), written.get("bias", True)),
        "spectral_sum": lambda: Sums(written["out_features"]),
    }
    return makers[kind]()
