"""What happens to errors on their way back through a machine: rounding, reads of its own, or random feedback."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from joulescape.accuracy.module import Inputs
from joulescape.network.build import DATA
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.base import MatrixNumerics, Returning

Read = tuple[str, int]
"""One input of an operator: its name and the input's place."""


class Rounded(torch.autograd.Function):
    """The identity; on the way back the error is what the machine makes of it (role input_gradient)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, machine: MatrixNumerics, spec: ErrorSpec, stream: torch.Generator) -> Tensor:
        """`x` itself."""
        ctx.machine, ctx.spec, ctx.stream = machine, spec, stream
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, None, None, None]:
        """The error as the machine computes it."""
        return ctx.machine.gradient(errors[0], ctx.spec, ctx.stream), None, None, None


class ReadBack(torch.autograd.Function):
    """A product (rows, K) -> (rows, N) of no value of its own; on the way back errors are read as the device does."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, read: Returning, outputs: int, stream: torch.Generator) -> Tensor:
        """Zeros: the device's own forward product takes their place."""
        ctx.read, ctx.stream = read, stream
        return rows.new_zeros(len(rows), outputs)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, None, None, None]:
        """The transposed product as the device reads it."""
        return ctx.read(errors[0], ctx.stream), None, None, None


class Feedback:
    """Direct feedback alignment: every hidden layer gets the output error through a fixed random matrix."""

    def __init__(self, graph: Graph, stream: torch.Generator) -> None:
        classes = graph.output.out_elements
        self._matrices = {
            (o.name, place): torch.randn(classes, math.prod(shape), generator=stream) / math.sqrt(classes)
            for o in graph.matrix_operators
            for place, (source, shape) in enumerate(zip(o.inputs, o.in_shapes, strict=True))
            if source != DATA
        }
        self._error = torch.zeros(0)

    def set_error(self, logits: Tensor, labels: Tensor) -> None:
        """The error of the mean cross entropy at the output: (softmax - one hot) / batch."""
        with torch.no_grad():
            error = logits.softmax(1)
            error[torch.arange(len(labels)), labels] -= 1.0
            self._error = error / len(labels)

    def replaced(self, operator: Operator, inputs: Inputs) -> Inputs:
        """`inputs` themselves; on the way back what `operator` reads is handed random feedback instead of its error."""
        return tuple(self._replaced((operator.name, place), x) for place, x in enumerate(inputs))

    def error(self, read: Read, shape: torch.Size) -> Tensor:
        """The output error, spread over one input of an operator."""
        return (self._error @ self._matrices[read]).reshape(shape)

    def _replaced(self, read: Read, x: Tensor) -> Tensor:
        if read not in self._matrices:
            return x
        replaced: Tensor = _Replaced.apply(x, self, read)  # type: ignore[no-untyped-call]
        return replaced


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, feedback: Feedback, read: Read) -> Tensor:
        ctx.feedback, ctx.read = feedback, read
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, None, None]:
        return ctx.feedback.error(ctx.read, errors[0].shape), None, None
