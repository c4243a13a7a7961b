"""The alternating direction method of multipliers (Boyd et al. 2011) for weights that are to become few values or few.

Weights W stay free; a copy Z has what the steps make of it (a grid, zeros), and a dual U remembers how far the two were
apart. In turns

    W minimises loss + rho / 2 |W - Z + U|^2   (mini-batches, as always)
    Z = project(W + U),   U = U + W - Z        (now and then)

as Leng et al. (2018) do for grids and Zhang et al. (2018) for pruning. Several steps that ask for it share one Z: the
projection is theirs in a row. At the end the caller projects W itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from joulescape.compression.pipeline import Stage


class Splitting:
    """Z and U of every weight that a step draws to its projection."""

    def __init__(self, steps: Sequence[Stage], leaves: Mapping[str, Tensor]) -> None:
        self._steps = tuple(step for step in steps if step.method.pull(step.settings) > 0.0)
        self._strengths = {
            f"{operator}.weight": step.method.pull(step.settings)
            for step in self._steps
            for operator in step.settings
            if f"{operator}.weight" in leaves
        }
        self._duals = {name: torch.zeros_like(leaves[name]) for name in self._strengths}
        self._goals = self._projected(leaves)

    def penalty(self, leaves: Mapping[str, Tensor]) -> Tensor:
        """rho / 2 |W - Z + U|^2, summed over all weights that are drawn; 0 where none is."""
        total = torch.zeros(())
        for name, strength in self._strengths.items():
            distance = leaves[name] - self._goals[name] + self._duals[name]
            total = total + strength / 2 * distance.square().sum()
        return total

    def update(self, leaves: Mapping[str, Tensor]) -> None:
        """The next Z and U, from the weights as they are."""
        with torch.no_grad():
            self._goals = self._projected(leaves)
            for name, goal in self._goals.items():
                self._duals[name] += leaves[name] - goal

    def _projected(self, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
        tensors: Mapping[str, Tensor] = {name: leaf.detach() for name, leaf in leaves.items()}
        tensors = {**tensors, **{name: tensors[name] + dual for name, dual in self._duals.items()}}
        for step in self._steps:
            tensors = step.method.project(tensors, step.after, step.settings)
        return {name: tensors[name] for name in self._strengths}
