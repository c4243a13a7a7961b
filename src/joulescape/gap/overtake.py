"""What would have to be true: the constants at which a machine equals the best electronic design of equal accuracy.

Each constant that the study names is moved alone, from today's value to its limit (a cost to nothing, an efficiency to
all), and so are the machine's costliest ones, all of one kind together, all together by one common factor, and every
two of the costliest; each time the design is priced again exactly. The rival's corners make an interval of what is
needed: `needed_low` and `needed_high` are its ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from joulescape.errors import ResultsError
from joulescape.gap import overtake_findings, variation
from joulescape.gap.crossing import FREE_REACH, LEAST_EFFECT, Curves, Move, crossings
from joulescape.gap.designs import Design, best
from joulescape.gap.equals import equals
from joulescape.gap.in_words import number
from joulescape.gap.levers import Lever, is_plain, levers, moved
from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import Study
from joulescape.simulators.base import WEAKNESS, FloatArray
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.spec.study import OvertakeSpec

Row = dict[str, Any]

TOP_LEVERS = 3
"""So many of the costliest levers are told beside those that the study names."""
PAIRED_LEVERS = 5
"""Pairs are made of so many of the costliest."""
NO_EFFECT = 1e-9
"""Share below which a lever does nothing at all for the network, and is in no set."""

CONFIDENCE = {"measured": "high", "derived": "derived", "assumed": "low"}

FINDINGS = overtake_findings.FINDINGS


@dataclass(frozen=True)
class Contest:
    """A design, and the best electronic one at equal accuracy, in one metric."""

    design: Design | None
    refusal: str | None
    network: str
    back_end: str
    rival: Design
    metric: str
    accuracy: str
    """Why both are as accurate as one another."""


def rows(study: Study) -> Mapping[str, list[Row]]:
    """Rows of gap_tables.OVERTAKE."""
    found, rivals = list[Row](), Rivals()
    for entry in study.spec.overtake:
        found.extend(row for contest in _contests(study, entry, rivals) for row in _told(contest, entry))
    return {"overtake": [*found, *variation.rows(study)]}


@dataclass
class Rivals:
    """The best electronic designs of the bridge's question, each found once."""

    known: dict[tuple[str, str], Design] = field(default_factory=dict)

    def of(self, space: DesignSpace, network: str, metric: str) -> Design:
        """The electronic design with the least of the metric, in its best state of equal accuracy."""
        if (network, metric) not in self.known:
            electronic = (name for name, back_end in space.back_ends.items() if back_end.family == "electronic")
            rival, _ = best(space, _pairs(space, network, *electronic), metric)
            if rival is None:
                raise ResultsError(f"{space.name} has no electronic machine that can carry {network}")
            self.known[network, metric] = rival
        return self.known[network, metric]


def _contests(study: Study, entry: OvertakeSpec, rivals: Rivals) -> Iterator[Contest]:
    """One a network of the bridge, and one of what was measured; each where the question has the machine."""
    bridge, measured = study.spaces.get("bridge"), study.spaces.get("measured")
    if bridge is not None and entry.back_end in bridge.back_ends:
        for network in entry.networks or study.networks():
            if _pairs(bridge, network, entry.back_end):
                yield _priced(bridge, network, entry, rivals.of(bridge, network, entry.metric))
    if measured is not None and entry.back_end in measured.back_ends:
        found = equals(measured, study.results("measured"), entry.back_end, entry.metric)
        names = (found.network, entry.back_end)
        yield Contest(found.design, found.refusal, *names, found.rival, entry.metric, found.said)


def _priced(space: DesignSpace, network: str, entry: OvertakeSpec, rival: Design) -> Contest:
    """The best of the machine against the best electronic design, each in its best state of equal accuracy."""
    own, refusal = best(space, _pairs(space, network, entry.back_end), entry.metric)
    said = "assumed: the same network, as trained, as published with its loss, or rounded to eight bits"
    return Contest(own, refusal, network, entry.back_end, rival, entry.metric, said)


def _pairs(space: DesignSpace, network: str, *back_ends: str) -> list[Pair]:
    return [pair for pair in space.pairs if pair.network == network and pair.back_end in back_ends]


def _told(contest: Contest, entry: OvertakeSpec) -> Iterator[Row]:
    if contest.design is None:
        yield {**_identity(contest), "verdict": "infeasible", "moved": "none", "reason": contest.refusal}
        return
    every = levers(contest.design.typical)
    alone = Curves(contest.design, contest.metric, tuple(Move((lever,)) for lever in every.values()))
    limits = alone.values(np.full(len(every), FREE_REACH), np.arange(len(every)))
    own = contest.design.at(contest.metric, "typical")
    ranked = [lever for _, lever in sorted(zip(limits, every.values(), strict=True), key=lambda item: item[0])]
    effects = {lever.path: 1 - limit / own for limit, lever in zip(limits, every.values(), strict=True)}
    moves = _moves(ranked, effects, entry.parameters)
    curves = Curves(contest.design, contest.metric, tuple(move for _, move in moves))
    yield from _judged(contest, curves, [kind for kind, _ in moves], own)


def _moves(ranked: Sequence[Lever], effects: Mapping[str, float], named: Sequence[str]) -> list[tuple[str, Move]]:
    """What is moved, and whether it is one lever, all of a kind (unless that is one lever, told already), two of the
    costliest, or all."""
    costly = [lever for lever in ranked if effects[lever.path] >= LEAST_EFFECT]
    singles = [lever for lever in ranked if lever.path in named or lever in costly[:TOP_LEVERS]]
    kinds: dict[str, list[Lever]] = {}
    spent = [lever for lever in ranked if effects[lever.path] > NO_EFFECT]
    for lever in spent:
        kinds.setdefault(lever.kind, []).append(lever)
    known = [(one,) for one in singles]
    groups = [tuple(some) for some in kinds.values() if any(one in costly for one in some)]
    return [
        *(("one", Move((lever,))) for lever in singles),
        *(("kind", Move(some)) for some in groups if some not in known),
        *(("pair", Move(two)) for two in combinations(costly[:PAIRED_LEVERS], 2)),
        *([("all", Move(tuple(spent)))] if spent else []),
    ]


