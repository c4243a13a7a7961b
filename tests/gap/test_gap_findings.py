"""The shores held against each other: what drifts apart, by how much, and whether it is told from none."""

from __future__ import annotations

import math

import pytest
from scipy import stats
from test_shore_findings import EMPTY, fit, given

from joulescape.gap import gap_findings
from joulescape.gap.gap_findings import ANY_DATA, BEST_PARAMETERS, DENSITY, DEVICES, ENERGY, IMAGENET, PARAMETERS
from joulescape.gap.in_words import times

NEED = fit(*ANY_DATA, 0.28, se=0.02, count=7)
CHIP = fit(*DENSITY, 0.11, se=0.02)
CARD = fit(*ENERGY, -0.14, se=0.02, later_above_count=2, later_inside_count=1)


def welch(first, second):
    """Half the interval of the slopes' difference, from its textbook form."""
    parts = [(row["slope_se"] ** 2, row["points_count"] - 2) for row in (first, second)]
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    return float(stats.t.ppf(0.975, freedom)) * math.sqrt(total)


@pytest.mark.parametrize("find", gap_findings.FINDINGS)
def test_nothing_is_said_without_its_fits(find):
    assert find(EMPTY) is None


def test_operations_are_held_against_the_operations_of_an_area():
    said = gap_findings.gap_in_operations(given(NEED, CHIP)).sentence
    half = welch(NEED, CHIP)
    assert f"widens by {times(10**0.17)} a year" in said
    assert f"95 %: {times(10 ** (0.17 - half))} to {times(10 ** (0.17 + half))}; told from none" in said
    assert "With all points" not in said and "ImageNet alone" not in said
    later = [{**row, "span": "all", "x_high": 2024} for row in (NEED, CHIP)]
    open_need = fit(*IMAGENET, 0.12, se=0.1, count=5)
    whole = gap_findings.gap_in_operations(given(NEED, CHIP, open_need, *later)).sentence
    assert whole.startswith(said) and "With all points, until 2024 and 2024, ×1.48" in whole
    assert whole.endswith("not told from none).")


def test_an_energy_that_falls_is_a_delivery_that_grows():
    found = gap_findings.gap_in_energy(given(NEED, CARD))
    assert f"did {times(10**0.14)} the float32 operations for a joule" in found.sentence
    assert f"widens by {times(10**0.14)} a year" in found.sentence
    assert "Of 3 later cards 1 lie inside the prediction, 2 spend more." in found.sentence
    turned = gap_findings.drift(given(NEED, CARD), ANY_DATA, ENERGY, falls=True)
    same = gap_findings.drift(given(NEED, {**CARD, "slope_log10": 0.14}), ANY_DATA, ENERGY)
    assert turned.ratio == same.ratio


def test_fewer_operations_at_equal_error_say_whether_they_are_told():
    records = fit(*gap_findings.SAME_ERROR, -0.3, se=0.02, count=5)
    sure = gap_findings.fewer_operations_at_equal_error(given(records)).sentence
    assert "fell by ×2 a year" in sure and "cannot be told" not in sure
    open_ = gap_findings.fewer_operations_at_equal_error(given({**records, "growth_high": 1.4})).sentence
    assert "which cannot be told from none" in open_
    every = {**records, "span": "all", "x_high": 2022}
    assert "until 2022, by ×2 (95 %" in gap_findings.fewer_operations_at_equal_error(given(records, every)).sentence


def test_memory_is_held_against_memory():
    rows = [fit(*PARAMETERS, 0.3, count=7), fit(*DEVICES, -0.05, count=6), fit(*BEST_PARAMETERS, 0.06, se=0.05)]
    said = gap_findings.gap_in_memory(given(*rows)).sentence
    assert f"widens by {times(10**0.25)} a year" in said
    assert "Of the network with the least error so far: ×1.02 a year" in said
