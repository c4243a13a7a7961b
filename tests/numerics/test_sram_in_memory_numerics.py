"""Analog SRAM columns: exact where nothing errs, and every error where and as large as it should be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.sram_in_memory import plugin
from joulescape.numerics.sram_in_memory.columns import ColumnNumbers, Columns

torch.set_num_threads(1)
SOME = settings(max_examples=40, deadline=None)
QUIET: dict[str, float] = {
    "rows": 64, "weight_bits": 4, "input_bits": 4, "dac_bits": 1, "is_joined": 0, "adc_bits": 14, "range_rows": 64,
    "clip_fraction": 1.0, "mismatch_sigma_fraction": 0.0, "bend_fraction": 0.0, "read_sigma_fraction": 0.0,
}  # fmt: skip


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case(outputs: int = 8, inputs: int = 60, rows: int = 12, signed: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    made = stream(1)
    weight, x = torch.randn(outputs, inputs, generator=made), torch.randn(rows, inputs, generator=made)
    return weight, x if signed else x.abs()


def program(weight: torch.Tensor, x: torch.Tensor, seed: int = 0, /, **changes: float) -> Columns:
    spec = ErrorSpec("sram_in_memory", "fc", "forward", {**QUIET, **changes})
    found = plugin.program(weight, spec, x, stream(seed), "full")
    assert isinstance(found, Columns)
    return found


def error(seed: int = 0, /, **changes: float) -> float:
    """Mean square of what the changes add to the same columns without them."""
    weight, x = case(16, 100, 40)
    clean = program(weight, x)(x, stream())
    return float((program(weight, x, seed, **changes)(x, stream(7)) - clean).square().mean())


@SOME
@given(
    outputs=st.integers(1, 9), inputs=st.integers(1, 150), bits=st.integers(2, 8), input_bits=st.integers(1, 8),
    dac_bits=st.integers(1, 8), is_joined=st.booleans(), signed=st.booleans(),
)  # fmt: skip
def test_a_converter_with_enough_codes_makes_the_product_exact(
    outputs: int, inputs: int, bits: int, input_bits: int, dac_bits: int, is_joined: bool, signed: bool
) -> None:
    """Bits of two's complement, digits of inputs, tiles: put together again they are the whole-number product."""
    weight, x = case(outputs, inputs, 5, signed)
    device = program(
        weight, x, weight_bits=bits, input_bits=max(2, input_bits), dac_bits=dac_bits, is_joined=is_joined, adc_bits=24
    )
    whole = device.inputs.integers(x)
    levels = (weight / device.cells.scale[:, None]).round().clamp(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1)
    assert torch.equal(device.integers(whole, stream()), whole.double() @ levels.T.double())


def test_one_bit_weights_are_signs() -> None:
    weight, x = case()
    device = program(weight, x, weight_bits=1)
    whole = device.inputs.integers(x)
    assert torch.equal(device.integers(whole, stream()), whole.double() @ torch.sign(weight).T.double())
    assert torch.allclose(device.cells.scale, weight.abs().mean(dim=1))


@pytest.mark.parametrize(("rows", "bits", "is_exact"), [(64, 7, True), (64, 6, False), (255, 8, True), (256, 8, False)])
def test_a_column_of_one_bit_cells_needs_a_code_for_every_row(rows: int, bits: int, is_exact: bool) -> None:
    weight, x = case(8, rows, 20)
    wide = program(weight, x, rows=rows, range_rows=rows)(x, stream())
    found = program(weight, x, rows=rows, range_rows=rows, adc_bits=bits)(x, stream())
    assert torch.equal(found, wide) == is_exact


def test_a_full_scale_that_spans_unused_rows_costs_codes() -> None:
    """What a short layer loses in a tall array whose columns cannot be gated."""
    errors = [error(adc_bits=6, range_rows=rows) for rows in (64, 256, 1024)]
    assert errors == sorted(errors) and errors[-1] > 10 * errors[0]


@pytest.mark.parametrize(
    ("source", "levels"),
    [
        ("mismatch_sigma_fraction", [0.0, 0.02, 0.1, 0.3]),
        ("bend_fraction", [0.0, 0.05, 0.2]),
        ("read_sigma_fraction", [0.0, 0.02, 0.1]),
    ],
)
def test_more_of_any_error_never_helps(source: str, levels: list[float]) -> None:
    errors = [sum(error(seed, **{source: level}) for seed in range(4)) for level in levels]
    assert errors[0] == 0
    assert errors == sorted(errors) and errors[-1] > 0


@SOME
@given(bits=st.integers(4, 10))
def test_one_more_bit_of_the_converter_never_errs_more(bits: int) -> None:
    assert error(adc_bits=bits + 1, range_rows=128) <= error(adc_bits=bits, range_rows=128) * 1.05


def test_converter_error_is_a_twelfth_of_a_step_squared() -> None:
    """Signed weights in one column, sums spread over many steps."""
    weight, x = case(32, 64, 200)
    numbers = {"is_joined": 1.0, "weight_bits": 8.0, "dac_bits": 8.0, "input_bits": 8.0, "range_rows": 0.0}
    clean, coarse = (program(weight, x, **{**numbers, "adc_bits": bits}) for bits in (24, 7))
    whole = clean.inputs.integers(x)
    missed = coarse.integers(whole, stream()) - clean.integers(whole, stream())
    assert float(missed.square().mean()) == pytest.approx(float(coarse.step.max()) ** 2 / 12, rel=0.1)


def test_mismatch_adds_as_independent_cells_do() -> None:
    """Var = sigma^2 sum x^2 w^2, in one joined column."""
    weight, x = case(200, 60, 1)
    numbers = {"is_joined": 1.0, "dac_bits": 4.0, "adc_bits": 24.0}
    clean, rough = program(weight, x, **numbers), program(weight, x, mismatch_sigma_fraction=0.2, **numbers)
    whole = clean.inputs.integers(x)
    assert isinstance(rough, Columns)
    moved = (rough.cells.held - clean.cells.held).double()
    expected = 0.2**2 * (whole.double().square() @ clean.cells.held[0].double().square())
    found = (whole.double() @ moved[0]).square()
    assert float(found.sum()) == pytest.approx(float(expected.sum()), rel=0.25)


def test_a_comparator_gives_signs_alone() -> None:
    weight, x = case(8, 60, 30, signed=True)
    device = program(weight, x, weight_bits=1, dac_bits=4, adc_bits=1, range_rows=0, input_bits=4)
    found = device.integers(device.inputs.integers(x), stream())
    sizes = set(found.abs().flatten().tolist())
    assert len(sizes) <= 2, "the read of magnitudes and that of signs, one decision each"


def test_devices_keep_their_mismatch_and_reads_draw_noise() -> None:
    weight, x = case()
    device = program(weight, x, mismatch_sigma_fraction=0.1)
    assert torch.equal(device(x, stream(1)), device(x, stream(2)))
    assert not torch.equal(device(x, stream()), program(weight, x, 1, mismatch_sigma_fraction=0.1)(x, stream()))
    noisy = program(weight, x, read_sigma_fraction=0.1)
    assert not torch.equal(noisy(x, stream(1)), noisy(x, stream(2)))


def test_numbers_that_are_missing_are_named() -> None:
    lacking = {name: value for name, value in QUIET.items() if name != "bend_fraction"}
    with pytest.raises(KeyError, match="bend_fraction"):
        ColumnNumbers.of(ErrorSpec("sram_in_memory", "fc", "forward", lacking))
