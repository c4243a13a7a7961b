"""Works beside others: a machine is busy for the longest of them, not for their sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_cases import ROOT, SYSTOLIC, product

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.simulators._beside import exposed

(PLAIN,) = SYSTOLIC.cost(product(Loops(K=4, C=4)))
TIMES = st.lists(st.tuples(st.floats(0.1, 100), st.booleans()), min_size=1, max_size=8)


@given(times=TIMES)
def test_busy_times_add_up_to_the_longest_of_each_group(times: list[tuple[float, bool]]) -> None:
    found = list(exposed([replace(PLAIN, latency_ns=time, is_beside=beside) for time, beside in times]))
    groups: list[list[float]] = []
    for time, beside in times:
        if beside and groups:
            groups[-1].append(time)
        else:
            groups.append([time])
    busy = [one.latency_ns if one.occupancy_ns is None else one.occupancy_ns for one in found]
    assert float(np.sum(busy)) == pytest.approx(sum(max(group) for group in groups))
    assert [one.latency_ns for one in found] == [time for time, _ in times]


def test_variants_are_told_apart() -> None:
    first = replace(PLAIN, latency_ns=np.array([1.0, 5.0]))
    second = replace(PLAIN, latency_ns=np.array([3.0, 3.0]), is_beside=True)
    assert np.array_equal(np.asarray(list(exposed([first, second]))[1].occupancy_ns), [2.0, 0.0])


@pytest.mark.parametrize("machine", ["tpu_v1", "wei2017", "qiu2016", "systolic_int8"])
def test_a_machine_takes_the_next_batch_no_later_than_it_ends_this_one(machine: str) -> None:
    found = cost("digits_lenet", f"electronic/{machine}", root=ROOT).totals
    assert found["inference_interval_ns"] == pytest.approx(found["inference_latency_ns"], rel=1e-9)
