"""Element pruning: the smallest weights of a layer become zero and stay zero; the array keeps its shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat as api

from joulescape.compression._coding import stored
from joulescape.compression.base import Described, Tensors
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat


def kept_count(elements: int, density: float) -> int:
    """How many weights stay: density * elements, at least one."""
    return max(1, round(density * elements))


def describe_elements(described: Described, densities: Mapping[str, float]) -> Described:
    """Formats with fewer non-zeros: only a machine that skips unstructured zeros can save by them."""
    graph, formats = described.graph, described.formats
    changed = {name: _format(graph.operator(name), formats[name], density) for name, density in densities.items()}
    return replace(described, formats={**formats, **changed})


def project_elements(tensors: Tensors, densities: Mapping[str, float]) -> Tensors:
    """Each layer keeps its weights of largest magnitude."""
    changed = {f"{name}.weight": _largest(tensors[f"{name}.weight"], density) for name, density in densities.items()}
    return {**tensors, **changed}


def _format(operator: Operator, form: OperandFormat, density: float) -> OperandFormat:
    elements = math.prod(operator.weight_shape or (0,))
    left = min(form.weight_density, kept_count(elements, density) / elements)
    if left >= 1.0:
        return form
    held = stored(elements, form.weight_bits, left, is_sparse=True)
    return form.with_(
        weight_density=left,
        weight_structure="unstructured",
        weight_bytes=held.weight_bytes,
        index_bytes=held.index_bytes,
    )


def _largest(weight: Any, density: float) -> Any:
    """`weight` with all but its largest magnitudes zero; equal magnitudes are kept in memory order."""
    xp = api.array_namespace(weight)
    flat = xp.reshape(weight, (-1,))
    order = xp.argsort(-xp.abs(flat), stable=True)
    rank = xp.argsort(order, stable=True)
    kept = rank < kept_count(flat.shape[0], density)
    return xp.reshape(xp.where(kept, flat, xp.zeros_like(flat)), weight.shape)
