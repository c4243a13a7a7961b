"""Laws of compression: what `describe` says is what `project` does, and twice = once."""

from __future__ import annotations

from typing import Any

import numpy as np

from joulescape.compression.base import Described, Method, Step, Tensors
from joulescape.network.operators import Graph, Operator
from joulescape.spec.base import Shape
from joulescape.testing.examples import example_formats, example_graph, example_tensors

CLOSE = 1e-9


def check_compression(
    method: Method[Any], settings: Shape, graph: Graph | None = None, tensors: Tensors | None = None, seed: int = 0
) -> None:
    """Hold one compression against every law: what `describe` says is what `project` does, and twice = once."""
    graph = graph or example_graph()
    before = Described(graph, graph, example_formats(graph, 32.0), ())
    chosen = {operator.name: settings for operator in graph.operators if method.takes(operator)}
    described = method.describe(before, chosen)
    step = Step(method.name, settings.model_dump(), {})
    described = described if described.steps else Described(graph, described.graph, described.formats, (step,))
    weights = tensors or example_tensors(graph, seed)
    once = method.project(weights, described, chosen)
    twice = method.project(once, described, chosen)
    assert once.keys() == twice.keys(), f"{method.name}: projecting twice changes which tensors there are"
    for name, tensor in once.items():
        np.testing.assert_allclose(
            twice[name], tensor, rtol=1e-6, atol=1e-7, err_msg=f"{method.name}: twice is not once, {name}"
        )
    for operator in described.graph.operators:
        _check_described(method, operator, described, once)
    for operator in graph.operators:
        if (
            operator.name not in chosen
            and operator.weight_shape == described.graph.operator(operator.name).weight_shape
        ):
            _check_untouched(method, operator.name, weights, once)


def _check_described(method: Method[Any], operator: Operator, described: Described, tensors: Tensors) -> None:
    weight, nominal = tensors.get(f"{operator.name}.weight"), described.formats.get(operator.name)
    if weight is None or nominal is None:
        return
    where = f"{method.name}: {operator.name}"
    weight = np.asarray(weight)
    assert tuple(weight.shape) == operator.weight_shape, (
        f"{where}: shape {weight.shape}, described {operator.weight_shape}"
    )
    density = np.count_nonzero(weight) / weight.size
    assert density <= nominal.weight_density + 1 / weight.size + CLOSE, (
        f"{where}: density {density} above {nominal.weight_density}"
    )
    if nominal.weight_bits <= 8:
        values = max(len(np.unique(row)) for row in weight.reshape(weight.shape[0], -1))
        assert values <= 2**nominal.weight_bits, f"{where}: {values} values do not fit {nominal.weight_bits} bits"
    if nominal.weight_bytes is not None:
        least = np.count_nonzero(weight) * nominal.weight_bits / 8
        assert nominal.weight_bytes >= least * (1 - CLOSE), f"{where}: {nominal.weight_bytes} bytes cannot hold {least}"


def _check_untouched(method: Method[Any], operator: str, before: Tensors, after: Tensors) -> None:
    for name in (name for name in before if name.startswith(f"{operator}.")):
        assert np.array_equal(before[name], after[name]), f"{method.name}: {name} changed, though it is not taken"
