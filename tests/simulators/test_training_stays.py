"""What stays on a training processor, what is left out, and element-wise work: by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import case, number, part, product, vector
from scipy.stats import binom

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, VectorWork
from joulescape.simulators.base import Context
from joulescape.simulators.training_core.figures import peak_gops, rated_work
from joulescape.simulators.training_core.kept import Kept, stash_bytes, width
from joulescape.simulators.training_core.machine import TrainingMachine
from joulescape.simulators.training_core.matrix import mac_pj
from joulescape.simulators.training_core.settings import TrainingCoreSettings, ZeroSettings, instances
from joulescape.simulators.training_core.zeros import done, foretold, shares, slowest
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import at_paths

LNPU, GANPU, HNPU, T_PIM = (case(f"electronic/{name}") for name in ("lnpu", "ganpu", "hnpu", "t_pim"))
FEW = settings(max_examples=30, deadline=None)
LAYERS = 4


def plain(**changes: object) -> TrainingCoreSettings:
    """LNPU with other settings: two underscores stand for a dot."""
    named = {path.replace("__", "."): value for path, value in changes.items()}
    found: TrainingCoreSettings = at_paths(LNPU.settings, named)
    return found


def zeros(**changes: object) -> ZeroSettings:
    return plain(**{f"zeros__{name}": value for name, value in changes.items()}).zeros


def chain(density: float = 1.0) -> list[MatrixWork | VectorWork]:
    """Four dense layers of 64 x 64 for a batch of 16, one weight gradient behind them."""
    layers = [product(Loops(B=16, K=64, C=64), layer=f"fc{place}") for place in range(LAYERS)]
    seen = [replace(work, input=replace(work.input, density=density)) for work in layers]
    return [*seen, product(Loops(B=64, K=64, C=16), role="weight_gradient", layer="fc3")]


def kept(density: float = 1.0, **changes: object) -> Kept:
    return Kept.of(chain(density), plain(**changes), example_context(16))


INPUT = 16 * 64
"""Bytes of one layer's input in FP8."""

WEIGHTS = LAYERS * 64 * 64 * 2
"""Bytes of all weights in FP16."""


def test_weights_come_first_then_what_waits() -> None:
    whole = kept()
    assert (whole.weights_stay, whole.stash_stays) == (True, True)
    assert whole.stays_bytes == WEIGHTS + LAYERS * INPUT
    tight = kept(memories__buffer__bytes=2 * WEIGHTS)
    assert (tight.weights_stay, tight.stash_stays, tight.stays_bytes) == (True, False, WEIGHTS)
    tiny = kept(memories__buffer__bytes=2 * WEIGHTS - 2)
    assert (tiny.weights_stay, tiny.stash_stays, tiny.stays_bytes) == (False, True, LAYERS * INPUT)


def test_an_inference_keeps_weights_at_their_own_width_and_nothing_waits() -> None:
    found = Kept.of(chain()[:LAYERS], plain(), example_context(16))
    assert not found.is_training
    assert found.stays_bytes == WEIGHTS / 2
    assert found.again == {}


@pytest.mark.parametrize(("segment", "waiting", "again"), [
    (1, 4, []), (2, 3, ["fc1", "fc3"]), (3, 4, ["fc1", "fc2"]), (4, 4, ["fc1", "fc2", "fc3"]),
])  # fmt: skip
def test_segments(segment: int, waiting: int, again: list[str]) -> None:
    """First inputs of all segments wait, beside the inputs that one segment makes again."""
    found = kept(stash__segment=segment)
    assert found.stays_bytes == WEIGHTS + waiting * INPUT
    assert sorted(found.again) == again
    assert all(source.layer == f"fc{int(layer[-1]) - 1}" for layer, source in found.again.items())


@FEW
@given(density=st.floats(0, 1))
def test_a_code_of_eight_bits(density: float) -> None:
    """One bit a value beside the values that are not zero."""
    work = product(Loops(B=16, K=64, C=64))
    operand = replace(work.input, density=density)
    assert stash_bytes(operand, 8, plain()) == pytest.approx(INPUT * min(density + 1 / 8, 1))
    assert stash_bytes(operand, 8, plain(stash__is_coded=False)) == INPUT


def test_ends_may_be_wider() -> None:
    context = replace(example_context(), first=frozenset({"a"}), last=frozenset({"c"}))
    assert isinstance(context, Context)
    assert [width(layer, HNPU.settings, context) for layer in "abc"] == [8, 4, 8]  # type: ignore[arg-type]
    assert [width(layer, plain(), context) for layer in "abc"] == [8, 8, 8]


