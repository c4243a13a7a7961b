"""Laws of gradients and updates on every kind of machine arithmetic."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.base import MatrixNumerics
from joulescape.registry import load

torch.set_num_threads(1)

FEW = settings(max_examples=20, deadline=None)
PULSES = {"is_outer_product": 1.0, "states": 1000.0, "asymmetry": 0.0, "cycle_noise": 0.0, "weight_bound": 1.0}
READ: dict[str, float] = {
    "rows": 128, "columns": 128, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 6, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 0, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 17.0, "wire_kohm": 0.0,
}  # fmt: skip
FP8 = {"exponent_bits": 5.0, "mantissa_bits": 2.0, "largest": 57344.0, "is_scaled": 1.0}
GRADIENTS: dict[str, tuple[str, dict[str, float]]] = {
    "fixed_point": ("fixed_point", {"gradient_bits": 8, "is_stochastic": 1}),
    "small_float": ("small_float", {**FP8, "is_stochastic": 1}),
    "dynamic": ("dynamic_fixed_point", {"bits": 8, "is_stochastic": 1}),
    "crossbar": ("crossbar", READ),
    "mzi_mesh": ("mzi_mesh", {"noise_fraction": 0.01, "output_bits": 6}),
}
UPDATES: dict[str, tuple[str, dict[str, float]]] = {
    "fixed_point": ("fixed_point", {"update_bits": 12, "is_stochastic": 1}),
    "pulses": ("crossbar", {**READ, **PULSES}),
    "rewritten": ("crossbar", {**READ, **PULSES, "is_outer_product": 0}),
}
gradients = pytest.mark.parametrize("name", list(GRADIENTS))
updates = pytest.mark.parametrize("name", list(UPDATES))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plugin(kind: str) -> MatrixNumerics:
    found: MatrixNumerics = load("joulescape.numerics", kind)
    return found


def received(name: str, gradient: Tensor, seed: int = 0, **changes: float) -> Tensor:
    kind, numbers = GRADIENTS[name]
    spec = ErrorSpec(kind, "fc", "input_gradient", {**numbers, **changes})
    return plugin(kind).gradient(gradient, spec, generator(seed))


def updated(name: str, weight: Tensor, move: Tensor, seed: int = 0, **changes: float) -> Tensor:
    kind, numbers = UPDATES[name]
    return plugin(kind).update(weight, move, ErrorSpec(kind, "fc", "update", {**numbers, **changes}), generator(seed))


def sample(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


# --- gradients ---------------------------------------------------------------------------------------------------


@gradients
@FEW
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), size=st.sampled_from([1e-8, 1e-3, 1.0, 1e6]))
def test_a_gradient_keeps_its_shape_and_its_scale(name: str, rows: int, columns: int, size: float) -> None:
    gradient = sample(rows, columns) * size
    found = received(name, gradient)
    assert found.shape == gradient.shape
    assert float((found - gradient).abs().max()) <= 0.2 * float(gradient.abs().max())


@gradients
def test_a_gradient_is_right_on_average(name: str) -> None:
    """Rounding at random and Gaussian noise have no bias; nearest levels of 6 bits have little."""
    gradient = sample(40, 40)
    mean = torch.stack([received(name, gradient, seed) for seed in range(200)]).mean(0)
    bias = float((mean - gradient).square().mean().sqrt() / gradient.square().mean().sqrt())
    assert bias < 0.02


@gradients
def test_a_gradient_of_zeros_stays_small_and_finite(name: str) -> None:
    found = received(name, torch.zeros(5, 5))
    assert torch.isfinite(found).all()
    assert float(found.abs().max()) < 1e-30


@gradients
def test_the_gradient_that_came_in_is_left_alone_and_the_stream_decides(name: str) -> None:
    gradient = sample(30, 30)
    before = gradient.clone()
    first, same, other = (received(name, gradient, seed) for seed in (3, 3, 4))
    assert torch.equal(gradient, before)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("name", "bits"), [("fixed_point", "gradient_bits"), ("crossbar", "adc_bits"),
                                            ("mzi_mesh", "output_bits")])  # fmt: skip
def test_more_bits_of_the_gradient_are_never_worse(name: str, bits: str) -> None:
    gradient = sample(60, 60)
    noise = {"noise_fraction": 0.0} if name == "mzi_mesh" else {}
    errors = [
        float((received(name, gradient, 0, **{bits: b}, **noise) - gradient).square().mean()) for b in range(4, 9)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 4


# --- updates -----------------------------------------------------------------------------------------------------


@updates
def test_an_update_is_right_on_average_in_the_middle_of_the_range(name: str) -> None:
    """Steps far below one level or pulse still arrive, because rounding is at random."""
    weight, move = torch.zeros(200, 200), torch.full((200, 200), 1e-4)
    moved = updated(name, weight, move)
    assert float(moved.mean()) == pytest.approx(1e-4, rel=0.15)


@updates
@FEW
@given(size=st.floats(0.0, 50.0), start=st.floats(-1.0, 1.0), seed=st.integers(0, 9))
def test_no_update_leaves_the_machines_range(name: str, size: float, start: float, seed: int) -> None:
    moved = updated(
        name,
        torch.full((6, 6), start),
        sample(6, 6, seed=seed) * size,
        seed,
    )
    top = 2.0 if name == "fixed_point" else 1.0
    assert torch.isfinite(moved).all()
    assert float(moved.abs().max()) <= top


@updates
def test_large_steps_have_the_sign_they_were_asked_for(name: str) -> None:
    weight, move = torch.zeros(30, 30), sample(30, 30)
    move = move.sign() * move.abs().clamp(min=0.1)
    moved = updated(name, weight, move)
    assert torch.equal(moved.sign(), move.sign())


@updates
def test_nothing_asked_moves_a_stored_weight_by_a_level_at_most(name: str) -> None:
    weight = updated(name, torch.zeros(30, 30), sample(30, 30) * 0.3)
    again = updated(name, weight, torch.zeros(30, 30), seed=5)
    assert float((again - weight).abs().max()) <= 1e-6, "what is stored stands on the grid already"


@updates
def test_an_update_leaves_its_arguments_alone(name: str) -> None:
    weight, move = sample(5, 5).clamp(-1, 1), sample(5, 5, seed=2)
    before = weight.clone(), move.clone()
    updated(name, weight, move)
    assert torch.equal(weight, before[0]) and torch.equal(move, before[1])


@pytest.mark.parametrize(("name", "field", "levels"), [
    ("fixed_point", "update_bits", [6, 8, 10, 14]), ("pulses", "states", [20, 100, 500, 5000]),
    ("rewritten", "weight_bits", [4, 6, 8, 12]),
])  # fmt: skip
def test_finer_steps_come_closer(name: str, field: str, levels: list[float]) -> None:
    weight, move = torch.zeros(60, 60), sample(60, 60) * 0.1
    errors = [float((updated(name, weight, move, **{field: level}) - move).square().mean()) for level in levels]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(("source", "values"), [("asymmetry", [0.0, 0.3, 1.0]), ("cycle_noise", [0.0, 0.5, 5.0])])
def test_worse_devices_miss_the_step_by_more(source: str, values: list[float]) -> None:
    weight, move = torch.full((60, 60), 0.5), sample(60, 60) * 0.1
    errors = [float((updated("pulses", weight, move, **{source: v}) - weight - move).square().mean()) for v in values]
    assert errors == sorted(errors)


@pytest.mark.parametrize("role", ["update"])
def test_a_gradient_that_is_formed_by_pulses_passes_unchanged(role: Role) -> None:
    gradient = sample(8, 8)
    spec = ErrorSpec("crossbar", "fc", role, READ)
    assert torch.equal(plugin("crossbar").gradient(gradient, spec, generator()), gradient)
