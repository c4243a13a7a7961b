"""Reads of which not every column is converted, and weights less a centre: PRIME and RAELLA in numbers."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from crossbar_numbers import generator, matrices, spec
from torch import Tensor

from joulescape.numerics.base import Detail
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.centring import centres, less_centres
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.partial import LeadingRead, TriedRead
from joulescape.numerics.crossbar.programmed import write

TRIED: dict[str, Any] = {"speculation_first_bits": 4, "speculation_next_bits": 2}
RAELLA: dict[str, Any] = {"rows": 512, "columns": 1024, "cell_bits": 3, "adc_bits": 7, "adc_clip_fraction": 1e-3}
PRIME: dict[str, Any] = {"rows": 256, "columns": 256, "cell_bits": 4, "dac_bits": 3, "adc_bits": 6, "input_bits": 6}
WIDE: dict[str, Any] = {"adc_bits": 20, "adc_clip_fraction": 1.0, "least_step_levels": 0.0}


def rectified(rows: int, inputs: int) -> Tensor:
    """Inputs as behind a rectifier: half of them zero, few of them large."""
    made = generator(3)
    return torch.relu(torch.randn(rows, inputs, generator=made)) * torch.rand(rows, inputs, generator=made)


def error(weight: Tensor, x: Tensor, detail: Detail = "full", **numbers: Any) -> float:
    """Share of the exact product that a read misses."""
    read = plugin.program(weight, spec(**numbers), x, generator(), detail)
    exact = x @ weight.T
    return float((read(x, generator()) - exact).norm() / exact.norm())


def shifted(inputs: int = 512, outputs: int = 24) -> Tensor:
    """Weights that are mostly positive."""
    return matrices(inputs, outputs)[0] + 0.4


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(
    "numbers", [{**RAELLA, "adc_bits": 20, **TRIED}, {**RAELLA, "adc_bits": 20, **TRIED, "is_centred": 1.0}]
)
def test_with_fine_converters_a_tried_read_is_the_full_one(numbers: dict[str, Any], is_signed: bool) -> None:
    weight, x = shifted(100, 12), rectified(20, 100) - (0.2 if is_signed else 0.0)
    plain = {key: value for key, value in numbers.items() if key not in {*TRIED, "is_centred"}}
    reads = [plugin.program(weight, spec(**one), x, generator(), "full") for one in (numbers, plain)]
    tried, full = (read(x, generator()) for read in reads)
    assert isinstance(reads[0], TriedRead)
    assert reads[0].failed_fraction == 0
    torch.testing.assert_close(tried, full, rtol=1e-5, atol=1e-5)


def test_failed_columns_are_read_again_bit_by_bit() -> None:
    """Where every trial saturates and no single bit does, the product is that of reading bit by bit."""
    weight, x = torch.full((1, 100), 1.0), torch.full((4, 100), 1.0)
    numbers = {**RAELLA, "cell_bits": 7, "adc_bits": 15, "adc_clip_fraction": 1e-3}
    read = plugin.program(weight, spec(**numbers, **TRIED), x, generator(), "full")
    assert float((read(x, generator()) - 100).abs().max()) < 1e-2
    assert cast(TriedRead, read).failed_fraction == 1.0


def test_a_centre_keeps_columns_near_zero_so_that_few_converters_bits_do() -> None:
    """The paper: plain pairs saturate and lose accuracy, centred ones do not."""
    weight, x = shifted(), rectified(24, 512)
    plain, centred = (error(weight, x, **RAELLA, is_centred=flag) for flag in (0.0, 1.0))
    assert plain > 0.05
    assert centred < plain / 5
    assert error(weight, x, "merged", **RAELLA, is_centred=1.0) == pytest.approx(centred, rel=0.25)


def test_speculation_loses_no_more_than_reading_bit_by_bit_and_fails_less_with_centres() -> None:
    weight, x = shifted(), rectified(24, 512)
    serial = error(weight, x, **RAELLA, is_centred=1.0)
    assert error(weight, x, **RAELLA, **TRIED, is_centred=1.0) < 1.2 * serial
    shares = []
    for flag in (0.0, 1.0):
        read = plugin.program(weight, spec(**RAELLA, **TRIED, is_centred=flag), x, generator(), "full")
        read(x, generator())
        shares.append(cast(TriedRead, read).failed_fraction)
    assert shares[1] < shares[0]


@pytest.mark.parametrize(("cell_bits", "weight_bits"), [(1, 8), (2, 8), (3, 8), (4, 8), (7, 8), (2, 4)])
def test_what_cells_hold_and_their_centres_are_the_weights(cell_bits: int, weight_bits: int) -> None:
    errors = spec(rows=64, cell_bits=cell_bits, weight_bits=weight_bits, is_centred=1.0)
    cells = write(shifted(150, 10), CrossbarNumbers.of(errors), generator())
    assert torch.equal(cells.effective.round(), cells.integers.T)


def test_centres_lie_where_the_fourth_power_of_the_load_is_least_and_within_range() -> None:
    numbers = CrossbarNumbers.of(spec(rows=64, cell_bits=4, is_centred=1.0))
    tiled = torch.arange(-60.0, 60.0).reshape(2, 60, 1)
    found = centres(tiled, numbers)
    assert found.flatten().tolist() == pytest.approx([-30.5, 29.5], abs=1.0)
    whole, constant = less_centres(tiled.reshape(1, 120), CrossbarNumbers.of(spec(rows=64)))
    assert torch.equal(whole, tiled.reshape(1, 120))
    assert not constant.any()


def test_leading_bits_of_many_bits_are_the_product() -> None:
    weight, x = shifted(200, 12), rectified(20, 200)
    fine = {**PRIME, "adc_bits": 24, "is_leading": 1.0}
    assert error(weight, x, **fine) == pytest.approx(error(weight, x, **{**PRIME, **WIDE}), abs=1e-3)


def test_fewer_bits_of_a_result_lose_more_and_every_part_at_full_bits_loses_least() -> None:
    weight, x = shifted(200, 12), rectified(40, 200)
    lost = [error(weight, x, **{**PRIME, "adc_bits": bits}, is_leading=1.0) for bits in (4, 6, 8, 10)]
    assert lost == sorted(lost, reverse=True)
    assert error(weight, x, **PRIME) < lost[1]


def test_both_details_agree_on_leading_bits() -> None:
    weight, x = shifted(200, 12), rectified(60, 200)
    full, merged = (error(weight, x, detail, **PRIME, is_leading=1.0) for detail in ("full", "merged"))
    assert isinstance(plugin.program(weight, spec(**PRIME, is_leading=1.0), x, generator(), "full"), LeadingRead)
    assert merged == pytest.approx(full, rel=0.3)


@pytest.mark.parametrize("numbers", [{**PRIME, "is_leading": 1.0}, {**RAELLA, **TRIED, "is_centred": 1.0}])
def test_read_noise_is_drawn_and_only_makes_matters_worse(numbers: dict[str, Any]) -> None:
    weight, x = shifted(200, 12), rectified(40, 200)
    quiet, noisy = (error(weight, x, **numbers, read_sigma_fraction=sigma) for sigma in (0.0, 0.1))
    assert noisy > quiet
