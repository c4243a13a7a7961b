"""The charts of training: beside inference, over a life, and against the accuracy that it reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from joulescape.report import figure, lifetimes, theme
from joulescape.report.apart import apart
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.lifetimes import Life
from joulescape.report.pareto_layers import ROOM_FRACTION

MEASURED = "trained on this machine"
NOMINAL = "nominal steps"

HEIGHT = 320
LABEL_PX = 15
PER_DECADE = 4
"""Points of a line over a decade of inferences: it bends but once."""
NAMED = 10
"""So many designs are named in the chart beside inference; of more, names would cover each other."""
NAME_ROOM = 0.22
"""So much of the span of energies is added at the right for the names."""
BEYOND = 100.0
"""So much farther than the last crossing, and than the split of 90 %, the lives are drawn."""
LONGEST = 1e15
COUNT = "replace(format(datum.value, '~s'), regexp('([a-zA-Zµ]?)$'), ' $1')"
"""Vega expression of a tick that counts inferences."""


def beside(pairs: Rows) -> tuple[Figure, ...]:
    """One line a design, from one inference to its whole training, on energy and time; none without both."""
    if not pairs:
        return ()
    across = [row["x"] for row in pairs]
    room = max(across) * (max(across) / min(across)) ** NAME_ROOM
    x = figure.cost_axis("x", "training_energy_pj", [*across, room], "Energy (better ←)")
    y = figure.cost_height("y", "training_time_ns", [row["y"] for row in pairs], "Time")
    colour, shape = figure.family_colour(), figure.family_shape()
    base = alt.Chart(alt.NamedData("training_beside")).encode(x=x, y=y, color=colour)
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("what:N", title="What"),
        alt.Tooltip("energy_text:N", title="Energy"),
        alt.Tooltip("time_text:N", title="Time"),
    ]
    line = base.mark_line(strokeWidth=1.6, opacity=0.6).encode(
        detail=alt.Detail("back_end:N"), strokeDash=figure.family_dash()
    )
    points = [
        base.transform_filter(f"datum.what {sign} 'one inference'")
        .mark_point(filled=is_filled, size=80, opacity=1, strokeWidth=2)
        .encode(shape=shape, tooltip=tooltip)
        for sign, is_filled in (("==", False), ("!=", True))
    ]
    ends = alt.Chart(alt.NamedData("training_names")).encode(x=x, y=y, color=colour, text=alt.Text("name:N"))
    place: dict[str, Any] = {
        "align": alt.expr("datum.side"), "dx": alt.expr("datum.side == 'left' ? 9 : -9"), "fontSize": 11,
        "fontWeight": 600,
    }  # fmt: skip
    halo: dict[str, Any] = {"stroke": alt.expr("paper"), "strokeWidth": 4, "strokeJoin": "round"}
    names = [ends.mark_text(**place, **halo), ends.mark_text(**place, fill=figure.name_colour())]
    chart = figure.layered(line, *names, *points, params=(_paper(),), width="container", height=HEIGHT)
    said = "; ".join(f"{row['back_end']} {row['what']} {row['energy_text']}, {row['time_text']}" for row in pairs)
    caption = (
        "Hollow: one inference (its time is the latency of the batch). Filled: the whole training run of the same "
        "design, the one that the section names. Both at the typical corner."
    )
    return (
        Figure(
            "beside",
            "Training beside inference",
            caption,
            chart,
            {"training_beside": pairs, "training_names": _named(pairs)},
            f"{said}.",
        ),
    )


def _named(pairs: Rows) -> Rows:
    """The names of back ends beside their training, at the left where another stands at the right; of many, none."""
    ends = [row for row in pairs if row["what"] != "one inference"]
    if len(ends) > NAMED:
        return []
    low, high = figure.log_domain([row["y"] for row in pairs])
    px = HEIGHT / math.log10(high / low)
    span = math.log10(max(row["x"] for row in pairs) / min(row["x"] for row in pairs))

    def is_in_the_way(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        right, off = math.log10(other["x"] / row["x"]), px * abs(math.log10(other["y"] / row["y"]))
        return 0 < right < NAME_ROOM * span and off < LABEL_PX

    found: list[dict[str, Any]] = []
    for side in ("left", "right"):
        mine = [row for row in ends if any(is_in_the_way(row, other) for other in ends) == (side == "right")]
        places = apart([row["y"] for row in mine], low, high, HEIGHT, LABEL_PX)
        found += [
            {
                "name": row["back_end"].split("/")[-1], "back_end": row["back_end"], "family": row["family"],
                "x": row["x"], "y": y, "side": side,
            }
            for row, y in zip(mine, places, strict=True)
        ]  # fmt: skip
    return found


def lifecycle(lives: Sequence[Life], families: Sequence[str], declared: float | None) -> tuple[Figure, ...]:
    """Energy of a life against its inferences, and who takes over where; none without training and inference."""
    if not lives:
        return ()
    last = _last(lives, declared)
    lines = [
        {
            "back_end": life.name, "family": family, "x": rounded(count), "y": rounded(life.energy(count)),
            "energy_text": theme.prefixed(life.energy(count), "J"), "count_text": lifetimes.count_text(count),
        }
        for life, family in zip(lives, families, strict=True)
        for count in _counts(last)
    ]  # fmt: skip
    own = dict(zip((life.name for life in lives), families, strict=True))
    crossings = [
        {
            "back_end": reign.name, "family": own[reign.name], "x": rounded(reign.start), "y": rounded(reign.energy),
            "label": lifetimes.count_text(reign.start),
        }
        for reign in lifetimes.reigns(lives)[1:]
    ]  # fmt: skip
    data = {"lives": lines, "life_crossings": crossings, "life_names": _names(lives, families, lines)}
    chart = _lives(data, last, declared)
    caption = (
        "Line: energy of training, of writing the weights where they are written once, and of so many inferences. "
        "Ring: from here on that design needs the least. Flat: training is most of it; sloped: inference is."
    )
    caption += (
        f" Dashed upright: the life that the question declares ({lifetimes.count_text(declared)})." if declared else ""
    )
    kept = {name: rows for name, rows in data.items() if rows}
    summary = lifetimes.sentence(lives) or "Energy of training and use against the number of inferences."
    return (Figure("lifecycle", "Energy over a life", caption, chart, kept, summary),)


def _last(lives: Sequence[Life], declared: float | None) -> float:
    """The longest life drawn: a decade that holds every crossing, the split of 90 % and the declared life."""
    known = [reign.start for reign in lifetimes.reigns(lives)] + [life.inferences_at(0.9) for life in lives]
    most = max(min(LONGEST, BEYOND * value) for value in (*known, declared or 1.0))
    return 10.0 ** math.ceil(math.log10(max(most, 1e3)))


def _counts(last: float) -> list[float]:
    steps = round(PER_DECADE * math.log10(last))
    return [10 ** (step / PER_DECADE) for step in range(steps + 1)]


def _names(lives: Sequence[Life], families: Sequence[str], lines: Rows) -> Rows:
    """At the left ends: there the lines are flat, for training is most of a short life."""
    low, high = figure.log_domain([row["y"] for row in lines])
    places = apart([life.energy(1.0) for life in lives], low, high, HEIGHT, LABEL_PX)
    named = zip(lives, families, places, strict=True)
    return [
        {"back_end": life.name, "family": family, "x": 1.0, "y": y, "name": life.name.split("/")[-1]}
        for life, family, y in named
    ]


def _lives(data: dict[str, Rows], last: float, declared: float | None) -> alt.LayerChart:
    lines = data["lives"]
    axis = alt.Axis(values=figure.log_ticks(1.0, last), labelExpr=COUNT, title="Inferences in a life")
    x = alt.X("x:Q", scale=alt.Scale(type="log", domain=[1.0, last], nice=False), axis=axis)
    y = figure.cost_height("y", "lifecycle_energy_pj", [row["y"] for row in lines], "Energy of training and use")

    def of(name: str) -> alt.Chart:
        made: alt.Chart = alt.Chart(alt.NamedData(name)).encode(x=x, y=y, color=figure.family_colour())
        return made

    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("count_text:N", title="Life"),
        alt.Tooltip("energy_text:N", title="Energy"),
    ]
    keys: dict[str, Any] = {"detail": "back_end:N", "strokeDash": figure.family_dash()}
    place: dict[str, Any] = {
        "align": "left",
        "dx": 6,
        "dy": -3,
        "baseline": "bottom",
        "fontSize": 11,
        "fontWeight": 600,
    }
    halo: dict[str, Any] = {"stroke": alt.expr("paper"), "strokeWidth": 4, "strokeJoin": "round"}
    names = of("life_names").encode(text=alt.Text("name:N"))
    layers = [
        of("lives").mark_line(strokeWidth=2, clip=True).encode(**keys),
        of("lives").mark_point(filled=True, size=40, opacity=0).encode(tooltip=tooltip),
        names.mark_text(**place, **halo),
        names.mark_text(**place, fill=figure.name_colour()),
    ]
    if data["life_crossings"]:
        ring = of("life_crossings").mark_point(shape="circle", size=150, filled=False, strokeWidth=2.2)
        layers.append(ring.encode(tooltip=[tooltip[0], alt.Tooltip("label:N", title="Least from")]))
        said = of("life_crossings").encode(text=alt.Text("label:N"))
        beside: dict[str, Any] = {"align": "left", "dx": 11, "dy": 12, "fontSize": 11}
        layers += [said.mark_text(**beside, **halo), said.mark_text(**beside, fill=figure.name_colour())]
    if declared:
        one = alt.Chart(alt.NamedData("one")).transform_calculate(x=f"{declared}")
        layers.append(one.mark_rule(strokeDash=[4, 3]).encode(x=x))
    return figure.layered(*layers, params=(_paper(),), width="container", height=HEIGHT)


def _paper() -> alt.Parameter:
    return alt.param(name="paper", value="#ffffff")


def _in_sight(rows: Rows) -> Rows:
    """Designs from a little under the weakest machine's best on, as the charts of the fronts clip."""
    best: dict[str, float] = {}
    for row in rows:
        best[row["back_end"]] = max(row["accuracy"], best.get(row["back_end"], 0.0))
    floor = min(best.values()) - ROOM_FRACTION
    return [row for row in rows if row["accuracy"] >= floor]


