"""Rules by which pulsed cells learn: descent, its sign, and a fast array that a slow one follows.

`sgd` pulses the weights themselves. `manhattan` gives every weight one pulse of its gradient's sign (prezioso2015).
`tiki_taka` (gokmen2020) pulses a hidden array, which asymmetric pulses draw to its symmetry point, so that it holds a
running mean of the gradient; some of its columns are read after a step and pulsed into the weights.
`tiki_taka_buffered` (gokmen2021) adds what is read to digital sums; a sum that reaches a whole pulse gives one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.crossbar.pulses import OneSidedPairs, PulsedCells, PulseNumbers


class Descent:
    """Weights (N, K) that are pulsed themselves; with `is_sign`, by one pulse of the gradient's sign each."""

    def __init__(self, weight: Tensor, errors: ErrorSpec, device: torch.Generator) -> None:
        numbers, every = PulseNumbers.of(errors), int(errors.numbers.get("refresh_every", 0))
        self.counts_vectors = bool(errors.numbers["is_outer_product"])
        self._is_sign = bool(errors.numbers.get("is_sign", 0))
        self._shape = weight.shape
        self._cells: PulsedCells | OneSidedPairs = (
            OneSidedPairs(weight, numbers, device, every) if every else PulsedCells(weight, numbers, device)
        )

    @property
    def weight(self) -> Tensor:
        """What is read now, (N, K)."""
        return self._cells.seen.reshape(self._shape)

    def move(self, step: Tensor, total: Tensor | None, generator: torch.Generator) -> Tensor:
        """The weight after pulses for `step`."""
        wanted = step.sign() * self._cells.pulse if self._is_sign else step
        self._cells.ask(wanted, None if self._is_sign else total, generator)
        return self.weight


class FastAndSlow:
    """Weights (N, K) that follow a hidden array.

    A starts where pulses to and fro have left it, around its symmetry points; a reference array is written with that.
    A is pulsed by fast_rate * step; of `transfer_columns` columns in turn, every `transfer_every` steps, r = A -
    reference + read noise is taken, and transfer_rate * r is the step of the weights: rounded stochastically, or
    (buffered) added up in pulses until whole ones are there.
    """

    def __init__(self, weight: Tensor, errors: ErrorSpec, device: torch.Generator, read_sigma: float) -> None:
        numbers, given = PulseNumbers.of(errors), errors.numbers
        self.counts_vectors = bool(given["is_outer_product"])
        self._shape, self._read_sigma = weight.shape, read_sigma
        self._slow, self._fast = PulsedCells(weight, numbers, device), PulsedCells(weight * 0, numbers, device)
        missed = given["programming_sigma_fraction"] * numbers.weight_bound
        self._reference = self._fast.settle(device) + missed * torch.randn(weight.numel(), generator=device)
        self._fast_rate, self._rate = given["fast_rate"], given["transfer_rate"]
        self._columns = min(int(given["transfer_columns"]), weight.shape[1])
        self._every, self._steps, self._next = int(given["transfer_every"]), 0, 0
        self._sums = torch.zeros(weight.numel()) if given.get("is_buffered") else None

    @property
    def weight(self) -> Tensor:
        """What the slow array is read as, (N, K)."""
        return self._slow.seen.reshape(self._shape)

    def move(self, step: Tensor, total: Tensor | None, generator: torch.Generator) -> Tensor:
        """The weight after pulses into the hidden array and, where one is due, a transfer."""
        self._fast.ask(self._fast_rate * step, None if total is None else self._fast_rate * total, generator)
        self._steps += 1
        if self._steps % self._every == 0:
            self._transfer(generator)
        return self.weight

    def _transfer(self, generator: torch.Generator) -> None:
        rows, width = self._shape
        columns = (self._next + torch.arange(self._columns)) % width
        self._next = (self._next + self._columns) % width
        at = (torch.arange(rows)[:, None] * width + columns).flatten()
        read = self._fast.seen[at] - self._reference[at]
        read.add_(torch.randn(at.shape, generator=generator), alpha=self._read_sigma)
        wanted = read * (self._rate / self._slow.pulse)
        if self._sums is None:
            count = (wanted.abs() + torch.rand(at.shape, generator=generator)).floor_().copysign_(wanted)
        else:
            wanted += self._sums[at]
            count = wanted.trunc()
            self._sums[at] = wanted - count
        self._slow.pulse_at(at, count.clamp(min=0), (-count).clamp_(min=0), generator)
