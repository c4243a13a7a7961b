"""Laws of compression: what `describe` says is what `project` does, and twice = once; of steps in a row the former."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from joulescape.compression._blocks import defining
from joulescape.compression._nominal import stored_numbers
from joulescape.compression.base import Described, Method, Step, Tensors
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import measured_bytes, read, write
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat
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
        _check_described(method.name, operator, described, once)
    _check_stored(method.name, described, once)
    kept = {operator.name: operator for operator in described.graph.operators}
    for operator in graph.operators:
        if operator.name not in chosen and operator.weight_shape == kept[operator.name].weight_shape:
            _check_untouched(method, operator.name, weights, once)


def check_steps(graph: Graph, steps: Sequence[Step], tensors: Tensors) -> None:
    """Hold a row of steps against what it announces: shapes, densities, values and bytes of every layer.

    Twice = once is no law of a row: two grids, or a cut of a grid, are not one projection. Bytes of a relative index
    are announced for zeros that stand anywhere; the law is that of the worst place they may stand in.
    """
    described = describe(graph, steps)
    once = project(tensors, described)
    where = " after ".join(step.method for step in reversed(steps))
    for operator in described.graph.operators:
        _check_described(where, operator, described, once)
    _check_stored(where, described, once, is_row=True)


def _longest(operator: Operator, form: OperandFormat) -> float:
    """Bytes of a layer with a relative index whose zeros stand in few long runs; nothing without an index."""
    if form.weight_structure != "unstructured" or not form.index_bytes:
        return 0.0
    elements = stored_numbers(operator.weight_shape or (), form)
    entries = elements * (form.weight_density + (1 - form.weight_density) / (1 << form.index_bits))
    coded, dense = entries * (form.stored_bits + form.index_bits) / 8, elements * form.stored_bits / 8
    return min(coded, dense) + SLACK_BYTES


def _check_described(method: str, operator: Operator, described: Described, tensors: Tensors) -> None:
    weight, nominal = tensors.get(f"{operator.name}.weight"), described.formats.get(operator.name)
    if weight is None or nominal is None:
        return
    where = f"{method}: {operator.name}"
    weight = np.asarray(weight)
    assert tuple(weight.shape) == operator.weight_shape, (
        f"{where}: shape {weight.shape}, described {operator.weight_shape}"
    )
    density = np.count_nonzero(weight) / weight.size
    assert density <= nominal.weight_density + 1 / weight.size + CLOSE, (
        f"{where}: density {density} above {nominal.weight_density}"
    )
    if nominal.stored_bits <= 8:
        is_shared = nominal.scale_per == "layer" or nominal.values == "codebook"
        values = max(len(np.unique(row)) for row in weight.reshape(1 if is_shared else weight.shape[0], -1))
        assert values <= 2**nominal.stored_bits, f"{where}: {values} values do not fit {nominal.stored_bits} bits"
    is_circulant = nominal.block > 1
    assert is_circulant or nominal.arithmetic != "circulant", f"{where}: circulant without blocks"
    assert not is_circulant or defining(weight, nominal.block) is not None, f"{where}: its blocks are not circulant"
    if nominal.weight_bytes is not None:
        # Of circulant blocks one row is stored, of thin weights their factors.
        share = stored_numbers(weight.shape, nominal) / weight.size
        least = np.count_nonzero(weight) * nominal.stored_bits / 8 * share
        assert nominal.weight_bytes >= least * (1 - CLOSE), f"{where}: {nominal.weight_bytes} bytes cannot hold {least}"


def _check_stored(method: str, described: Described, tensors: Tensors, is_row: bool = False) -> None:
    """The file gives back the arrays, and no layer takes more than was announced (2 % for where zeros happen to be; of
    a row of steps wherever they are).
    """
    arrays = {name: np.asarray(array) for name, array in tensors.items()}
    again = read(described, write(described, arrays))
    for name, array in again.items():
        np.testing.assert_allclose(array, arrays[name], rtol=1e-6, atol=1e-9, err_msg=f"{method}: {name} is lost")
        assert np.array_equal(array == 0, arrays[name] == 0), f"{method}: zeros of {name} are not the same"
    for name, held in measured_bytes(described, arrays).items():
        form = described.formats[name]
        if form.weight_bytes is not None:
            most = SPREAD * form.weight_bytes + SLACK_BYTES
            most = max(most, _longest(described.graph.operator(name), form)) if is_row else most
            assert held.weight_bytes <= most, (
                f"{method}: {name} takes {held.weight_bytes} bytes, announced are {form.weight_bytes}"
            )


def _check_untouched(method: Method[Any], operator: str, before: Tensors, after: Tensors) -> None:
    for name in (name for name in before if name.startswith(f"{operator}.")):
        assert np.array_equal(before[name], after[name]), f"{method.name}: {name} changed, though it is not taken"
