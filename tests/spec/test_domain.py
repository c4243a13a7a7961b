"""Laws of domains: a sweep stays inside, starts and ends at the ends, and impossible domains are refused."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from joulescape.spec.domain import AnyDomain, ChoiceDomain, Domain, FloatDomain, IntDomain, is_domain

ADAPTER: TypeAdapter[AnyDomain] = TypeAdapter(Domain)
numbers = st.floats(-1e6, 1e6)


@st.composite
def int_domains(draw: st.DrawFn) -> IntDomain:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -500, 500))
    return IntDomain(
        kind="int",
        low=low,
        high=draw(st.integers(low + 1, low + 600)),
        step=1 if log else draw(st.integers(1, 7)),
        log=log,
        points=draw(st.none() | st.integers(2, 40)),
    )


@st.composite
def float_domains(draw: st.DrawFn) -> FloatDomain:
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 1e3) if log else numbers)
    high = low + draw(st.floats(1e-3, 1e6))
    return FloatDomain(kind="float", low=low, high=high, log=log, points=draw(st.integers(2, 30)))


@given(int_domains())
def test_int_sweep_is_rising_whole_and_inside(domain):
    values = domain.values()
    assert values == tuple(sorted(set(values)))
    assert all(type(value) is int and domain.low <= value <= domain.high for value in values)
    assert values[0] == domain.low


@given(int_domains())
def test_int_sweep_keeps_its_points_and_its_step(domain):
    values = domain.values()
    every = range(domain.low, domain.high + 1, domain.step)
    assert len(values) <= (domain.points or len(every))
    assert set(values) <= set(every)


@given(int_domains() | float_domains())
def test_the_count_is_that_of_the_values(domain):
    assert domain.count() == len(domain.values())


def test_a_long_range_is_counted_and_not_listed():
    assert IntDomain(kind="int", low=0, high=10**18).count() == 10**18 + 1
    assert len(IntDomain(kind="int", low=0, high=10**18, points=5).values()) == 5


@given(float_domains())
def test_float_sweep_runs_from_end_to_end(domain):
    values = domain.values()
    assert len(values) == domain.points
    assert math.isclose(values[0], domain.low, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(values[-1], domain.high, rel_tol=1e-9, abs_tol=1e-9)
    assert all(a <= b for a, b in itertools.pairwise(values))


@given(float_domains())
def test_log_sweeps_have_one_ratio_and_others_one_step(domain):
    values = domain.values()
    steps = [b / a if domain.log else b - a for a, b in itertools.pairwise(values)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-6, abs_tol=1e-6) for step in steps)


@given(st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=5, unique=True))
def test_a_choice_sweeps_its_options(options):
    domain = ChoiceDomain(kind="choice", options=tuple(options))
    assert domain.values() == domain.ends() == tuple(options)


@given(int_domains() | float_domains())
def test_the_kind_finds_the_shape_again(domain):
    assert ADAPTER.validate_json(domain.model_dump_json(), strict=True) == domain


@given(numbers, numbers)
def test_a_domain_upside_down_is_refused(a, b):
    assume(a != b)
    with pytest.raises(ValidationError):
        FloatDomain(kind="float", low=max(a, b), high=min(a, b))


@pytest.mark.parametrize(
    ("domain", "only"),
    [
        (FloatDomain(kind="float", low=0.5, high=0.5), 0.5),
        (FloatDomain(kind="float", low=0.5, high=0.6), None),
        (IntDomain(kind="int", low=0, high=0), 0),
        (IntDomain(kind="int", low=2, high=4, step=3), 2),
        (IntDomain(kind="int", low=2, high=4, step=2), None),
        (ChoiceDomain(kind="choice", options=(False,)), False),
        (ChoiceDomain(kind="choice", options=(False, 0)), None),
    ],
)
def test_a_domain_of_one_value_says_so(domain, only):
    assert domain.only == only
    assert type(domain.only) is type(only)


@pytest.mark.parametrize("options", [(1, 1), ("a", "b", "a"), (1, 1.0), (True, True)])
def test_an_option_comes_once(options):
    with pytest.raises(ValidationError, match="each option once"):
        ChoiceDomain(kind="choice", options=options)


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "int", "low": 0, "high": 4, "log": True},
        {"kind": "int", "low": 1, "high": 4, "log": True, "step": 2},
        {"kind": "int", "low": 1, "high": 4, "step": 0},
        {"kind": "int", "low": 1, "high": 4, "points": 1},
        {"kind": "float", "low": -math.inf, "high": 1.0},
        {"kind": "float", "low": math.nan, "high": 1.0},
        {"kind": "float", "low": 0.0, "high": 1.0, "log": True},
        {"kind": "choice", "options": []},
        {"kind": "list", "options": [1]},
    ],
)
def test_impossible_domains_are_refused(raw):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(raw)


def test_true_stays_a_truth_value_among_options():
    domain = ADAPTER.validate_json('{"kind": "choice", "options": [true, 1, 1.5, "a"]}', strict=True)
    assert [type(value) for value in domain.values()] == [bool, int, float, str]


def test_what_is_meant_as_a_domain():
    assert is_domain({"kind": "int"})
    assert not is_domain({"rows": 4})
    assert not is_domain(4)
