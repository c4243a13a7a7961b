"""What is the best that each back end can do: accuracy against energy, latency and area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from joulescape.report import certainty, near_front, pareto_layers, placement, theme
from joulescape.report.decide import COSTS, Limits, decide, default_limit, energy_front
from joulescape.report.designs import Columns, chart_rows, design_columns, si_factors
from joulescape.report.figure import Figure, Key, Rows, evenly
from joulescape.report.inputs import Tables
from joulescape.report.pareto_layers import Extent


@dataclass(frozen=True)
class ParetoFacts:
    """Points of the charts of accuracy against each cost."""

    metrics: Mapping[str, str]
    against: str
    """What stands upright: accuracy, or latency where the question is of costs alone."""
    labels: Mapping[str, str]
    """What each metric is called, at the batch of the question."""
    columns: Columns
    rows: Rows
    fronts: Mapping[str, Rows]
    """By cost: the steps of each back end's own front."""
    confirmed: Rows
    published: Mapping[str, Rows]
    """By cost: published points with an accuracy of a network of this space (or a latency)."""
    near: Mapping[str, Rows]
    """By cost: designs that their machine's front does not beat by more than the uncertainty."""
    near_counts: Mapping[str, int]
    opening: pareto_layers.Opening
    """What the panel marks on opening."""
    screened: int
    """Designs that a cheaper rung kept from the top one: never drawn."""


@lru_cache(maxsize=2)
def facts(given: Tables) -> ParetoFacts:
    """Fronts of each back end by each cost, confirmed accuracies and comparable published points."""
    columns = design_columns(given)
    metrics, against = dict(given.axes.items()), "latency" if given.is_cost_only else "accuracy"
    rows, confirmed, costs = chart_rows(columns, given), _confirmed(given), [cost for cost in COSTS if cost != against]
    published: dict[str, Rows] = {cost: _published(given, metrics[cost], metrics[against]) for cost in costs}
    steps = {cost: _steps(columns, cost, si_factors(given)) for cost in costs}
    near = {cost: near_front.near_front(columns, cost) for cost in costs}
    extents = {cost: Extent.of(cost, rows, steps[cost], confirmed, published[cost]) for cost in costs if steps[cost]}
    return ParetoFacts(
        metrics=metrics,
        against=against,
        labels=given.labels,
        columns=columns,
        rows=rows,
        fronts={cost: _placed(steps[cost], extents.get(cost), HEIGHTS[cost]) for cost in costs},
        confirmed=confirmed,
        near={cost: _near(columns, cost, si_factors(given), rows) for cost, rows in near.items()},
        near_counts={cost: len(rows) for cost, rows in near.items()},
        opening=_opening(columns),
        screened=given.screened.height,
        published=published,
    )


def _opening(columns: Columns) -> pareto_layers.Opening:
    made = decide(columns, Limits(accuracy=default_limit(columns)))
    return pareto_layers.Opening(-1 if made.index is None else made.index, tuple(sorted(made.best.values())))


HEIGHTS = {"energy": 400, "latency": 270, "area": 270}
"""Of the charts, in pixels."""


def _placed(steps: list[dict[str, Any]], extent: Extent | None, height: float) -> Rows:
    """The steps with a place for the name at the end of each front: `side` and `dy`; no name where none is free."""
    ends = [step for step in steps if step["label"]]
    anchors = [placement.Anchor(*extent.place(step["x"], step["y"]), step["label"]) for step in ends if extent]
    found = placement.places(anchors, height)
    for step, place, is_kept in zip(ends, found, placement.kept(anchors, found, height), strict=True):
        step.update(side=place.side, dy=place.dy, label=step["label"] if is_kept else "")
    return [{"side": "left", "dy": 0.0, **step} for step in steps]


