"""Cells on whole numbers: exact sums by int8 units, units that add next to nothing, inputs as bytes and bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from crossbar_numbers import generator, matrices, spec
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.numerics.crossbar import plugin, whole
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.programmed import write
from joulescape.numerics.crossbar.whole import COARSE, RADIX, Room, WholeMatrix, on_whole, unit_of

torch.set_num_threads(1)
SIGNIFICANCE = torch.tensor([1.0, 4.0])


@pytest.mark.parametrize("has_int8", [True, False])
@pytest.mark.parametrize("largest", [3, COARSE, COARSE * RADIX])
@pytest.mark.parametrize("rows", [1, 2, 113])
def test_sums_of_whole_numbers_are_exact_on_any_processor(
    rows: int, largest: int, has_int8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "has_exact_int8", lambda: has_int8)
    numbers = torch.randint(-largest, largest + 1, (rows, 6), generator=generator(rows)).float()
    unit = torch.linspace(0.1, 1.0, 6)
    bits = torch.randint(0, 2, (20, rows), generator=generator(1), dtype=torch.int8)
    found = WholeMatrix(numbers * unit, unit)(bits, Room.of(32, 6))
    assert torch.equal(found, bits.float() @ numbers)


def test_whole_levels_stay_whole_levels() -> None:
    levels = torch.randint(-3, 4, (2, 9, 6), generator=generator()).float()
    unit = unit_of(levels, levels, SIGNIFICANCE)
    assert torch.equal(unit, torch.ones(6))
    assert torch.equal(on_whole(levels, unit), levels)


@pytest.mark.parametrize(("sigma", "numbers"), [(0.3, COARSE), (0.01, COARSE * RADIX)])
def test_a_unit_is_as_coarse_as_adds_next_to_nothing_to_the_errors(sigma: float, numbers: int) -> None:
    """One int8 number a cell beside errors of a tenth of the range, two beside small ones."""
    wanted = torch.randint(0, 4, (3, 100, 8), generator=generator()).float()
    held = wanted + sigma * torch.randn(wanted.shape, generator=generator(1))
    unit = unit_of(held, wanted, SIGNIFICANCE)
    assert torch.allclose(held.abs().amax(dim=(0, 1)) / unit, torch.full((8,), float(numbers)))
    before, after = ((cells - wanted).square().mean() for cells in (held, on_whole(held, unit)))
    assert float(after / before) == pytest.approx(1, abs=0.01)


def test_a_column_of_zeros_has_a_unit() -> None:
    held = torch.tensor([[[0.0, 0.5], [0.0, 1.2]]])
    assert bool((unit_of(held, held.round(), torch.ones(1)) > 0).all())


@given(st.integers(2, 16), st.integers(1, 8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_planes_of_words_are_the_digits_of_integers(bits: int, dac_bits: int, signed: bool) -> None:
    x = torch.rand(4, 7, generator=generator(bits)) - 0.5 * signed
    inputs = InputCode.calibrated(x, CrossbarNumbers.of(spec(input_bits=bits, dac_bits=dac_bits)))
    codes = inputs.integers(x)
    words = inputs.words(codes)
    assert torch.equal(inputs.planes(words).float(), torch.stack(inputs.digits(codes)))
    assert torch.equal(inputs.values(words).float(), codes)
    assert torch.equal(inputs.words(words), words)


@pytest.mark.parametrize("changes", [{"programming_sigma_fraction": 0.002}, {"stuck_on_fraction": 0.02},
                                     {"programming_sigma_fraction": 0.08, "is_differential": 0}])  # fmt: skip
def test_merged_and_full_hold_the_same_whole_numbers(changes: dict[str, float]) -> None:
    weight, x = matrices(200, 20)
    errors = spec(**{"adc_bits": 24, "least_step_levels": 0.0, **changes})
    found: list[Any] = [plugin.program(weight, errors, x, generator(), d)(x, generator()) for d in ("merged", "full")]  # type: ignore[arg-type]
    assert float((found[0] - found[1]).abs().max() / found[1].abs().max()) < 1e-5


def test_only_arrays_read_bit_by_bit_by_converters_are_kept_on_whole_numbers() -> None:
    weight, _ = matrices(60, 5)
    noisy = {"programming_sigma_fraction": 0.05}
    kept = write(weight, CrossbarNumbers.of(spec(**noisy)), generator())
    assert kept.unit is not None
    assert torch.allclose((kept.held / kept.unit).round() * kept.unit, kept.held)
    for other in ({"dac_bits": 2}, {"is_counted": 1}, {"is_analog": 1}):
        assert write(weight, CrossbarNumbers.of(spec(**noisy, **other)), generator()).unit is None


def test_read_noise_of_neighbouring_inputs_is_independent() -> None:
    weight, x = matrices(60, 4, rows=1)
    machine = plugin.program(weight, spec(adc_bits=16, least_step_levels=0.01, read_sigma_fraction=0.1), x, generator(),
                             "full")  # fmt: skip
    found = machine(x.expand(2000, -1), generator(2))
    centred = (found - found.mean(dim=0))[:, 0]
    assert abs(float((centred[1:] * centred[:-1]).mean() / centred.var())) < 0.08
