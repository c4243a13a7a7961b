"""What a publication reports of a compressed network: densities and widths to price it by."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import Basis


class ReportedLayer(Shape):
    """What is said of one layer; what is not said stays as it is."""

    weight_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weights that are not zero."""
    weight_bits: Annotated[int, Field(ge=1, le=32)] = 32
    """Bits of a stored weight."""
    values: Literal["codebook", "uniform"] = "codebook"
    """What weights below 32 bits are: indices into the values of their layer, or levels of a uniform grid."""
    input_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Inputs that are not zero, on the publication's data."""
    input_bits: Annotated[int, Field(ge=2, le=32)] = 32
    """Bits of an input."""


class ReportedSpec(Shape):
    """A compressed state of the network with its source; the compression step `reported` prices it."""

    source: str
    """Key of hwlib/references.bib."""
    where: str
    basis: Basis
    """How well it is known: `assumed` where the publication itself was not at hand."""
    accuracy_loss_fraction: Annotated[float, Field(gt=-1, lt=1)] | None = None
    """Accuracy (top 1) before minus after, on the publication's own network and data; absent where it does not say."""
    every: ReportedLayer | None = None
    """All layers with weights that `layers` does not list: for publications that give one figure for the network."""
    layers: dict[str, ReportedLayer] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.every is None and not self.layers:
            raise ValueError("a reported state needs `every` or `layers`")
        return self
