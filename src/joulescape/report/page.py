"""Puts the sections together: facts, figures, data and assets into one HTML page, and the facts into report.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from altair.utils.schemapi import debug_mode
from markupsafe import Markup

from joulescape.report import theme
from joulescape.report.blob import Columns, columns_of
from joulescape.report.designs import (
    following,
    id_length,
    screened_columns,
    si_factors,
    table_columns,
    whole_ids,
    with_ids,
)
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.marks import Mark, marks_of, share_a_family, worn_config
from joulescape.report.sections import (
    assumed,
    audit,
    bounds,
    breakdown,
    convergence,
    decision,
    equal_terms,
    families,
    headline,
    knobs,
    least,
    mappings,
    normalised,
    parallel,
    pareto,
    provenance,
    published,
    refused,
    schedule,
    sheet,
    survivors,
    tested,
    training,
    yields,
)
from joulescape.report.shell import drawing, dressed, environment
from joulescape.report.soundness import answer_words
from joulescape.report.tally import counted_words, picked, tally

MODES: tuple[theme.Mode, ...] = ("light", "dark")


@dataclass(frozen=True)
class Facts:
    """What every section says, before anything is drawn."""

    headline: headline.HeadlineFacts
    decision: decision.DecisionFacts
    pareto: pareto.ParetoFacts
    families: families.FamiliesFacts
    least: least.LeastFacts
    training: training.TrainingFacts
    breakdown: breakdown.BreakdownFacts
    schedule: schedule.ScheduleFacts
    bounds: bounds.BoundsFacts
    mappings: mappings.MappingFacts
    normalised: normalised.NormalisedFacts
    tested: tested.TestedFacts
    survivors: survivors.SurvivorFacts
    yields: yields.YieldFacts
    published: published.PublishedFacts
    refused: refused.RefusedFacts
    convergence: convergence.ConvergenceFacts
    audit: audit.AuditFacts
    knobs: knobs.KnobsFacts
    equal: equal_terms.EqualTermsFacts
    parallel: parallel.ParallelFacts
    sheet: sheet.SheetFacts
    assumed: assumed.AssumedFacts
    provenance: provenance.ProvenanceFacts
    marks: tuple[Mark, ...]
    """What each machine is drawn with, on the whole page."""

    @classmethod
    def of(cls, given: Tables) -> Facts:
        """Every section's facts from the tables."""
        return cls(
            headline=headline.facts(given),
            decision=decision.facts(given),
            pareto=pareto.facts(given),
            families=families.facts(given),
            least=least.facts(given),
            training=training.facts(given),
            breakdown=breakdown.facts(given),
            schedule=schedule.facts(given),
            bounds=bounds.facts(given),
            mappings=mappings.facts(given),
            normalised=normalised.facts(given),
            tested=tested.facts(given),
            survivors=survivors.facts(given),
            yields=yields.facts(given),
            published=published.facts(given),
            refused=refused.facts(given),
            convergence=convergence.facts(given),
            audit=audit.facts(given),
            knobs=knobs.facts(given),
            equal=equal_terms.facts(given),
            parallel=parallel.facts(given),
            sheet=sheet.facts(given),
            assumed=assumed.facts(given),
            provenance=provenance.facts(given),
            marks=marks_of((*given.back_ends, *pareto.others_published(given))),
        )

    def figures(self) -> dict[str, Figure]:
        """Every chart by id; a section without data draws none."""
        drawn = (
            *pareto.figures(self.pareto),
            *families.figures(self.families),
            *parallel.figures(self.parallel),
            *training.figures(self.training),
            *breakdown.figures(self.breakdown),
            *schedule.figures(self.schedule),
            *bounds.figures(self.bounds),
            *normalised.figures(self.normalised),
            *tested.figures(self.tested),
            *published.figures(self.published),
            *convergence.figures(self.convergence),
            *knobs.figures(self.knobs),
        )
        return {figure.id: replace(figure, marks=self.marks) for figure in drawn}


def render(given: Tables) -> str:
    """The whole page as text. The same tables give the same bytes."""
    found = Facts.of(given)
    with debug_mode(False):  # Altair would hold each part against Vega-Lite's schema: a sixth of a page's time
        figures = found.figures()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            name=given.name,
            missing=given.missing,
            counted=counted_words(given),
            alarm=" ".join(filter(None, (given.stale, answer_words(given.unsound_valid)))),
            facts=found,
            figures=figures,
            family_charts=[name for name in figures if name.startswith("family_")],
            knob_charts=[name for name in figures if name.startswith("knob_")],
            metrics=dict(given.axes.items()),
            marks={mark.back_end: (place, mark) for place, mark in enumerate(found.marks)},
            has_shades=share_a_family(found.marks[: len(given.back_ends)]),
            picture=_picture(found, figures),
            **dressed(_drawn(given, found, figures), _page(given, found, figures), _listed(given, found)),
        )
    )


