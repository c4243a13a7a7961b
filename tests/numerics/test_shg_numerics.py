"""Second-harmonic optics against hand-made spectra; the device against its twin."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Operator
from joulescape.numerics._systems import quantised
from joulescape.numerics.shg import plugin
from joulescape.numerics.shg.device import Departures, crosstalk, exposure
from joulescape.numerics.shg.layer import interleaved
from joulescape.numerics.shg.optics import fft_length, pulse, recorded, spectrum

FLAT = torch.ones(4, dtype=torch.complex128)


def _operator(bins: int = 32, data_bins: int = 8, outputs: int = 8, inputs: int = 8) -> Operator:
    attributes = {"bins": bins, "data_bins": data_bins, "out_features": outputs, "chirp_rad": 2.35 * (bins - 1) / 4}
    count = bins - data_bins
    return Operator(
        "shg1", "shg", ("input",), ((inputs,),), (outputs,), attributes, parameter_count=count, weight_shape=(count,)
    )


def _spec(**numbers: float) -> ErrorSpec:
    return ErrorSpec("shg", "shg1", "forward", numbers)


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("modulation", "expected"),
    [
        ([1, 1, 1, 1], [1, 4, 9, 16, 9, 4, 1]),
        ([1, 0, 0, 1], [1, 0, 0, 4, 0, 0, 1]),
        ([1, 1, -1, 1], [1, 4, 1, 0, 9, 4, 1]),
        ([0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_hand_made_spectra(
    modulation: list[int], expected: list[int], precision: torch.dtype, tolerance: float
) -> None:
    field = FLAT.to(torch.complex128 if precision == torch.float64 else torch.complex64)
    found = spectrum(torch.tensor([modulation], dtype=precision), field)
    assert torch.allclose(found[0], torch.tensor(expected, dtype=precision), rtol=0, atol=tolerance)


@given(st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_spectrum_is_the_direct_sum(bins: int, seed: int) -> None:
    field = torch.randn(bins, dtype=torch.complex128, generator=_stream(seed))
    opening = torch.rand(1, bins, dtype=torch.float64, generator=_stream(seed + 1))
    shaped = (opening[0] * field).numpy()
    direct = [
        abs(sum(shaped[k] * shaped[s - k] for k in range(bins) if 0 <= s - k < bins)) ** 2 for s in range(2 * bins - 1)
    ]
    assert spectrum(opening, field)[0].tolist() == pytest.approx(direct, abs=1e-9)


def test_gradient_is_analytic() -> None:
    field = torch.randn(7, dtype=torch.complex128, generator=_stream())
    opening = torch.rand(3, 7, dtype=torch.float64, generator=_stream(1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: spectrum(m, field), (opening,))


def test_recorded_bins_are_sums_of_the_spectrum() -> None:
    field, opening = pulse(16, 20.0, 0.3), torch.rand(2, 16, generator=_stream())
    whole = torch.nn.functional.pad(spectrum(opening, field), (0, 1))
    assert torch.allclose(recorded(opening, field, 8), whole.reshape(2, 8, 4).sum(2), atol=1e-7)
    with pytest.raises(ValueError, match="do not divide evenly"):
        recorded(opening, field, 5)


def test_intensity_goes_with_the_fourth_power_of_the_field() -> None:
    field, opening = pulse(16, 20.0, 0.0), torch.rand(2, 16, generator=_stream()) / 2
    assert torch.allclose(recorded(2 * opening, field, 8), 16 * recorded(opening, field, 8), rtol=1e-4)


def test_pulse_has_its_envelope_and_chirp() -> None:
    field = pulse(101, 50.0, 0.5)
    assert float(field[50].angle()) == pytest.approx(0.0, abs=1e-6)
    assert float(field[0].abs() / field[50].abs()) == pytest.approx(math.exp(-0.5), rel=1e-5)
    edge = (field[-1] / field[-2]).angle()
    assert float(edge) == pytest.approx(50 * (1 - 0.98**2), rel=1e-3)


@pytest.mark.parametrize(("minimum", "length"), [(1, 1), (7, 8), (11, 12), (513, 540), (512, 512), (31, 32)])
def test_transforms_have_easy_lengths(minimum: int, length: int) -> None:
    assert fft_length(minimum) == length


@pytest.mark.parametrize(("data_bins", "parameters"), [(4, 12), (4, 4), (3, 5), (8, 1)])
def test_every_bin_is_set_once_and_data_lie_evenly(data_bins: int, parameters: int) -> None:
    operator = _operator(data_bins + parameters, data_bins, 1, data_bins)
    x, weight = torch.arange(1.0, data_bins + 1)[None], -torch.arange(1.0, parameters + 1)
    frame = interleaved(operator, x, weight)[0]
    assert sorted(frame.tolist()) == sorted([*x[0].tolist(), *weight.tolist()])
    places = [i for i, value in enumerate(frame.tolist()) if value > 0]
    assert places == [j * (data_bins + parameters) // data_bins for j in range(data_bins)]
    assert [value for value in frame.tolist() if value < 0] == weight.tolist()


def test_missing_inputs_leave_bins_closed() -> None:
    frame = interleaved(_operator(inputs=5), torch.ones(1, 5), torch.full((24,), 0.5))
    assert int((frame == 0).sum()) == 3


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_modulators_have_their_levels(bits: int) -> None:
    values = torch.rand(1000, generator=_stream()).requires_grad_()
    found = quantised(values, bits)
    assert len(found.detach().mul(2**bits - 1).round().unique()) <= 2**bits
    assert float((found - values).detach().abs().max()) <= 0.5 / (2**bits - 1) + 1e-6
    found.sum().backward()
    assert values.grad is not None and bool((values.grad == 1).all())


@given(st.integers(0, 1000), st.integers(1, 10))
@settings(max_examples=20, deadline=None)
def test_a_device_without_departures_is_its_twin(seed: int, bits: int) -> None:
    operator, spec = _operator(), _spec(modulator_bits=float(bits))
    x, parameters = torch.rand(5, 8, generator=_stream(seed)), plugin.initial(operator, _stream(seed))
    device = plugin.device(operator, spec, _stream(seed))
    assert torch.equal(device(x, parameters, _stream()), plugin.twin(operator, x, parameters, spec))


@pytest.mark.parametrize(
    "name",
    ["amplitude_fraction", "phase_rad", "phase_walk_rad", "gamma_error", "crosstalk_bins", "read_noise_fraction",
     "floor_noise_fraction"],
)  # fmt: skip
def test_more_departure_never_helps_on_average(name: str) -> None:
    operator = _operator()
    x, parameters = torch.rand(16, 8, generator=_stream()), plugin.initial(operator, _stream())
    ideal = plugin.twin(operator, x, parameters, None)

    def error(level: float) -> float:
        found = [
            plugin.device(operator, _spec(**{name: level}), _stream(draw))(x, parameters, _stream(draw + 100))
            for draw in range(12)
        ]
        return float(torch.stack([(one - ideal).square().mean() for one in found]).mean())

    levels = [0.0, 0.05, 0.1, 0.2] if name != "crosstalk_bins" else [0.0, 0.3, 0.5, 0.8]
    errors = [error(level) for level in levels]
    assert errors[0] < 1e-12
    assert errors == sorted(errors) and errors[1] > 0


def test_mismatch_is_fixed_and_noise_is_fresh() -> None:
    operator, x = _operator(), torch.rand(4, 8, generator=_stream())
    parameters = plugin.initial(operator, _stream())
    still = plugin.device(operator, _spec(phase_rad=0.2, amplitude_fraction=0.1), _stream(3))
    assert torch.equal(still(x, parameters, _stream(0)), still(x, parameters, _stream(1)))
    noisy = plugin.device(operator, _spec(read_noise_fraction=0.1), _stream(3))
    reading = _stream(0)
    assert not torch.equal(noisy(x, parameters, reading), noisy(x, parameters, reading))
    other = plugin.device(operator, _spec(phase_rad=0.2, amplitude_fraction=0.1), _stream(4))
    assert not torch.equal(still(x, parameters, _stream(0)), other(x, parameters, _stream(0)))


def test_read_noise_has_its_size() -> None:
    operator = _operator()
    parameters = plugin.initial(operator, _stream())
    x = torch.rand(1, 8, generator=_stream()).expand(4000, -1)
    device = plugin.device(operator, _spec(read_noise_fraction=0.05), _stream())
    spread, mean = torch.std_mean(device(x, parameters, _stream(1)), 0)
    assert torch.allclose(spread / mean, torch.full_like(mean, 0.05), rtol=0.06)


def test_noise_floor_is_relative_to_a_half_open_modulator() -> None:
    half_open = recorded(torch.full((1, 32), 0.5), pulse(32, 18.0, 0.0), 8)
    dark = exposure(torch.zeros(2000, 8), Departures(floor_noise_fraction=0.01), half_open, _stream(1))
    assert float(dark.std()) == pytest.approx(0.01 * float(half_open.mean()), rel=0.05)


def test_crosstalk_keeps_a_uniform_opening() -> None:
    blurred = torch.full((1, 20), 0.7) @ crosstalk(20, 0.8)
    assert torch.allclose(blurred, torch.full((1, 20), 0.7), atol=1e-6)


def test_the_device_is_differentiable() -> None:
    operator = _operator()
    parameters = {"weight": plugin.initial(operator, _stream())["weight"].clone().requires_grad_()}
    device = plugin.device(operator, _spec(gamma_error=0.2, crosstalk_bins=0.4), _stream())
    device(torch.zeros(2, 8), parameters, _stream()).sum().backward()
    gradient = parameters["weight"].grad
    assert gradient is not None and bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 0


def test_inputs_out_of_range_are_clipped_and_punished() -> None:
    inside, nothing = plugin.in_range(torch.tensor([[0.0, 0.5, 1.0]]))
    assert inside.tolist() == [[0.0, 0.5, 1.0]] and float(nothing) == 0.0
    clipped, excess = plugin.in_range(torch.tensor([[-1.0, 0.5, 3.0]]))
    assert clipped.tolist() == [[0.0, 0.5, 1.0]] and float(excess) == pytest.approx((1 + 4) / 3)


def test_parameters_are_confined_in_place() -> None:
    weight = torch.tensor([-0.5, 0.3, 1.7])
    plugin.confine({"weight": weight})
    assert weight.tolist() == pytest.approx([0.0, 0.3, 1.0])


def test_fresh_parameters_lie_inside_the_range_and_follow_the_stream() -> None:
    first, again, other = (plugin.initial(_operator(), _stream(seed))["weight"] for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (24,) and float(first.min()) >= 0.1 and float(first.max()) <= 0.9


def test_unknown_departures_are_named() -> None:
    with pytest.raises(ValueError, match="wobble"):
        Departures.of({"wobble": 1.0})
