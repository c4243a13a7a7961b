"""Element pruning: the weights that matter least become zero and stay zero; the array keeps its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat as api

from joulescape.compression._grid_method import pruned
from joulescape.compression._nominal import elements_of, with_bytes
from joulescape.compression.base import Described, Tensors
from joulescape.compression.prune.scores import scores
from joulescape.compression.prune.settings import PruneSettings
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat


def kept_count(elements: int, density: float) -> int:
    """How many weights stay: density * elements, at least one."""
    return max(1, round(density * elements))


def describe_elements(described: Described, settings: Mapping[str, PruneSettings]) -> Described:
    """Formats with fewer non-zeros: only a machine that skips unstructured zeros can save by them.

    Where all layers share one density (`scope: global`), each is announced at it: which layer keeps more is not known.
    """
    graph, formats = described.graph, described.formats
    changed = {name: _format(graph.operator(name), formats[name], at) for name, at in settings.items()}
    return replace(described, formats={**formats, **changed})


def project_elements(tensors: Tensors, graph: Graph, settings: Mapping[str, PruneSettings]) -> Tensors:
    """The weights that matter most, of each layer of `graph` or of all together.

    They are counted on the shapes of `graph`: an array that a later step has already cut is not pruned once more.
    """
    shared = {name: at for name, at in settings.items() if at.scope == "global"}
    pruned = {
        f"{name}.weight": _pruned(tensors, name, at, kept_count(elements_of(graph.operator(name)), at.density))
        for name, at in settings.items()
        if name not in shared
    }
    return {**tensors, **pruned, **(_together(tensors, graph, shared) if shared else {})}


def largest(weight: Any, score: Any, count: int) -> Any:
    """`weight` with all but its `count` highest scores zero; equal scores are kept in memory order."""
    xp = api.array_namespace(weight)
    flat = xp.reshape(weight, (-1,))
    order = xp.argsort(-xp.reshape(score, (-1,)), stable=True)
    rank = xp.argsort(order, stable=True)
    return xp.reshape(xp.where(rank < count, flat, xp.zeros_like(flat)), weight.shape)


def _format(operator: Operator, form: OperandFormat, at: PruneSettings) -> OperandFormat:
    elements = elements_of(operator)
    left = min(form.weight_density, kept_count(elements, at.density) / elements)
    if left >= 1.0:
        return form
    changed = pruned(form).with_(
        weight_density=left,
        weight_structure="unstructured",
        index_bits=at.index_bits,
    )
    return with_bytes(operator, changed)


def _pruned(tensors: Tensors, name: str, at: PruneSettings, count: int) -> Any:
    """One layer; it is left alone where no more than `count` weights are left: nothing need be measured again."""
    weight = tensors[f"{name}.weight"]
    xp = api.array_namespace(weight)
    if int(xp.count_nonzero(weight)) <= count:
        return weight
    return largest(weight, scores(tensors, name, at.criterion), count)


def _together(tensors: Tensors, graph: Graph, settings: Mapping[str, PruneSettings]) -> Tensors:
    """All layers of `settings` under one threshold; the best weight of each layer stays whatever it scores."""
    weights = {name: tensors[f"{name}.weight"] for name in settings}
    xp = api.array_namespace(*weights.values())
    count = sum(kept_count(elements_of(graph.operator(name)), at.density) for name, at in settings.items())
    if sum(int(xp.count_nonzero(weight)) for weight in weights.values()) <= count:
        return {}
    scored = {name: scores(tensors, name, at.criterion) for name, at in settings.items()}
    merged = xp.concat([xp.reshape(score, (-1,)) for score in scored.values()])
    order = xp.argsort(-merged, stable=True)
    rank = xp.argsort(order, stable=True)
    pruned, start = {}, 0
    for name, weight in weights.items():
        elements = scored[name].size if isinstance(scored[name].size, int) else scored[name].numel()
        flat = xp.reshape(scored[name], (-1,))
        is_best = xp.arange(elements) == xp.argmax(flat)
        is_kept = xp.reshape((rank[start : start + elements] < count) | is_best, weight.shape)
        pruned[f"{name}.weight"] = xp.where(is_kept, weight, xp.zeros_like(weight))
        start += elements
    return pruned
