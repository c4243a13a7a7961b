"""The bridge: what compression alone, a machine alone and both together close, with each network and machine family."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap import leads
from joulescape.report.gap.inputs import StudyTables, factor_words, interval, short
from joulescape.report.gap.interactions import ONE, said_of
from joulescape.report.gap.leads import KINDS, Best
from joulescape.report.gap.states import listed, shown, state_words
from joulescape.report.inputs import family_rank

KIND_WORDS = {
    "compression_alone": "compression alone, on the baseline",
    "machine_alone": "another machine alone",
    "both": "both, on another machine than the baseline",
}


@dataclass(frozen=True)
class Question:
    """One question of the study, with its factors."""

    id: str
    """`bridge` and a number: names its chart."""
    name: str
    asked: str
    scaled: str
    """Which machines are moved to another node, and by which rule; empty where none is."""
    ground: tuple[str, ...]
    baseline: str
    metrics: tuple[str, ...]
    states: tuple[str, ...]
    """States of compression, the published one first."""
    is_measured: bool
    has_losses: bool
    """Whether any loss of accuracy is known, measured or published."""
    rows: Rows
    """Rows of the chart: one a (metric, state, network, family) and one for compression alone."""
    table: Rows
    weaker: dict[str, tuple[str, ...]]
    """Metric -> sentences: where both together close less than the product of their parts, and why."""
    stronger: tuple[str, ...]
    absent: tuple[tuple[str, tuple[str, ...]], ...]
    """(state in words, families that were asked and are best of no network in it)."""
    missing: tuple[tuple[str, str], ...]
    """(what, why) of networks and machines without a factor."""
    open_ends: tuple[tuple[str, str], ...]
    """(what, why) of factors that have no interval, or that something is to be known of."""
    sources: Rows
    """Every state of every network with its basis and source."""


@dataclass(frozen=True)
class BridgeFacts:
    """Every question's factors."""

    questions: tuple[Question, ...]
    metric: str | None
    """The metric of the headline: the first of the study."""
    best: dict[str, Best]
    """Kind -> its best, of the questions of costs alone, or else of what there is."""
    state: str
    """The state of compression that `best` is of, in words."""
    any_state: Best | None
    """Both together with whichever state closes most."""
    any_alone: Best | None
    """Compression alone, on the baseline, with whichever state closes most."""
    outside: Best | None
    """Both together, in the state of `best`, where machines that may not lead are let in; None where none gains."""
    outsiders: tuple[str, ...]
    """Those that then lead on some network, with what speaks against them."""
    within: float | None
    """The loss that counts as none, which every machine of `best` keeps or cannot have."""
    because: str
    """Why compression alone closes nothing on the baseline; empty where it does."""
    baseline: str
    """What the factors of the headline are counted over."""


def facts(given: StudyTables) -> BridgeFacts:
    """Questions in the order of the table."""
    names = given.factors["question"].unique(maintain_order=True).drop_nulls().to_list()
    found = tuple(_question(given, name, place) for place, name in enumerate(names))
    chosen = next((one for one in found if not one.is_measured), found[0] if found else None)
    metrics = chosen.metrics if chosen else ()
    if chosen is None or not metrics:
        return BridgeFacts(found, None, {}, "", None, None, None, (), None, "", "–")
    known = given.factors.filter((pl.col("question") == chosen.name) & (pl.col("metric") == metrics[0]))
    state = chosen.states[0] if chosen.states else None
    lead = leads.lead(known, state, leads.records(given))
    words = state_words(state or "")
    return BridgeFacts(
        found, metrics[0], lead.best, words, lead.any_state, lead.any_alone, lead.outside, lead.outsiders, lead.within,
        leads.gains_nothing(known, state), chosen.baseline,
    )  # fmt: skip


