"""What a layer's weights will take, expected from its format before any weight is seen: `storage` foretold."""

from __future__ import annotations

import math

from joulescape.compression._blocks import stored_elements
from joulescape.compression._coding import Stored, place_bits, stored, stored_n_of_m
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BYTES


def with_bytes(operator: Operator, form: OperandFormat) -> OperandFormat:
    """`form` with the bytes of the operator's weights, index and list of values included.

    Fixed-width codes are counted: what a Huffman code saves depends on the weights and is known once they are stored.
    """
    held = _stored(operator, form)
    listed = (1 << int(form.stored_bits)) - (form.weight_structure != "dense") if form.values == "codebook" else 0
    return form.with_(weight_bytes=held.weight_bytes + FLOAT_BYTES * listed, index_bytes=held.index_bytes)


def elements_of(operator: Operator) -> int:
    """Weights of an operator; 0 where it has none."""
    return math.prod(operator.weight_shape or (0,))


def stored_numbers(shape: tuple[int, ...], form: OperandFormat) -> int:
    """How many numbers stand for the weights of a layer: factors, or of circulant blocks one row each."""
    thin = form.factors(math.prod(shape))
    return stored_elements(shape, form.block) if thin is None else thin.numbers


def _stored(operator: Operator, form: OperandFormat) -> Stored:
    if operator.weight_shape is None:
        return Stored(0.0, 0.0)
    elements = stored_numbers(operator.weight_shape, form)
    if form.weight_structure == "n_of_m":
        rows = operator.weight_shape[0]
        kept = form.kept * rows * math.ceil(elements / rows / form.group)
        return stored_n_of_m(elements, form.stored_bits, kept, place_bits(form.group))
    is_sparse = form.weight_structure == "unstructured"
    return stored(elements, form.stored_bits, form.weight_density, is_sparse, form.index_bits)
