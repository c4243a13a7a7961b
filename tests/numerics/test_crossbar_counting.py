"""Integrate-and-fire counters: exact where they are wide, saturating where they are full, like converters otherwise."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_crossbar_numerics import full, generator, matrices, rounded_product, spec
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.counting import CountedCrossbar, count_charge, trains
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.programmed import write
from joulescape.simulators.crossbar.rules import lossless_adc_bits

torch.set_num_threads(1)


def counted(role: Role = "forward", **changes: float) -> ErrorSpec:
    return spec(role, **{"is_counted": 1, "cell_bits": 4, "is_differential": 1, **changes})


def machine(weight: Tensor, x: Tensor, errors: ErrorSpec) -> CountedCrossbar:
    found = plugin.program(weight, errors, x, generator(), "full")
    assert isinstance(found, CountedCrossbar)
    return found


def product_error(errors: ErrorSpec, rows: int = 64) -> float:
    """Relative root mean square error against the rounded product."""
    weight, x = matrices(150, 12, rows=rows)
    exact = rounded_product(weight, x, errors)
    codes = InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x)
    found = machine(weight, x, errors).integers(codes, generator(3))
    return float((found - exact).norm() / exact.norm())


@settings(max_examples=30, deadline=None)
@given(
    rows=st.sampled_from([16, 64, 128]), weight_bits=st.integers(2, 8), input_bits=st.integers(2, 8),
    cell_bits=st.integers(1, 4), inputs=st.integers(1, 150), signed=st.booleans(), differential=st.booleans(),
)  # fmt: skip
def test_a_wide_counter_counts_the_integers_themselves(
    rows: int, weight_bits: int, input_bits: int, cell_bits: int, inputs: int, signed: bool, differential: bool
) -> None:
    """One train carries all input bits: the counter needs as many more than a converter of single bits."""
    errors = counted(
        rows=rows, weight_bits=weight_bits, input_bits=input_bits, cell_bits=cell_bits,
        adc_bits=lossless_adc_bits(rows, input_bits, cell_bits) + 1, is_differential=float(differential),
    )  # fmt: skip
    weight, x = matrices(inputs, 5, rows=7, signed=signed, seed=inputs)
    codes = InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x)
    found = machine(weight, x, errors).integers(codes, generator())
    assert torch.equal(found, rounded_product(weight, x, errors))


def test_sixteen_bit_operands_stay_exact_in_a_counter_of_28_bits() -> None:
    errors = counted(weight_bits=16, input_bits=16, adc_bits=28)
    weight, x = matrices(300, 3, rows=5, signed=True)
    codes = InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x)
    assert torch.equal(machine(weight, x, errors).integers(codes, generator()), rounded_product(weight, x, errors))


def test_each_bit_of_the_counter_halves_the_error() -> None:
    found = [product_error(counted(weight_bits=16, input_bits=16, adc_bits=bits)) for bits in range(4, 13)]
    ratios = [after / before for before, after in pairwise(found)]
    assert all(0.4 < ratio < 0.6 for ratio in ratios)


def test_the_error_of_counting_is_that_of_rounding_the_charge_of_one_count() -> None:
    """One tile, one slice, a pair: two counts, each off by step / sqrt(12)."""
    errors = counted(weight_bits=5, input_bits=8, adc_bits=6)
    weight, x = matrices(120, 40, rows=200)
    cells = write(weight, CrossbarNumbers.of(errors), generator())
    code = InputCode.calibrated(x, CrossbarNumbers.of(errors))
    charge = float(count_charge(cells, code, code.integers(x))[0])
    found = machine(weight, x, errors).integers(code.integers(x), generator())
    spread = float((found - rounded_product(weight, x, errors)).std())
    assert charge > 50
    assert spread == pytest.approx(charge * math.sqrt(2 / 12), rel=0.05)


def test_a_full_counter_loses_what_comes_after() -> None:
    """Calibrated on small inputs: inputs of four times the size fill every counter, and the product stays small."""
    errors = counted(adc_bits=8, input_bits=8)
    weight, x = torch.ones(3, 100), torch.full((4, 100), 0.25)
    calibration = torch.cat([x, torch.eye(1, 100)])
    found = plugin.program(weight, errors, calibration, generator(), "full")
    small, large = (found(inputs, generator()) for inputs in (x, 4 * x))
    assert torch.allclose(small, x @ weight.T, rtol=0.02)
    assert torch.allclose(large, small, rtol=0.02)


def test_a_tight_clip_saturates_sooner() -> None:
    wide, tight = (product_error(counted(adc_bits=8, adc_clip_fraction=clip)) for clip in (1.0, 0.3))
    assert tight > 5 * wide


@given(st.integers(2, 8), st.booleans())
def test_trains_carry_the_integer(bits: int, signed: bool) -> None:
    _, x = matrices(6, 1, rows=9, signed=signed, seed=bits)
    code = InputCode.calibrated(x, CrossbarNumbers.of(counted(input_bits=bits)))
    integers = code.integers(x)
    found = trains(integers, code)
    assert len(found) == 1 + code.is_signed
    assert all(bool((charge >= 0).all()) for _, charge in found)
    assert torch.equal(torch.stack([sign * charge for sign, charge in found]).sum(dim=0), integers)


def test_read_noise_of_a_train_is_that_of_its_spikes() -> None:
    """Var = sigma^2 sum over spikes of 4^t: a row that spikes at all eight bits has (4^8 - 1) / 3 of one spike's."""
    errors = counted(read_sigma_fraction=0.02, adc_bits=24, weight_bits=5, input_bits=8, on_off_ratio=1e9)
    weight, x = torch.ones(1, 1), torch.ones(4000, 1)
    found = machine(weight, x, errors).integers(torch.full((4000, 1), 255.0), generator(5))
    per_half = 0.02 * 15
    assert float(found.std()) == pytest.approx(per_half * math.sqrt(2 * (4**8 - 1) / 3), rel=0.05)


