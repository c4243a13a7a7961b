"""What every kind of machine arithmetic answers. Torch lives here and in `accuracy`, nowhere else."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator, Role

Detail = Literal["merged", "full"]
"""`merged`: effective weights and additive output noise; `full`: every slice, input bit, mesh column."""


class Programmed(Protocol):
    """One operator as this device holds it: static errors are fixed, read errors are drawn at each call."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, K) -> (rows, N), without bias. Not differentiable: the caller uses straight-through gradients."""
        ...


@dataclass(frozen=True)
class Window:
    """How a convolution with one group meets its samples: (height, width) each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def positions(self, size: Sequence[int]) -> int:
        """Positions of the kernel on samples of `size` (H, W)."""
        return math.prod(
            (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, self.kernel, self.stride, self.padding, strict=True)
        )


@runtime_checkable
class OnWindows(Protocol):
    """A programmed matrix that also meets the samples of a convolution as they are, without unfolding them."""

    def on_windows(self, x: Tensor, window: Window, generator: torch.Generator) -> Tensor:
        """(batch, C, H, W) -> (batch, N, H', W'): the same product, errors of reads drawn for every position."""
        ...


@runtime_checkable
class HoldsWeight(Protocol):
    """A programmed matrix that says what its device holds instead of the exact one."""

    @property
    def weight(self) -> Tensor:
        """(N, K), static errors included."""
        ...


class Product(Protocol):
    """A product of two activations on this device: nothing is stored, both operands come anew with every sample."""

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, groups, M, K) times (samples, groups, K, N) -> (samples, groups, M, N). Not differentiable."""
        ...


@dataclass(frozen=True)
class Chance:
    """What one device draws while it is trained: what fabrication fixed, and what each write draws anew."""

    device: torch.Generator
    """Static mismatch, from its start at every step: the device stays what it is."""
    backward: torch.Generator
    """The same of hardware of its own for input gradients, where a machine has such."""
    writing: torch.Generator
    """Programming errors of the last write: after every update others."""
    first: torch.Generator
    """Programming errors of the first write: those of cells that are moved by pulses and never written again."""


class Returning(Protocol):
    """The transposed product as this device reads it."""

    def __call__(self, errors: Tensor, generator: torch.Generator) -> Tensor:
        """(rows, N) -> (rows, K)."""
        ...


@dataclass(frozen=True)
class Stored:
    """One operator as a device that is being trained holds it."""

    forward: Programmed
    backward: Tensor | Returning | None = None
    """What stands for the weight (N, K) when errors are multiplied by its transpose, or how that product is read; None:
    the exact weight."""


class Held(Protocol):
    """One matrix (N, K) in cells that remember more than their weight: updates move it, nothing else does."""

    counts_vectors: bool
    """Whether every vector of a batch moves cells by itself, so that `move` must be told the sum of all magnitudes."""

    @property
    def weight(self) -> Tensor:
        """The weights as they are read now."""
        ...

    def move(self, step: Tensor, total: Tensor | None, generator: torch.Generator) -> Tensor:
        """The weights after the cells were asked for `step`, a sum over vectors of which `total` adds magnitudes: a
        view, which the next move changes."""
        ...


