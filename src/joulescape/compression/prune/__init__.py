"""Pruning by magnitude: single weights (unstructured zeros) or whole output channels (a smaller network)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from joulescape.compression.base import Described, Method, Tensors
from joulescape.compression.prune.channels import describe_channels, project_channels
from joulescape.compression.prune.elements import describe_elements, project_elements
from joulescape.network.operators import Operator
from joulescape.spec.base import Shape


class PruneSettings(Shape):
    """What goes, and how much stays."""

    granularity: Literal["element", "channel"] = "element"
    """element: single weights become zero (an index is stored); channel: output channels are taken out."""
    density: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Fraction of the weights, or of the channels, that stays."""
    criterion: Literal["magnitude"] = "magnitude"
    """Smallest magnitude (for channels: L1 norm) goes first."""


class Prune(Method[PruneSettings]):
    """Removes what is smallest. The network's output channels and what a physical system needs are never removed."""

    name = "prune"
    Settings = PruneSettings

    def takes(self, operator: Operator) -> bool:
        """Convolutions and dense layers."""
        return operator.kind in {"conv", "dense"}

    def describe(self, described: Described, settings: Mapping[str, PruneSettings]) -> Described:
        """Channels first (they change shapes), then single weights of what is left."""
        smaller = describe_channels(described, channels) if (channels := _of(settings, "channel")) else described
        return describe_elements(smaller, _of(settings, "element"))

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, PruneSettings]) -> Tensors:
        """The largest weights or channels, as `describe` counted them."""
        smaller = project_channels(tensors, described) if _of(settings, "channel") else tensors
        return project_elements(smaller, described.graph, _of(settings, "element"))


def _of(settings: Mapping[str, PruneSettings], granularity: str) -> dict[str, float]:
    return {name: at.density for name, at in settings.items() if at.granularity == granularity}


plugin = Prune()