@FEW
@given(weight=st.floats(0, 1), inputs=st.floats(0, 1), needed=st.floats(0, 1))
def test_shares_of_products(weight: float, inputs: float, needed: float) -> None:
    work = product(Loops(K=8, C=8))
    work = replace(
        work,
        weight=replace(work.weight, density=weight),
        input=replace(work.input, density=inputs),
        output=replace(work.output, needed=needed),
    )
    assert done(shares(work, zeros(forward=("weight", "input", "output")))) == pytest.approx(weight * inputs * needed)
    assert done(shares(work, zeros(forward=("input",)))) == inputs
    assert done(shares(work, zeros(is_on=False))) == 1.0


@FEW
@given(share=st.floats(0.01, 1), lanes=st.integers(1, 32), window=st.integers(1, 64))
def test_waiting_for_the_fullest(share: float, lanes: int, window: int) -> None:
    """Between the mean and all of a window; balanced, the mean itself."""
    waits = slowest(share, zeros(is_balanced=False, lanes=lanes, window=window))
    even = slowest(share, zeros(is_balanced=True, lanes=lanes, window=window))
    assert even == max(share, 1 / window)
    assert min(share, 1.0) - 1e-9 <= waits <= 1 + 1e-9
    assert waits >= slowest(share, zeros(is_balanced=False, lanes=1, window=window)) - 1e-9


def test_the_fullest_of_two_lanes_by_hand() -> None:
    """Windows of one value: a cycle each; of two, the mean maximum of two binomials."""
    assert slowest(0.5, zeros(is_balanced=False, lanes=2, window=1)) == 1.0
    pmf = binom.pmf([0, 1, 2], 2, 0.5)
    by_hand = sum(max(a, b) * pmf[a] * pmf[b] for a in range(3) for b in range(3)) / 2
    assert slowest(0.5, zeros(is_balanced=False, lanes=2, window=2)) == pytest.approx(by_hand)


def test_foretelling_looks_at_inputs_that_are_there() -> None:
    found = {"input": 0.5, "output": 0.25}
    rule, work = GANPU.settings.zeros, product(Loops(K=8, C=8))  # type: ignore[attr-defined]
    assert foretold(work, found, rule) == pytest.approx(rule.foretelling.value * 0.5)  # type: ignore[arg-type]
    assert foretold(work, {"input": 0.5}, rule) == 0.0
    assert foretold(replace(work, role="input_gradient"), found, rule) == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "bits", "energy", "rate"), [
    ("fixed", 8, 1.0, 1.0), ("packed", 8, 0.5, 2.0), ("packed", 4, 0.25, 4.0), ("serial", 8, 0.25, 0.25),
    ("serial", 16, 1.0, 1 / 16),
])  # fmt: skip
def test_narrow_operands(kind: str, bits: int, energy: float, rate: float) -> None:
    """Over a 16-bit product: energy with no, one or both widths; rate by units that share, or by bits."""
    chip = plain(arithmetic__narrow=kind, arithmetic__bits=bits)
    assert mac_pj(chip, bits) == pytest.approx(energy * chip.array.mac_pj.value)
    assert peak_gops(chip) == pytest.approx(rate * 2 * 750 * 0.2)


def test_the_rated_state_is_one_convolution() -> None:
    work = rated_work(plain(rated__input_density=0.1))
    assert work.macs == 75 * 120 * 9 * 14 * 14
    assert work.input.density == 0.1
    assert work.input.elements == 75 * 16 * 16


def test_copies_of_memories() -> None:
    assert {name: instances(plain(), name) for name in LNPU.settings.memories} == {  # type: ignore[attr-defined]
        "weight_register": 750, "sum_register": 750, "buffer": 1,
    }  # fmt: skip
    assert instances(T_PIM.settings, "cells") == 3200  # type: ignore[arg-type]


def test_an_update_of_weights_that_stay_never_leaves_the_chip() -> None:
    update = VectorWork("fc0", "update", "update", 2.0 * 4096, 2 * 4096, 4096, 8.0)
    works = [*chain(), update]
    here, away = (
        LNPU.at({"weights_stay": stays}).cost(*works, context=example_context(16))[-1] for stays in (True, False)
    )
    assert part(here, "off_chip_memory") == 0
    assert part(away, "off_chip_memory") == pytest.approx(3 * 4096 * 16 * 8.0)
    assert number(here.latency_ns) == pytest.approx(2 * 4096 / 32 / 0.2)
    assert number(away.latency_ns) >= 3 * 4096 * 16 / 12.8


def test_a_rectifier_remembers_a_bit_an_element_where_activations_leave() -> None:
    works = [*chain(), vector(8192)]
    small = LNPU.at({"memories.buffer.bytes": 4096, "weights_stay": False})
    machine = TrainingMachine.of(works, small.settings, example_context(16))  # type: ignore[arg-type]
    assert not machine.kept.stash_stays
    moved = small.cost(*works, context=example_context(16))[-1].traffic
    sent = sum(number(t.write_bytes) for t in moved if t.memory == "off_chip_memory")
    assert sent == 8192 + 8192 / 8
