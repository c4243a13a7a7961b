"""Neurons that integrate and fire, codes of their spikes, synapses: laws of the rate code and of first spikes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.spiking import plugin
from joulescape.numerics.spiking.arithmetic import percentile
from joulescape.numerics.spiking.codes import first_spike_steps, poisson_spikes, rate_code, signed_rate_code
from joulescape.numerics.spiking.device import held_weight, thresholds
from joulescape.numerics.spiking.neurons import Fires, integrate, integrate_smooth, start

torch.set_num_threads(1)

FEW = settings(max_examples=25, deadline=None)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stepped(relative: Tensor, steps: int, is_signed: bool = False) -> Tensor:
    """Mean spikes of neurons with threshold 1 that are given a constant current."""
    potential = start(tuple(relative.shape), 1.0, is_signed)
    return integrate(relative.unsqueeze(0), steps, potential, 1.0, is_signed).mean(0)


@pytest.mark.parametrize("steps", [4, 8, 16, 32, 64, 128, 256])
def test_the_rate_code_errs_by_one_over_t_root_twelve(steps: int) -> None:
    """G14: at 16 steps 0.0180; step by step and in closed form, over uniform activations."""
    values = torch.rand(100_000, generator=generator())
    for found in (stepped(values, steps), rate_code(values, steps)):
        error = float((found - values).square().mean().sqrt())
        assert error == pytest.approx(1 / (steps * math.sqrt(12)), rel=0.02)
    if steps == 16:
        assert error == pytest.approx(0.0180, rel=0.02)


@FEW
@given(steps=st.integers(1, 40), values=st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_constant_currents_make_as_many_spikes_as_the_closed_form_says(steps: int, values: list[float]) -> None:
    """But where the sum lies within rounding of the next spike."""
    relative = torch.tensor(values)
    near = ((relative * steps + 0.5) - (relative * steps + 0.5).round()).abs() < 1e-4
    found, wanted = stepped(relative, steps), rate_code(relative, steps)
    assert torch.allclose(found[~near], wanted[~near], atol=1e-6)


@FEW
@given(
    steps=st.integers(1, 12), neurons=st.integers(1, 9), is_signed=st.booleans(), seed=st.integers(0, 99),
    threshold=st.floats(0.2, 5),
)  # fmt: skip
def test_soft_reset_keeps_every_bit_of_charge(
    steps: int, neurons: int, is_signed: bool, seed: int, threshold: float
) -> None:
    """What came in is in spikes or still in the neuron, whatever the currents were."""
    currents = torch.randn((steps, 3, neurons), generator=generator(seed))
    before = start((3, neurons), threshold, is_signed)
    after = before.clone()
    spikes = integrate(currents, steps, after, threshold, is_signed)
    assert torch.allclose(before + currents.sum(0), after + threshold * spikes.sum(0), atol=1e-4)
    assert set(spikes.unique().tolist()) <= ({-1.0, 0.0, 1.0} if is_signed else {0.0, 1.0})  # type: ignore[no-untyped-call]


def test_a_pair_of_neurons_is_odd_and_one_neuron_is_deaf_to_what_inhibits_it() -> None:
    values = torch.linspace(-1, 1, 41)
    assert torch.equal(stepped(values, 20, is_signed=True), -stepped(-values, 20, is_signed=True))
    assert float(stepped(values, 20)[values < -0.03].abs().max()) == 0.0


def test_neurons_with_thresholds_of_their_own_fire_by_them() -> None:
    potential, tops = torch.zeros(1, 2), torch.tensor([1.0, 2.0])
    spikes = integrate(torch.ones(1, 1, 2), 8, potential, tops)
    assert spikes.sum(0).tolist() == [[8.0, 4.0]]


def test_smooth_neurons_spike_alike_and_pass_the_triangle_back() -> None:
    currents = torch.randn((6, 4, 5), generator=generator()).requires_grad_()
    for is_signed in (False, True):
        smooth = integrate_smooth(currents, 6, start((4, 5), 0.7, is_signed), 0.7, is_signed)
        hard = integrate(currents.detach(), 6, start((4, 5), 0.7, is_signed), 0.7, is_signed)
        assert torch.equal(smooth.detach(), hard)
    smooth.sum().backward()  # type: ignore[no-untyped-call]
    assert float(currents.grad.abs().sum()) > 0  # type: ignore[union-attr]
    relative = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.5]).requires_grad_()
    Fires.apply(relative).sum().backward()  # type: ignore[no-untyped-call]
    assert relative.grad.tolist() == [0.0, 0.5, 1.0, 0.5, 0.0]  # type: ignore[union-attr]


@FEW
@given(steps=st.integers(1, 50), value=st.floats(0, 1.5))
def test_a_first_spike_is_when_a_falling_threshold_meets_the_potential(steps: int, value: float) -> None:
    """Step t of the window: theta (1 - (t + 1/2) / T); and the listener adds the weight at each step that is left."""
    when = int(first_spike_steps(torch.tensor([value], dtype=torch.float64), steps)[0])
    met = (t for t in range(steps) if value + 1e-12 >= 1 - (t + 0.5) / steps)
    assert when == next(met, steps) or abs((value * steps + 0.5) % 1) < 1e-9
    heard = sum(1 for t in range(steps) if t >= when) / steps
    assert heard == pytest.approx(float(rate_code(torch.tensor([value], dtype=torch.float64), steps)[0]))


def test_poisson_spikes_come_as_often_as_values_say() -> None:
    values = torch.tensor([0.0, 0.25, -0.5, 1.0])
    mean = poisson_spikes(values, 4000, generator()).mean(0)
    assert torch.allclose(mean, values, atol=0.03)
    assert mean[0] == 0 and mean[3] == 1


def test_synapses_hold_ternary_weights_as_they_are_and_round_wider_ones() -> None:
    ternary = torch.tensor([[0.3, 0.0, -0.3], [0.0, 0.1, 0.1]])
    assert torch.allclose(held_weight(ternary, {"weight_bits": 2.0}, generator()), ternary)
    wide = torch.randn(4, 50, generator=generator())
    held = held_weight(wide, {"weight_bits": 3.0}, generator())
    assert all(len(row.unique()) <= 7 for row in held)
    assert torch.equal(held_weight(wide, {}, generator()), wide)


def test_mismatch_is_a_share_of_each_weight_and_threshold() -> None:
    weight = torch.ones(50, 400)
    held = held_weight(weight, {"weight_sigma_fraction": 0.2}, generator())
    assert float(held.std()) == pytest.approx(0.2, rel=0.03) and float(held.mean()) == pytest.approx(1, abs=0.01)
    tops = thresholds(2.0, (20_000,), 0.1, generator())
    assert isinstance(tops, Tensor) and float(tops.std()) == pytest.approx(0.2, rel=0.03)
    assert thresholds(2.0, (4,), 0.0, generator()) == 2.0


def test_a_percentile_looks_at_what_is_not_zero() -> None:
    values = torch.cat([torch.zeros(900), torch.arange(1.0, 101.0)])
    assert percentile(values, 100) == 100 and percentile(values, 50) == 50
    assert percentile(torch.zeros(5), 99.9) == 1.0


def test_one_layer_by_itself_sees_its_inputs_at_t_levels() -> None:
    x, weight = torch.rand(30, 8, generator=generator()), torch.randn(5, 8, generator=generator(1))
    errors = ErrorSpec("spiking", "fc", "forward", {"timesteps": 16.0, "threshold_percentile": 100.0})
    peak = float(x.max())
    found = plugin.program(weight, errors, x, generator(), "merged")(x, generator())
    assert torch.allclose(found, peak * signed_rate_code(x / peak, 16) @ weight.T)
