"""What a pruning step may say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.compression._coding import INDEX_BITS
from joulescape.spec.base import Shape


class PruneSettings(Shape):
    """What goes, and how much stays."""

    granularity: Literal["element", "n_of_m", "channel"] = "element"
    """element: single weights become zero (an index is stored); n_of_m: as many stay in every group along the inputs
    (a short place is stored); channel: output channels are taken out."""
    density: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Fraction of the weights, of each group, or of the channels, that stays; at least one of them does."""
    criterion: Literal["magnitude", "scaled", "lamp", "first_order"] = "magnitude"
    """What goes first. magnitude: the smallest; scaled: relative to the layer's root mean square; lamp: w^2 relative to
    the sum of all w^2 of the layer that are not smaller (Lee et al. 2021); first_order: the smallest |w dL/dw| on
    training data (Molchanov et al. 2017)."""
    scope: Literal["layer", "global"] = "layer"
    """layer: every layer keeps `density`; global: all layers together do, the criterion says which."""
    schedule: Literal["one_shot", "gradual"] = "one_shot"
    """gradual: while fine-tuning, the density falls to its end by d + (1 - d) (1 - t)^3 (Zhu and Gupta 2017)."""
    group: Annotated[int, Field(ge=2, le=64)] = 4
    """n_of_m: weights of one group; the last group of a row is filled with zeros where they do not divide."""
    index_bits: Annotated[int, Field(ge=1, le=8)] = INDEX_BITS
    """element: width of one relative index."""

    @model_validator(mode="after")
    def _is_known_before_weights(self) -> Self:
        if self.granularity != "element" and self.scope == "global":
            raise ValueError("scope global is for single weights: shapes and groups must be known before any weight is")
        if self.granularity == "channel" and (self.schedule == "gradual" or self.criterion in ("scaled", "lamp")):
            raise ValueError("channels go at once, by magnitude or first_order")
        if self.schedule == "gradual" and self.criterion == "first_order":
            raise ValueError("first_order is measured once, before fine-tuning: its schedule is one_shot")
        return self
