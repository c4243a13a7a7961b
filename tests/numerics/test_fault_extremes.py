"""Faults at their ends (none, all), what they can never do, and sums that do not mind how they are cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._accumulators import OVERFLOWS, ROUNDINGS, Adder
from joulescape.numerics._memory_faults import MASKINGS, bits_of, levels_of, read_with_faults
from joulescape.numerics.timing_faults import (
    LateActivations,
    LateProduct,
    TimingFaults,
    dropped,
    dropped_normal,
    dropped_pairs,
    events,
    flipped,
)

torch.set_num_threads(1)

SOME = settings(max_examples=20, deadline=None)
MACHINE = TimingFaults()
WIDTHS = {"weight_bits": 8.0, "input_bits": 8.0, "accumulator_bits": 32.0}


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whole(*shape: int, seed: int = 1, top: int = 127) -> Tensor:
    return torch.randint(-top, top + 1, shape, generator=stream(seed)).double()


# --- bit cells -----------------------------------------------------------------------------------------------------


def read(levels: Tensor, bits: int, fraction: float, masking: str = "none", seed: int = 0) -> Tensor:
    numbers = {"weight_fault_fraction": fraction, "weight_fault_masking": float(MASKINGS.index(masking))}
    return read_with_faults(levels, bits, numbers, stream(seed))[0]


@SOME
@given(bits=st.integers(2, 16), seed=st.integers(0, 99))
def test_where_every_cell_fails_a_word_reads_as_its_complement(bits: int, seed: int) -> None:
    """Two's complement with all bits inverted is -n - 1; a reader that notices takes zero."""
    levels = whole(9, 7, seed=seed, top=2 ** (bits - 1) - 1)
    assert torch.equal(read(levels, bits, 1.0).double(), -levels - 1)
    assert not read(levels, bits, 1.0, "word").any()
    assert not read(levels, bits, 1.0, "bit").any(), "a failed sign has nothing to fall back on"


@SOME
@given(bits=st.integers(2, 16), seed=st.integers(0, 99), fraction=st.floats(0.0, 1.0))
def test_the_same_failed_cells_twice_are_none(bits: int, seed: int, fraction: float) -> None:
    levels = whole(9, 7, seed=seed, top=2 ** (bits - 1) - 1)
    once = read(levels, bits, fraction, seed=seed)
    assert torch.equal(read(once, bits, fraction, seed=seed).double(), levels)
    assert float(once.min()) >= -(2 ** (bits - 1)) and float(once.max()) <= 2 ** (bits - 1) - 1


@SOME
@given(bits=st.integers(2, 16), place=st.integers(0, 15))
def test_a_bit_counts_its_power_of_two_and_the_last_one_its_negative(bits: int, place: int) -> None:
    place = min(place, bits - 1)
    word = torch.zeros(bits, dtype=torch.bool)
    word[place] = True
    found = float(levels_of(word))
    assert found == (-(2.0**place) if place == bits - 1 else 2.0**place)
    assert torch.equal(bits_of(torch.tensor(found), bits), word)


@SOME
@given(seed=st.integers(0, 99), low=st.floats(0.0, 1.0), high=st.floats(0.0, 1.0))
def test_a_lower_supply_fails_the_same_cells_and_more(seed: int, low: float, high: float) -> None:
    levels, (less, more) = whole(8, 8, seed=seed), sorted((low, high))
    few, many = (
        read_with_faults(levels, 8, {"weight_fault_fraction": share}, stream(seed))[1] for share in (less, more)
    )
    assert bool((many | ~few).all())


# --- late products -------------------------------------------------------------------------------------------------


def spec(fraction: float, is_dropped: bool, bit: int = 12) -> ErrorSpec:
    numbers = {"fault_fraction": fraction, "is_dropped": float(is_dropped), "fault_bit": float(bit)}
    return ErrorSpec("timing_faults", "fc", "forward", {**WIDTHS, **numbers})


@SOME
@given(rows=st.integers(1, 5), outputs=st.integers(1, 5), inputs=st.integers(1, 40), seed=st.integers(0, 99))
def test_all_products_late_lose_the_whole_sum_in_every_form(rows: int, outputs: int, inputs: int, seed: int) -> None:
    x, weight = whole(rows, inputs, seed=seed), whole(outputs, inputs, seed=seed + 1)
    wanted = x @ weight.T
    assert torch.equal(dropped(x, weight, 1.0, stream()), wanted)
    assert torch.equal(dropped_normal(x, weight, 1.0, stream()), wanted)
    assert torch.equal(dropped_pairs(x[None], weight.T[None], 1.0, stream())[0], wanted)


@SOME
@given(count=st.integers(1, 200), fraction=st.floats(0.001, 1.0), seed=st.integers(0, 99))
def test_events_are_places_in_order_and_one_state_draws_them_again(count: int, fraction: float, seed: int) -> None:
    places = events(count, fraction, stream(seed))
    assert places.dtype == torch.int64
    assert sorted(set(places.tolist())) == places.tolist()
    assert all(0 <= place < count for place in places.tolist())
    assert torch.equal(events(count, fraction, stream(seed)), places)


