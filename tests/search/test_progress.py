"""The line of a batch: numbers that add up, in units that people read."""

from __future__ import annotations

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.evaluation import Evaluation
from joulescape.search import progress
from joulescape.search.pace import RECENT, Pace, Stretch
from joulescape.search.progress import Progress, duration, shown

OBJECTIVES = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}
FACTORS = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def design(accuracy, energy, state="valid"):
    metrics = {"accuracy_fraction": accuracy, "inference_energy_pj": energy}
    return Evaluation("d", "c", 0, state, None, 0.0, "f", {}, metrics, {})


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@given(st.floats(1e-2, 1e22), st.sampled_from([("pj", "J", 1e-12), ("ns", "s", 1e-9), ("mw", "W", 1e-3)]))
def test_a_metric_with_its_prefix_is_the_same_quantity(value, unit):
    suffix, symbol, factor = unit
    name, number, found = shown(f"inference_energy_{suffix}", value).split(" ")
    assert name == "inference_energy"
    assert found.endswith(symbol)
    assert float(number) * FACTORS[found.removesuffix(symbol)] == pytest.approx(value * factor, rel=2e-3)
    if 1e-15 < value * factor < 1e14:
        assert 0.999 <= float(number) <= 1000


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("accuracy_fraction", 0.98765, "accuracy_fraction 0.9877"),
        ("inference_energy_pj", 144_200.0, "inference_energy 144.2 nJ"),
        ("training_time_ns", 3.0e9, "training_time 3 s"),
        ("mean_power_mw", 0.25, "mean_power 250 µW"),
        ("area_mm2", 12.0, "area_mm2 12"),
        ("inference_energy_pj", 0.0, "inference_energy_pj 0"),
    ],
)
def test_metrics_as_lines_show_them(metric, value, text):
    assert shown(metric, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (89.0, "89 s"), (120.0, "2 min"), (3600.0, "60 min"), (9000.0, "2.5 h")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_line_has_the_count_the_front_the_best_the_rates_and_the_time_left(caplog, clock):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    found = Progress(OBJECTIVES, 12)
    clock[0] += 30.0
    found.add(0, [[design(0.9, 1e6), design(0.8, 5e5)], [design(None, None, "failed")]], 2, 0.5, judged=3)
    clock[0] += 30.0
    more = {"designs_judged_count": 900, "measured_count": 6, "promote_fraction": 0.5}
    screened = [design(0.99, 1.0, "screened")]
    found.add(1, [[design(0.95, 2e6)], [design(0.99, 1.0, "infeasible")], screened], 3, 0.75, 9, 0, more)
    first, second = lines(caplog)
    assert first == (
        "2/12 candidates (1 valid, 0 infeasible, 1 failed); 2 designs on the front, hypervolume 0.5; "
        "best of each so far: accuracy_fraction 0.9, inference_energy 500 nJ; 0.0667 candidates/s, 0.1 evaluations/s; "
        "about 2 min left"
    )
    assert second == (
        "5/12 candidates (2 valid, 1 infeasible, 1 failed, 1 screened); 3 designs on the front, hypervolume 0.75; "
        "best of each so far: accuracy_fraction 0.95, inference_energy 500 nJ; "
        "0.0833 candidates/s, 0.15 evaluations/s, 150 designs judged a measurement; about 84 s left"
    )
    assert [row.get("measured_count") for row in found.history] == [None, 6]
    assert (caplog.records[-1].told, caplog.records[-1].trials, caplog.records[-1].left_s) == (5, 12, 84.0)


def test_replays_and_the_end_say_so(caplog, clock):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    found = Progress(OBJECTIVES, 2)
    found.add(0, [[design(None, None, "infeasible")]], 0, None, judged=0, reused=1)
    clock[0] += 4.0
    found.add(1, [[design(0.9, 1.0)]], 1, 0.1, judged=1, reused=1)
    first, second = lines(caplog)
    assert "nothing feasible yet; replaying what is remembered" in first
    assert second.endswith("done in 4 s")
    assert [row["hypervolume"] for row in found.history] == [None, 0.1]
    assert [row["trials_told"] for row in found.history] == [1, 2]


def test_a_replayed_part_does_not_make_the_rest_look_quick(clock):
    """800 candidates come back in 8 s; each new one takes 10 s."""
    found = Progress(OBJECTIVES, 1000)
    for batch in range(8):
        clock[0] += 1.0
        found.add(batch, [[design(0.9, 1.0)]] * 100, 1, None, judged=0, reused=100 * (batch + 1))
        assert found.left_s is None
    clock[0] += 1000.0
    found.add(8, [[design(0.9, 1.0)]] * 100, 1, None, judged=100, reused=800)
    assert found.left_s == pytest.approx(1000.0)


def test_a_batch_that_is_half_remembered_counts_half(clock):
    found = Progress(OBJECTIVES, 100)
    clock[0] += 50.0
    found.add(0, [[design(0.9, 1.0)]] * 20, 1, None, judged=10, reused=10)
    assert found.left_s == pytest.approx(80 * 5.0)


def test_a_budget_of_seconds_may_end_first(clock):
    found = Progress(OBJECTIVES, 100, seconds=120.0)
    assert found.left_s == 120.0
    clock[0] += 50.0
    found.add(0, [[design(0.9, 1.0)]] * 10, 1, None, judged=10)
    assert found.left_s == 70.0
    clock[0] += 100.0
    assert found.left_s == 0.0


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40), st.integers(0, 40), st.floats(0.1, 50)), min_size=1),
    st.integers(0, 1000),
)
def test_the_time_left_is_the_time_that_new_candidates_took(batches, left):
    pace = Pace()
    for batch in batches:
        pace.add(Stretch(*batch))
    worked = [batch for batch in batches if batch[1]][-RECENT:]
    if not worked:
        assert pace.left_s(left) is None
        return
    fresh = sum(n * judged / (judged + reused) for n, judged, reused, _ in worked)
    assert pace.left_s(left) == pytest.approx(left * sum(batch[3] for batch in worked) / fresh)
    last = batches[-RECENT:]
    assert pace.candidates_per_s == pytest.approx(sum(n for n, *_ in last) / sum(batch[3] for batch in last))


@given(st.floats(0.01, 10), st.integers(1, 24), st.sampled_from([1, 2, 3]))
def test_at_an_even_pace_the_time_left_is_exact_whatever_the_rungs(candidate_s, batch, rungs):
    pace = Pace()
    for _ in range(20):
        pace.add(Stretch(batch, batch * rungs, 0, batch * candidate_s))
    assert pace.left_s(100) == pytest.approx(100 * candidate_s)


@given(st.lists(st.tuples(st.floats(0.1, 1), st.floats(1, 1e9)), min_size=1, max_size=10))
def test_the_best_is_the_best_of_all_valid_designs(values):
    found = Progress(OBJECTIVES, len(values))
    for index, value in enumerate(values):
        found.add(index, [[design(*value), design(1.1, 0.1, "infeasible")]], 1, None, 1)
    assert found._best["accuracy_fraction"] == max(a for a, _ in values)
    assert math.isclose(found._best["inference_energy_pj"], min(e for _, e in values))
    assert found.told == len(values)
