"""Winograd, Fourier and Strassen as steps: whom they take, what the format says, what is counted for a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, built, shipped
from pydantic import ValidationError

from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.arithmetic import layer_rows, operations, operations_of
from joulescape.network.lower import lower
from joulescape.network.work import MatrixWork


def _sum(network: str, step: Step | None, what: str) -> float:
    described = describe(shipped(network), [] if step is None else [step])
    rows = layer_rows(described.graph, described.formats, {})
    return sum(float(row[what]) for row in rows)


def test_vgg16_in_multiplications() -> None:
    """Every convolution of VGG-16 has 3 x 3 taps; 14 x 14 outputs take 4 tiles of 4 a side."""
    conv, dense = 15_346_630_656, 123_633_664
    assert _sum("vgg16", None, "multiplications") == conv + dense
    assert _sum("vgg16", Step("winograd", {"tile": 2}, {}), "multiplications") == conv / 2.25 + dense
    small = 3 * 462_422_016
    f4 = (conv - small) / 4 + small / 9 * 36 / 16 * (16 / 14) ** 2 + dense
    assert _sum("vgg16", Step("winograd", {"tile": 4}, {}), "multiplications") == pytest.approx(f4, rel=1e-12)
    weights = 14_710_464
    assert _sum("vgg16", Step("winograd", {"tile": 4}, {}), "transformed_weights") == 4 * weights
    assert _sum("vgg16", Step("winograd", {"tile": 2}, {}), "weight_bytes") == _sum("vgg16", None, "weight_bytes")


@pytest.mark.parametrize(
    ("network", "step", "taken"),
    [
        ("lenet5", Step("winograd", {}, {}), []), ("lenet5", Step("fft", {"points": 8}, {}), []),
        ("lenet5", Step("fft", {"points": 16}, {}), ["conv1", "conv2"]),
        ("digits_resnet", Step("winograd", {}, {}), ["stem", "a_conv1", "a_conv2", "b_conv2"]),
        ("digits_mlp", Step("strassen", {}, {}), ["fc1", "fc2"]),
    ],
)  # fmt: skip
def test_only_layers_that_the_algorithm_computes_are_marked(network: str, step: Step, taken: list[str]) -> None:
    described = describe(shipped(network), [step])
    marked = {name: form for name, form in described.formats.items() if form.transform != "none"}
    assert set(marked) >= set(taken) and (taken or not marked)
    assert all(form.transform == step.method for form in marked.values())
    assert not any(described.graph.operator(n).window("stride") != (1, 1) for n in marked if "conv" in n) or taken


def test_weights_and_file_stay_and_order_does_not_matter() -> None:
    graph, arrays = shipped("digits_resnet"), arrays_of(shipped("digits_resnet"))
    steps = [Step("quantize", {"weight_bits": 4}, {}), Step("winograd", {"tile": 4}, {})]
    one, other = describe(graph, steps), describe(graph, steps[::-1])
    assert one.formats == other.formats
    for name, array in project(arrays, describe(graph, steps[1:])).items():
        assert np.array_equal(array, arrays[name])


def test_a_circulant_layer_keeps_its_own_transforms() -> None:
    graph = built([{"name": "c", "kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1}], (8, 8, 8))
    described = describe(graph, [Step("circulant", {"block": 4}, {}), Step("winograd", {}, {})])
    assert described.formats["c"].transform == "none"


def test_a_work_counts_as_its_layer_for_every_sample() -> None:
    graph = shipped("vgg8_small")
    described = describe(graph, [Step("winograd", {"tile": 4}, {})])
    works = {w.layer: w for w in lower(graph, described.formats, "inference", 3, {}).works if isinstance(w, MatrixWork)}
    for operator in graph.matrix_operators:
        once, thrice = operations(operator, described.formats[operator.name]), operations_of(works[operator.name])
        assert thrice.multiplications == 3 * once.multiplications and thrice.additions == 3 * once.additions
        assert thrice.transformed_weights == once.transformed_weights


@pytest.mark.parametrize(
    ("name", "values"),
    [("winograd", {"tile": 3}), ("fft", {"points": 12}), ("strassen", {"levels": 0}), ("winograd", {"bits": 8})],
)
def test_impossible_settings_are_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        describe(shipped("digits_resnet"), [Step(name, values, {})])