@SOME
@given(reduction=st.integers(1, 30), bit=st.integers(0, 20), seed=st.integers(0, 99))
def test_all_bits_wrong_are_as_many_as_products_and_of_their_parity(reduction: int, bit: int, seed: int) -> None:
    found = flipped(torch.Size((50,)), reduction, 1.0, bit, stream(seed)) / 2.0**bit
    assert float(found.abs().max()) <= reduction
    assert bool(((found - reduction) % 2 == 0).all()), "ups and downs together are all products"
    assert not flipped(torch.Size((50,)), reduction, 0.0, bit, stream(seed)).any()


@SOME
@given(fraction=st.floats(0.01, 1.0), seed=st.integers(0, 99))
def test_products_of_zero_can_be_left_out_freely(fraction: float, seed: int) -> None:
    x, weight = whole(4, 20, seed=seed), whole(3, 20, seed=seed + 1)
    x[:, ::2] = 0
    weight[:, 1::2] = 0
    for draw in (dropped, dropped_normal):
        assert not draw(x, weight, fraction, stream(seed)).any()


def test_blocks_of_rows_make_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without late events, and with all of them, how many rows are drawn at once changes nothing."""
    weight, x = torch.randn(6, 30, generator=stream(1)), torch.randn(40, 30, generator=stream(2))
    for fraction in (0.0, 1.0):
        machine = MACHINE.program(weight, spec(fraction, True), x, stream(), "full")
        assert isinstance(machine, LateProduct)
        at_once = machine(x, stream(4))
        monkeypatch.setattr("joulescape.numerics.timing_faults.BLOCK", 30 * 6 * 7)
        assert torch.equal(machine(x, stream(4)), at_once)
        monkeypatch.undo()


@pytest.mark.parametrize(("fraction", "detail", "is_normal"), [
    (0.5, "full", False), (0.5, "merged", True), (0.01, "merged", False),
])  # fmt: skip
def test_many_events_an_output_are_drawn_as_their_sum(fraction: float, detail: str, is_normal: bool) -> None:
    weight, x = torch.randn(2, 40, generator=stream(1)), torch.randn(3, 40, generator=stream(2))
    machine = MACHINE.program(weight, spec(fraction, True), x, stream(), detail)  # type: ignore[arg-type]
    assert isinstance(machine, LateProduct)
    assert machine.is_normal is is_normal


def test_two_activations_with_every_product_late_are_nothing() -> None:
    left, right = torch.randn(2, 3, 5, 8, generator=stream(1)), torch.randn(2, 3, 8, 4, generator=stream(2))
    machine = MACHINE.product(left, right, spec(1.0, True), stream(), "full")
    assert isinstance(machine, LateActivations)
    scale = float((left @ right).abs().max())
    assert float(machine(left, right, stream()).abs().max()) < 1e-5 * scale
    wrong = MACHINE.product(left, right, spec(1.0, False, 2), stream(), "full")(left, right, stream())
    assert float(wrong.abs().max()) > 0


# --- accumulators --------------------------------------------------------------------------------------------------


@SOME
@given(seed=st.integers(0, 99), drop=st.integers(1, 6), rounding=st.sampled_from(ROUNDINGS))
def test_products_that_end_in_zeros_lose_nothing(seed: int, drop: int, rounding: str) -> None:
    left, right = whole(3, 12, seed=seed) * 2**drop, whole(12, 2, seed=seed + 1)
    assert torch.equal(Adder(None, "wrap", drop, rounding).sums(left, right), left @ right)


@SOME
@given(seed=st.integers(0, 99), drop=st.integers(1, 6))
def test_roundings_lie_around_the_product_as_they_say(seed: int, drop: int) -> None:
    """Down is never above, to zero never larger in magnitude, both halves within half a unit."""
    left, right = whole(1, 1, seed=seed), whole(1, 1, seed=seed + 1)
    exact = float(left @ right)
    down, half_up, half_even, to_zero = (float(Adder(None, "wrap", drop, one).sums(left, right)) for one in ROUNDINGS)
    unit = 2**drop
    assert exact - unit < down <= exact
    assert abs(to_zero) <= abs(exact) < abs(to_zero) + unit
    assert max(abs(half_up - exact), abs(half_even - exact)) <= unit / 2
    assert all(found % unit == 0 for found in (down, half_up, half_even, to_zero))


@SOME
@given(seed=st.integers(0, 99), bits=st.integers(4, 20), overflow=st.sampled_from(OVERFLOWS))
def test_a_sum_is_never_beyond_what_its_bits_hold(seed: int, bits: int, overflow: str) -> None:
    left, right = whole(4, 20, seed=seed), whole(20, 3, seed=seed + 1)
    found = Adder(bits, overflow, 0, "down").sums(left, right)
    assert float(found.min()) >= -(2 ** (bits - 1))
    assert float(found.max()) <= 2 ** (bits - 1) - 1
    fits = (left @ right).abs() < 2 ** (bits - 1) - 1
    if overflow != "saturate":
        assert torch.equal(found[fits], (left @ right)[fits])


@pytest.mark.parametrize("wrong", [{"accumulator_overflow": 3.0}, {"product_rounding": 4.0}])
def test_a_rule_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    assert Adder.of({}).is_plain
    with pytest.raises(IndexError):
        Adder.of(wrong)
