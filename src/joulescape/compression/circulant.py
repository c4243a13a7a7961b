"""Block-circulant layers (CirCNN, Ding et al. 2017): b x b blocks whose rows are one row, moved on by one place each.

Storage falls b times. A machine with Fourier transforms computes a block in O(b log b); any other has the whole matrix.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from joulescape.compression._blocks import projected
from joulescape.compression._grid_method import GridMethod, GridSettings, fresh
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat


class CirculantSettings(GridSettings):
    """Block of one layer."""

    block: Annotated[int, Field(ge=1, le=64)] = 8
    """Rows and columns of a block; 1 leaves the layer as it is. Sizes that it does not divide are filled up: the last
    blocks are stored whole."""


class Circulant(GridMethod[CirculantSettings]):
    """Each diagonal of a block becomes its mean: the nearest block-circulant matrix."""

    name = "circulant"
    sources = ("ding2017",)
    Settings = CirculantSettings
    is_smooth = True

    def takes(self, operator: Operator) -> bool:
        """Dense layers, and convolutions without groups (blocks over output and input channels)."""
        return operator.kind == "dense" or (operator.kind == "conv" and operator.attributes["groups"] == 1)

    def form(self, form: OperandFormat, at: CirculantSettings) -> OperandFormat:
        """One row of each block is stored, of real numbers: means of diagonals stand on no earlier grid, and where some
        of a diagonal's weights were zero none is.
        """
        return form if at.block == 1 else fresh(form).with_(block=at.block, arithmetic="circulant")

    def on_grid(self, weight: Any, at: CirculantSettings) -> Any:
        """Means of diagonals."""
        return weight if at.block == 1 else projected(weight, at.block)


plugin = Circulant()
