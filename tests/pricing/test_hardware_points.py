"""Points of a question's hardware: all of them or none, what is read of them, and distances from a limit."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.pricing import least_area
from joulescape.pricing.first_look import MOST_TRIED, SPREAD, designs_of, tried_values
from joulescape.pricing.least_area import areas_of, beyond, every, limit_words
from joulescape.pricing.limit_look import NEAR, _keeps, _missed, _widened
from joulescape.pricing.sealed import Read, Sealed
from joulescape.resolve.candidate import Pair, Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.domain import AnyDomain, ChoiceDomain, FloatDomain, IntDomain, Scalar
from joulescape.spec.space import Bound

BINARY = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
)  # fmt: skip
PAIR = Pair("mlp", "electronic/grid")


@pytest.mark.parametrize("of", BINARY, ids=lambda of: of.__name__)
@pytest.mark.parametrize("other", [0, 2.5, True, np.float64(1.0)], ids=repr)
def test_counting_with_a_sealed_value_names_it_from_both_sides(of: Callable[[Any, Any], Any], other: Any) -> None:
    """Numpy's own numbers try first, and must not answer for it."""
    for pair in ((Sealed("adc.bits"), other), (other, Sealed("adc.bits"))):
        with pytest.raises(Read, match=r"^adc\.bits was looked at$"):
            of(*pair)


@pytest.mark.parametrize(
    "look",
    [lambda x: x in (1, 2), lambda x: x in {1: 2}, lambda x: {x: 1}, lambda x: [0, 1][x], lambda x: 1 if x else 0,
     lambda x: min(x, 3), lambda x: sorted([x, 1]), lambda x: sum([x]), lambda x: f"{x}{x!r}", lambda x: x.value,
     list, lambda x: x[0], lambda x: 1 in x, np.asarray, lambda x: np.array([x], dtype=float),
     range, lambda x: "a" * x, lambda x: float(x) + int(x)],
)  # fmt: skip
def test_every_way_to_tell_two_values_apart_says_which_was_told(look: Callable[[Any], Any]) -> None:
    with pytest.raises(Read) as caught:
        look(Sealed("cell.bits"))
    assert caught.value.name == "cell.bits"


def test_that_a_value_is_there_tells_nothing_of_it() -> None:
    sealed: Any = Sealed("a")
    assert sealed is not None
    assert not isinstance(sealed, (int, float, str, bool))
    assert {"a": sealed}["a"] is sealed


whole = st.builds(
    lambda low, more, step: IntDomain(kind="int", low=low, high=low + more, step=step),
    st.integers(-5, 5), st.integers(0, 9), st.integers(1, 4),
)  # fmt: skip
choice = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4, unique=True).map(
    lambda options: ChoiceDomain(kind="choice", options=tuple(options))
)
real = st.builds(
    lambda low, ratio, log: FloatDomain(kind="float", low=low, high=low * ratio, log=log),
    st.floats(1e-6, 1e6), st.floats(1.0, 1e6), st.booleans(),
)  # fmt: skip
finite: st.SearchStrategy[AnyDomain] = whole | choice


@st.composite
def parameters(draw: st.DrawFn) -> list[Parameter]:
    """Up to four of them; each further one may hang on an option of the first, which is a choice."""
    first = Parameter("p0", draw(choice))
    options = cast(ChoiceDomain, first.domain).options
    found = [first]
    for place, domain in enumerate(draw(st.lists(finite, max_size=3)), start=1):
        option = draw(st.sampled_from([None, *(str(one) for one in options), "gone"]))
        found.append(Parameter(f"p{place}", domain, None if option is None else "p0", option))
    return found


def by_hand(some: Sequence[Parameter]) -> Iterator[dict[str, Scalar]]:
    """All values of all parameters, then those alone whose switched off values are the first."""
    for values in itertools.product(*(one.domain.values() for one in some)):
        point = {one.name: value for one, value in zip(some, values, strict=True)}
        off = (one for one in some if one.parent is not None and point[one.parent] != one.option)
        if all(point[one.name] == one.domain.values()[0] for one in off):
            yield point


def keyed(points: Sequence[Mapping[str, Scalar]]) -> set[tuple[tuple[str, Scalar], ...]]:
    return {tuple(sorted(point.items())) for point in points}


