"""Who gets an ask: every pair first, then every back end its reserve, then freedom."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from joulescape.resolve.candidate import Pair
from joulescape.search.allocation import Allocation, FreePairs
from joulescape.search.sampler import Told

PAIRS = (Pair("a", "x/1"), Pair("b", "x/1"), Pair("c", "x/1"), Pair("a", "y/2"))


def asks(allocation, count):
    found = []
    for _ in range(count):
        name = allocation.reserved()
        if name is None:
            break
        allocation.count(name)
        found.append(name)
    return found


def test_the_first_asks_go_round_all_pairs():
    found = asks(Allocation(PAIRS, lambda _: 0, stratified=6), 6)
    assert found[:4] == [pair.name for pair in PAIRS]
    assert max(Counter(found).values()) == 2


def test_every_pair_is_asked_once_even_when_the_batch_is_smaller():
    assert len(set(asks(Allocation(PAIRS, lambda _: 0, stratified=2), 9))) == 4


@given(st.integers(0, 30), st.integers(1, 24))
def test_the_reserve_is_kept_and_nothing_more(reserve, stratified):
    found = asks(Allocation(PAIRS, lambda _: reserve, stratified), 1000)
    counts = Counter(name.split("@")[1] for name in found)
    assert min(counts.values()) >= reserve
    assert len(found) <= max(stratified, len(PAIRS)) + 2 * reserve


def test_within_a_back_end_its_pairs_share_the_reserve():
    counts = Counter(asks(Allocation(PAIRS, {"x/1": 12, "y/2": 12}.__getitem__, stratified=4), 1000))
    assert counts["a@x/1"] == counts["b@x/1"] == counts["c@x/1"] == 4
    assert counts["a@y/2"] == 12


def test_an_exhausted_pair_gets_no_more():
    allocation = Allocation(PAIRS, lambda _: 6, stratified=4)
    allocation.count("a@y/2")
    allocation.exhaust("a@y/2")
    assert "a@y/2" not in asks(allocation, 100)
    assert allocation.open_pairs == ("a@x/1", "b@x/1", "c@x/1")


pairs_of_back_ends = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), min_size=1, unique=True)


@given(pairs_of_back_ends, st.dictionaries(st.sampled_from("xyz"), st.integers(0, 12)), st.integers(1, 20))
def test_every_reserved_ask_goes_to_the_back_end_that_has_least(names, reserves, stratified):
    """The rule read literally, ask by ask."""
    pairs = tuple(Pair(*name) for name in names)
    allocation, asked = Allocation(pairs, lambda b: reserves.get(b, 0), stratified), Counter()
    for turn in range(200):
        counts = {p.back_end: sum(asked[q.name] for q in pairs if q.back_end == p.back_end) for p in pairs}
        short = [p for p in pairs if counts[p.back_end] < reserves.get(p.back_end, 0)]
        name = allocation.reserved()
        if turn < max(stratified, len(pairs)):
            assert asked[name] == min(asked[p.name] for p in pairs)
        elif not short:
            assert name is None
            break
        else:
            chosen = next(p for p in short if p.name == name)
            assert counts[chosen.back_end] == min(counts[p.back_end] for p in short)
            assert asked[name] == min(asked[p.name] for p in short if counts[p.back_end] == counts[chosen.back_end])
        allocation.count(name)
        asked[name] += 1
    for back_end in {p.back_end for p in pairs}:
        assert sum(asked[p.name] for p in pairs if p.back_end == back_end) >= reserves.get(back_end, 0)


def test_what_an_exhausted_back_end_leaves_goes_to_the_others():
    allocation = Allocation(PAIRS, lambda _: 5, stratified=4)
    for pair in PAIRS[:3]:
        allocation.count(pair.name)
        allocation.exhaust(pair.name)
    assert Counter(asks(allocation, 100)) == {"a@y/2": 5}
    allocation.count("a@y/2")
    allocation.exhaust("a@y/2")
    assert allocation.open_pairs == ()


def told(pair, *points):
    return [Told(0, pair, {}, point, 0.0 if point else 1.0) for point in points]


def drawn(free, batch=3, count=2000):
    return Counter(islice(free.draws(batch), count))


def test_before_anything_was_told_free_asks_are_even_and_follow_the_seed():
    counts = drawn(FreePairs("abcd", population=8, seed=1))
    assert max(counts.values()) < 1.25 * min(counts.values())
    assert counts == drawn(FreePairs("abcd", population=8, seed=1)) != drawn(FreePairs("abcd", population=8, seed=2))
    assert counts != drawn(FreePairs("abcd", population=8, seed=1), batch=4)


def test_pairs_that_bring_news_get_more_than_those_whose_front_stands_still_and_dominated_ones_hardly_any():
    free = FreePairs("abc", population=8, seed=1)
    free.tell(told("a", (0.0, 9.0), *[(0.0, 9.0)] * 7))
    free.tell(told("b", *[(9.0 - i, 8.0 - i) for i in range(8)]))
    free.tell(told("c", *[(50.0, 50.0 + i) for i in range(8)]))
    counts = drawn(free)
    assert counts["b"] > 3 * counts["a"] > 3 * counts["c"] > 0


def test_a_front_that_was_found_gives_its_asks_back():
    free = FreePairs("ab", population=8, seed=1)
    free.tell(told("a", *[(float(i), 7.0 - i) for i in range(8)]))
    before = drawn(free)["a"]
    free.tell(told("a", *[(9.0, 9.0)] * 8))
    free.tell(told("b", (-1.0, 20.0)))
    assert drawn(free)["a"] < before / 2


def test_infeasible_candidates_are_no_news_but_their_pairs_live_while_nothing_is_feasible():
    free = FreePairs("ab", population=4, seed=1)
    free.tell(told("a", None, None, None))
    counts = drawn(free)
    assert counts["a"] > counts["b"] > 0


def test_asks_that_are_not_reserved_go_to_the_first_open_of_the_free_pairs_or_else_to_the_least_asked():
    allocation = Allocation(PAIRS, lambda _: 0, stratified=4)
    names = asks(allocation, 100)
    assert allocation.next(iter(["b@x/1"])) == "b@x/1"
    allocation.count("b@x/1")
    assert allocation.next(iter(())) == "a@x/1"
    allocation.count("a@x/1")
    allocation.exhaust("a@x/1")
    assert allocation.next(iter(["a@x/1", "a@y/2"])) == "a@y/2"
    assert len(names) == 4
