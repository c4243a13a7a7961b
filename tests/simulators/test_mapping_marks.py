"""Simulators that map say how far from the best each mapping may be, for every variant and role."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from machine_cases import case, product, vector

from joulescape.network.operators import Loops
from joulescape.simulators._variants import stacked
from joulescape.simulators.base import MappingGap
from joulescape.testing.examples import example_context

CONV = Loops(K=16, C=8, OY=6, OX=6, FY=3, FX=3)
DIANNAO, TETRIS, LNPU = case("electronic/diannao"), case("electronic/tetris"), case("electronic/lnpu")


def test_every_variant_keeps_its_own_objective_and_gap() -> None:
    asked, objectives = product(CONV), ("energy", "latency", "edp")
    alone = [DIANNAO.at({"search.objective": one}).cost(asked)[0].mapping_gap for one in objectives]
    (swept,) = DIANNAO.at({"search.objective": np.array(objectives)}).cost(asked)
    assert swept.mapping_gap is not None
    assert tuple(swept.mapping_gap.objective) == objectives
    assert [float(gap) for gap in np.asarray(swept.mapping_gap.fraction)] == [one.fraction for one in alone if one]


def test_what_is_not_searched_for_has_no_gap() -> None:
    (product_cost, vector_cost) = DIANNAO.cost(product(CONV), vector(100))
    assert (product_cost.mapping_gap is None, vector_cost.mapping_gap) == (False, None)
    assert stacked([vector_cost, vector_cost]).mapping_gap is None


def test_partitions_that_were_not_tried_leave_all_open() -> None:
    loops = replace(CONV, B=4, OY=12)
    (few,) = TETRIS.at({"vaults.most_partitions": 1}).cost(product(loops), context=example_context(4))
    assert few.mapping_gap == MappingGap("edp", 1.0)


def test_a_training_processor_says_it_of_every_role() -> None:
    for role in ("forward", "input_gradient", "weight_gradient"):
        (cost,) = LNPU.cost(product(CONV, role=role))
        assert cost.mapping_gap is not None
        assert 0 <= cost.mapping_gap.fraction <= 1
