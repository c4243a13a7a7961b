"""Does it hold on unseen images and at the corners: the confirmed designs, and how optimistic the front was."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import certainty, figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables, family_rank
from joulescape.report.sections.refused import NUMBER, readable


@dataclass(frozen=True)
class Failure:
    """Confirmed designs of one back end that one corner admits no more, for one kind of reason."""

    back_end: str
    family: str
    corner: str
    state: str
    reason: str
    """With its numbers left out, so that like reasons are one."""
    example: str
    designs: tuple[str, ...]
    """Their labels in the charts, or their ids where no chart shows them."""


@dataclass(frozen=True)
class TestedFacts:
    """Confirmed designs, best first within a back end."""

    rows: Rows
    failed: tuple[Failure, ...]
    """Confirmed designs that are infeasible or failing at a corner, grouped by back end, corner and reason."""
    failed_count: int
    optimism_fraction: float | None
    """Mean of search accuracy minus test accuracy over the confirmed front."""
    optimism_sd_fraction: float | None
    count: int
    loss_fractions: tuple[float, float, float] | None
    """Least, median and greatest loss of accuracy against the own reference on the same test images."""
    energy_metric: str


def facts(given: Tables) -> TestedFacts:
    """One row a confirmed design with its three corners."""
    corners: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in given.confirmed.iter_rows(named=True):
        corners.setdefault(row["design_id"], {})[row["corner"]] = row
    found = [_row(given, rows) for rows in corners.values() if _is_known(given, rows)]
    gaps = [row["search"] - row["test"] for row in found if row["pick"] == "front" and _is_compared(row)]
    losses = [row["loss"] for row in found if row["loss"] is not None]
    places = {design: row for row, design in enumerate(given.valid["design_id"])}
    rows = [{**row, "row": places.get(row["design"])} for row in _labelled(sorted(found, key=_rank))]
    bad = given.confirmed.filter(given.confirmed["state"].is_in(["infeasible", "failed"]))
    return TestedFacts(
        rows=rows,
        failed=_failures(bad.iter_rows(named=True), {row["design"]: row["label"] for row in rows}),
        failed_count=bad.height,
        optimism_fraction=statistics.fmean(gaps) if gaps else None,
        optimism_sd_fraction=statistics.stdev(gaps) if len(gaps) > 1 else None,
        count=len(gaps),
        loss_fractions=(min(losses), statistics.median(losses), max(losses)) if losses else None,
        energy_metric=given.axes.energy,
    )


def _is_known(given: Tables, rows: Mapping[str, Mapping[str, Any]]) -> bool:
    judged = given.axes.accuracy or given.axes.energy
    return "typical" in rows and rows["typical"][judged] is not None


def _is_compared(row: Mapping[str, Any]) -> bool:
    return row["search"] is not None and row["test"] is not None


def _rank(row: Mapping[str, Any]) -> tuple[bool, float | None, str]:
    """The most accurate first; where no accuracy was measured, the least energy; what has neither last, by name."""
    judged = row["energy"] if row["test"] is None else -row["test"]
    return (judged is None, judged, row["design"])


def _failures(rows: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> tuple[Failure, ...]:
    groups: dict[tuple[str, str, str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        reason = NUMBER.sub("…", row["reason"] or row["state"])
        groups.setdefault((row["back_end"], row["family"], row["corner"], row["state"], reason), []).append(row)
    failures = []
    for key, group in sorted(groups.items()):
        designs = {labels.get(row["design_id"], row["design_id"]) for row in group}
        example = min(row["reason"] or row["state"] for row in group)
        failures.append(Failure(*key, readable(example), tuple(sorted(designs, key=_natural))))
    return tuple(failures)


def _natural(label: str) -> tuple[str, int]:
    """`front 2` before `front 10`."""
    words, _, number = label.rpartition(" ")
    return (words, int(number)) if number.isdecimal() else (label, 0)


def _row(given: Tables, corners: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    typical = corners["typical"]
    return {
        "design": typical["design_id"],
        "back_end": typical["back_end"],
        "network": typical["network"],
        "family": typical["family"],
        "pick": typical["pick"],
        **_accuracies(given, typical),
        **_energies(given, corners),
    }


def _accuracies(given: Tables, typical: Mapping[str, Any]) -> dict[str, Any]:
    """The mean on test with two standard deviations; one run has none. All null where no accuracy was measured."""
    is_trained = (given.axes.accuracy or "").startswith("trained")
    prefix = "trained_accuracy" if is_trained else "accuracy"
    mean, sd = typical[f"{prefix}_fraction"], typical[f"{prefix}_sd_fraction"]
    is_spread = mean is not None and sd is not None
    return {
        "test": rounded(mean),
        "low": rounded(mean - certainty.SPREAD_SD * sd) if is_spread else None,
        "high": rounded(min(1.0, mean + certainty.SPREAD_SD * sd)) if is_spread else None,
        "spread": certainty.spread_text(sd),
        "draws": typical[f"{prefix}_draws_count"],
        "search": None if is_trained else rounded(typical["search_accuracy_fraction"]),
        "loss": rounded(typical["paired_loss_fraction"]),
    }


def _energies(given: Tables, corners: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The typical energy in joules and its ends over the corners; null where no corner states any."""
    metric, typical = given.axes.energy, corners["typical"]
    factor, _ = theme.unit_of(metric)
    known = [row[metric] for row in corners.values() if row[metric]]
    low, high = min(known, default=None), max(known, default=None)
    gone = sorted(name for name, row in corners.items() if row["state"] in {"infeasible", "failed"})
    said = "".join(f"; no valid design at the {name} corner" for name in gone)
    return {
        "energy": rounded(typical[metric] * factor) if typical[metric] else None,
        "energy_low": None if low is None else rounded(low * factor),
        "energy_high": None if high is None else rounded(high * factor),
        "energy_text": theme.show(typical[metric], metric),
        "range_text": f"{theme.show(low, metric)} to {theme.show(high, metric)}{said}",
        "open": bool(gone),
    }


