"""Unrollings narrower than the array: only where wider ones find no room; refusals say what would do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.unrolling_search import map_freely

MANY = settings(max_examples=40, deadline=None)


def test_an_unrolling_that_fits_is_never_narrowed() -> None:
    layer = Layer(Loops(K=4, C=4))
    wide = map_freely(layer, small((8, 24, 400)), most_unrollings=4)
    assert wide.mapped.spatial.used_units == 4


@given(bits=st.integers(16, 200))
@MANY
def test_a_refusal_names_the_room_that_one_unit_needs_and_that_is_enough(bits: int) -> None:
    layer = Layer(Loops(K=4, C=4))
    try:
        map_freely(layer, small((8, 24, bits)))
    except Infeasible as refused:
        more = int(re.search(r"(\d+) bytes more would do", refused.reason)[1])  # type: ignore[index]
        assert refused.violation > 0
        assert "buffer" in refused.reason
        assert map_freely(layer, small((8, 24, bits + 8 * more))).mapped.energy_pj > 0
        if more > 1:
            with pytest.raises(Infeasible):
                map_freely(layer, small((8, 24, bits + 8 * (more - 1) - 8)))


def test_a_refusal_names_every_tensor_with_its_room() -> None:
    with pytest.raises(Infeasible) as caught:
        map_freely(Layer(Loops(K=4, C=4)), small((8, 24, 8)))
    assert re.search(r"memory buffer of 8 bits is too small: it needs \d+ bits, ", caught.value.reason)
    assert re.search(r"(inputs|outputs) \d+ \(", caught.value.reason)
