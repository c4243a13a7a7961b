"""Laws of memory devices: published points, statistics over many cells, what compensation and time do to a network."""

from __future__ import annotations

import math
import statistics
from functools import cache

import pytest
import torch
from crossbar_numbers import DAY_S, YEAR_S, device, device_spec, generator, matrices
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.ageing import CellLaws, ClippedLog, compensation
from joulescape.numerics.crossbar.device import CrossbarNumbers, program_arrays
from joulescape.simulators.crossbar.devices import device_numbers

torch.set_num_threads(1)


@cache
def laws(name: str, age_s: float = 0.0) -> CellLaws:
    return CellLaws.of(device_numbers(device(name, age_s=age_s)))


HALF = torch.full((200_000,), 0.5)

# --- phase change, at half of full conductance and one day (nandakumar2019, joshi2020) ---------------------------


def test_programming_error_of_phase_change_cells() -> None:
    """0.26348 + 1.9650 / 2 - 1.1731 / 4 uS = 0.9527 uS."""
    sigma = laws("pcm").programming_sigma(HALF[:1])
    assert float(sigma) * 25 == pytest.approx(0.9527, rel=0.002)


def test_mean_drift_of_phase_change_cells() -> None:
    """(86420 / 20)^-0.049 = 0.6635."""
    drift = laws("pcm").drift
    assert drift is not None
    exponent = float(drift.mean(HALF[:1]))
    assert exponent == pytest.approx(0.049, rel=1e-6)
    assert ((DAY_S + 20) / 20) ** -exponent == pytest.approx(0.6635, rel=0.002)
    assert float(drift.spread(HALF[:1])) == pytest.approx(0.008, rel=1e-6)


def test_relative_read_noise_of_phase_change_cells() -> None:
    flicker = laws("pcm").flicker
    assert flicker is not None
    assert float(flicker.relative_sigma(HALF[:1], DAY_S + 20)) == pytest.approx(0.0702, rel=0.002)


def test_drawn_cells_follow_all_three_within_two_percent() -> None:
    numbers = CrossbarNumbers.of(device_spec("pcm", age_s=DAY_S, compensation="none"))
    level = numbers.levels(HALF[:1])
    young = CrossbarNumbers.of(device_spec("pcm", age_s=0.0, compensation="none"))
    drawn = numbers.laws
    assert drawn.drift is not None
    assert drawn.flicker is not None
    written = HALF + drawn.programming_sigma(HALF) * torch.randn(HALF.shape, generator=generator())
    assert float(written.std()) * 25 == pytest.approx(0.9527, rel=0.02)
    factors = drawn.drift.factor(HALF, DAY_S, generator(1))
    assert float(factors.mean()) == pytest.approx(0.6635, rel=0.02)
    read = drawn.aged(HALF, generator(1)) / factors / HALF
    assert float(read.std()) == pytest.approx(0.0702, rel=0.02)
    assert young.laws.age_s == 0.0
    assert float(numbers.conductance(level)) == pytest.approx(0.5, rel=1e-5)


# --- other devices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age_s", "microsiemens"), [(1.0, 1.103), (DAY_S, 2.651), (2 * DAY_S, 2.677)])
def test_oxide_cells_spread_in_the_days_after_their_write(age_s: float, microsiemens: float) -> None:
    """At full conductance the coefficients of wan2022 add up."""
    assert float(laws("rram_wan2022", age_s).programming_sigma(torch.ones(1))) * 40 == pytest.approx(
        microsiemens, rel=1e-3
    )


def test_between_its_ages_a_fit_follows_the_logarithm_of_time() -> None:
    """At half of the decades between a second and a day, half of the way; older than two days as at two days."""
    ends = [float(laws("sonos", age).programming_sigma(torch.ones(1))) for age in (1.0, math.sqrt(DAY_S), DAY_S)]
    assert ends[1] == pytest.approx((ends[0] + ends[2]) / 2, rel=1e-3)
    old = [float(laws("sonos", age).programming_sigma(torch.ones(1))) for age in (2 * DAY_S, YEAR_S)]
    assert old[0] == old[1]


