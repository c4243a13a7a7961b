"""The study's answer in two sentences with numbers, its tiles and its scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from joulescape.report import theme
from joulescape.report.gap import bridge, shores, widening
from joulescape.report.gap.inputs import StudyTables, factor_words, metric_words, plain_factor
from joulescape.report.sections.headline import Tile


@dataclass(frozen=True)
class HeadlineFacts:
    """What the first screen says."""

    question: str
    sentence: str
    ground: str
    """What the sentence counts, over which years, from how many points."""
    answer: str
    scope: tuple[str, ...]
    tiles: tuple[Tile, ...]


def facts(
    given: StudyTables, shore: shores.ShoreFacts, gap: widening.WideningFacts, built: bridge.BridgeFacts
) -> HeadlineFacts:
    """From the facts of the sections below: nothing is said here that is not shown there."""
    return HeadlineFacts(
        question=given.question,
        sentence=widening.sentence(gap),
        ground=widening.ground(gap),
        answer=_bridge(built, gap),
        scope=tuple(_scope(given, shore, built)),
        tiles=(*_growths(gap), *_factors(built)),
    )


def _bridge(built: bridge.BridgeFacts, gap: widening.WideningFacts) -> str:
    """What the bridge closes of the networks' median, and how many years of drift that is."""
    if "both" not in built.best or built.metric is None:
        return "Nothing of the bridge was worked out."
    names = {"compression_alone": "compression alone", "machine_alone": "another machine alone"}
    parts = [f"{name} {built.best[kind].text}" for kind, name in names.items() if kind in built.best]
    both = built.best["both"]
    said = ", ".join([*parts, f"both together {both.text}"])
    state = f" compressed {built.state}" if built.state else ""
    ground = f"in {metric_words(built.metric)} against {built.baseline}"
    median = f"at the median of {both.networks_count} networks{state} (in brackets: their range, at typical constants)"
    told = f"The bridge {ground}, {median}: {said}."
    if any(found.value < 1 for found in built.best.values()):
        told += " (÷: it costs more than the baseline.)"
    most, said = _whatever(built, both)
    told += said
    years = gap.chosen.years(most.value) if gap.chosen is not None else None
    if years is None or years <= YEAR:
        return told
    return f"{told} The gap widens by {factor_words(most.value)} in {years:.1f} years."


def _whatever(built: bridge.BridgeFacts, both: bridge.Best) -> tuple[bridge.Best, str]:
    """What closes most whatever accuracy it costs, and how that is said; nothing where no kind closes more than in the
    state of `both`."""
    kinds = {"compression_alone": built.any_alone, "both": built.any_state}
    known = {kind: best for kind, best in kinds.items() if best is not None}
    if not any(kind in built.best and best.value > theme.TOLD_APART * built.best[kind].value
               for kind, best in known.items()):  # fmt: skip
        return both, ""
    most = max((both, *known.values()), key=lambda best: best.value)
    told = ", ".join(f"{bridge.KIND_WORDS[kind]} {best.text}" for kind, best in known.items())
    return most, f" With whichever state closes most, whatever accuracy it costs: {told}."


YEAR = 0.05
"""A drift of fewer years would read as none."""


def _scope(given: StudyTables, shore: shores.ShoreFacts, built: bridge.BridgeFacts) -> Iterator[str]:
    ground = dict.fromkeys(words for asked in built.questions for words in asked.ground)
    yield from ground
    networks = given.bridge["network"].drop_nulls().unique(maintain_order=True).to_list()
    if networks:
        yield f"{len(networks)} networks: {', '.join(networks[:8])}{' …' if len(networks) > 8 else ''}"
    years = [year for year in given.shores["year"].drop_nulls().to_list() if year]
    if years:
        yield f"{len(given.points)} published points of {min(years)} to {max(years)}"
    if shore.last_year is not None:
        yield f"fits see points until {shore.last_year}"


def _growths(gap: widening.WideningFacts) -> Iterator[Tile]:
    if gap.chosen is None:
        return
    for growth, verb in ((gap.chosen.need, "needed"), (gap.chosen.delivery, "delivered")):
        ends = f"{plain_factor(growth.low)} to {plain_factor(growth.high)}"
        about = f"{growth.label}, {growth.first} to {growth.last}"
        yield Tile(factor_words(growth.value), f"a year ({ends}) {verb}: {about}")
    value, low, high = gap.chosen.over(10)
    ends = f"{plain_factor(low)} to {plain_factor(high)}"
    years = f"needs from {gap.chosen.need.first} to {gap.chosen.need.last}, deliveries from "
    years += f"{gap.chosen.delivery.first} to {gap.chosen.delivery.last}"
    yield Tile(f"×{ends}", f"in a decade, {factor_words(value)} at the fits: the gap, if both growths held ({years})")


def _factors(built: bridge.BridgeFacts) -> Iterator[Tile]:
    for kind, best in built.best.items():
        ends = f"{plain_factor(best.low)} to {plain_factor(best.high)} over {best.networks_count} networks"
        yield Tile(
            factor_words(best.value),
            f"best bridge in {metric_words(built.metric or '')} by {bridge.KIND_WORDS[kind]}, median network ({ends})",
        )
