"""Lines through logarithms: laws, an independent computation, and how often their intervals hold the truth."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from joulescape.gap import fits

RNG = np.random.default_rng(20181)
YEARS = np.array([2009.0, 2012, 2012, 2013, 2014, 2015, 2015, 2017, 2018])
SCATTERED = 10 ** (0.12 * (YEARS - 2014) + 1.5 + RNG.normal(0, 0.2, len(YEARS)))


def line(x=YEARS, y=SCATTERED, law="exponential"):
    return fits.fit(list(x), list(y), law)


@given(
    slope=st.floats(-0.5, 0.5).filter(lambda s: abs(s) > 1e-3),
    level=st.floats(-3, 9),
    years=st.sets(st.integers(1990, 2030), min_size=3, max_size=12),
)
def test_exact_growth_is_recovered(slope, level, years):
    x = sorted(years)
    found = fits.fit(x, [10 ** (level + slope * (year - 2010)) for year in x], "exponential")
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.at(2010) == pytest.approx(level, abs=1e-7)
    assert found.slope_se == pytest.approx(0, abs=1e-8)
    assert found.points_count == len(x)


@given(exponent=st.floats(-4, 4), scale=st.floats(1e-6, 1e6))
def test_an_exact_power_is_recovered(exponent, scale):
    x = [0.02, 0.05, 0.1, 0.3]
    found = fits.fit(x, [scale * one**exponent for one in x], "power")
    assert found.slope == pytest.approx(exponent, abs=1e-9)


@given(factor=st.floats(1e-6, 1e6))
def test_another_unit_of_y_moves_the_level_alone(factor):
    before, after = line(), line(y=SCATTERED * factor)
    assert after.centre_log10_y - before.centre_log10_y == pytest.approx(math.log10(factor), abs=1e-9)
    for name in ("slope", "slope_se", "residual_sd", "centre_x", "centre_se"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9), name


@given(shift=st.integers(-50, 50))
def test_another_first_year_moves_the_centre_alone(shift):
    before, after = line(), line(x=YEARS + shift)
    assert after.centre_x == pytest.approx(before.centre_x + shift)
    assert after.slope == pytest.approx(before.slope, rel=1e-9)
    assert after.prediction_interval(2020 + shift) == pytest.approx(before.prediction_interval(2020), rel=1e-9)


@given(seed=st.integers(0, 1000))
def test_points_may_come_in_any_order(seed):
    pairs = list(zip(YEARS, SCATTERED, strict=True))
    random.Random(seed).shuffle(pairs)
    x, y = zip(*pairs, strict=True)
    assert line(x, y) == line()


def test_an_independent_computation_agrees():
    found = line()
    peer = stats.linregress(YEARS, np.log10(SCATTERED))
    assert found.slope == pytest.approx(peer.slope, rel=1e-9)
    assert found.slope_se == pytest.approx(peer.stderr, rel=1e-9)
    assert found.at(0) == pytest.approx(peer.intercept, rel=1e-9)
    half = stats.t.ppf(0.975, len(YEARS) - 2) * peer.stderr
    assert found.slope_interval == pytest.approx((peer.slope - half, peer.slope + half), rel=1e-9)


def test_intervals_agree_with_the_covariance_of_a_matrix():
    """The interval of the line and of a new point, by the normal equations: x (X'X)^-1 x' and 1 more."""
    design = np.column_stack([np.ones_like(YEARS), YEARS - 2014])
    inverse = np.linalg.inv(design.T @ design)
    found = line()
    for year in (2005.0, 2014.0, 2025.0):
        at = np.array([1.0, year - 2014])
        leverage = float(at @ inverse @ at)
        for interval, spread in ((found.mean_interval, leverage), (found.prediction_interval, 1 + leverage)):
            low, high = interval(year)
            assert (high - low) / 2 == pytest.approx(found.t_factor * found.residual_sd * math.sqrt(spread), rel=1e-6)


def test_the_bootstrap_agrees_about_the_slope():
    """Resampled residuals know nothing of Student's t; their spread is the standard error, n - 2 for n."""
    found = line()
    residuals = np.log10(SCATTERED) - np.array([found.at(x) for x in YEARS])
    rng = np.random.default_rng(7)
    drawn = rng.choice(residuals, size=(4000, len(residuals)))
    along = YEARS - YEARS.mean()
    slopes = found.slope + (drawn @ along) / (along @ along)
    wanted = found.slope_se * math.sqrt((len(YEARS) - 2) / len(YEARS))
    assert slopes.std() == pytest.approx(wanted, rel=0.05)


def test_intervals_of_95_percent_hold_the_truth_95_times_in_100():
    """Slope and next point, drawn 2,000 times: 95 % within three standard errors of so many draws."""
    rng, slope, hits, nexts = np.random.default_rng(3), 0.1, 0, 0
    years = list(range(2010, 2019))
    for _ in range(2000):
        logs = slope * (np.array(years) - 2014) + rng.normal(0, 0.3, len(years))
        found = fits.fit(years, list(10**logs), "exponential")
        low, high = found.slope_interval
        hits += low <= slope <= high
        nexts += fits.held(found, [2022], [10 ** (slope * 8 + rng.normal(0, 0.3))], "exponential").inside
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)
    assert nexts / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("x", "reason"),
    [([], "no point"), ([2012], "1 point: a fit"), ([2012, 2014], "2 points: a fit"), ([2012] * 3, "at one x")],
)
def test_too_little_is_not_fitted(x, reason):
    assert reason in fits.unfit(x)
    with pytest.raises(ValueError, match=reason.split(":")[0]):
        fits.fit(x, [1.0] * len(x), "exponential")