def test_pairs_and_offset_columns_meet_the_same_devices_in_both_details() -> None:
    weight, x = matrices(60, 8)
    for differential in (0, 1):
        errors = counted(programming_sigma_fraction=0.05, is_differential=differential)
        states = []
        for detail in ("merged", "full"):
            made = generator(3)
            plugin.program(weight, errors, x, made, detail)  # type: ignore[arg-type]
            states.append(made.get_state())
        assert torch.equal(*states)


@pytest.mark.parametrize("differential", [0, 1])
def test_merged_equals_full_with_a_wide_counter(differential: int) -> None:
    errors = counted(adc_bits=24, is_differential=differential)
    weight, x = matrices(200, 20, signed=True)
    merged, complete = (plugin.program(weight, errors, x, generator(), detail)(x, generator())
                        for detail in ("merged", "full"))  # fmt: skip
    assert float((merged - complete).abs().max() / complete.abs().max()) < 1e-5


def test_few_bits_go_further_in_a_counter_and_many_in_a_converter() -> None:
    """A counter of either array has no sign to hold: half the step. A converter sees one bit of the input at a time, so
    ten bits lose nothing, where a counter would need 19."""
    weight, x = matrices(128, 16, rows=100)
    exact = rounded_product(weight, x, counted())
    codes = InputCode.calibrated(x, CrossbarNumbers.of(counted())).integers(x)

    def errors(bits: int) -> tuple[float, float]:
        count = machine(weight, x, counted(adc_bits=bits)).integers(codes, generator())
        convert = full(weight, x, spec(cell_bits=4, is_differential=1, adc_bits=bits)).integers(codes, generator())
        return float((count - exact).norm()), float((convert - exact).norm())

    few, many = errors(5), errors(10)
    assert few[0] == pytest.approx(few[1] / 2, rel=0.2)
    assert many[1] == 0 < many[0]


def test_a_gradient_through_a_counter_has_no_error_of_single_cycles() -> None:
    gradient = torch.randn(2000, 10, generator=generator())
    found = [plugin.gradient(gradient, counted("input_gradient", adc_bits=b), generator(1)) for b in (30, 8, 6)]
    assert torch.equal(found[0], gradient)
    errors = [float((f - gradient).std()) for f in found[1:]]
    assert errors[1] == pytest.approx(4 * errors[0], rel=0.01)
