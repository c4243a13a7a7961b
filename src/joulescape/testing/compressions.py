"""Laws of compression: what `describe` says is what `project` does, and twice = once."""

from __future__ import annotations

from typing import Any

import numpy as np

from joulescape.compression._nominal import stored_numbers
from joulescape.compression.base import Described, Method, Step, Tensors
from joulescape.compression.storage import measured_bytes, read, write
from joulescape.network.operators import Graph, Operator
from joulescape.spec.base import Shape
from joulescape.testing.examples import example_formats, example_graph, example_tensors

CLOSE = 1e-9

SPREAD = 1.02
"""How much more than announced a layer may take: padding entries depend on where zeros stand."""

SLACK_BYTES = 64
"""The same for layers of a few hundred weights: the table of a prefix code, a run of zeros."""


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
    _check_stored(method, described, once)
    kept = {operator.name: operator for operator in described.graph.operators}
    for operator in graph.operators:
        if operator.name not in chosen and operator.weight_shape == kept[operator.name].weight_shape:
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
    if nominal.stored_bits <= 8:
        per_scale = weight.reshape(1 if nominal.scale_per == "layer" else weight.shape[0], -1)
        values = max(len(np.unique(row)) for row in per_scale)
        assert values <= 2**nominal.stored_bits, f"{where}: {values} values do not fit {nominal.stored_bits} bits"
    if nominal.weight_bytes is not None:
        # Of circulant blocks one row is stored, of thin weights their factors.
        share = stored_numbers(weight.shape, nominal) / weight.size
        least = np.count_nonzero(weight) * nominal.stored_bits / 8 * share
        assert nominal.weight_bytes >= least * (1 - CLOSE), f"{where}: {nominal.weight_bytes} bytes cannot hold {least}"


def _check_stored(method: Method[Any], described: Described, tensors: Tensors) -> None:
    """The file gives back the arrays, and no layer takes more than was announced (2 % for where zeros happen to be)."""
    arrays = {name: np.asarray(array) for name, array in tensors.items()}
    again = read(described, write(described, arrays))
    for name, array in again.items():
        np.testing.assert_allclose(array, arrays[name], rtol=1e-6, atol=1e-9, err_msg=f"{method.name}: {name} is lost")
        assert np.array_equal(array == 0, arrays[name] == 0), f"{method.name}: zeros of {name} are not the same"
    for name, held in measured_bytes(described, arrays).items():
        claimed = described.formats[name].weight_bytes
        if claimed is not None:
            assert held.weight_bytes <= SPREAD * claimed + SLACK_BYTES, (
                f"{method.name}: {name} takes {held.weight_bytes} bytes, announced are {claimed}"
            )


def _check_untouched(method: Method[Any], operator: str, before: Tensors, after: Tensors) -> None:
    for name in (name for name in before if name.startswith(f"{operator}.")):
        assert np.array_equal(before[name], after[name]), f"{method.name}: {name} changed, though it is not taken"
