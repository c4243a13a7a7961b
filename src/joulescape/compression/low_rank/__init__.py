"""Low rank: a layer becomes two or three smaller ones in a row; every machine saves, and no index is needed.

    dense      W = U V                         (rank x in) then (out x rank): truncated singular value decomposition
    svd        a convolution to `rank` channels, then 1 x 1: the same on the unfolded kernel
    tucker     1 x 1, a core convolution, 1 x 1 (Tucker-2, Kim et al. 2016): ranks of input and output channels
    spatial    k x 1 then 1 x k (Jaderberg et al. 2014)

Ranks are fractions of the largest possible ones, or given by layer: shapes must be known before any weight is, so a
share of the energy cannot be asked for here. `ranks_of_energy` finds the ranks that keep one, to be written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import array_api_compat as api
import numpy as np
from pydantic import Field

from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import PART, CompressionError, Described, Method, Need, Tensors, origin
from joulescape.compression.low_rank.factors import factors
from joulescape.compression.low_rank.parts import Form, largest_rank, parts_of, reached_rank
from joulescape.compression.low_rank.whitening import Array
from joulescape.errors import nearest
from joulescape.network.build import replaced
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape

__all__ = ["LowRank", "LowRankSettings", "plugin"]


QUARTER = 0.25
"""The fraction where nothing is said."""


class LowRankSettings(Shape):
    """How far one layer goes, and in which form."""

    rank_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    """Rank relative to the largest that the layer has; at least one. At 1 the layer stays whole. Absent: a quarter, or
    with `ranks` the layers that these do not name stay whole."""
    conv: Literal["svd", "tucker", "spatial", "keep"] = "tucker"
    """Form of a convolution; keep leaves convolutions alone. Dense layers have one form."""
    ranks: Mapping[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Ranks of single layers by name, before `rank_fraction`; of tucker that of the output channels, the input channels
    follow in proportion."""
    error: Literal["weights", "outputs"] = "weights"
    """What is least at the rank. weights: the square error of the weights; outputs: that of the layer's output on
    training data (its input's second moment weighs the directions)."""
    ends: Literal["compress", "keep"] = "compress"
    """keep: the network's first and last matrix operator stay whole."""

    @property
    def fraction(self) -> float:
        """That of layers whose rank is not given."""
        if self.rank_fraction is not None:
            return self.rank_fraction
        return 1.0 if self.ranks else QUARTER


class LowRank(Method[LowRankSettings]):
    """Truncated decompositions of dense layers and convolutions without groups; biases go to the last part."""

    name = "low_rank"
    sources = ("denton2014", "kim2016tucker")
    Settings = LowRankSettings

    def takes(self, operator: Operator) -> bool:
        """Dense layers, and convolutions without groups."""
        return operator.kind == "dense" or (operator.kind == "conv" and operator.attributes["groups"] == 1)

    def describe(self, described: Described, settings: Mapping[str, LowRankSettings]) -> Described:
        """The graph with parts in place of whole layers; each part is float32 until a later step says otherwise.

        Raises CompressionError where `ranks` names no layer that is taken, or a rank above the layer's.
        """
        misfit = self.misfit(described.graph, settings)
        if misfit is not None:
            raise CompressionError(f"low_rank: {misfit}")
        chosen = {name: form for name in settings if (form := _form(described, name, settings[name])) is not None}
        graph = described.graph
        fractions = {name: _fraction(graph.operator(name), form, settings[name]) for name, form in chosen.items()}
        requests = {name: parts_of(graph.operator(name), form, fractions[name]) for name, form in chosen.items()}
        smaller = replaced(graph, {name: parts for name, parts in requests.items() if parts})
        formats = {o.name: described.formats.get(o.name) or _fresh(o, described.formats) for o in smaller.operators}
        return replace(described, graph=smaller, formats=formats)

    def misfit(self, graph: Graph, settings: Mapping[str, LowRankSettings]) -> str | None:
        """The first entry of `ranks` that names no layer that is taken, or a rank above the layer's."""
        entries = {name: rank for at in settings.values() for name, rank in at.ranks.items()}
        whole = {origin(name) for name in settings} - set(settings)
        found = (_misfit(graph, n, rank, settings.get(n)) for n, rank in entries.items() if n not in whole)
        return next((fault for fault in found if fault is not None), None)

    def unused(self, graph: Graph, spanned: Sequence[LowRankSettings]) -> str | None:
        """The first entry of `ranks` whose layer stays whole at all settings."""
        ends = (graph.matrix_operators[0].name, graph.matrix_operators[-1].name)
        for name in {name: None for at in spanned for name in at.ranks}:
            is_conv = graph.operator(name).kind == "conv"
            if is_conv and all(at.conv == "keep" for at in spanned):
                return f"no rank of '{name}' in ranks: conv keep leaves convolutions whole"
            if name in ends and all(at.ends == "keep" for at in spanned):
                return f"no rank of '{name}' in ranks: ends keep leaves the first and the last layer whole"
        return None

    def needs(self, settings: Mapping[str, LowRankSettings]) -> frozenset[Need]:
        """Inputs of the layers where the error of outputs counts."""
        return frozenset({"activations"}) if any(at.error == "outputs" for at in settings.values()) else frozenset()

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, LowRankSettings]) -> Tensors:
        """Factors of every whole weight whose parts stand in the graph."""
        parts: dict[str, list[Operator]] = {}
        for operator in described.graph.operators:
            if operator.name != origin(operator.name):
                parts.setdefault(origin(operator.name), []).append(operator)
        found = dict(tensors)
        for name, operators in parts.items():
            if f"{name}.weight" in found:
                found.update(_factorised(name, operators, found, _rows(tensors, name, settings.get(name))))
        return found


