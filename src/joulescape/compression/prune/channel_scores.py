"""How much each channel of a group matters, by each criterion; all weights that go with a channel count as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import array_api_compat as api

from joulescape.compression.base import Tensors
from joulescape.compression.prune.importance import SHORT as IMPORTANCE
from joulescape.compression.prune.scores import scores
from joulescape.network.channels import PRODUCERS, ChannelGroup, ChannelMap, channel_groups
from joulescape.network.operators import Graph, Operator


@dataclass(frozen=True)
class ChannelNorms:
    """Sums of squares of the weights that go with each channel of one group: its filters, and what reads it."""

    producers: tuple[str, ...]
    squares: Any
    weights_each: int


def channel_norms(tensors: Tensors, graph: Graph) -> Iterator[ChannelNorms]:
    """The norms of every group whose channels are free to go. NumPy arrays and torch tensors alike."""
    channel_map = channel_groups(graph)
    for index, group in enumerate(channel_map.groups):
        if group.producers and not group.is_fixed:
            yield norms_of(tensors, graph, channel_map, index)


def norms_of(tensors: Tensors, graph: Graph, channel_map: ChannelMap, index: int) -> ChannelNorms:
    """The norms of one group."""
    group = channel_map.groups[index]
    rows = [_by_row(tensors[f"{name}.weight"]) for name in group.producers]
    count = rows[0].shape[0]
    columns = [by_column(tensors[f"{o.name}.weight"], count) for o in readers(graph, channel_map, index)]
    xp = api.array_namespace(rows[0])
    squares = sum(xp.sum(each * each, axis=1) for each in rows) + sum(
        xp.sum(each * each, axis=(0, 2)) for each in columns
    )
    each = sum(row.shape[1] for row in rows) + sum(column.shape[0] * column.shape[2] for column in columns)
    return ChannelNorms(group.producers, squares, each)


def readers(graph: Graph, channel_map: ChannelMap, index: int) -> tuple[Operator, ...]:
    """Convolutions and dense layers whose input has the channels of the group."""
    return tuple(o for o in graph.operators if o.kind in PRODUCERS and channel_map.origins[o.inputs[0]].group == index)


def by_column(weight: Any, count: int) -> Any:
    """A reader's weight as (outputs, channels, weights of one output and channel)."""
    return api.array_namespace(weight).reshape(weight, (weight.shape[0], count, -1))


def _by_row(weight: Any) -> Any:
    return api.array_namespace(weight).reshape(weight, (weight.shape[0], -1))


def channel_scores(
    tensors: Tensors, graph: Graph, channel_map: ChannelMap, index: int, criteria: Mapping[str, str]
) -> Any:
    """One number a channel of the group, larger where it matters more; `criteria` by operator (others: magnitude).

    group_lasso: the norm of all weights that go with the channel; nisp: its importance; the others: the sum of its
    filters' scores.
    """
    group: ChannelGroup = channel_map.groups[index]
    if any(criteria.get(name) == "group_lasso" for name in group.producers):
        return norms_of(tensors, graph, channel_map, index).squares
    total: Any = 0.0
    for name in group.producers:
        criterion = criteria.get(name, "magnitude")
        if criterion == "nisp" and f"{name}.{IMPORTANCE}" in tensors:
            total = total + tensors[f"{name}.{IMPORTANCE}"]
        else:
            each = scores(tensors, name, criterion)
            xp = api.array_namespace(each)
            total = total + xp.sum(xp.reshape(each, (each.shape[0], -1)), axis=1)
    return total
