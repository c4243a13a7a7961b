"""Weights in cells that pulses move: what each cell is asked for, and how much of it cancels within a batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from joulescape.accuracy.machine_layers import numerics
from joulescape.accuracy.module import Inputs, plain
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Operator
from joulescape.numerics.base import Held


class PulsedUpdates:
    """The matrices of a network whose machine holds them in cells with a memory; the others are not its business."""

    def __init__(self, leaves: Mapping[str, Tensor], errors: Errors, device: torch.Generator) -> None:
        self._held: dict[str, Held] = {}
        self._totals: dict[str, Tensor] = {}
        for (name, role), spec in sorted(errors.items()):
            if role == "update":
                weight = leaves[f"{name}.weight"].detach()
                held = numerics(spec.kind).hold(weight.reshape(len(weight), -1), spec, device)
                self._held.update({} if held is None else {name: held})

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def watched(self, operator: Operator, inputs: Inputs, output: Tensor) -> Tensor:
        """`output`; where vectors pulse cells one after the other, its error will leave the sum of all magnitudes."""
        held = self._held.get(operator.name)
        if held is not None and held.counts_vectors and output.requires_grad:
            x = inputs[0].detach()
            output.register_hook(lambda error: self._totals.update({operator.name: summed(operator, x, error)}))  # type: ignore[no-untyped-call]
        return output

    def weight(self, name: str) -> Tensor:
        """One operator's weights (N, K) as they are read now."""
        return self._held[name].weight

    def moved(self, name: str, step: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        """The same after pulses for `step`, `rate` times the gradient that came back last."""
        held = self._held[name]
        total = rate * self._totals.pop(name).reshape(step.shape) if held.counts_vectors else None
        return held.move(step, total, generator)


def summed(operator: Operator, x: Tensor, error: Tensor) -> Tensor:
    """The weight gradient of magnitudes: sum over samples and positions of |error| |input|, in the weight's shape."""
    if operator.kind == "dense":
        return error.abs().flatten(0, -2).T @ x.abs().flatten(0, -2)
    with torch.enable_grad():
        weight = torch.zeros(operator.weight_shape or (), requires_grad=True)
        output = plain(operator, (x.abs(),), {f"{operator.name}.weight": weight})
        (total,) = torch.autograd.grad(output, weight, error.abs())
    return total