WHY = {"front": "front", "near_front": "near front", "best_of_back_end": "best of its back end"}
"""Why a design was confirmed, in words."""


def _labelled(rows: list[dict[str, Any]]) -> Rows:
    """Each design as `digits_mlp · isaac · front 2`: numbered by test accuracy where several share the words."""
    words = [_words(row) for row in rows]
    total, seen = Counter(words), Counter[str]()
    labelled = []
    for row, text in zip(rows, words, strict=True):
        seen[text] += 1
        labelled.append({**row, "label": f"{text} {seen[text]}" if total[text] > 1 else text})
    return sorted(labelled, key=lambda row: (family_rank(row["family"]), row["back_end"], row["network"]))


def _words(row: Mapping[str, Any]) -> str:
    why = WHY.get(row["pick"], row["pick"])
    return " · ".join(filter(None, (row["network"], row["back_end"].split("/")[-1], why)))


def figures(found: TestedFacts) -> tuple[Figure, ...]:
    """Test accuracy against the search's, and energy over the corners; each only of designs that have it."""
    measured = [row for row in found.rows if row["test"] is not None]
    costed = [row for row in found.rows if row["energy"] is not None]
    made = []
    if measured:
        words = (
            "Point: mean on test. Bar: ± 2 sd over draws of seeds or devices. Tick: what the search saw on validation. "
            "Ring: the choice, where it was confirmed."
        )
        chart = _accuracy(measured).properties(width="container", height=_height(measured))
        caption = words + _once(measured)
        made.append(Figure("tested", "Accuracy on the test split", caption, chart, {"tested": measured}))
    if costed:
        title = f"{theme.LABELS[found.energy_metric]}, from optimistic to pessimistic"
        chart = _energy(costed, found.energy_metric).properties(width="container", height=_height(costed))
        made.append(Figure("corners", title, CORNERS, chart, {"corners": costed}))
    return tuple(made)


CORNERS = (
    "Point: every sourced constant typical. Bar: from all of them optimistic to all pessimistic (the corners). "
    "Cross: the design is not valid at one of the corners, so its bar is cut off there. Ring: the choice."
)


def _height(rows: Rows) -> int:
    return 40 + 19 * len(rows)


def _once(rows: Rows) -> str:
    """What hollow points are, where there are any."""
    count = sum(row["low"] is None for row in rows)
    said = " Hollow: one run (n = 1), so no spread is known; a machine that computes exactly repeats it."
    return said if count else ""


