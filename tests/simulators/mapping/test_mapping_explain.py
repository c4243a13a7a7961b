"""The printed nest: every loop once, every memory named, what bounds the layer."""

from __future__ import annotations

import math
import re

import pytest
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE

from joulescape.simulators._mapping.explain import explain
from joulescape.simulators._mapping.mapper import Effort, map_layer


@pytest.mark.parametrize("name", ["conv1", "conv5", "fc8"])
def test_loops_multiply_to_the_layer(name: str) -> None:
    mapped = map_layer(ALEXNET[name], TPU_LIKE, K_BY_C, "edp")
    text = explain(mapped)
    sizes = [int(size) for size in re.findall(r"for \w+ in (\d+):", text)]
    assert math.prod(sizes) == mapped.spatial.cycles
    for memory in TPU_LIKE.memories:
        assert f"[{memory.name}: " in text
    assert "side by side along D1 (32): k in 32" in text
    assert f"bound by {mapped.bound_by}" in text
    assert "(optimal)" in text


def test_traffic_is_that_of_the_cost() -> None:
    mapped = map_layer(ALEXNET["conv5"], TPU_LIKE, K_BY_C)
    words = mapped.cost.words_by_memory()
    accesses = sum(
        read * TPU_LIKE.memories[index].read_pj + written * TPU_LIKE.memories[index].write_pj
        for (index, _), (read, written) in words.items()
    )
    assert accesses + 0.04 * ALEXNET["conv5"].macs == pytest.approx(mapped.energy_pj)
    assert "read and written" in explain(mapped)


def test_a_truncated_search_says_how_much_may_be_left() -> None:
    mapped = map_layer(ALEXNET["conv4"], TPU_LIKE, K_BY_C, "edp", Effort(400, 2, 0))
    assert mapped.is_truncated
    assert "truncated, at most" in explain(mapped)
