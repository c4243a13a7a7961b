"""The two shores: what networks need and what chips deliver, as published, with fits of how both grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import geometric_mean
from typing import Any

from joulescape.gap import fits
from joulescape.gap.findings import Find
from joulescape.gap.gap_findings import FINDINGS as DRIFTS
from joulescape.gap.in_words import growth, later_said
from joulescape.gap.shore_findings import FINDINGS as FOUND
from joulescape.resolve.study import Study
from joulescape.spec.trend import CONFIDENCES, NODE, YEAR, Figure, Group, Law, Point, Quantity, SeriesSpec, TrendSpec

FINDINGS: tuple[Find, ...] = (*DRIFTS, *FOUND)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Dot:
    """One point of one group."""

    point: Point
    x: Figure | None
    """None where x is the year or the node, which the point itself states."""
    y: Figure
    along: float
    is_later: bool
    is_taken: bool
    """Whether a fit may see it: of sufficient confidence, and a record where only records are fitted."""
    rank: Figure
    """What makes a record: y, or the quantity that the group names."""

    @property
    def order(self) -> tuple[int, float, str]:
        """Oldest first; of one year the least."""
        return self.point.year, self.y.value, self.point.name


@dataclass(frozen=True)
class Drawn:
    """One group of a series with its points."""

    series: str
    name: str
    law: Law
    dots: tuple[Dot, ...]
    x_label: str
    lacking: tuple[str, ...]
    """Points of the group of which only a part is published, so that they cannot be drawn."""
    is_one_a_year: bool = False
    """Whether points at one place of the axis are fitted as one."""
    x_unit: str = ""

    def chosen(self, is_later: bool) -> list[Dot]:
        """Points that a fit may see, of the first span or after it."""
        return [dot for dot in self.dots if dot.is_taken and dot.is_later is is_later]

    def placed(self, dots: Sequence[Dot]) -> tuple[list[float], list[float]]:
        """What is fitted of these points: x and y of each, or of each place the geometric mean."""
        if not self.is_one_a_year:
            return [dot.along for dot in dots], [dot.y.value for dot in dots]
        places = {x: [dot.y.value for dot in dots if dot.along == x] for x in dict.fromkeys(dot.along for dot in dots)}
        return list(places), [geometric_mean(some) for some in places.values()]


def rows(study: Study) -> dict[str, list[Row]]:
    """Rows of shores.parquet and fits.parquet."""
    points: list[Row] = []
    found: list[Row] = []
    last = study.spec.shores.first_span_until
    for trend in study.trends.values():
        for name, series in trend.spec.series.items():
            for key, group in series.groups.items():
                x = _quantity(trend.spec, group.x or series.x)
                dots, lacking = _dots(trend.spec, series, group, last), _lacking(trend.spec, group)
                drawn = Drawn(name, key, series.law, dots, x.label, lacking, group.one_a_year, x.unit)
                points.extend(_point_rows(drawn, x, _quantity(trend.spec, group.y)))
                found.extend(_fit_rows(drawn, last))
    return {"shores": points, "fits": found}


def _dots(spec: TrendSpec, series: SeriesSpec, group: Group, last: int) -> tuple[Dot, ...]:
    dots = []
    for point in spec.points:
        x, y = group.x or series.x, _figure(spec, point, group.y)
        along = _along(spec, point, x)
        rank = y if group.records_of is None else _figure(spec, point, group.records_of)
        if _is_of(point, group) and y is not None and along is not None and rank is not None:
            stated = None if x in (YEAR, NODE) else _figure(spec, point, x)
            is_sure = all(figure.confidence != "low" for figure in (stated, y, rank) if figure is not None)
            dots.append(Dot(point, stated, y, along, point.year > last, is_sure, rank))
    ordered = sorted(dots, key=lambda dot: dot.order)
    if group.fit == "all":
        return tuple(ordered)
    found = tuple(_records(ordered, -1.0 if group.fit == "highest" else 1.0))
    return found if group.records_of is None else tuple(dot for dot in found if dot.is_taken)


def _is_of(point: Point, group: Group) -> bool:
    is_named = (not group.kinds or point.kind in group.kinds) and (not group.names or point.name in group.names)
    is_small = all(name in point.values and point.values[name].value <= most for name, most in group.at_most.items())
    return is_named and is_small and group.node_nm in (None, point.node_nm)


def _lacking(spec: TrendSpec, group: Group) -> tuple[str, ...]:
    """Points of the group that state one term of its quotient and not the other, with what they lack."""
    terms = (spec.quantities[group.y].quotient if group.y in spec.quantities else None) or ()
    return tuple(
        f"{point.name} (no {spec.quantities[term].label.lower()})"
        for point in spec.points
        for term in terms
        if _is_of(point, group) and term not in point.values and any(other in point.values for other in terms[:1])
    )


def _records(dots: Sequence[Dot], sign: float) -> Iterator[Dot]:
    """The points by year; only those that beat every point of an earlier year, and the others of theirs, stay for the
    fit; the lowest wins, the highest at sign -1."""
    best: float | None = None
    for dot in sorted(dots, key=lambda dot: (dot.point.year, sign * dot.rank.value, dot.point.name)):
        is_record = dot.is_taken and (best is None or sign * dot.rank.value < best)
        best = sign * dot.rank.value if is_record else best
        yield replace(dot, is_taken=is_record)


def _along(spec: TrendSpec, point: Point, x: str) -> float | None:
    if x == YEAR:
        return float(point.year)
    if x == NODE:
        return point.node_nm
    found = _figure(spec, point, x)
    return None if found is None else found.value


def _figure(spec: TrendSpec, point: Point, name: str) -> Figure | None:
    """The point's quantity, as it is stated or as the quotient of two that are; None where it is not known."""
    terms = spec.quantities[name].quotient if name in spec.quantities else None
    if terms is None:
        return point.values.get(name)
    above, below = (point.values.get(term) for term in terms)
    if above is None or below is None:
        return None
    pair = (above, below)
    labels = " / ".join(spec.quantities[term].label for term in terms)
    return Figure(
        value=above.value / below.value,
        source=_joined([one.source for one in pair]),
        where=_joined([one.where for one in pair]),
        confidence=min((one.confidence for one in pair), key=CONFIDENCES.index),
        note=_joined([labels, *(one.note for one in pair)]),
    )