def test_later_points_are_held_against_the_prediction():
    found = line()
    low, high = found.prediction_interval(2022)
    y = [10 ** (low - 0.01), 10 ** (low + 0.01), 10 ** found.at(2022), 10 ** (high + 0.01), 10 ** (high + 2)]
    told = fits.held(found, [2022] * 5, y, "exponential")
    assert told == fits.Held(inside=2, above=2, below=1)
    assert told.count == 5


@settings(max_examples=50)
@given(slope=st.floats(0.01, 1), noise=st.floats(0.0, 0.02))
def test_doubling_times_follow_from_the_slope_exactly(slope, noise):
    x = np.arange(2000.0, 2010)
    wiggle = noise * np.cos(3 * x)
    rising = fits.fit(list(x), list(10 ** (slope * (x - 2005) + wiggle)), "exponential")
    falling = fits.fit(list(x), list(10 ** -(slope * (x - 2005) + wiggle)), "exponential")
    told = fits.doubling(rising)
    assert (told is None) == (rising.slope_interval[0] <= 0)
    if told is not None:
        value, low, high = told
        assert low <= value <= high
        assert 10 ** (rising.slope * value) == pytest.approx(2.0)
        assert high == pytest.approx(math.log10(2) / rising.slope_interval[0])
        assert fits.doubling(falling) == pytest.approx(told)


def test_no_growth_has_no_doubling_time():
    x = list(range(2010, 2018))
    flat = fits.fit(x, [1.0, 1.3, 0.9, 1.1, 0.8, 1.2, 1.0, 1.1], "exponential")
    assert fits.doubling(flat) is None
    constant = fits.fit(x, [5.0] * len(x), "exponential")
    assert fits.doubling(constant) is None


def test_a_factor_beyond_all_numbers_is_absent():
    assert fits.factor(0.301) == pytest.approx(2.0, rel=1e-3)
    assert fits.factor(400) is None
    assert fits.factor(-400) is None


def test_slopes_differ_by_welch():
    """Two means of equal weight are the textbook case; a slope with three points has one degree of freedom."""
    told = fits.difference((0.30, 0.02, 22), (0.10, 0.02, 22))
    assert told.value == pytest.approx(0.2)
    half = stats.t.ppf(0.975, 40) * math.hypot(0.02, 0.02)
    assert (told.low, told.high) == pytest.approx((0.2 - half, 0.2 + half))
    rough = fits.difference((0.30, 0.02, 3), (0.10, 0.02, 22))
    assert rough.high > told.high
    assert fits.difference((0.3, 0.0, 4), (0.1, 0.0, 4)) == fits.Difference(*[0.3 - 0.1] * 3)


def test_swapped_slopes_differ_the_other_way():
    one, two = (0.3, 0.05, 9), (0.1, 0.02, 14)
    there, back = fits.difference(one, two), fits.difference(two, one)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_a_growth_open_by_more_than_a_hundred_is_no_figure():
    told = fits.vague(line([2015, 2016, 2017], [1.0, 30.0, 1.0]))
    assert told is not None and told.startswith("3 points leave the growth open by more than a factor of 100")
    assert fits.vague(line([2015, 2016, 2017], [1.0, 2.1, 4.0])) is None
