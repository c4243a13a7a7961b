"""Operators that only ONNX defines, in torch's forward pass: asking for a gradient through one is an error."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from joulescape.errors import SimulatorError
from joulescape.interchange.onnx_foreign import computed
from joulescape.network.operators import Operator


def foreign(operator: Operator, inputs: tuple[Tensor, ...]) -> Tensor:
    """The operator's output, by ONNX's reference evaluator."""
    found: Tensor = _Foreign.apply(operator, *inputs)  # type: ignore[no-untyped-call]
    return found


class _Foreign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operator: Operator, *inputs: Tensor) -> Tensor:
        ctx.name = operator.name
        packed = str(operator.attributes["onnx"])
        return torch.tensor(computed(packed, [x.detach().numpy() for x in inputs]), dtype=inputs[0].dtype)

    @staticmethod
    def backward(ctx: Any, *_gradients: Tensor) -> Any:
        raise SimulatorError(
            f"no gradient passes '{ctx.name}', which treat_as leaves to the host: set fine_tune.epochs to 0"
        )
