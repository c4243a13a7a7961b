"""Crossbar arithmetic: weights in slices of cells, inputs in pulses, sums by converters or counters; updates by pulses.

`full` does every tile, slice and input digit; `merged` one matrix product with the same programming errors and Gaussian
noise of the variance that reads have. On digits both agree within 0.5 points from 5 converter bits on; below, the error
follows its signal. Where no converter stands between layers both are one analog product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.base import Chance, Detail, Held, MatrixNumerics, Programmed, Stored
from joulescape.numerics.crossbar.analog import AnalogCrossbar
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.counting import CountedCrossbar, count_charge
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.learning import Descent, FastAndSlow
from joulescape.numerics.crossbar.merged import MergedCrossbar
from joulescape.numerics.crossbar.partial import LeadingRead, PartialRead, TriedRead
from joulescape.numerics.crossbar.programmed import Cells, Converter, some_rows, write
from joulescape.numerics.crossbar.reading import FullCrossbar
from joulescape.numerics.crossbar.trained import TrainedArray, read_sigma
from joulescape.simulators.crossbar.rules import lossless_adc_bits

READ_GRADIENTS = ("input_gradient", "weight_gradient")
"""Roles whose results are read from arrays."""


class CrossbarNumerics(MatrixNumerics):
    """Numerics of the kind `crossbar`; `simulators.crossbar` states its numbers."""

    kind: ClassVar[str] = "crossbar"

    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Write (N, K) into cells; ranges of inputs and converters come from `calibration` (rows, K)."""
        return _read(write(weight, CrossbarNumbers.of(errors), generator), calibration, detail)

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """Rewritten cells miss anew; those moved by pulses (outer products) keep what their first write missed.

        Stuck cells stay where they are. Errors go back through the same cells, read from the other side, or
        (`has_own_transpose`) through arrays of their own that hold the transposed weights. Where a weight is one
        pair of cells that pulses moved (`has_analog_weights`), both reads are of that pair as it is.
        """
        update = errors.get("update")
        if update is not None and _is_analog(update):
            array = TrainedArray(weight, CrossbarNumbers.of(errors["forward"]), update.numbers["weight_bound"])
            return Stored(array, array.transposed if "input_gradient" in errors else None)
        is_pulsed = update is not None and bool(update.numbers["is_outer_product"])
        numbers, writing = CrossbarNumbers.of(errors["forward"]), chance.first if is_pulsed else chance.writing
        cells, back = write(weight, numbers, chance.device, writing), errors.get("input_gradient")
        forward = _read(cells, calibration, detail)
        if back is None:
            return Stored(forward)
        if not back.numbers["has_own_transpose"]:
            return Stored(forward, cells.matrix)
        return Stored(forward, write(weight.T, numbers, chance.backward, writing).matrix.T)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """An input gradient through a transposed read; a converter with enough bits adds nothing to it.

        The step of each converted column is its range over 2^bits; over all cycles and slices the error is
        max|g| / 2^bits / sqrt(12) * rms(cycle weights) / mean * rms(slice weights) / mean, Gaussian. A counter reads
        all cycles at once; a weight gradient that is read from arrays errs like an input gradient.
        """
        numbers = CrossbarNumbers.of(errors)
        drive = numbers.input_bits if numbers.is_counted else numbers.dac_bits
        needed = lossless_adc_bits(numbers.rows, drive, numbers.cell_bits, not numbers.is_differential)
        if _is_analog(errors) or errors.role not in READ_GRADIENTS or numbers.adc_bits >= needed:
            return gradient
        cycles = 2.0 ** torch.arange(0, numbers.input_bits, drive)
        merged = float(cycles.norm() / cycles.sum() * numbers.slice_weights.norm() / numbers.slice_weights.sum())
        sigma = float(gradient.abs().max()) * merged / 2**numbers.adc_bits / math.sqrt(12)
        return torch.add(gradient, torch.randn(gradient.shape, generator=generator), alpha=sigma)

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:
        """The weight after `step`: by pulses of a soft-bounded device, or rewritten on the weight grid.

        Pulses: dw = 2 bound / states, n = |step| / dw rounded stochastically, each moving dw (1 -+ asymmetry w / bound)
        (1 + noise N(0, 1)). Rewriting: rounded stochastically to the grid of `weight_bits` between both bounds.
        """
        numbers, bound = errors.numbers, errors.numbers["weight_bound"]
        chance = torch.rand(weight.shape, generator=generator)
        if not numbers["is_outer_product"]:
            grid = 2 * bound / 2 ** int(numbers["weight_bits"])
            rewritten: Tensor = torch.floor((weight + step) / grid + chance) * grid
            return rewritten.clamp_(-bound, bound)
        pulse = 2 * bound / numbers["states"]
        count: Tensor = torch.floor(step.abs() / pulse + chance)
        direction = torch.sign(step)
        shrink = 1 - direction * numbers["asymmetry"] * weight / bound
        jitter = numbers["cycle_noise"] * count.sqrt() * torch.randn(weight.shape, generator=generator)
        moved: Tensor = weight + pulse * shrink * (direction * count + jitter)
        return moved.clamp_(-bound, bound)

    def hold(self, weight: Tensor, errors: ErrorSpec, device: torch.Generator) -> Held | None:
        """Pairs of cells that pulses move, by the machine's rule; None where weights stand on a grid of levels."""
        if not _is_analog(errors):
            return None
        if not errors.numbers.get("is_hidden"):
            return Descent(weight, errors, device)
        sigma = read_sigma(CrossbarNumbers.of(errors), errors.numbers["weight_bound"])
        return FastAndSlow(weight, errors, device, sigma)


def _is_analog(errors: ErrorSpec) -> bool:
    return bool(errors.numbers.get("has_analog_weights", 0))


def _read(cells: Cells, calibration: Tensor, detail: Detail) -> Programmed:
    """Cells behind what drives and reads them; ranges come from `calibration` (rows, K)."""
    if cells.numbers.is_analog:
        return AnalogCrossbar(cells, calibration)
    inputs = InputCode.calibrated(calibration, cells.numbers)
    seen = inputs.integers(some_rows(calibration))
    full: FullCrossbar | CountedCrossbar | PartialRead
    if cells.numbers.is_counted:
        full = CountedCrossbar(cells, inputs, count_charge(cells, inputs, seen))
    elif cells.numbers.is_leading:
        full = LeadingRead(cells, inputs, seen)
    elif cells.numbers.speculation_first_bits:
        full = TriedRead(cells, inputs, Converter.calibrated(cells, inputs, seen))
    else:
        full = FullCrossbar(cells, inputs, Converter.calibrated(cells, inputs, seen))
    return full if detail == "full" else MergedCrossbar(full, cells, inputs, seen)


plugin = CrossbarNumerics()