def test_charge_traps_saturate() -> None:
    """19.887 (1 - exp(-I / 176.31)) nA at 100 nA of 3200."""
    sigma = float(laws("sonos").programming_sigma(torch.tensor([100 / 3200])))
    assert sigma * 3200 == pytest.approx(19.887 * (1 - math.exp(-100 / 176.31)), rel=1e-5)


def test_write_verified_oxide_cells_are_steadier_when_they_conduct() -> None:
    low, high = laws("rram_milo2021").programming_sigma(torch.tensor([50 / 225, 1.0])) * 225
    assert float(low) == pytest.approx(4.782321 - 0.009107 * 50, rel=1e-4)
    assert float(high) == pytest.approx(4.782321 - 0.009107 * 225, rel=1e-4)


def test_a_device_without_laws_adds_no_numbers() -> None:
    assert device_numbers(device("rram_1t1r")) == {}


@given(st.floats(1e-3, 1.0), st.floats(0, 1e9), st.floats(1, 1e3))
def test_cells_only_lose_by_drift_and_lose_more_with_time(g: float, age_s: float, factor: float) -> None:
    found = [
        float(law.factor(torch.tensor([g]), age, generator(3)))
        for law in [laws("pcm").drift]
        if law is not None
        for age in (age_s, age_s * factor)
    ]
    assert 0 < found[1] <= found[0] <= 1


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(0, 1))
def test_a_clipped_law_stays_between_its_ends(slope: float, offset: float, g: float) -> None:
    assert 0.01 - 1e-7 <= float(ClippedLog(slope, offset, 0.01, 0.05)(torch.tensor([g]))) <= 0.05 + 1e-7


# --- arrays -------------------------------------------------------------------------------------------------------


def test_compensation_gives_a_tile_its_sum_back() -> None:
    before = [torch.rand(3, 20, 8, generator=generator(s)) + 0.1 for s in (0, 1)]
    now = [one * torch.tensor([0.5, 0.7, 1.0])[:, None, None] for one in before]
    assert torch.allclose(compensation(before, now).flatten(), torch.tensor([2.0, 1 / 0.7, 1.0]), atol=1e-5)


def test_a_tile_without_current_is_left_alone() -> None:
    assert torch.equal(compensation([torch.zeros(1, 2, 2)], [torch.zeros(1, 2, 2)]), torch.ones(1, 1, 1))


def test_parallel_copies_drift_each_for_itself() -> None:
    levels = [torch.full((1, 100, 100), 60.0)]
    spreads = []
    for copies in (1, 4):
        numbers = CrossbarNumbers.of(device_spec("pcm", copies=copies, age_s=YEAR_S))
        spreads.append(float(program_arrays(levels, numbers, generator())[0].std()))
    assert spreads[1] == pytest.approx(spreads[0] / 2, rel=0.1)


def error_after(age_s: float, compensation_: str) -> float:
    """Relative error of a product of a layer of phase-change pairs."""
    weight, x = matrices(100, 30, rows=60)
    errors = device_spec("pcm", age_s=age_s, compensation=compensation_)
    found = [plugin.program(weight, errors, x, generator(s), "merged")(x, generator(s)) for s in range(4)]
    exact = x @ weight.T
    return statistics.fmean(float((f - exact).norm() / exact.norm()) for f in found)


def test_compensation_takes_most_of_the_drift_of_a_year() -> None:
    young, compensated, raw = error_after(1.0, "global"), error_after(YEAR_S, "global"), error_after(YEAR_S, "none")
    assert raw > 2.5 * compensated
    assert young < compensated < 0.25


def test_drift_is_seen_alike_by_both_details() -> None:
    weight, x = matrices(100, 20)
    errors = device_spec("pcm", age_s=YEAR_S)
    found: list[Tensor] = [
        plugin.program(weight, errors, x, generator(1), detail)(x, generator(2))  # type: ignore[arg-type]
        for detail in ("merged", "full")
    ]
    assert float((found[0] - found[1]).abs().max() / found[1].abs().max()) < 1e-5
