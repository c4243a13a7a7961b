"""Injected late products: exact without any, the laws of how many and how large, and what recovery is worth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.fixed_point import plugin as exact_plugin
from joulescape.numerics.timing_faults import dropped, dropped_normal, dropped_pairs, events, flipped, plugin

torch.set_num_threads(1)

FEW = settings(max_examples=20, deadline=None)
WIDTHS = {"weight_bits": 8.0, "input_bits": 8.0, "accumulator_bits": 32.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spec(fraction: float, is_dropped: bool = True, bit: int = 18, **changes: float) -> ErrorSpec:
    numbers = {
        **WIDTHS,
        "fault_fraction": fraction,
        "is_dropped": float(is_dropped),
        "fault_bit": float(bit),
        **changes,
    }
    return ErrorSpec("timing_faults", "fc", "forward", numbers)


def case(rows: int = 50, outputs: int = 12, inputs: int = 40, seed: int = 1) -> tuple[Tensor, Tensor]:
    made = generator(seed)
    return torch.randn(outputs, inputs, generator=made), torch.randn(rows, inputs, generator=made)


def found(weight: Tensor, x: Tensor, errors: ErrorSpec, seed: int = 3, detail: Any = "full") -> Tensor:
    return plugin.program(weight, errors, x, generator(), detail)(x, generator(seed))


@given(outputs=st.integers(1, 20), inputs=st.integers(1, 60), is_dropped=st.booleans(), seed=st.integers(0, 99))
@FEW
def test_without_late_products_it_is_fixed_point_bit_by_bit(
    outputs: int, inputs: int, is_dropped: bool, seed: int
) -> None:
    weight, x = case(9, outputs, inputs, seed)
    plain = exact_plugin.program(weight, ErrorSpec("fixed_point", "fc", "forward", WIDTHS), x, generator(), "full")
    assert torch.equal(found(weight, x, spec(0.0, is_dropped)), plain(x, generator()))


def test_with_every_product_late_nothing_is_left() -> None:
    weight, x = case()
    assert torch.equal(found(weight, x, spec(1.0)), torch.zeros(50, 12))


def test_a_tiny_share_changes_few_outputs_and_each_by_one_product() -> None:
    weight, x = case(rows=400)
    wrong, right = found(weight, x, spec(1e-4)), found(weight, x, spec(0.0))
    changed = wrong != right
    assert 0 < int(changed.sum()) < 60  # 19 are expected of 192,000 products
    largest = float((x.abs().max(0).values * weight.abs()).max())
    assert float((wrong - right).abs().max()) <= 1.05 * largest


@pytest.mark.parametrize("fraction", [1e-4, 0.01, 0.3, 0.9])
def test_as_many_events_come_as_should_and_no_place_twice(fraction: float) -> None:
    count = 200_000
    places = events(count, fraction, generator(5))
    assert bool((places.diff() > 0).all())
    assert int(places.min()) >= 0
    assert int(places.max()) < count
    sigma = (count * fraction * (1 - fraction)) ** 0.5
    assert abs(len(places) - count * fraction) < 5 * sigma
    assert float(places.double().mean()) == pytest.approx(count / 2, rel=0.2)


def test_every_place_is_as_likely_the_first_and_the_last_among_them() -> None:
    hits = torch.zeros(10)
    draw = generator(7)
    for _ in range(4000):
        hits[events(10, 0.25, draw)] += 1
    assert float((hits / 4000 - 0.25).abs().max()) < 0.035  # five standard deviations


@pytest.mark.parametrize("draw", [dropped, dropped_normal])
def test_what_is_left_out_has_the_mean_and_spread_of_independent_products(draw: Any) -> None:
    made = generator(2)
    x, weight = torch.randint(-9, 10, (3, 60), generator=made).double(), torch.randint(-9, 10, (4, 60)).double()
    made = generator(11)
    lost = torch.stack([draw(x, weight, 0.3, made) for _ in range(3000)])
    mean, variance = 0.3 * (x @ weight.T), 0.21 * (x.square() @ weight.square().T)
    assert float(((lost.mean(0) - mean).abs() / (variance / 3000).sqrt()).max()) < 5
    assert torch.allclose(lost.var(0), variance, rtol=0.15)
    assert torch.equal(lost, lost.round())


def test_wrong_bits_are_whole_multiples_of_one_and_go_both_ways() -> None:
    wrong = flipped(torch.Size((200, 200)), 50, 0.02, 10, generator(4))
    assert torch.equal(wrong % 1024, torch.zeros(200, 200, dtype=torch.float64))
    assert float(wrong.var()) == pytest.approx(50 * 0.02 * 1024**2, rel=0.05)
    assert abs(float(wrong.mean())) < 5 * 1024 / 200


@pytest.mark.parametrize("is_dropped", [True, False])
def test_more_late_products_err_more(is_dropped: bool) -> None:
    weight, x = case(rows=200)
    right = found(weight, x, spec(0.0))
    errors = [float((found(weight, x, spec(p, is_dropped)) - right).norm()) for p in (1e-4, 1e-3, 1e-2, 0.1)]
    assert errors == sorted(errors)
    assert errors[0] < 0.2 * errors[-1]


def test_a_product_left_out_errs_less_than_a_wrong_bit() -> None:
    weight, x = case(rows=200)
    right = found(weight, x, spec(0.0))
    left_out, flips = (float((found(weight, x, spec(0.01, kind)) - right).norm()) for kind in (True, False))
    assert left_out < 0.2 * flips


def test_the_accumulator_saturates_behind_wrong_bits() -> None:
    weight, x = case()
    errors = spec(0.5, is_dropped=False, bit=22, accumulator_bits=20.0)
    program: Any = plugin.program(weight, errors, x, generator(), "full")
    sums = found(weight, x, errors) / (program.exact.weight_scales[:, 0] * program.exact.input_scale)
    assert float(sums.abs().max()) <= 2**19 * (1 + 1e-5)
    assert float((sums.abs() > 2**19 * 0.999).double().mean()) > 0.5


def test_merged_and_full_agree_in_their_law() -> None:
    weight, x = case(rows=2000, inputs=100)
    right = found(weight, x, spec(0.0))
    full, merged = (found(weight, x, spec(0.2), detail=detail) - right for detail in ("full", "merged"))
    assert not torch.equal(full, merged)
    assert float(merged.mean()) == pytest.approx(float(full.mean()), abs=0.02 * float(full.std()))
    assert float(merged.std()) == pytest.approx(float(full.std()), rel=0.03)


def test_each_call_draws_anew_and_one_state_draws_the_same() -> None:
    weight, x = case()
    program = plugin.program(weight, spec(0.01), x, generator(), "full")
    draw = generator(8)
    assert not torch.equal(program(x, draw), program(x, draw))
    assert torch.equal(program(x, generator(8)), program(x, generator(8)))


@pytest.mark.parametrize("fraction", [0.0, 0.05])
def test_products_of_two_activations_err_in_the_same_way(fraction: float) -> None:
    made = generator(6)
    left, right = torch.randn(3, 2, 7, 16, generator=made), torch.randn(3, 2, 16, 5, generator=made)
    exact = exact_plugin.product(left, right, ErrorSpec("fixed_point", "m", "forward", WIDTHS), generator(), "full")
    wrong = plugin.product(left, right, spec(fraction), generator(), "full")(left, right, generator(1))
    plain = exact(left, right, generator())
    assert wrong.shape == plain.shape
    assert torch.equal(wrong, plain) == (fraction == 0.0)
    assert float((wrong - plain).norm() / plain.norm()) < 0.5


def test_pairs_of_matrices_lose_what_each_pair_alone_could_lose() -> None:
    made = generator(9)
    left, right = (torch.randint(-9, 10, shape, generator=made).double() for shape in ((3, 4, 20), (3, 20, 5)))
    assert torch.equal(dropped_pairs(left, right, 1.0, generator()), left @ right)
    made = generator(12)
    lost = torch.stack([dropped_pairs(left, right, 0.25, made) for _ in range(2000)])
    variance = 0.1875 * (left.square() @ right.square())
    assert float(((lost.mean(0) - 0.25 * left @ right).abs() / (variance / 2000).sqrt().clamp_min(1e-9)).max()) < 5
    assert torch.allclose(lost.var(0), variance, rtol=0.2)


@pytest.mark.parametrize("is_dropped", [True, False])
def test_rare_events_change_few_products_of_two_activations(is_dropped: bool) -> None:
    made = generator(6)
    left, right = torch.randn(3, 2, 7, 16, generator=made), torch.randn(3, 2, 16, 5, generator=made)
    machine = plugin.product(left, right, spec(1e-3, is_dropped), generator(), "full")
    exact = plugin.product(left, right, spec(0.0, is_dropped), generator(), "full")
    changed = machine(left, right, generator(2)) != exact(left, right, generator())
    assert 0 < int(changed.sum()) < 30  # of 210 sums with 16 products each; 3 are expected


def sums_of(weight: Tensor, x: Tensor, errors: ErrorSpec, detail: Any = "full") -> Tensor:
    program: Any = plugin.program(weight, errors, x, generator(), detail)
    return program(x, generator(3)).double() / (program.exact.weight_scales[:, 0] * program.exact.input_scale).double()


@pytest.mark.parametrize("detail", ["full", "merged"])
def test_a_narrow_accumulator_clips_what_is_left_and_not_what_was_never_added(detail: Any) -> None:
    """600 equal products fill 20 bits 37 times over: with half of them left out they still do, at the same end."""
    weight, x = torch.ones(1, 600), torch.ones(4, 600)
    sums = sums_of(weight, x, spec(0.5, accumulator_bits=20.0), detail)
    assert torch.allclose(sums, torch.full((4, 1), 2.0**19 - 1, dtype=torch.float64), rtol=1e-6)


def test_a_narrow_accumulator_that_wraps_keeps_the_sum_up_to_its_period() -> None:
    weight, x = case(rows=60, inputs=300)
    wide, narrow = (
        sums_of(weight, x, spec(0.3, accumulator_bits=bits, accumulator_overflow=2.0)) for bits in (40.0, 12.0)
    )
    assert float(wide.abs().max()) > 2**13, "sums must leave the narrow one"
    assert float(narrow.abs().max()) <= 2**11 * (1 + 1e-5)
    turns = (wide - narrow) / 2**12
    assert torch.allclose(turns, turns.round(), atol=1e-3)


def test_products_that_lose_bits_lose_them_before_they_are_left_out() -> None:
    weight, x = case()
    errors = spec(1.0, product_drop_bits=5.0)
    assert torch.equal(found(weight, x, errors), torch.zeros(50, 12)), "all that was added is left out again"
    dropped_bits = sums_of(weight, x, spec(0.3, product_drop_bits=5.0))
    assert torch.allclose((dropped_bits / 32).round(), dropped_bits / 32, atol=1e-3)


def test_two_activations_meet_the_accumulators_end_once() -> None:
    left, right = torch.ones(2, 3, 600), torch.ones(2, 600, 4)
    narrow = spec(0.5, accumulator_bits=20.0)
    full = plugin.product(left, right, narrow, generator(), "full")(left, right, generator(1))
    none_late = plugin.product(left, right, spec(0.0, accumulator_bits=20.0), generator(), "full")
    assert torch.equal(full, none_late(left, right, generator()))


def test_clipping_after_every_addition_is_refused() -> None:
    weight, x = case()
    with pytest.raises(SimulatorError, match="accumulator_overflow"):
        plugin.program(weight, spec(0.1, accumulator_overflow=1.0), x, generator(), "full")