def _steps(columns: Columns, cost: str, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    steps, heights = [], _heights(columns, factors)
    for name in dict.fromkeys(columns["back_end"]):
        rows = [row for row, found in enumerate(columns["back_end"]) if found == name]
        front = energy_front(columns, rows, cost)
        for row in front:
            point = _point(columns, row, columns[cost][row] * factors[cost], heights[row])
            label = name.split("/")[-1] if row == front[-1] else ""
            steps.append({**point, "label": label, "once": near_front.is_once(columns, row)})
    return steps


def _near(columns: Columns, cost: str, factors: Mapping[str, float], rows: Sequence[int]) -> Rows:
    heights = _heights(columns, factors)
    kept = evenly(rows, near_front.MOST)
    return [_point(columns, row, columns[cost][row] * factors[cost], heights[row]) for row in kept]


def _point(columns: Columns, row: int, x: float, y: float | None) -> dict[str, Any]:
    roles = [role for role in ("accuracy", *COSTS) if role in columns]
    named = {key: columns[key][row] for key in ("back_end", "family", "id", "network", *roles)}
    return {**named, "x": x, "y": y, "row": row}


def _heights(columns: Columns, factors: Mapping[str, float]) -> Sequence[float | None]:
    return columns["accuracy"] if "accuracy" in columns else _scaled(columns["latency"], factors["latency"])


def _scaled(values: Sequence[float | None], factor: float) -> list[float | None]:
    return [None if value is None else value * factor for value in values]


def _confirmed(given: Tables) -> Rows:
    """Test accuracy of each confirmed design at the typical corner, with two standard deviations where known."""
    axes, rows = given.axes, []
    if axes.accuracy is None:
        return []
    spread = "trained_accuracy_sd_fraction" if axes.accuracy.startswith("trained") else "accuracy_sd_fraction"
    for row in given.confirmed.iter_rows(named=True):
        mean = row[axes.accuracy]
        if row["corner"] != "typical" or mean is None:
            continue
        sd = row[spread]
        costs = {f"{role}_si": row[metric] and row[metric] * theme.unit_of(metric)[0] for role, metric in axes.items()}
        rows.append(
            {
                **costs,
                "id": row["design_id"],
                "back_end": row["back_end"],
                "family": row["family"],
                "test": mean,
                "low": None if sd is None else max(0.0, mean - 2 * sd),
                "high": None if sd is None else min(1.0, mean + 2 * sd),
                "spread": certainty.spread_text(sd),
                "draws": row[spread.replace("sd_fraction", "draws_count")],
            }
        )
    return rows


def _published(given: Tables, metric: str, against: str) -> Rows:
    """Figures of `metric` published for a network of this space together with one of `against` by the same source."""
    known = set(given.asked_networks)
    listed = [row for row in given.published.iter_rows(named=True) if row["workload"] in known]
    other = {_who(row): row["published"] * theme.unit_of(against)[0] for row in listed if row["what"] == against}
    factor = theme.unit_of(metric)[0]
    return [
        {
            "x": row["published"] * factor,
            "y": other[_who(row)],
            "family": row["family"],
            "back_end": row["back_end"],
            "source": row["source"],
        }
        for row in listed
        if row["what"] == metric and _who(row) in other
    ]


def others_published(given: Tables) -> tuple[tuple[str, str], ...]:
    """(back end, family) of published points that are no back end of this question."""
    found = facts(given).published.values()
    pairs = {(row["back_end"], row["family"]) for rows in found for row in rows}
    return tuple(sorted(pairs - set(given.back_ends)))


def _who(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (row["back_end"], row["workload"], row["source"])


def figures(found: ParetoFacts) -> tuple[Figure, ...]:
    """The large chart of energy, then latency and area; none without a valid design."""
    if not found.rows:
        return ()
    return tuple(_figure(found, cost, HEIGHTS[cost]) for cost, front in found.fronts.items() if front)


def _figure(found: ParetoFacts, cost: str, height: int) -> Figure:
    metric = found.metrics[cost]
    drawn, total = len(found.rows), len(found.columns["id"])
    extent = Extent.of(cost, found.rows, found.fronts[cost], found.confirmed, found.published[cost])
    under = extent.hides(found.rows)
    cap = "" if drawn == total else f" {drawn:,} of {total:,} designs drawn; filters and table use all."
    cap += f" {under:,} less accurate designs lie below the chart." if under else ""
    if found.screened and cost == "energy":
        cap += f" {found.screened:,} screened designs have no final measurement and are not drawn."
    key, words = _key(found, cost), "" if cost == "energy" else "Marks as in the chart beside the answer."
    return Figure(
        id=cost,
        title=f"{found.labels[found.metrics[found.against]]} against {found.labels[metric].lower()}",
        caption=f"{words}{cap}".strip(),
        key=key,
        chart=pareto_layers.chart(
            found.metrics,
            found.labels,
            cost,
            height,
            extent,
            found.opening,
        ),
        data={
            f"front_{cost}": found.fronts[cost],
            f"near_{cost}": found.near[cost],
            "confirmed": found.confirmed,
            f"published_{cost}": found.published[cost],
        },
        summary=_summary(found, cost),
    )


def _key(found: ParetoFacts, cost: str) -> tuple[Key, ...]:
    """Every mark beside the answer; elsewhere those that are counted anew."""
    named = {step["back_end"] for step in found.fronts[cost] if step["label"]}
    is_crowded = len(named) < len({step["back_end"] for step in found.fronts[cost]})
    crowd = "; names that find no room here stand in the table alone" if is_crowded else ""
    general = (
        Key("faint", "Faint", "every valid design"),
        Key("line", "Line", f"the best {found.against} of a machine up to that {cost}{crowd}"),
        Key("choice", "Ring", "the choice"),
        Key(
            "best",
            "Corners",
            "the best of each machine, as in the table (its knee, as long as the balance is preferred)",
        ),
    )
    test = Key("test", "Cross", "the same design on the test split, ± 2 sd over draws (hollow: one run)")
    own = general + ((test,) if found.confirmed else ())
    once = sum(step["once"] for step in found.fronts[cost])
    counted = (
        *((Key("once", "Hollow on a line", f"one run ({once:,}), so no spread is known"),) if once else ()),
        *((Key("near", "Small", _near_words(found, cost)),) if found.near_counts[cost] else ()),
        *((Key("published", "Large and hollow", "published"),) if found.published[cost] else ()),
    )
    return (*(own if cost == "energy" else ()), *counted)


def _near_words(found: ParetoFacts, cost: str) -> str:
    count, drawn = found.near_counts[cost], len(found.near[cost])
    within = "5 %" if found.against == "latency" else "one standard deviation of accuracy and 5 % of cost"
    some = "" if drawn == count else f", {drawn:,} of them drawn"
    return f"near the front, beaten by no more than {within} ({count:,}{some})"


def _summary(found: ParetoFacts, cost: str) -> str:
    ends: dict[str, Mapping[str, Any]] = {step["back_end"]: step for step in found.fronts[cost]}
    said = (
        f"{name} reaches {theme.show(step[found.against], found.metrics[found.against])} "
        f"at {theme.show(step[cost], found.metrics[cost])}"
        for name, step in ends.items()
    )
    return "; ".join(said) + "."
