"""Arithmetic of SRAM columns that add in the analog domain: cell mismatch, bent bit lines, converters that clip."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed
from joulescape.numerics.sram_in_memory.columns import ColumnNumbers, Columns, write


class SramInMemory(MatrixNumerics):
    """Numerics of the kind `sram_in_memory`; `simulators.sram_in_memory` states its numbers."""

    kind: ClassVar[str] = "sram_in_memory"

    def program(
        self,
        weight: Tensor,
        errors: ErrorSpec,
        calibration: Tensor,
        generator: torch.Generator,
        detail: Detail,  # noqa: ARG002
    ) -> Programmed:
        """Write (N, K) into cells; ranges come from `calibration` (rows, K). Every column and input digit is read."""
        numbers = ColumnNumbers.of(errors)
        return Columns.calibrated(write(weight, numbers, generator), calibration)


plugin = SramInMemory()
