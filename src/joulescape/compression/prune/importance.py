"""NISP: how much each channel matters to the network's final responses, carried back through the weights' magnitudes.

    final responses     their importance is Inf-FS (Roffo et al. 2015) on training samples: the row sums of
                        (I - r A)^-1 - I, with A_ij = (max(s_i, s_j) + 1 - |rho_ij|) / 2, s the standard deviations
                        relative to the largest, rho Spearman's correlation, r = 0.9 / spectral radius of A
    one layer back      s_in[c] = sum over k of s_out[k] sum over the kernel of |W[k, c]|   (Yu et al. 2018, eq. 9)

Activations have slopes of at most one and carry importance as it is; pooling keeps a channel's sum; an addition hands
it to all its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import array_api_compat as api
import numpy as np

from joulescape.compression.base import Tensors
from joulescape.network.channels import PRODUCERS
from joulescape.network.kinds import KINDS
from joulescape.network.operators import NORM_EPSILON, Graph, Operator

ALPHA = 0.5
"""Weight of spread against independence in A."""

NEAR_ONE = 0.9
"""r times the spectral radius of A."""

SHORT = "importance"


def with_importance(tensors: Tensors, graph: Graph) -> Tensors:
    """The tensors, and `<operator>.importance` of every output channel of every convolution and dense layer.

    Without the final layer's activations nothing is added. Raises ValueError where an operator hides its channels.
    """
    final = graph.matrix_operators[-1]
    if f"{final.name}.activations" not in tensors:
        return tensors
    weight = tensors[f"{final.name}.weight"]
    xp = api.array_namespace(weight)
    rows = np.asarray(tensors[f"{final.name}.activations"], dtype=np.float64)[0]
    responses = inf_fs(rows).reshape(weight.shape[1], -1).sum(axis=1)
    found: dict[str, Any] = {final.inputs[0]: responses, final.name: np.ones(weight.shape[0])}
    for operator in reversed(graph.operators):
        if operator.name in found and operator.name != final.name:
            for source, share in _handed_back(operator, found[operator.name], tensors).items():
                found[source] = found.get(source, 0.0) + share
    named = (operator for operator in graph.operators if operator.kind in PRODUCERS and operator.name in found)
    return {**tensors, **{f"{o.name}.{SHORT}": xp.asarray(found[o.name], dtype=weight.dtype) for o in named}}


def hides_channels(graph: Graph) -> str | None:
    """The operator that importance meets first and does not go back through, as `'name' (kind)`; None: it passes."""
    final = graph.matrix_operators[-1]
    if final.weight_shape is None:
        return _shown(final)
    reached = {final.inputs[0]}
    for operator in reversed(graph.operators):
        if operator.name in reached and operator.name != final.name:
            if operator.kind not in PRODUCERS and not KINDS[operator.kind].keeps_channels:
                return _shown(operator)
            reached.update(operator.inputs[:1] if operator.kind in PRODUCERS else operator.inputs)
    return None


def _shown(operator: Operator) -> str:
    return f"'{operator.name}' ({operator.kind})"


def without_importance(tensors: Tensors) -> Tensors:
    """The tensors without what `with_importance` added."""
    return {name: value for name, value in tensors.items() if name.rpartition(".")[2] != SHORT}


def inf_fs(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Importance of each column of (samples, features): how much it spreads, and how little it repeats others."""
    spread = rows.std(axis=0)
    ranks = rows.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").astype(np.float64)
    ranks -= ranks.mean(axis=0)
    scale = np.sqrt((ranks * ranks).sum(axis=0))
    # A constant feature tells nothing, and its ranks are those of memory order.
    is_still = spread <= 1e-9 * np.abs(rows).max(axis=0)
    spread = spread / (spread.max() or 1.0)
    alike = np.abs(ranks.T @ ranks) / np.outer(scale, scale).clip(min=1e-12)
    links = ALPHA * np.maximum.outer(spread, spread) + (1 - ALPHA) * (1 - alike.clip(max=1.0))
    links[is_still, :] = links[:, is_still] = 0.0
    radius = float(np.abs(np.linalg.eigvalsh(links)).max(initial=0.0))
    if radius == 0.0:
        return np.ones(len(spread))
    whole = np.eye(len(links))
    energy: np.ndarray[Any, Any] = (np.linalg.inv(whole - NEAR_ONE / radius * links) - whole).sum(axis=1)
    return energy


def _handed_back(operator: Operator, importance: Any, tensors: Tensors) -> Mapping[str, Any]:
    """What the operator's inputs get of the importance of its output, by tensor."""
    source = operator.inputs[0]
    if operator.kind in PRODUCERS:
        return {source: _through_weights(operator, importance, tensors)}
    if not KINDS[operator.kind].keeps_channels:
        raise ValueError(f"importance does not go back through {_shown(operator)}: choose another criterion")
    if operator.kind == "flatten":
        return {source: importance.reshape(-1, math.prod(operator.in_shapes[0][1:])).sum(axis=1)}
    factor = _slope(operator, tensors)
    return dict.fromkeys(operator.inputs, importance * factor)


def _through_weights(operator: Operator, importance: Any, tensors: Tensors) -> Any:
    groups = int(operator.attributes.get("groups", 1))
    magnitude = np.abs(np.asarray(tensors[f"{operator.name}.weight"], dtype=np.float64))
    rows = magnitude.reshape(groups, magnitude.shape[0] // groups, magnitude.shape[1], -1).sum(axis=3)
    return np.einsum("gk,gkc->gc", importance.reshape(groups, -1), rows).reshape(-1)


def _slope(operator: Operator, tensors: Tensors) -> Any:
    """How much a channel is stretched: by a normalisation's or a scale's factor."""
    if operator.kind == "norm":
        variance = np.asarray(tensors[f"{operator.name}.variance"], dtype=np.float64)
        return np.abs(np.asarray(tensors[f"{operator.name}.weight"], dtype=np.float64)) / np.sqrt(
            variance + NORM_EPSILON
        )
    if operator.kind == "scale_offset":
        return np.abs(np.asarray(tensors[f"{operator.name}.scale"], dtype=np.float64))
    return 1.0
