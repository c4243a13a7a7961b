"""n of m: of every m weights along an output channel's inputs the best n stay: a machine knows where to look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat as api

from joulescape.compression._grid_method import pruned
from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import Described, Tensors
from joulescape.compression.prune.scores import scores
from joulescape.compression.prune.settings import PruneSettings
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat


def describe_groups(described: Described, settings: Mapping[str, PruneSettings]) -> Described:
    """Formats with n non-zeros in every group: a machine with that structure can skip the others without an index."""
    graph, formats = described.graph, described.formats
    changed = {name: _format(graph.operator(name), formats[name], at) for name, at in settings.items()}
    return replace(described, formats={**formats, **changed})


def project_groups(tensors: Tensors, settings: Mapping[str, PruneSettings]) -> Tensors:
    """Of every group the weights that matter most; the last group of a row is filled with zeros where it is short, and
    keeps its share of what it has: a group longer than the row does not spare it."""
    return {**tensors, **{f"{name}.weight": _pruned(tensors, name, at) for name, at in settings.items()}}


def kept_of_group(at: PruneSettings) -> int:
    """Weights that stay of every group: density * group, at least one."""
    return max(1, round(at.density * at.group))


def kept_of_rest(at: PruneSettings, rest: int) -> int:
    """Weights that stay of a last group of `rest` weights: the same share, at least one; none of none."""
    return min(rest, max(1, round(at.density * rest)), kept_of_group(at))


def _format(operator: Operator, form: OperandFormat, at: PruneSettings) -> OperandFormat:
    kept = kept_of_group(at)
    fan_in = math.prod((operator.weight_shape or (1, 0))[1:])
    left = (fan_in // at.group * kept + kept_of_rest(at, fan_in % at.group)) / fan_in
    if kept == at.group:
        return form
    changed = pruned(form).with_(
        weight_density=min(left, form.weight_density),
        weight_structure="n_of_m",
        group=at.group,
        kept=kept,
    )
    return with_bytes(operator, changed)


def _pruned(tensors: Tensors, name: str, at: PruneSettings) -> Any:
    weight, kept = tensors[f"{name}.weight"], kept_of_group(at)
    xp = api.array_namespace(weight)
    rows, fan_in = weight.shape[0], math.prod(weight.shape[1:])
    groups = math.ceil(fan_in / at.group)

    def grouped(values: Any) -> Any:
        filling = xp.zeros((rows, groups * at.group - fan_in), dtype=values.dtype)
        return xp.reshape(xp.concat([xp.reshape(values, (rows, fan_in)), filling], axis=1), (rows, groups, at.group))

    values = grouped(weight)
    most = xp.full((groups,), kept)
    if fan_in % at.group:
        most[-1] = kept_of_rest(at, fan_in % at.group)
    if bool(xp.all(xp.count_nonzero(values, axis=2) <= most)):
        return weight
    order = xp.argsort(-grouped(scores(tensors, name, at.criterion)), axis=2, stable=True)
    rank = xp.argsort(order, axis=2, stable=True)
    left = xp.where(rank < most[:, None], values, xp.zeros_like(values))
    return xp.reshape(xp.reshape(left, (rows, -1))[:, :fan_in], weight.shape)
