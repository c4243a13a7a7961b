"""The gap itself: what is needed and what is delivered as growth since one year, and how fast the two drift apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap.growth import INVERSE, START, Growth, Widening, growths, left_out
from joulescape.report.gap.inputs import StudyTables, factor_words, plain_factor, words
from joulescape.report.gap.trend import FIRST

DRAWN = 2
"""At most so many groups of a series are drawn; all are listed."""
HELD = 3
"""At most so many groups of a series of needs are held against deliveries, each series of which sends its first."""
ALL = "all"
"""The span of all years."""
VIEWS = {"computing": "Computing", "memory": "Memory", "mixed": "Needs and deliveries"}
"""What is held against what, in the order of the page."""
SHOWN = 2008
"""The first year shown: lines are told apart by what comes after the start."""
GAP = "the gap: "
"""Begins the name of the line of what drifts apart."""


@dataclass(frozen=True)
class Drift:
    """One need against one delivery: in the first span, and with all points where both have a fit of them."""

    first: Widening
    every: Widening | None


@dataclass(frozen=True)
class View:
    """What is held against one another: computing against computing, memory against memory, or all."""

    key: str
    title: str
    drifts: tuple[Drift, ...]
    labels: tuple[str, ...]
    """Of the growths that are drawn here."""


@dataclass(frozen=True)
class WideningFacts:
    """Both shores since one year."""

    growths: tuple[Growth, ...]
    views: tuple[View, ...]
    pairs: tuple[Widening, ...]
    """Every need that is held against a delivery in the first span, the chosen first."""
    chosen: Widening | None
    """Of the headline: the first of the first view, where both growths can be told from none."""
    chosen_every: Widening | None
    """The same with all points; None where there is none, or no later point."""
    energy: Drift | None
    """The chosen need against what a joule does; None where no such delivery is held against it."""
    rows: Rows
    """Lines, each with its `view`: needs, deliveries, and how the first two of a view drift apart."""
    points: Rows
    """Published points over what their group's fit says of the start."""
    left_out: tuple[str, ...]
    """Groups over the years that have no growth, in words."""


def facts(given: StudyTables) -> WideningFacts:
    """Growths of the first spans; accuracy's error is no need and no delivery, and is left to its own chart."""
    found, every = tuple(growths(given, FIRST)), {_key(one): one for one in growths(given, ALL)}
    views = tuple(_views(found, every))
    drifts = [drift for view in views for drift in view.drifts]
    first = drifts[0] if drifts else None
    is_known = first is not None and first.first.need.is_known and first.first.delivery.is_known
    rows, points = [], []
    for view in views:
        for growth in (one for one in found if one.label in view.labels):
            mine = [{"view": view.key, **point} for point in _points(given, growth)]
            points += mine
            rows += [{"view": view.key, **line} for line in _line(growth, mine)]
        rows += [{"view": view.key, **line} for drift in view.drifts[:1] for line in _distance(drift)]
    return WideningFacts(
        found,
        views,
        tuple(drift.first for drift in drifts),
        first.first if first is not None and is_known else None,
        first.every if first is not None and is_known else None,
        next((one for one in drifts if first and one.first.need == first.first.need and _is_joule(one)), None),
        rows,
        points,
        tuple(left_out(given)),
    )


def _is_joule(one: Drift) -> bool:
    """Whether the delivery is what a joule does."""
    return one.first.delivery.is_energy


def _key(one: Growth) -> tuple[str, str]:
    return one.series, one.group


def _views(known: Sequence[Growth], every: Mapping[tuple[str, str], Growth]) -> Iterator[View]:
    """Computing and memory apart where each side has something of each; else all together."""
    parts = [("computing", [one for one in known if one.is_computing]),
             ("memory", [one for one in known if not one.is_computing])]  # fmt: skip
    if not all(_needs(mine) and _deliveries(mine) for _, mine in parts[:1]):
        parts = [("mixed", list(known))]
    for key, mine in parts:
        if mine:
            drifts = [
                Drift(Widening.of(need, one), _with_all(need, one, every))
                for need in _held(_needs(mine), HELD)
                for one in _held(_deliveries(mine), 1)
            ]
            labels = tuple(one.label for one in _drawn(mine, drifts[0].first if drifts else None))
            yield View(key, VIEWS[key], tuple(drifts), labels)


