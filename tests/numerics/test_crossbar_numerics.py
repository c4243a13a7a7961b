"""Crossbar arithmetic: exact where the machine is, merged like full, worse with more noise; pulses and gradients."""

from __future__ import annotations

import statistics
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.coding import (
    InputCode,
    into_slices,
    into_tiles,
    quantise_weights,
    tile_inputs,
)
from joulescape.numerics.crossbar.device import CrossbarNumbers, attenuate, program_cells
from joulescape.numerics.crossbar.reading import FullCrossbar
from joulescape.numerics.crossbar.wires import wire_loss
from joulescape.registry import load
from joulescape.simulators.crossbar.rules import lossless_adc_bits

torch.set_num_threads(1)

IDEAL: dict[str, float] = {
    "rows": 128, "columns": 128, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 8, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 0, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 17.0, "wire_kohm": 0.0, "is_outer_product": 1, "states": 1200, "asymmetry": 0.0,
    "cycle_noise": 0.0, "weight_bound": 1.0,
}  # fmt: skip


def spec(role: Role = "forward", **changes: float) -> ErrorSpec:
    return ErrorSpec("crossbar", "fc", role, {**IDEAL, **changes})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matrices(inputs: int, outputs: int, rows: int = 40, signed: bool = False, seed: int = 1) -> tuple[Tensor, Tensor]:
    made = generator(seed)
    weight = torch.randn(outputs, inputs, generator=made)
    x = torch.randn(rows, inputs, generator=made)
    return weight, x if signed else x.relu()


def rounded_product(weight: Tensor, x: Tensor, errors: ErrorSpec) -> Tensor:
    """The same product in integers, without any crossbar."""
    numbers = CrossbarNumbers.of(errors)
    integers, _ = quantise_weights(weight, numbers.weight_bits)
    return InputCode.calibrated(x, numbers).integers(x).double() @ integers.double().T


def full(weight: Tensor, x: Tensor, errors: ErrorSpec, seed: int = 0) -> FullCrossbar:
    found = plugin.program(weight, errors, x, generator(seed), "full")
    assert isinstance(found, FullCrossbar)
    return found


def test_the_registry_finds_it() -> None:
    assert load("joulescape.numerics", "crossbar") is plugin


# --- exactness ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sampled_from([16, 64, 128]),
    weight_bits=st.integers(2, 8),
    input_bits=st.integers(2, 8),
    cell_bits=st.integers(1, 4),
    dac_bits=st.integers(1, 2),
    inputs=st.integers(1, 150),
    signed=st.booleans(),
    differential=st.booleans(),
)
def test_with_a_lossless_converter_integers_agree_bitwise(
    rows: int, weight_bits: int, input_bits: int, cell_bits: int, dac_bits: int, inputs: int, signed: bool,
    differential: bool,
) -> None:  # fmt: skip
    bits = lossless_adc_bits(rows, dac_bits, cell_bits, is_flipped=False) + int(differential)
    errors = spec(
        rows=rows, weight_bits=weight_bits, input_bits=input_bits, cell_bits=cell_bits, dac_bits=dac_bits,
        adc_bits=bits, is_differential=float(differential),
    )  # fmt: skip
    weight, x = matrices(inputs, 5, rows=7, signed=signed, seed=inputs)
    machine = full(weight, x, errors)
    found = machine.integers(InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x), generator())
    assert torch.equal(found, rounded_product(weight, x, errors))


def test_inverted_columns_save_the_converter_one_bit() -> None:
    """All weights at the top: without inversion every column would sum to 3 * 128; with it 8 bits are enough."""
    errors = spec(adc_bits=lossless_adc_bits(128, 1, 2, is_flipped=True))
    weight, x = torch.ones(3, 128), torch.ones(2, 128)
    weight[:, ::7] = 0.5
    machine = full(weight, x, errors)
    found = machine.integers(InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x), generator())
    assert torch.equal(found, rounded_product(weight, x, errors))


