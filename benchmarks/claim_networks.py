"""LeNet-5 and VGG-16 in operands of so many bits, as the claims of BPLight-CNN are put to them."""

from __future__ import annotations

from typing import Any

from joulescape.compression.base import Described
from joulescape.network.build import build_graph
from joulescape.network.work import OperandFormat
from joulescape.spec.network import NetworkSpec


def lenet(bits: int) -> Described:
    """LeNet-5 on 28 x 28."""
    rows = [_conv("conv1", 6, 5, 2), _relu(1), _pool(1), _conv("conv2", 16, 5, 0), _relu(2), _pool(2),
            {"name": "flat", "kind": "flatten"}, _dense("fc1", 120), _relu(3), _dense("fc2", 84), _relu(4),
            _dense("fc3", 10)]  # fmt: skip
    return _described("lenet", (1, 28, 28), rows, bits)


def vgg(bits: int) -> Described:
    """VGG-16 on 32 x 32: thirteen convolutions, one dense layer of 512 and the classifier."""
    rows: list[dict[str, Any]] = []
    number = 0
    for stage, (channels, repeats) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for _ in range(repeats):
            number += 1
            rows += [_conv(f"conv{number}", channels, 3, 1), _relu(number)]
        rows.append(_pool(stage))
    rows += [{"name": "flat", "kind": "flatten"}, _dense("fc1", 512), _relu(14), _dense("fc2", 10)]
    return _described("vgg", (3, 32, 32), rows, bits)


def _described(name: str, shape: tuple[int, ...], rows: list[dict[str, Any]], bits: int) -> Described:
    content = {"about": name, "task": "digits", "input": shape, "operators": rows, "training": {"epochs": 1}}
    graph = build_graph(name, NetworkSpec.model_validate(content))
    formats = {
        o.name: OperandFormat(bits, bits, weight_bytes=o.parameter_count * bits / 8)
        for o in graph.operators
        if o.is_matrix
    }
    return Described(graph, graph, formats, ())


def _conv(name: str, channels: int, kernel: int, padding: int) -> dict[str, Any]:
    return {"name": name, "kind": "conv", "out_channels": channels, "kernel": kernel, "padding": padding}


def _dense(name: str, features: int) -> dict[str, Any]:
    return {"name": name, "kind": "dense", "out_features": features}


def _relu(number: int) -> dict[str, Any]:
    return {"name": f"relu{number}", "kind": "relu"}


def _pool(number: int) -> dict[str, Any]:
    return {"name": f"pool{number}", "kind": "max_pool", "kernel": 2}


NETWORKS = {"LeNet-5": lenet, "VGG-16": vgg}
"""By the names of the page."""
