"""What a publication reports of a compressed network: densities and widths to price it by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import Basis


class ReportedLayer(Shape):
    """What is said of one layer; what is not said stays as it is."""

    weight_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weights that are not zero."""
    weight_bits: Annotated[int, Field(ge=1, le=32)] = 32
    """Bits of a stored weight; below 32 an index into the values of its layer."""
    input_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Inputs that are not zero, on the publication's data."""


class ReportedSpec(Shape):
    """A compressed state of the network with its source; the compression step `reported` prices it."""

    source: str
    """Key of hwlib/references.bib."""
    where: str
    basis: Basis
    """How well it is known: `assumed` where the publication itself was not at hand."""
    layers: Annotated[dict[str, ReportedLayer], Field(min_length=1)]
