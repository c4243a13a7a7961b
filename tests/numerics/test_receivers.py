"""What photocurrents become: noise by its causes, saturation, and the merged form beside the full one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.numerics._receivers import Noise, read_gradient, received
from joulescape.numerics._tiles import Grid

torch.set_num_threads(1)
QUIET = Noise(0.0, 0.0, 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def machine(weight: Tensor, x: Tensor, noise: Noise, detail: str = "full", unsigned: bool = True, **numbers: float):
    """`weight` in [-1, 1] behind receivers, in tiles of 4 x 8."""
    grid = Grid(weight.shape[0], weight.shape[1], 4, 8)
    tiles = grid.tiles(weight)
    return received(grid, tiles, torch.ones(tiles.shape[:2]), noise, numbers, x, detail, unsigned)  # type: ignore[arg-type]


def test_causes_add_as_variances() -> None:
    sums, light = torch.tensor(2.0), torch.tensor(9.0)
    noise = Noise(dark=0.3, shot=0.1, intensity=0.05, samples=4)
    assert float(noise.deviation(sums, light)) ** 2 == pytest.approx(4 * 0.09 + 0.01 * 9 + 0.0025 * 4)
    assert QUIET.is_silent and not noise.is_silent


def test_noise_is_read_from_the_numbers() -> None:
    numbers = {"dark_fraction": 0.1, "shot_fraction": 0.2, "intensity_fraction": 0.3}
    assert Noise.of(numbers) == Noise(0.1, 0.2, 0.3)
    assert Noise.of({**numbers, "integration_cycles": 7}).samples == 7


@pytest.mark.parametrize("detail", ["full", "merged"])
@pytest.mark.parametrize("noise", [Noise(0.05, 0, 0), Noise(0, 0.05, 0), Noise(0, 0, 0.05), Noise(0.02, 0.02, 0.02)])
def test_merged_and_full_err_alike(noise: Noise, detail: str) -> None:
    """The merged form takes noise at the calibration's mean light: within a fifth of the full one."""
    weight = torch.rand((10, 20), generator=generator(1)) * 2 - 1
    x = torch.rand((4000, 20), generator=generator(2))
    errors = {
        kind: float((machine(weight, x, noise, kind)(x, generator(3)) - x @ weight.T).std())
        for kind in ("full", "merged")
    }
    assert errors[detail] == pytest.approx(errors["full"], rel=0.2)


def test_signed_inputs_pay_twice_where_light_has_no_sign() -> None:
    weight, x = torch.ones((1, 8)), torch.randn((20000, 8), generator=generator(1))
    deviations = [
        float((machine(weight, x, Noise(0.01, 0, 0), unsigned=unsigned)(x, generator()) - x @ weight.T).std())
        for unsigned in (True, False)
    ]
    assert deviations[0] / deviations[1] == pytest.approx(2**0.5, rel=0.03)


def test_inputs_beyond_the_calibration_saturate() -> None:
    weight, x = torch.ones((1, 8)), torch.ones((1, 8))
    made = machine(weight, x, QUIET)
    assert float(made(x * 100, generator())) == pytest.approx(8.0)


def test_every_output_has_its_own_range() -> None:
    """A weak output beside a strong one is not rounded away by one converter's range for both."""
    weight = torch.tensor([[1.0] * 8, [0.01] * 8])
    x = torch.rand((500, 8), generator=generator(1))
    found = machine(weight, x, QUIET, output_bits=6)(x, generator())
    weak = found[:, 1] - x @ weight[1]
    assert float(weak.abs().max()) < 0.01 * 8 / 31


def test_voltages_that_are_added_meet_one_converter() -> None:
    """Three tiles of 8 inputs: apart each is rounded, together their sum is, two and one leave a bank unused."""
    weight = torch.rand((5, 24), generator=generator(1)) * 2 - 1
    x = torch.rand((3000, 24), generator=generator(2))
    exact = x @ weight.T
    errors = {
        added: float((machine(weight, x, QUIET, output_bits=5, banks_added=added)(x, generator()) - exact).std())
        for added in (1, 2, 3, 7)
    }
    assert errors[3] == errors[7]
    step = float(exact.abs().amax(0).mean()) / 15
    assert errors[3] == pytest.approx(step / 12**0.5, rel=0.1)
    without = machine(weight, x, QUIET, banks_added=3)
    assert torch.allclose(without(x, generator()), exact, atol=1e-5)


def test_every_added_bank_brings_its_own_noise() -> None:
    weight, x = torch.ones((1, 24)), torch.rand((20000, 24), generator=generator(2))
    found = [
        float((machine(weight, x, Noise(0.05, 0, 0), kind, banks_added=n)(x, generator(3)) - x @ weight.T).std())
        for n in (1, 3)
        for kind in ("full", "merged")
    ]
    assert found == pytest.approx([0.05 * 3**0.5] * 4, rel=0.03)


@pytest.mark.parametrize("bits", [3, 6])
def test_a_gradient_has_the_steps_of_the_converter(bits: int) -> None:
    gradient = torch.linspace(-3, 3, 5001)
    assert len(read_gradient(gradient, QUIET, {"output_bits": bits}, generator()).unique()) == 2**bits - 1
    assert torch.equal(read_gradient(gradient, QUIET, {}, generator()), gradient)
