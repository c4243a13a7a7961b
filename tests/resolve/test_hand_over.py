"""What passes between stations: named once, through operators that cost nothing, and at the network's end."""

from __future__ import annotations

from joulescape.network.operators import Operator, Role
from joulescape.resolve.hand_over import crossings
from joulescape.testing.examples import example_graph

GRAPH = example_graph()


def test_one_station_hands_on_the_answer_alone() -> None:
    found = crossings(GRAPH, lambda operator, role: GRAPH)
    assert found.received == frozenset()
    assert found.handed_on == {"out"}


def test_values_that_leave_are_those_before_the_edge() -> None:
    """conv1, relu1, pool1 here, the dense part there: flatten between them costs nothing and is nobody's."""
    near, far = object(), object()

    def station(operator: Operator, role: Role) -> object:
        return near if operator.name in {"conv1", "relu1", "pool1"} else far

    found = crossings(GRAPH, station)
    assert found.received == {"fc1"}
    assert found.handed_on == {"pool1", "out"}


def test_values_may_go_to_and_fro() -> None:
    stations = {True: object(), False: object()}
    found = crossings(GRAPH, lambda operator, role: stations[operator.is_matrix])
    assert {"relu1", "fc1", "relu2", "fc2", "out"} == found.received
    assert {"conv1", "pool1", "fc1", "relu2", "fc2", "out"} == found.handed_on
