"""Puts the study's sections together into one HTML page, report.json and report.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from joulescape import gap_tables
from joulescape.report import theme
from joulescape.report.blob import Columns, columns_of
from joulescape.report.figure import Figure, Rows
from joulescape.report.gap import (
    bridge,
    bridge_chart,
    findings,
    growth,
    headline,
    lifecycle,
    lifecycle_chart,
    missing,
    overtake,
    overtake_chart,
    shores,
    sources,
    states,
    verdicts,
    widening,
    widening_chart,
)
from joulescape.report.gap.inputs import StudyTables, metric_words
from joulescape.report.shell import asset, drawing, dressed, environment


@dataclass(frozen=True)
class Facts:
    """What every section says, before anything is drawn."""

    headline: headline.HeadlineFacts
    shores: shores.ShoreFacts
    gap: widening.WideningFacts
    bridge: bridge.BridgeFacts
    overtake: overtake.OvertakeFacts
    lifecycle: lifecycle.LifecycleFacts
    findings: findings.FindingsFacts
    missing: missing.MissingFacts
    sources: sources.SourceFacts

    @classmethod
    def of(cls, given: StudyTables) -> Facts:
        """Every section's facts from the tables."""
        shore, gap, built = shores.facts(given), widening.facts(given), bridge.facts(given)
        return cls(
            headline=headline.facts(given, shore, gap, built),
            shores=shore,
            gap=gap,
            bridge=built,
            overtake=overtake.facts(given),
            lifecycle=lifecycle.facts(given),
            findings=findings.facts(given),
            missing=missing.facts(given),
            sources=sources.facts(given),
        )

    def figures(self) -> dict[str, Figure]:
        """Every chart by id; a section without data draws none."""
        drawn = (
            *widening_chart.figures(self.gap),
            *shores.figures(self.shores),
            *bridge_chart.figures(self.bridge),
            *overtake_chart.figures(self.overtake),
            *lifecycle_chart.figures(self.lifecycle),
        )
        return {figure.id: figure for figure in drawn}


def render(given: StudyTables) -> str:
    """The whole page as text. The same tables give the same bytes."""
    found = Facts.of(given)
    figures = found.figures()
    whole = {name: _columns(given, name) for name in gap_tables.TABLES}
    shared = dressed(_datasets(figures), _page(given, figures), whole)
    made = environment()
    made.filters.update(metric_words=metric_words, state_words=states.state_words)
    made.globals.update(verdict_mark=verdicts.verdict_mark)
    page: str = made.get_template("gap.html.j2").render(
        **{**shared, "css": shared["css"] + Markup(asset("gap.css"))},
        name=given.name,
        facts=found,
        figures=figures,
        picture=_picture(figures),
    )
    return page


def summary(given: StudyTables) -> dict[str, Any]:
    """report.json: what the page says, for programs; without the points."""
    found = Facts.of(given)
    return {
        "space": given.name,
        "kind": "study",
        "question": found.headline.question,
        "headline": found.headline.sentence,
        "ground": found.headline.ground,
        "answer": found.headline.answer,
        "scope": list(found.headline.scope),
        "tiles": [asdict(tile) for tile in found.headline.tiles],
        "series": [
            {"series": one.series, "title": one.title, "fits": [asdict(said) for said in one.sentences]}
            for one in (*found.shores.needs, *found.shores.delivers)
        ],
        "widening": [
            {
                "need": drift.first.need.label,
                "delivery": drift.first.delivery.label,
                "a_year": _ends(drift.first),
                "with_all_points": _ends(drift.every),
            }
            for view in found.gap.views
            for drift in view.drifts
        ],
        "factors": [row for asked in found.bridge.questions for row in asked.table],
        "interactions": [
            said
            for asked in found.bridge.questions
            for told in (*asked.weaker.values(), asked.stronger)
            for said in told
        ],
        "roadmap": [asdict(roadmap) for roadmap in found.overtake.roadmaps],
        "lifecycle": list(found.lifecycle.table),
        "findings": [asdict(row) for row in found.findings.rows],
        "missing": [asdict(kind) for kind in found.missing.kinds],
        "citations": [citation.key for citation in found.sources.citations],
    }


def _ends(pair: growth.Widening | None) -> list[float] | None:
    return None if pair is None else [pair.value, pair.low, pair.high]


def summary_text(given: StudyTables) -> str:
    """report.json as text."""
    return json.dumps(summary(given), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _datasets(figures: Mapping[str, Figure]) -> dict[str, Columns]:
    """Each chart's own rows."""
    rows: dict[str, Rows] = {"one": [{"one": 1}]}
    for figure in figures.values():
        rows.update(figure.data)
    own = {name: columns_of(values) for name, values in sorted(rows.items())}
    return {"designs": {"id": []}, **own}


def _columns(given: StudyTables, name: str) -> Columns:
    """A table's columns; one without rows keeps its names for the head of its CSV."""
    return given.table(name).to_dict(as_series=False)


def _page(given: StudyTables, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Everything that the page's script needs except rows."""
    return {
        "name": given.name,
        "figures": {figure.id: figure.spec() for figure in figures.values()},
        "configs": {mode: theme.series_config(mode) for mode in ("light", "dark")},
        "colours": {mode: theme.colours(mode) for mode in ("light", "dark")},
        "factors": {},
    }


def _picture(figures: Mapping[str, Figure]) -> Markup:
    """The gap, or else the first chart, as SVG for a reader without scripts; empty without a chart."""
    shown = figures.get("gap") or next(iter(figures.values()), None)
    if shown is None:
        return Markup("")
    return drawing(shown.with_rows({"one": [{"one": 1}]}), theme.series_config("light"))
