"""Small floats and dynamic fixed point: grids by hand and as PyTorch has them, rounding, scales, the way back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics._rounded import RoundedNumerics, peak_of, power_of_two_at_least
from joulescape.numerics.base import Chance
from joulescape.registry import load

torch.set_num_threads(1)

FEW = settings(max_examples=25, deadline=None)
E4M3 = {"exponent_bits": 4.0, "mantissa_bits": 3.0, "largest": 448.0}
E5M2 = {"exponent_bits": 5.0, "mantissa_bits": 2.0, "largest": 57344.0}
E5M10 = {"exponent_bits": 5.0, "mantissa_bits": 10.0, "largest": 65504.0}
TYPES = [(E4M3, torch.float8_e4m3fn), (E5M2, torch.float8_e5m2), (E5M10, torch.float16)]
KINDS = {"small_float": {**E5M2, "is_scaled": 1.0}, "dynamic_fixed_point": {"bits": 8.0}}
kinds = pytest.mark.parametrize("kind", list(KINDS))


def plugin(kind: str) -> RoundedNumerics:
    found: RoundedNumerics = load("joulescape.numerics", kind)
    return found


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def nearest(kind: str, values: Tensor, numbers: dict[str, float]) -> Tensor:
    return plugin(kind).rounded(values, numbers, peak_of(values), None)


def spec(kind: str, role: Role = "forward", **numbers: float) -> ErrorSpec:
    return ErrorSpec(kind, "fc", role, {**KINDS[kind], **numbers})


@pytest.mark.parametrize(("numbers", "dtype"), TYPES)
def test_small_floats_are_the_processors_own(numbers: dict[str, float], dtype: torch.dtype) -> None:
    """Every exponent, subnormals and ties included, as PyTorch's conversion rounds them."""
    wide = torch.randn(4000, generator=stream()) * torch.exp2(torch.linspace(-30, 15, 4000))
    grid = torch.arange(1, 300) / 64.0
    values = torch.cat([wide, grid, -grid, torch.zeros(1)]).clamp(-numbers["largest"], numbers["largest"])
    assert torch.equal(nearest("small_float", values, numbers), values.to(dtype).float())


def test_small_floats_saturate() -> None:
    assert nearest("small_float", torch.tensor([1e6, -1e6]), E4M3).tolist() == [448.0, -448.0]


def test_dynamic_fixed_point_by_hand() -> None:
    """Largest magnitude 1.27 at 8 bits: 127 levels of 2^-6, the least power of two that reaches it."""
    values = torch.tensor([1.27, -0.5, 0.008, 0.007, 0.0])
    assert nearest("dynamic_fixed_point", values, {"bits": 8.0}).tolist() == [1.265625, -0.5, 0.015625, 0.0, 0.0]


@pytest.mark.parametrize(("value", "power"), [(1.0, 1.0), (1.01, 2.0), (0.5, 0.5), (0.3, 0.5), (3e-9, 2.0**-28)])
def test_powers_of_two(value: float, power: float) -> None:
    assert power_of_two_at_least(value) == power


@kinds
@FEW
@given(seed=st.integers(0, 1000), shift=st.integers(-20, 20))
def test_twice_is_once_and_a_power_of_two_moves_the_grid(kind: str, seed: int, shift: int) -> None:
    values = torch.randn(50, generator=stream(seed))
    once = nearest(kind, values, KINDS[kind])
    assert torch.equal(nearest(kind, once, KINDS[kind]), once)
    assert torch.equal(nearest(kind, values * 2.0**shift, KINDS[kind]), once * 2.0**shift)


def test_without_a_scale_small_gradients_vanish() -> None:
    """The least subnormal of E5M2 is 2^-16."""
    values = torch.full((10,), 2.0**-18)
    assert not nearest("small_float", values, E5M2).any()
    assert torch.equal(nearest("small_float", values, {**E5M2, "is_scaled": 1.0}), values)


@kinds
def test_stochastic_rounding_has_the_right_mean_and_takes_neighbours_only(kind: str) -> None:
    values = torch.cat([torch.tensor([1.0]), torch.full((20_000,), 0.3)])
    found = plugin(kind).gradient(values, spec(kind, "weight_gradient", is_stochastic=1.0), stream())[1:]
    assert len(set(found.tolist())) == 2
    assert float(found.mean()) == pytest.approx(0.3, abs=4 * float(found.std()) / 20_000**0.5)
    assert torch.equal(
        plugin(kind).gradient(values, spec(kind, "weight_gradient", is_stochastic=0.0), stream())[1:],
        nearest(kind, values, KINDS[kind])[1:],
    )


@kinds
def test_small_steps_are_lost_to_nearest_rounding_and_kept_by_chance(kind: str) -> None:
    """A hundred steps of a thousandth: nearest leaves the weight where it was, random rounding moves it by a tenth."""
    rounded = {}
    for is_stochastic in (0.0, 1.0):
        weight, draws = torch.full((2000,), 0.5), stream()
        for _ in range(100):
            weight = plugin(kind).update(
                weight, torch.tensor(0.001), spec(kind, "update", is_stochastic=is_stochastic), draws
            )
        rounded[is_stochastic] = float(weight.mean())
    assert rounded[0.0] == 0.5
    assert rounded[1.0] == pytest.approx(0.6, abs=0.01)


@kinds
def test_absent_widths_leave_values_alone(kind: str) -> None:
    values = torch.randn(9, generator=stream())
    assert torch.equal(nearest(kind, values, {}), values)


@kinds
def test_products_multiply_rounded_operands_and_errors_go_back_through_rounded_weights(kind: str) -> None:
    weight, x = torch.randn(5, 7, generator=stream()), torch.randn(20, 7, generator=stream(1))
    chance = Chance(stream(), stream(), stream(), stream())
    roles: dict[Role, ErrorSpec] = {"forward": spec(kind), "input_gradient": spec(kind, "input_gradient")}
    stored = plugin(kind).store(weight, roles, x, chance, "merged")
    held = nearest(kind, weight, KINDS[kind])
    assert torch.allclose(stored.forward(x, stream()), nearest(kind, x, KINDS[kind]) @ held.T)
    assert stored.backward is not None and torch.equal(stored.backward, held)
    alone = plugin(kind).store(weight, {"forward": spec(kind)}, x, chance, "merged")
    assert alone.backward is None


@kinds
def test_two_activations(kind: str) -> None:
    left, right = (torch.randn(2, 3, 4, 4, generator=stream(seed)) for seed in (0, 1))
    found = plugin(kind).product(left, right, spec(kind), stream(), "merged")(left, right, stream())
    rounded = [nearest(kind, values, KINDS[kind]) for values in (left, right)]
    assert torch.allclose(found, rounded[0] @ rounded[1])


@FEW
@given(bits=st.integers(2, 15), seed=st.integers(0, 100))
def test_more_bits_are_never_further_off(bits: int, seed: int) -> None:
    values = torch.randn(60, generator=stream(seed))
    errors = [
        float((nearest("dynamic_fixed_point", values, {"bits": b}) - values).abs().max()) for b in (bits, bits + 1)
    ]
    assert errors[1] <= errors[0] + 1e-7
