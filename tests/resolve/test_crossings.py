"""Hand-overs on random networks: what leaves one station enters another, names of stations do not matter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.build import build_graph
from joulescape.network.lower import FREE_KINDS
from joulescape.network.operators import Graph, Operator, Role
from joulescape.resolve.hand_over import Crossings, crossings
from joulescape.spec.network import NetworkSpec

SOME = settings(max_examples=25, deadline=None)
KINDS = ("dense", "relu", "norm", "add", "reshape")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Features through dense layers, rectifiers, sums with any earlier value, and operators that cost nothing."""
    operators: list[dict[str, object]] = []
    for place in range(draw(st.integers(1, 9))):
        name, kind = f"o{place}", draw(st.sampled_from(KINDS))
        if kind == "dense":
            operators.append({"name": name, "kind": kind, "out_features": 6})
        elif kind == "add" and place > 1:
            other = draw(st.integers(0, place - 2))
            operators.append({"name": name, "kind": kind, "inputs": [f"o{place - 1}", f"o{other}"]})
        else:
            plain = {"add": "relu", "reshape": "flatten"}
            operators.append({"name": name, "kind": plain.get(kind, kind)})
    content = {"about": "a", "task": "digits", "input": [6], "operators": operators, "training": {"epochs": 1}}
    return build_graph("random", NetworkSpec.model_validate(content))


def split(graph: Graph, where: list[int]) -> Crossings:
    """Operators on numbered stations."""
    stations = [object() for _ in range(1 + max(where))]
    by_name = dict(zip((operator.name for operator in graph.operators), where, strict=False))

    def station(operator: Operator, role: Role) -> object:
        assert role == "forward"
        return stations[by_name[operator.name]]

    return crossings(graph, station)


PLACES = st.lists(st.integers(0, 2), min_size=9, max_size=9)


@SOME
@given(graph=graphs(), where=PLACES)
def test_what_is_named_costs_something_and_the_answer_is_always_handed_on(graph: Graph, where: list[int]) -> None:
    found, kinds = split(graph, where), {operator.name: operator.kind for operator in graph.operators}
    assert not {kinds[name] for name in found.received | found.handed_on} & FREE_KINDS
    if any(kind not in FREE_KINDS for kind in kinds.values()):
        assert found.handed_on, "somebody makes the network's answer"


@SOME
@given(graph=graphs())
def test_one_station_receives_nothing_and_stations_of_their_own_receive_all(graph: Graph) -> None:
    alone, apart = split(graph, [0] * 9), split(graph, list(range(9)))
    assert alone.received == frozenset()
    assert alone.handed_on <= apart.handed_on
    priced = {operator.name: operator for operator in graph.operators if operator.kind not in FREE_KINDS}
    made = {name for name in priced if reads_made(graph, priced[name])}
    assert apart.received == made, "all that do not read the data alone"


def reads_made(graph: Graph, operator: Operator) -> bool:
    """Whether one of its values was made by an operator that costs something."""
    known = {one.name: one for one in graph.operators}
    sources = [known[name] for name in operator.inputs if name in known]
    return any(source.kind not in FREE_KINDS or reads_made(graph, source) for source in sources)


@SOME
@given(graph=graphs(), where=PLACES, order=st.permutations([0, 1, 2]))
def test_names_of_stations_do_not_matter(graph: Graph, where: list[int], order: list[int]) -> None:
    assert split(graph, [order[place] for place in where]) == split(graph, where)


@SOME
@given(graph=graphs(), where=PLACES)
def test_stations_that_become_one_cross_no_more_often(graph: Graph, where: list[int]) -> None:
    joint = split(graph, [min(place, 1) for place in where])
    whole = split(graph, where)
    assert joint.received <= whole.received
    assert joint.handed_on <= whole.handed_on


@SOME
@given(graph=graphs(), where=PLACES, elsewhere=PLACES)
def test_who_runs_what_costs_nothing_does_not_matter(graph: Graph, where: list[int], elsewhere: list[int]) -> None:
    moved = [
        other if operator.kind in FREE_KINDS else place
        for operator, place, other in zip(graph.operators, where, elsewhere, strict=False)
    ]
    assert split(graph, moved) == split(graph, where[: len(graph.operators)])
