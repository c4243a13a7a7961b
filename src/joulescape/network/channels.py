"""Which operators share their channels: what must be removed together when a channel goes.

Normalisation, activations, pooling and element-wise scales pass channels through; an addition ties the channels of
all its inputs; a flatten spreads one channel over height * width features. Channels stay fixed where the network's
interface or a physical system needs them: the data, the output, grouped convolutions, matmul, shg, spectral sums and
token sequences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from joulescape.network.build import DATA
from joulescape.network.kinds import KINDS
from joulescape.network.operators import Graph, Operator

PRODUCERS = frozenset({"conv", "dense"})


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that live and die together: the operators that produce them, and how many there are."""

    producers: tuple[str, ...]
    size: int
    is_fixed: bool


@dataclass(frozen=True)
class Origin:
    """Where the leading dimension of a tensor comes from: its group, and elements per channel (after a flatten)."""

    group: int
    block: int = 1


@dataclass(frozen=True)
class ChannelMap:
    """The channel groups of a graph and, by tensor name (`input` or an operator), the group of each tensor."""

    groups: tuple[ChannelGroup, ...]
    origins: Mapping[str, Origin]


def channel_groups(graph: Graph) -> ChannelMap:
    """Every channel group of the graph, in order of their first producer; the data's group comes first."""
    ties = _Ties()
    ties.start(DATA, graph.input_shape[0], is_fixed=True)
    for operator in graph.operators:
        _follow(operator, ties)
    ties.fix(graph.output.name)
    return ties.result()


def _follow(operator: Operator, ties: _Ties) -> None:
    is_sequence = len(operator.out_shape) == 2 or any(len(shape) == 2 for shape in operator.in_shapes)
    is_grouped = operator.kind == "conv" and operator.attributes.get("groups", 1) != 1
    is_free = operator.kind in PRODUCERS and not is_sequence and not is_grouped
    if KINDS[operator.kind].keeps_channels and not is_sequence:
        _pass(operator, ties)
        return
    if not is_free:
        for source in operator.inputs:
            ties.fix(source)
    producer = operator.name if operator.kind in PRODUCERS else None
    ties.start(operator.name, operator.out_shape[0], is_fixed=not is_free, producer=producer)


def _pass(operator: Operator, ties: _Ties) -> None:
    first, *others = operator.inputs
    for other in others:
        ties.join(first, other)
    spread = math.prod(operator.in_shapes[0][1:]) if operator.kind == "flatten" else 1
    ties.alias(operator.name, first, spread)


class _Ties:
    """Union-find over tensors while the graph is walked."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._size: list[int] = []
        self._is_fixed: list[bool] = []
        self._producers: list[list[str]] = []
        self._tensors: dict[str, Origin] = {}

    def start(self, tensor: str, size: int, is_fixed: bool, producer: str | None = None) -> None:
        self._tensors[tensor] = Origin(len(self._parent))
        self._parent.append(len(self._parent))
        self._size.append(size)
        self._is_fixed.append(is_fixed)
        self._producers.append([] if producer is None else [producer])

    def alias(self, tensor: str, source: str, spread: int) -> None:
        origin = self._tensors[source]
        self._tensors[tensor] = Origin(origin.group, origin.block * spread)

    def join(self, left: str, right: str) -> None:
        kept, gone = self._root(self._tensors[left].group), self._root(self._tensors[right].group)
        if self._tensors[left].block != self._tensors[right].block:
            self._is_fixed[kept] = self._is_fixed[gone] = True
        elif kept != gone:
            self._parent[gone] = kept
            self._is_fixed[kept] |= self._is_fixed[gone]
            self._producers[kept] += self._producers[gone]

    def fix(self, tensor: str) -> None:
        self._is_fixed[self._root(self._tensors[tensor].group)] = True

    def result(self) -> ChannelMap:
        roots = [index for index in range(len(self._parent)) if self._root(index) == index]
        groups = tuple(ChannelGroup(tuple(self._producers[r]), self._size[r], self._is_fixed[r]) for r in roots)
        place = {root: index for index, root in enumerate(roots)}
        origins = {name: Origin(place[self._root(o.group)], o.block) for name, o in self._tensors.items()}
        return ChannelMap(groups, origins)

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            index = self._parent[index]
        return index