def _joined(words: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(word for word in words if word))


def _point_rows(drawn: Drawn, x: Quantity, y: Quantity) -> Iterator[Row]:
    is_fitted = _line(drawn, drawn.chosen(is_later=False)) is not None
    for dot in drawn.dots:
        yield {
            "series": drawn.series,
            "group": drawn.name,
            "name": dot.point.name,
            "year": dot.point.year,
            "node_nm": dot.point.node_nm,
            "x": dot.along,
            "x_name": x.label,
            "x_unit": x.unit,
            "y": dot.y.value,
            "y_name": y.label,
            "y_unit": y.unit,
            "is_later": dot.is_later,
            "is_fitted": is_fitted and dot.is_taken and not dot.is_later,
            "note": _joined([dot.point.note, *(figure.note for figure in (dot.x, dot.y) if figure)]),
            **_place(dot),
        }


def _quantity(spec: TrendSpec, name: str) -> Quantity:
    known = {YEAR: Quantity(label="Year"), NODE: Quantity(label="Technology node", unit="nm"), **spec.quantities}
    return known[name]


def _place(dot: Dot) -> Row:
    """Source, place and confidence of all figures of a point: the least confidence counts."""
    ranks = [dot.rank] if dot.rank is not dot.y else []
    figures = [figure for figure in (dot.y, dot.x, *ranks) if figure is not None]
    return {
        "source": _joined([figure.source for figure in figures]),
        "where": _joined([figure.where for figure in figures]),
        "confidence": min((figure.confidence for figure in figures), key=CONFIDENCES.index),
    }


