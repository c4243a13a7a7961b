"""An entry that calls itself exact is measured with one draw: nothing of its forward pass may be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from joulescape.compression.base import Described
from joulescape.errors import Fault
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Graph
from joulescape.resolve.candidate import Pair
from joulescape.resolve.hardware import HardwarePlan
from joulescape.spec.document import Document
from joulescape.spec.domain import Scalar


def drawing_faults(
    document: Document, pairs: Sequence[Pair], graphs: Mapping[str, Graph], plans: Mapping[str, HardwarePlan]
) -> Iterator[Fault]:
    """A fault for each exact back end that draws on a network of the question, at a value that the question allows."""
    faulty: set[str] = set()
    for pair in pairs:
        plan, name = plans[pair.back_end], pair.back_end
        if plan.back_end.spec.equivalence != "exact" or name in faulty:
            continue
        found = _drawing(plan, graphs[pair.network])
        if found is None:
            continue
        faulty.add(name)
        said = f"'{name}' with equivalence: exact, where {found.drawn_by} draws the errors of {found.operator}"
        expected = f"equivalence: approximate in hwlib/{name}.yaml, or values at which nothing is drawn"
        yield document.fault(("back_ends", document.content["back_ends"].index(name)), said, expected)


def _drawing(plan: HardwarePlan, graph: Graph) -> ErrorSpec | None:
    """A forward pass that draws, at one of the points to check."""
    network = Described(graph, graph, {}, ())
    for values in _points(plan):
        machine = plan.back_end.machine("system", plan.settings(values, ({},), "typical"))
        for (_, role), spec in machine.errors(network).items():
            if role == "forward" and spec.drawn_by is not None:
                return spec
    return None


def _points(plan: HardwarePlan) -> Iterator[Mapping[str, Scalar]]:
    """What the question fixes, with the first value of all that it draws, and each other value by itself."""
    firsts = {field.path: next(field.points())[1] for field in plan.drawn}
    yield {**plan.fixed, **firsts}
    for field in plan.drawn:
        for _, value in list(field.points())[1:]:
            yield {**plan.fixed, **firsts, field.path: value}
