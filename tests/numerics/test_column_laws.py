"""Analog columns, charge and SRAM: scales that carry through, cells written as they say, one-bit weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.analog_columns import AnalogColumns
from joulescape.numerics.analog_columns import Columns as ChargeColumns
from joulescape.numerics.fixed_point import FixedPoint
from joulescape.numerics.sram_in_memory import SramInMemory
from joulescape.numerics.sram_in_memory.columns import Cells, ColumnNumbers, Columns, write

torch.set_num_threads(1)

SOME = settings(max_examples=25, deadline=None)
CHARGE, SRAM, WHOLE = AnalogColumns(), SramInMemory(), FixedPoint()
QUIET: dict[str, float] = {
    "rows": 16, "weight_bits": 4, "input_bits": 4, "dac_bits": 1, "is_joined": 0, "adc_bits": 20, "range_rows": 0,
    "clip_fraction": 1.0, "mismatch_sigma_fraction": 0.0, "bend_fraction": 0.0, "read_sigma_fraction": 0.0,
}  # fmt: skip
sizes = {"outputs": st.integers(1, 6), "inputs": st.integers(1, 40), "seed": st.integers(0, 99)}


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(outputs: int, inputs: int, seed: int, rows: int = 8) -> tuple[Tensor, Tensor]:
    made = stream(seed)
    return torch.randn(outputs, inputs, generator=made), torch.rand(rows, inputs, generator=made)


def charge(weight: Tensor, x: Tensor, snr_db: float = 400.0, **numbers: float) -> ChargeColumns:
    spec = ErrorSpec("analog_columns", "conv", "forward", {"snr_db": snr_db, **numbers})
    found = CHARGE.program(weight, spec, x, stream(), "full")
    assert isinstance(found, ChargeColumns)
    return found


def numbers(**changes: float) -> ColumnNumbers:
    return ColumnNumbers.of(ErrorSpec("sram_in_memory", "fc", "forward", {**QUIET, **changes}))


def sram(weight: Tensor, x: Tensor, **changes: float) -> Columns:
    found = SRAM.program(
        weight, ErrorSpec("sram_in_memory", "fc", "forward", {**QUIET, **changes}), x, stream(), "full"
    )
    assert isinstance(found, Columns)
    return found


# --- charge on capacitors ------------------------------------------------------------------------------------------


@SOME
@given(**sizes, bits=st.integers(2, 12), shift=st.integers(-8, 8))
def test_brighter_images_and_larger_weights_are_larger_sums_and_nothing_else(
    outputs: int, inputs: int, seed: int, bits: int, shift: int
) -> None:
    """Noise, weights' grid and the converter's range all follow the signal: a power of two passes through."""
    weight, x = drawn(outputs, inputs, seed)
    plain = charge(weight, x, 30.0, weight_bits=bits, output_bits=bits)(x, stream(3))
    factor = 2.0**shift
    brighter = charge(weight, x * factor, 30.0, weight_bits=bits, output_bits=bits)(x * factor, stream(3))
    larger = charge(weight * factor, x, 30.0, weight_bits=bits, output_bits=bits)(x, stream(3))
    assert torch.allclose(brighter, plain * factor, rtol=1e-4, atol=1e-5 * factor)
    assert torch.allclose(larger, plain * factor, rtol=1e-4, atol=1e-5 * factor)


@SOME
@given(**sizes, db=st.floats(10.0, 80.0))
def test_twenty_db_are_a_tenth_of_the_noise(outputs: int, inputs: int, seed: int, db: float) -> None:
    weight, x = drawn(outputs, inputs, seed)
    low, high = charge(weight, x, db), charge(weight, x, db + 20.0)
    assert high.deviation == pytest.approx(low.deviation / 10)
    root = float((x @ weight.T).square().mean().sqrt())
    assert low.deviation == pytest.approx(root * 10 ** (-db / 20), rel=1e-4)


@SOME
@given(**sizes, bits=st.integers(1, 12))
def test_what_is_converted_lies_in_the_range_that_was_seen(outputs: int, inputs: int, seed: int, bits: int) -> None:
    weight, x = drawn(outputs, inputs, seed)
    machine = charge(weight, x, 20.0, output_bits=bits)
    seen = x @ weight.T
    found = machine(3 * x, stream())
    slack = 1e-4 * float(seen.abs().max() + 1)
    assert float(found.min()) >= float(seen.min()) - slack
    assert float(found.max()) <= float(seen.max()) + slack


@SOME
@given(**sizes)
def test_one_bit_weights_are_signs_of_their_mean_size(outputs: int, inputs: int, seed: int) -> None:
    """Binary networks pass through unchanged; any other weight is a sign; nothing is lost to a grid without levels."""
    weight, x = drawn(outputs, inputs, seed)
    sizes_ = torch.rand(outputs, 1, generator=stream(seed)) + 0.1
    binary = torch.where(weight >= 0, 1.0, -1.0) * sizes_
    assert torch.allclose(charge(binary, x, weight_bits=1).weight, binary)
    held = charge(weight, x, weight_bits=1).weight
    assert torch.equal(held.sign(), weight.sign())
    assert torch.allclose(held.abs(), weight.abs().mean(1, keepdim=True).expand_as(held), rtol=1e-5)
    assert torch.isfinite(charge(weight, x, 30.0, weight_bits=1, output_bits=1)(x, stream())).all()


@pytest.mark.parametrize("bits", [2.0, 4.0, 8.0])
def test_each_output_has_a_full_scale_of_its_own(bits: float) -> None:
    """A row a thousand times smaller is held as finely."""
    weight, x = drawn(2, 30, 4)
    scaled = weight * torch.tensor([[1.0], [1e-3]])
    held, plain = (charge(w, x, weight_bits=bits).weight for w in (scaled, weight))
    assert torch.allclose(held[1], plain[1] * 1e-3, rtol=1e-5)
    assert len(set(held[0].tolist())) <= 2**bits - 1
    assert torch.allclose(held.abs().amax(1), scaled.abs().amax(1))


def test_zeros_in_zeros_out() -> None:
    x = torch.rand(5, 9, generator=stream())
    for given_bits in ({}, {"weight_bits": 1.0}, {"weight_bits": 4.0, "output_bits": 4.0}):
        machine = charge(torch.zeros(3, 9), x, 30.0, **given_bits)
        assert not machine(x, stream()).any()


# --- SRAM columns --------------------------------------------------------------------------------------------------


@SOME
@given(**sizes, bits=st.integers(2, 8), is_joined=st.booleans())
def test_cells_and_their_significance_are_the_weights(
    outputs: int, inputs: int, seed: int, bits: int, is_joined: bool
) -> None:
    """What columns hold, each by what it counts, in units of the scale: the rounded weight; rows beyond are empty."""
    weight, _ = drawn(outputs, inputs, seed)
    held = numbers(weight_bits=bits, is_joined=is_joined)
    cells = write(weight, held, stream())
    assert isinstance(cells, Cells)
    rows = cells.held.reshape(-1, outputs, held.columns).double() @ held.significance
    whole = rows[:inputs].T * cells.scale[:, None]
    assert len(rows) == math.ceil(inputs / 16) * cells.held.shape[1]
    assert not rows[inputs:].any()
    assert float((whole - weight).abs().max()) <= float(weight.abs().max()), "no sign is lost"
    wide = write(weight, numbers(weight_bits=12, is_joined=is_joined), stream())
    more = wide.held.reshape(-1, outputs, wide.numbers.columns).double() @ wide.numbers.significance
    fine = more[:inputs].T * wide.scale[:, None]
    assert float((fine - weight).square().mean()) <= float((whole - weight).square().mean()) + 1e-9
    if not is_joined:
        assert set(cells.held.flatten().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(("changes", "signed", "columns", "largest"), [
    ({}, False, 4, 1), ({"dac_bits": 4}, False, 4, 15), ({"dac_bits": 9}, False, 4, 15),
    ({"weight_bits": 1}, True, 1, 1), ({"is_joined": 1}, True, 1, 7),
    ({"is_joined": 1, "dac_bits": 2}, True, 1, 21), ({"weight_bits": 8}, False, 8, 1),
])  # fmt: skip
def test_what_a_column_is(changes: dict[str, float], signed: bool, columns: int, largest: int) -> None:
    held = numbers(**changes)
    assert (held.is_signed, held.columns, held.largest_sum) == (signed, columns, largest)
    assert float(held.significance.sum()) == (1.0 if signed else -1.0), "all bits set are minus one"


@SOME
@given(**sizes, shift=st.integers(-6, 6))
def test_powers_of_two_pass_through_columns(outputs: int, inputs: int, seed: int, shift: int) -> None:
    weight, x = drawn(outputs, inputs, seed)
    factor = 2.0**shift
    coarse: dict[str, Any] = {"adc_bits": 4, "bend_fraction": 0.1, "read_sigma_fraction": 0.02}
    plain = sram(weight, x, **coarse)(x, stream(5))
    assert torch.allclose(sram(weight * factor, x, **coarse)(x, stream(5)), plain * factor, rtol=1e-4, atol=1e-6)
    assert torch.allclose(
        sram(weight, x * factor, **coarse)(x * factor, stream(5)), plain * factor, rtol=1e-4, atol=1e-6
    )


@SOME
@given(**sizes, adc_bits=st.integers(1, 10))
def test_a_converter_is_never_finer_than_one_unit_or_wider_than_its_codes(
    outputs: int, inputs: int, seed: int, adc_bits: int
) -> None:
    weight, x = drawn(outputs, inputs, seed)
    machine = sram(weight, x, adc_bits=adc_bits)
    codes = 2**adc_bits - 1
    assert float(machine.step.min()) >= 1.0
    assert bool((machine.step * codes >= machine.full_scale * (1 - 1e-6)).all())
    clipped = sram(weight, x, adc_bits=adc_bits, clip_fraction=0.5)
    assert float(clipped.full_scale.max()) <= max(float(machine.full_scale.max()) / 2, 1.0)


def test_a_range_of_rows_is_a_range_whatever_is_seen() -> None:
    """Multiples of the rows that it spans: 16 rows in ranges of 10 are read over 20."""
    weight, x = drawn(3, 16, 2)
    for spanned, expected in ((8, 16), (10, 20), (16, 16), (64, 64)):
        machine = sram(weight, x, range_rows=spanned)
        assert set(machine.full_scale.flatten().tolist()) == {expected}
    assert set(sram(weight, x / 100, range_rows=16).full_scale.flatten().tolist()) == {16}


@SOME
@given(**sizes)
def test_blocks_of_inputs_make_one_answer(outputs: int, inputs: int, seed: int) -> None:
    weight, x = drawn(outputs, inputs, seed)
    machine = sram(weight, x, adc_bits=3)
    whole = machine.inputs.integers(x)
    by_row = torch.cat([machine.integers(row[None], stream()) for row in whole])
    assert torch.equal(machine.integers(whole, stream()), by_row)


# --- one signed bit on digital arrays ------------------------------------------------------------------------------


@SOME
@given(**sizes, accumulator=st.sampled_from([16.0, 32.0]))
def test_one_signed_bit_of_inputs_is_a_sign_of_their_mean_size(
    outputs: int, inputs: int, seed: int, accumulator: float
) -> None:
    """As one-bit weights are: finite, and exact for inputs that are signs already."""
    weight, x = drawn(outputs, inputs, seed)
    x = torch.where(x > 0.5, x, -x)
    x[0, 0] = -x[0, 0].abs()
    spec = ErrorSpec(
        "fixed_point", "fc", "forward", {"weight_bits": 1.0, "input_bits": 1.0, "accumulator_bits": accumulator}
    )
    signs, size = weight.sign() * weight.abs().mean(1, keepdim=True), float(x.abs().mean())
    found = WHOLE.program(weight, spec, x, stream(), "full")(x, stream())
    assert torch.allclose(found, size * x.sign() @ signs.T, rtol=1e-4, atol=1e-5)
    plain = WHOLE.program(signs, spec, x.sign(), stream(), "full")(x.sign(), stream())
    assert torch.allclose(plain, x.sign() @ signs.T, rtol=1e-4, atol=1e-5)