@given(parameters(), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_every_point_comes_once_or_none_does(some: list[Parameter], most: int) -> None:
    wanted = keyed(list(by_hand(some)))
    found = every(some, most)
    if len(wanted) > most:
        assert found is None
    else:
        assert found is not None and keyed(found) == wanted and len(found) == len(wanted)
    exact = every(some, len(wanted))
    assert exact is not None and len(exact) == len(wanted)
    assert len(wanted) == 1 or every(some, len(wanted) - 1) is None


@given(st.lists(finite, max_size=2), real)
@settings(max_examples=30, deadline=None)
def test_a_real_number_of_more_than_one_value_has_no_end(some: list[AnyDomain], number: FloatDomain) -> None:
    named = [Parameter(f"p{place}", domain) for place, domain in enumerate((*some, number))]
    found = every(named, 10**6)
    assert (found is None) == (number.low < number.high)
    assert found is None or {point[named[-1].name] for point in found} == {number.low}


def stand_in(domains: Mapping[str, AnyDomain]) -> DesignSpace:
    """A question of one machine with these drawn values."""
    named = [Parameter(f"hardware.m.{path}", domain) for path, domain in domains.items()]
    return cast(DesignSpace, SimpleNamespace(hardware={"m": SimpleNamespace(parameters=lambda: named)}))


numbers = st.dictionaries(st.sampled_from(["a", "b", "c"]), whole, min_size=1)


@given(numbers, st.data())
@settings(max_examples=25, deadline=None)
def test_an_area_is_asked_at_all_values_that_it_reads_and_at_no_other(
    domains: dict[str, IntDomain], data: st.DataObject
) -> None:
    """Which further value is read may hang on the first: at one point alone is enough to be told apart."""
    paths = sorted(domains)
    first, others = paths[0], data.draw(st.sets(st.sampled_from(paths)))
    at = data.draw(st.sampled_from(domains[first].values()))

    def area(values: Mapping[str, Any]) -> float:
        known = float(values[first])
        return known + sum(100.0 * values[path] for path in sorted(others)) if values[first] == at else known

    with mock.patch.object(least_area, "_areas", lambda space, plan, drawn: np.array([area(drawn)])):
        found = areas_of(stand_in(domains), "m")
    brute = {area(dict(zip(paths, values, strict=True)))
             for values in itertools.product(*(domains[path].values() for path in paths))}  # fmt: skip
    if len(list(itertools.product(*(domains[path].values() for path in {first, *others})))) > least_area.MOST_POINTS:
        assert found is None
        return
    assert found is not None
    assert {float(areas[0]) for _, areas in found} == brute
    assert {path for values, _ in found for path in values} == {first, *others}


def test_what_refuses_a_sealed_value_without_a_look_is_asked_at_all_of_them() -> None:
    domains = {"a": IntDomain(kind="int", low=1, high=2), "b": IntDomain(kind="int", low=3, high=5)}

    def area(space: Any, plan: Any, drawn: Mapping[str, Any]) -> Any:
        if not all(isinstance(value, int) for value in drawn.values()):
            raise TypeError("a number is wanted")
        return np.array([drawn["a"] * drawn["b"]])

    with mock.patch.object(least_area, "_areas", area):
        found = areas_of(stand_in(domains), "m")
        with pytest.raises(TypeError, match="a number is wanted"):
            areas_of(stand_in({"a": ChoiceDomain(kind="choice", options=("x",))}), "m")
    assert found is not None
    assert sorted(float(areas[0]) for _, areas in found) == [3, 4, 5, 6, 8, 10]


figures = st.floats(1e-6, 1e9)
bounds = st.builds(
    lambda most, least: Bound(at_most=most, at_least=least if least is not None or most is not None else 1.0),
    st.none() | figures, st.none() | figures,
)  # fmt: skip


@given(bounds, st.lists(figures, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_beyond_a_bound_is_its_distance_and_nothing_within(bound: Bound, values: list[float]) -> None:
    over = beyond(bound, np.array(values))
    for value, found in zip(values, over.tolist(), strict=True):
        sides = [value - bound.at_most] if bound.at_most is not None else []
        sides += [bound.at_least - value] if bound.at_least is not None else []
        assert found == max(sides)
        is_kept = (bound.at_most is None or value <= bound.at_most) and (
            bound.at_least is None or value >= bound.at_least
        )
        assert (found <= 0) == is_kept


@given(bounds)
@settings(max_examples=40, deadline=None)
def test_a_bound_is_told_side_by_side(bound: Bound) -> None:
    told = list(limit_words(bound))
    sides = [(word, value) for word, value in (("most", bound.at_most), ("least", bound.at_least)) if value is not None]
    assert [one.split()[:2] for one in told] == [["at", word] for word, _ in sides]
    for said, (_, value) in zip(told, sides, strict=True):
        assert float(said.split()[-1]) == pytest.approx(value, rel=1e-5)


@given(bounds, st.lists(figures, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_what_misses_is_told_by_the_nearest_and_what_is_kept_is_not(bound: Bound, values: list[float]) -> None:
    over = beyond(bound, np.array(values))
    told = _missed("cost", [{"cost": np.array([value])} for value in values], bound, bound, "the nearest")
    assert (told is None) == bool((over <= 0).any())
    if told is not None:
        said = float(told.rpartition(" ")[2])
        assert any(said == pytest.approx(value, rel=1e-3) for value in np.array(values)[over == over.min()])
        assert told.startswith("cost must be at ") and " and the nearest has " in told


@given(bounds, figures)
@settings(max_examples=40, deadline=None)
def test_whoever_keeps_a_limit_is_near_it_and_near_is_a_factor(bound: Bound, value: float) -> None:
    one = {"cost": np.array([value])}
    assert not _keeps(one, {"cost": bound}) or _keeps(one, {"cost": _widened(bound)})
    for name, ends in (("at_most", (value / NEAR, value / NEAR / 1.001)), ("at_least", (value * NEAR, value * 2.002))):
        near, far = (_widened(Bound(**{name: end})) for end in ends)
        assert _keeps(one, {"cost": near}) and not _keeps(one, {"cost": far})


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=6), figures, figures)
@settings(max_examples=40, deadline=None)
def test_limits_are_kept_by_one_variant_not_by_two_that_share_them(
    variants: list[tuple[float, float]], first: float, second: float
) -> None:
    costs = {"a": np.array([one for one, _ in variants]), "b": np.array([other for _, other in variants])}
    limits = {"a": Bound(at_most=first), "b": Bound(at_most=second)}
    assert _keeps(costs, limits) == any(one <= first and other <= second for one, other in variants)
    assert _keeps({}, limits)


def pair_of(domains: Sequence[AnyDomain]) -> DesignSpace:
    named = [Parameter(f"p{place}", domain) for place, domain in enumerate(domains)]
    return cast(DesignSpace, SimpleNamespace(parameters=lambda pair: named))


@given(st.lists(finite | real, min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_designs_that_are_tried_may_be_drawn_and_reach_both_ends(domains: list[AnyDomain]) -> None:
    space = pair_of(domains)
    for tried in (tried_values(space, PAIR), designs_of(space, PAIR)[0]):
        for values in tried:
            assert values["pair"] == PAIR.name
            assert all(domain.holds(values[f"p{place}"]) for place, domain in enumerate(domains))
    tried = tried_values(space, PAIR)
    assert 1 <= len(tried) <= MOST_TRIED
    for place, domain in enumerate(domains):
        last = domain.values()[-1] if not isinstance(domain, FloatDomain) else domain.high
        assert tried[0][f"p{place}"] == domain.values()[0] or isinstance(domain, FloatDomain)
        assert tried[-1][f"p{place}"] == last or len(tried) == 1
        if isinstance(domain, ChoiceDomain):
            assert {values[f"p{place}"] for values in tried} == set(domain.options)


@given(st.lists(finite | real, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_all_designs_are_said_to_be_all_and_a_sample_never_is(domains: list[AnyDomain]) -> None:
    space = pair_of(domains)
    found, are_all = designs_of(space, PAIR)
    named = space.parameters(PAIR)
    few = every(list(named), 64)
    assert are_all == (few is not None)
    assert len(found) == (SPREAD if few is None else len(few))
    assert designs_of(space, PAIR) == (found, are_all)
