"""Does it hold on unseen images and at the corners: the confirmed designs, and how optimistic the front was."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables, family_rank
from joulescape.report.sections.refused import NUMBER


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
    gaps = [row["search"] - row["test"] for row in found if row["pick"] == "front" and row["search"] is not None]
    losses = [row["loss"] for row in found if row["loss"] is not None]
    rows = _labelled(sorted(found, key=lambda row: (-row["test"], row["design"])))
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
    return "typical" in rows and rows["typical"][given.axes.accuracy] is not None


def _failures(rows: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> tuple[Failure, ...]:
    groups: dict[tuple[str, str, str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        reason = NUMBER.sub("…", row["reason"] or row["state"])
        groups.setdefault((row["back_end"], row["family"], row["corner"], row["state"], reason), []).append(row)
    failures = []
    for key, group in sorted(groups.items()):
        designs = {labels.get(row["design_id"], row["design_id"]) for row in group}
        example = min(row["reason"] or row["state"] for row in group)
        failures.append(Failure(*key, example, tuple(sorted(designs, key=_natural))))
    return tuple(failures)


def _natural(label: str) -> tuple[str, int]:
    """`front 2` before `front 10`."""
    words, _, number = label.rpartition(" ")
    return (words, int(number)) if number.isdecimal() else (label, 0)


def _row(given: Tables, corners: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    axes, typical = given.axes, corners["typical"]
    is_trained = axes.accuracy.startswith("trained")
    prefix = "trained_accuracy" if is_trained else "accuracy"
    mean, sd = typical[axes.accuracy], typical[f"{prefix}_sd_fraction"]
    factor, _ = theme.unit_of(axes.energy)
    energies = {name: row[axes.energy] for name, row in corners.items() if row[axes.energy]}
    ends = list(energies.values()) or [0.0]
    gone = sorted(name for name, row in corners.items() if row["state"] in {"infeasible", "failed"})
    return {
        "design": typical["design_id"],
        "back_end": typical["back_end"],
        "network": typical["network"],
        "family": typical["family"],
        "pick": typical["pick"],
        "test": rounded(mean),
        "low": rounded(mean - 2 * (sd or 0.0)),
        "high": rounded(min(1.0, mean + 2 * (sd or 0.0))),
        "draws": typical[f"{prefix}_draws_count"],
        "search": None if is_trained else rounded(typical["search_accuracy_fraction"]),
        "loss": rounded(typical["paired_loss_fraction"]),
        "energy": rounded((typical[axes.energy] or 0.0) * factor),
        "energy_low": rounded(min(ends) * factor),
        "energy_high": rounded(max(ends) * factor),
        "energy_text": theme.show(typical[axes.energy], axes.energy),
        "range_text": f"{theme.show(min(ends), axes.energy)} to {theme.show(max(ends), axes.energy)}"
        + "".join(f"; no valid design at the {name} corner" for name in gone),
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
    """Test accuracy against the search's, and energy over the corners; none without confirmed designs."""
    if not found.rows:
        return ()
    height = 40 + 19 * len(found.rows)
    made = [
        Figure(
            "tested",
            "Accuracy on the test split",
            "Point: mean on test. Bar: ±2 sd over seeds or device draws. Tick: what the search saw on validation.",
            _accuracy(found).properties(width="container", height=height),
            {"tested": found.rows},
        )
    ]
    if all(row["energy_low"] > 0 for row in found.rows):
        made.append(
            Figure(
                "corners",
                f"{theme.LABELS[found.energy_metric]} over the corners",
                "Point: typical. Bar: from the optimistic to the pessimistic corner of every sourced constant at once. "
                "Cross: the design is not valid at one of the corners, so its bar is cut off there.",
                _energy(found).properties(width="container", height=height),
                {"tested": found.rows},
            )
        )
    return tuple(made)


def _rows_axis() -> alt.Y:
    return alt.Y("label:N", sort=None, axis=alt.Axis(title=None, ticks=False, domain=False, grid=True, labelLimit=250))


def _base() -> alt.Chart:
    return alt.Chart(alt.NamedData("tested")).encode(y=_rows_axis(), color=figure.family_colour())


def _accuracy(found: TestedFacts) -> alt.LayerChart:
    ends = [row[key] for row in found.rows for key in ("low", "high", "search") if row[key] is not None]
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
        alt.Tooltip("search:Q", title="Search", format=".2%"),
        alt.Tooltip("draws:Q", title="Draws"),
    ]
    bars = _base().mark_rule(strokeWidth=2.5, opacity=0.55).encode(x=x, x2=alt.X2("high"))
    seen = (
        _base().transform_filter("isValid(datum.search)").mark_tick(thickness=2, height=11).encode(x=alt.X("search:Q"))
    )
    points = (
        _base()
        .mark_point(filled=True, size=55, opacity=1)
        .encode(x=alt.X("test:Q"), shape=figure.family_shape(), tooltip=tooltip)
    )
    return figure.layered(bars, seen, points)


def _energy(found: TestedFacts) -> alt.LayerChart:
    x = figure.cost_axis(
        "energy_low", found.energy_metric, [row[key] for row in found.rows for key in ("energy_low", "energy_high")]
    )
    tooltip = [
        alt.Tooltip("design:N", title="Design"),
        alt.Tooltip("energy_text:N", title="Typical"),
        alt.Tooltip("range_text:N", title="Corners"),
    ]
    bars = _base().mark_rule(strokeWidth=2.5, opacity=0.55).encode(x=x, x2=alt.X2("energy_high"))
    points = (
        _base()
        .mark_point(filled=True, size=55, opacity=1)
        .encode(x=alt.X("energy:Q"), shape=figure.family_shape(), tooltip=tooltip)
    )
    cut = _base().transform_filter("datum.open").mark_point(shape="cross", angle=45, size=110, filled=True, opacity=1)
    return figure.layered(bars, points, cut.encode(x=alt.X("energy_high:Q"), tooltip=tooltip))