SHORT = (
    "windowSize()[0] >= 600 ? datum.label : indexof(datum.label, 'best of its back end') < 0 "
    "? join(slice(split(datum.label, ' · '), 1), ' · ') : split(datum.label, ' · ')[1] + ' · ' "
    "+ split(datum.label, ' · ')[0] + replace(split(datum.label, ' · ')[2], 'best of its back end', '')"
)
"""The label of a row, on a phone without its network, or without why it was confirmed."""


def _base(name: str, rows: Rows) -> alt.Chart:
    """One line a design, in the order of the rows: a layer that leaves some out must not put them last."""
    axis = alt.Axis(
        title=None, ticks=False, domain=False, grid=True, labelLimit=figure.label_limit(270), labelExpr=SHORT
    )
    y = alt.Y("label:N", scale=alt.Scale(domain=[row["label"] for row in rows]), axis=axis)
    return alt.Chart(alt.NamedData(name)).encode(y=y, color=figure.family_colour())


def _accuracy(rows: Rows) -> alt.LayerChart:
    ends = [row[key] for row in rows for key in ("test", "low", "high", "search") if row[key] is not None]
    domain = list(figure.accuracy_domain(ends))
    x = alt.X(
        "low:Q",
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(format="~%", title="Accuracy (better →)", tickCount=6),
    )
    tooltip = [
        alt.Tooltip("design:N", title="Design"),
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("test:Q", title="Test", format=".2%"),
        alt.Tooltip("spread:N", title="Spread"),
        alt.Tooltip("search:Q", title="Search", format=".2%"),
        alt.Tooltip("draws:Q", title="Draws"),
    ]
    base, known = _base("tested", rows), "isValid(datum.low)"
    bars = (
        base.transform_filter(f"{known} && datum.low < datum.high")
        .mark_rule(strokeWidth=2.5, opacity=0.55)
        .encode(x=x, x2=alt.X2("high"))
    )
    seen = base.transform_filter("isValid(datum.search)").mark_tick(thickness=2, height=11).encode(x=alt.X("search:Q"))
    points = [
        base.transform_filter(test)
        .mark_point(filled=is_filled, size=55, opacity=1, strokeWidth=2)
        .encode(x=alt.X("test:Q"), shape=figure.family_shape(), tooltip=tooltip)
        for test, is_filled in ((known, True), (f"!{known}", False))
    ]
    return figure.layered(bars, seen, *points, _ring(base, "test"), params=_pick())


def _energy(rows: Rows, metric: str) -> alt.LayerChart:
    x = figure.cost_axis("energy_low", metric, [row[key] for row in rows for key in ("energy_low", "energy_high")])
    tooltip = [
        alt.Tooltip("design:N", title="Design"),
        alt.Tooltip("energy_text:N", title="Typical"),
        alt.Tooltip("range_text:N", title="Corners"),
    ]
    base = _base("corners", rows)
    bars = (
        base.transform_filter("datum.energy_low < datum.energy_high")
        .mark_rule(strokeWidth=2.5, opacity=0.55)
        .encode(x=x, x2=alt.X2("energy_high"))
    )
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("energy:Q"), shape=figure.family_shape(), tooltip=tooltip
    )
    cut = base.transform_filter("datum.open").mark_point(shape="cross", angle=45, size=110, filled=True, opacity=1)
    cuts = cut.encode(x=alt.X("energy_high:Q"), tooltip=tooltip)
    return figure.layered(bars, points, cuts, _ring(base, "energy"), params=_pick())


def _ring(base: alt.Chart, field: str) -> alt.Chart:
    """The panel's choice, where it was confirmed."""
    mine = base.transform_filter("isValid(datum.row) && datum.row === pick")
    ring = mine.mark_point(shape="circle", size=230, filled=False, strokeWidth=2.2, opacity=1, stroke=alt.expr("ring"))
    made: alt.Chart = ring.encode(x=alt.X(f"{field}:Q"))
    return made


def _pick() -> tuple[alt.Parameter, ...]:
    return alt.param(name="pick", value=-1), alt.param(name="ring", value=theme.colours("light")["ring"])
