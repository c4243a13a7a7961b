"""Does it hold on unseen images and at the corners: the confirmed designs, and how optimistic the front was."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class TestedFacts:
    """Confirmed designs, best first within a back end."""

    rows: Rows
    failed: Rows
    """Designs that confirm found infeasible or failing at a corner."""
    optimism_fraction: float | None
    """Mean of search accuracy minus test accuracy over the confirmed front."""
    optimism_sd_fraction: float | None
    count: int
    paired_loss_fraction: float | None
    energy_metric: str


def facts(given: Tables) -> TestedFacts:
    """One row a confirmed design with its three corners."""
    corners: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in given.confirmed.iter_rows(named=True):
        corners.setdefault(row["design_id"], {})[row["corner"]] = row
    found = [_row(given, rows) for rows in corners.values() if _is_known(given, rows)]
    gaps = [row["search"] - row["test"] for row in found if row["pick"] == "front" and row["search"] is not None]
    losses = [row["loss"] for row in found if row["loss"] is not None]
    return TestedFacts(
        rows=_labelled(sorted(found, key=lambda row: (-row["test"], row["design"]))),
        failed=[
            _failure(row) for row in given.confirmed.iter_rows(named=True) if row["state"] in {"infeasible", "failed"}
        ],
        optimism_fraction=statistics.fmean(gaps) if gaps else None,
        optimism_sd_fraction=statistics.stdev(gaps) if len(gaps) > 1 else None,
        count=len(gaps),
        paired_loss_fraction=min(losses) if losses else None,
        energy_metric=given.axes.energy,
    )


def _is_known(given: Tables, rows: Mapping[str, Mapping[str, Any]]) -> bool:
    return "typical" in rows and rows["typical"][given.axes.accuracy] is not None


def _failure(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: row[name] for name in ("design_id", "back_end", "corner", "state", "reason")}


def _row(given: Tables, corners: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    axes, typical = given.axes, corners["typical"]
    is_trained = axes.accuracy.startswith("trained")
    prefix = "trained_accuracy" if is_trained else "accuracy"
    mean, sd = typical[axes.accuracy], typical[f"{prefix}_sd_fraction"]
    factor, _ = theme.unit_of(axes.energy)
    energies = {name: row[axes.energy] for name, row in corners.items() if row[axes.energy]}
    ends = list(energies.values()) or [0.0]
    return {
        "design": typical["design_id"],
        "back_end": typical["back_end"],
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
        "range_text": f"{theme.show(min(ends), axes.energy)} to {theme.show(max(ends), axes.energy)}",
    }


def _labelled(rows: list[dict[str, Any]]) -> Rows:
    """Each design as `isaac 2`: short name of its back end and place among that back end's confirmed designs."""
    seen: dict[str, int] = {}
    labelled = []
    for row in sorted(rows, key=lambda row: (theme.FAMILIES.index(row["family"]), row["back_end"])):
        seen[row["back_end"]] = seen.get(row["back_end"], 0) + 1
        labelled.append({**row, "label": f"{row['back_end'].split('/')[-1]} {seen[row['back_end']]}"})
    return labelled


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
                "Point: typical. Bar: from the optimistic to the pessimistic corner of every sourced constant at once.",
                _energy(found).properties(width="container", height=height),
                {"tested": found.rows},
            )
        )
    return tuple(made)


def _rows_axis() -> alt.Y:
    return alt.Y("label:N", sort=None, axis=alt.Axis(title=None, ticks=False, domain=False, grid=True, labelLimit=140))


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
    return figure.layered(bars, points)
