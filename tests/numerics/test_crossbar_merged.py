"""The merged read against the full one: variances of read noise, input by input; converters that show it or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from crossbar_numbers import ANALOG_PAIR, device_spec, generator, matrices, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import OnWindows, Window
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.coding import InputCode
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.merged import DrivePower, MergedCrossbar
from joulescape.numerics.crossbar.programmed import own_stream

torch.set_num_threads(1)
REDRAWS = 1000


def merged(weight: Tensor, errors: ErrorSpec, x: Tensor, seed: int = 0) -> MergedCrossbar:
    found = plugin.program(weight, errors, x, generator(seed), "merged")
    assert isinstance(found, MergedCrossbar)
    return found


def redrawn(weight: Tensor, x: Tensor, sigma: float) -> Tensor:
    """(redraws, rows, outputs) of one sample after the other, each met by a weight matrix drawn anew: both cells of a
    pair err by `sigma` of the top conductance, which stands for 127 integer units of an output's scale."""
    spread = sigma * weight.abs().amax(dim=1, keepdim=True) * 2**0.5
    made = generator(11)
    return torch.stack([x @ (weight + spread * torch.randn(weight.shape, generator=made)).T for _ in range(REDRAWS)])


@pytest.mark.parametrize("detail", ["merged", "full"])
def test_read_noise_has_the_variance_of_a_matrix_drawn_anew_for_every_product(detail: Any) -> None:
    """Var(y_j) = sum_i x_i^2 sigma_ij^2, sample by sample: weak inputs meet weak noise."""
    weight, x = matrices(90, 80, rows=12)
    x = x * torch.linspace(0.1, 1.0, 12)[:, None]
    errors = spec(**ANALOG_PAIR, adc_clip_fraction=2.0, read_sigma_fraction=0.05)
    machine, noise = plugin.program(weight, errors, x, generator(), detail), generator(2)
    seen = torch.stack([machine(x, noise) for _ in range(REDRAWS)]).var(dim=0).mean(dim=1)
    wanted = redrawn(weight, x, 0.05).var(dim=0).mean(dim=1)
    assert torch.allclose(seen, wanted, rtol=0.03)


def test_products_of_one_call_are_independent_of_each_other() -> None:
    weight, x = matrices(60, 4, rows=2000)
    found = merged(weight, spec(**ANALOG_PAIR, read_sigma_fraction=0.1), x[:1].expand(2000, -1))(
        x[:1].expand(2000, -1), generator()
    )
    centred = (found - found.mean(dim=0))[:, 0]
    assert abs(float((centred[1:] * centred[:-1]).mean() / centred.var())) < 0.08


def test_bit_serial_inputs_drive_by_their_digits() -> None:
    """q(5) = 1 + 16 = 17 in bits, 25 for one voltage of 8 bits, 1 + 1 * 16 with digits of two bits (5 = 1 + 4 * 1)."""
    for dac_bits, power in ((1, 17.0), (8, 25.0), (2, 17.0)):
        numbers = CrossbarNumbers.of(spec(dac_bits=dac_bits))
        inputs = InputCode.calibrated(torch.tensor([[255.0]]), numbers)
        assert float(DrivePower(inputs, numbers)(torch.tensor([[5.0]]))) == power


@given(st.integers(2, 8), st.integers(1, 8), st.booleans())
@settings(max_examples=30, deadline=None)
def test_drive_power_is_the_sum_over_reads(bits: int, dac_bits: int, signed: bool) -> None:
    x = torch.randn(6, 5, generator=generator(bits)) if signed else torch.rand(6, 5, generator=generator(bits))
    numbers = CrossbarNumbers.of(spec(input_bits=bits, dac_bits=dac_bits))
    inputs = InputCode.calibrated(x, numbers)
    codes = inputs.integers(x)
    reads = zip(inputs.cycle_weights(), inputs.digits(codes), strict=True)
    wanted = torch.stack([(weight * digit).square() for weight, digit in reads]).sum(dim=0)
    assert torch.equal(DrivePower(inputs, numbers)(codes), wanted)


