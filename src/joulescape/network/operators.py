"""The operator graph: what a network computes, with every shape known before any weight is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from joulescape import registry

Role = Literal["forward", "input_gradient", "weight_gradient", "update"]
ROLES: tuple[Role, ...] = ("forward", "input_gradient", "weight_gradient", "update")

Phase = Literal["inference", "training"]
Attribute = int | float | str | bool

NORM_EPSILON = 1e-5
"""What every normalisation adds to its variance."""

MATRIX_KINDS = frozenset({"conv", "dense", "matmul"})
"""Operators with loop bounds: a matrix machine can take them."""

SYSTEMS = "joulescape.network.systems"
"""The group of physical systems; each is a kind of operator."""

PHYSICAL_KINDS = frozenset(registry.names(SYSTEMS))
"""Operators that are a physical system's own evolution; the kind names the system (numerics and twin)."""


@dataclass(frozen=True)
class Loops:
    """Loop bounds of a matrix operator: batch, groups, output channels, input channels, output and filter positions.

    K and C are per group. `macs` counts all of them; a dense layer has OY = OX = FY = FX = 1.
    """

    B: int = 1
    G: int = 1
    K: int = 1
    C: int = 1
    OY: int = 1
    OX: int = 1
    FY: int = 1
    FX: int = 1
    stride_y: int = 1
    stride_x: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole operator."""
        return self.B * self.G * self.K * self.C * self.OY * self.OX * self.FY * self.FX

    @property
    def reduction(self) -> int:
        """Length of one dot product, per group: C * FY * FX."""
        return self.C * self.FY * self.FX

    @property
    def positions(self) -> int:
        """Input vectors of the im2col matrix, batch included: B * OY * OX."""
        return self.B * self.OY * self.OX


@dataclass(frozen=True)
class Operator:
    """One node of a graph; shapes are per sample: (channels, height, width) or (features,)."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    in_shapes: tuple[tuple[int, ...], ...]
    out_shape: tuple[int, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    loops: Loops | None = None
    parameter_count: int = 0
    weight_shape: tuple[int, ...] | None = None
    has_bias: bool = False
    ops_per_element: float = 0.0

    @property
    def out_elements(self) -> int:
        """Elements of the output, per sample."""
        return math.prod(self.out_shape)

    @property
    def in_elements(self) -> int:
        """Elements of all inputs together, per sample."""
        return sum(math.prod(shape) for shape in self.in_shapes)

    def window(self, key: str) -> tuple[int, int]:
        """A convolution's `kernel`, `stride` or `padding`, down and across."""
        down = int(self.attributes[key])
        return down, int(self.attributes.get(f"{key}_x", down))

    @property
    def is_matrix(self) -> bool:
        """Whether a matrix machine can take it."""
        return self.kind in MATRIX_KINDS

    @property
    def is_physical(self) -> bool:
        """Whether it is a physical system's own evolution."""
        return self.kind in PHYSICAL_KINDS


@dataclass(frozen=True)
class Graph:
    """A network as a directed acyclic graph of operators in topological order; `input` names the data."""

    name: str
    input_shape: tuple[int, ...]
    operators: tuple[Operator, ...]

    @property
    def output(self) -> Operator:
        """The operator whose output is the network's."""
        return self.operators[-1]

    @property
    def matrix_operators(self) -> tuple[Operator, ...]:
        """Operators with loop bounds, in order."""
        return tuple(operator for operator in self.operators if operator.is_matrix)

    @property
    def physical_operators(self) -> tuple[Operator, ...]:
        """Physical systems of the graph, in order."""
        return tuple(operator for operator in self.operators if operator.is_physical)

    @property
    def macs(self) -> int:
        """Multiply-accumulates per sample."""
        return sum(operator.loops.macs for operator in self.operators if operator.loops is not None)

    @property
    def parameter_count(self) -> int:
        """Trained numbers, physical ones included."""
        return sum(operator.parameter_count for operator in self.operators)

    def operator(self, name: str) -> Operator:
        """The operator called `name`; KeyError when there is none."""
        return next(iter(o for o in self.operators if o.name == name))

    def consumers(self, name: str) -> tuple[Operator, ...]:
        """Operators that read the output of `name`."""
        return tuple(operator for operator in self.operators if name in operator.inputs)
