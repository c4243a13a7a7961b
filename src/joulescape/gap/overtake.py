"""What would have to be true: the constants at which a machine equals the best electronic design of equal accuracy.

Each constant that the study names is moved alone, from today's value to its limit (a cost to nothing, an efficiency to
all), and so are the machine's costliest ones, the costliest of each device quantity, all of one kind together, all
together by one common factor, and every two of the costliest; each time the design is priced again exactly. Where all
of them at their limits do not overtake, no two can: pairs are then not tried, and the row says so. The rival's corners
make an interval of what is needed: `needed_low` and `needed_high` are its ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from joulescape.gap import contests, overtake_findings, quantities, variation
from joulescape.gap.bills import Bill
from joulescape.gap.contests import Contest
from joulescape.gap.crossing import FREE_REACH, LEAST_EFFECT, Curves, Move, Prices, crossings
from joulescape.gap.in_words import number
from joulescape.gap.levers import Lever, is_plain, levers, moved
from joulescape.gap.priced import bills_of_study
from joulescape.gap.shared import in_shares, workers
from joulescape.gap.states import states
from joulescape.network.digest import digest
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import Study
from joulescape.simulators.base import WEAKNESS
from joulescape.spec.sourced import CORNERS
from joulescape.spec.study import OvertakeSpec

Row = dict[str, Any]

TOP_LEVERS = 3
"""So many of the costliest levers are told beside those that the study names."""
PAIRED_LEVERS = 5
"""Pairs are made of so many of the costliest."""
NO_EFFECT = 1e-9
"""Share below which a lever does nothing at all for the network, and is in no set."""

NO_PAIR = "not even all of them together do it, so that no pair was tried"

CONFIDENCE = {"measured": "high", "derived": "derived", "assumed": "low"}

FINDINGS = overtake_findings.FINDINGS


def rows(study: Study) -> Mapping[str, list[Row]]:
    """Rows of gap_tables.OVERTAKE, in the order of the study's machines."""
    entries, found = study.spec.overtake.machines, list[Row]()
    if "bridge" in study.spaces and entries:
        found += _of_bridge(study)
    if "measured" in study.spaces:
        for entry in entries:
            if entry.back_end in study.spaces["measured"].back_ends:
                found += _judged_all(contests.measured(study, entry), entry.parameters)
        found += variation.rows(study)
    order = {entry.back_end: place for place, entry in enumerate(entries)}
    return {"overtake": sorted([*found, *_absent(study, found)], key=lambda row: order[row["back_end"]])}


def _of_bridge(study: Study) -> list[Row]:
    """Every network by itself, shared among processes."""
    space, bills = study.spaces["bridge"], bills_of_study(study)
    asked = []
    for network in study.networks():
        own = tuple(one for one in bills if one.state.network == network)
        known = {one.state.back_end for one in own}
        machines = [
            (entry, contests.metrics_of(study, entry))
            for entry in study.spec.overtake.machines
            if entry.back_end in known and contests.networks_of(study, entry, (network,))
        ]
        asked.append((own, machines))
    return [row for some in in_shares(partial(_share, space), asked, workers()) for row in some]


_OfNetwork = tuple[tuple[Bill, ...], list[tuple[OvertakeSpec, tuple[str, ...]]]]
"""What one network costs, and the machines that are tried on it with the metrics."""


def _share(space: DesignSpace, asked: Sequence[_OfNetwork]) -> list[list[Row]]:
    return [
        [
            row
            for entry, metrics in machines
            for row in _judged_all(
                contests.priced(space, bills, [(entry.back_end, metric) for metric in metrics]), entry.parameters
            )
        ]
        for bills, machines in asked
    ]


def _judged_all(some: Iterable[Contest], named: Sequence[str]) -> Iterator[Row]:
    """Contests of one machine on one network: those of one design, in several metrics, price each machine once."""
    known: dict[str, Prices] = {}
    for contest in some:
        if contest.design is None:
            yield {**_identity(contest), "verdict": "infeasible", "moved": "none", "reason": contest.refusal}
            continue
        key = digest(contest.design.candidate.candidate_id, contest.design.variant)
        prices = known.setdefault(key, Prices(contest.design))
        yield from _told(replace(contest, design=prices.design), named, prices)


def _absent(study: Study, told: Sequence[Row]) -> Iterator[Row]:
    """Device quantities that a machine has not, said once, beside the first that is told of it."""
    bridge, measured = (study.spaces.get(role) for role in ("bridge", "measured"))
    for entry in study.spec.overtake.machines:
        first = next((row for row in told if row["back_end"] == entry.back_end), None)
        space = next((one for one in (measured, bridge) if one is not None and entry.back_end in one.back_ends), None)
        if first is None or space is None:
            continue
        pair = next(pair for pair in space.pairs if pair.back_end == entry.back_end)
        machine = space.machine(states(space, pair)[0].candidates[0])
        named = {name: first[name] for name in ("network", "metric", "back_end", "family")}
        is_measured = measured is not None and entry.back_end in measured.back_ends
        for row in quantities.absent(machine, list(levers(machine).values()), is_measured):
            yield {**named, **row}


