"""Charge on capacitors: noise of the admitted ratio, a converter of few bits, weights on their grid."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.analog_columns import plugin

torch.set_num_threads(1)

MANY = settings(max_examples=10, deadline=None)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def computed(weight: Tensor, x: Tensor, seed: int = 1, **numbers: float) -> Tensor:
    spec = ErrorSpec("analog_columns", "conv", "forward", {"snr_db": 300.0, **numbers})
    return plugin.program(weight, spec, x, stream(), "full")(x, stream(seed))


def matrices(rows: int = 400) -> tuple[Tensor, Tensor]:
    made = stream(7)
    return torch.randn(16, 27, generator=made), torch.rand(rows, 27, generator=made)


@pytest.mark.parametrize("snr_db", [20.0, 30.0, 40.0, 60.0])
def test_noise_has_the_ratio_that_is_admitted(snr_db: float) -> None:
    weight, x = matrices()
    wanted = x @ weight.T
    noise = computed(weight, x, snr_db=snr_db) - wanted
    found = 10 * torch.log10(wanted.square().mean() / noise.square().mean())
    assert float(found) == pytest.approx(snr_db, abs=0.3)


def test_noise_is_drawn_anew_and_only_from_its_generator() -> None:
    weight, x = matrices()
    first, again, other = (computed(weight, x, seed, snr_db=30.0) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@given(bits=st.integers(1, 10))
@MANY
def test_a_converter_has_so_many_levels_and_half_a_step_of_error(bits: int) -> None:
    weight, x = matrices()
    wanted, found = x @ weight.T, computed(weight, x, output_bits=bits)
    step = float(wanted.max() - wanted.min()) / (2**bits - 1)
    assert len(torch.unique(found.round(decimals=4))) <= 2**bits
    assert float((found - wanted).abs().max()) <= step / 2 * 1.01


def test_without_widths_and_noise_it_is_the_product() -> None:
    weight, x = matrices()
    assert torch.allclose(computed(weight, x), x @ weight.T, atol=1e-5)
    assert not torch.allclose(computed(weight, x, weight_bits=4), x @ weight.T, atol=1e-2)
