"""What crossbar noise amounts to: against closed forms, sample by sample, and in a network trained by its pulses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.programmed import CALIBRATION_ROWS, Converter, some_rows, write

torch.set_num_threads(1)

NUMBERS: dict[str, float] = {
    "rows": 128, "columns": 128, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 8, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 0, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 1e6, "wire_kohm": 0.0, "is_outer_product": 1, "states": 1200, "asymmetry": 0.2,
    "cycle_noise": 0.3, "weight_bound": 1.0,
}  # fmt: skip


def spec(role: Role = "forward", **changes: float) -> ErrorSpec:
    return ErrorSpec("crossbar", "fc", role, {**NUMBERS, **changes})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case(inputs: int = 128, outputs: int = 16, rows: int = 400) -> tuple[Tensor, Tensor]:
    made = generator(5)
    return torch.randn(outputs, inputs, generator=made), torch.rand(rows, inputs, generator=made)


def converter_of(errors: ErrorSpec) -> tuple[Converter, InputCode, Any]:
    weight, x = case()
    numbers = CrossbarNumbers.of(errors)
    inputs = InputCode.calibrated(x, numbers)
    cells = write(weight, numbers, generator())
    return Converter.calibrated(cells, inputs, inputs.integers(x)), inputs, cells


# --- converters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "differential"), [(4, 0), (5, 0), (6, 0), (4, 1), (5, 1)])
def test_quantisation_noise_is_a_step_over_root_twelve(bits: int, differential: int) -> None:
    """Var = tiles * sum 4^i * sum 16^s step_s^2 / 12: an upper estimate, small sums round with less error."""
    errors = spec(adc_bits=bits, is_differential=differential)
    weight, x = case()
    converter, _, cells = converter_of(errors)
    slices = cells.numbers.slice_count
    steps = (cells.numbers.slice_weights * converter.step[:slices]).square().sum()
    expected = math.sqrt(sum(4.0**i for i in range(8)) * float(steps) / 12)
    machine = plugin.program(weight, errors, x, generator(), "full")
    codes = InputCode.calibrated(x, cells.numbers).integers(x)
    ideal = codes.double() @ cells.integers.double().T
    seen = float((machine.integers(codes, generator()) - ideal).std())  # type: ignore[attr-defined]
    assert 0.5 * expected < seen < 1.15 * expected


def test_a_step_never_falls_below_one_level() -> None:
    converter, _, _ = converter_of(spec(adc_bits=10))
    assert float(converter.step.min()) == float(converter.step.max()) == 1.0


def test_full_scale_is_the_largest_sum_of_its_slice() -> None:
    converter, inputs, cells = converter_of(spec(adc_bits=4))
    weight, x = case()
    digits = torch.stack(inputs.digits(inputs.integers(x)))
    sums = (digits @ cells.held[0]).abs().reshape(-1, len(weight), 4).amax(dim=(0, 1))
    assert torch.allclose(converter.step[:4] * 15, sums.clamp(min=15))


def test_calibration_rows_come_from_everywhere() -> None:
    """Every 128th row of an im2col matrix may be the same corner of every image."""
    rows = torch.arange(128 * 300).float()[:, None]
    chosen = some_rows(rows)
    assert len(chosen) == CALIBRATION_ROWS
    assert len(torch.unique(chosen % 128)) > 64
    assert torch.equal(chosen, some_rows(rows))


# --- cells -------------------------------------------------------------------------------------------------------


def output_error(detail: Any, seed: int = 0, **changes: float) -> Tensor:
    weight, x = case()
    exact = plugin.program(weight, spec(adc_bits=10), x, generator(), "full")(x, generator())
    return plugin.program(weight, spec(**changes), x, generator(seed), detail)(x, generator(seed)) - exact


def test_programming_noise_is_the_same_at_every_call_and_read_noise_is_not() -> None:
    weight, x = case(rows=20)
    static = plugin.program(weight, spec(programming_sigma_fraction=0.05), x, generator(), "full")
    read = plugin.program(weight, spec(read_sigma_fraction=0.05), x, generator(), "full")
    noise = generator(1)
    assert torch.equal(static(x, noise), static(x, noise))
    assert not torch.equal(read(x, noise), read(x, noise))


@pytest.mark.parametrize("name", ["programming_sigma_fraction", "read_sigma_fraction"])
def test_merged_noise_is_as_strong_as_full_noise(name: str) -> None:
    strengths = [
        torch.stack([output_error(detail, seed, **{name: 0.06}) for seed in range(3)]).square().mean().sqrt()
        for detail in ("full", "merged")
    ]
    assert float(strengths[1]) == pytest.approx(float(strengths[0]), rel=0.1)


def test_merged_and_full_hold_the_same_device() -> None:
    """The same generator makes the same cells: outputs of both go astray together."""
    full, merged = (output_error(detail, programming_sigma_fraction=0.08).flatten() for detail in ("full", "merged"))
    correlation = torch.corrcoef(torch.stack([full, merged]))[0, 1]
    assert float(correlation) > 0.98


def test_read_noise_follows_the_drive() -> None:
    """sigma^2 * (cells read), all slices and cycles weighed: rows at full drive are noisier than rows at a quarter."""
    weight, _ = case()
    loud, quiet = torch.ones(3000, 128), torch.ones(3000, 128)
    quiet[:, 32:] = 0
    calibration = torch.cat([loud[:100], quiet[:100]])
    machine = plugin.program(weight, spec(read_sigma_fraction=0.2, adc_bits=10), calibration, generator(), "full")
    spreads = [float(machine(x, generator(2)).std(dim=0).mean()) for x in (loud, quiet)]
    assert spreads[0] / spreads[1] == pytest.approx(2.0, rel=0.05)


def test_read_noise_of_the_cycles_of_one_sample_adds_up_as_if_independent() -> None:
    """Var = sigma^2 * 3^2 * rows * sum 4^i * sum 16^s, plus the step^2 / 12 of the converter; cycles share numbers."""
    weight, _ = case(outputs=40)
    x = torch.ones(2000, 128)
    errors = spec(read_sigma_fraction=0.3, adc_bits=10)
    machine = plugin.program(weight, errors, x, generator(), "full")
    codes = InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x)
    spread = float(machine.integers(codes, generator(1)).std(dim=0).mean())  # type: ignore[attr-defined]
    factor = sum(4.0**i for i in range(8)) * sum(16.0**s for s in range(4))
    expected = math.sqrt(factor * ((0.3 * 3) ** 2 * 128 + 1 / 12))
    assert spread == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("ratio", [17.0, 3.0])
@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("differential", [0, 1])
def test_both_cells_of_a_pair_are_noisy_and_levels_span_what_lies_above_the_off_state(
    differential: int, copies: int, ratio: float
) -> None:
    """sigma is a share of the top conductance, a level of the span above the off state; variances of a pair add."""
    errors = spec(
        read_sigma_fraction=0.3, adc_bits=10, is_differential=differential, cell_copies=copies, on_off_ratio=ratio
    )
    weight, _ = case(outputs=40)
    x = torch.ones(2000, 128)
    machine = plugin.program(weight, errors, x, generator(), "full")
    codes = InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x)
    spread = float(machine.integers(codes, generator(1)).std(dim=0).mean())  # type: ignore[attr-defined]
    cell = (0.3 * 3 / (1 - 1 / ratio)) ** 2 * 128 * (2 if differential else 1) / copies
    factor = sum(4.0**i for i in range(8)) * sum(16.0**s for s in range(4))
    assert spread == pytest.approx(math.sqrt(factor * (cell + 1 / 12)), rel=0.05)


@pytest.mark.parametrize(("bits", "weighs"), [(4, 240.1), (2, 198.3), (1, 147.8)])
def test_an_integer_weight_errs_by_its_slices_weighed_together(bits: int, weighs: float) -> None:
    """sigma is a share of the full conductance: (2^bits - 1) sqrt(sum 4^(bits s)), with an off-state at half of it so
    that no conductance is clipped and the levels span the other half."""
    errors = spec(programming_sigma_fraction=0.05, cell_bits=bits, on_off_ratio=2.0)
    cells = write(case()[0], CrossbarNumbers.of(errors), generator())
    strength = float((cells.effective - cells.integers.T).std())
    assert strength == pytest.approx(2 * 0.05 * weighs, rel=0.05)


def test_more_rows_than_an_array_has_are_split_and_give_the_same_product() -> None:
    weight, x = case(inputs=300)
    products = [
        plugin.program(weight, spec(rows=rows, adc_bits=10), x, generator(), "full")(x, generator())
        for rows in (16, 64, 512)
    ]
    assert torch.allclose(products[0], products[2], atol=1e-5)
    assert torch.allclose(products[1], products[2], atol=1e-5)


# --- training ----------------------------------------------------------------------------------------------------


def trained_accuracy(steps: int = 120, **changes: float) -> float:
    """A softmax layer on digits, forward on the merged crossbar, its weights moved by the machine's update alone."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)
    order = torch.randperm(len(y), generator=generator(1))
    train, test, noise = order[:1200], order[1200:], generator(2)
    weight, targets = torch.zeros(10, 64), torch.nn.functional.one_hot(y, 10).float()
    for step in range(steps):
        chosen = train[torch.arange(32 * step, 32 * step + 32) % len(train)]
        machine = plugin.program(weight, spec(**changes), x[chosen], generator(0), "merged")
        error = machine(x[chosen], noise).softmax(dim=1) - targets[chosen]
        weight = plugin.update(weight, -0.4 * error.T @ x[chosen] / 32, spec("update", **changes), noise)
    machine = plugin.program(weight, spec(**changes), x[train[:256]], generator(0), "full")
    return float((machine(x[test], noise).argmax(dim=1) == y[test]).float().mean())


def test_pulses_train_a_classifier() -> None:
    assert trained_accuracy(programming_sigma_fraction=0.02, read_sigma_fraction=0.01) > 0.88


def test_few_states_train_worse() -> None:
    fine, coarse = (trained_accuracy(states=n, asymmetry=1.0, cycle_noise=0.5) for n in (1200, 10))
    assert fine > coarse


def test_rewriting_trains_a_classifier_too() -> None:
    assert trained_accuracy(is_outer_product=0, weight_bits=8) > 0.88