def test_sixteen_bit_operands_stay_exact_over_many_tiles() -> None:
    errors = spec(weight_bits=16, input_bits=16, rows=64, adc_bits=9)
    weight, x = matrices(500, 3, rows=5, signed=True)
    machine = full(weight, x, errors)
    found = machine.integers(InputCode.calibrated(x, CrossbarNumbers.of(errors)).integers(x), generator())
    assert torch.equal(found, rounded_product(weight, x, errors))


@pytest.mark.parametrize("differential", [0, 1])
@pytest.mark.parametrize("signed", [False, True])
def test_merged_equals_full_at_many_converter_bits(differential: int, signed: bool) -> None:
    errors = spec(adc_bits=24, is_differential=differential)
    weight, x = matrices(200, 20, signed=signed)
    merged, complete = (plugin.program(weight, errors, x, generator(), detail)(x, generator())
                        for detail in ("merged", "full"))  # fmt: skip
    assert float((merged - complete).abs().max() / complete.abs().max()) < 1e-5


def test_the_product_is_the_real_one_within_quantisation() -> None:
    weight, x = matrices(100, 10)
    found = plugin.program(weight, spec(weight_bits=8, input_bits=8), x, generator(), "merged")(x, generator())
    assert float((found - x @ weight.T).abs().max() / (x @ weight.T).abs().max()) < 0.02