def _question(given: StudyTables, name: str, place: int) -> Question:
    mine = given.factors.filter(pl.col("question") == name)
    told = given.questions.get(given.role(name) or "", {})
    good = [row for row in mine.iter_rows(named=True) if row["both"] is not None or row["machine_alone"] is not None]
    wanted = list(given.spec.get("metrics") or ())
    metrics = sorted({row["metric"] for row in good}, key=lambda one: (_rank(wanted, one), one))
    states = shown(good, metrics)
    best = sorted((row for row in good if row["is_best_of_family"] and row["compression"] in states), key=_order)
    areas = _areas(given, name)
    weak = [row for row in best if row["interaction"] and row["interaction"] < 1 / ONE]
    ground = (("boundary", "boundary {}"), ("node", "node {} nm"), ("batch", "batch {}"))
    return Question(
        id=f"bridge_{place}",
        name=name,
        asked=str(told.get("question") or name),
        scaled=_scaled(told),
        ground=tuple(label.format(told[key]) for key, label in ground if told.get(key) is not None),
        baseline=next((row["baseline"] for row in good if row["baseline"]), str(told.get("baseline") or "–")),
        metrics=tuple(metrics),
        states=states,
        is_measured=given.role(name) == "measured",
        has_losses=any(row["accuracy_loss_fraction"] is not None for row in good),
        rows=[row for metric in metrics for state in states for row in _placed(_lines(_of(best, metric, state)))],
        table=[
            {**_cells(row), "area": _area(areas, row)}
            for row in sorted(best, key=lambda row: states.index(row["compression"]))
        ],
        weaker={metric: said_of([row for row in weak if row["metric"] == metric]) for metric in metrics},
        stronger=said_of([row for row in best if row["interaction"] and row["interaction"] > ONE]),
        absent=tuple(_absent(given, name, best, states)),
        missing=_gathered([*_without(mine), *_infeasible(given, name)]),
        open_ends=_gathered(_open_ends(mine)),
        sources=list(listed(given, name)),
    )


def _scaled(told: Mapping[str, Any]) -> str:
    """The machines that are moved to the question's node, by which rule, and how far that rule can be trusted."""
    moved: Mapping[str, float] = told.get("scaled") or {}
    if not moved:
        return ""
    names = ", ".join(f"{short(name)} ({node:g} nm)" for name, node in moved.items())
    return (
        f"CMOS parts are scaled to {told['node']} nm by the rule of {told.get('scaling_rule')}, made for logic, from "
        f"the published node in brackets: {names}. The others are made at that node or have no CMOS part to move. "
        "Memories follow such a rule badly (the finding on SRAM has figures): machines scaled far and full of memory "
        "are less sure than their intervals say. Machines whose cells hold the weights keep them between inferences; "
        "arrays fetch them unless their buffer is set to keep them and all fit."
    )


def _rank(wanted: Sequence[str], metric: str) -> int:
    return wanted.index(metric) if metric in wanted else len(wanted)


