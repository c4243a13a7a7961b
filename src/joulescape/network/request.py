"""An operator before its shapes are known, and what a kind of operator declares about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from joulescape.network.operators import Attribute, Loops, Operator

Shape = tuple[int, ...]

SHAPE_NAMES = {1: "(features,)", 2: "(tokens, features)", 3: "(channels, height, width)"}
"""How messages spell shapes, by their number of dimensions."""

_BIASED = frozenset({"conv", "dense"})


@dataclass(frozen=True)
class Request:
    """An operator before its shapes are known."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    attributes: Mapping[str, Attribute]

    def fault(self, reason: str) -> ValueError:
        """The error that names this operator."""
        return ValueError(f"operator '{self.name}' ({self.kind}): {reason}")

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole-number attribute; without default it must be given."""
        value = self.attributes.get(key, default)
        if value is None:
            raise self.fault(f"needs {key}")
        return int(value)

    def number(self, key: str, default: float | None = None) -> float:
        """A positive attribute; without default it must be given."""
        value = self.attributes.get(key, default)
        if value is None:
            raise self.fault(f"needs {key}")
        if float(value) <= 0:
            raise self.fault(f"{key} must be above 0, got {value}")
        return float(value)

    def pair(self, key: str, default: int | None = None) -> tuple[int, int]:
        """A window's attribute down and across: `<key>` is both unless `<key>_x` says otherwise."""
        down = self.whole(key, default)
        return down, self.whole(f"{key}_x", down)

    def one_input(self, dimensions: tuple[int, ...]) -> Shape:
        """The shape of the only input, whose number of dimensions must be one of `dimensions`."""
        if len(self.in_shapes) != 1:
            raise self.fault(f"takes one input, got {len(self.in_shapes)}")
        shape = self.in_shapes[0]
        if len(shape) not in dimensions:
            wanted = " or ".join(SHAPE_NAMES[d] for d in dimensions)
            raise self.fault(f"reads {wanted}, but {self.inputs[0]} gives shape {shape}")
        return shape

    def operator(
        self,
        out_shape: Shape,
        ops_per_element: float = 0.0,
        loops: Loops | None = None,
        weight_shape: Shape | None = None,
        parameter_count: int = 0,
        extra: Mapping[str, Attribute] | None = None,
    ) -> Operator:
        """This operator with its shapes; `extra` are attributes that were not given."""
        return Operator(
            name=self.name,
            kind=self.kind,
            inputs=self.inputs,
            in_shapes=self.in_shapes,
            out_shape=out_shape,
            attributes={**self.attributes, **(extra or {})},
            loops=loops,
            parameter_count=parameter_count,
            weight_shape=weight_shape,
            has_bias=self.kind in _BIASED and bool(self.attributes.get("bias", True)),
            ops_per_element=ops_per_element,
        )


@dataclass(frozen=True)
class Kind:
    """What a kind of operator declares: its rule, and what lowering and channel removal need to know of it."""

    rule: Callable[[Request], Operator]
    """Shapes, loop bounds, parameters and operations; raises ValueError where the inputs or attributes do not fit."""
    attributes: frozenset[str] = frozenset()
    """Attributes that the kind takes."""
    backward_ops_per_element: float = 0.0
    """Operations per INPUT element of the input gradient (matrix and physical kinds are lowered by other laws)."""
    training_ops_per_element: float | None = None
    """Forward operations per output element while training, where they differ."""
    sign: Literal["any", "kept", "nonnegative"] = "any"
    """Whether the output can be negative: `kept` where it is so only if an input is."""
    keeps_channels: bool = False
    """Whether channel c of the output depends on channel c of the inputs only, so that both can be removed together."""
    is_free: bool = False
    """Whether elements are only renamed: no work."""
    twin_ops: Callable[[Operator], float] | None = None
    """Of a physical system: operations of one pass of its twin, a sample."""
    resized: Callable[[Operator, int], Mapping[str, Attribute]] | None = None
    """Of a physical system: the attributes that change where it has so many trained channels."""
