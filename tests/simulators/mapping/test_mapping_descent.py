"""ZigZag's product: the descent never loses to its starts, and reaches what is published."""

from __future__ import annotations

import pytest
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE, fits

from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.unrolling import Spatial
from joulescape.simulators._mapping.zigzag_search import zigzag_best, zigzag_cost


@pytest.mark.parametrize("name", ["conv5", "fc8"])
def test_product_is_no_worse_than_at_least_energy(name: str) -> None:
    energy, product = (zigzag_best(ALEXNET[name], TPU_LIKE, K_BY_C, goal) for goal in ("energy", "edp"))  # type: ignore
    assert product.edp <= energy.edp
    assert product.energy_pj >= energy.energy_pj * (1 - 1e-12)


def test_conv3_beats_the_published_point() -> None:
    found = zigzag_best(ALEXNET["conv3"], TPU_LIKE, K_BY_C, "edp")
    assert found.edp <= 1.159098e8 * 132_542 * 1.0001
    spatial = Spatial.of(ALEXNET["conv3"], TPU_LIKE, K_BY_C)
    assert fits(Frame(spatial, "average"), found.nest)
    assert zigzag_cost(spatial, found.nest) == found
