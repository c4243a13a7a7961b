"""What methods share that change how a layer is computed: weights, shapes and bytes stay as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from joulescape.compression.base import Described, Method, Tensors
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat, Transform
from joulescape.spec.base import Shape

TransformT = TypeVar("TransformT", bound=Shape)


class TransformMethod(Method[TransformT], Generic[TransformT]):
    """A layer's fast algorithm, for the machines that know it; all others compute the layer as it stands.

    The file holds plain weights. A layer of circulant blocks keeps its own transforms.
    """

    transform: Transform

    @abstractmethod
    def tile(self, operator: Operator, at: TransformT) -> int:
        """Size of a tile, 0 where this layer is better left alone."""

    def describe(self, described: Described, settings: Mapping[str, TransformT]) -> Described:
        """The algorithm beside each layer's format."""
        changed = {
            o.name: self._form(o, described.formats[o.name], settings[o.name])
            for o in described.graph.operators
            if o.name in settings
        }
        return replace(described, formats={**described.formats, **changed})

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, TransformT]) -> Tensors:  # noqa: ARG002
        """The weights as they are."""
        return tensors

    def _form(self, operator: Operator, form: OperandFormat, at: TransformT) -> OperandFormat:
        tile = self.tile(operator, at)
        return form if form.arithmetic == "circulant" or not tile else form.with_(transform=self.transform, tile=tile)
