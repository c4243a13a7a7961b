"""Element pruning: the smallest weights of a layer become zero and stay zero; the array keeps its shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat as api

from joulescape.compression._coding import bits_with_zeros, stored
from joulescape.compression.base import Described, Tensors
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat


def kept_count(elements: int, density: float) -> int:
    """How many weights stay: density * elements, at least one."""
    return max(1, round(density * elements))


def describe_elements(described: Described, densities: Mapping[str, float]) -> Described:
    """Formats with fewer non-zeros: only a machine that skips unstructured zeros can save by them."""
    graph, formats = described.graph, described.formats
    changed = {name: _format(graph.operator(name), formats[name], density) for name, density in densities.items()}
    return replace(described, formats={**formats, **changed})


def project_elements(tensors: Tensors, graph: Graph, densities: Mapping[str, float]) -> Tensors:
    """Each layer of `graph` keeps its weights of largest magnitude.

    They are counted on the shapes of `graph`: an array that a later step has already cut is not pruned once more.
    """
    counts = {name: kept_count(_elements(graph.operator(name)), density) for name, density in densities.items()}
    return {**tensors, **{f"{n}.weight": _largest(tensors[f"{n}.weight"], count) for n, count in counts.items()}}


def _format(operator: Operator, form: OperandFormat, density: float) -> OperandFormat:
    elements = _elements(operator)
    left = min(form.weight_density, kept_count(elements, density) / elements)
    if left >= 1.0:
        return form
    bits = bits_with_zeros(form.weight_bits)
    held = stored(elements, bits, left, is_sparse=True)
    return form.with_(
        weight_bits=bits,
        weight_density=left,
        weight_structure="unstructured",
        weight_bytes=held.weight_bytes,
        index_bytes=held.index_bytes,
    )


def _elements(operator: Operator) -> int:
    return math.prod(operator.weight_shape or (0,))


def _largest(weight: Any, count: int) -> Any:
    """`weight` with all but its `count` largest magnitudes zero; equal magnitudes are kept in memory order."""
    xp = api.array_namespace(weight)
    flat = xp.reshape(weight, (-1,))
    order = xp.argsort(-xp.abs(flat), stable=True)
    rank = xp.argsort(order, stable=True)
    return xp.reshape(xp.where(rank < count, flat, xp.zeros_like(flat)), weight.shape)