class MatrixNumerics(ABC):
    """How a machine multiplies by a stored matrix, and how it rewrites it; how it multiplies two activations."""

    kind: ClassVar[str]

    @abstractmethod
    def program(
        self, weight: Tensor, errors: ErrorSpec, calibration: Tensor, generator: torch.Generator, detail: Detail
    ) -> Programmed:
        """Write `weight` (N, K) into a device drawn from `generator`.

        `calibration` (rows, K) are inputs of training data from which ranges (input scale, ADC clip) are taken.
        A convolution arrives as its im2col matrix; a grouped one as one call per group.
        """

    def store(
        self,
        weight: Tensor,
        errors: Mapping[Role, ErrorSpec],
        calibration: Tensor,
        chance: Chance,
        detail: Detail,
    ) -> Stored:
        """Write `weight` (N, K) as it is after an update; `errors` are this operator's by role, the forward one always.

        By default nothing goes wrong at a write, and errors go back through exact weights. A machine whose cells miss
        what they are written draws that from `chance`; one that forms input gradients itself (role input_gradient is in
        `errors`) says what its transposed product multiplies by.
        """
        return Stored(self.program(weight, errors["forward"], calibration, chance.device, detail))

    def product(
        self,
        left: Tensor,
        right: Tensor,  # noqa: ARG002
        errors: ErrorSpec,
        generator: torch.Generator,
        detail: Detail,
    ) -> Product:
        """Products of two activations on a device drawn from `generator`; by default `right` is written every time.

        `left` (samples, groups, M, K) and `right` (samples, groups, K, N) are operands of training data, from which
        ranges are taken.
        """
        rows = left.reshape(-1, left.shape[-1])
        return Rewritten(self, errors, rows, generator.get_state(), detail)

    def gradient(self, gradient: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """A finished input or weight gradient as this machine reads it (roles input_gradient, weight_gradient)."""
        return gradient

    def update(self, weight: Tensor, step: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The stored weight after the machine was asked to add `step` (role update)."""
        return weight + step

    def hold(self, weight: Tensor, errors: ErrorSpec, device: torch.Generator) -> Held | None:  # noqa: ARG002
        """`weight` (N, K) in cells with a memory of their own, drawn from `device` (role update); by default cells have
        none, and `update` says all."""
        return None


@dataclass(frozen=True)
class Rewritten:
    """A machine for stored matrices multiplies two activations: it writes the right one for every sample and group.

    It is one device: each writing draws its static errors from the same state, and what it misses anew.
    """

    machine: MatrixNumerics
    errors: ErrorSpec
    calibration: Tensor
    state: Tensor
    detail: Detail

    def __call__(self, left: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
        """(samples, groups, M, K) times (samples, groups, K, N) -> (samples, groups, M, N)."""
        pairs = zip(left.flatten(0, 1), right.flatten(0, 1), strict=True)
        products = torch.stack([self._written(matrix, generator)(rows, generator) for rows, matrix in pairs])
        return products.reshape(*left.shape[:-1], right.shape[-1])

    def _written(self, matrix: Tensor, generator: torch.Generator) -> Programmed:
        device = torch.Generator()
        device.set_state(self.state)
        chance = Chance(device, device, generator, generator)
        errors: dict[Role, ErrorSpec] = {"forward": self.errors}
        return self.machine.store(matrix.T.contiguous(), errors, self.calibration, chance, self.detail).forward


class PhysicalLayer(ABC):
    """One physical operator of a machine that is its own network: a differentiable twin, and devices that depart."""

    kind: ClassVar[str]
    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0
    """Between these lie the values that can drive it."""

    @abstractmethod
    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Fresh trained parameters of one layer by short name."""

    @abstractmethod
    def twin(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], errors: ErrorSpec | None) -> Tensor:
        """The differentiable model: (batch, inputs) -> (batch, outputs)."""

    @abstractmethod
    def device(self, operator: Operator, errors: ErrorSpec, generator: torch.Generator) -> DeviceLayer:
        """Draw one device: mismatch is fixed by `generator`, read noise is drawn at each call."""

    def fitted(
        self,
        operator: Operator,
        errors: ErrorSpec,
        device: DeviceLayer,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
        count: int,  # noqa: ARG002
    ) -> Twin:
        """A twin fitted to `count` measurements of `device`; by default nothing is learnt from them."""
        return lambda x, parameters: self.twin(operator, x, parameters, errors)

    def noisy(self, operator: Operator, read: Tensor, errors: ErrorSpec, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """What is read with the noise of one reading; by default without any."""
        return read

    @abstractmethod
    def in_range(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs clipped to what the system can be driven with, and a scalar penalty on what was cut off."""

    @abstractmethod
    def confine(self, parameters: Mapping[str, Tensor]) -> None:
        """Move trained parameters back into the system's range, in place."""


class Twin(Protocol):
    """One physical layer as its model computes it."""

    def __call__(self, x: Tensor, parameters: Mapping[str, Tensor], /) -> Tensor:
        """(batch, inputs) -> (batch, outputs), differentiable, without noise."""
        ...


class DeviceLayer(Protocol):
    """One physical layer as one device computes it."""

    def __call__(self, x: Tensor, parameters: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """(batch, inputs) -> (batch, outputs); differentiable, though only ideal training asks for that gradient."""
        ...