def _told(contest: Contest, named: Sequence[str], prices: Prices) -> Iterator[Row]:
    design, metric = prices.design, contest.metric
    every, rivals = tuple(levers(design.typical).values()), [contest.rival_at(corner) for corner in CORNERS]
    alone = Curves(design, metric, (*(Move((lever,)) for lever in every), Move(every)), prices=prices)
    *limits, least = alone.values(np.full(len(alone.moves), FREE_REACH), np.arange(len(alone.moves)))
    own = design.at(metric, "typical")
    ranked = [lever for _, lever in sorted(zip(limits, every, strict=True), key=lambda item: item[0])]
    effects = {lever.path: 1 - limit / own for limit, lever in zip(limits, every, strict=True)}
    asked = {*named, *(lever.path for lever in quantities.costliest(design.typical, ranked).values())}
    can_win = bool(least <= np.nanmax(rivals))
    moves = _moves(ranked, effects, asked, PAIRED_LEVERS if can_win else 0)
    curves = Curves(design, metric, tuple(move for _, move in moves), alone.evaluations_count, prices)
    for row in _judged(contest, curves, [kind for kind, _ in moves], own, rivals):
        yield row if can_win or row["moved"] != "all" else {**row, "reason": f"{row['reason']}; {NO_PAIR}"}


def _moves(
    ranked: Sequence[Lever], effects: Mapping[str, float], named: Collection[str], paired: int = PAIRED_LEVERS
) -> list[tuple[str, Move]]:
    """What is moved, and whether it is one lever, all of a kind (unless that is one lever, told already), two of the
    `paired` costliest, or all."""
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
        *(("pair", Move(two)) for two in combinations(costly[:paired], 2)),
        *([("all", Move(tuple(spent)))] if spent else []),
    ]


def _judged(
    contest: Contest, curves: Curves, kinds: Sequence[str], own: float, rivals: Sequence[float]
) -> Iterator[Row]:
    """A row a move; of the pairs only the one that needs the least, or, where none overtakes, reaches furthest."""
    limits, reaches = crossings(curves, own, rivals)
    typical = CORNERS.index("typical")
    pairs = [index for index, kind in enumerate(kinds) if kind == "pair"]
    told = min(pairs, key=lambda index: (-np.nan_to_num(reaches[index, typical]), limits[index]), default=None)
    shown = [index for index, kind in enumerate(kinds) if kind != "pair" or index == told]
    overtakes = [index for index in shown if own > rivals[typical] and not np.isnan(reaches[index, typical])]
    corners = dict(zip(overtakes, curves.at_corners(overtakes), strict=True))
    count = {"evaluations_count": curves.evaluations_count}
    for index in shown:
        move = curves.moves[index]
        row = {**_identity(contest), "moved": kinds[index], "rival_value": rivals[typical], "own_value": own, **count}
        row |= {"best_reach": float(limits[index]), **_of_move(move)}
        needed = [None if np.isnan(reach) else float(reach) for reach in reaches[index]]
        verdict = _verdict(contest, row, move, needed[typical], corners.get(index))
        yield row | _needed(move, needed) | verdict


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
    quantity = quantities.quantity_of(paths[0]) if len(paths) == 1 else None
    told = " + ".join(paths) if len(paths) < 3 else f"{len(paths)} values"
    row: Row = {"kind": _kind(move), "quantity": quantity, "parameters": told}
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


def _verdict(contest: Contest, row: Row, move: Move, reach: float | None, at_corner: float | None) -> Row:
    """`at_corner` is the metric at the better ends of today's ranges, where that decides."""
    own, rival = row["own_value"], row["rival_value"]
    if own <= rival:
        return {"verdict": "already", "reason": None if reach else "leads however much worse this becomes"}
    if row["best_reach"] > rival or reach is None:
        told = f"at its limit still {number(row['best_reach'] / rival)} times the rival's"
        is_felt = 1 - row["best_reach"] / own > NO_EFFECT
        return {"verdict": "never_alone", "reason": told if is_felt else f"it takes nothing of this metric: {told}"}
    misfit = _misfit(contest, move, reach)
    if misfit is not None:
        return {"verdict": "infeasible", "reason": misfit}
    is_within = at_corner is not None and at_corner <= rival
    return {"verdict": "within_corner" if is_within else "beyond_corner", "reason": _caution(contest, move)}


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
