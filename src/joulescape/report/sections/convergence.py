"""Did the search run long enough: hypervolume over trials, why it ended, and how much it looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables

COUNTS = (
    "front_size", "valid_count", "screened_count", "infeasible_count", "failed_count", "measured_count",
    "designs_judged_count",
)  # fmt: skip
"""Columns of the history that the chart's tooltip shows beside the hypervolume."""

LEVEL = 0.01
"""A search whose last trials add no larger share of the hypervolume has levelled off."""

STATES = ("valid", "screened", "infeasible", "failed")


@dataclass(frozen=True)
class ConvergenceFacts:
    """Hypervolume after each batch, what the last trials still gained, and what the search did."""

    rows: Rows
    late_gain_fraction: float | None
    verdict: str
    ended: str
    """Why the search ended; empty where the run does not say."""
    effort: str
    """Hardware variants costed for each accuracy measurement; empty where the run does not say."""
    sentences: tuple[str, ...]
    """How it ended, candidates by state, variants for each measurement, the sampler and what it cannot do here."""


def facts(given: Tables) -> ConvergenceFacts:
    """The gain of the last trials, about a quarter of them, as a share of the final hypervolume."""
    history = given.history.sort("batch")
    names = ("trials_told", "hypervolume", *COUNTS)
    rows = [
        {name: rounded(row[name]) if name == "hypervolume" else row[name] for name in names}
        for row in history.filter(history["hypervolume"].is_not_null()).iter_rows(named=True)
    ]
    late, run = _late(rows), given.run
    ended = f"The search ended because {run['ended']}." if run.get("ended") else ""
    candidates = _candidates(history.row(-1, named=True)) if history.height else ""
    said = (ended, candidates, _effort(run), _sampler(given))
    return ConvergenceFacts(
        rows=rows,
        late_gain_fraction=late[0] if late else None,
        verdict=_verdict(late, run),
        ended=ended,
        effort=_effort(run),
        sentences=tuple(sentence for sentence in said if sentence),
    )


def _sampler(given: Tables) -> str:
    """`Sampler: tpe.`, with its own sentences about what degrades on this space."""
    name = given.run.get("sampler") or (given.spec.get("budget") or {}).get("sampler")
    if not name:
        return ""
    notes = (str(note).strip().rstrip(".").removeprefix(f"sampler {name}: ") for note in _notes(given))
    return " ".join(f"{part}." for part in (f"Sampler: {name}", *(f"{note[:1].upper()}{note[1:]}" for note in notes)))


def _notes(given: Tables) -> list[Any]:
    return list(given.run.get("sampler_notes") or ())


def _late(rows: Rows) -> tuple[float, int] | None:
    """The gain after the batch that ended nearest to three quarters of the trials, and how many trials followed it."""
    if len(rows) < 2 or not rows[-1]["hypervolume"]:
        return None
    trials = rows[-1]["trials_told"]
    before = min(rows[:-1], key=lambda row: abs(row["trials_told"] - 0.75 * trials))
    return 1.0 - before["hypervolume"] / rows[-1]["hypervolume"], trials - before["trials_told"]


def _verdict(late: tuple[float, int] | None, run: Mapping[str, Any]) -> str:
    if "exhausted" in str(run.get("ended")):
        tried = "Every candidate of the space was tried (real-valued parameters at their points, where there are any)"
        return f"{tried}: a longer search would find nothing more."
    if late is None:
        return "Too few batches to tell."
    gain, count = late
    grew = f"The last {count:,} trials added {100 * gain:.1f} % of the hypervolume"
    return (
        f"{grew}: a longer search may find better designs." if gain > LEVEL else f"{grew}: the search has levelled off."
    )


def may_move(given: Tables) -> str:
    """`24 trials: the factor may still move`; empty where it levelled off, tried everything or says nothing."""
    rows = list(given.history.drop_nulls("hypervolume").sort("batch").iter_rows(named=True))
    late = _late(rows)
    if not rows or "exhausted" in str(given.run.get("ended")) or (late is not None and late[0] <= LEVEL):
        return ""
    return f"{rows[-1]['trials_told']:,} trials: what the finding says may still move"


def _effort(run: Mapping[str, Any]) -> str:
    designs, measured, share = (
        run.get(name) for name in ("designs_judged_count", "measurements_count", "designs_per_measurement")
    )
    if designs is None or measured is None:
        return ""
    variants = f"{designs:,} hardware variant{'' if designs == 1 else 's'}"
    if not measured or share is None:
        return f"{variants} costed; no accuracy was measured."
    counted = f"{measured:,} accuracy measurement{'' if measured == 1 else 's'}"
    return f"{variants} costed from {counted}: {theme.plain_number(share)} a measurement."


def _candidates(last: Mapping[str, Any]) -> str:
    counted = [f"{last[f'{state}_count']:,} {state}" for state in STATES if last[f"{state}_count"]]
    return f"{last['trials_told']:,} candidates: {', '.join(counted) or 'none judged'}."


def domain(rows: Rows) -> tuple[float, float]:
    """The range of the hypervolume with a tenth to spare; around a constant one, a hundredth of it."""
    low, high = min(row["hypervolume"] for row in rows), max(row["hypervolume"] for row in rows)
    margin = 0.1 * (high - low) or 0.01 * abs(high) or 1.0
    return low - margin, high + margin


TITLES = {
    "front_size": "Designs on the front",
    "valid_count": "Valid",
    "screened_count": "Screened",
    "infeasible_count": "Infeasible",
    "failed_count": "Failed",
    "measured_count": "Accuracy measurements",
    "designs_judged_count": "Hardware variants costed",
}


def figures(found: ConvergenceFacts) -> tuple[Figure, ...]:
    """A step line over trials; none without history."""
    if not found.rows:
        return ()
    known = [name for name in COUNTS if any(row[name] is not None for row in found.rows)]
    tooltip = [
        alt.Tooltip("trials_told:Q", title="Trials"),
        alt.Tooltip("hypervolume:Q", title="Hypervolume", format=".4~g"),
        *(alt.Tooltip(f"{name}:Q", title=TITLES[name], format=",") for name in known),
    ]
    base = alt.Chart(alt.NamedData("history")).encode(
        x=alt.X("trials_told:Q", axis=alt.Axis(title="Trials", tickMinStep=1, tickCount=8), scale=alt.Scale(zero=True)),
        y=alt.Y(
            "hypervolume:Q",
            axis=alt.Axis(title="Hypervolume (better ↑)"),
            scale=alt.Scale(domain=list(domain(found.rows)), nice=False, zero=False),
        ),
        tooltip=tooltip,
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2, color=alt.expr("ink"))
    points = base.mark_point(filled=True, size=28, color=alt.expr("ink"))
    ink = alt.param(name="ink", value="#1b2026")
    chart = figure.layered(line, points, params=(ink,), width="container", height=240)
    caption = (
        "Volume dominated by the front, on the logarithm of costs and on plain fractions, "
        "against a reference point fixed after the first batch. The axis starts near the first value, not at zero."
    )
    return (Figure("history", "Hypervolume over trials", caption, chart, {"history": found.rows}),)
