"""A network's YAML becomes an operator graph with every shape known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from joulescape.errors import nearest
from joulescape.network.operators import PHYSICAL_KINDS, Attribute, Graph, Operator
from joulescape.network.request import Request, Shape
from joulescape.network.shapes import infer
from joulescape.network.unfold import DATA, unfolded
from joulescape.spec.network import BaseNetworkSpec, OneOperator

__all__ = ["DATA", "build_graph", "replaced", "reshape"]

_STRUCTURE = frozenset({"name", "kind", "inputs", "system", "sizes"})
_PHYSICAL = "physical"


def build_graph(name: str, spec: BaseNetworkSpec) -> Graph:
    """The operator graph of a network; operators stand in the order of the file, which must be topological.

    Raises ValueError naming the operator: unknown or later input (with the nearest name), repeated name, shapes that
    do not fit, missing or foreign attributes, an output that nothing reads, a block that cannot be put there.
    """
    graph = Graph(name, spec.input, _infer_all([_request(operator) for operator in unfolded(spec)], spec.input))
    _check_read(graph)
    return graph


def reshape(graph: Graph, attributes: Mapping[str, Mapping[str, Attribute]]) -> Graph:
    """The same graph with some operators' attributes changed (fewer channels, say) and every shape inferred again."""
    requests = [
        Request(o.name, o.kind, o.inputs, (), {**o.attributes, **attributes.get(o.name, {})}) for o in graph.operators
    ]
    return Graph(graph.name, graph.input_shape, _infer_all(requests, graph.input_shape))


def replaced(graph: Graph, parts: Mapping[str, Sequence[Request]]) -> Graph:
    """The same graph with some operators in several parts, one after the other, and every shape inferred again.

    The first part reads what the operator read; whatever read the operator reads its last part. An operator of no part
    is gone: whatever read it reads what it read.
    """
    last: dict[str, str] = {}
    requests: list[Request] = []
    for operator in graph.operators:
        inputs = tuple(last.get(source, source) for source in operator.inputs)
        whole = Request(operator.name, operator.kind, inputs, (), dict(operator.attributes))
        for part in parts.get(operator.name, (whole,)):
            requests.append(replace(part, inputs=inputs))
            inputs = (part.name,)
        if operator.name in parts:
            last[operator.name] = inputs[0]
    return Graph(graph.name, graph.input_shape, _infer_all(requests, graph.input_shape))


def _request(operator: OneOperator) -> Request:
    given = operator.model_dump(exclude_none=True)
    attributes = {key: value for key, value in given.items() if key not in _STRUCTURE} | given.get("sizes", {})
    return Request(operator.name, _kind(operator, given), operator.inputs or (), (), attributes)


def _kind(operator: OneOperator, given: Mapping[str, Any]) -> str:
    """The operator's kind: of a `physical` one the system that it names."""
    if operator.kind != _PHYSICAL:
        return operator.kind
    system = given.get("system")
    if system not in PHYSICAL_KINDS:
        known = ", ".join(sorted(PHYSICAL_KINDS))
        raise ValueError(f"operator '{operator.name}' (physical): needs system, one of {known}; got {system}")
    return str(system)


def _infer_all(requests: Sequence[Request], input_shape: Shape) -> tuple[Operator, ...]:
    shapes: dict[str, Shape] = {DATA: input_shape}
    operators = []
    for request in requests:
        if request.name in shapes:
            raise request.fault("this name is already taken" if request.name != DATA else "'input' names the data")
        in_shapes = tuple(_shape(request, source, shapes) for source in request.inputs)
        operator = infer(Request(request.name, request.kind, request.inputs, in_shapes, request.attributes))
        shapes[operator.name] = operator.out_shape
        operators.append(operator)
    return tuple(operators)


def _shape(request: Request, source: str, shapes: Mapping[str, Shape]) -> Shape:
    if source not in shapes:
        close = nearest(source, shapes)
        hint = f"; did you mean '{close}'?" if close else ""
        raise request.fault(f"no earlier operator '{source}' to read from{hint}")
    return shapes[source]


def _check_read(graph: Graph) -> None:
    read = {source for operator in graph.operators for source in operator.inputs}
    for operator in graph.operators[:-1]:
        if operator.name not in read:
            raise ValueError(f"operator '{operator.name}' ({operator.kind}): nothing reads its output")