def _with_all(need: Growth, delivery: Growth, every: Mapping[tuple[str, str], Growth]) -> Widening | None:
    """The same with all points; None where neither side has a later one."""
    pair = (every.get(_key(need)), every.get(_key(delivery)))
    if pair == (None, None):
        return None
    return Widening.of(pair[0] or need, pair[1] or delivery)


def _needs(found: Sequence[Growth]) -> list[Growth]:
    return _by_points([one for one in found if not one.is_delivered])


def _deliveries(found: Sequence[Growth]) -> list[Growth]:
    return _by_points([one for one in found if one.is_delivered])


def _held(found: Sequence[Growth], most: int) -> list[Growth]:
    """So many groups of each series."""
    series = [one.series for one in found]
    return [one for place, one in enumerate(found) if series[:place].count(one.series) < most]


def _by_points(found: Sequence[Growth]) -> list[Growth]:
    """Growths that can be told from none before those that cannot; then those with most points first."""
    return sorted(found, key=lambda one: (not one.is_known, -one.points_count, one.label))


def _drawn(known: Sequence[Growth], chosen: Widening | None) -> list[Growth]:
    """Of each series the groups with most points, one at least; the chosen first, so that it is seen first."""
    found = [] if chosen is None else [chosen.need, chosen.delivery]
    for series in dict.fromkeys(one.series for one in known):
        mine = _by_points([one for one in known if one.series == series])
        found += [one for place, one in enumerate(mine[:DRAWN]) if place == 0 or one.is_known]
    return list(dict.fromkeys(found))


def _points(given: StudyTables, growth: Growth) -> Iterator[dict[str, Any]]:
    """Points from the first year shown on; those that no fit may see, for their confidence, are left out."""
    of = given.shores.filter((given.shores["series"] == growth.series) & (given.shores["group"] == growth.group))
    is_turned = growth.label.startswith(INVERSE)
    for row in of.iter_rows(named=True):
        if row["year"] is None or row["year"] < SHOWN or row["confidence"] == "low" or not row["y"] > 0:
            continue
        height = -math.log10(row["y"]) if is_turned else math.log10(row["y"])
        yield {
            "label": growth.label, "name": row["name"], "year": row["year"], "is_later": bool(row["is_later"]),
            "factor": rounded(10 ** (height - growth.at_start)), "source": row["source"],
        }  # fmt: skip


def _line(growth: Growth, points: Rows) -> Iterator[dict[str, Any]]:
    """A line through 1 at the start over the years that its fit saw, and on to the group's last point."""
    end = max([growth.last, *(point["year"] for point in points)])
    parts = (("seen", max(SHOWN, growth.first), growth.last), ("beyond", growth.last, end))
    for part, first, last in parts:
        for year in range(first, last + 1) if first < last else ():
            away = year - START
            ends = sorted((growth.low**away, growth.high**away))
            yield {
                "label": growth.label, "kind": "delivered" if growth.is_delivered else "needed", "part": part,
                "year": year, "is_last": part == "seen" and year == growth.last,
                "factor": rounded(growth.value**away), "low": rounded(ends[0]), "high": rounded(ends[1]),
                "text": growth.text,
            }  # fmt: skip


def _distance(drift: Drift) -> Iterator[dict[str, Any]]:
    """How far both are apart since the start: over the years that both fits of the first span saw, with the interval;
    and as the fits of all points have it, over the years of both."""
    label = f"{GAP}{words(drift.first.need.group)} over {words(drift.first.delivery.group)}"
    pairs = (("seen", drift.first), *((("beyond", drift.every),) if drift.every is not None else ()))
    for part, pair in pairs:
        last = min(pair.need.last, pair.delivery.last)
        for year in range(START, last + 1) if last > START else ():
            value, low, high = pair.over(year - START)
            yield {
                "label": label, "kind": "gap", "part": part, "year": year, "is_last": part == "seen" and year == last,
                "factor": rounded(value), "low": rounded(low), "high": rounded(high), "text": pair.text,
            }  # fmt: skip


