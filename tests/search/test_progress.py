"""The line of a batch: numbers that add up, in units that people read."""

from __future__ import annotations

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.evaluation import Evaluation
from joulescape.search import progress
from joulescape.search.progress import Progress, duration, show_progress, shown, stoppable

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


def test_a_line_has_the_count_the_front_the_best_and_the_time_left(caplog, clock):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    found = Progress(OBJECTIVES, 12)
    clock[0] += 30.0
    found.add(0, [[design(0.9, 1e6), design(0.8, 5e5)], [design(None, None, "failed")]], 2, 0.5, judged=2)
    clock[0] += 30.0
    found.add(1, [[design(0.95, 2e6)], [design(0.99, 1.0, "infeasible")]], 3, 0.75, judged=4)
    first, second = lines(caplog)
    assert first == (
        "2/12 candidates (1 valid, 0 infeasible, 1 failed); 2 designs on the front; "
        "best so far: accuracy_fraction 0.9, inference_energy 500 nJ; about 2 min left"
    )
    assert second.startswith("4/12 candidates (2 valid, 1 infeasible, 1 failed); 3 designs on the front")
    assert "accuracy_fraction 0.95, inference_energy 500 nJ" in second
    assert second.endswith("about 2 min left")


def test_replays_and_the_end_say_so(caplog, clock):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    found = Progress(OBJECTIVES, 2)
    found.add(0, [[design(None, None, "infeasible")]], 0, None, judged=0)
    clock[0] += 4.0
    found.add(1, [[design(0.9, 1.0)]], 1, 0.1, judged=1)
    first, second = lines(caplog)
    assert "nothing feasible yet; replaying what is remembered" in first
    assert second.endswith("done in 4 s")
    assert [row["hypervolume"] for row in found.history] == [None, 0.1]
    assert [row["trials_told"] for row in found.history] == [1, 2]


@given(st.lists(st.tuples(st.floats(0.1, 1), st.floats(1, 1e9)), min_size=1, max_size=10))
def test_the_best_is_the_best_of_all_valid_designs(values):
    found = Progress(OBJECTIVES, len(values))
    for index, value in enumerate(values):
        found.add(index, [[design(*value), design(1.1, 0.1, "infeasible")]], 1, None, 1)
    assert found._best["accuracy_fraction"] == max(a for a, _ in values)
    assert math.isclose(found._best["inference_energy_pj"], min(e for _, e in values))
    assert found.told == len(values)


def test_lines_are_written_once_however_often_they_are_asked_for():
    logger = logging.getLogger("joulescape")
    before, level = list(logger.handlers), logger.level
    try:
        logger.handlers = []
        show_progress()
        show_progress()
        assert len(logger.handlers) == 1
        assert logger.isEnabledFor(logging.INFO)
    finally:
        logger.handlers = before
        logger.setLevel(level)


def test_an_interrupt_says_that_nothing_is_lost_and_still_ends_the_run(caplog):
    with pytest.raises(KeyboardInterrupt), stoppable():
        raise KeyboardInterrupt
    assert "what was finished is remembered" in caplog.text
