"""Layers of images and of single elements in ONNX: pooling, normalisation, activations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from joulescape.interchange.onnx_file import Node
from joulescape.interchange.onnx_products import window_of
from joulescape.interchange.onnx_walk import Refused, Rule, Walk
from joulescape.network.operators import NORM_EPSILON

_LRN = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}
"""The constants of our local response normalisation."""


def _pool(kind: str) -> Rule:
    def rule(node: Node, walk: Walk) -> None:
        kernel = tuple(node.attributes["kernel_shape"])
        if len(kernel) != 2:
            raise Refused(f"{len(kernel)}-dimensional; two dimensions are taken")
        if any(step != 1 for step in node.attributes.get("dilations", ())):
            raise Refused("dilated")
        window = window_of(node, walk, kernel)
        if len(window) != 3:
            raise Refused("its window is not square")
        is_up = bool(node.attributes.get("ceil_mode", 0))
        counts_padding = kind == "max_pool" or bool(node.attributes.get("count_include_pad", 0))
        if (window["padding"] and not counts_padding) or (is_up and kind == "avg_pool"):
            raise Refused("it leaves padding out of its means; those of ours count it")
        walk.add(node, kind, {**window, **({"ceil_mode": True} if is_up else {})})

    return rule


def _mean(node: Node, walk: Walk) -> None:
    given = walk.constant(node, 1)
    places = node.attributes.get("axes", ()) if given is None else given.tolist()
    rank = len(walk.shape(node.inputs[0]))
    axes = sorted(int(place) % rank for place in places)
    kind = {(4, (2, 3)): "global_avg_pool", (3, (1,)): "mean_tokens"}.get((rank, tuple(axes)))
    if kind is None:
        raise Refused("means over other than height and width, or tokens")
    walk.add(node, kind)


def _norm(node: Node, walk: Walk) -> None:
    if node.attributes.get("training_mode", 0):
        raise Refused("in training mode")
    scale, bias, mean, variance = (walk.weight(node, place) for place in (1, 2, 3, 4))
    moved = variance + np.float32(node.attributes.get("epsilon", NORM_EPSILON) - NORM_EPSILON)
    walk.add(node, "norm", weight=scale, bias=bias, mean=mean, variance=moved)


def _layer_norm(node: Node, walk: Walk) -> None:
    if int(node.attributes.get("axis", -1)) not in (-1, len(walk.shape(node.inputs[0])) - 1):
        raise Refused("over more than the last axis")
    if abs(node.attributes.get("epsilon", NORM_EPSILON) - NORM_EPSILON) > NORM_EPSILON / 10:
        raise Refused(f"its epsilon is not {NORM_EPSILON}")
    scale, bias = walk.weight(node, 1), walk.constant(node, 2)
    walk.add(node, "layer_norm", weight=scale, bias=np.zeros_like(scale) if bias is None else bias)


def _local_response_norm(node: Node, walk: Walk) -> None:
    if any(not np.isclose(node.attributes.get(name, value), value) for name, value in _LRN.items()):
        raise Refused(f"its constants are not {_LRN}")
    walk.add(node, "local_response_norm", {"kernel": int(node.attributes["size"])})


def _clip(node: Node, walk: Walk) -> None:
    low, high = (_limit(node, walk, place, name) for place, name in ((1, "min"), (2, "max")))
    if low != 0.0 or high not in (None, 6.0):
        raise Refused(f"limits to {low} .. {high}; from 0 on, or from 0 to 6, is taken")
    walk.add(node, "relu" if high is None else "relu6")


def _gelu(node: Node, walk: Walk) -> None:
    if node.attributes.get("approximate", "none") != "tanh":
        raise Refused("by the error function; only its form with tanh is taken")
    walk.add(node, "gelu")


def _limit(node: Node, walk: Walk, place: int, name: str) -> float | None:
    value = walk.constant(node, place)
    number = node.attributes.get(name) if value is None else float(value)
    return None if number is None or abs(number) >= np.finfo(np.float32).max else float(number)


def _softmax(node: Node, walk: Walk) -> None:
    rank = len(walk.shape(node.inputs[0]))
    if int(node.attributes.get("axis", -1)) % rank != rank - 1:
        raise Refused("not over the last axis")
    walk.add(node, "softmax")


def _plain(kind: str) -> Rule:
    return lambda node, walk: walk.add(node, kind)


RULES: Mapping[str, Rule] = {
    "Relu": _plain("relu"), "Sigmoid": _plain("sigmoid"), "Softmax": _softmax, "Clip": _clip, "Gelu": _gelu,
    "MaxPool": _pool("max_pool"), "AveragePool": _pool("avg_pool"), "GlobalAveragePool": _plain("global_avg_pool"),
    "ReduceMean": _mean, "BatchNormalization": _norm, "LayerNormalization": _layer_norm,
    "LRN": _local_response_norm,
}  # fmt: skip
"""By ONNX operator."""