@pytest.mark.parametrize("changes", [{"dac_bits": 1}, {"dac_bits": 1, "is_differential": 0}, {"is_counted": 1}])
def test_merged_noise_is_as_strong_as_full_noise_at_every_input(changes: dict[str, float]) -> None:
    weight, x = matrices(100, 30, rows=8)
    x = x * torch.linspace(0.2, 1.0, 8)[:, None]
    errors = spec(**{"adc_bits": 16, "least_step_levels": 0.01, "read_sigma_fraction": 0.1, **changes})
    spreads: list[Tensor] = []
    for detail in ("merged", "full"):
        machine, noise = plugin.program(weight, errors, x, generator(), detail), generator(3)  # type: ignore[arg-type]
        spreads.append(torch.stack([machine(x, noise) for _ in range(300)]).var(dim=0).mean(dim=1))
    assert torch.allclose(spreads[0], spreads[1], rtol=0.1)


def test_a_converter_of_whole_levels_rounds_weak_read_noise_away() -> None:
    """Sums of whole levels with noise far below half a level come back exact; a finer converter shows all of it."""
    weight, x = matrices(64, 16, rows=64)
    whole, fine = (
        merged(weight, spec(adc_bits=16, read_sigma_fraction=0.004, least_step_levels=step), x) for step in (1.0, 0.001)
    )
    exact = merged(weight, spec(adc_bits=16), x)(x, generator())
    errors = [float((machine(x, generator(1)) - exact).norm() / exact.norm()) for machine in (whole, fine)]
    assert errors[0] < 0.2 * errors[1]


@pytest.mark.parametrize("changes", [
    {"programming_sigma_fraction": 0.05},
    {"stuck_on_fraction": 0.02},
    {"wire_kohm": 0.001},
    {"programming_sigma_fraction": 0.05, "cell_bits": 7, "dac_bits": 8},
])  # fmt: skip
def test_merged_equals_full_at_many_converter_bits_whatever_the_cells_hold(changes: dict[str, float]) -> None:
    weight, x = matrices(200, 20)
    errors = spec(**{"adc_bits": 24, "least_step_levels": 0.0, **changes})
    found = [plugin.program(weight, errors, x, generator(), d)(x, generator()) for d in ("merged", "full")]  # type: ignore[arg-type]
    assert float((found[0] - found[1]).abs().max() / found[1].abs().max()) < 1e-5


# --- convolutions -------------------------------------------------------------------------------------------------

WINDOWS = (Window((3, 3), (1, 1), (1, 1)), Window((5, 3), (2, 1), (0, 2)), Window((1, 1), (1, 1), (0, 0)))


