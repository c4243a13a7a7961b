"""Matrix products as a photonic machine does them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape import registry
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.mzi_mesh import plugin
from joulescape.numerics.mzi_mesh.arithmetic import Grid, Quantiser

torch.set_num_threads(1)

Detail = Literal["merged", "full"]
DETAILS: tuple[Detail, ...] = ("merged", "full")
EXACT = {
    "mesh_size": 8.0,
    "is_reck": 0.0,
    "is_push_pull": 0.0,
    "phase_sigma_rad": 0.0,
    "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0,
    "crosstalk_fraction": 0.0,
    "noise_fraction": 0.0,
}
REAL = {
    **EXACT, "phase_sigma_rad": 0.005, "splitter_sigma_rad": 0.01, "mzi_loss_db": 0.3, "noise_fraction": 0.01,
    "phase_bits": 8.0, "input_bits": 6.0, "output_bits": 6.0,
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spec(numbers: dict[str, float], **changes: float) -> ErrorSpec:
    return ErrorSpec("mzi_mesh", "fc", "forward", {**numbers, **changes})


def case(outputs: int = 20, inputs: int = 27, rows: int = 50) -> tuple[Tensor, Tensor]:
    weight = torch.randn(outputs, inputs, generator=generator(1)) / inputs**0.5
    return weight, torch.rand(rows, inputs, generator=generator(2))


def error(numbers: ErrorSpec, detail: Detail, weight: Tensor, x: Tensor, draws: int = 1) -> float:
    """Relative error of the product, over several devices."""
    total = 0.0
    for seed in range(draws):
        made = plugin.program(weight, numbers, x, generator(seed), detail)(x, generator(100 + seed))
        total += float(((made - x @ weight.T) ** 2).mean() / ((x @ weight.T) ** 2).mean())
    return (total / draws) ** 0.5


def test_the_registry_finds_it() -> None:
    assert registry.load("joulescape.numerics", "mzi_mesh") is plugin
    assert plugin.kind == "mzi_mesh"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([2, 3, 8]), st.booleans(), st.sampled_from(DETAILS))
def test_without_errors_products_are_exact(outputs: int, inputs: int, size: int, is_reck: bool, detail: Detail) -> None:
    weight, x = case(outputs, inputs, rows=5)
    numbers = spec(EXACT, mesh_size=float(size), is_reck=float(is_reck))
    made = plugin.program(weight, numbers, x, generator(), detail)(x, generator())
    assert made.shape == (5, outputs)
    assert torch.allclose(made, x @ weight.T, atol=1e-5)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("weight", [torch.zeros(4, 6), torch.eye(6)[:4], -torch.ones(4, 6)])
def test_singular_weights(weight: Tensor, detail: Detail) -> None:
    x = torch.rand(9, 6, generator=generator())
    made = plugin.program(weight, spec(EXACT), x, generator(), detail)(x, generator())
    assert torch.allclose(made, x @ weight.T, atol=1e-5)


@pytest.mark.parametrize("detail", DETAILS)
def test_all_zero_calibration_gives_numbers(detail: Detail) -> None:
    weight, x = case()
    made = plugin.program(weight, spec(REAL), torch.zeros_like(x), generator(), detail)(x, generator())
    assert bool(torch.isfinite(made).all())


WORSE: tuple[dict[str, Any], ...] = (
    {"phase_sigma_rad": (0.0, 0.02, 0.1)},
    {"noise_fraction": (0.0, 0.02, 0.1)},
    {"mzi_loss_db": (0.0, 0.3, 1.0)},
    {"splitter_sigma_rad": (0.0, 0.05, 0.15)},
    {"input_bits": (8.0, 5.0, 3.0)},
    {"output_bits": (8.0, 5.0, 3.0)},
    {"phase_bits": (10.0, 6.0, 4.0)},
)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("worse", WORSE, ids=lambda worse: next(iter(worse)))
def test_more_noise_never_helps_on_average(worse: dict[str, tuple[float, ...]], detail: Detail) -> None:
    weight, x = case(rows=200)
    ((name, values),) = worse.items()
    errors = [error(spec(EXACT, **{name: value}), detail, weight, x, draws=4) for value in values]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]


def test_both_details_are_equally_wrong() -> None:
    weight, x = case(rows=300)
    full, merged = (error(spec(REAL), detail, weight, x, draws=12) for detail in ("full", "merged"))
    assert merged == pytest.approx(full, rel=0.15)


@pytest.mark.parametrize("detail", DETAILS)
def test_receiver_noise_is_a_fraction_of_full_scale(detail: Detail) -> None:
    """One tile: sd = fraction * largest singular value * largest input."""
    weight, x = case(8, 8, rows=4000)
    made = plugin.program(weight, spec(EXACT, noise_fraction=0.02), x, generator(), detail)(x, generator())
    scale = float(torch.linalg.svdvals(weight)[0] * x.max())
    assert float((made - x @ weight.T).std()) == pytest.approx(0.02 * scale, rel=0.03)


@pytest.mark.parametrize("detail", DETAILS)
def test_noise_of_partial_sums_adds_in_squares(detail: Detail) -> None:
    weight = torch.eye(8).repeat(1, 4)
    x = torch.ones(4000, 32)
    made = plugin.program(weight, spec(EXACT, noise_fraction=0.02), x, generator(), detail)(x, generator())
    assert float((made - 4.0).std()) == pytest.approx(0.02 * 2.0, rel=0.03)


@pytest.mark.parametrize("detail", DETAILS)
def test_a_device_stays_and_its_reading_moves(detail: Detail) -> None:
    weight, x = case()
    held = plugin.program(weight, spec(REAL), x, generator(5), detail)
    again = plugin.program(weight, spec(REAL), x, generator(5), detail)
    assert torch.equal(held(x, generator(1)), again(x, generator(1)))
    assert not torch.equal(held(x, generator(1)), held(x, generator(2)))


def test_programming_leaves_the_weight_alone() -> None:
    weight, x = case()
    before = weight.clone()
    plugin.program(weight, spec(REAL), x, generator(), "full")
    assert torch.equal(weight, before)
    assert torch.equal(plugin.update(weight, torch.ones_like(weight), spec(REAL), generator()), weight + 1)


def test_weights_that_need_a_gradient_and_slices_are_taken() -> None:
    weight = torch.randn(6, 12, generator=generator())[:, ::2].requires_grad_()
    x = torch.rand(3, 6, generator=generator())
    with torch.no_grad():
        made = plugin.program(weight, spec(EXACT), x, generator(), "full")(x, generator())
    assert torch.allclose(made, x @ weight.detach().T, atol=1e-5)


def test_gradients_are_received_with_noise_and_converted() -> None:
    gradient = torch.randn(2000, 10, generator=generator())
    assert torch.allclose(plugin.gradient(gradient, spec(EXACT), generator()), gradient)
    noisy = plugin.gradient(gradient, spec(EXACT, noise_fraction=0.01), generator())
    assert float((noisy - gradient).std()) == pytest.approx(0.01 * float(gradient.abs().max()), rel=0.05)
    coarse = plugin.gradient(gradient, spec(EXACT, output_bits=3.0), generator())
    assert len(coarse.unique()) <= 7
    assert torch.equal(plugin.gradient(torch.zeros(3), spec(REAL), generator()).abs() < 1e-30, torch.ones(3).bool())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 10), st.booleans())
def test_a_quantiser_is_a_projection(bits: int, is_signed: bool) -> None:
    quantiser = Quantiser(torch.tensor(1.5), float(bits), is_signed)
    values = 4 * torch.rand(200, generator=generator(bits)) - 2
    once = quantiser(values)
    assert torch.allclose(quantiser(once), once, atol=1e-6)
    assert len(once.unique()) <= 2**bits
    inside = values.clamp(-1.5 if is_signed else 0.0, 1.5)
    assert float((once - inside).abs().max()) <= float(quantiser.step) / 2 + 1e-6


def test_signed_inputs_cost_one_bit() -> None:
    weight, x = case()
    plain = plugin.program(weight, spec(EXACT, input_bits=6.0), x, generator(), "full")
    signed = plugin.program(weight, spec(EXACT, input_bits=6.0), x - 0.5, generator(), "full")
    assert not plain.dac.is_signed  # type: ignore[attr-defined]
    assert signed.dac.is_signed  # type: ignore[attr-defined]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 9))
def test_tiles_hold_the_whole_matrix(outputs: int, inputs: int, size: int) -> None:
    grid = Grid(outputs, inputs, size, size)
    weight, x = case(outputs, inputs, rows=4)
    tiles = grid.tiles(weight)
    assert tiles.shape == (grid.across * grid.down, size, size)
    product = torch.bmm(grid.sliced(x), grid.stacked(tiles).transpose(1, 2)).sum(0)
    assert torch.allclose(product, x @ weight.T, atol=1e-5)
    marks = torch.arange(grid.across * grid.down, dtype=torch.float32)
    spread = grid.per_output(marks)
    assert spread.shape == (grid.across, 1, outputs)
    assert float(spread[-1, 0, -1]) == grid.across * grid.down - 1
