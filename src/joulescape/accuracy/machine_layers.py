"""A network's matrix operators as one device computes them, by the numerics that each ErrorSpec names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape import registry
from joulescape.accuracy.activations import Calibration
from joulescape.accuracy.backward import ReadBack
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
from joulescape.numerics.base import (
    Chance,
    Detail,
    HoldsWeight,
    MatrixNumerics,
    OnWindows,
    Product,
    Programmed,
    Returning,
    Stored,
    Window,
)

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
    backward: Mapping[str, tuple[Tensor | Returning, ...]] = field(default_factory=dict)
    """While it is trained: matrices (N, K) whose transposes errors meet, or how the device reads that product, of
    operators that do not use exact weights."""

    def rule(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        """The operator on this device, input on its grid, bias added digitally. Not differentiable."""
        inputs = self.calibration.on_grid(operator, inputs)
        return self._multiply(operator, inputs, tensors) if self._has(operator) else plain(operator, inputs, tensors)

    def straight_through(self, seen: Tensors) -> Rule:
        """A differentiable rule: this device's output, the gradient of the float32 operator with tensors `seen`.

        Where the device forms input gradients itself, errors go back through the matrices of `backward` instead.
        """

        def rule(operator: Operator, inputs: Inputs, _tensors: Tensors) -> Tensor:
            inputs = self.calibration.on_grid(operator, inputs)
            ideal = self._differentiable(operator, inputs, seen)
            if not self._has(operator):
                return ideal
            with torch.no_grad():
                departure = self._multiply(operator, inputs, seen) - ideal
            return ideal + departure

        return rule

    def _has(self, operator: Operator) -> bool:
        return operator.name in self.programmed or operator.name in self.products

    def _differentiable(self, operator: Operator, inputs: Inputs, seen: Tensors) -> Tensor:
        """Its gradient by the weights is the exact one, by the inputs that of `backward`; its value is of no use."""
        back, x = self.backward.get(operator.name), inputs[0]
        if back is None or not x.requires_grad:
            return plain(operator, inputs, seen)
        met = [self._way_back(held, operator) for held in back]
        return plain(operator, (x.detach(),), seen) + self._through(operator, x, met)

    def _way_back(self, held: Tensor | Returning, operator: Operator) -> Callable[[Tensor], Tensor]:
        if isinstance(held, Tensor):
            return partial(nnf.linear, weight=held)
        groups = int(operator.attributes.get("groups", 1))
        outputs = operator.weight_shape[0] // groups if operator.weight_shape else 0
        return lambda rows: ReadBack.apply(rows, held, outputs, self.reading)  # type: ignore[no-untyped-call]

    def _multiply(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        if operator.name in self.products:
            found = self.products[operator.name](*grouped(inputs), self.reading).reshape(-1, *operator.out_shape)
            return found * scale_of(operator)
        return with_bias(operator, self._held(operator, inputs[0]), tensors)

    def _held(self, operator: Operator, x: Tensor) -> Tensor:
        """A product with stored weights; of a whole convolution without unfolding it, where the machine can."""
        programmed = self.programmed[operator.name]
        if len(programmed) == 1 and operator.name not in self.calibration.tiles:
            (whole,) = programmed
            if operator.kind == "dense":
                return whole(x.reshape(-1, x.shape[-1]), self.reading).reshape(len(x), *operator.out_shape)
            if isinstance(whole, OnWindows):
                return whole.on_windows(x, window_of(operator), self.reading)
        return self._through(operator, x, [partial(one, generator=self.reading) for one in programmed])

    def _through(self, operator: Operator, x: Tensor, each: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
        """An operator's input through its matrix products, one a group (and tap), without bias."""
        tile = self.calibration.tiles.get(operator.name)
        rows = to_rows(operator, x) if tile is None else tile_rows(operator, x, tile)
        products = torch.stack([one(part) for one, part in zip(each, rows, strict=True)])
        return from_rows(operator, products, len(x)) if tile is None else from_tiles(operator, products, len(x), tile)


def window_of(operator: Operator) -> Window:
    """How a convolution's kernel meets its samples."""
    return Window(operator.window("kernel"), operator.window("stride"), operator.window("padding"))


def program(
    graph: Graph,
    tensors: Tensors,
    errors: Errors,
    calibration: Calibration,
    device: torch.Generator,
    reading: torch.Generator,
    detail: Detail,
    is_tuning: bool = False,
) -> MachineLayers:
    """Write the network into one device drawn from `device`; read errors will come from `reading`.

    Where `is_tuning`, gradients of inputs go back through the weights that this device holds, where it can tell.
    """

    def write(operator: Operator, weight: Tensor, rows: Tensor) -> Stored:
        spec = errors[operator.name, "forward"]
        programmed = numerics(spec.kind).program(weight, spec, rows, device, detail)
        is_known = is_tuning and isinstance(programmed, HoldsWeight)
        return Stored(programmed, programmed.weight if is_known else None)  # type: ignore[attr-defined]

    return _layers(graph, tensors, errors, calibration, device, reading, detail, write)


def program_training(
    graph: Graph,
    tensors: Tensors,
    errors: Errors,
    calibration: Calibration,
    chance: Chance,
    reading: torch.Generator,
    detail: Detail,
) -> MachineLayers:
    """The same of a device that is being trained, after an update: static errors stay, those of a write are new."""

    def write(operator: Operator, weight: Tensor, rows: Tensor) -> Stored:
        kind = errors[operator.name, "forward"].kind
        # A role that a host takes comes with another kind of numbers: to this device it is as if nobody erred in it.
        own = {r: spec for (name, r), spec in errors.items() if name == operator.name and spec.kind == kind}
        return numerics(kind).store(weight, own, rows, chance, detail)

    return _layers(graph, tensors, errors, calibration, chance.device, reading, detail, write)


def _layers(
    graph: Graph,
    tensors: Tensors,
    errors: Errors,
    calibration: Calibration,
    device: torch.Generator,
    reading: torch.Generator,
    detail: Detail,
    write: Callable[[Operator, Tensor, Tensor], Stored],
) -> MachineLayers:
    held: dict[str, tuple[Stored, ...]] = {}
    products: dict[str, Product] = {}
    with torch.no_grad():
        for operator in graph.matrix_operators:
            spec = errors.get((operator.name, "forward"))
            if spec is None:
                continue
            if operator.kind == "matmul":
                left, right = calibration.operands[operator.name]
                products[operator.name] = numerics(spec.kind).product(left, right, spec, device, detail)
            else:
                tile = calibration.tiles.get(operator.name)
                held_rows = weight_rows(operator, tensors) if tile is None else tile_weights(operator, tensors, tile)
                pairs = zip(held_rows, calibration.rows[operator.name], strict=True)
                held[operator.name] = tuple(write(operator, weight, rows) for weight, rows in pairs)
    forward = {name: tuple(one.forward for one in stored) for name, stored in held.items()}
    return MachineLayers(forward, products, calibration, reading, _backward(held))


def _backward(held: Mapping[str, tuple[Stored, ...]]) -> dict[str, tuple[Tensor | Returning, ...]]:
    """Matrices of the way back by operator; one that goes back through exact weights is absent."""
    found = {name: tuple(one.backward for one in stored if one.backward is not None) for name, stored in held.items()}
    return {name: matrices for name, matrices in found.items() if matrices}
