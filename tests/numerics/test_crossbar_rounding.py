"""What converters round away follows the reads that an input drives; where nothing drives nothing errs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from crossbar_numbers import generator, matrices, spec
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import OnWindows, Window
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.rounding import RoundingProfile

torch.set_num_threads(1)
NOISY: dict[str, float] = {"programming_sigma_fraction": 0.1, "read_sigma_fraction": 0.02}
READERS: list[dict[str, float]] = [
    {}, {"is_differential": 0}, {"is_counted": 1}, {"is_leading": 1}, {"is_centred": 1},
    {"speculation_first_bits": 4, "speculation_next_bits": 2},
]  # fmt: skip


@pytest.mark.parametrize("detail", ["merged", "full"])
@pytest.mark.parametrize("reader", READERS)
def test_an_input_that_drives_no_row_is_read_as_nothing(detail: Any, reader: dict[str, float]) -> None:
    weight, x = matrices(60, 6, rows=200)
    machine = plugin.program(weight, spec(**NOISY, **reader), x, generator(), detail)
    asked = x[:9].clone()
    asked[::2] = 0
    found = machine(asked, generator(1))
    assert bool((found[::2] == 0).all())
    assert bool((found[1::2] != 0).any())


@pytest.mark.parametrize("detail", ["merged", "full"])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_background_of_an_image_is_read_as_nothing(detail: Any, noise: float) -> None:
    window, x = Window((3, 3), (1, 1), (1, 1)), torch.zeros(4, 2, 8, 8)
    x[:, :, :3, :3] = torch.rand(4, 2, 3, 3, generator=generator())
    rows = torch.nn.functional.unfold(x, 3, padding=1).transpose(1, 2).reshape(-1, 18)
    errors = spec(programming_sigma_fraction=0.1, read_sigma_fraction=noise, adc_bits=5)
    machine = plugin.program(torch.randn(5, 18, generator=generator(1)), errors, rows, generator(), detail)
    assert isinstance(machine, OnWindows)
    found = machine.on_windows(x, window, generator(2))
    assert bool((found[:, :, 5:] == 0).all() and (found[:, :, :, 5:] == 0).all())
    assert bool((found[:, :, :3, :3] != 0).any())


def rest(errors: ErrorSpec, x: Tensor, seen: Tensor, detail: Any) -> Tensor:
    """Deviation of what converters make of each input `seen`, over draws of the chip and all outputs."""
    weight, _ = matrices(x.shape[1], 24)
    fine = spec(**{**errors.numbers, "adc_bits": 24, "least_step_levels": 0.0})
    found = []
    for chip in range(6):
        machine, sure = (
            plugin.program(weight, e, x, generator(chip), d) for e, d in ((errors, detail), (fine, "merged"))
        )
        found.append(machine(seen, generator(chip)) - sure(seen, generator(chip)))
    return torch.cat(found, dim=1).square().mean(dim=1).sqrt()


@pytest.mark.parametrize("changes", [{}, {"is_differential": 0}, {"dac_bits": 2}, {"rows": 40}])
def test_weak_inputs_meet_the_rounding_of_the_reads_that_they_drive(changes: dict[str, float]) -> None:
    """Of an input of 15 of 255 the four lower reads alone drive rows: a sixteenth of the deviation, merged as full."""
    made = generator(5)
    x = torch.rand(400, 120, generator=made) * 2.0 ** -torch.randint(0, 6, (400, 1), generator=made)
    strong, weak = torch.rand(300, 120, generator=made), torch.rand(300, 120, generator=made) * 15.4 / 255
    errors = spec(programming_sigma_fraction=0.1, adc_bits=10, **changes)
    found = {}
    for name, seen, tolerance in (("strong", strong, 0.15), ("weak", weak, 0.6)):
        full, merged = (float(rest(errors, x, seen, d).mean()) for d in ("full", "merged"))
        assert merged == pytest.approx(full, rel=tolerance)
        found[name] = full
    assert found["weak"] < 0.15 * found["strong"]


def coded(bits: int = 4, is_signed: bool = False) -> InputCode:
    return InputCode(1.0, bits, 1, is_signed)


def test_the_profile_is_fitted_with_a_mean_of_one() -> None:
    x = torch.randint(0, 16, (500, 3), generator=generator()).float() // torch.tensor([[1.0]])
    x[:250] = (x[:250] / 4).floor()
    profile = RoundingProfile(coded(), x, torch.randn(500, 8, generator=generator(1)) * (1 + x.amax(1, keepdim=True)))
    driven = profile(x)[(x != 0).any(dim=1)]
    assert float(driven.mean()) == pytest.approx(1.0, abs=0.05)
    assert float(profile(torch.tensor([[15.0]]))) > 4 * float(profile(torch.tensor([[3.0]])))
    assert float(profile(torch.zeros(1, 3))) == 0


def test_what_does_not_follow_the_reads_is_constant() -> None:
    x = 2.0 ** torch.randint(0, 4, (2000, 1), generator=generator())
    profile = RoundingProfile(coded(), x, torch.randn(2000, 40, generator=generator(1)))
    assert torch.allclose(profile(x), torch.ones(2000, 1), atol=0.1)


def test_a_negative_value_reaches_every_read() -> None:
    x = torch.tensor([[-1.0], [1.0], [7.0], [-8.0]])
    left = torch.tensor([8.0, 1.0, 4.0, 8.0]).repeat(100)[:, None] * torch.randn(400, 6, generator=generator())
    profile = RoundingProfile(coded(is_signed=True), x.repeat(100, 1), left)
    assert float(profile(x)[0]) == float(profile(x)[3]) > float(profile(x)[2]) > float(profile(x)[1]) > 0


def test_windows_take_the_largest_value_under_them() -> None:
    x = torch.randint(0, 16, (2, 3, 6, 5), generator=generator()).float()
    window = Window((3, 2), (2, 1), (0, 2))
    rows = torch.nn.functional.unfold(x, window.kernel, padding=window.padding, stride=window.stride).transpose(1, 2)
    profile = RoundingProfile(coded(), rows.flatten(0, 1), torch.randn(rows.flatten(0, 1).shape[0], 4))
    assert torch.equal(profile.on_windows(x, window).flatten(), profile(rows.flatten(0, 1)).flatten())
