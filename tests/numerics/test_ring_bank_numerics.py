"""Microring banks: what resonances make of weights, and what a control loop gains."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.ring_bank import plugin
from joulescape.numerics.ring_bank.spectrum import alone, calibrated, reach, weights_of

torch.set_num_threads(1)
FEW = settings(max_examples=20, deadline=None)

QUIET: dict[str, float] = {
    "channels": 16, "rows": 16, "spacing_fwhm": 10.0, "is_calibrated": 1, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, "dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(banks: int, channels: int, seed: int = 0) -> Tensor:
    return torch.rand((banks, channels), generator=generator(seed)) * 2 - 1


def error(numbers: dict[str, float], signed: bool = False, seed: int = 0) -> float:
    """Relative error of one product on one device."""
    weight, x = torch.randn((12, 40), generator=generator(7)), torch.randn((50, 40), generator=generator(8))
    x = x if signed else x.abs()
    spec = ErrorSpec("ring_bank", "fc", "forward", {**QUIET, **numbers})
    found = plugin.program(weight, spec, x, generator(seed), "full")(x, generator(seed + 1))
    return float((found - x @ weight.T).norm() / (x @ weight.T).norm())


def test_one_ring_drops_a_lorentzian() -> None:
    """On resonance all is dropped, w = 1; half a linewidth off, half, w = 0; far off nothing, w = -1."""
    assert weights_of(torch.tensor([[0.0], [0.5], [1e4]]), 10.0).flatten().tolist() == pytest.approx(
        [1, 0, -1], abs=1e-6
    )


def test_two_rings_at_one_distance_by_hand() -> None:
    """Rings on resonance 3 linewidths apart: each lets 36/37 of the other's channel through; both weights are 1."""
    assert weights_of(torch.zeros((1, 2)), 3.0).flatten().tolist() == [1.0, 1.0]
    through = (1 - 1 / (1 + 4 * 0.25)) * (1 - 1 / (1 + 4 * 3.5**2))
    lower = (1 - 1 / (1 + 4 * 0.25)) * (1 - 1 / (1 + 4 * 2.5**2))
    expected = [1 - 2 * through, 1 - 2 * lower]
    assert weights_of(torch.full((1, 2), 0.5), 3.0).flatten().tolist() == pytest.approx(expected, abs=1e-5)


@FEW
@given(weights=st.lists(st.floats(-0.99, 1.0), min_size=1, max_size=8))
def test_a_ring_alone_is_set_exactly(weights: list[float]) -> None:
    wanted = torch.tensor(weights)[:, None]
    assert torch.allclose(weights_of(alone(wanted, 1e3), 1e3), wanted, atol=2e-3)


@FEW
@given(spacing=st.floats(3.0, 30.0), channels=st.integers(2, 24))
def test_a_control_loop_never_sets_weights_worse(spacing: float, channels: int) -> None:
    wanted = drawn(8, channels) * reach(spacing)
    naive = (weights_of(alone(wanted, spacing), spacing) - wanted).abs().mean()
    tuned = (weights_of(calibrated(wanted, spacing), spacing) - wanted).abs().mean()
    assert tuned <= naive


@pytest.mark.parametrize("spacing", [5.0, 10.0, 20.0])
def test_calibrated_weights_are_right_where_channels_stand_apart(spacing: float) -> None:
    wanted = drawn(16, 16) * reach(spacing)
    assert float((weights_of(calibrated(wanted, spacing), spacing) - wanted).abs().max()) < 0.03


def test_blocks_do_not_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    detunings = drawn(9, 6).abs()
    whole = weights_of(detunings, 4.0)
    monkeypatch.setattr("joulescape.numerics.ring_bank.spectrum.CHUNK", 72)
    assert torch.equal(weights_of(detunings, 4.0), whole)


def test_crosstalk_falls_with_spacing_and_calibration_removes_it() -> None:
    """The mechanism that limits channel counts: neighbours' tails. Switched off (calibrated) the bank is right."""
    naive = [error({"spacing_fwhm": spacing, "is_calibrated": 0}) for spacing in (2.0, 4.0, 10.0, 40.0)]
    assert naive == sorted(naive, reverse=True)
    assert naive[0] > 0.5
    assert error({"spacing_fwhm": 4.0}) < naive[1] / 4


def test_a_signed_input_pays_the_noise_of_two_passes() -> None:
    noisy = {"dark_fraction": 0.05}
    errors = {signed: sum(error(noisy, signed, seed) ** 2 for seed in range(8)) for signed in (False, True)}
    assert errors[True] > 1.5 * errors[False] * 0.9


@pytest.mark.parametrize("light", [0.1, 1.0])
def test_shot_noise_follows_the_light(light: float) -> None:
    """With inputs at `light` of full scale on 16 channels the variance is shot^2 * 16 * light, in channels' units."""
    weight = torch.ones((1, 16))
    full, dim = torch.ones((1, 16)), torch.full((20000, 16), light)
    spec = ErrorSpec("ring_bank", "fc", "forward", {**QUIET, "spacing_fwhm": 1e4, "shot_fraction": 0.01})
    found = plugin.program(weight, spec, full, generator(), "full")(dim, generator(1))
    assert float(found.std()) == pytest.approx(0.01 * (16 * light) ** 0.5, rel=0.03)


def test_a_gradient_is_read_with_the_receivers_noise_and_bits() -> None:
    gradient = torch.linspace(-1, 1, 4001)
    spec = ErrorSpec("ring_bank", "fc", "input_gradient", {**QUIET, "output_bits": 4})
    read = plugin.gradient(gradient, spec, generator())
    assert len(read.unique()) == 15
    noisy = ErrorSpec("ring_bank", "fc", "input_gradient", {**QUIET, "dark_fraction": 0.1})
    assert float((plugin.gradient(gradient, noisy, generator()) - gradient).std()) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("name", ["sigma_fwhm", "drift_fwhm"])
def test_resonances_off_by_the_steepest_slope_at_most(name: str) -> None:
    """|dw| <= 1.5 sqrt(3) d for every ring: a first-order bound on what detuning does."""
    wanted = drawn(4000, 4)
    moved = weights_of(alone(wanted, 1e4) + 0.001, 1e4)
    assert float((moved - wanted).abs().max()) <= 2.6 * 0.001 * 1.02
    assert error({name: 0.01, "spacing_fwhm": 1e4}) < 0.2