def summary(given: Tables) -> dict[str, Any]:
    """report.json: what the page says, for programs; no rows of designs."""
    found = Facts.of(given)
    row = found.decision.decision.index
    return {
        "space": given.name,
        **tally(given),
        "question": found.headline.question,
        "headline": found.headline.sentence,
        "headline_short": found.headline.short,
        "headline_numbers": found.headline.numbers,
        "scope": list(found.headline.scope),
        "tiles": [asdict(tile) for tile in found.headline.tiles],
        "metrics": dict(given.axes.items()),
        "cost_only": given.is_cost_only,
        "limits": asdict(found.decision.limits),
        "answer": found.decision.answer,
        "why": found.decision.why,
        "energy_range": found.decision.range,
        "tie": found.decision.tie,
        "trust": found.decision.trust,
        "command": found.decision.command,
        "pick": None if row is None else given.valid.row(row, named=True)["design_id"],
        "pick_design": picked(given, row),
        "back_ends": [asdict(offer) for offer in found.decision.offers],
        "survivors": found.survivors.sentence,
        "survivors_fall": found.survivors.falls,
        "winners": [{**asdict(row), "verdicts": row.said} for row in found.survivors.rows],
        "life": found.training.sentence or found.training.why_none,
        "bounds": found.bounds.lead,
        "bound_by": list(found.bounds.said),
        "optimism_fraction": found.tested.optimism_fraction,
        "predictions": found.published.prediction_count,
        "predictions_within_tolerance": found.published.prediction_pass_count,
        "answer_predictions": found.published.answer,
        "prediction_median_error_fraction": found.published.median_error_fraction,
        "reasons": [asdict(reason) for reason in found.refused.reasons],
        "search": found.convergence.verdict,
        "search_ended": found.convergence.ended,
        "search_effort": found.convergence.effort,
        "yield": found.yields.sentence,
        "yields": [asdict(row) for row in found.yields.rows],
        "equal_terms": found.equal.sentence,
        "knobs": list(found.knobs.sentences),
        "rungs": list(found.audit.sentences),
        "promotion": found.audit.promotion,
        "citations": [citation.key for citation in found.provenance.citations],
    }


def summary_text(given: Tables) -> str:
    """report.json as text."""
    return json.dumps(summary(given), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _drawn(given: Tables, found: Facts, figures: Mapping[str, Figure]) -> dict[str, Columns]:
    """What the charts and the panel read: the designs once, and each chart's own rows."""
    rows: dict[str, Rows] = {"one": [{"one": 1}]}
    for figure in figures.values():
        rows.update(figure.data)
    return {
        "designs": with_ids(found.pareto.columns, given),
        **{name: columns_of(values) for name, values in sorted(rows.items())},
    }


def _listed(given: Tables, found: Facts) -> dict[str, Columns]:
    """What the table and the sheet read besides: further columns, screened designs, confirmed designs."""
    screened = {
        "screened": with_ids(screened_columns(given), given),
        "more_screened": table_columns(given, given.screened),
    }
    told = ("parts", "layers", "errors", "mappings", "limits", "exact")
    sheets = {f"sheet_{name}": columns_of(getattr(found.sheet, name)) for name in told}
    return {"more": table_columns(given), **screened, **sheets}


def _page(given: Tables, found: Facts, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Everything the page's script needs except rows."""
    units = {suffix: list(unit) for suffix, unit in theme.UNITS.items()}
    return {
        "name": given.name,
        "figures": {figure.id: figure.spec() for figure in figures.values()},
        "configs": {mode: worn_config(mode, found.marks) for mode in MODES},
        "colours": {mode: theme.colours(mode) for mode in MODES},
        "labels": dict(given.labels),
        "metrics": dict(given.axes.items()),
        "factors": si_factors(given),
        "whole_ids": [id_length(given), whole_ids(given)],
        "follows": {name: [factor, above, list(below)] for name, (factor, above, below) in following(given).items()},
        "units": units,
        "plain_units": theme.PLAIN_UNITS,
        "panel": decision.panel(found.decision),
        "sheet": {name: getattr(found.sheet, name) for name in ("question", "folder", "own", "constraints")},
        "back_ends": [list(pair) for pair in given.back_ends],
        "picked": found.decision.decision.index,
    }


def _picture(found: Facts, figures: Mapping[str, Figure]) -> Markup:
    """The main chart's fronts as SVG, for a reader without scripts; empty without a valid design."""
    if "energy" not in figures:
        return Markup("")
    on_front = {step["id"] for step in found.pareto.fronts["energy"]}
    rows = [row for row in found.pareto.rows if row["id"] in on_front]
    spec = figures["energy"].with_rows({"designs": rows, "one": [{"one": 1}]})
    silent = {**figures["energy"].config("light"), "aria": False}  # its words stand beside it; not one a mark
    return drawing(spec, silent)