def _judged(contest: Contest, curves: Curves, kinds: Sequence[str], own: float) -> Iterator[Row]:
    """A row a move; of the pairs only the one that needs the least, or, where none overtakes, reaches furthest."""
    rivals = [_rivals_at(contest, corner) for corner in CORNERS]
    limits, reaches = crossings(curves, own, rivals)
    corners, typical = curves.at_corners(), CORNERS.index("typical")
    pairs = [index for index, kind in enumerate(kinds) if kind == "pair"]
    told = min(pairs, key=lambda index: (-np.nan_to_num(reaches[index, typical]), limits[index]), default=None)
    for index, (kind, move) in enumerate(zip(kinds, curves.moves, strict=True)):
        if kind == "pair" and index != told:
            continue
        row = {**_identity(contest), "moved": kind, "rival_value": rivals[typical], "own_value": own}
        needed = [None if np.isnan(reach) else float(reach) for reach in reaches[index]]
        row |= {"evaluations_count": curves.evaluations_count, "best_reach": float(limits[index])}
        yield (
            row | _of_move(move) | _needed(move, needed) | _verdict(contest, row, move, needed[typical], corners[index])
        )


def _rivals_at(contest: Contest, corner: Corner) -> float:
    """The rival's metric at a corner; NaN, which nothing equals, where it cannot exist there."""
    rival = contest.rival
    return rival.at(contest.metric, corner) if rival.refusal(corner) is None else math.nan


def _identity(contest: Contest) -> Row:
    own, rival = contest.design, contest.rival
    return {
        "network": contest.network,
        "compression": None if own is None else own.compression,
        "metric": contest.metric,
        "back_end": contest.back_end,
        "family": contest.back_end.partition("/")[0],
        "rival": f"{rival.candidate.network} on {rival.candidate.back_end}, {rival.compression}",
        "equal_accuracy": contest.accuracy,
    }


def _of_move(move: Move) -> Row:
    """What is moved, with its proof: of several levers the weakest."""
    weakest = max(move.levers, key=lambda lever: WEAKNESS.index(lever.constant.basis))
    paths = tuple(lever.path for lever in move.levers)
    row: Row = {"kind": _kind(move), "parameters": " + ".join(paths) if len(paths) < 3 else f"{len(paths)} values"}
    row |= {"basis": weakest.constant.basis, "confidence": CONFIDENCE[weakest.constant.basis]}
    if len(move.levers) > 1:
        sources = sorted({lever.constant.source for lever in move.levers})
        return {**row, "unit": "of today's", "today": 1.0, "source": ", ".join(sources), "where": ", ".join(paths)}
    constant = weakest.constant
    ends = {"low": constant.low, "high": constant.high, "today": constant.value, "unit": weakest.unit}
    return {**row, **ends, "source": constant.source, "where": constant.where}


def _kind(move: Move) -> str:
    kinds = list(dict.fromkeys(lever.kind for lever in move.levers))
    return kinds[0] if len(kinds) == 1 else " + ".join(kinds) if len(kinds) == 2 else "all"


def _needed(move: Move, reaches: Sequence[float | None]) -> Row:
    """What each corner of the rival needs; the typical one's factor of improvement."""
    values = [None if reach is None else _value(move, reach) for reach in reaches]
    known = [value for value in values if value is not None]
    typical = reaches[CORNERS.index("typical")]
    return {
        "needed": values[CORNERS.index("typical")],
        "needed_low": min(known, default=None),
        "needed_high": max(known, default=None),
        "improvement_needed": None if typical is None else 1 / typical,
    }


def _value(move: Move, reach: float) -> float:
    return float(move.levers[0].at(reach)) if len(move.levers) == 1 else reach


def _verdict(contest: Contest, row: Row, move: Move, reach: float | None, at_corner: FloatArray) -> Row:
    own, rival = row["own_value"], row["rival_value"]
    if own <= rival:
        return {"verdict": "already", "reason": None if reach else "leads however much worse this becomes"}
    if row["best_reach"] > rival or reach is None:
        share = number(row["best_reach"] / rival)
        return {"verdict": "never_alone", "reason": f"at its limit still {share} times the rival's"}
    misfit = _misfit(contest, move, reach)
    if misfit is not None:
        return {"verdict": "infeasible", "reason": misfit}
    return {"verdict": "within_corner" if at_corner <= rival else "beyond_corner", "reason": _caution(contest, move)}


def _misfit(contest: Contest, move: Move, reach: float) -> str | None:
    """Why the design cannot exist with what is needed: a link that does not close, say."""
    if contest.design is None:
        return contest.refusal
    values = {lever.path: float(lever.at(reach)) for lever in move.levers}
    return contest.design.misfit(moved(contest.design.typical, values))


def _caution(contest: Contest, move: Move) -> str | None:
    """Values that the machine's errors read too: they were moved to the better."""
    design = contest.design
    paths = [lever.path for lever in move.levers if design is not None and is_plain(design.typical, lever.path)]
    light = [path for path in paths if path.endswith(("_db", "_cm", "_fraction", "_w"))]
    return f"the errors move with {', '.join(light)}, to the better" if light else None