def sentence(found: WideningFacts) -> str:
    """How fast the chosen shores drift apart; or why that cannot be said."""
    if found.chosen is None:
        return "No growth of a need and of a delivery can both be told from none: how fast the gap widens is not known."
    pair = found.chosen
    need, delivery = factor_words(pair.need.value), factor_words(pair.delivery.value)
    kind = "In operations, what" if pair.need.is_computing and pair.delivery.is_computing else "What"
    grow = f"{kind} networks need grows {need} a year, what chips deliver ({pair.delivery.label}) {delivery}"
    if not pair.is_told:
        return f"{grow}: whether the gap widens cannot be told."
    verb = "widens" if pair.value > 1 else "closes"
    drift = f"{plain_factor(pair.low)} to {plain_factor(pair.high)}"
    return f"{grow}: the gap {verb} {factor_words(pair.value)} a year (95 %: {drift})."


def _joules(found: WideningFacts) -> str:
    """How the same need drifts from what a joule does; empty where that is what the sentence says already."""
    drift = found.energy
    if drift is None or drift.first is found.chosen:
        return ""
    told = "" if drift.first.is_told else ", not told from none"
    return f"Against what a joule does ({drift.first.delivery.label}) the gap widens {_sure(drift.first)} a year{told}."


def _sure(pair: Widening) -> str:
    """The factor with its interval, which says how sure it is."""
    return f"{factor_words(pair.value)} (95 %: {plain_factor(pair.low)} to {plain_factor(pair.high)})"


def ground(found: WideningFacts) -> str:
    """What the sentence counts and over which years, and which needs do not grow with it; empty without a sentence."""
    if found.chosen is None:
        return ""
    need, delivery = found.chosen.need, found.chosen.delivery
    told = [
        f"{side}: {one.subject}, {one.text} a year (in brackets: 95 %), {_rests_on(one)}."
        for side, one in (("Needed", need), ("Delivered", delivery))
    ]
    told += [_joules(found)] if _joules(found) else []
    every = found.chosen_every
    if every is not None:
        ends = f"{every.need.last} and {every.delivery.last}"
        told.append(
            f"With all points, until {ends}: {_sure(every)} a year{'' if every.is_told else ', not told from none'}."
        )
    joules = found.energy
    if joules is not None and joules.every is not None and joules.first is not found.chosen:
        open_ = "" if joules.every.is_told else ", not told from none"
        told.append(f"Against what a joule does, with all points: {_sure(joules.every)} a year{open_}.")
    told += [
        f"With {one.need.label}, as the need: {one.text} a year, not told from none."
        for one in found.pairs
        if one.need.series == need.series and one.need.is_known and one.delivery == delivery and not one.is_told
    ]
    needs = [one for one in found.growths if _is_alike(one, need) and not one.is_known]
    if needs:
        still = "; ".join(f"{one.label}, {one.text} a year ({one.first} to {one.last})" for one in needs)
        told.append(f"Not told from standing still: {still}; a bridge for such networks faces no growing need.")
    if delivery.is_computing and not need.is_computing:
        told.append("Parameters (memory) are held against operations (computing): growths, not sizes, are compared.")
    return " ".join(told)


def _is_alike(one: Growth, need: Growth) -> bool:
    """Whether a growth is a need that counts what the headline's counts."""
    return not one.is_delivered and one.is_computing == need.is_computing


def _rests_on(one: Growth) -> str:
    recalled = f", {one.recalled_count} of them recalled" if one.recalled_count else ""
    return f"{one.points_count} points of {one.first} to {one.last}{recalled}"
