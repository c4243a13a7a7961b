"""Dynamic tensor cores: integrations, converters, uneven wavelengths."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.tensor_core import plugin

torch.set_num_threads(1)
QUIET: dict[str, float] = {
    "terms_per_sample": 4, "integration_cycles": 5, "gain_sigma_fraction": 0.0, "dark_fraction": 0.0,
    "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def product(weight: Tensor, x: Tensor, seed: int = 0, **numbers: float) -> Tensor:
    spec = ErrorSpec("tensor_core", "fc", "forward", {**QUIET, **numbers})
    return plugin.program(weight, spec, x, generator(seed), "full")(x, generator(seed + 1))


@pytest.mark.parametrize(("cycles", "readouts"), [(5, 1), (1, 5), (2, 3)])
def test_dark_noise_adds_over_clocks_whether_integrated_or_summed(cycles: int, readouts: int) -> None:
    """20 terms, 4 a clock: 5 clocks of dark noise (6 where the last integration is half empty), in any split."""
    x = torch.ones((20000, 20))
    found = product(torch.ones((1, 20)), x, dark_fraction=0.01, integration_cycles=cycles)
    assert float(found.std()) == pytest.approx(0.01 * (readouts * cycles) ** 0.5, rel=0.03)


def test_integration_costs_no_accuracy() -> None:
    """One conversion of a sum of 25 has a range 5 times as large as each of 25 conversions, whose roundings add."""
    weight, x = torch.randn((30, 100), generator=generator(3)), torch.rand((200, 100), generator=generator(4))
    wanted = x @ weight.T
    errors = [
        float((product(weight, x, output_bits=5, integration_cycles=n) - wanted).square().mean()) for n in (1, 25)
    ]
    assert 0.5 < errors[1] / errors[0] < 2.0


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_have_the_steps_of_their_converter(bits: int) -> None:
    weight = torch.stack([torch.linspace(-1, 1, 501), torch.ones(501)], 1)  # the second column sets the range
    found = product(weight, torch.tensor([[1.0, 0.0]]), weight_bits=bits)
    assert len(found.unique()) == 2**bits - 1


def test_a_wavelengths_gain_meets_every_weight_of_its_place() -> None:
    """Uneven gains are the device's: equal for all outputs and for every clock of an integration."""
    x = torch.eye(20)
    found = product(torch.ones((3, 20)), x, gain_sigma_fraction=0.1)
    assert torch.allclose(found[:, 0], found[:, 2])
    assert torch.allclose(found[:4], found[4:8])
    assert float(found.std()) > 0.01
    other = product(torch.ones((3, 20)), x, seed=5, gain_sigma_fraction=0.1)
    assert not torch.allclose(found, other)
