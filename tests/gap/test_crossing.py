"""Where two machines are equal: on curves that are known in closed form, and on designs that are priced."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from gap_designs import ENERGY, ISAAC, LATENCY, MESH, SYSTOLIC, design
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import ResultsError
from joulescape.gap.crossing import FREE_REACH, WORST, WORST_LOSS, Curves, Move, Prices, crossings
from joulescape.gap.designs import Design
from joulescape.gap.levers import Lever, levers, moved
from joulescape.spec.sourced import Sourced

SHARE = st.floats(0.05, 0.9)


def lever(path: str = "adc.energy_pj", unit: str = "pJ", low: float | None = None) -> Lever:
    constant = Sourced(value=2.0, low=low, basis="derived", source="joulescape")
    return Lever(path, "converters", constant, unit, 0.0)


class Straight(Curves):
    """A metric of 10 of which each move holds a share: 10 (1 - share + share u)."""

    def __init__(self, *shares: float) -> None:
        super().__init__(cast(Design, None), ENERGY, tuple(Move((lever(),)) for _ in shares))
        self.shares = np.array(shares)

    def values(self, reaches: Any, which: Any) -> Any:
        u, index = np.broadcast_arrays(np.asarray(reaches, dtype=float), np.asarray(which, dtype=int))
        self.evaluations_count += u.size
        return 10 * (1 - self.shares[index] + self.shares[index] * u)


@given(SHARE, st.floats(1.0, 9.99))
def test_a_straight_line_is_solved_exactly_or_its_limit_is_told(share: float, rival: float) -> None:
    limit, found = crossings(Straight(share), 10.0, [rival])
    assert limit[0] == pytest.approx(10 * (1 - share), abs=1e-6)
    if 10 * (1 - share) > rival + 1e-6:
        assert np.isnan(found[0, 0])
    elif 10 * (1 - share) < rival - 1e-6:
        assert found[0, 0] == pytest.approx((rival / 10 - 1 + share) / share, rel=1e-5)
        assert 0 < found[0, 0] < 1


@given(SHARE, st.floats(10.01, 1e4))
def test_a_design_that_leads_may_become_worse_by_so_much(share: float, rival: float) -> None:
    _, found = crossings(Straight(share), 10.0, [rival])
    assert found[0, 0] == pytest.approx((rival / 10 - 1 + share) / share, rel=1e-5)
    assert 1 < found[0, 0] < WORST


def test_what_takes_nothing_never_loses_the_lead() -> None:
    _, found = crossings(Straight(0.0, 0.5), 10.0, [20.0])
    assert np.isnan(found[0, 0]) and found[1, 0] == pytest.approx(3.0)


def test_a_kinder_rival_needs_less_and_both_sides_of_today_are_told_at_once() -> None:
    _, found = crossings(Straight(0.9), 10.0, [4.0, 8.0, 12.0])
    assert np.all(np.diff(found[0]) > 0)
    assert found[0, 1] < 1 < found[0, 2]


def test_every_machine_that_was_priced_is_counted() -> None:
    curves = Straight(0.5, 0.6, 0.7)
    crossings(curves, 10.0, [20.0, 1.0])
    ends_alone = 3 + 3
    assert curves.evaluations_count > ends_alone


def test_a_search_that_fails_is_an_error_with_what_was_moved() -> None:
    class Torn(Straight):
        def values(self, reaches: Any, which: Any) -> Any:
            found = super().values(reaches, which)
            between = (np.asarray(reaches) > 2 * FREE_REACH) & (np.asarray(reaches) < 1.0)
            return np.where(between, np.nan, found)

    torn = Torn(0.9)
    torn.design = design(SYSTOLIC)
    with pytest.raises(ResultsError, match=f"{ENERGY} of digits_mlp@{SYSTOLIC} .* of adc.energy_pj, though"):
        crossings(torn, 10.0, [5.0])


@pytest.mark.parametrize(
    ("units", "worst"),
    [(("pJ",), WORST), (("pJ", "mW"), WORST), (("dB",), WORST_LOSS), (("pJ", "dB/cm"), WORST_LOSS)],
)
def test_light_is_not_dimmed_beyond_every_source(units: tuple[str, ...], worst: float) -> None:
    assert Move(tuple(lever(unit=unit) for unit in units)).worst == worst


@pytest.mark.parametrize("back_end", [SYSTOLIC, ISAAC, MESH])
def test_levers_of_a_move_are_moved_by_one_common_factor(back_end: str) -> None:
    own = design(back_end)
    two = tuple(levers(own.typical).values())[:2]
    curves = Curves(own, ENERGY, (Move(two), Move(two[:1])))
    found = curves.values([0.5, 0.5], [0, 1])
    both = moved(own.typical, {one.path: float(one.at(0.5)) for one in two})
    first = moved(own.typical, {two[0].path: float(two[0].at(0.5))})
    assert found == pytest.approx([own.value(ENERGY, both)[0], own.value(ENERGY, first)[0]])
    assert curves.evaluations_count == 2


def test_values_keep_the_shape_of_what_is_asked() -> None:
    own = design(SYSTOLIC)
    curves = Curves(own, ENERGY, tuple(Move((one,)) for one in list(levers(own.typical).values())[:3]))
    assert curves.values([[1.0], [0.5]], [0, 1, 2]).shape == (2, 3)
    assert curves.values(1.0, 0).shape == ()
    assert curves.values(np.ones(3), [0, 1, 2]) == pytest.approx([own.at(ENERGY, "typical")] * 3)


def test_at_corners_each_lever_stands_at_the_better_end_of_its_own_range() -> None:
    own = design(ISAAC)
    some = tuple(one for one in levers(own.typical).values() if one.corner_reaches()[0] < 1)[:4]
    assert some
    curves = Curves(own, ENERGY, tuple(Move((one,)) for one in some))
    for one, found in zip(some, curves.at_corners(range(len(some))), strict=True):
        end = one.constant.low if one.limit == 0.0 else one.constant.high
        assert found == pytest.approx(own.value(ENERGY, moved(own.typical, {one.path: float(end or 0.0)}))[0])


@settings(max_examples=8, deadline=None)
@given(share=st.floats(0.4, 1.6))
def test_what_is_needed_makes_both_sides_equal_in_ordinary_pricing(share: float) -> None:
    """The whole way: today's value, the root, the machine with it, its price."""
    own = design(SYSTOLIC)
    value, move = own.at(ENERGY, "typical"), Move((levers(own.typical)["off_chip.read_pj_per_bit"],))
    limit, found = crossings(Curves(own, ENERGY, (move,)), value, [share * value])
    if np.isnan(found[0, 0]):
        assert limit[0] > share * value
    else:
        needed = {move.levers[0].path: float(move.levers[0].at(found[0, 0]))}
        assert own.value(ENERGY, moved(own.typical, needed))[0] == pytest.approx(share * value, rel=1e-6)


