"""DeepThin (Sotoudeh and Baghsorkhi 2018): a dense layer's weights are cut from a matrix of low rank, laid out anew.

Only the two thin factors are stored and trained: rank (rows + width) numbers, rows width = outputs inputs. What a
machine computes with is the whole weight: it saves memory and traffic where it can multiply the factors out between
memory and arithmetic (rank products a weight), and no multiplication elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from joulescape.compression._grid_method import GridSettings, acted_on, fresh
from joulescape.compression._nominal import with_bytes
from joulescape.compression._thin import expanded, factorised, thin_of
from joulescape.compression.base import Described, Method, Tensors
from joulescape.network.operators import Operator
from joulescape.network.work import Thin


class DeepThinSettings(GridSettings):
    """How thin one layer becomes."""

    rank: Annotated[int, Field(ge=1, le=256)] = 8
    """Rank of the matrix that the weights are cut from; a layer whose factors would hold no fewer numbers than it does
    stays whole."""


class DeepThin(Method[DeepThinSettings]):
    """Keeps, beside each weight, its factors `<operator>.left` (rows, rank) and `.right` (rank, width)."""

    name = "deep_thin"
    sources = ("sotoudeh2018",)
    Settings = DeepThinSettings
    is_repeated = True
    is_smooth = True
    trained = frozenset({"left", "right"})

    def takes(self, operator: Operator) -> bool:
        """Dense layers."""
        return operator.kind == "dense"

    def describe(self, described: Described, settings: Mapping[str, DeepThinSettings]) -> Described:
        """Real numbers without zeros of their own, stored as factors."""
        formats = dict(described.formats)
        for operator in acted_on(described, settings):
            thin = thin_of(operator.weight_shape or (), settings[operator.name].rank)
            if thin is not None:
                form = formats[operator.name]
                same = fresh(form).with_(transform=form.transform, tile=form.tile, thin=thin)
                formats[operator.name] = with_bytes(operator, same)
        return replace(described, formats=formats)

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, DeepThinSettings]) -> Tensors:
        """The weights that the factors stand for; factors are found where they are absent or of another shape."""
        found = dict(tensors)
        for operator in acted_on(described, settings):
            thin = described.formats[operator.name].thin
            if thin is not None:
                found.update(_layer(operator, tensors, thin))
        return found


def _layer(operator: Operator, tensors: Tensors, thin: Thin) -> dict[str, Any]:
    name = operator.name
    left, right = tensors.get(f"{name}.left"), tensors.get(f"{name}.right")
    if left is None or tuple(left.shape) != (thin.rows, thin.rank):
        left, right = factorised(tensors[f"{name}.weight"], thin)
    weight = expanded(left, right, operator.weight_shape or ())
    return {f"{name}.left": left, f"{name}.right": right, f"{name}.weight": weight}


plugin = DeepThin()