def _order(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["network"], family_rank(row["family"] or ""), row["back_end"] or ""


def _absent(
    given: StudyTables, name: str, best: Sequence[Mapping[str, Any]], states: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """States in which a family that the question asks about has no line."""
    tables = (given.bridge, given.factors)
    asked = [family for table in tables for family in table.filter(pl.col("question") == name)["family"].drop_nulls()]
    for state in states:
        seen = {row["family"] for row in best if row["compression"] == state}
        gone = tuple(sorted(set(asked) - seen, key=family_rank))
        if gone:
            yield state_words(state), gone


def _of(rows: Sequence[Mapping[str, Any]], metric: str, state: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["metric"] == metric and row["compression"] == state]


def _placed(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their place from the top."""
    return [{"place": place, **row} for place, row in enumerate(rows)]


def _lines(best: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A network's line of compression alone, then a line a family: machine alone, both, and their product."""
    seen: set[str] = set()
    for row in best:
        if row["network"] not in seen:
            seen.add(row["network"])
            yield _compression(best, row["network"])
        label = f"\u2003{row['family']}: {short(row['back_end'] or '–')}"
        yield {
            **_line(row, f"{row['network']}|{label}", label, row["family"]),
            **{f"machine_{end}": rounded(row[name]) for end, name in zip(ENDS, _names("machine_alone"), strict=True)},
            **{f"both_{end}": rounded(row[name]) for end, name in zip(ENDS, _names("both"), strict=True)},
            "product": rounded(row["product"]),
            "both_text": _text(row, "both"), "machine_text": _text(row, "machine_alone"),
        }  # fmt: skip


ENDS = ("at", "low", "high")


def _names(kind: str) -> tuple[str, str, str]:
    return kind, f"{kind}_low", f"{kind}_high"


def _compression(best: Sequence[Mapping[str, Any]], network: str) -> dict[str, Any]:
    """The network's largest factor by compression alone: it is counted on the baseline, whatever the machine."""
    mine = [row for row in best if row["network"] == network and row["compression_alone"] is not None]
    empty = dict.fromkeys([f"{kind}_{end}" for kind in ("machine", "both") for end in ENDS])
    silent = {"product": None, "both_text": "", "machine_text": ""}
    if not mine:
        bare = {**best[0], "network": network, **dict.fromkeys(_names("compression_alone"))}
        return {**_line(bare, f"{network}|", network, ""), **empty, **silent, "compression_at": None}
    row = max(mine, key=lambda one: one["compression_alone"])
    return {**_line(row, f"{network}|", network, ""), **empty, **silent}


def _line(row: Mapping[str, Any], key: str, label: str, family: str) -> dict[str, Any]:
    is_head = not family
    values = [rounded(row[name]) if is_head else None for name in _names("compression_alone")]
    ends = {f"compression_{end}": value for end, value in zip(ENDS, values, strict=True)}
    return {
        "metric": row["metric"], "state": row["compression"] or "", "key": key, "label": label,
        "network": row["network"], "family": family,
        "back_end": "" if is_head else row["back_end"], "compression": state_words(row["compression"] or "–"), **ends,
        "compression_text": _text(row, "compression_alone"), "why": "" if is_head else row["why"] or "",
    }  # fmt: skip


def _text(row: Mapping[str, Any], kind: str) -> str:
    return interval(*(row[name] for name in _names(kind)))


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table: all as a reader sees it."""
    loss = row["accuracy_loss_fraction"]
    return {
        "metric": row["metric"], "state": row["compression"], "network": row["network"],
        "back_end": row["back_end"] or "–", "family": row["family"] or "",
        "compression": state_words(row["compression"] or "–"),
        **{kind: _text(row, kind) for kind in KINDS},
        "product": "–" if row["product"] is None else factor_words(row["product"]),
        "interaction": "–" if row["interaction"] is None else factor_words(row["interaction"]),
        "loss": "–" if loss is None else f"{100 * loss:+.1f} points",
    }  # fmt: skip


def _areas(given: StudyTables, name: str) -> dict[tuple[str, str, str], float]:
    """mm2 by network, state and machine, at typical constants."""
    mine = given.bridge.filter((pl.col("question") == name) & (pl.col("corner") == "typical")).drop_nulls("area_mm2")
    return {row[:3]: row[3] for row in mine.select("network", "compression", "back_end", "area_mm2").iter_rows()}


def _area(areas: Mapping[tuple[str, str, str], float], row: Mapping[str, Any]) -> str:
    """The machine's area over the baseline's: nothing else holds the two equal."""
    mine = areas.get((row["network"], row["compression"], row["back_end"]))
    base = areas.get((row["network"], "none", row["baseline"]))
    return "–" if not mine or not base else f"{theme.significant(mine)} mm² ({factor_words(mine / base)})"


def _without(mine: pl.DataFrame) -> Iterator[tuple[str, str, str]]:
    """(machine, network, reason) of factors that are none."""
    for row in mine.filter(pl.col("reason").is_not_null() & pl.col("both").is_null()).iter_rows(named=True):
        yield row["back_end"] or "every machine", row["network"], row["reason"]


def _infeasible(given: StudyTables, name: str) -> Iterator[tuple[str, str, str]]:
    """The same of priced states that are not valid."""
    priced = given.bridge.filter((pl.col("question") == name) & (pl.col("state") != "valid"))
    for row in priced.iter_rows(named=True):
        yield row["back_end"] or "every machine", row["network"], row["reason"] or f"{row['state']}, no reason given"


def _open_ends(mine: pl.DataFrame) -> Iterator[tuple[str, str, str]]:
    """The same of factors that are known and have something to be known of."""
    for row in mine.filter(pl.col("reason").is_not_null() & pl.col("both").is_not_null()).iter_rows(named=True):
        yield row["back_end"] or "every machine", _stated(row), row["reason"]


def _stated(row: Mapping[str, Any]) -> str:
    """A network with its state of compression."""
    state = row["compression"]
    return f"{row['network']} ({state_words(state)})" if state else str(row["network"])


def _gathered(told: Iterable[tuple[str, str, str]]) -> tuple[tuple[str, str], ...]:
    """One line a (machine, reason), with its networks."""
    found: dict[tuple[str, str], list[str]] = {}
    for back_end, network, reason in told:
        found.setdefault((back_end, reason), []).append(network)
    lines = ((f"{', '.join(dict.fromkeys(networks))} on {key[0]}", key[1]) for key, networks in found.items())
    return tuple(sorted(lines))
