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
from joulescape.units import FLOAT_BITS

ActivationBits = Annotated[int, Field(ge=2, le=FLOAT_BITS)]
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
        return after if _fits_blocks(operator.weight_shape, after) else whole(after)
    return before.with_(
        activation_bits=after.activation_bits,
        activation_rule=after.activation_rule,
        activation_percentile=after.activation_percentile,
    )


def _fits_blocks(shape: tuple[int, ...], form: OperandFormat) -> bool:
    """Whether rows of one circulant block have one scale: where all of them hold the same weights, or all rows do."""
    has_scales = form.values in ("uniform", "power_of_two") and form.scale_per == "channel"
    return form.block == 1 or not has_scales or shape[1] % form.block == 0


def activations(bits: int, rule: ActivationRule, percentile: float = 100.0) -> dict[str, Any]:
    """Fields of a format whose inputs are `bits` wide; none at 32: they stay as an earlier step left them."""
    fields = {"activation_bits": float(bits), "activation_rule": rule, "activation_percentile": percentile}
    return {} if bits >= FLOAT_BITS else fields


def acted_on(described: Described, settings: Mapping[str, GridT]) -> list[Operator]:
    """The operators with settings, without the network's ends where these are kept."""
    ends = described.original.matrix_operators
    kept = {ends[0].name, ends[-1].name} if ends else set()
    chosen = (o for o in described.graph.operators if o.name in settings)
    return [o for o in chosen if settings[o.name].ends == "compress" or origin(o.name) not in kept]


def fresh(form: OperandFormat) -> OperandFormat:
    """Real numbers, as large as they were and without zeros of their own: no earlier grid and no mask holds after a
    step that makes each weight of several others. What a step said of inputs, biases and of the file's code stays.
    """
    return OperandFormat(
        activation_bits=form.activation_bits,
        activation_rule=form.activation_rule,
        activation_percentile=form.activation_percentile,
        input_density=form.input_density,
        is_entropy_coded=form.is_entropy_coded,
        bias_bits=form.bias_bits,
    )


def whole(form: OperandFormat) -> OperandFormat:
    """The same weights where blocks are no longer circulant: each is stored, and multiplied, by itself."""
    return form.with_(block=1, arithmetic="multiply" if form.arithmetic == "circulant" else form.arithmetic)


def pruned(form: OperandFormat) -> OperandFormat:
    """The same weights with zeros among them: a sign needs a second bit, and a list of values that has no zero (only
    ternary weights' has one) a place for it.
    """
    code = form.code_bits
    is_full = form.values == "codebook" and form.weight_structure == "dense" and form.arithmetic != "add"
    return whole(form).with_(
        weight_bits=bits_with_zeros(form.weight_bits),
        code_bits=None if code is None else code + 1 if is_full else bits_with_zeros(code),
    )


def has_zeros(form: OperandFormat) -> bool:
    """Whether weights may be zero: pruned ones, and those that an earlier grid or list of values has put there."""
    is_listed = form.values in ("power_of_two", "codebook")
    return form.weight_structure != "dense" or is_listed or 1 < form.weight_bits < FLOAT_BITS


def with_room_for_zeros(form: OperandFormat, bits: float) -> float:
    """`bits`, or two where the weights may be zero and one bit would hold a sign alone."""
    return bits_with_zeros(bits) if has_zeros(form) else float(bits)