def _form(described: Described, name: str, at: LowRankSettings) -> Form | None:
    """The form of one layer; None where it stays whole."""
    ends = described.original.matrix_operators
    is_end = origin(name) in (ends[0].name, ends[-1].name)
    operator = described.graph.operator(name)
    if (at.fraction >= 1.0 and name not in at.ranks) or (is_end and at.ends == "keep") or origin(name) != name:
        return None
    if operator.kind == "dense":
        return "dense"
    return None if at.conv == "keep" else at.conv


def _fraction(operator: Operator, form: Form, at: LowRankSettings) -> float:
    """The layer's rank relative to its largest."""
    if operator.name not in at.ranks:
        return at.fraction
    return at.ranks[operator.name] / largest_rank(operator, form)


def _misfit(graph: Graph, name: str, rank: int, at: LowRankSettings | None) -> str | None:
    """What is wrong with one entry of `ranks`; `at` is absent where the method takes no such layer."""
    taken = [o.name for o in graph.operators if plugin.takes(o)]
    if at is None:
        close = nearest(name, taken)
        hint = f"; did you mean '{close}'?" if close else ""
        return f"ranks names '{name}', which is none of the layers that it takes in '{graph.name}'{hint}"
    operator = graph.operator(name)
    form: Form = "dense" if operator.kind == "dense" or at.conv == "keep" else at.conv
    most, shape = reached_rank(operator, form, rank), " x ".join(str(size) for size in operator.weight_shape or ())
    return (
        f"ranks gives '{name}' {rank}, above the rank {most} of its weights of {shape} ({form})"
        if rank > most
        else None
    )


def _rows(tensors: Tensors, name: str, at: LowRankSettings | None) -> Array | None:
    """Rows of the layer's input where the error of its output counts; ValueError where they were not measured."""
    if at is None or at.error == "weights":
        return None
    rows = tensors.get(f"{name}.activations")
    if rows is None:
        raise ValueError(f"factors of '{name}' with the least error of outputs need its activations on training data")
    return np.array(rows[0], dtype=np.float64)


def _fresh(part: Operator, formats: Mapping[str, OperandFormat]) -> OperandFormat:
    before = formats[origin(part.name)]
    return with_bytes(part, OperandFormat(activation_bits=before.activation_bits, bias_bits=before.bias_bits))


def _factorised(name: str, operators: list[Operator], tensors: dict[str, Any], rows: Array | None) -> dict[str, Any]:
    weight, bias = tensors.pop(f"{name}.weight"), tensors.pop(f"{name}.bias", None)
    xp = api.array_namespace(weight)
    shapes = [operator.weight_shape or () for operator in operators]
    parts = [operator.name.rpartition(PART)[2] for operator in operators]
    arrays = factors(np.asarray(weight, dtype=np.float64), parts, shapes, rows)
    found = {
        f"{operator.name}.weight": xp.asarray(np.ascontiguousarray(array, dtype=np.float32))
        for operator, array in zip(operators, arrays, strict=True)
    }
    return found if bias is None else {**found, f"{operators[-1].name}.bias": bias}


plugin = LowRank()
