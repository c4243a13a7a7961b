"""How do the families compare: one small chart each, with the fronts of the others in grey."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

from joulescape.report import figure, theme
from joulescape.report.decide import default_limit
from joulescape.report.inputs import Tables, family_rank
from joulescape.report.pareto_layers import Extent, Frame
from joulescape.report.sections import pareto


@dataclass(frozen=True)
class Family:
    """What one family's best designs reach."""

    name: str
    designs: int
    within: int
    """Designs within the panel's opening limit of accuracy."""
    best: str
    """Best accuracy, or least latency where the question is of costs alone."""
    least_energy: str
    """Least energy within that limit; a dash where none is."""


@dataclass(frozen=True)
class FamiliesFacts:
    """Families with a valid design, in the order of every legend; drawn when there are at least two."""

    families: tuple[Family, ...]
    limit: str
    points: pareto.ParetoFacts


def facts(given: Tables) -> FamiliesFacts:
    """Counts and extremes of each family."""
    found = pareto.facts(given)
    columns, limit = found.columns, default_limit(found.columns)
    names = sorted(dict.fromkeys(columns["family"]), key=lambda name: (family_rank(name), name))
    families = []
    for name in names:
        rows = [row for row, family in enumerate(columns["family"]) if family == name]
        within = [row for row in rows if limit is None or columns["accuracy"][row] >= limit]
        energies = [columns["energy"][row] for row in within if columns["energy"][row] is not None]
        families.append(
            Family(
                name=name,
                designs=len(rows),
                within=len(within),
                best=_best(found, rows),
                least_energy=theme.show(min(energies, default=None), given.axes.energy),
            )
        )
    return FamiliesFacts(tuple(families), theme.show(limit, "accuracy_fraction"), found)


def _best(found: pareto.ParetoFacts, rows: list[int]) -> str:
    values = [value for row in rows if (value := found.columns[found.against][row]) is not None]
    extreme = min if found.against == "latency" else max
    return theme.show(extreme(values, default=None), found.metrics[found.against])


def figures(found: FamiliesFacts) -> tuple[figure.Figure, ...]:
    """One chart a family on the same axes; none for a single family, or where no design states its energy."""
    points = found.points
    if len(found.families) < 2 or not points.fronts["energy"]:
        return ()
    extent = Extent.of("energy", points.rows, points.fronts["energy"], (), ())
    return tuple(
        figure.Figure(
            id=f"family_{family.name}",
            title=family.name,
            caption=_caption(found, family),
            chart=_chart(family.name, Frame("energy", points.metrics, points.labels, extent)),
            data={"front_energy": points.fronts["energy"]},
            summary=f"Designs of {family.name} machines against the fronts of the others. {_caption(found, family)}",
        )
        for family in found.families
    )


def _caption(found: FamiliesFacts, family: Family) -> str:
    if found.points.against == "latency":
        return f"{family.designs:,} designs; least latency {family.best}, least energy {family.least_energy}."
    said = f"Best {family.best}; {family.within:,} of {family.designs:,} designs reach {found.limit}"
    return f"{said}, the least energy {family.least_energy}." if family.within else f"{said}."


def _chart(name: str, frame: Frame) -> alt.LayerChart:
    mine = "datum.family == family_name"
    x, raw, y = frame.x("x"), frame.x("energy_si"), frame.y()
    front = alt.Chart(alt.NamedData("front_energy"))
    others = front.transform_filter(f"!({mine})").mark_line(
        interpolate="step-after", strokeWidth=1.6, opacity=0.55, clip=True, stroke=alt.expr("quiet")
    )
    points = (
        alt.Chart(alt.NamedData("designs"))
        .transform_filter(f"{mine} && {frame.is_drawable}")
        .mark_point(filled=True, size=14, strokeWidth=0, opacity=0.4, clip=True)
        .encode(x=raw, y=frame.y(frame.height), color=figure.family_colour(), shape=figure.family_shape())
    )
    own = front.transform_filter(mine).mark_line(interpolate="step-after", strokeWidth=2.2, clip=True)
    ends = front.transform_filter(mine).mark_point(filled=True, size=34, opacity=1, clip=True)
    layers = (
        others.encode(x=x, y=y, detail=alt.Detail("back_end:N")),
        points,
        own.encode(
            x=x, y=y, color=figure.family_colour(), strokeDash=figure.family_dash(), detail=alt.Detail("back_end:N")
        ),
        ends.encode(x=x, y=y, color=figure.family_colour(), shape=figure.family_shape()),
    )
    params = (
        alt.param(name="family_name", value=name),
        alt.param(name="quiet", value=theme.colours("light")["quiet"]),
    )
    return figure.layered(*layers, params=params, width="container", height=200)
