"""What methods share that move weights onto a grid: formats by operator, arrays by operator, ends left as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from joulescape.compression._coding import bits_with_zeros
from joulescape.compression._nominal import with_bytes
from joulescape.compression.base import ADMM_PULL, Described, Method, Tensors, origin
from joulescape.network.operators import Operator
from joulescape.network.work import ActivationRule, OperandFormat
from joulescape.spec.base import Shape

FLOAT_BITS = 32

ActivationBits = Annotated[int, Field(ge=2, le=32)]
"""Bits of a layer's input; 32 leaves it as it is."""


class GridSettings(Shape):
    """Settings that every such method has."""

    ends: Literal["compress", "keep"] = "compress"
    """keep: the network's first and last matrix operator stay as they are, as is usual with very few bits."""


class TrainedGridSettings(GridSettings):
    """Settings of a grid that fine-tuning may come to in two ways."""

    training: Literal["straight_through", "admm"] = "straight_through"
    """While fine-tuning. straight_through: the network computes with weights on the grid, and gradients pass through
    the rounding; admm: weights stay free and are drawn to the grid (augmented Lagrangian), then put on it."""
    pull: Annotated[float, Field(gt=0)] = ADMM_PULL
    """admm: how strongly they are drawn (rho of the augmented Lagrangian)."""


GridT = TypeVar("GridT", bound=GridSettings)


class GridMethod(Method[GridT], Generic[GridT]):
    """A method that changes values and not shapes: its `form` says on which grid, `on_grid` puts them there."""

    is_repeated = True

    def takes(self, operator: Operator) -> bool:
        """Matrix operators; a product of two activations has only its activations quantised."""
        return operator.is_matrix

    def pull(self, settings: Mapping[str, GridT]) -> float:
        """The strongest of the layers, where they are trained by admm."""
        drawn = (at for at in settings.values() if isinstance(at, TrainedGridSettings))
        return max((at.pull for at in drawn if at.training == "admm"), default=0.0)

    @abstractmethod
    def form(self, form: OperandFormat, at: GridT) -> OperandFormat:
        """The format after the step, bytes aside."""

    @abstractmethod
    def on_grid(self, weight: Any, at: GridT) -> Any:
        """The weight, (channels, ...), on its grid; zeros of a pruned weight stay zero. Twice = once."""

    def describe(self, described: Described, settings: Mapping[str, GridT]) -> Described:
        """Narrower widths and fewer bytes; density and structure stay."""
        changed = {
            o.name: with_bytes(o, _of_operands(o, described.formats[o.name], self.form(described.formats[o.name], at)))
            for o in acted_on(described, settings)
            for at in [settings[o.name]]
        }
        return replace(described, formats={**described.formats, **changed})

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, GridT]) -> Tensors:
        """Each weight array on its grid; biases stay as they are."""
        weights = {f"{o.name}.weight": settings[o.name] for o in acted_on(described, settings) if o.weight_shape}
        return {**tensors, **{name: self.on_grid(tensors[name], at) for name, at in weights.items()}}


def _of_operands(operator: Operator, before: OperandFormat, after: OperandFormat) -> OperandFormat:
    """What of the new format an operator without weights takes: how its inputs are stored."""
    if operator.weight_shape is not None:
        return after
    return before.with_(
        activation_bits=after.activation_bits,
        activation_rule=after.activation_rule,
        activation_percentile=after.activation_percentile,
    )


def activations(bits: int, rule: ActivationRule) -> dict[str, Any]:
    """Fields of a format whose inputs are `bits` wide; none at 32: they stay as an earlier step left them."""
    return {} if bits >= FLOAT_BITS else {"activation_bits": float(bits), "activation_rule": rule}


def acted_on(described: Described, settings: Mapping[str, GridT]) -> list[Operator]:
    """The operators with settings, without the network's ends where these are kept."""
    ends = described.original.matrix_operators
    kept = {ends[0].name, ends[-1].name} if ends else set()
    chosen = (o for o in described.graph.operators if o.name in settings)
    return [o for o in chosen if settings[o.name].ends == "compress" or origin(o.name) not in kept]


def has_zeros(form: OperandFormat) -> bool:
    """Whether weights may be zero: pruned ones, and those that an earlier, wider grid has put there."""
    return form.weight_structure != "dense" or 1 < form.weight_bits < FLOAT_BITS


def with_room_for_zeros(form: OperandFormat, bits: float) -> float:
    """`bits`, or two where the weights may be zero and one bit would hold a sign alone."""
    return bits_with_zeros(bits) if has_zeros(form) else float(bits)
