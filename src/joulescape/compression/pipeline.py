"""The ordered pipeline: what a list of steps makes of a graph, and of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape import registry
from joulescape.compression._nominal import elements_of
from joulescape.compression.base import Described, Method, Step, Tensors
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape
from joulescape.units import FLOAT_BYTES

GROUP = "joulescape.compression"


def describe(graph: Graph, steps: Sequence[Step]) -> Described:
    """The graph and each layer's nominal format after every step, in order. No weight is looked at.

    `weight_bytes` counts a matrix operator's weights with their index; biases and scales are not in it. Other
    operators with parameters (normalisation, scales, physical parameters) store float32.
    """
    return _replay(graph, steps)[-1]


def project(tensors: Tensors, described: Described) -> Tensors:
    """The weights after every step, of the shapes of `described.graph`.

    Twice = once, unless the steps lay two grids, or cut channels of a grid: what is left gets a grid of its own.
    """
    return projector(described)(tensors)


def projector(described: Described, is_repeated: bool | None = None) -> Callable[[Tensors], Tensors]:
    """The projection as a function to be called again and again.

    `is_repeated` True or False takes only the steps whose method says the same (see `Method.is_repeated`).
    """
    chosen = [s for s in stages(described) if is_repeated is None or s.method.is_repeated == is_repeated]

    def apply(tensors: Tensors) -> Tensors:
        for stage in chosen:
            tensors = stage.method.project(tensors, stage.after, stage.settings)
        return tensors

    return apply


@dataclass(frozen=True)
class Stage:
    """One step of a description: its method, the network before and after it, and each operator's settings."""

    method: Method[Any]
    before: Described
    after: Described
    settings: Mapping[str, Shape]


def stages(described: Described) -> tuple[Stage, ...]:
    """The steps of a description, in order."""
    states = _replay(described.original, described.steps)
    return tuple(
        Stage(method, before, after, settings_of(method, step, before.graph))
        for step, before, after in zip(described.steps, states, states[1:], strict=False)
        for method in [method_of(step)]
    )


def _replay(graph: Graph, steps: Sequence[Step]) -> list[Described]:
    """The description before the first step and after each one."""
    states = [Described(graph, graph, {o.name: plain_format(o) for o in graph.operators}, ())]
    for step in steps:
        method, before = method_of(step), states[-1]
        after = method.describe(before, settings_of(method, step, before.graph))
        states.append(Described(graph, after.graph, after.formats, (*before.steps, step)))
    return states


def plain_format(operator: Operator) -> OperandFormat:
    """Float32, nothing removed."""
    count = elements_of(operator) if operator.is_matrix else operator.parameter_count
    return OperandFormat(weight_bytes=float(FLOAT_BYTES * count))


def method_of(step: Step) -> Method[Any]:
    """The plug-in that a step names; PluginError when there is none."""
    method: Method[Any] = registry.load(GROUP, step.method)
    return method


def settings_of(method: Method[Any], step: Step, graph: Graph) -> Mapping[str, Shape]:
    """A step's settings by operator, for the operators of `graph` that its method takes."""
    return {o.name: method.Settings(**step.at(o.name)) for o in graph.operators if method.takes(o)}
