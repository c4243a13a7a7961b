"""A network's matrix operators as one device computes them, by the numerics that each ErrorSpec names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from joulescape import registry
from joulescape.accuracy.activations import Calibration
from joulescape.accuracy.module import (
    Inputs,
    Rule,
    Tensors,
    from_rows,
    grouped,
    plain,
    scale_of,
    to_rows,
    weight_rows,
    with_bias,
)
from joulescape.accuracy.winograd import from_tiles, tile_rows, tile_weights
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.base import Detail, MatrixNumerics, Product, Programmed

GROUP = "joulescape.numerics"


@cache
def numerics(kind: str) -> MatrixNumerics:
    """The machine arithmetic called `kind`."""
    found: MatrixNumerics = registry.load(GROUP, kind)
    return found


@dataclass(frozen=True)
class MachineLayers:
    """One device: every matrix operator with errors, programmed group by group; products of two activations."""

    programmed: Mapping[str, tuple[Programmed, ...]]
    products: Mapping[str, Product]
    calibration: Calibration
    reading: torch.Generator
    """Stream of read errors."""

    def rule(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        """The operator on this device, input on its grid, bias added digitally. Not differentiable."""
        inputs = self.calibration.on_grid(operator, inputs)
        return self._multiply(operator, inputs, tensors) if self._has(operator) else plain(operator, inputs, tensors)

    def straight_through(self, seen: Tensors) -> Rule:
        """A differentiable rule: this device's output, the gradient of the float32 operator with tensors `seen`."""

        def rule(operator: Operator, inputs: Inputs, _tensors: Tensors) -> Tensor:
            inputs = self.calibration.on_grid(operator, inputs)
            ideal = plain(operator, inputs, seen)
            if not self._has(operator):
                return ideal
            with torch.no_grad():
                departure = self._multiply(operator, inputs, seen) - ideal
            return ideal + departure

        return rule

    def _has(self, operator: Operator) -> bool:
        return operator.name in self.programmed or operator.name in self.products

    def _multiply(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        if operator.name in self.products:
            found = self.products[operator.name](*grouped(inputs), self.reading).reshape(-1, *operator.out_shape)
            return found * scale_of(operator)
        held, tile, x = self.programmed[operator.name], self.calibration.tiles.get(operator.name), inputs[0]
        rows = to_rows(operator, x) if tile is None else tile_rows(operator, x, tile)
        products = torch.stack([one(part, self.reading) for one, part in zip(held, rows, strict=True)])
        found = from_rows(operator, products, len(x)) if tile is None else from_tiles(operator, products, len(x), tile)
        return with_bias(operator, found, tensors)


def program(
    graph: Graph,
    tensors: Tensors,
    errors: Errors,
    calibration: Calibration,
    device: torch.Generator,
    reading: torch.Generator,
    detail: Detail,
) -> MachineLayers:
    """Write the network into one device drawn from `device`; read errors will come from `reading`."""
    held: dict[str, tuple[Programmed, ...]] = {}
    products: dict[str, Product] = {}
    with torch.no_grad():
        for operator in graph.matrix_operators:
            spec = errors.get((operator.name, "forward"))
            if spec is None:
                continue
            machine = numerics(spec.kind)
            if operator.kind == "matmul":
                left, right = calibration.operands[operator.name]
                products[operator.name] = machine.product(left, right, spec, device, detail)
            else:
                tile = calibration.tiles.get(operator.name)
                held_rows = weight_rows(operator, tensors) if tile is None else tile_weights(operator, tensors, tile)
                pairs = zip(held_rows, calibration.rows[operator.name], strict=True)
                held[operator.name] = tuple(machine.program(w, spec, rows, device, detail) for w, rows in pairs)
    return MachineLayers(held, products, calibration, reading)