def test_time_has_levers_of_its_own() -> None:
    own = design(MESH, LATENCY)
    value = own.at(LATENCY, "typical")
    every = Move(tuple(levers(own.typical).values()))
    limit, found = crossings(Curves(own, LATENCY, (every,)), value, [0.999 * value, 1.5 * value])
    assert limit[0] < value
    assert found[0, 0] < 1 < found[0, 1]


def test_a_machine_is_priced_once_whatever_metric_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own, asked = design(ISAAC), list[int]()
    real = type(own).costs

    def counted(self: Design, moves: Any, count: int) -> Any:
        asked.append(count)
        return real(self, moves, count)

    monkeypatch.setattr(type(own), "costs", counted)
    prices, moves = Prices(own), tuple(Move((one,)) for one in list(levers(own.typical).values())[:5])
    energy, time = (Curves(own, metric, moves, prices=prices) for metric in (ENERGY, LATENCY))
    first = energy.values(np.full(5, 0.5), np.arange(5))
    assert sum(asked) == 5
    time.values(np.full(5, 0.5), np.arange(5))
    assert energy.values([0.5, 1.0, 1.0], [0, 1, 2])[0] == first[0]
    assert sum(asked) == 6, "a reach of 1 is the same machine whatever the lever"


def test_a_line_that_is_not_straight_is_searched_from_what_the_guess_leaves() -> None:
    class Bent(Straight):
        def values(self, reaches: Any, which: Any) -> Any:
            u = np.asarray(reaches, dtype=float) + 0 * np.asarray(which)
            return 10 * np.where(u < 1, np.sqrt(u), u**2)

    _, found = crossings(Bent(0.5), 10.0, [5.0, 40.0])
    assert found[0] == pytest.approx([0.25, 2.0], rel=1e-6)


def test_a_straight_line_is_priced_once_between_its_ends() -> None:
    curves = Straight(0.9, 0.8)
    crossings(curves, 10.0, [5.0])
    assert curves.evaluations_count == 2 + 2
