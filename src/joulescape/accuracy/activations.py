"""What training data say about every layer's input: ranges, rows to calibrate machines with, statistics for energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from joulescape.accuracy.input_grids import InputGrid, input_grid
from joulescape.accuracy.module import Inputs, Rule, Tensors, grouped, plain, run, to_rows
from joulescape.accuracy.winograd import tile_rows
from joulescape.compression.base import Described
from joulescape.compression.quantize.grids import coprime_step
from joulescape.network.histograms import BINS, Histogram, shares_of
from joulescape.network.operators import Operator
from joulescape.network.work import LayerStatistics
from joulescape.units import FLOAT_BITS

CALIBRATION_SAMPLES = 256
"""Training samples that ranges and statistics are taken from."""

CALIBRATION_ROWS = 512
"""At most so many im2col rows of a layer calibrate its machine."""

TRAINING_ROWS = 96
"""The same while training, where the machine is programmed anew at every step."""

_ROWS_TO_CHOOSE_FROM = 4
"""Rows that are looked at for each row kept, so that neighbours in one image are not all there is."""


@dataclass(frozen=True)
class Calibration:
    """Of every matrix operator: the grids of its inputs (if quantised), calibration rows by group, and statistics.

    A product of two activations has both operands of a few samples, (samples, groups, rows, columns), in place of rows.
    """

    grids: Mapping[str, tuple[InputGrid, ...]]
    rows: Mapping[str, Tensor]
    operands: Mapping[str, tuple[Tensor, Tensor]]
    statistics: Mapping[str, LayerStatistics]
    tiles: Mapping[str, int] = field(default_factory=dict)
    """Operators whose machine computes them by Winograd's algorithm, and the outputs of a tile; rows are such tiles."""

    def quantised(self, rule: Rule) -> Rule:
        """`rule` on inputs that are first moved to their grid."""
        if not self.grids:
            return rule
        return lambda operator, inputs, tensors: rule(operator, self.on_grid(operator, inputs), tensors)

    def on_grid(self, operator: Operator, inputs: Inputs) -> Inputs:
        """The operator's inputs as its format stores them."""
        grids = self.grids.get(operator.name)
        return inputs if grids is None else tuple(grid(x) for grid, x in zip(grids, inputs, strict=True))


def calibrate(
    network: Described,
    tensors: Tensors,
    samples: Tensor,
    physical: Rule | None = None,
    rows: int = CALIBRATION_ROWS,
    tiles: Mapping[str, int] | None = None,
) -> Calibration:
    """Run training samples through the compressed network, layer by layer, and look at each layer's input.

    At most `rows` im2col rows a layer are kept for calibrating machines; 0 keeps none. `tiles` names the operators that
    the machine computes by Winograd's algorithm.
    """
    seen = _Seen(network, rows, tiles or {})
    with torch.no_grad():
        run(network.graph, tensors, samples[:CALIBRATION_SAMPLES], seen.rule, physical)
    return Calibration(seen.grids, seen.rows, seen.operands, seen.statistics, seen.tiles)


def layer_statistics(inputs: Tensor, weight: Tensor | None, driven: Tensor | None = None) -> LayerStatistics:
    """Densities, means of magnitude and square relative to the largest magnitude, and histograms of both operands.

    `driven` are rows of a machine's inputs as it meets them, zeros around an image included; absent, the tensor is.
    """
    x_density, x_mean, x_square = _moments(inputs)
    w_density, w_mean, w_square = (1.0, 0.5, 1 / 3) if weight is None else _moments(weight)
    met = histogram_of(inputs if driven is None else driven)
    held = () if weight is None else histogram_of(of_largest(weight))
    return LayerStatistics(w_density, x_density, x_mean, x_square, w_mean, w_square, met, held)


def of_largest(weight: Tensor) -> Tensor:
    """Weights (N, ...) over the largest of their output, which stands on the full range of a cell."""
    rows = weight.detach().reshape(len(weight) if weight.ndim > 1 else 1, -1)
    peak = rows.abs().amax(dim=1, keepdim=True)
    return rows / torch.where(peak > 0, peak, torch.ones(()))


def histogram_of(values: Tensor) -> Histogram:
    """Shares of values at each of BINS equal steps of their magnitude over the largest; empty where all are zero."""
    magnitude = values.detach().abs().flatten()
    peak = float(magnitude.max())
    if peak == 0.0:
        return ()
    codes = (magnitude * ((BINS - 1) / peak)).round_().int()
    return shares_of(torch.bincount(codes, minlength=BINS).tolist())


class _Seen:
    """Collects while the network runs."""

    def __init__(self, network: Described, rows: int, tiles: Mapping[str, int]) -> None:
        self._formats = network.formats
        self.tiles = tiles
        self._most_rows = rows
        self.grids: dict[str, tuple[InputGrid, ...]] = {}
        self.rows: dict[str, Tensor] = {}
        self.operands: dict[str, tuple[Tensor, Tensor]] = {}
        self.statistics: dict[str, LayerStatistics] = {}

    def rule(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        form = self._formats[operator.name]
        if form.activation_bits < FLOAT_BITS:
            self.grids[operator.name] = tuple(input_grid(x, form) for x in inputs)
            inputs = tuple(grid(x) for grid, x in zip(self.grids[operator.name], inputs, strict=True))
        if operator.kind == "matmul" and self._most_rows:
            samples = -(-self._most_rows // operator.out_shape[-2])
            left, right = grouped(inputs)
            self.operands[operator.name] = left[:samples], right[:samples]
        elif self._most_rows:
            tile = self.tiles.get(operator.name)
            self.rows[operator.name] = some_rows(operator, inputs[0], self._most_rows, tile)
        driven = self.rows.get(operator.name) if operator.name not in self.tiles else None
        weight = tensors.get(f"{operator.name}.weight")
        self.statistics[operator.name] = layer_statistics(inputs[0], weight, driven)
        return plain(operator, inputs, tensors)


def some_rows(operator: Operator, x: Tensor, most: int, tile: int | None = None) -> Tensor:
    """At most `most` rows, spread over all positions; samples that no row would come from are not unfolded."""
    positions = 1 if operator.loops is None else operator.loops.positions
    wanted = -(-_ROWS_TO_CHOOSE_FROM * most * (tile or 1) ** 2 // positions)
    chosen = x[:: max(1, len(x) // wanted)]
    rows = to_rows(operator, chosen) if tile is None else tile_rows(operator, chosen, tile)
    count = rows.shape[1]
    return rows if count <= most else rows[:, torch.arange(most) * coprime_step(count) % count]


def _moments(values: Tensor) -> tuple[float, float, float]:
    magnitude = values.detach().abs()
    peak = float(magnitude.max())
    if peak == 0.0:
        return 0.0, 0.0, 0.0
    density = int(torch.count_nonzero(magnitude)) / magnitude.numel()
    return density, float(magnitude.mean()) / peak, float(magnitude.square().mean()) / peak**2
