"""Which values pass from one station of a machine to another: what converters at an edge are paid for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from joulescape.network.lower import FREE_KINDS
from joulescape.network.operators import Graph, Operator, Role


class Crossings(NamedTuple):
    """Operators whose input comes from another station, and those whose output goes to one (or leaves the network)."""

    received: frozenset[str]
    handed_on: frozenset[str]


def crossings(graph: Graph, station: Callable[[Operator, Role], object]) -> Crossings:
    """`station` is who runs an operator; what costs nothing (flatten, say) passes values on."""
    operators = {operator.name: operator for operator in graph.operators}
    stations = {name: station(operator, "forward") for name, operator in operators.items()}
    received, handed_on = set[str](), set(_sources(graph.output, operators))
    for operator in graph.operators:
        if operator.kind in FREE_KINDS:
            continue
        for name in operator.inputs:
            for source in _sources(operators[name], operators) if name in operators else ():
                if stations[source] is not stations[operator.name]:
                    received.add(operator.name)
                    handed_on.add(source)
    return Crossings(frozenset(received), frozenset(handed_on))


def _sources(operator: Operator, operators: dict[str, Operator]) -> Iterator[str]:
    """The operators that make a value, those that cost nothing left out."""
    if operator.kind not in FREE_KINDS:
        yield operator.name
        return
    for name in operator.inputs:
        if name in operators:
            yield from _sources(operators[name], operators)
