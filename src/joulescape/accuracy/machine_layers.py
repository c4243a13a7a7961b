"""A network's matrix operators as one device computes them, by the numerics that each ErrorSpec names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from joulescape import registry
from joulescape.accuracy.activations import Calibration
from joulescape.accuracy.module import Inputs, Rule, Tensors, from_rows, plain, to_rows, weight_rows, with_bias
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed

GROUP = "joulescape.numerics"


@cache
def numerics(kind: str) -> MatrixNumerics:
    """The machine arithmetic called `kind`."""
    found: MatrixNumerics = registry.load(GROUP, kind)
    return found


def spec_of(errors: Errors, operator: Operator, role: Role) -> ErrorSpec | None:
    """The errors of an operator in a role, None for float32; SimulatorError for a product of two activations."""
    spec = errors.get((operator.name, role))
    if spec is not None and operator.kind == "matmul":
        raise SimulatorError(f"{spec.kind} stores matrices; '{operator.name}' multiplies two activations")
    return spec


@dataclass(frozen=True)
class MachineLayers:
    """One device: every matrix operator with errors, programmed group by group."""

    programmed: Mapping[str, tuple[Programmed, ...]]
    calibration: Calibration
    reading: torch.Generator
    """Stream of read errors."""

    def rule(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        """The operator on this device, input on its grid, bias added digitally. Not differentiable."""
        inputs = self.calibration.on_grid(operator, inputs)
        held = self.programmed.get(operator.name)
        return plain(operator, inputs, tensors) if held is None else self._multiply(operator, held, inputs, tensors)

    def straight_through(self, seen: Tensors) -> Rule:
        """A differentiable rule: this device's output, the gradient of the float32 operator with tensors `seen`."""

        def rule(operator: Operator, inputs: Inputs, _tensors: Tensors) -> Tensor:
            inputs = self.calibration.on_grid(operator, inputs)
            ideal = plain(operator, inputs, seen)
            held = self.programmed.get(operator.name)
            if held is None:
                return ideal
            with torch.no_grad():
                departure = self._multiply(operator, held, inputs, seen) - ideal
            return ideal + departure

        return rule

    def _multiply(self, operator: Operator, held: tuple[Programmed, ...], inputs: Inputs, tensors: Tensors) -> Tensor:
        rows = to_rows(operator, inputs[0])
        products = torch.stack([one(part, self.reading) for one, part in zip(held, rows, strict=True)])
        return with_bias(operator, from_rows(operator, products, len(inputs[0])), tensors)


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
    with torch.no_grad():
        for operator in graph.matrix_operators:
            spec = spec_of(errors, operator, "forward")
            if spec is not None:
                pairs = zip(weight_rows(operator, tensors), calibration.rows[operator.name], strict=True)
                machine = numerics(spec.kind)
                held[operator.name] = tuple(machine.program(w, spec, rows, device, detail) for w, rows in pairs)
    return MachineLayers(held, calibration, reading)
