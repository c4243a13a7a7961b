"""Orders of boundaries: every set of boundaries is one state, every step places the next level of one operand."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._mapping.plan import Buffers, Plan, plan

ONCE: tuple[bool, ...] = (False,)
EITHER = (False, True)

counts = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2))


def once(count: int) -> Buffers:
    """So many boundaries without a choice of buffering."""
    return (ONCE,) * count


def made(levels: tuple[int, int, int], accumulates: bool = True) -> Plan:
    """The plan for so many boundaries of O, W and I."""
    return plan((once(levels[0]), once(levels[1]), once(levels[2])), accumulates)


def paths(found: Plan) -> list[tuple[tuple[str, int], ...]]:
    """All orders that the steps allow, from the inside out, without what is known of the sums."""
    ways: dict[int, set[tuple[tuple[str, int], ...]]] = {0: {()}}
    for steps in found.steps:
        reached: dict[int, set[tuple[tuple[str, int], ...]]] = {}
        for step in steps:
            slot = found.placements[step.placement].slot
            reached.setdefault(step.target, set()).update((*way, slot) for way in ways[step.source])
        ways = reached
    return sorted(ways[0])


@given(counts)
def test_every_interleaving_of_levels_is_an_order(levels: tuple[int, int, int]) -> None:
    slots = [(op, level) for op, count in zip("OWI", levels, strict=True) for level in range(count)]
    expected = {
        order
        for order in itertools.permutations(slots)
        if all(order.index((op, low)) < order.index((op, low + 1)) for op, low in slots if (op, low + 1) in slots)
    }
    found = paths(made(levels))
    assert set(found) == expected
    assert len(expected) == math.factorial(len(slots)) // math.prod(math.factorial(count) for count in levels)


@given(counts, st.booleans())
def test_ranks_end_in_one_state_with_everything_placed(levels: tuple[int, int, int], accumulates: bool) -> None:
    found = made(levels, accumulates)
    assert len(found.steps) == sum(levels)
    assert found.ranks[0] == found.ranks[-1] == 1


@pytest.mark.parametrize(("levels", "states"), [((2, 1, 1), 16), ((3, 2, 2), 54), ((1, 1, 1), 8), ((0, 1, 1), 4)])
def test_number_of_states_while_sums_accumulate(levels: tuple[int, int, int], states: int) -> None:
    assert sum(made(levels).ranks) == states


def test_without_a_reduction_in_time_sums_are_final_from_the_start() -> None:
    found = made((2, 0, 0), accumulates=False)
    assert {placement.width for placement in found.placements} == {"final"}
    assert sum(found.ranks) == 3


def test_sums_once_finished_stay_finished() -> None:
    found = made((3, 0, 0))
    order = {placement: index for index, placement in enumerate(found.placements)}
    for placement in order:
        if placement.width == "final":
            assert placement.leaves in ("final", "any")
    assert {p.leaves for p in order if p.level == 2} == {"any"}


@given(counts)
def test_steps_into_a_state_stand_together(levels: tuple[int, int, int]) -> None:
    for steps, (sources, placements, starts) in zip(made(levels).steps, made(levels).gathers, strict=True):
        targets = [step.target for step in steps]
        assert targets == sorted(targets)
        assert [steps[start].target for start in starts] == sorted(set(targets))
        assert sources.tolist() == [step.source for step in steps]
        assert placements.tolist() == [step.placement for step in steps]


def test_a_choice_of_buffering_doubles_the_steps_and_no_state() -> None:
    plain = plan((once(2), once(1), once(1)), True)
    free = plan(((EITHER,) * 2, (EITHER,), (EITHER,)), True)
    assert free.ranks == plain.ranks
    assert [len(steps) for steps in free.steps] == [2 * len(steps) for steps in plain.steps]
    doubled = Counter(placement.is_doubled for placement in free.placements)
    assert doubled[True] == doubled[False] == len(plain.placements)
