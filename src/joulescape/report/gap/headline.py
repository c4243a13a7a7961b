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
    """What the bridge closes of the networks' median, and how many years of the same drift that is."""
    if not built.best or built.metric is None:
        return "Nothing of the bridge was worked out."
    parts = []
    for kind, name in bridge.KIND_WORDS.items():
        why = f" ({built.because})" if kind == "compression_alone" and built.because else ""
        parts += [f"{name}{why} {built.best[kind].text}"] if kind in built.best else []
    count = max(one.networks_count for one in built.best.values())
    state = f" compressed {built.state}" if built.state else ""
    ground = f"in {metric_words(built.metric)} against {built.baseline}"
    median = f"at the median of {count} networks{state} (in brackets: their range, at typical constants)"
    told = f"The bridge {ground}, {median}{_limit(built)}: {'; '.join(parts)}. (×: so many times less; ÷: more.)"
    return f"{told}{_outside(built)}{_whatever(built)}{_years(built, gap)}"


def _limit(built: bridge.BridgeFacts) -> str:
    """Which machines are let in."""
    if built.within is None:
        return ""
    return (
        f", by machines that compute exactly or lose no more than {100 * built.within:g} points on any measured network"
    )


def _outside(built: bridge.BridgeFacts) -> str:
    """What machines would close whose accuracy is not kept, or not known, and what speaks against them."""
    if built.outside is None:
        return ""
    named = f" ({'; '.join(built.outsiders)})" if built.outsiders else ""
    return f" With machines outside that limit let in, both would be {built.outside.text}{named}."


def _whatever(built: bridge.BridgeFacts) -> str:
    """What closes most whatever accuracy the state costs; empty where no kind closes more than in the headline's."""
    kinds = {"compression_alone": built.any_alone, "both": built.any_state}
    known = {kind: best for kind, best in kinds.items() if best is not None}
    if not any(kind in built.best and best.value > theme.TOLD_APART * built.best[kind].value
               for kind, best in known.items()):  # fmt: skip
        return ""
    told = ", ".join(f"{bridge.KIND_WORDS[kind]} {best.text}" for kind, best in known.items())
    nobody = " (nobody measured it)" if any(not one.is_measured for one in built.questions) else ""
    return f" With whichever state closes most, whatever accuracy that state costs{nobody}: {told}."


def _years(built: bridge.BridgeFacts, gap: widening.WideningFacts) -> str:
    """How long the gap in energy takes to widen by what both close in energy, where it is told from none; no other
    metric has its gap on the page."""
    both, drift = built.best.get("both"), gap.energy
    if built.metric != ENERGY or both is None or both.value <= 1 or drift is None or not drift.first.is_told:
        return ""
    years = drift.first.years(both.value)
    return "" if years is None or years <= YEAR else (
        f" The gap in energy widens by {factor_words(both.value)} in {years:.1f} years."
    )  # fmt: skip


ENERGY = "inference_energy_pj"
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
        yield Tile(factor_words(growth.value), f"a year (95 %: {ends}) {verb}: {about}")
    value, low, high = gap.chosen.over(10)
    ends = f"{plain_factor(low)} to {plain_factor(high)}"
    years = f"needs from {gap.chosen.need.first} to {gap.chosen.need.last}, deliveries from "
    years += f"{gap.chosen.delivery.first} to {gap.chosen.delivery.last}"
    said = f"in a decade (95 %; {factor_words(value)} at the fits): the year's interval to the tenth power"
    yield Tile(f"×{ends}", f"{said}, the gap if both growths held ({years})")


def _factors(built: bridge.BridgeFacts) -> Iterator[Tile]:
    for kind, best in built.best.items():
        ends = f"{plain_factor(best.low)} to {plain_factor(best.high)} over {best.networks_count} networks"
        yield Tile(
            factor_words(best.value),
            f"best bridge in {metric_words(built.metric or '')} by {bridge.KIND_WORDS[kind]}, median network ({ends})",
        )
