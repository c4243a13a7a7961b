"""Failing bit cells: how often, how far they move a weight, and what masking them is worth."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics._memory_faults import MASKINGS, bits_of, levels_of, read_with_faults
from joulescape.numerics.fixed_point import plugin

torch.set_num_threads(1)
SOME = settings(max_examples=40, deadline=None)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whole(bits: int, seed: int = 1, count: int = 40) -> torch.Tensor:
    top = 2 ** (bits - 1) - 1
    return torch.randint(-top, top + 1, (count, count), generator=stream(seed)).float()


def numbers(fraction: float, masking: str = "none") -> dict[str, float]:
    return {"weight_fault_fraction": fraction, "weight_fault_masking": float(MASKINGS.index(masking))}


@SOME
@given(bits=st.integers(2, 16), seed=st.integers(0, 99))
def test_words_are_twos_complement(bits: int, seed: int) -> None:
    levels = whole(bits, seed)
    word = bits_of(levels, bits)
    assert torch.equal(levels_of(word), levels)
    assert torch.equal(word[..., -1], levels < 0)


@SOME
@given(bits=st.integers(2, 16), masking=st.sampled_from(MASKINGS))
def test_nothing_fails_at_no_faults_and_masking_then_changes_nothing(bits: int, masking: str) -> None:
    levels = whole(bits)
    read, failed = read_with_faults(levels, bits, numbers(0.0, masking), stream())
    assert torch.equal(read, levels) and not failed.any()


@SOME
@given(fraction=st.sampled_from([0.01, 0.1, 0.5]), bits=st.integers(4, 12))
def test_as_many_cells_fail_as_asked(fraction: float, bits: int) -> None:
    _, failed = read_with_faults(whole(bits, count=100), bits, numbers(fraction), stream())
    assert float(failed.float().mean()) == pytest.approx(fraction, rel=0.15)


@SOME
@given(seed=st.integers(0, 99), bits=st.integers(3, 10))
def test_masks_do_what_they_say(seed: int, bits: int) -> None:
    levels = whole(bits, seed)
    plain, failed = read_with_faults(levels, bits, numbers(0.1), stream(seed))
    word, same = read_with_faults(levels, bits, numbers(0.1, "word"), stream(seed))
    bit, _ = read_with_faults(levels, bits, numbers(0.1, "bit"), stream(seed))
    assert torch.equal(failed, same)
    hit = failed.any(dim=-1)
    assert torch.equal(plain[~hit], levels[~hit]) and torch.equal(bit[~hit], levels[~hit])
    assert (plain[hit] != levels[hit]).all()
    assert (word[hit] == 0).all()
    # Towards zero: never another sign, never a larger magnitude (a negative word may reach -1 in place of 0).
    assert (bit * levels >= 0).all()
    assert (bit.abs() <= levels.abs().clamp(min=1)).all()


@pytest.mark.parametrize("fraction", [0.003, 0.03])
def test_masking_bits_moves_weights_less_than_masking_words_and_that_less_than_nothing(fraction: float) -> None:
    """The order of Minerva: a failed high bit of a small weight is what hurts, and a mask takes it away."""
    levels = (torch.randn(200, 200, generator=stream()) * 20).round().clamp(-127, 127)
    moved = {
        masking: float((read_with_faults(levels, 8, numbers(fraction, masking), stream(5))[0] - levels).square().mean())
        for masking in MASKINGS
    }
    assert moved["bit"] < moved["word"] < moved["none"]
    assert moved["none"] > 4 * moved["bit"]


def test_devices_differ_and_a_worse_one_fails_in_the_same_cells() -> None:
    levels = whole(8)
    failed = [read_with_faults(levels, 8, numbers(f), stream(3))[1] for f in (0.01, 0.05)]
    assert (failed[1] | ~failed[0]).all()
    other = read_with_faults(levels, 8, numbers(0.05), stream(4))[1]
    assert not torch.equal(other, failed[1])


def test_the_fixed_point_machine_draws_its_faults() -> None:
    weight, x = torch.randn(8, 60, generator=stream()), torch.rand(30, 60, generator=stream(1))
    spec = {"weight_bits": 8.0, "input_bits": 8.0}

    def out(seed: int, **more: float) -> torch.Tensor:
        made = plugin.program(
            weight, ErrorSpec("fixed_point", "fc", "forward", {**spec, **more}), x, stream(seed), "full"
        )
        return made(x, stream())

    clean = out(0)
    assert torch.equal(out(1, weight_fault_fraction=0.0), clean)
    assert not torch.equal(out(0, weight_fault_fraction=0.02), out(1, weight_fault_fraction=0.02))
    assert torch.equal(out(0, weight_fault_fraction=0.02), out(0, weight_fault_fraction=0.02))
    errors = [float((out(0, weight_fault_fraction=f) - clean).square().mean()) for f in (0.0, 0.001, 0.01, 0.1)]
    assert errors == sorted(errors) and errors[0] == 0