def test_the_same_generator_draws_the_same_device() -> None:
    weight, x = matrices(60, 8)
    errors = spec(programming_sigma_fraction=0.05, read_sigma_fraction=0.02)
    found = [plugin.program(weight, errors, x, generator(s), "full")(x, generator(9)) for s in (3, 3, 4)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_both_details_leave_the_device_generator_at_the_same_place() -> None:
    """So that later layers meet the same devices, and the two rungs are compared paired."""
    weight, x = matrices(60, 8)
    errors = spec(programming_sigma_fraction=0.05, read_sigma_fraction=0.02)
    states = []
    for detail in ("merged", "full"):
        made = generator(3)
        plugin.program(weight, errors, x, made, detail)  # type: ignore[arg-type]
        states.append(made.get_state())
    assert torch.equal(*states)


def test_a_weight_of_zeros_and_inputs_of_zeros_give_zeros() -> None:
    x = torch.zeros(4, 30)
    for detail in ("merged", "full"):
        found = plugin.program(torch.zeros(3, 30), spec(), x, generator(), detail)(x, generator())  # type: ignore[arg-type]
        assert torch.equal(found, torch.zeros(4, 3))


# --- errors of the analog part -----------------------------------------------------------------------------------


def rms_error(detail: Any, draws: int = 3, **changes: float) -> float:
    weight, x = matrices(128, 24, rows=64)
    exact = plugin.program(weight, spec(adc_bits=10), x, generator(), "merged")(x, generator())
    errors = spec(**changes)
    found = [plugin.program(weight, errors, x, generator(s), detail)(x, generator(s)) for s in range(draws)]
    return statistics.fmean(float((f - exact).pow(2).mean().sqrt()) for f in found)


@pytest.mark.parametrize("detail", ["merged", "full"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("programming_sigma_fraction", [0.0, 0.02, 0.05, 0.1]),
        ("read_sigma_fraction", [0.0, 0.02, 0.05, 0.1]),
        ("stuck_on_fraction", [0.0, 0.005, 0.02, 0.08]),
        ("stuck_off_fraction", [0.0, 0.005, 0.02, 0.08]),
        ("wire_kohm", [0.0, 0.001, 0.004, 0.016]),
        ("adc_bits", [8, 6, 5, 4]),
    ],
)
def test_more_noise_never_helps(detail: str, name: str, values: list[float]) -> None:
    found = [rms_error(detail, **{name: value}) for value in values]
    assert found == sorted(found)
    assert found[0] < 1e-5 < found[-1]


def test_parallel_cells_average_their_errors() -> None:
    one, four = (rms_error("full", draws=6, programming_sigma_fraction=0.08, cell_copies=n) for n in (1, 4))
    assert four == pytest.approx(one / 2, rel=0.15)


def test_programming_error_of_one_column_follows_its_variance() -> None:
    """Var(y) = sum_i x_i^2 sigma_i^2: 128 rows driven, sigma of 5 % of the top level, one-bit cells in mid range."""
    numbers = CrossbarNumbers.of(spec(programming_sigma_fraction=0.05, cell_bits=2, on_off_ratio=1e6))
    levels = torch.full((1, 128, 4000), 2.0)
    sums = program_cells(levels, numbers, generator()).sum(dim=1)
    assert float(sums.std()) == pytest.approx(0.05 * 3 * np.sqrt(128), rel=0.05)
    assert float(sums.mean()) == pytest.approx(256, rel=1e-3)


def test_a_conductance_is_never_negative() -> None:
    numbers = CrossbarNumbers.of(spec(programming_sigma_fraction=0.3))
    held = program_cells(torch.zeros(1, 50, 50), numbers, generator())
    off = 3 / (17 - 1)  # the off-state, in levels above zero conductance
    assert float(held.min()) >= -off - 1e-6


@pytest.mark.parametrize(("name", "level"), [("stuck_on_fraction", 3.0), ("stuck_off_fraction", 0.0)])
def test_stuck_cells_are_as_many_as_said(name: str, level: float) -> None:
    numbers = CrossbarNumbers.of(spec(**{name: 0.1}))
    held = program_cells(torch.ones(1, 200, 200), numbers, generator())
    assert float((held == level).float().mean()) == pytest.approx(0.1, abs=0.01)


def nodal_transfer(conductance: Any, wire: float) -> Any:
    """Exact effective conductance (rows, columns): Kirchhoff's law at all 2 * rows * columns nodes of the array."""
    rows, columns = conductance.shape
    size, link = rows * columns, 1 / wire
    matrix, drive = np.zeros((2 * size, 2 * size)), np.zeros((2 * size, rows))

    def join(a: int, b: int, g: float) -> None:
        matrix[a, a] += g
        matrix[b, b] += g
        matrix[a, b] -= g
        matrix[b, a] -= g

    for i in range(rows):
        for j in range(columns):
            word, bit = i * columns + j, size + i * columns + j
            join(word, bit, conductance[i, j])
            if j + 1 < columns:
                join(word, word + 1, link)
            if i + 1 < rows:
                join(bit, bit + columns, link)
        matrix[i * columns, i * columns] += link
        drive[i * columns, i] = link
    for j in range(columns):
        matrix[2 * size - columns + j, 2 * size - columns + j] += link
    nodes = np.linalg.solve(matrix, drive)
    return (nodes[2 * size - columns :] * link).T


def test_the_closed_form_of_ir_drop_is_within_five_percent_of_the_nodal_loss() -> None:
    conductance = torch.rand(24, 20, generator=generator(2), dtype=torch.float64) * 0.1
    exact = nodal_transfer(conductance.numpy(), 0.002)
    closed = wire_loss(conductance, 0.002).numpy()
    loss = np.linalg.norm(conductance.numpy() - exact)
    assert loss > 0.02 * np.linalg.norm(conductance.numpy())
    assert np.linalg.norm(closed - exact) < 0.05 * loss


def test_a_uniform_column_loses_what_the_ladder_says() -> None:
    column = torch.full((128, 1), 0.01)
    assert float(wire_loss(column, 0.001).sum() / column.sum()) == pytest.approx(0.948, rel=0.005)


def test_the_mean_loss_of_a_tile_is_calibrated_away() -> None:
    numbers = CrossbarNumbers.of(spec(wire_kohm=0.002))
    levels = torch.randint(0, 4, (2, 100, 300), generator=generator()).float()
    after = attenuate(levels, numbers)
    assert after.shape == levels.shape
    assert float(after.mean()) == pytest.approx(float(levels.mean()), rel=0.01)
    assert not torch.allclose(after, levels, atol=0.05)


def test_a_tight_clip_saturates_large_sums() -> None:
    wide, tight = (rms_error("full", adc_bits=4, adc_clip_fraction=clip) for clip in (1.0, 0.25))
    assert tight > 2 * wide


# --- coding ------------------------------------------------------------------------------------------------------


@given(st.integers(2, 8), st.integers(1, 4), st.booleans(), st.integers(1, 3))
def test_digits_and_cycle_weights_make_the_integer_again(bits: int, dac: int, signed: bool, seed: int) -> None:
    x = torch.randn(5, 6, generator=generator(seed))
    code = InputCode.calibrated(x if signed else x.abs(), CrossbarNumbers.of(spec(input_bits=bits, dac_bits=dac)))
    integers = code.integers(x if signed else x.abs())
    pairs = zip(code.cycle_weights(), code.digits(integers), strict=True)
    total = torch.stack([weight * digit for weight, digit in pairs]).sum(dim=0)
    assert code.is_signed == (signed and bool((x < 0).any()))
    assert torch.equal(total, integers)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_weights_on_a_coarse_grid_stay_on_it(bits: int) -> None:
    top = 2 ** (bits - 1) - 1
    integers = torch.randint(-top, top + 1, (12, 40), generator=generator(bits)).float()
    integers[3] = integers[3].clamp(-max(1, top - 1), max(1, top - 1))
    weight = integers * 0.037
    found, scale = quantise_weights(weight, bits)
    assert torch.allclose(found * scale[:, None], weight, atol=1e-6)


def test_slices_weigh_up_to_the_integer() -> None:
    numbers = CrossbarNumbers.of(spec(weight_bits=7, cell_bits=3))
    integers = torch.arange(128).reshape(4, 32).float()
    levels = into_slices(integers, numbers).reshape(32, 4, 3)
    assert float(levels.max()) <= 7
    assert torch.equal((levels * numbers.slice_weights).sum(dim=2).T, integers)


def test_tiles_share_rows_evenly_and_match_their_inputs() -> None:
    numbers = CrossbarNumbers.of(spec(rows=32))
    matrix, x = torch.randn(70, 6, generator=generator()), torch.randn(5, 70, generator=generator(1))
    tiles = into_tiles(matrix, numbers)
    assert tiles.shape == (3, 24, 6)
    assert torch.allclose(torch.bmm(tile_inputs(x, 3, 24), tiles).sum(dim=0), x @ matrix, atol=1e-5)


# --- training ----------------------------------------------------------------------------------------------------


def test_pulses_move_the_weight_by_the_step_on_average() -> None:
    weight, step = torch.zeros(40_000), torch.full((40_000,), 0.0004)
    after = plugin.update(weight, step, spec("update", states=1200), generator())
    assert float(after.mean()) == pytest.approx(0.0004, rel=0.05)
    assert set(np.round(after.unique().numpy() * 600, 4)) == {0.0, 1.0}


def test_soft_bounds_shrink_steps_towards_the_end() -> None:
    errors = spec("update", states=100, asymmetry=1.0)
    up, down = (plugin.update(torch.tensor([0.5]), torch.tensor([s]), errors, generator()) - 0.5 for s in (0.2, -0.2))
    assert float(up) == pytest.approx(0.1, rel=1e-4)
    assert float(down) == pytest.approx(-0.3, rel=1e-4)


def test_no_update_leaves_the_weight_and_no_weight_leaves_the_bounds() -> None:
    errors = spec("update", cycle_noise=0.5, asymmetry=0.5)
    weight = torch.linspace(-1, 1, 101)
    assert torch.equal(plugin.update(weight, torch.zeros(101), errors, generator()), weight)
    far = plugin.update(weight, torch.full((101,), 5.0), errors, generator())
    assert float(far.abs().max()) <= 1.0


def test_cycle_noise_spreads_the_step() -> None:
    errors = spec("update", states=200, cycle_noise=0.3)
    moved = plugin.update(torch.zeros(20_000), torch.full((20_000,), 0.16), errors, generator())
    assert float(moved.mean()) == pytest.approx(0.16, rel=0.01)
    assert float(moved.std()) == pytest.approx(0.01 * 0.3 * 4, rel=0.05)


def test_rewriting_rounds_stochastically_to_the_weight_grid() -> None:
    errors = spec("update", is_outer_product=0, weight_bits=6)
    after = plugin.update(torch.zeros(50_000), torch.full((50_000,), 0.01), errors, generator())
    assert torch.equal((after * 32).round(), after * 32)
    assert float(after.mean()) == pytest.approx(0.01, rel=0.05)


def test_a_transposed_read_is_as_exact_as_its_converter() -> None:
    gradient = torch.randn(2000, 10, generator=generator())
    found = [plugin.gradient(gradient, spec("input_gradient", adc_bits=b), generator(1)) for b in (8, 6, 4)]
    assert torch.equal(found[0], gradient)
    errors = [float((f - gradient).std() / gradient.abs().max()) for f in found[1:]]
    assert errors[1] == pytest.approx(4 * errors[0], rel=0.01)
    assert 0 < errors[0] < 2**-6


def test_a_weight_gradient_read_from_arrays_errs_like_an_input_gradient_and_an_update_does_not() -> None:
    gradient = torch.ones(3, 3)
    read = [
        plugin.gradient(gradient, spec(role, adc_bits=4), generator(1))
        for role in ("input_gradient", "weight_gradient")
    ]
    assert torch.equal(*read)
    assert not torch.equal(read[0], gradient)
    assert plugin.gradient(gradient, spec("update", adc_bits=4), generator()) is gradient


# --- digits ------------------------------------------------------------------------------------------------------


@cache
def digits() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """A 64-64-10 network trained for a moment: weights and biases, training inputs, test inputs and labels."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    pixels, labels = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    order = torch.randperm(len(labels), generator=generator(0))
    train, test = order[:1100], order[1100:]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(25):
            for part in torch.randperm(len(train)).split(64):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(net(pixels[train[part]]), labels[train[part]])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return [p.detach() for p in net.parameters()], pixels[train], pixels[test], labels[test]


def digit_accuracy(detail: Any, draws: int = 4, **changes: float) -> float:
    (w1, b1, w2, b2), train, test, labels = digits()
    errors, found = spec(**changes), []
    for draw in range(draws):
        made = generator(draw)
        first = plugin.program(w1, errors, train, made, detail)
        second = plugin.program(w2, errors, (train @ w1.T + b1).relu(), made, detail)
        logits = second((first(test, made) + b1).relu(), made) + b2
        found.append(float((logits.argmax(dim=1) == labels).float().mean()))
    return statistics.fmean(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"adc_bits": 6},
        {"adc_bits": 5, "is_differential": 1},
        {"programming_sigma_fraction": 0.02},
        {"programming_sigma_fraction": 0.05},
        {"programming_sigma_fraction": 0.038, "read_sigma_fraction": 0.01, "wire_kohm": 0.00052},
        {"read_sigma_fraction": 0.05},
    ],
)
def test_merged_and_full_accuracy_agree(changes: dict[str, float]) -> None:
    complete, merged = (digit_accuracy(detail, draws=8, **changes) for detail in ("full", "merged"))
    assert abs(complete - merged) < 0.006


def test_accuracy_falls_with_programming_error() -> None:
    found = [digit_accuracy("merged", programming_sigma_fraction=s) for s in (0.0, 0.05, 0.15, 0.4)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95
    assert found[-1] < 0.7
