"""How far an accuracy may be off: Wilson's interval itself, what widens it, and whom it tells apart."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.report import certainty, sampling
from joulescape.report.inputs import Tables
from joulescape.report.sampling import samples_of, standard_error

shares = st.integers(0, 10**6).map(lambda parts: parts / 10**6)
counts = st.integers(1, 10**6)
scatters = st.integers(0, 2000).map(lambda parts: parts / 10**4)


@given(shares, st.integers(1, 1000))
@settings(max_examples=40, deadline=None)
def test_it_is_half_of_the_interval_that_wilson_solves(share: float, samples: int) -> None:
    """The two shares x whose own standard error sqrt(x (1 - x) / n) lies just between x and what was seen."""
    a, b, c = 1 + 1 / samples, -(2 * share + 1 / samples), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    assert standard_error(share, samples) == pytest.approx((high - low) / 2, rel=1e-6, abs=1e-9)
    assert -1e-9 <= low <= share + 1e-9 and share - 1e-9 <= high <= 1 + 1e-9


@given(shares, shares, counts)
@settings(max_examples=40, deadline=None)
def test_the_nearer_a_half_the_less_is_known(one: float, other: float, samples: int) -> None:
    near, far = sorted((one, other), key=lambda share: abs(share - 0.5))
    assert standard_error(near, samples) >= standard_error(far, samples) - 1e-15


@given(shares, counts, counts)
@settings(max_examples=40, deadline=None)
def test_more_samples_never_tell_less(share: float, one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert standard_error(share, many) <= standard_error(share, few)


def given_with(there: int | None, test: int | None, asked: int | None) -> Tables:
    kept = {name: count for name, count in (("validation", there), ("test", test)) if count is not None}
    resolved, spec = {"samples": kept}, {"budget": {} if asked is None else {"samples": asked}}
    return cast(Tables, SimpleNamespace(resolved=resolved, spec=spec))


@given(st.none() | counts, st.none() | counts, st.none() | counts)
@settings(max_examples=40, deadline=None)
def test_a_budget_limits_validation_alone_and_adds_to_nothing(
    there: int | None, test: int | None, asked: int | None
) -> None:
    made = given_with(there, test, asked)
    assert samples_of(made) == (None if there is None else min(one for one in (there, asked) if one is not None))
    assert samples_of(made, "test") == test


@given(shares, counts)
@settings(max_examples=40, deadline=None)
def test_the_points_that_are_told_are_the_error(share: float, samples: int) -> None:
    said = sampling.tested_words(given_with(1, samples, 1), share)
    found = re.fullmatch(r", standard error ([\d.,e-]+) points over ([\d,]+) samples", said)
    assert found is not None, said
    assert float(found[1].replace(",", "")) == pytest.approx(100 * standard_error(share, samples), rel=0.06)
    assert int(found[2].replace(",", "")) == samples
    assert sampling.tested_words(given_with(samples, None, samples), share) == ""


def designs(*rows: tuple[float, float | None, int | None, bool]) -> dict[str, list[Any]]:
    """Columns of accuracy, spread over draws, samples and whether the machine computes exactly."""
    return {name: [row[place] for row in rows] for place, name in enumerate(("accuracy", "sd", "samples", "exact"))}


known = st.tuples(shares, scatters, st.none() | counts, st.booleans())
some = st.tuples(shares, st.none() | scatters, st.none() | counts, st.booleans())


@given(known)
@settings(max_examples=40, deadline=None)
def test_draws_and_samples_together_are_more_than_either_and_less_than_both(
    row: tuple[float, float, int | None, bool],
) -> None:
    accuracy, sd, samples, _ = row
    drawn, asked = 2 * sd, 0.0 if samples is None else standard_error(accuracy, samples)
    found = certainty.reach(designs(row), 0)
    assert found is not None
    assert max(drawn, asked) * (1 - 1e-12) <= found <= (drawn + asked) * (1 + 1e-12)
    assert found >= math.sqrt(0.5) * (drawn + asked) * (1 - 1e-12)


@given(some)
@settings(max_examples=40, deadline=None)
def test_only_one_run_of_what_is_not_exact_says_nothing(row: tuple[float, float | None, int | None, bool]) -> None:
    found = certainty.reach(designs(row), 0)
    assert (found is None) == (row[1] is None and not row[3])
    low, high = cast(tuple[float, float], certainty.span(designs(row), {}, "accuracy", 0))
    assert low <= row[0] <= high
    assert math.isfinite(low) == math.isfinite(high) == (found is not None)


@given(known, scatters, counts)
@settings(max_examples=40, deadline=None)
def test_more_scatter_and_fewer_samples_reach_further(
    row: tuple[float, float, int | None, bool], more: float, fewer: int
) -> None:
    accuracy, sd, samples, exact = row
    found = certainty.reach(designs(row), 0)
    wider = certainty.reach(designs((accuracy, sd + more, samples, exact)), 0)
    assert found is not None and wider is not None and wider >= found
    asked = certainty.reach(designs((accuracy, sd, min(fewer, samples or fewer), exact)), 0)
    assert asked is not None and asked >= found * (1 - 1e-12)


@given(some, some, scatters)
@settings(max_examples=40, deadline=None)
def test_whom_nothing_tells_apart_a_wider_scatter_does_not_either(
    one: tuple[float, float | None, int | None, bool], other: tuple[float, float | None, int | None, bool], more: float
) -> None:
    pair = designs(one, other)
    is_close = certainty.overlap(pair, {}, "accuracy", 0, 1)
    assert is_close == certainty.overlap(pair, {}, "accuracy", 1, 0)
    assert certainty.overlap(pair, {}, "accuracy", 0, 0)
    wider = {**pair, "sd": [None if sd is None else sd + more for sd in pair["sd"]]}
    assert certainty.overlap(wider, {}, "accuracy", 0, 1) >= is_close
    reaches = [certainty.reach(pair, row) for row in (0, 1)]
    if reaches[0] is not None and reaches[1] is not None:
        apart = abs(one[0] - other[0]) - (reaches[0] + reaches[1])
        assert abs(apart) < 1e-12 or is_close == (apart <= 0)
    else:
        assert is_close
