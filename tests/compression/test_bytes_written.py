"""Bytes that are claimed for a layer are bytes of the file: head by head, for every method of the registry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, shipped
from test_methods import CASES

from joulescape.compression._layer_code import decode_layer
from joulescape.compression._nominal import stored_numbers
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import packed
from joulescape.network.operators import Operator

FILE_HEAD, LAYER_HEAD = 12, 6
REAL, LISTED = 0, 3
"""Kinds of values in a layer's head."""


def layer_at(operator: Operator, described: Described, data: bytes) -> tuple[int, int]:
    """(bytes read, bytes that are no codes, index or table of values) of the layer that starts here."""
    form, shape = described.formats[operator.name], operator.weight_shape or ()
    fewer = form.block > 1 or form.factors(int(np.prod(shape))) is not None
    start = int(fewer)
    numbers = stored_numbers(shape, form) if fewer and data[0] else int(np.prod(shape))
    rows = shape[0]
    if fewer and data[0]:
        rows = 1 if form.thin is not None and form.block == 1 else -(-shape[0] // form.block)
    _, used = decode_layer(data[start:], (rows, numbers // rows), form)
    kind = data[start + 1]
    scales = 0 if kind in (REAL, LISTED) else 4 * (1 if form.scale_per == "layer" else rows)
    return start + used, start + LAYER_HEAD + (2 if kind == LISTED else 0) + scales


@pytest.mark.parametrize(("name", "values"), CASES, ids=str)
@pytest.mark.parametrize("coded", [False, True], ids=["plain", "huffman"])
def test_the_file_holds_what_is_claimed_and_nothing_else(name: str, values: dict[str, Any], coded: bool) -> None:
    graph = shipped("digits_lenet")
    steps = [Step(name, values, {}), *([Step("huffman", {}, {})] if coded else [])]
    described = describe(graph, steps)
    arrays = project(arrays_of(graph), described)
    found, place = packed(described, arrays), FILE_HEAD
    for operator in described.graph.matrix_operators:
        used, extra = layer_at(operator, described, found.data[place:])
        assert found.layers[operator.name].weight_bytes == used - extra, operator.name
        half = described.formats[operator.name].bias_bits == 16
        place += used + (operator.has_bias * (operator.weight_shape or (0,))[0] * (2 if half else 4))
    assert place == len(found.data)
