"""Both scaling rules at every node of the tables, the tables against each other, and works that run beside others."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import SYSTOLIC, product

from joulescape.network.operators import Loops
from joulescape.simulators._beside import exposed
from joulescape.simulators._node import (
    AREA_FACTORS,
    ENERGY_COEFFICIENTS,
    MEASURED_NM,
    MEASURED_PJ,
    NODES_NM,
    SCALING_RULES,
    SUPPLIES_V,
    ScalingRule,
    area_factor,
    energy_factor,
)

SOME = settings(max_examples=40, deadline=None)
nodes = st.floats(7, 180)
rules = st.sampled_from(SCALING_RULES)
each_rule = pytest.mark.parametrize("rule", SCALING_RULES)
(PLAIN,) = SYSTOLIC.cost(product(Loops(K=4, C=4)))


@SOME
@given(node=nodes, rule=rules)
def test_at_its_own_node_nothing_is_scaled(node: float, rule: ScalingRule) -> None:
    assert energy_factor(node, node, rule) == 1.0
    assert area_factor(node, node) == pytest.approx(1.0, rel=0.06), "between nodes by the table's two digits"


@pytest.mark.parametrize("node", NODES_NM)
def test_a_node_of_the_table_is_its_own_unit(node: int) -> None:
    assert area_factor(node, node) == 1.0
    assert {energy_factor(node, node, rule) for rule in SCALING_RULES} == {1.0}


@SOME
@given(a=nodes, b=nodes, rule=rules)
def test_there_and_back_is_where_it_began(a: float, b: float, rule: ScalingRule) -> None:
    assert energy_factor(a, b, rule) * energy_factor(b, a, rule) == pytest.approx(1.0, rel=1e-12)


@each_rule
@pytest.mark.parametrize("node", NODES_NM)
def test_a_rule_has_no_step_at_a_node(node: int, rule: ScalingRule) -> None:
    """Interpolation meets the table from both sides, and the second rule the first one at 45 nm."""
    here = energy_factor(90, node, rule)
    near = [energy_factor(90, min(max(node * share, 7), 180), rule) for share in (1 - 1e-6, 1 + 1e-6)]
    assert near == pytest.approx([here, here], rel=1e-4)
    beside = [area_factor(90, min(max(node * share, 7), 180)) for share in (1 - 1e-6, 1 + 1e-6)]
    assert beside == pytest.approx([area_factor(90, node)] * 2, rel=1e-4)


@pytest.mark.parametrize("node", [node for node in NODES_NM if node < MEASURED_NM[0]])
def test_below_45_nm_the_makers_table_shrinks_less_step_by_step(node: int) -> None:
    """Fourteen-fold to three-fold: the two never agree again, and differ more the farther a result is scaled."""
    assert energy_factor(45, node, "tpuv4i") > energy_factor(45, node, "stillmaker")
    spread = [energy_factor(45, at, "tpuv4i") / energy_factor(45, at, "stillmaker") for at in NODES_NM if at <= 45]
    assert all(less <= more * 1.02 for less, more in pairwise(spread))


@SOME
@given(share=st.floats(0.0, 1.0))
def test_the_makers_rule_is_a_power_of_the_node(share: float) -> None:
    """Equal ratios of nodes, equal ratios of energy, from 45 down to 7 nm."""
    node = 45 * (7 / 45) ** share
    whole = energy_factor(45, 7, "tpuv4i")
    assert energy_factor(45, max(node, 7), "tpuv4i") == pytest.approx(whole**share)
    assert math.log(whole) == pytest.approx(np.mean([math.log(new / old) for old, new in MEASURED_PJ]))


def test_tables_have_a_row_for_every_node_and_fall_along_it() -> None:
    assert len(NODES_NM) == len(SUPPLIES_V) == len(ENERGY_COEFFICIENTS) == len(AREA_FACTORS)
    assert all(len(row) == len(NODES_NM) for row in AREA_FACTORS)
    for row in AREA_FACTORS:
        assert list(row) == sorted(row, reverse=True)
    assert list(SUPPLIES_V) == sorted(SUPPLIES_V, reverse=True)


@pytest.mark.parametrize("middle", NODES_NM)
def test_areas_by_a_node_in_between_are_those_at_once_to_the_tables_digits(middle: int) -> None:
    for a in NODES_NM:
        for b in NODES_NM:
            assert area_factor(a, middle) * area_factor(middle, b) == pytest.approx(area_factor(a, b), rel=0.17)


# --- works beside others -------------------------------------------------------------------------------------------

TIMES = st.lists(st.tuples(st.floats(0.1, 100), st.booleans()), min_size=1, max_size=8)


def busy(times: list[tuple[float, bool]]) -> list[float]:
    """Time for which each work alone keeps the machine."""
    found = exposed([replace(PLAIN, latency_ns=time, is_beside=beside) for time, beside in times])
    return [float(np.asarray(one.latency_ns if one.occupancy_ns is None else one.occupancy_ns)) for one in found]


@SOME
@given(times=TIMES)
def test_nothing_is_busy_for_longer_than_it_runs_or_less_than_none(times: list[tuple[float, bool]]) -> None:
    assert all(0 <= one <= time for one, (time, _) in zip(busy(times), times, strict=True))
    assert busy([(time, False) for time, _ in times]) == [time for time, _ in times]


@SOME
@given(times=TIMES, scale=st.sampled_from([0.5, 2.0, 8.0]))
def test_a_slower_clock_is_slower_everywhere(times: list[tuple[float, bool]], scale: float) -> None:
    slower = busy([(time * scale, beside) for time, beside in times])
    assert slower == pytest.approx([one * scale for one in busy(times)])


@SOME
@given(times=TIMES, place=st.integers(0, 7))
def test_running_beside_never_makes_a_machine_busier(times: list[tuple[float, bool]], place: int) -> None:
    place = min(place, len(times) - 1)
    after, beside = (
        [(time, is_beside if at != place else kind) for at, (time, is_beside) in enumerate(times)]
        for kind in (False, True)
    )
    assert sum(busy(beside)) <= sum(busy(after)) * (1 + 1e-12)


@SOME
@given(times=TIMES)
def test_the_order_inside_a_group_changes_no_sum(times: list[tuple[float, bool]]) -> None:
    group = [(times[0][0], False), *((time, True) for time, _ in times[1:])]
    turned = [(time, at > 0) for at, (time, _) in enumerate(reversed(group))]
    assert sum(busy(turned)) == pytest.approx(sum(busy(group)))
