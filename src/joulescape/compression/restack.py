"""Restacking: a network of physical systems with another depth and other numbers of trained channels, trained anew.

    depth      at most so many physical layers stay: the first ones and the last; a layer goes with the
               scales and offsets that follow it
    channels   trained controls of each layer: parameter bins of SHG, trained samples of a plate or a circuit,
               oscillators beside those that data or results need

The model states the deepest network that is looked at; this step makes depth and channels searchable. A machine that is
its own network is trained from fresh parameters, so no weights are carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from joulescape.compression.base import CompressionError, Described, Method, Tensors
from joulescape.network.build import replaced, reshape
from joulescape.network.kinds import KINDS
from joulescape.network.operators import Attribute, Graph, Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape
from joulescape.units import FLOAT_BYTES

__all__ = ["Restack", "RestackSettings", "plugin"]


class RestackSettings(Shape):
    """What a network of physical systems becomes."""

    depth: Annotated[int, Field(ge=1)] | None = None
    """At most so many physical layers stay; absent: all."""
    channels: Annotated[int, Field(ge=1)] | None = None
    """Trained channels of each layer; absent: as the model has them. May be given by layer."""


class Restack(Method[RestackSettings]):
    """Another depth, other channels. Never fewer data bins or oscillators than data need."""

    name = "restack"
    Settings = RestackSettings

    def takes(self, operator: Operator) -> bool:
        """Physical systems."""
        return operator.is_physical

    def misfit(self, graph: Graph, settings: Mapping[str, RestackSettings]) -> str | None:
        """Several depths for one network, channels that a system cannot have."""
        try:
            restacked(graph, settings)
        except (CompressionError, ValueError) as error:
            return str(error)
        return None

    def describe(self, described: Described, settings: Mapping[str, RestackSettings]) -> Described:
        """The graph that is left, each of its systems as large as asked."""
        graph = restacked(described.graph, settings)
        formats = {operator.name: described.formats[operator.name] for operator in graph.operators}
        fresh = {o.name: OperandFormat(weight_bytes=float(FLOAT_BYTES * o.parameter_count)) for o in _systems(graph)}
        return replace(described, graph=graph, formats={**formats, **fresh})

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, RestackSettings]) -> Tensors:
        """The tensors of what neither left nor changed its size."""
        kept = {operator.name for operator in described.graph.operators if operator.name not in settings}
        return {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[0] in kept}


def restacked(graph: Graph, settings: Mapping[str, RestackSettings]) -> Graph:
    """The graph at the settings; CompressionError or ValueError where it cannot be."""
    if not settings:
        return graph
    depths = {at.depth for at in settings.values() if at.depth is not None}
    if len(depths) > 1:
        raise CompressionError(f"restack: one depth for the whole network, got {sorted(depths)}")
    shallower = replaced(graph, dict.fromkeys(_gone(graph, depths.pop()), ())) if depths else graph
    wanted = {o.name: _attributes(o, settings[o.name].channels) for o in _systems(shallower) if o.name in settings}
    return reshape(shallower, wanted)


def _systems(graph: Graph) -> tuple[Operator, ...]:
    return graph.physical_operators


def _gone(graph: Graph, depth: int) -> tuple[str, ...]:
    """The physical layers before the last one that leave, each with the scale that alone reads it."""
    systems = _systems(graph)
    leaving = systems[depth - 1 : -1]
    scales = [readers[0].name for one in leaving if _is_scaled(readers := graph.consumers(one.name))]
    return (*(one.name for one in leaving), *scales)


def _is_scaled(readers: tuple[Operator, ...]) -> bool:
    return len(readers) == 1 and readers[0].kind == "scale_offset"


def _attributes(operator: Operator, channels: int | None) -> Mapping[str, Attribute]:
    resized = KINDS[operator.kind].resized
    if channels is None:
        return {}
    if resized is None:
        raise CompressionError(
            f"restack: operator '{operator.name}' ({operator.kind}) does not say what its channels are"
        )
    return resized(operator, channels)


plugin = Restack()
