"""What a fit says: numbers as one reads them, the interval, the span, and what cannot be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.gap.fits import Held, fit
from joulescape.gap.in_words import between, growth, later_said, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.2943, "1.29"), (0.6754, "0.675"), (12345.0, "12,300"), (1e-7, "1e-07"), (2.5e9, "2.5e+09"), (0.0, "0"),
     (4.0, "4"), (None, "beyond all bounds")],
)  # fmt: skip
def test_numbers_have_three_figures(value, text):
    assert number(value) == text


@given(st.floats(1e-12, 1e12))
def test_a_number_reads_back_within_its_figures(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=6e-3)


def test_an_interval_says_what_it_holds():
    assert between(1.0, 2.0) == "95 %: 1 to 2"
    assert between(1.0, None) == "95 %: 1 to beyond all bounds"


def test_rising_falling_and_neither():
    years = [2010, 2012, 2014, 2016]
    rising = growth(fit(years, [1, 4.1, 15.8, 64], "exponential"), "exponential", "Year", (2010, 2016))
    assert rising.startswith("×2 a year (95 %: ×")
    assert ", doubling in 1 years (95 %: " in rising
    assert rising.endswith("4 points, 2010 to 2016.")
    falling = growth(fit(years, [64, 15.8, 4.1, 1], "exponential"), "exponential", "Year", (2010, 2016))
    assert ", halving in 1 years (95 %: " in falling
    neither = growth(fit(years, [1, 3, 1, 3], "exponential"), "exponential", "Year", (2010, 2016))
    assert "which cannot be told from no growth" in neither
    assert "doubling" not in neither


def test_a_power_law_names_its_axis():
    line = fit([1, 10, 100, 1000], [1, 100, 1e4, 1.1e6], "power")
    told = growth(line, "power", "Size of the array", (1, 1024))
    assert "for ten times the size of the array" in told
    assert told.endswith("4 points, 1 to 1024.")
    assert growth(line, "power", "Size of the array", (1, 1024), "KiB").endswith("1 to 1024 KiB.")
    assert growth(line, "power", "Top-5 error", (0.045, 0.2)).endswith("4.5 to 20 %.")


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (Held(0, 0, 0), "No later point to hold against it."),
        (Held(3, 0, 0), "Of 3 later points 3 lie inside its prediction interval."),
        (Held(1, 2, 0), "Of 3 later points 1 lie inside its prediction interval, 2 above."),
        (Held(1, 2, 1), "Of 4 later points 1 lie inside its prediction interval, 2 above and 1 below."),
    ],
)
def test_later_points_are_counted(held, text):
    assert later_said(held) == text
