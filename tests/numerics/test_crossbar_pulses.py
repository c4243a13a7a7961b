"""Cells that pulses move, rules that move them, and reads of arrays while they are trained."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from crossbar_numbers import generator, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Chance, Held
from joulescape.numerics.crossbar import plugin
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.learning import Descent, FastAndSlow
from joulescape.numerics.crossbar.pulses import OneSidedPairs, PulsedCells, PulseNumbers
from joulescape.numerics.crossbar.trained import TrainedArray, read_sigma

PLAIN: dict[str, float] = {
    "states": 200, "asymmetry": 1.0, "cycle_noise": 0.0, "weight_bound": 1.0, "is_outer_product": 1,
    "has_analog_weights": 1,
}  # fmt: skip
HIDDEN: dict[str, float] = {
    "is_hidden": 1, "is_buffered": 0, "fast_rate": 1.0, "transfer_rate": 0.5, "transfer_columns": 3,
    "transfer_every": 1,
}  # fmt: skip


def update(**changes: float) -> ErrorSpec:
    return spec("update", **{**PLAIN, **changes})


def cells(weight: Tensor, **changes: float) -> PulsedCells:
    return PulsedCells(weight, PulseNumbers.of(update(**changes)), generator())


# --- cells -------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(0, 1), st.integers(20, 2000))
def test_a_cell_moves_by_what_is_asked_for_less_its_asymmetry(start: float, asymmetry: float, states: int) -> None:
    """The mean over many cells: step (1 - a w) upwards, step (1 + a w) downwards."""
    for step in (0.003, -0.003):
        held = cells(torch.full((20_000,), start), states=states, asymmetry=asymmetry)
        held.ask(torch.full((20_000,), step), None, generator(1))
        expected = step * (1 - (1 if step > 0 else -1) * asymmetry * start)
        spread = 2 / states * (0.003 * states / 2) ** 0.5 / 20_000**0.5
        assert float(held.seen.mean()) - start == pytest.approx(expected, abs=8 * spread + 1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 3), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 50))
def test_no_cell_leaves_its_ends_whatever_it_is_asked(noise: float, steps: float, ends: float, seed: int) -> None:
    held = cells(torch.zeros(500), cycle_noise=noise, step_spread=steps, bound_spread=ends, high=1.25, low=0.75)
    low, high = held._laws[4], held._laws[5]
    for sign in (1.0, -1.0):
        held.ask(torch.full((500,), 5.0 * sign), None, generator(seed))
        assert bool((held.seen >= low).all() and (held.seen <= high).all())
    if ends > 0.1:
        assert float(high.std()) == pytest.approx(1.25 * ends, rel=0.3)


def test_what_cancels_within_a_batch_still_draws_cells_to_their_symmetry_points() -> None:
    """Up and down pulses in equal number: nothing is asked for on balance, and asymmetric cells forget."""
    start, total = torch.full((4000,), 0.5), torch.full((4000,), 0.2)
    asymmetric, equal = cells(start), cells(start, asymmetry=0.0)
    for held in (asymmetric, equal):
        held.ask(torch.zeros(4000), total, generator(1))
    assert float(asymmetric.seen.mean()) == pytest.approx(0.5 * (1 - 0.2), rel=0.02)
    assert float(equal.seen.mean()) == pytest.approx(0.5, abs=0.002)


def test_pulses_to_and_fro_end_at_the_symmetry_point() -> None:
    held = cells(torch.zeros(300), imbalance=0.3, step_spread=0.1, imbalance_spread=0.05)
    for _ in range(400):
        held.ask(torch.zeros(300), torch.full((300,), 0.1), generator())
    assert float((held.seen - held.symmetry_point).abs().mean()) < 0.03
    assert float(held.symmetry_point.mean()) == pytest.approx(0.3 / 1.7, rel=0.1)


def test_stuck_cells_stand_anywhere_and_stay() -> None:
    held = cells(torch.zeros(10_000), corrupt_fraction=0.2)
    before = held.seen.clone()
    held.ask(torch.full((10_000,), 0.5), None, generator(2))
    still = held.seen == before
    assert float(still.float().mean()) == pytest.approx(0.2, abs=0.02)
    assert float(before[still].std()) == pytest.approx(1 / 3**0.5, rel=0.05)


def test_write_noise_is_read_and_not_kept() -> None:
    held = cells(torch.zeros(20_000), asymmetry=0.0, write_noise_fraction=0.1)
    for _ in range(20):
        held.ask(torch.full((20_000,), 0.01), None, generator())
    assert float(held.seen.mean()) == pytest.approx(0.2, rel=0.02)
    assert float(held.seen.std()) == pytest.approx(0.1, rel=0.03)


def test_a_few_cells_are_pulsed_as_all_are() -> None:
    one, other = (cells(torch.linspace(-0.9, 0.9, 50), cycle_noise=0.0, step_spread=0.2) for _ in range(2))
    one.ask(torch.full((50,), 0.03), None, generator())
    at = torch.arange(0, 50, 7)
    other.pulse_at(at, torch.full(at.shape, 3.0), torch.zeros(at.shape), generator())
    assert torch.allclose(one.seen[at], other.seen[at], atol=1e-6)
    untouched = torch.ones(50, dtype=torch.bool).index_fill(0, at, value=False)
    assert torch.equal(other.seen[untouched], torch.linspace(-0.9, 0.9, 50)[untouched])


# --- pairs that only rise ----------------------------------------------------------------------------------------


def test_full_pairs_are_reset_keep_their_difference_and_move_again() -> None:
    numbers = PulseNumbers.of(update(states=400))
    filled, refreshed = (OneSidedPairs(torch.full((500,), 0.3), numbers, generator(), n) for n in (1000, 20))
    for held in (filled, refreshed):
        for _ in range(20):
            held.ask(torch.zeros(500), torch.full((500,), 0.15), generator())
    assert refreshed.refreshed == 500 and filled.refreshed == 0
    assert torch.allclose(filled.seen, refreshed.seen, atol=1e-6)
    before = filled.seen.clone()
    for held in (filled, refreshed):
        held.ask(torch.full((500,), 0.1), None, generator())
    moved = [float((held.seen - before).mean()) for held in (filled, refreshed)]
    assert moved[1] > 2 * moved[0] > 0


def test_a_pair_rises_and_falls_alike() -> None:
    held = OneSidedPairs(torch.zeros(20_000), PulseNumbers.of(update(states=400)), generator(), 1000)
    held.ask(torch.cat([torch.full((10_000,), 0.05), torch.full((10_000,), -0.05)]), None, generator())
    up, down = held.seen[:10_000].mean(), held.seen[10_000:].mean()
    assert float(up) == pytest.approx(0.05, rel=0.05) and float(up) == pytest.approx(-float(down), rel=0.05)


# --- rules -------------------------------------------------------------------------------------------------------


def held_by(**changes: float) -> Held:
    found = plugin.hold(torch.zeros(4, 9), update(**changes), generator())
    assert found is not None
    return found


def test_weights_on_levels_have_no_memory_beside_them() -> None:
    assert (
        plugin.hold(torch.zeros(2, 2), spec("update", states=100, asymmetry=0.0, cycle_noise=0.0), generator()) is None
    )


def test_manhattan_gives_every_weight_one_pulse() -> None:
    held = held_by(is_sign=1, is_outer_product=0, asymmetry=0.0)
    step = torch.linspace(-0.5, 0.5, 36).reshape(4, 9)
    step[0, 0] = 0.0
    assert not held.counts_vectors
    assert torch.allclose(held.move(step, None, generator()), step.sign() * 0.01, atol=1e-6)


def test_a_hidden_array_hands_on_what_it_gathered_column_by_column() -> None:
    held = held_by(**HIDDEN, programming_sigma_fraction=0.0, asymmetry=0.0)
    assert isinstance(held, FastAndSlow)
    first = held.move(torch.full((4, 9), 0.2), torch.full((4, 9), 0.2), generator())
    assert torch.allclose(first[:, :3], torch.full((4, 3), 0.1), atol=0.011)
    assert not first[:, 3:].any(), "not yet read"
    for _ in range(2):
        last = held.move(torch.zeros(4, 9), torch.zeros(4, 9), generator())
    assert bool((last > 0.08).all())


def test_a_buffer_keeps_what_is_less_than_a_pulse() -> None:
    """Rounded to the nearest each time it would never come to one; rounded by chance it would come in noise."""
    few = {**HIDDEN, "is_buffered": 1, "transfer_rate": 0.05, "transfer_columns": 9, "programming_sigma_fraction": 0.0}
    held = held_by(**few, asymmetry=0.0, read_sigma_fraction=0.0)

    def step(n: int) -> Tensor:
        return torch.full((4, 9), 0.06 if n == 0 else 0.0)

    sums = [float(held.move(step(n), step(n), generator()).mean()) for n in range(7)]
    assert sums[0] == 0.0 and sums[-1] == pytest.approx(0.02, abs=1e-6)
    assert all(a <= b for a, b in pairwise(sums))


@pytest.mark.parametrize("rule", [{}, HIDDEN, {"refresh_every": 50}])
def test_every_rule_descends_a_slope(rule: dict[str, float]) -> None:
    """A linear map is found from its errors, whichever cells hold the weights."""
    x, target = torch.randn(64, 9, generator=generator(3)), torch.rand(4, 9, generator=generator(4)) - 0.5
    held = held_by(**{**rule, "transfer_columns": 9} if rule else {}, states=1200, cycle_noise=0.3, asymmetry=0.5)
    weight, stream = held.weight, generator(5)
    before = float((weight - target).square().mean())
    for _ in range(300):
        error = x @ (weight - target).T / 64
        total = 0.2 * error.abs().T @ x.abs()
        weight = held.move(-0.2 * error.T @ x, total, stream)
    assert float((weight - target).square().mean()) < 0.1 * before
    assert isinstance(held, (Descent, FastAndSlow))


# --- reads -------------------------------------------------------------------------------------------------------


def test_reads_of_a_trained_array_have_the_exact_variance() -> None:
    errors = spec(read_sigma_fraction=0.02, on_off_ratio=20, adc_bits=24, input_bits=16)
    stored = plugin.store(
        torch.zeros(5, 30), {"forward": errors, "update": update()}, torch.zeros(1, 30), CHANCE, "merged"
    )
    x = torch.rand(1, 30, generator=generator()).expand(20_000, 30)
    noise = stored.forward(x, generator(1))
    sigma = 0.02 / (1 - 1 / 20) * 2**0.5
    assert float(noise.var()) == pytest.approx(sigma**2 * float(x[0].square().sum()), rel=0.03)
    assert stored.backward is None, "the host forms input gradients"


CHANCE = Chance(*(generator(seed) for seed in range(4)))


def test_both_directions_read_the_same_pairs_to_the_bits_of_drivers_and_converters() -> None:
    weight = torch.rand(6, 40, generator=generator()) - 0.5
    x, errors = torch.rand(50, 40, generator=generator(1)), torch.randn(50, 6, generator=generator(2))
    for bits, within in ((12, 2e-3), (6, 0.1)):
        forward = spec(input_bits=bits, adc_bits=bits)
        array = TrainedArray(weight, plugin_numbers(forward), 1.0)
        for found, exact in (
            (array(x, generator()), x @ weight.T),
            (array.transposed(errors, generator()), errors @ weight),
        ):
            assert within / 100 < float((found - exact).abs().max() / exact.abs().max()) < within
    assert torch.equal(array.weight, weight)


def plugin_numbers(errors: ErrorSpec) -> CrossbarNumbers:
    return CrossbarNumbers.of(errors)


def test_copies_average_read_noise_and_a_finite_ratio_adds_to_it() -> None:
    sigmas = [read_sigma(plugin_numbers(spec(read_sigma_fraction=0.02, **c)), 1.0) for c in ({}, {"cell_copies": 4})]
    assert sigmas[0] == pytest.approx(2 * sigmas[1])
    assert read_sigma(plugin_numbers(spec(read_sigma_fraction=0.02, on_off_ratio=2.0)), 1.0) == pytest.approx(
        2 * sigmas[0], rel=1e-4
    )


@pytest.mark.parametrize("short", [0.99, 0.5, 0.0])
def test_magnitudes_that_fall_short_of_their_sum_leave_numbers(short: float) -> None:
    """At an end of its range a cell that were asked for fewer pulses than none had noise of no real size."""
    weight = torch.full((20_000,), 0.9999)
    numbers = PulseNumbers.of(update(cycle_noise=0.3))
    for held in (PulsedCells(weight, numbers, generator()), OneSidedPairs(weight * 0, numbers, generator(), 100)):
        for sign in (1.0, -1.0):
            step = torch.full((20_000,), 0.03 * sign)
            held.ask(step, short * step.abs(), generator(1))
            assert bool(torch.isfinite(held.seen).all())


def test_symmetry_points_are_found_as_well_as_single_pulses_let_them() -> None:
    """Against cells that are pulsed to and fro one by one: the same places, the same spread around them."""
    changes = {"states": 60, "cycle_noise": 0.4, "imbalance": 0.3, "asymmetry_down": 0.8, "high": 1.2}
    every, none = torch.ones(2000), torch.zeros(2000)
    pulsed, settled = (cells(torch.zeros(2000), **changes) for _ in range(2))
    stream, at = generator(4), torch.arange(2000)
    for _ in range(300):
        pulsed.pulse_at(at, every, none, stream)
        pulsed.pulse_at(at, none, every, stream)
    found = settled.settle(generator(5))
    assert float(found.mean()) == pytest.approx(float(pulsed.seen.mean()), abs=2 / 60)
    assert float(found.std()) == pytest.approx(float(pulsed.seen.std()), rel=0.1)
    assert torch.equal(found, settled.seen)


def test_a_hidden_array_at_rest_moves_no_weight() -> None:
    """Cells of very different symmetry points: without a gradient nothing is handed on beyond the reference's error."""
    weight = torch.zeros(12, 20)
    held = plugin.hold(weight, update(**HIDDEN, imbalance_spread=0.4, step_spread=0.2), generator())
    assert isinstance(held, FastAndSlow)
    assert float(held._fast.symmetry_point.std()) > 0.1
    for _ in range(20):
        moved = held.move(torch.zeros(12, 20), torch.zeros(12, 20), generator(1))
    assert float(moved.abs().max()) < 1e-6


def test_cells_without_a_symmetry_point_stay() -> None:
    linear = cells(torch.full((50,), 0.3), asymmetry=0.0, asymmetry_down=0.0, cycle_noise=0.5)
    assert torch.equal(linear.settle(generator(2)), torch.full((50,), 0.3))


def test_what_one_vector_reads_does_not_depend_on_others() -> None:
    """Neither forwards nor backwards: a range of the whole batch would tell a sample of the test part of the others."""
    numbers = CrossbarNumbers.of(spec(adc_bits=5, read_sigma_fraction=0.02, adc_clip_fraction=0.7, input_bits=6))
    array, x = TrainedArray(torch.randn(32, 32, generator=generator()), numbers, 1.0), torch.rand(40, 32)
    x[1:] *= 100
    for read in (array, array.transposed):
        assert torch.allclose(read(x[:1], generator(3)), read(x, generator(3))[:1], rtol=1e-4, atol=1e-5)