def _fit_rows(drawn: Drawn, last: int) -> Iterator[Row]:
    """The fit of the first span, with later points held against it; then that of all points."""
    first, later = drawn.chosen(is_later=False), drawn.chosen(is_later=True)
    names = {"series": drawn.series, "group": drawn.name, "law": drawn.law}
    none = f"no point until {last}; {len(later)} later" if later else _no_point(drawn)
    yield {**names, "span": "first", **_fitted(drawn, first, none), **_tested(drawn, first, later)}
    if later:
        yield {**names, "span": "all", **_fitted(drawn, first + later, None)}
    else:
        yield {**names, "span": "all", "points_count": len(first), "reason": f"no point after {last}"}


def _no_point(drawn: Drawn) -> str:
    """Why a group has none: what is lacking, or that all are doubtful."""
    if drawn.lacking:
        return f"not published: {', '.join(drawn.lacking)}"
    return "no point of sufficient confidence" if drawn.dots else "no point"


def _fitted(drawn: Drawn, dots: Sequence[Dot], none: str | None) -> Row:
    x, y = drawn.placed(dots)
    reason = fits.unfit(x) if x or none is None else none
    if reason is not None:
        return {"points_count": len(x), "reason": reason}
    line = fits.fit(x, y, drawn.law)
    reason = fits.vague(line)
    if reason is not None:
        return {"points_count": len(x), "reason": reason}
    low, high = line.slope_interval
    doubling = fits.doubling(line) if drawn.law == "exponential" else None
    return {
        "points_count": line.points_count,
        "x_low": min(x),
        "x_high": max(x),
        "centre_x": line.centre_x,
        "centre_log10_y": line.centre_log10_y,
        "centre_se": line.centre_se,
        "slope_log10": line.slope,
        "slope_se": line.slope_se,
        "t_factor": line.t_factor,
        "residual_sd_log10": line.residual_sd,
        "growth_factor": fits.factor(line.slope),
        "growth_low": fits.factor(low),
        "growth_high": fits.factor(high),
        **dict(zip(("doubling", "doubling_low", "doubling_high"), doubling or (None, None, None), strict=True)),
        "sentence": _said(drawn, dots, line),
    }


def _said(drawn: Drawn, dots: Sequence[Dot], line: fits.Line) -> str:
    """The growth with its interval, and how many of its points nobody looked up."""
    along = [dot.along for dot in dots]
    recalled = sum(_place(dot)["confidence"] == "medium" for dot in dots)
    rest = f" Recalled, not looked up: {recalled} of {len(dots)}." if recalled else ""
    merged = f" Fitted to the mean of each year, of {len(dots)} points." if drawn.is_one_a_year else ""
    return f"{growth(line, drawn.law, drawn.x_label, (min(along), max(along)), drawn.x_unit)}{merged}{rest}"


def _line(drawn: Drawn, dots: Sequence[Dot]) -> fits.Line | None:
    """The fit of these points; None where there is none, or it says nothing."""
    x, y = drawn.placed(dots)
    line = None if fits.unfit(x) is not None else fits.fit(x, y, drawn.law)
    return line if line is not None and fits.vague(line) is None else None


def _tested(drawn: Drawn, first: Sequence[Dot], later: Sequence[Dot]) -> Row:
    """Later points against the first fit's prediction; nothing where there is no fit or no later point."""
    line = _line(drawn, first)
    if line is None:
        return {}
    found = fits.held(line, *drawn.placed(later), drawn.law)
    return {
        "later_count": found.count,
        "later_inside_count": found.inside,
        "later_above_count": found.above,
        "later_below_count": found.below,
        "sentence": f"{_said(drawn, first, line)} {later_said(found)}",
    }