def reached(found: Rows, nominal_count: int, total: int) -> tuple[Figure, ...]:
    """Training energy against the accuracy it reaches; none without a training energy."""
    known = [row for row in found if figure.is_positive(row["x"]) and row["accuracy"] is not None]
    if not known:
        return ()
    rows = _in_sight(known)
    x = figure.cost_axis("x", "training_energy_pj", [row["x"] for row in rows])
    y = figure.accuracy_axis("accuracy", [row["accuracy"] for row in rows], "Accuracy")
    tooltip = [
        alt.Tooltip("back_end:N", title="Back end"),
        alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
        alt.Tooltip("energy_text:N", title="Training energy"),
        alt.Tooltip("steps:N", title="Steps"),
    ]
    text = figure.tick_label("training_energy_pj").replace("datum.value", "datum.x").replace("'~s'", "'.3s'")
    base = alt.Chart(alt.NamedData("training")).transform_calculate(energy_text=text)
    encoded: dict[str, Any] = {"x": x, "y": y, "color": figure.family_colour(), "shape": figure.family_shape()}
    nominal = base.transform_filter(f"datum.steps == '{NOMINAL}'").mark_point(filled=False, size=26, opacity=0.45)
    measured = base.transform_filter(f"datum.steps != '{NOMINAL}'").mark_point(filled=True, size=30, opacity=0.6)
    chart = figure.layered(nominal.encode(**encoded, tooltip=tooltip), measured.encode(**encoded, tooltip=tooltip))
    caption = "Filled: trained on the machine, accuracy after that training." if nominal_count < total else ""
    if nominal_count:
        caption += (
            f" Hollow: {nominal_count:,} of {total:,} designs whose training is costed at the reference "
            "recipe's steps (nominal); their accuracy is that of weights trained elsewhere."
        )
    hidden = len(known) - len(rows)
    caption += f" {hidden:,} less accurate designs lie below the chart." if hidden else ""
    made = chart.properties(width="container", height=300)
    return (Figure("training", "Accuracy against training energy", caption.strip(), made, {"training": rows}),)
