"""Merging: a layer takes up what follows it, where the result is the same layer with other weights.

    norm        y = g (W x + b - m) / sqrt(v + e) + h:  a normalisation, at its running mean and variance
    pooling     an average over windows of a convolution's outputs: one convolution with a larger filter and stride
    pointwise   a 1 x 1 convolution after a convolution: the product of both

All are exact in real numbers. Nothing is merged where something else reads in between, where an activation stands
there, or where the weights already lie on a grid: merge first. A pooling that pads or has windows of several sizes
(`ceil_mode`) stays, and so does a 1 x 1 convolution that pads or has groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from joulescape.compression._grid_method import fresh
from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import Described, Method, Tensors
from joulescape.compression.merge.arrays import merged
from joulescape.compression.merge.plan import MergeSettings, applied, mergers
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BITS

__all__ = ["Merge", "MergeSettings", "plugin"]

_TAKEN = frozenset({"conv", "dense", "norm", "avg_pool"})


class Merge(Method[MergeSettings]):
    """Fewer layers for the same output; a network without normalisations is also trained on without them."""

    name = "merge"
    Settings = MergeSettings

    def takes(self, operator: Operator) -> bool:
        """Layers that can take something up, and what they can take up; the settings of the former count."""
        return operator.kind in _TAKEN

    def describe(self, described: Described, settings: Mapping[str, MergeSettings]) -> Described:
        """The graph without what was taken up."""
        graph, formats = described.graph, dict(described.formats)
        while found := next(mergers(graph, formats, settings), None):
            graph = applied(graph, found)
            del formats[found.gone]
            formats[found.host] = _form(graph.operator(found.host), formats[found.host], found.kind)
        return replace(described, graph=graph, formats=formats)

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, MergeSettings]) -> Tensors:
        """Each layer with the weights that it has once it took up what is gone."""
        # Earlier steps change how many channels there are, not what reads what: the first graph tells what was merged.
        kept, graph = {operator.name for operator in described.graph.operators}, described.original
        while found := next((m for m in mergers(graph, {}, settings) if m.gone not in kept), None):
            tensors = merged(tensors, graph, found, described.graph)
            graph = applied(graph, found)
        return tensors


def _form(operator: Operator, form: OperandFormat, kind: str) -> OperandFormat:
    """A normalisation leaves zeros where they are, but no thin factors; the others make another filter. The bias is a
    new one, of no earlier rounding."""
    same = form.with_(thin=None) if kind == "norm" else fresh(form)
    return with_bytes(operator, same.with_(bias_bits=FLOAT_BITS))


plugin = Merge()
