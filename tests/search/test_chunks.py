"""Chunks fill a tenth of a second at most, and nobody's share is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joulescape.search.chunks import CHUNK_S, LARGEST_CHUNK, RECENT, JobTimes

durations = st.lists(st.floats(0, 10), min_size=1, max_size=2 * RECENT)


@given(durations, st.integers(1, 60), st.integers(1, 5))
def test_a_chunk_fits_by_the_longest_of_late(seconds, waiting, workers):
    times = JobTimes()
    times.add(seconds)
    size = times.size(waiting, workers)
    assert 1 <= size <= min(LARGEST_CHUNK, -(-waiting // workers))
    assert size == 1 or size * max(seconds[-RECENT:]) <= CHUNK_S * (1 + 1e-9)


@given(st.integers(1, 60), st.integers(1, 5))
def test_before_anything_is_known_jobs_go_one_by_one(waiting, workers):
    assert JobTimes().size(waiting, workers) == 1


def test_a_slow_start_is_forgotten():
    times = JobTimes()
    times.add([5.0])
    times.add([0.001] * (RECENT - 1))
    assert times.size(40, 2) == 1
    times.add([0.001])
    assert times.size(40, 2) == LARGEST_CHUNK
