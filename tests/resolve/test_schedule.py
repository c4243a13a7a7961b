"""Schedules: serial sums, pipelines against a walked flow shop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.resolve.schedule import Stage, schedule

TIMES = st.integers(1, 50)


def stage(fill: float, per_sample: float, samples: int, shared: str | None = None) -> Stage:
    """A layer that takes `fill` once and `per_sample` for each sample."""
    busy = np.array([float(per_sample * samples)])
    return Stage(busy + fill, busy, shared)


def walked(layers: list[tuple[int, int]], samples: int) -> list[float]:
    """End of the last sample in each layer: every sample waits for the layer before and for the sample before."""
    done = [0.0] * samples
    ends = []
    for fill, per_sample in layers:
        free = 0.0
        for sample in range(samples):
            begin = max(done[sample], free)
            free = begin + per_sample
            done[sample] = begin + per_sample + fill
        ends.append(done[-1])
    return ends


@given(st.lists(st.tuples(st.integers(0, 20), TIMES), min_size=1, max_size=6))
def test_one_sample_runs_layer_after_layer(layers: list[tuple[int, int]]) -> None:
    starts, ends = schedule([stage(fill, per, 1) for fill, per in layers], 1)
    sums = np.cumsum([fill + per for fill, per in layers])
    assert [end[0] for end in ends] == pytest.approx(sums)
    assert [start[0] for start in starts] == pytest.approx([0, *sums[:-1]])


@given(st.lists(st.tuples(st.integers(0, 20), TIMES), min_size=1, max_size=6), st.integers(1, 9))
def test_a_pipeline_is_the_flow_shop(layers: list[tuple[int, int]], samples: int) -> None:
    _, ends = schedule([stage(fill, per, samples) for fill, per in layers], samples)
    assert [end[0] for end in ends] == pytest.approx(walked(layers, samples))


@given(st.lists(st.tuples(st.integers(0, 20), TIMES), min_size=1, max_size=6), st.integers(1, 9))
def test_a_pipeline_is_never_slower_than_one_layer_at_a_time(layers: list[tuple[int, int]], samples: int) -> None:
    stages = [stage(fill, per, samples) for fill, per in layers]
    assert schedule(stages, samples)[1][-1][0] <= schedule(stages, 1)[1][-1][0] + 1e-9


@given(st.lists(TIMES, min_size=1, max_size=5), st.integers(2, 9))
def test_layers_that_share_hardware_never_overlap(times: list[int], samples: int) -> None:
    _, ends = schedule([stage(0, per, samples, "host") for per in times], samples)
    assert ends[-1][0] == pytest.approx(samples * sum(times))


def test_variants_have_schedules_of_their_own() -> None:
    busy = np.array([4.0, 8.0])
    starts, ends = schedule([Stage(busy, busy, None), Stage(2 * busy, 2 * busy, None)], 2)
    assert starts[1].tolist() == [2.0, 4.0]
    assert ends[1].tolist() == [10.0, 20.0]


@given(st.lists(TIMES, min_size=2, max_size=5), st.integers(0, 99), st.integers(1, 9))
def test_a_stage_beside_another_costs_what_it_takes_longer(times: list[int], extra: int, samples: int) -> None:
    """Both start together; as the slowest stage it still sets the pace."""
    stages = [stage(0, per, samples) for per in times]
    twin = Stage(*(np.array([float(extra * samples)]),) * 2, None, is_beside=True)
    starts, ends = schedule([stages[0], twin, *stages[1:]], samples)
    assert starts[1][0] == starts[0][0] == 0
    single = max(times[0], extra) + sum(times[1:])
    assert ends[-1][0] == pytest.approx(single + (samples - 1) * max(extra, *times))