def planes(channels: int, window: Window, outputs: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (N, K), samples, and their im2col rows."""
    made = generator(channels)
    x = torch.rand(3, channels, 9, 8, generator=made)
    weight = torch.randn(outputs, channels * window.kernel[0] * window.kernel[1], generator=made)
    columns = torch.nn.functional.unfold(x, window.kernel, padding=window.padding, stride=window.stride)
    return weight, x, columns.transpose(1, 2).reshape(-1, weight.shape[1])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("detail", ["merged", "full"])
@pytest.mark.parametrize("differential", [0, 1])
def test_samples_of_a_convolution_give_what_their_rows_give(
    window: Window, channels: int, detail: Any, differential: int
) -> None:
    """Also where a tile ends inside a channel: 8 rows an array."""
    weight, x, rows = planes(channels, window)
    errors = spec(rows=8, adc_bits=6, is_differential=differential, programming_sigma_fraction=0.03)
    machine = plugin.program(weight, errors, rows, generator(), detail)
    assert isinstance(machine, OnWindows)
    if detail == "merged":
        machine = plugin.program(weight, spec(rows=8, adc_bits=24), rows, generator(), detail)
        assert isinstance(machine, OnWindows)
    whole = machine.on_windows(x, window, generator())
    single = machine(rows, generator())  # type: ignore[operator]
    assert whole.shape[2] * whole.shape[3] == window.positions(x.shape[2:])
    assert torch.allclose(whole.flatten(2).transpose(1, 2).reshape(single.shape), single, atol=1e-4)


@pytest.mark.parametrize("detail", ["merged", "full"])
def test_read_noise_of_a_convolution_follows_what_drives_each_position(detail: Any) -> None:
    window = WINDOWS[0]
    weight, x, rows = planes(2, window, outputs=20)
    errors = spec(**ANALOG_PAIR, read_sigma_fraction=0.05)
    machine, noise = plugin.program(weight, errors, rows, generator(), detail), generator(1)
    assert isinstance(machine, OnWindows)
    seen = torch.stack([machine.on_windows(x, window, noise) for _ in range(300)]).var(dim=0).mean(dim=1)
    driven = torch.nn.functional.conv2d((x * x).sum(dim=1, keepdim=True), torch.ones(1, 1, 3, 3), padding=1)[:, 0]
    wanted = 2 * 0.05**2 * driven * weight.abs().amax(dim=1).square().mean()
    assert torch.allclose(seen, wanted, rtol=0.25)
    assert float((seen / wanted).mean()) == pytest.approx(1, rel=0.03)


# --- machines without converters between layers -------------------------------------------------------------------


def test_an_ideal_analog_layer_is_the_quantised_product() -> None:
    weight, x = matrices(50, 6)
    found = plugin.program(weight, spec(**ANALOG_PAIR, is_analog=1), x, generator(), "full")(x, generator())
    assert float((found - x @ weight.T).abs().max() / found.abs().max()) < 0.01


def test_analog_sums_saturate_at_what_calibration_met() -> None:
    weight, x = matrices(50, 6)
    machine = plugin.program(weight, spec(**ANALOG_PAIR, is_analog=1), x[:20] / 2, generator(), "full")
    assert float(machine(x, generator()).abs().max()) <= float((x[:20] / 2 @ weight.T).abs().max()) * 1.02


def test_activation_noise_is_a_share_of_full_scale_and_adds_up_over_layers() -> None:
    weight = torch.eye(40)
    x = torch.rand(400, 40, generator=generator())
    machine = plugin.program(weight, spec(**ANALOG_PAIR, is_analog=1, activation_sigma_fraction=0.02), x * 1.5,
                             generator(), "merged")  # fmt: skip
    noise, value, errors = generator(1), x, []
    for _ in range(4):
        value = machine(value, noise)
        errors.append(float((value - x).clamp(-1, 1)[x > 0.3].std()))
    assert errors[0] == pytest.approx(0.02 * 1.5, rel=0.05)
    assert errors[3] == pytest.approx(2 * errors[0], rel=0.1)


def test_both_details_of_an_analog_machine_are_one() -> None:
    weight, x = matrices(30, 5)
    errors = device_spec("pcm", age_s=100.0)
    errors = ErrorSpec(
        "crossbar", "fc", "forward", {**errors.numbers, "is_analog": 1.0, "activation_sigma_fraction": 0.01}
    )
    found = [plugin.program(weight, errors, x, generator(), d)(x, generator(4)) for d in ("merged", "full")]  # type: ignore[arg-type]
    assert torch.equal(*found)


def test_a_convolution_of_an_analog_machine_gives_what_its_rows_give() -> None:
    window = WINDOWS[1]
    weight, x, rows = planes(3, window)
    machine = plugin.program(weight, spec(**ANALOG_PAIR, is_analog=1), rows, generator(), "full")
    assert isinstance(machine, OnWindows)
    whole, single = machine.on_windows(x, window, generator()), machine(rows, generator())  # type: ignore[operator]
    assert torch.allclose(whole.flatten(2).transpose(1, 2).reshape(single.shape), single, atol=1e-5)


# --- what calibration draws ---------------------------------------------------------------------------------------


def test_calibration_draws_the_same_every_time_and_other_numbers_for_other_purposes_and_matrices() -> None:
    first, again, purpose, shape = (
        torch.randn(200, generator=own_stream(*key))
        for key in (("noise", (256, 10)), ("noise", (256, 10)), ("rows", (256, 10)), ("noise", (256, 11)))
    )
    assert torch.equal(first, again)
    for other in (purpose, shape):
        assert abs(float((first * other).mean())) < 0.3
